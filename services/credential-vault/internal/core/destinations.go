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
func confirmedOrigins(def *connectorv1.Definition, conn Connection, leads []Origin) ([]string, error) {
	strange := beyond(leads, conn.Origins)
	confirmed := beyond(leads, strange)
	if len(confirmed) == 0 {
		return nil, elsewhere(def, conn, strange[0])
	}
	return written(confirmed), nil
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
		return nil, elsewhere(def, conn, strange[0])
	}
	return leads, nil
}

// elsewhere is for a connection whose secrets or token would go where it did not lead
// when it was made. It says what its owner types who wants that.
func elsewhere(def *connectorv1.Definition, conn Connection, o Origin) error {
	made := make([]string, 0, len(conn.Origins))
	for _, before := range conn.Origins {
		made = append(made, before.String())
	}
	l, command := lendsOf(def, conn), []string{"ferrule connections update", conn.Name.ID, "--server-url", typed(apiAt(def, conn, o))}
	for _, name := range conn.SecretNames {
		if l.secret(name) {
			command = append(command, "--secret", typed(name+"=-"))
		}
	}
	return fault.Denied(fault.ReasonHostNotAllowed,
		"connection %q was made for %s, and its connector leads to %s now: what it was given, or the token of a sign-in, would go there. If its owner wants that, `%s` says so (or --revision ID, for all servers of that revision); else ask the maker of the connector",
		conn.Name.ID, strings.Join(made, " and "), o, strings.Join(command, " ")).
		With("host", o.short()).With("connection", conn.Name.String())
}

// typed returns a text as people type it in a shell. It is copied into one, and the
// maker of a connector has written it.
func typed(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:/=@%+,", r)
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
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

// bind decides to which origins the secrets of a changed connection are bound. Only an
// edit that moves the connection binds it to where it leads now, and has to bring every
// secret again that would go farther than before: whoever may change a connection need
// not know its secrets. Any other edit leaves them bound as they were, also if it brings
// new secrets: who exchanges a key does not look at what the connector has become.
func (v *Vault) bind(def *connectorv1.Definition, before Connection, after *Connection, e Edit) error {
	leads := after.Origins
	led, err := destinations(def, before.Parameters, before.ServerURL, v.cfg.AllowHosts)
	gained := beyond(led, before.Origins)
	switch {
	case before.PinnedRevision != after.PinnedRevision || before.ServerURL != after.ServerURL || err != nil:
	case slices.Equal(led, leads):
		after.Origins = before.Origins
		if brings(e.Secrets) && len(gained) == len(led) {
			return elsewhere(def, before, gained[0]) // what is sent could go nowhere
		}
		return nil
	case len(gained) > 0: // the connector has moved, too, and the edit does not say so
		return elsewhere(def, before, gained[0])
	}
	strange := beyond(leads, before.Origins)
	if len(strange) == 0 {
		return nil
	}
	lends, wrong := lendsOf(def, before), violations{}
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

// brings reports whether any secret gets a new value.
func brings(secrets map[string]secret.Text) bool {
	for _, value := range secrets {
		if !value.Empty() {
			return true
		}
	}
	return false
}
