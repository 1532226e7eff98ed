package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Whoever writes OAuth clients and publishes revisions decides which client a sign-in
// uses, and how its tokens come about. For a connection that there is already its owner
// does: its tokens would be those of somebody else's application, its refresh token
// would be refused and lost, a caller's own token would go along with another client's
// secret.

// agreed returns an error unless tokens come about as the owner of a connection has
// agreed to: by the same kind of sign-in and the same OAuth client, and those of callers
// in the same way. A new secret of the client, and whatever else its creator writes,
// leaves it the same one.
func agreed(conn Connection, p *oauth.Profile) error {
	switch {
	case conn.Kind != p.Grant:
		return disagrees(conn, "the tokens of connection %q came about by %q, and its connector or OAuth client says %q now; nothing was sent to the provider: if its owner wants that, %s, else ask the maker of the connector to publish a revision as before",
			conn.Name.ID, conn.Kind, p.Grant)
	case conn.Client != p.ClientUID:
		return disagrees(conn, "the OAuth client of connector %q is not the one that the owner of connection %q agreed to; nothing was sent to the provider: if its owner wants the present one, %s",
			conn.Connector.ID, conn.Name.ID)
	case p.Grant.PerCaller() && p.Strays != "":
		// Nobody has given these tokens for the client: not even its creator may say where
		// they go.
		return disagrees(conn, "the tokens of callers of connection %q would be sent in another way than its owner agreed to (%s); nothing was sent: if its owner wants that, %s, else ask the maker of the connector to publish a revision as before",
			conn.Name.ID, p.Strays)
	}
	return nil
}

// disagrees refuses a sign-in that is not as the owner of a connection agreed to. The
// last verb of the sentence stands for the command by which he does.
func disagrees(conn Connection, sentence string, args ...any) error {
	args = append(args, "`ferrule authorize "+conn.Name.ID+"` says so")
	return fault.Denied(fault.ReasonHostNotAllowed, sentence, args...).With("connection", conn.Name.String())
}

// strays returns in what a sign-in is not the one that the owner of the connection has
// agreed to, "" if it is. Where tokens are given back is [Vault.revocable]'s business.
func (in signIn) strays(conn Connection, stated, found *oauth.Profile) string {
	if o, ok := within(conn.TokenOrigins, unrevoked(stated), unrevoked(found)); !ok {
		return o
	}
	return differing(withoutRevocation(conn.Profile), withoutRevocation(in.outline))
}

// agree makes the present OAuth client and kind of sign-in those of a connection whose
// tokens need nobody to sign in: its owner has begun a sign-in instead. A token that it
// had in another way is not used any more. The connection is as it was if there is
// nothing to agree to.
func (v *Vault) agree(ctx context.Context, caller Caller, held Held, p *oauth.Profile) (Connection, error) {
	conn := held.Connection
	if agreed(conn, p) == nil {
		return conn, nil
	}
	after := conn
	after.Change++
	after.Edits++
	after.UpdateTime = v.clock.Now()
	after.Kind, after.Client = p.Grant, p.ClientUID
	after.TokenOrigins, after.Profile = tokenOrigins(p.Endpoints), p.Outline
	after.enter(StateConnected, "", after.UpdateTime)
	after.Refusals = Refusals{}
	w := Write{Connection: after, Audit: v.record(caller, ActionChanged, conn.Name, nil)}
	if held.Grant.Change > 0 {
		g := held.Grant.lost(conn.UID)
		g.Kind, g.Failures, g.Hopeless, g.Failure = "", 0, false, ""
		w.Grant = &g
	}
	if err := v.store.Replace(ctx, w); err != nil {
		return Connection{}, fmt.Errorf("store that the owner of %s agrees: %w", conn.Name, err)
	}
	return after, nil
}
