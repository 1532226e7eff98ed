package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// statusForbidden is the HTTP status 403.
	statusForbidden = 403
	// rejectedYoung is the age below which a refused token says that a new one
	// would be refused as well.
	rejectedYoung = 10 * time.Second
	// forbiddenOld is the age of a token without a stated end from which on 403 is
	// taken for its end.
	forbiddenOld = 5 * time.Minute
	// doubtLeast and doubtMost say which refusal of a token that cannot be renewed
	// confirms the first one: not what comes with it, and nothing much later, since
	// nobody tells of the calls that succeed in between.
	doubtLeast = 10 * time.Second
	doubtMost  = 10 * time.Minute
)

// doubtReason is why a connection is in error whose token was refused once and
// cannot be renewed.
const doubtReason = "the API refused the token once, and it cannot be renewed: if the API refuses it again, somebody has to sign in"

// rejectedReason is why a connection is in error whose new token was refused.
const rejectedReason = "the API refuses tokens that the provider has just given: check the scopes, the audience and the rights of the account"

// Rejection says that an API refused a token.
type Rejection struct {
	// Request is as for [Vault.Resolve].
	Request
	// TokenVersion is that of the credential that was lent.
	TokenVersion string
	// Status is that of the API's answer.
	Status int
}

// Reject renews a token that an API refused, once for all who report the same
// one, and lends the new one. A token that has been replaced already is not
// renewed again: the present one is lent.
//
// An answer 403 usually forbids the call and not the token. Unless the token has
// ended, or is old and nobody knows when it ends, the same token is lent again:
// the TokenVersion is the same, and whoever gets it passes the API's answer on.
//
// A token that is refused as soon as it was obtained is renewed once, in case that
// its grant was just withdrawn, which the provider then says. If the next one is
// refused as well the connection is in error, and the answer CONNECTION_NOT_READY.
//
// A token that was signed in for and cannot be renewed is not given up for one
// answer, which may be a mistake: it is lent on, and the connection is in error.
// If it is refused again, ten seconds to ten minutes later, the connection waits
// for a sign-in. After ten minutes the first refusal is forgotten.
func (v *Vault) Reject(ctx context.Context, caller Caller, r Rejection) (Credential, error) {
	held, err := v.authorised(ctx, caller, r.Request)
	if err != nil {
		return Credential{}, err
	}
	if strings.HasPrefix(r.TokenVersion, subjectVersion) {
		return v.rejectSubject(ctx, caller, r, held)
	}
	for range changeAttempts {
		now, g := v.clock.Now(), held.Grant
		if g.TokenVersion() != r.TokenVersion || len(g.Access) == 0 || !refuses(r.Status, g.ObtainTime, g.ExpireTime, now) {
			return v.lend(ctx, caller, r.Request, held)
		}
		if !g.renewable() && !held.confirms(now) {
			return v.lendInDoubt(ctx, caller, r, held)
		}
		held.Grant, err = v.blame(ctx, held, now)
		if err == nil {
			if held, err = v.renewed(ctx, held); err != nil {
				return Credential{}, fmt.Errorf("renew the token of %s that the API refused: %w", r.Name, err)
			}
			return v.lend(ctx, caller, r.Request, held)
		}
		if !errors.Is(err, ErrChanged) {
			return Credential{}, err
		}
		if held, err = v.authorised(ctx, caller, r.Request); err != nil {
			return Credential{}, err
		}
	}
	return Credential{}, fault.Aborted(fault.ReasonEtagMismatch,
		"connection %q is being changed by others at this moment; try again", r.Name.ID).With("connection", r.Name.String())
}

// blame decides whether a refusal is the token's fault: then it is to be renewed,
// and the error is nil.
func (v *Vault) blame(ctx context.Context, held Held, now time.Time) (Grant, error) {
	g := held.Grant
	young := now.Sub(g.ObtainTime) < rejectedYoung
	switch {
	case !g.renewable():
		return g, nil // the renewal says what is missing
	case young && g.Rejections == 0:
		return v.suspect(ctx, held, now)
	case young || g.Rejections > 0 && now.Sub(g.RejectTime) < backoff(g.Rejections):
		return g, v.refusedNew(ctx, held, now)
	}
	return g, nil
}

// refuses reports whether an API's answer says that a token holds no more.
func refuses(status int, obtained, ends, now time.Time) bool {
	if status != statusForbidden {
		return true
	}
	if ends.IsZero() {
		return now.Sub(obtained) >= forbiddenOld
	}
	return !now.Before(ends)
}

// inDoubt reports whether the connection's token was refused and is lent on.
func (h Held) inDoubt() bool {
	return h.Connection.State == StateError && h.Grant.Rejections > 0 && !h.Grant.renewable()
}

// confirms reports whether a refusal now says that the token is lost.
func (h Held) confirms(now time.Time) bool {
	since := now.Sub(h.Grant.RejectTime)
	return h.inDoubt() && since >= doubtLeast && since <= doubtMost
}

// lendInDoubt lends a token once more that an API has refused, and notes that.
func (v *Vault) lendInDoubt(ctx context.Context, caller Caller, r Rejection, held Held) (Credential, error) {
	now := v.clock.Now()
	if held.inDoubt() && now.Sub(held.Grant.RejectTime) < doubtLeast {
		return v.lend(ctx, caller, r.Request, held)
	}
	g, conn := held.Grant, held.Connection
	g.Rejections, g.RejectTime, g.Failure = 1, now, doubtReason
	g.Change++
	conn.Change++
	conn.UpdateTime = now
	conn.enter(StateError, doubtReason, now)
	err := v.writeGrant(ctx, GrantWrite{Of: held.Connection, Becomes: &conn, Grant: g})
	switch {
	case err == nil:
		held.Grant, held.Connection = g, conn
	case !errors.Is(err, ErrChanged): // else others have noted it, or have something better
		return Credential{}, fmt.Errorf("record that the API refuses the token of %s: %w", conn.Name, err)
	default:
		if held, err = v.authorised(ctx, caller, r.Request); err != nil {
			return Credential{}, err
		}
	}
	return v.lend(ctx, caller, r.Request, held)
}

// suspect notes that a token was refused as soon as it was obtained. It returns
// [ErrChanged] if the grant is another one by now.
func (v *Vault) suspect(ctx context.Context, held Held, now time.Time) (Grant, error) {
	g := held.Grant
	g.Rejections, g.RejectTime = 1, now
	g.Change++
	if err := v.store.WriteGrant(ctx, GrantWrite{Of: held.Connection, Grant: g}); err != nil {
		return held.Grant, fmt.Errorf("record that the API refuses the token of %s: %w", held.Connection.Name, err)
	}
	return g, nil
}

// refusedNew puts a connection into error whose new token was refused, and
// returns why it cannot be used. It returns [ErrChanged] if the grant is another
// one by now.
func (v *Vault) refusedNew(ctx context.Context, held Held, now time.Time) error {
	g, conn := held.Grant, held.Connection
	why := fault.Precondition(fault.ReasonConnectionNotReady, "connection %q cannot be used: %s", conn.Name.ID, rejectedReason).
		With("connection", conn.Name.String()).With("state", StateError.String())
	if conn.State == StateError && conn.StateReason == rejectedReason && now.Sub(g.RejectTime) < rejectedYoung {
		return why // known already
	}
	g.Rejections++
	g.RejectTime, g.Failure = now, rejectedReason
	g.Change++
	w := GrantWrite{Of: conn, Grant: g}
	if conn.State != StateError || conn.StateReason != rejectedReason {
		conn.Change++
		conn.UpdateTime = now
		conn.enter(StateError, rejectedReason, now)
		w.Becomes = &conn
	}
	if err := v.writeGrant(ctx, w); err != nil {
		return fmt.Errorf("record that the API refuses the token of %s: %w", conn.Name, err)
	}
	return why
}

// rejectSubject forgets what a caller's token was exchanged for, and exchanges
// it again.
func (v *Vault) rejectSubject(ctx context.Context, caller Caller, r Rejection, held Held) (Credential, error) {
	key := subjectKey{etag: held.Connection.Etag(), sum: r.Subject.Sum}
	now := v.clock.Now()
	t, ok := v.renewals.swapped.get(key, now)
	if ok && t.version == r.TokenVersion && refuses(r.Status, t.obtainTime, t.expireTime, now) {
		if now.Sub(t.obtainTime) < rejectedYoung {
			return Credential{}, fault.Precondition(fault.ReasonConnectionNotReady, "connection %q cannot be used by this caller: %s", r.Name.ID, rejectedReason).
				With("connection", r.Name.String())
		}
		v.renewals.swapped.drop(key, r.TokenVersion)
	}
	return v.lend(ctx, caller, r.Request, held)
}
