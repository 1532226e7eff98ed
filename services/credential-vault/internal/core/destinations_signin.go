package core

import (
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// bindSignIn decides to which origins the secrets for the sign-in of a changed
// connection are bound, by the same rule as [Vault.bind]: an edit that points the
// sign-in elsewhere has to bring all of them again, and what the connector's
// maker has changed binds nothing anew.
func (f fitted) bindSignIn(before Connection, after *Connection, sent map[string]secret.Text) error {
	if f.grant == "" {
		return nil
	}
	if !f.reworks(before, *after) && !f.bringsSignIn(sent) {
		after.TokenOrigins, after.Profile = before.TokenOrigins, before.Profile
		after.Kind, after.Client = before.Kind, before.Client
		return nil
	}
	if after.Client != "" && before.Client != "" {
		after.Client = before.Client // to another one its owner agrees by signing in
	}
	strange := slices.DeleteFunc(slices.Clone(after.TokenOrigins), func(o string) bool { return allows(before.TokenOrigins, o) })
	where := ""
	if what := differing(before.Profile, after.Profile); what != "" {
		where = "go about in another way (" + what + ")"
	}
	if len(strange) > 0 {
		where = "lead to " + strange[0]
	}
	if where == "" {
		return nil
	}
	wrong := violations{}
	for _, name := range before.SecretNames {
		if _, again := sent[name]; !again && usedBySignIn(f.set, name) {
			wrong.add(secretPath(name), "must be sent again: the sign-in would "+where+", for which it was not given")
		}
	}
	return wrong.describe("the sign-in of connection %q would %s, for which its secrets were not given; send all of them again in the same update",
		before.Name.ID, where)
}

// reworks reports whether an edit makes the sign-in another one, but for its
// secrets.
func (f fitted) reworks(before, after Connection) bool {
	if before.PinnedRevision != after.PinnedRevision || before.ServerURL != after.ServerURL {
		return true
	}
	for _, values := range []map[string]string{before.Parameters, after.Parameters} {
		for name := range values {
			if before.Parameters[name] != after.Parameters[name] && usedBySignIn(f.set, name) {
				return true
			}
		}
	}
	return false
}

// bringsSignIn reports whether any secret of the sign-in is sent.
func (f fitted) bringsSignIn(sent map[string]secret.Text) bool {
	for name := range sent {
		if usedBySignIn(f.set, name) {
			return true
		}
	}
	return false
}

// resigns reports whether the grant that a connection has does not serve any
// more: it belongs to another sign-in, or would go farther than it was given for.
func (f fitted) resigns(before, after Connection) bool {
	return f.reworks(before, after) || f.bringsSignIn(f.secrets) || len(beyond(after.Origins, before.Origins)) > 0
}

// lost returns what the grant of a connection becomes when its token is taken
// away. A renewal under way cannot bring it back.
func (g Grant) lost(uid string) Grant {
	g.lose()
	g.UID, g.Attempt = uid, Attempt{}
	g.Version++
	g.Change++
	return g
}
