package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// revokeTime bounds a call that gives tokens back: nobody waits for a provider to
// get rid of a connection.
const revokeTime = 10 * time.Second

// RevokeAuthorization gives the grant of a connection back to the provider where
// that is possible, and destroys it. The connection then waits for a sign-in.
// What the provider does about it changes nothing here.
func (v *Vault) RevokeAuthorization(ctx context.Context, caller Caller, name resource.Connection) (Connection, error) {
	return settled(name, func() (Connection, error) {
		held, err := v.store.Held(ctx, name)
		if err := v.found(ctx, name, err); err != nil {
			return Connection{}, err
		}
		if err := mayChange(caller, held.Connection, ""); err != nil {
			return Connection{}, err
		}
		if held.Grant.UID != held.Connection.UID || held.Grant.Change == 0 {
			return Connection{}, noSignIn(held.Connection, "it has no grant")
		}
		if len(held.Grant.Access) == 0 {
			return held.Connection, nil
		}
		host, why := v.revoke(ctx, held)
		record := v.record(caller, ActionRevoked, name, nil)
		record.Host, record.NotRevokedReason = host, notRevoked(why)
		return v.dropGrant(ctx, held, revokedReason(held.Connection, host, why), record)
	})
}

// errNoRevocation is why a provider is not told that a grant has ended.
var errNoRevocation = errors.New("no revocation endpoint of the provider is known")

// revokedReason says what has become of a grant that host got back, or nobody if it
// is empty, which why explains.
func revokedReason(conn Connection, host string, why error) string {
	next := awaitsSignIn
	if conn.unattended() {
		next = "it gets no other one until its owner runs `ferrule authorize " + conn.Name.ID + "`"
	}
	switch {
	case host != "":
		return "its grant was revoked at " + host + "; " + next
	case errors.Is(why, oauth.ErrNothingToRevoke):
		return "its grant was destroyed here; " + oauth.ErrNothingToRevoke.Error() + "; " + next
	case errors.Is(why, errNoRevocation):
		return "its grant was destroyed here, and " + errNoRevocation.Error() + ": withdraw the permission there; " + next
	}
	return "its grant was destroyed here, but was not revoked at the provider (" + fault.From(why).Message() + "): withdraw the permission there; " + next
}

// maxNotRevoked bounds the reason in an audit record, in bytes.
const maxNotRevoked = 400

// notRevoked is what an audit record says about a grant that was not revoked; empty for
// nil. A connection that is gone cannot be asked any more.
func notRevoked(why error) string {
	if why == nil {
		return ""
	}
	text := fault.From(why).Message()
	for _, known := range []error{errNoRevocation, oauth.ErrNothingToRevoke} {
		if errors.Is(why, known) {
			text = known.Error()
		}
	}
	if len(text) > maxNotRevoked {
		text = strings.ToValidUTF8(text[:maxNotRevoked], "") + "…"
	}
	return text
}

// revoke gives the token of a connection back, and returns the host that got it,
// or why none did. Failures are logged: the token is destroyed all the same.
func (v *Vault) revoke(ctx context.Context, held Held) (string, error) {
	if len(held.Grant.Access) == 0 || held.Grant.UID != held.Connection.UID {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	host, err := v.tryRevoke(ctx, held)
	if err != nil && !errors.Is(err, errNoRevocation) && !errors.Is(err, oauth.ErrNothingToRevoke) {
		v.log.WarnContext(ctx, "a grant was not revoked at its provider", "connection", held.Connection.Name.String(), "error", err)
	}
	return host, err
}

// revokeLost gives back the token that a connection had before an edit that lost
// it, and leaves a record if a provider got it. The edit stands whatever comes of
// that.
func (v *Vault) revokeLost(ctx context.Context, caller Caller, before Held) {
	host, _ := v.revoke(ctx, before)
	if host == "" {
		return
	}
	record := v.record(caller, ActionRevoked, before.Connection.Name, nil)
	record.Host = host
	v.keepRecord(ctx, *record)
}

func (v *Vault) tryRevoke(ctx context.Context, held Held) (string, error) {
	p, secrets, err := v.profileWith(ctx, held)
	if err != nil {
		return "", err
	}
	defer Credential{Secrets: secrets}.Clear()
	defer clearProfile(p)
	if p.Endpoints.Revocation == "" {
		return "", errNoRevocation
	}
	if err := agreed(held.Connection, p); err != nil {
		return "", err
	}
	origin, ok := endpointOrigin(p.Endpoints.Revocation)
	if !ok || !slices.Contains(held.Grant.TokenOrigins, origin) || !revokedAlike(held.Grant.RefreshedBy, p.RefreshedBy) {
		return "", notAgreedRevocation(held.Connection, origin)
	}
	t, err := v.revocableToken(ctx, held, p)
	if err != nil {
		return "", err
	}
	defer t.Clear()
	if err := v.tokens.Revoke(ctx, p, t); err != nil {
		return "", fmt.Errorf("revoke the grant of %s: %w", held.Connection.Name, err)
	}
	return hostOf(origin), nil
}

// revocableToken returns what is given back. Where the provider wants the access token,
// and it has ended, that is a new one: with the old one it would find nothing, and the
// refresh token would go on.
func (v *Vault) revocableToken(ctx context.Context, held Held, p *oauth.Profile) (t oauth.Token, err error) {
	g := held.Grant
	if p.Revocation.Token == "access" && len(g.Refresh) > 0 && g.endsWithin(tooShort, v.clock.Now()) {
		if t, err = v.refresh(ctx, held, p); err != nil {
			why := strings.TrimSuffix(fault.From(err).Message(), "; try again later")
			return t, fault.Precondition(fault.ReasonProviderRefused, "it takes access tokens back, this one has ended, and there was no new one: %s", why).Because(err)
		}
		t.Identity = cmp.Or(t.Identity, g.Identity)
		return t, nil
	}
	t.Identity = g.Identity
	if t.Access, err = v.openAccess(ctx, held.Connection, g); err != nil {
		return t, err
	}
	if t.Refresh, err = v.openRefresh(ctx, held.Connection, g); err != nil {
		t.Clear()
	}
	return t, err
}

// notAgreedRevocation is for a revocation endpoint that was not known, or another one,
// when the grant was given.
func notAgreedRevocation(conn Connection, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"tokens are given back at %s now, which the sign-in of connection %q did not agree to; nothing was sent there", cmp.Or(origin, "an unknown place"), conn.Name.ID).
		With("host", origin).With("connection", conn.Name.String())
}

// hostOf returns the "host:port" of an endpoint or an origin; empty if it is none.
func hostOf(endpoint string) string {
	origin, ok := endpointOrigin(endpoint)
	if !ok {
		return ""
	}
	o, err := ParseOrigin(origin)
	if err != nil {
		return ""
	}
	return o.Host
}

// discard gives back what a sign-in has brought and nobody has confirmed, and
// forgets it. It is tried once: the token ends by itself.
func (v *Vault) discard(ctx context.Context, a Authorization) {
	if len(a.Secrets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	if err := v.tryDiscard(ctx, a); err != nil {
		v.log.WarnContext(ctx, "the token of a sign-in that failed was not revoked", "authorization", a.Name.String(), "error", err)
	}
	a.Secrets = nil
	a.Change++
	if err := v.store.ReplaceAuthorization(ctx, a); err != nil && !errors.Is(err, ErrChanged) {
		v.log.WarnContext(ctx, "the token of a sign-in that failed is still stored, encrypted", "authorization", a.Name.String(), "error", err)
	}
}

func (v *Vault) tryDiscard(ctx context.Context, a Authorization) error {
	held, p, secrets, why := v.unchanged(ctx, a)
	if why != "" {
		return errors.New(why)
	}
	defer Credential{Secrets: secrets}.Clear()
	defer clearProfile(p)
	t, err := v.pendingToken(ctx, held.Connection, a)
	if err != nil {
		return err
	}
	defer t.Clear()
	if err := v.tokens.Revoke(ctx, p, t); !errors.Is(err, oauth.ErrNothingToRevoke) {
		return err //nolint:wrapcheck // what the provider says
	}
	return nil
}

// discardAll gives back, all at once, what the sign-ins of a connection have brought
// that is about to be deleted. There are at most maxSignIns of them.
func (v *Vault) discardAll(ctx context.Context, name resource.Connection) {
	all, err := v.store.Authorizations(ctx, name)
	if err != nil {
		v.log.WarnContext(ctx, "the sign-ins of a connection cannot be read", "connection", name.String(), "error", err)
	}
	var under sync.WaitGroup
	for _, a := range all {
		if a.State == AuthorizationReceived && a.Kind == oauth.AuthorizationCode {
			under.Go(func() { v.failed(ctx, a, "the connection has been deleted") })
		}
	}
	under.Wait()
}
