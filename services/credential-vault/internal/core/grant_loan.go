package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// loanTries is how often a token is looked for, when what it depends on changes
// at the same moment.
const loanTries = 3

// loan is a token that may be lent, still sealed. Without one the version is
// empty.
type loan struct {
	part, seal string
	blob       []byte
	version    string
	placement  oauth.Placement
	end        time.Time // when the loan ends at the latest; zero for no limit
}

// loanOf returns the loan of a grant's token.
func loanOf(g Grant, now time.Time) loan {
	return loan{
		part: sealedAccess, seal: g.Seal, blob: g.Access, version: g.TokenVersion(), placement: g.Placement,
		end: loanEnd(g.ExpireTime, now),
	}
}

// loanEnd returns when a loan ends: a little before its token, so that no call
// begins with one that ends on the way.
func loanEnd(end, now time.Time) time.Time {
	if end.IsZero() {
		return end
	}
	return end.Add(-min(margin, max(end.Sub(now)/2, 0)))
}

// token returns the token to lend, and what belongs to the connection when that
// was decided. A token that ends soon is renewed meanwhile; one that is about to
// end is waited for.
func (v *Vault) token(ctx context.Context, held Held, r Request) (Held, loan, error) {
	if !held.Grant.fits(held.Connection) {
		swaps, t, err := v.subjectLoan(ctx, held, r.Subject)
		if err != nil || swaps {
			return held, t, err
		}
	}
	began := held.Grant.Version
	for range loanTries {
		now, g := v.clock.Now(), held.Grant
		if lendable(held, began, now) {
			if g.Version == began && g.endsWithin(g.ahead(), now) {
				v.renewAhead(ctx, held)
			}
			return held, loanOf(g, now), v.touch(ctx, held, now)
		}
		next, err := v.renewed(ctx, held)
		if err != nil {
			return v.withoutRenewal(held, err)
		}
		if next.Connection.State == StateNeedsAuthorization {
			return held, loan{}, notReady(next.Connection)
		}
		held = next
	}
	return held, loan{}, fault.Unavailable(fault.ReasonProviderUnavailable,
		"the provider of connection %q gives tokens that have ended already", held.Connection.Name.ID).
		With("connection", held.Connection.Name.String())
}

// lendable reports whether the token is worth lending: one that is newer than the
// version that was found is, however little of its life is left.
func lendable(held Held, found uint64, now time.Time) bool {
	g := held.Grant
	if !g.fits(held.Connection) {
		return false
	}
	return !g.endsWithin(tooShort, now) || g.Version != found && !g.endsWithin(1, now)
}

// withoutRenewal lends a token that could not be renewed now, if it still holds
// for a moment.
func (v *Vault) withoutRenewal(held Held, why error) (Held, loan, error) {
	now, g := v.clock.Now(), held.Grant
	if g.fits(held.Connection) && !g.endsWithin(margin, now) && fault.CodeOf(why) == fault.CodeUnavailable {
		return held, loanOf(g, now), nil
	}
	return held, loan{}, fmt.Errorf("renew the token of %s: %w", held.Connection.Name, why)
}

// subjectLoan returns the token that the caller's is exchanged for. swaps is
// false if the connection has tokens of its own.
func (v *Vault) subjectLoan(ctx context.Context, held Held, s Subject) (swaps bool, l loan, err error) {
	key := subjectKey{etag: held.Connection.Etag(), sum: s.Sum}
	t, ok := v.renewals.swapped.get(key, v.clock.Now())
	if !ok || s.Token.Empty() {
		if swaps, err = v.perCaller(ctx, held); err != nil || !swaps {
			return false, loan{}, err
		}
		if s.Token.Empty() {
			return true, loan{}, subjectMissing(held.Connection)
		}
		if t, err = v.swappedSubject(ctx, held, s); err != nil {
			return true, loan{}, err
		}
	}
	return true, loan{
		part: sealedSubject, seal: t.version, blob: t.blob, version: t.version, placement: t.placement,
		end: loanEnd(t.expireTime, v.clock.Now()),
	}, nil
}

// touch notes that a grant is in use, now and then, and that an API has refused its
// token so long ago that this says nothing any more.
func (v *Vault) touch(ctx context.Context, held Held, now time.Time) error {
	g := held.Grant
	trusted := held.inDoubt() && now.Sub(g.RejectTime) > doubtMost
	if now.Sub(g.UseTime) < touchEvery && !trusted {
		return nil
	}
	w := GrantWrite{Of: held.Connection}
	if trusted {
		g.Rejections = 0
		if held.Connection.StateReason == doubtReason {
			after := held.Connection
			after.Change++
			after.UpdateTime = now
			after.enter(StateConnected, "", now)
			w.Becomes = &after
		}
	}
	g.UseTime = now
	g.schedule(now)
	g.Change++
	w.Grant = g
	err := v.writeGrant(ctx, w)
	if err != nil && !errors.Is(err, ErrChanged) { // others may have noted it
		return fmt.Errorf("note the use of %s: %w", held.Connection.Name, err)
	}
	return nil
}
