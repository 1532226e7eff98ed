package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

const (
	// deviceTime is the longest that a device flow is waited for; providers end
	// theirs sooner.
	deviceTime = 30 * time.Minute
	// leastPoll is the least time between two polls, also of a provider that asks
	// for none (RFC 8628, section 3.5).
	leastPoll = time.Second
	// slowDown is how much longer it gets when the provider says so.
	slowDown = 5 * time.Second
)

// poll asks the provider of a device flow whether the person is done, unless it
// was asked a moment ago, by whomever.
func (v *Vault) poll(ctx context.Context, caller Caller, a Authorization) (Authorization, error) {
	if now := v.clock.Now(); now.Before(a.PollTime) {
		return a, nil
	}
	// Nobody else asks while this call may be under way.
	a.PollTime = v.clock.Now().Add(interruptedAfter)
	a.Change++
	if err := v.store.ReplaceAuthorization(ctx, a); err != nil {
		return v.raced(ctx, caller, a, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptedAfter)
	defer cancel()
	held, p, secrets, why := v.unchanged(ctx, a)
	if why != "" {
		return v.failed(ctx, a, why), nil
	}
	defer Credential{Secrets: secrets}.Clear()
	defer clearProfile(p)
	code, err := v.openSignIn(ctx, held.Connection, a, sealedDevice)
	if err != nil {
		return Authorization{}, err
	}
	defer code.Clear()
	asked, end := context.WithTimeout(ctx, exchangeTime)
	defer end()
	t, err := v.tokens.PollDevice(asked, p, code)
	if err != nil {
		return v.polled(ctx, caller, a, err)
	}
	defer t.Clear()
	return v.accept(ctx, caller, a, held, p, t)
}

// polled keeps what a provider that gave no token said.
func (v *Vault) polled(ctx context.Context, caller Caller, a Authorization, err error) (Authorization, error) {
	switch verdictOf(err) {
	case oauth.Gone, oauth.Misconfigured:
		return v.failed(ctx, a, refusal(err)), nil
	case oauth.SlowDown:
		a.PollInterval += slowDown
	case oauth.Pending, oauth.Transient:
	}
	a.PollTime = v.clock.Now().Add(a.PollInterval)
	a.Change++
	if err := v.store.ReplaceAuthorization(ctx, a); err != nil {
		return v.raced(ctx, caller, a, err)
	}
	return a, nil
}

// raced returns the sign-in as somebody else has left it a moment ago.
func (v *Vault) raced(ctx context.Context, caller Caller, a Authorization, err error) (Authorization, error) {
	if !errors.Is(err, ErrChanged) {
		return Authorization{}, fmt.Errorf("store %s: %w", a.Name, err)
	}
	return v.GetAuthorization(ctx, caller, a.Name)
}

// refusal says in one sentence why a provider gave no token.
func refusal(err error) string {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e.Fault().Message()
	}
	return "the provider could not be asked for a token"
}
