package core

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Callback is what the redirect of a provider brought (RFC 6749, section 4.1.2).
type Callback struct {
	// State went out with the sign-in.
	State string
	// Code is the authorization code. It stays the caller's, who clears it.
	Code secret.Text
	// Error and Description are why there is no code.
	Error, Description string
	// Issuer is who answers (RFC 9207); empty if the provider does not say.
	Issuer string
	// Path is what the path to which the browser came has behind the part that all
	// callbacks have in common, as it was sent.
	Path string
}

// Received is what the browser is shown.
type Received struct {
	// ReturnURL is where it goes, with everything in it; empty to show the rest.
	ReturnURL string
	// Confirmation is what completes the sign-in; empty if it failed.
	Confirmation string
	// Reason is why it failed, one sentence; empty if it did not.
	Reason string
	// ConnectionID is the id of the connection, Principal who began it; both empty
	// if the sign-in is unknown.
	ConnectionID, Principal string
	// APIOrigins are where the token may be used.
	APIOrigins []Origin
}

const (
	// unknownSignIn is for states that are made up, or whose sign-in is forgotten.
	unknownSignIn = "this sign-in is unknown or has expired; begin it again"
	// strayCallback is for browsers that come to the redirect URL of another sign-in.
	strayCallback = "this answer came to the redirect URL of another sign-in, and was not used; begin the sign-in again"
	// usedSignIn is for a state that comes a second time, as browsers send it when a
	// page is loaded again.
	usedSignIn = "this sign-in link has been used already; go back to where you began, or begin again"
	// maxReason is the greatest length of a provider's words in bytes.
	maxReason = 300
)

// ReceiveAuthorization takes what a provider's redirect brought. The code is
// exchanged at once, but the connection gets its grant only when who began the
// sign-in confirms it: the person in front of the browser may be somebody else.
// Only the gateway may call it; everything that is wrong with the callback itself
// is in the result.
func (v *Vault) ReceiveAuthorization(ctx context.Context, caller Caller, c Callback) (Received, error) {
	if v.cfg.Gateway == "" || caller.Service != v.cfg.Gateway {
		return Received{}, fault.Denied(fault.ReasonServiceOnly, "this method is internal; only the gateway may call it")
	}
	a, why, err := v.takeUp(ctx, c)
	if err != nil {
		return Received{}, err
	}
	if why != "" {
		return shown(a, why, ""), nil
	}
	// Whatever becomes of the browser: a code that is not exchanged now is lost.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptedAfter)
	defer cancel()
	held, p, secrets, why := v.unchanged(ctx, a)
	if why != "" {
		return shown(v.failed(ctx, a, why), why, ""), nil
	}
	defer Credential{Secrets: secrets}.Clear()
	defer clearProfile(p)
	if why := cmp.Or(judgeExchange(a, p), judgeCallback(c, p, a.IssuerNamed)); why != "" {
		return shown(v.failed(ctx, a, why), why, ""), nil
	}
	t, why := v.swapCode(ctx, held.Connection, a, p, c)
	if why != "" {
		return shown(v.failed(ctx, a, why), why, ""), nil
	}
	defer t.Clear()
	a, confirmation, why := v.keep(ctx, held.Connection, a, p, t)
	return shown(a, why, confirmation), nil
}

// takeUp finds the sign-in of a state and marks it as used, so that nobody else
// exchanges its code. The second result is why that cannot be done. A browser that
// comes to another path than that of the sign-in leaves it as it is: its code belongs
// to somebody else's sign-in (RFC 9700, section 4.4).
func (v *Vault) takeUp(ctx context.Context, c Callback) (Authorization, string, error) {
	for range changeAttempts {
		a, err := v.store.AuthorizationByState(ctx, hashOf(c.State))
		switch {
		case errors.Is(err, ErrNotFound):
			return Authorization{}, unknownSignIn, nil
		case err != nil:
			return Authorization{}, "", fmt.Errorf("look for a sign-in: %w", err)
		case a.Callback == "" || a.Callback != c.Path:
			return Authorization{}, strayCallback, nil
		}
		if a.State == AuthorizationSucceeded || a.State == AuthorizationReceived || a.claimed() {
			return a.forgetReturn(), usedSignIn, nil
		}
		if why := cmp.Or(a.Reason, a.overdue(v.clock.Now())); why != "" {
			return a.forgetReturn(), why, nil
		}
		a.ClaimTime = v.clock.Now()
		a.Change++
		if err = v.store.ReplaceAuthorization(ctx, a); err == nil {
			return a, "", nil
		}
		if !errors.Is(err, ErrChanged) {
			return Authorization{}, "", fmt.Errorf("take up %s: %w", a.Name, err)
		}
	}
	return Authorization{}, unknownSignIn, nil
}

// forgetReturn returns the sign-in without its return URL: a browser that comes
// a second time stays where it is.
func (a Authorization) forgetReturn() Authorization {
	a.ReturnURL = ""
	return a
}

// judgeCallback returns why a callback brings no grant, "" if it does.
func judgeCallback(c Callback, p *oauth.Profile, issuerNamed bool) string {
	switch {
	case c.Issuer == "" && (issuerNamed || p.IssuerNamed):
		return "the answer does not say which authorization server it comes from, as this one's answers do (RFC 9207); nothing was given to it, begin the sign-in again"
	case c.Issuer != "" && p.Issuer != "" && !p.AnsweredBy(c.Issuer):
		return "the answer came from another authorization server than the one that was asked; nothing was given to it"
	case c.Error == "access_denied":
		return "access was denied at the provider" + words(c.Description)
	case c.Error != "":
		return "the provider refused the sign-in" + words(strings.TrimSuffix(c.Error+": "+c.Description, ": "))
	case c.Code.Empty():
		return "the provider sent neither a code nor an error"
	}
	return ""
}

// words returns a stranger's words in brackets, cleaned and cut.
func words(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return " (" + text + ")"
}

// swapCode exchanges the code. The second result is why that failed.
func (v *Vault) swapCode(ctx context.Context, conn Connection, a Authorization, p *oauth.Profile, c Callback) (oauth.Token, string) {
	verifier, err := v.openSignIn(ctx, conn, a, sealedVerifier)
	if err != nil {
		return oauth.Token{}, "what the vault keeps of the sign-in cannot be read; begin it again"
	}
	defer verifier.Clear()
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	t, err := v.tokens.Exchange(ctx, p, c.Code, oauth.Attempt{
		State: c.State, Verifier: verifier, Nonce: nonceOf(c.State), ExtraScopes: a.ExtraScopes,
	})
	if err != nil {
		return oauth.Token{}, refusal(err)
	}
	return t, ""
}

// keep stores a token until the sign-in is confirmed, and returns the
// confirmation. What cannot be kept is given back.
func (v *Vault) keep(ctx context.Context, conn Connection, a Authorization, p *oauth.Profile, t oauth.Token) (Authorization, string, string) {
	raw, display := newConfirmation()
	confirmation := secret.FromString(raw)
	defer confirmation.Clear()
	kept := a
	kept.Change++
	kept.State, kept.Secrets = AuthorizationReceived, nil
	kept.Scopes, kept.TokenExpireTime, kept.RefreshExpireTime, kept.Identity = t.Scopes, t.ExpireTime, t.RefreshExpireTime, t.Identity
	var err error
	for _, part := range []struct {
		name  string
		value secret.Text
	}{{sealedConfirmation, confirmation}, {sealedPendingAccess, t.Access}, {sealedPendingRefresh, t.Refresh}} {
		if kept.Secrets, err = v.sealPart(ctx, conn, kept, kept.Secrets, part.name, part.value); err != nil {
			break
		}
	}
	if err == nil {
		err = v.store.ReplaceAuthorization(ctx, kept)
	}
	if err == nil {
		return kept, display, ""
	}
	v.giveBack(ctx, answer{profile: p, token: t})
	why := "the token could not be stored, and was given back; begin the sign-in again"
	if errors.Is(err, ErrChanged) {
		why = "the connection was deleted meanwhile, or the sign-in took too long; the token was given back"
	}
	return v.failed(ctx, a, why), "", why
}

// crockford are the digits of Crockford's base 32, which cannot be mistaken for
// each other.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newConfirmation returns a confirmation of ten random digits, 50 bits, as it is
// compared and as it is shown.
func newConfirmation() (raw, display string) {
	var digits [10]byte
	_, _ = rand.Read(digits[:]) // never fails (crypto/rand, Go 1.24)
	for i, b := range digits {
		digits[i] = crockford[b%byte(len(crockford))] // 256 is a multiple of 32
	}
	raw = string(digits[:])
	return raw, raw[:5] + "-" + raw[5:]
}

// shown returns what the browser gets.
func shown(a Authorization, why, confirmation string) Received {
	r := Received{Reason: why, Confirmation: confirmation, ConnectionID: a.Name.Connection, Principal: a.Principal, APIOrigins: a.APIOrigins}
	switch {
	case a.ReturnURL == "":
	case why != "":
		r.ReturnURL = returnWith(a.ReturnURL, a.Name.String(), "error", why)
	default:
		r.ReturnURL = returnWith(a.ReturnURL, a.Name.String(), "confirmation", confirmation)
	}
	return r
}
