package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

const (
	// backoffFirst and backoffMost bound how long after a failure nothing is tried.
	backoffFirst = 5 * time.Second
	backoffMost  = 10 * time.Minute
	// storeFirst and storeMost bound how long after a failure of the store it is
	// asked again.
	storeFirst = 50 * time.Millisecond
	storeMost  = 5 * time.Second
	// storeStopping is how many more times it is asked when the process ends.
	storeStopping = 5
	// changedPause is how long to wait before looking again after others have
	// changed the same connection.
	changedPause = 5 * time.Millisecond
	// retryMost is the longest that a provider may ask to be left alone.
	retryMost = time.Hour
)

// itself is who renews tokens, in the audit trail.
const itself = "credential-vault"

// backoff returns how long to wait after the nth failure in a row.
func backoff(n int) time.Duration {
	return min(backoffFirst<<min(max(n-1, 0), 10), backoffMost)
}

// settleToken stores what the provider gave. It tries for long: the provider may
// have made the old refresh token worthless. If the grant has another token by
// now, that one is the newest.
func (v *Vault) settleToken(ctx context.Context, c claim, began Held, a answer) (Held, error) {
	held, err := persist(ctx, v, v.cfg.Renewal.Keep, func() (Held, error) { return v.tryToken(ctx, c, began, a) })
	if err != nil {
		return Held{}, err
	}
	if g := held.Grant; g.Version != c.version && len(g.Access) == 0 {
		v.giveBack(ctx, a) // the owner gave the grant back meanwhile
		return Held{}, notReady(held.Connection)
	}
	return held, nil
}

func (v *Vault) tryToken(ctx context.Context, c claim, began Held, a answer) (Held, error) {
	held, err := v.heldFor(ctx, c)
	if fault.ReasonOf(err) == fault.ReasonConnectionNotFound {
		v.giveBack(ctx, a)
		return Held{}, err
	}
	if err != nil || held.Grant.Version != c.version {
		return held, err
	}
	// With the key as it is now: keys may have been rotated meanwhile.
	sealed, err := v.sealToken(ctx, held.Connection, a.token)
	if err != nil {
		return Held{}, err
	}
	now := v.clock.Now()
	g := held.Grant
	if now.Sub(g.RejectTime) > backoffMost {
		g.Rejections = 0
	}
	w := GrantWrite{Of: held.Connection, Becomes: recovered(held.Connection, g, a.profile, now)}
	w.Audit = v.ownRecord(held.Connection, ActionRefreshed)
	w.Audit.Host = a.host
	if g.ObtainTime.IsZero() {
		w.Audit.Action = ActionAuthorized
		g.UseTime = now
	}
	if !a.profile.Grant.Interactive() {
		g.TokenOrigins = providerOrigins(a.profile)
		if g.Kind.Interactive() { // else both are as the attempt, and edits since then, left them
			g.Edits, g.Origins = began.Connection.Edits, began.Connection.Origins
		}
	}
	if w.Becomes != nil && held.Connection.State == StateNeedsAuthorization {
		w.Notice = NoticeAuthorized
	}
	agreed := g.RefreshedBy
	g.take(a.profile, a.token, sealed, now)
	if a.profile.Grant.Interactive() {
		g.RefreshedBy = agreed // only a sign-in says where it may be given back
	}
	g.Change++
	g.schedule(now)
	w.Grant = g
	if err := v.writeGrant(ctx, w); err != nil {
		return Held{}, fmt.Errorf("store the token of %s: %w", c.name, err)
	}
	held.Grant = g
	if w.Becomes != nil {
		held.Connection = *w.Becomes
	}
	return held, nil
}

// recovered returns what a connection becomes by a new token, nil if that is what
// it is. A state that has other causes than the failures of renewals stays.
func recovered(conn Connection, g Grant, p *oauth.Profile, now time.Time) *Connection {
	switch conn.State {
	case StateNeedsAuthorization:
		if p.Grant.Interactive() && conn.StateReason != g.Failure {
			return nil
		}
	case StateError:
		if conn.StateReason != g.Failure || g.Rejections > 0 {
			return nil
		}
	case StateConnected, StateUnspecified:
		return nil
	}
	conn.Change++
	conn.UpdateTime = now
	conn.enter(StateConnected, "", now)
	return &conn
}

// giveBack revokes a token that nobody has any use for. If that fails the token
// is lost, and ends by itself.
func (v *Vault) giveBack(ctx context.Context, a answer) {
	ctx, cancel := context.WithTimeout(ctx, revokeTime)
	defer cancel()
	_ = v.tokens.Revoke(ctx, a.profile, a.token)
}

// persist calls try until it gives an answer, for at most keep. A store that fails
// is asked again less and less often; others who change the same connection only
// mean another look a little later.
func persist[T any](ctx context.Context, v *Vault, keep time.Duration, try func() (T, error)) (T, error) {
	begun, wait, left := v.clock.Now(), storeFirst, storeStopping
	for {
		got, err := try()
		switch {
		case err == nil || final(err):
			return got, err
		case v.clock.Now().Sub(begun) >= keep || left == 0:
			return got, err
		}
		changed := errors.Is(err, ErrChanged)
		next := wait
		if changed {
			next = changedPause
		}
		if v.pause(ctx, next) != nil {
			left-- // the process ends, and an answer that is lost now may be lost for good
			<-v.clock.After(storeFirst)
		}
		if !changed {
			wait = min(2*wait, storeMost)
		}
	}
}

// final reports whether an error is an answer that will not change.
func final(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code() != fault.CodeUnavailable && f.Code() != fault.CodeInternal
}

// failure is what has become of a renewal.
type failure struct {
	cause   error
	reason  string
	verdict oauth.Verdict
	unsent  bool // the provider was not asked: nothing is lost, and nothing would change it but a write
	wait    time.Duration
}

// judge decides what a failure means for a grant.
func judge(err error) failure {
	f := failure{cause: err, reason: fault.From(err).Message(), verdict: oauth.Transient}
	var e *oauth.Error
	switch {
	case errors.As(err, &e):
		f.verdict, f.wait = e.Verdict, e.RetryAfter
	case errors.Is(err, errNoRefresh):
		f.verdict = oauth.Gone
	default:
		switch fault.CodeOf(err) {
		case fault.CodeInvalidArgument, fault.CodeNotFound, fault.CodePermissionDenied, fault.CodeFailedPrecondition, fault.CodeUnimplemented:
			f.verdict, f.unsent = oauth.Misconfigured, true
		default:
		}
	}
	if f.verdict == oauth.Pending || f.verdict == oauth.SlowDown {
		f.verdict = oauth.Transient // no answer to what was asked
	}
	return f
}

// settleFailure records why there is no new token, and returns that as an error:
// unless others have got one meanwhile.
func (v *Vault) settleFailure(ctx context.Context, c claim, cause error) (Held, error) {
	f := judge(cause)
	if c.interrupted > 0 && f.verdict == oauth.Gone {
		f.reason = "an earlier renewal of its token was interrupted before the new one was stored, and the provider takes the old one no more: " + f.reason
	}
	type result struct {
		held    Held
		outcome error
	}
	// A failure that is not recorded only means that its attempt has to expire.
	r, err := persist(ctx, v, v.cfg.Renewal.Slack, func() (r result, err error) {
		r.held, r.outcome, err = v.tryFailure(ctx, c, f)
		return r, err
	})
	if err != nil {
		return Held{}, err
	}
	return r.held, r.outcome
}

// tryFailure records a failure. outcome is what callers are told; it is nil if
// there is another token by now.
func (v *Vault) tryFailure(ctx context.Context, c claim, f failure) (held Held, outcome, err error) {
	held, err = v.heldFor(ctx, c)
	if err != nil {
		return Held{}, nil, err
	}
	g, conn, now := held.Grant, held.Connection, v.clock.Now()
	switch {
	case g.Version != c.version && len(g.Access) == 0:
		return Held{}, notReady(conn), nil
	case g.Version != c.version:
		return held, nil, nil
	case g.Attempt.ID != c.id:
		return Held{}, f.cause, nil // others are trying, and will see for themselves
	}
	g.Attempt = Attempt{}
	g.Change++
	g.Failures++
	g.Failure, g.FailureEdits = f.reason, conn.Edits
	g.NotBefore = now.Add(max(min(f.wait, retryMost), backoff(g.Failures)))
	if f.unsent { // so that it goes on when a revision as before is published
		g.NotBefore = now.Add(backoffFirst)
	}
	w := GrantWrite{Of: conn}
	outcome = f.cause
	if f.verdict != oauth.Transient {
		g.Hopeless = true
		outcome = v.despair(&w, &g, f, now)
	} else if g.Version == 0 && g.ObtainTime.IsZero() {
		w.Becomes = conn.without(f.reason, now)
	}
	g.schedule(now)
	w.Grant = g
	if err := v.writeGrant(ctx, w); err != nil {
		return Held{}, nil, fmt.Errorf("record that the token of %s was not renewed: %w", c.name, err)
	}
	return Held{}, outcome, nil
}

// without returns what a connection becomes that has never got a token, and did not
// get one now. The next one ends that; see [recovered].
func (c Connection) without(reason string, now time.Time) *Connection {
	c.Change++
	c.UpdateTime = now
	c.enter(StateError, reason, now)
	return &c
}

// despair decides what becomes of a connection whose token cannot be renewed:
// either somebody has to sign in, or something is wrong that signing in would not
// repair. It returns what callers are told.
func (v *Vault) despair(w *GrantWrite, g *Grant, f failure, now time.Time) error {
	after := w.Of
	after.Change++
	after.UpdateTime = now
	person := g.Kind.Interactive() || errors.Is(f.cause, errNoRefresh)
	if f.verdict != oauth.Gone || !person {
		after.enter(StateError, f.reason, now)
		w.Becomes = &after
		return f.cause
	}
	after.enter(StateNeedsAuthorization, f.reason, now)
	w.Becomes = &after
	if w.Of.State != StateNeedsAuthorization {
		w.Notice = NoticeNeedsAuthorization
		w.Audit = v.ownRecord(w.Of, ActionRevoked)
	}
	g.lose()
	return notReady(after).Because(f.cause)
}
