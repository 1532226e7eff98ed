package core

import (
	"cmp"
	"context"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// destinations returns where a connection leads, sorted and without repetition:
// to its server URL if there is one, else to all servers of the connector. It is
// worked out anew for each use, so a host that a connector or an administrator
// no longer names is refused from then on. That it leads somewhere does not mean
// that secrets may go there: see [confirmedOrigins].
func destinations(def *connectorv1.Definition, parameters map[string]string, serverURL string, rules HostRules) ([]Origin, error) {
	origins := serverOrigins(def, parameters)
	if serverURL != "" {
		o, err := ParseOrigin(serverURL)
		if err != nil {
			return nil, invalidURL(err.Error())
		}
		if !slices.Contains(origins, o) && !rules.Allow(o.Host) {
			return nil, hostRefused(o)
		}
		return []Origin{o}, nil
	}
	if len(origins) == 0 {
		return nil, urlMissing()
	}
	slices.SortFunc(origins, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Scheme, b.Scheme))
	})
	return origins, nil
}

// urlMissing is for a connection without server URL to a connector without servers.
func urlMissing() error {
	return fault.Invalid(fault.ReasonConnectionParametersInvalid,
		"the connector names no server of its own, so the connection needs a server URL: give the one at which the API is reached").
		Field("connection.server_url", "is required: the connector names no server of its own")
}

// written returns sorted origins as people write them, each once.
func written(origins []Origin) []string {
	list := make([]string, 0, len(origins))
	for _, o := range origins {
		list = append(list, o.String())
	}
	return slices.Compact(list)
}

// beyond returns the origins that are not among the confirmed ones.
func beyond(origins, confirmed []Origin) []Origin {
	var strange []Origin
	for _, o := range origins {
		if !slices.Contains(confirmed, o) {
			strange = append(strange, o)
		}
	}
	return strange
}

// confirmedOrigins returns where the secrets of a connection may be sent: of the
// places to which it leads, those for which they were entrusted. Who publishes
// revisions decides where a connection leads, and must not get at secrets by that.
// The scheme is a part of it: what was entrusted to an encrypted connection does not
// go to the same host in clear.
func confirmedOrigins(conn Connection, leads []Origin) ([]string, error) {
	strange := beyond(leads, conn.Origins)
	confirmed := beyond(leads, strange)
	if len(confirmed) == 0 {
		return nil, unconfirmed(conn, strange[0])
	}
	return written(confirmed), nil
}

// unconfirmed is for a connection that leads only where its secrets may not go.
func unconfirmed(conn Connection, o Origin) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"connection %q leads to %s now, for which its secrets were not given: the owner confirms the new host by updating the connection with its secrets again (`ferrule connections update %s --server-url URL --secret NAME=-`), or asks the maker of the connector to publish the former host",
		conn.Name.ID, o, conn.Name.ID).
		With("host", o.short())
}

// consented returns where a connection leads, if its owner has said that its secrets
// and tokens may go there. A sign-in is no consent: whoever publishes revisions must not
// get at the token of somebody who signs in again.
func (v *Vault) consented(ctx context.Context, conn Connection) ([]Origin, error) {
	def, err := v.definition(ctx, conn)
	if err != nil {
		return nil, err
	}
	leads, err := destinations(def, conn.Parameters, conn.ServerURL, v.cfg.AllowHosts)
	if err != nil {
		return nil, err
	}
	if strange := beyond(leads, conn.Origins); len(strange) > 0 {
		return nil, elsewhere(conn, apiAt(def, conn, strange[0]), strange[0])
	}
	return leads, nil
}

// elsewhere is for a sign-in whose token would go where the connection did not lead
// when it was made.
func elsewhere(conn Connection, url string, o Origin) error {
	made := make([]string, 0, len(conn.Origins))
	for _, before := range conn.Origins {
		made = append(made, before.String())
	}
	return fault.Denied(fault.ReasonHostNotAllowed,
		"connection %q was made for %s, and its connector leads to %s now: the token of a sign-in would go there. If its owner wants that, `ferrule connections update %s --server-url %s` says so (or --revision ID, for all servers of that revision); else ask the maker of the connector",
		conn.Name.ID, strings.Join(made, " and "), o, conn.Name.ID, url).
		With("host", o.short()).With("connection", conn.Name.String())
}

// apiAt returns the address of the API at an origin to which a connection leads.
func apiAt(def *connectorv1.Definition, conn Connection, o Origin) string {
	for server := range serversOf(def) {
		authority, ok := address(server, conn.Parameters)
		if at, err := ParseOrigin(authority); ok && err == nil && at == o {
			return authority + pathOf(server, conn.Parameters)
		}
	}
	return o.String()
}

// bind decides to which origins the secrets of a changed connection are bound.
// An edit that moves the connection or brings new secrets binds it to where it
// leads now, and has to bring every secret again that would go farther than
// before: whoever may change a connection need not know its secrets. Any other
// edit leaves them bound as they were. Where somebody signs in, only an edit that
// moves the connection binds it, since what is sent may be for the provider alone; and
// where the connector has moved, too, the edit has to say so.
func (v *Vault) bind(def *connectorv1.Definition, before Connection, after *Connection, e Edit) error {
	leads := after.Origins
	lends := lendsOf(def, before)
	if moves := v.moves(def, before, *after); !moves && (lends.oauth != "" || !brings(e.Secrets)) {
		after.Origins = before.Origins
		return nil
	}
	if lends.oauth != "" && before.PinnedRevision == after.PinnedRevision && before.ServerURL == after.ServerURL {
		led, err := destinations(def, before.Parameters, before.ServerURL, v.cfg.AllowHosts)
		if strange := beyond(led, before.Origins); err == nil && len(strange) > 0 {
			return elsewhere(before, apiAt(def, before, strange[0]), strange[0])
		}
	}
	strange := beyond(leads, before.Origins)
	if len(strange) == 0 {
		return nil
	}
	wrong := violations{}
	for _, name := range before.SecretNames {
		if !lends.secret(name) {
			continue // it never goes to the API
		}
		if _, sent := e.Secrets[name]; !sent {
			wrong.add(secretPath(name), "must be sent again: the connection would lead to "+strange[0].String()+", for which it was not given")
		}
	}
	return wrong.describe("connection %q would lead to %s, for which its secrets were not given; send all of them again in the same update", before.Name.ID, strange[0])
}

// moves reports whether an edit, and not the connector, makes a connection lead
// elsewhere. Where it led is judged by the definition that holds now; another
// pinned revision always counts.
func (v *Vault) moves(def *connectorv1.Definition, before, after Connection) bool {
	if before.PinnedRevision != after.PinnedRevision {
		return true
	}
	led, err := destinations(def, before.Parameters, before.ServerURL, v.cfg.AllowHosts)
	return err != nil || !slices.Equal(led, after.Origins)
}

// brings reports whether any secret gets a new value.
func brings(secrets map[string]secret.Text) bool {
	for _, value := range secrets {
		if !value.Empty() {
			return true
		}
	}
	return false
}
