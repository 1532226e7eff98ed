package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// A token is renewed by exactly one of all processes that stand on one store:
//
//  1. It records an attempt in the grant, for a limited time. Whoever finds one
//     waits for its end.
//  2. It asks the provider, for less than that time, and whether or not its
//     caller still waits: a provider that has answered may have made the old
//     refresh token worthless.
//  3. It stores what came of it, if the grant still has the token that it began
//     with. That is so even if its time is over and another process has begun an
//     attempt: the newest token is never thrown away.
//
// A process that ends in between leaves an attempt that expires. The next one
// tries once more, and learns from the provider whether the answer that was lost
// mattered.

const (
	// claimTries is how often a store that fails is asked to record an attempt.
	claimTries = 3
	// interruptedFreely is how many attempts may be interrupted in a row before
	// the next ones are made to wait longer and longer.
	interruptedFreely = 1
)

// claim is the right of one process to renew one token.
type claim struct {
	id          string
	name        resource.Connection
	uid         string
	version     uint64
	interrupted int
	urgency     urgency
}

// urgency says who wants a token.
type urgency int

const (
	// urgencyUsual heeds the time that a failure has to be left alone.
	urgencyUsual urgency = iota
	// urgencyPerson is somebody who waits for the answer, and may have repaired
	// what was wrong.
	urgencyPerson
)

// renewed replaces the token that held has, or obtains the first one, and
// returns what there is then. Callers that want to replace the same token share
// one renewal; its end does not depend on theirs.
func (v *Vault) renewed(ctx context.Context, held Held) (Held, error) {
	f, err := v.renewal(ctx, held, urgencyUsual)
	if err != nil {
		return Held{}, err
	}
	return f.wait(ctx)
}

// renewal begins to replace the token that held has.
func (v *Vault) renewal(ctx context.Context, held Held, u urgency) (*flight[Held], error) {
	key := tokenKey{uid: held.Connection.UID, version: held.Grant.Version}
	return v.renewals.tokens.start(ctx, key, func(ctx context.Context) (Held, error) {
		c := claim{id: v.newID(), name: held.Connection.Name, uid: key.uid, version: key.version, urgency: u}
		return v.renew(ctx, c)
	})
}

// renew replaces a token, or waits until another process has.
func (v *Vault) renew(ctx context.Context, c claim) (Held, error) {
	held, mine, err := v.claim(ctx, &c)
	if err != nil || !mine {
		return held, err
	}
	a, err := v.ask(ctx, held)
	defer a.clear()
	if err != nil {
		return v.settleFailure(ctx, c, err)
	}
	return v.settleToken(ctx, c, held, a)
}

// claim records the attempt. mine is false if the token has been replaced by
// others, who may have been waited for.
func (v *Vault) claim(ctx context.Context, c *claim) (held Held, mine bool, err error) {
	tries := 0
	for {
		held, err = v.heldFor(ctx, *c)
		if err != nil {
			return Held{}, false, err
		}
		now, g := v.clock.Now(), held.Grant
		switch {
		case g.Attempt.ID == c.id:
			c.version = g.Version
			return held, true, nil
		case g.Version != c.version:
			return held, false, nil
		case v.stops():
			return Held{}, false, stopping()
		case v.waiting(g, now):
			if err := v.pause(ctx, v.cfg.Renewal.Poll); err != nil {
				return Held{}, false, err
			}
			continue
		}
		if err := mayTry(held, c.urgency, now); err != nil {
			return Held{}, false, err
		}
		held, err = v.attempt(ctx, c, held, now)
		switch {
		case err == nil:
			return held, true, nil
		case errors.Is(err, ErrChanged):
			if err := v.pause(ctx, changedPause); err != nil {
				return Held{}, false, err
			}
			continue
		}
		// The store may have recorded it all the same: the next look tells.
		if tries++; tries == claimTries {
			return Held{}, false, fmt.Errorf("begin to renew the token of %s: %w", c.name, err)
		}
	}
}

// heldFor reads what a claim is about.
func (v *Vault) heldFor(ctx context.Context, c claim) (Held, error) {
	held, err := v.store.Held(ctx, c.name)
	if errors.Is(err, ErrNotFound) || err == nil && held.Connection.UID != c.uid {
		return Held{}, notFound(c.name)
	}
	if err != nil {
		return Held{}, fmt.Errorf("read the grant of %s: %w", c.name, err)
	}
	return held, nil
}

// attempt records the attempt of a claim. If the connection's sign-in has been
// changed since the token came about, that is of no use any more and goes: its
// versions end, so that an answer to the old sign-in that comes late is not taken
// for one to the new.
func (v *Vault) attempt(ctx context.Context, c *claim, held Held, now time.Time) (Held, error) {
	g := held.Grant
	c.interrupted = 0
	if g.Attempt.ID != "" {
		c.interrupted = g.Attempt.Interrupted + 1
	}
	span := v.cfg.Renewal.Call + v.cfg.Renewal.Slack
	if c.interrupted > interruptedFreely {
		span += backoff(c.interrupted - interruptedFreely)
	}
	g.UID = c.uid
	if !g.Kind.Interactive() && g.Edits != held.Connection.Edits {
		if g.Change > 0 {
			g.lose()
			g.Version++
		}
		g.Edits, g.Origins = held.Connection.Edits, held.Connection.Origins
	}
	g.Attempt = Attempt{ID: c.id, Start: now, Deadline: now.Add(span), Interrupted: c.interrupted}
	g.Change++
	held.Grant = g
	if err := v.store.WriteGrant(ctx, GrantWrite{Of: held.Connection, Grant: g}); err != nil {
		return Held{}, err //nolint:wrapcheck // claim says what it was for
	}
	c.version = g.Version
	return held, nil
}

// mayTry refuses renewals that are known to lead nowhere now.
func mayTry(held Held, u urgency, now time.Time) error {
	g, conn := held.Grant, held.Connection
	if conn.State == StateNeedsAuthorization && g.Kind.Interactive() {
		return notReady(conn)
	}
	if wait := g.NotBefore.Sub(now); wait > 0 && u == urgencyUsual && g.FailureEdits == conn.Edits {
		return failedBefore(conn, g, wait)
	}
	return nil
}

// failedBefore is for renewals that are not tried again yet.
func failedBefore(conn Connection, g Grant, wait time.Duration) error {
	if g.Hopeless {
		return fault.Precondition(fault.ReasonConnectionNotReady,
			"the token of connection %q cannot be renewed: %s", conn.Name.ID, g.Failure).
			With("connection", conn.Name.String()).With("state", conn.State.String())
	}
	return fault.Unavailable(fault.ReasonProviderUnavailable,
		"the token of connection %q could not be renewed: %s", conn.Name.ID, g.Failure).
		With("connection", conn.Name.String()).RetryAfter(wait)
}

// notReady is for connections that somebody has to sign in for, or to authorize anew.
func notReady(conn Connection) *fault.Error {
	why := conn.StateReason
	if why != "" {
		why = " (" + why + ")"
	}
	waits := "for somebody to sign in"
	if conn.unattended() {
		waits = "for its owner to allow tokens again"
	}
	return fault.Precondition(fault.ReasonConnectionNotReady,
		"connection %q waits %s%s; authorize it first", conn.Name.ID, waits, why).
		With("connection", conn.Name.String()).With("state", StateNeedsAuthorization.String())
}

// answer is what a provider gave, and how it was asked.
type answer struct {
	profile *oauth.Profile
	token   oauth.Token
	host    string // that gave it, "host:port"
	secrets []NamedSecret
}

// clear overwrites everything secret in it.
func (a answer) clear() {
	a.token.Clear()
	Credential{Secrets: a.secrets}.Clear()
	clearProfile(a.profile)
}

// clearProfile overwrites the secrets of a profile that is not used any more.
func clearProfile(p *oauth.Profile) {
	if p == nil {
		return
	}
	p.Client.Secret.Clear()
	p.Client.PrivateKey.Clear()
	p.Client.Certificate.Clear()
}

// ask gets a new token from the provider, within the time that a call may take.
func (v *Vault) ask(ctx context.Context, held Held) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Renewal.Call)
	defer cancel()
	if a.profile, a.secrets, err = v.profileWith(ctx, held); err != nil {
		return a, err
	}
	if err := agreed(held.Connection, a.profile); err != nil {
		return a, err
	}
	a.host = hostOf(a.profile.Endpoints.Token)
	a.token, err = v.fetch(ctx, held, &a)
	return a, err
}

// profileWith returns the profile of a connection and the secrets that it shares,
// which whoever gets them clears.
func (v *Vault) profileWith(ctx context.Context, held Held) (*oauth.Profile, []NamedSecret, error) {
	def, err := v.definition(ctx, held.Connection)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := v.open(ctx, held.Connection, signInOf(held.Secrets))
	if err != nil {
		return nil, nil, err
	}
	p, err := v.profileOf(ctx, held.Connection, def, secrets)
	if err != nil {
		Credential{Secrets: secrets}.Clear()
		return nil, nil, err
	}
	return p, secrets, nil
}

// fetch asks for a token in the way that the grant came about.
func (v *Vault) fetch(ctx context.Context, held Held, a *answer) (oauth.Token, error) {
	g, p := held.Grant, a.profile
	current := g.Kind.Interactive() || g.Edits == held.Connection.Edits
	switch {
	case p.Grant.PerCaller():
		return oauth.Token{}, subjectMissing(held.Connection)
	case len(g.Refresh) > 0 && current && p.Grant != oauth.ClientCredentials && (p.Grant.Interactive() || renewedAlike(g.RefreshedBy, p.RefreshedBy)):
		t, err := v.refresh(ctx, held, p)
		if again := p.Grant == oauth.Password || p.Grant == oauth.JWTBearer; again && verdictOf(err) == oauth.Gone {
			return v.obtainToken(ctx, held.Connection, p)
		}
		a.host = hostOf(cmp.Or(p.Endpoints.Refresh, p.Endpoints.Token))
		return t, err
	case p.Grant.Interactive():
		return oauth.Token{}, errNoRefresh
	}
	return v.obtainToken(ctx, held.Connection, p)
}

// obtainToken asks for a token that needs nobody.
func (v *Vault) obtainToken(ctx context.Context, conn Connection, p *oauth.Profile) (oauth.Token, error) {
	t, err := v.tokens.Obtain(ctx, p)
	v.noteFailed(ctx, conn, p.Endpoints.Token, err)
	return t, err //nolint:wrapcheck // what the provider says
}

// errNoRefresh is why a token that somebody signed in for cannot be renewed.
var errNoRefresh error = fault.Precondition(fault.ReasonConnectionNotReady, "the provider gave no refresh token")

// refresh renews a token with the refresh token of the grant, at the provider
// that it came from. A provider that sends no new one leaves the old one valid.
func (v *Vault) refresh(ctx context.Context, held Held, p *oauth.Profile) (oauth.Token, error) {
	endpoint := cmp.Or(p.Endpoints.Refresh, p.Endpoints.Token)
	origin, ok := endpointOrigin(endpoint)
	if !ok || !slices.Contains(held.Grant.TokenOrigins, origin) {
		return oauth.Token{}, movedProvider(held.Connection, cmp.Or(origin, "an unknown place"))
	}
	if !renewedAlike(held.Grant.RefreshedBy, p.RefreshedBy) {
		return oauth.Token{}, changedRenewal(held.Connection)
	}
	old, err := v.openRefresh(ctx, held.Connection, held.Grant)
	if err != nil {
		return oauth.Token{}, err
	}
	t, err := v.tokens.Refresh(ctx, p, old)
	v.noteFailed(ctx, held.Connection, endpoint, err)
	if err != nil || !t.Refresh.Empty() {
		old.Clear()
		return t, err
	}
	t.Refresh, t.RefreshExpireTime = old, held.Grant.RefreshExpireTime
	return t, nil
}

// movedProvider is for a connector that was pointed at another provider than the
// one that gave the grant.
func movedProvider(conn Connection, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the sign-in of connection %q leads to %s now, which did not give its grant: somebody has to sign in again", conn.Name.ID, origin).
		With("host", origin).With("connection", conn.Name.String())
}

// changedRenewal is for a connector whose sign-in sends refresh tokens in another way,
// or elsewhere at the same host, than when the grant was given.
func changedRenewal(conn Connection) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the connector of connection %q, or its OAuth client, sends refresh tokens in another way than when somebody signed in; the token was not sent: somebody has to sign in again", conn.Name.ID).
		With("connection", conn.Name.String())
}

// verdictOf returns what a failure means; nil and what is no answer of a provider
// are transient.
func verdictOf(err error) oauth.Verdict {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e.Verdict
	}
	return oauth.Transient
}

// stops reports whether this process is about to end.
func (v *Vault) stops() bool {
	select {
	case <-v.renewals.stopping:
		return true
	default:
		return false
	}
}

// pause waits, unless this process is about to end.
func (v *Vault) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-v.clock.After(d):
		return nil
	case <-v.renewals.stopping:
		return stopping()
	case <-ctx.Done():
		return ctx.Err()
	}
}
