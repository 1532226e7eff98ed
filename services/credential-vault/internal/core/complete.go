package core

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// CompleteAuthorization gives a connection its grant, once the provider has
// answered. Only who began the sign-in can do it, with the confirmation that the
// browser of the person was given. In a device flow, which has none, it asks the
// provider, and the answer is pending until the person is done.
func (v *Vault) CompleteAuthorization(ctx context.Context, caller Caller, name resource.Authorization, confirmation string) (Authorization, error) {
	return settled(name.Parent(), func() (Authorization, error) { return v.tryComplete(ctx, caller, name, confirmation) })
}

// tryComplete returns [ErrChanged] when somebody else was faster.
func (v *Vault) tryComplete(ctx context.Context, caller Caller, name resource.Authorization, confirmation string) (Authorization, error) {
	a, err := v.GetAuthorization(ctx, caller, name)
	switch {
	case err != nil || a.over():
		return a, err
	case a.Kind == oauth.DeviceCode:
		return v.poll(ctx, caller, a)
	case a.State != AuthorizationReceived:
		return a, nil
	}
	held, p, secrets, why := v.unchanged(ctx, a)
	if why != "" {
		return v.failed(ctx, a, why), nil
	}
	defer Credential{Secrets: secrets}.Clear()
	defer clearProfile(p)
	if err := v.confirm(ctx, held.Connection, &a, confirmation); err != nil || a.over() {
		return a, err
	}
	t, err := v.pendingToken(ctx, held.Connection, a)
	if err != nil {
		return Authorization{}, err
	}
	defer t.Clear()
	return v.accept(ctx, caller, a, held, p, t)
}

// confirm compares a confirmation, and counts those that are wrong.
func (v *Vault) confirm(ctx context.Context, conn Connection, a *Authorization, confirmation string) error {
	text := normalised(confirmation)
	if text == "" {
		return fault.Invalid(fault.ReasonInvalidArgument, "the confirmation is missing; the browser shows it when the person has signed in").
			Field("confirmation", "is required")
	}
	want, err := v.openSignIn(ctx, conn, *a, sealedConfirmation)
	if err != nil {
		return err
	}
	defer want.Clear()
	given := secret.FromString(text)
	defer given.Clear()
	if !want.Empty() && want.Equal(given) {
		return nil
	}
	a.Tries++
	if a.Tries >= maxTries {
		*a = v.failed(ctx, *a, fmt.Sprintf("%d wrong confirmations were tried; begin the sign-in again", maxTries))
		return nil
	}
	a.Change++
	if err := v.store.ReplaceAuthorization(ctx, *a); err != nil {
		return fmt.Errorf("count a wrong confirmation of %s: %w", a.Name, err)
	}
	return fault.Invalid(fault.ReasonAuthorizationFailed,
		"the confirmation is not the one that the browser was given; %d more tries are left", maxTries-a.Tries).
		Field("confirmation", "is wrong")
}

// normalised returns a confirmation without what people add to it. Characters
// that look alike are the same.
func normalised(confirmation string) string {
	return strings.NewReplacer(" ", "", "-", "", "\t", "", "\n", "", "\r", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(confirmation))
}

// pendingToken opens the token that waits for its confirmation.
func (v *Vault) pendingToken(ctx context.Context, conn Connection, a Authorization) (t oauth.Token, err error) {
	t = oauth.Token{Scopes: a.Scopes, ExpireTime: a.TokenExpireTime, RefreshExpireTime: a.RefreshExpireTime, Identity: a.Identity}
	if t.Access, err = v.openSignIn(ctx, conn, a, sealedPendingAccess); err != nil {
		return t, err
	}
	if t.Refresh, err = v.openSignIn(ctx, conn, a, sealedPendingRefresh); err != nil {
		t.Clear()
	}
	return t, err
}

// accept gives the connection the token, and ends the sign-in with it: both at
// once, or neither.
func (v *Vault) accept(ctx context.Context, caller Caller, a Authorization, held Held, p *oauth.Profile, t oauth.Token) (Authorization, error) {
	done := a
	done.Change++
	done.State, done.Secrets, done.Identity = AuthorizationSucceeded, nil, t.Identity
	_, err := v.acceptSignIn(ctx, caller, held.Connection, p, t, ActionAuthorized, &done)
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, ErrChanged) && a.Kind != oauth.DeviceCode:
		return Authorization{}, err // the token waits where it was
	case a.Kind == oauth.DeviceCode:
		return v.acceptAgain(ctx, caller, a, p, t, err)
	}
	return Authorization{}, fmt.Errorf("keep the grant of %s: %w", a.Name, err)
}

// acceptAgain is for a token that is nowhere else: a device code gives one only
// once. What cannot be kept is given back.
func (v *Vault) acceptAgain(ctx context.Context, caller Caller, a Authorization, p *oauth.Profile, t oauth.Token, why error) (Authorization, error) {
	done := a
	done.Change++
	done.State, done.Secrets, done.Identity = AuthorizationSucceeded, nil, t.Identity
	for range changeAttempts - 1 {
		var held Held
		if errors.Is(why, ErrChanged) {
			held, why = v.store.Held(ctx, a.Name.Parent())
		}
		if why != nil || held.Connection.UID != a.ConnectionUID || v.differs(ctx, a, held.Connection, p) != "" {
			break
		}
		if _, why = v.acceptSignIn(ctx, caller, held.Connection, p, t, ActionAuthorized, &done); why == nil {
			return done, nil
		}
	}
	v.giveBack(ctx, answer{profile: p, token: t})
	return v.failed(ctx, a, "the token could not be stored; begin the sign-in again"), nil //nolint:nilerr // the failure is in the answer
}

// unchanged returns the connection of a sign-in and its profile, or why the
// sign-in cannot go on. Whoever gets the secrets clears them.
func (v *Vault) unchanged(ctx context.Context, a Authorization) (Held, *oauth.Profile, []NamedSecret, string) {
	held, err := v.store.Held(ctx, a.Name.Parent())
	if err != nil || held.Connection.UID != a.ConnectionUID {
		return Held{}, nil, nil, "the connection has been deleted"
	}
	p, secrets, err := v.profileWith(ctx, held)
	if err != nil {
		return Held{}, nil, nil, "the sign-in cannot go on: " + fault.From(err).Message()
	}
	if why := v.differs(ctx, a, held.Connection, p); why != "" {
		Credential{Secrets: secrets}.Clear()
		clearProfile(p)
		return Held{}, nil, nil, why
	}
	return held, p, secrets, ""
}

// differs returns why a sign-in must not go on with what its connection, its connector
// and its client are now, "" if they are what they were when it began.
func (v *Vault) differs(ctx context.Context, a Authorization, conn Connection, p *oauth.Profile) string {
	def, err := v.definition(ctx, conn)
	if err != nil {
		return "the sign-in cannot go on: " + fault.From(err).Message()
	}
	leads, err := destinations(def, conn.Parameters, conn.ServerURL, v.cfg.AllowHosts)
	if err != nil {
		return "the sign-in cannot go on: " + fault.From(err).Message()
	}
	if what := differing(a.Profile, snapshot(conn, leads, p)); what != "" {
		return changedSince(what)
	}
	return ""
}

// failed ends a sign-in and gives back what it has brought. A store that fails
// leaves it to expire.
func (v *Vault) failed(ctx context.Context, a Authorization, reason string) Authorization {
	a.Change++
	a.fail(reason)
	if err := v.store.ReplaceAuthorization(ctx, a); err == nil {
		v.discard(ctx, a)
	}
	a.Secrets = nil
	return a
}
