package core

import (
	"cmp"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// destinations returns where a connection leads, sorted and without repetition:
// to its server URL if there is one, else to all servers of the connector. It is
// worked out anew for each use, so a host that a connector or an administrator
// no longer names is refused from then on. That it leads somewhere does not mean
// that secrets may go there: see [confirmedHosts].
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

// hostsOf returns the hosts of sorted origins, each once.
func hostsOf(origins []Origin) []string {
	hosts := make([]string, 0, len(origins))
	for _, o := range origins {
		hosts = append(hosts, o.Host)
	}
	return slices.Compact(hosts)
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

// confirmedHosts returns the hosts that the secrets of a connection may be sent
// to: of those to which it leads, the ones for which they were entrusted. Who
// publishes revisions decides where a connection leads, and must not get at
// secrets by that. A host that is also reached in another way, such as without
// encryption, is left out: hosts are lent without their scheme.
func confirmedHosts(conn Connection, leads []Origin) ([]string, error) {
	strange := beyond(leads, conn.Origins)
	hosts := slices.DeleteFunc(hostsOf(leads), func(host string) bool {
		return slices.ContainsFunc(strange, func(o Origin) bool { return o.Host == host })
	})
	if len(hosts) == 0 {
		return nil, unconfirmed(conn, strange[0])
	}
	return hosts, nil
}

// unconfirmed is for a connection that leads only where its secrets may not go.
func unconfirmed(conn Connection, o Origin) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"connection %q leads to %s now, for which its secrets were not given: the owner confirms the new host by updating the connection with its secrets again, or asks the maker of the connector to publish the former host",
		conn.Name.ID, o).
		With("host", o.short())
}

// bind decides to which origins the secrets of a changed connection are bound.
// An edit that moves the connection or brings new secrets binds it to where it
// leads now, and has to bring every secret again that would go farther than
// before: whoever may change a connection need not know its secrets. Any other
// edit leaves them bound as they were.
func (v *Vault) bind(def *connectorv1.Definition, before Connection, after *Connection, e Edit) error {
	leads := after.Origins
	if !v.moves(def, before, *after) && !brings(e.Secrets) {
		after.Origins = before.Origins
		return nil
	}
	strange := beyond(leads, before.Origins)
	if len(strange) == 0 {
		return nil
	}
	wrong := violations{}
	lends := lendsOf(def, before)
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
