package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// acceptGrant gives a connection the token that a sign-in has brought: it is
// connected from now on, and its tokens go where the connection may, which a sign-in
// does not change. The token stays the caller's, who clears it. It returns [ErrChanged] when somebody else has
// changed the connection since it was read.
func (v *Vault) acceptGrant(ctx context.Context, caller Caller, conn Connection, p *oauth.Profile, t oauth.Token, how AuditAction) (Connection, error) {
	return v.acceptSignIn(ctx, caller, conn, p, t, how, nil)
}

// acceptSignIn is acceptGrant for a sign-in, which is stored with the grant: both
// or neither. It also returns [ErrChanged] if that has been changed.
func (v *Vault) acceptSignIn(ctx context.Context, caller Caller, conn Connection, p *oauth.Profile, t oauth.Token, how AuditAction, signIn *Authorization) (Connection, error) {
	held, err := v.heldAs(ctx, conn)
	if err != nil {
		return Connection{}, err
	}
	now := v.clock.Now()
	after := conn
	after.Change++
	after.Edits++
	after.UpdateTime = now
	def, err := v.definition(ctx, conn)
	if err != nil {
		return Connection{}, err
	}
	after.enter(StateConnected, "", now)
	after.Kind, after.Client = p.Grant, p.ClientUID
	sealed, err := v.sealToken(ctx, conn, t)
	if err != nil {
		return Connection{}, err
	}
	g := held.Grant
	g.lose()
	g.Identity, g.Rejections = "", 0
	g.take(p, t, sealed, now)
	g.UID, g.Edits, g.UseTime = conn.UID, after.Edits, now
	g.TokenOrigins, g.Origins = providerOrigins(p), after.Origins
	g.Change++
	g.schedule(now)
	err = v.writeGrant(ctx, GrantWrite{
		Of: conn, Becomes: &after, Grant: g, SignIn: signIn, Notice: NoticeAuthorized,
		Audit: v.record(caller, how, conn.Name, []string{lendsOf(def, conn).oauth}),
	})
	if err != nil {
		return Connection{}, fmt.Errorf("store the grant of %s: %w", conn.Name, err)
	}
	return after.WithGrant(g), nil
}

// dropGrant takes a connection's token away, and says why: it waits for a sign-in
// from then on. It returns [ErrChanged] like acceptGrant. A connection that has
// no token only changes its state. record is recorded with it. It is also [ErrChanged]
// if the token is another one than before, which nobody has given back then.
func (v *Vault) dropGrant(ctx context.Context, before Held, why string, record *AuditRecord) (Connection, error) {
	conn := before.Connection
	held, err := v.heldAs(ctx, conn)
	if err != nil {
		return Connection{}, err
	}
	if held.Grant.Version != before.Grant.Version {
		return Connection{}, fmt.Errorf("remove the grant of %s: %w", conn.Name, ErrChanged)
	}
	now := v.clock.Now()
	after := conn
	after.Change++
	after.Edits++
	after.UpdateTime = now
	after.enter(StateNeedsAuthorization, why, now)
	g := held.Grant
	g.lose()
	g.UID, g.Attempt = conn.UID, Attempt{}
	g.Version++ // a renewal under way must not bring it back
	g.Change++
	err = v.writeGrant(ctx, GrantWrite{
		Of: conn, Becomes: &after, Grant: g, Notice: NoticeNeedsAuthorization, Audit: record,
	})
	if err != nil {
		return Connection{}, fmt.Errorf("remove the grant of %s: %w", conn.Name, err)
	}
	return after.WithGrant(g), nil
}

// openGrant returns the grant of a connection and its token in clear, which
// whoever gets it clears. Without a token both of its parts are empty.
func (v *Vault) openGrant(ctx context.Context, conn Connection) (Grant, oauth.Token, error) {
	held, err := v.heldAs(ctx, conn)
	if err != nil {
		return Grant{}, oauth.Token{}, err
	}
	g := held.Grant
	t := oauth.Token{
		Scopes: g.Scopes, ExpireTime: g.ExpireTime, RefreshExpireTime: g.RefreshExpireTime, Identity: g.Identity,
	}
	if t.Access, err = v.openAccess(ctx, held.Connection, g); err != nil {
		return Grant{}, oauth.Token{}, err
	}
	if t.Refresh, err = v.openRefresh(ctx, held.Connection, g); err != nil {
		t.Clear()
		return Grant{}, oauth.Token{}, err
	}
	return g, t, nil
}

// heldAs reads what belongs to a connection that was read before. It returns
// [ErrChanged] if that one is gone.
func (v *Vault) heldAs(ctx context.Context, conn Connection) (Held, error) {
	held, err := v.store.Held(ctx, conn.Name)
	if err != nil {
		return Held{}, fmt.Errorf("read the grant of %s: %w", conn.Name, err)
	}
	if held.Connection.UID != conn.UID {
		return Held{}, fmt.Errorf("read the grant of %s: %w", conn.Name, ErrChanged)
	}
	return held, nil
}

// WithGrant returns the connection with what people are told about its grant,
// which is no part of its own record.
func (c Connection) WithGrant(g Grant) Connection {
	if g.UID != c.UID {
		g = Grant{}
	}
	c.Identity, c.GrantedScopes, c.TokenExpireTime = g.Identity, g.Scopes, g.ExpireTime
	return c
}

// obtain gets a token for a connection that needs nobody to sign in, whether or
// not it has one, and returns the connection with it.
func (v *Vault) obtain(ctx context.Context, conn Connection) (Connection, error) {
	held, err := v.heldAs(ctx, conn)
	if err != nil {
		return Connection{}, err
	}
	f, err := v.renewal(ctx, held, urgencyPerson)
	if err != nil {
		return Connection{}, err
	}
	if held, err = f.wait(ctx); err != nil {
		return Connection{}, err
	}
	return held.Connection.WithGrant(held.Grant), nil
}
