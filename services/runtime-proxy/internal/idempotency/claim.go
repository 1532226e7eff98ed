package idempotency

import (
	"context"
	"errors"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Claim is what a call found out about its key. It belongs to the call. What
// settles it does so also after the call's context has ended, which is when it
// matters most, and takes no more than two seconds.
type Claim struct {
	keeper  *Keeper
	name    string
	record  record
	version uint64
	replay  bool
}

// Replay returns the answer of the earlier call, if there is one. The call is not
// to be made then, and there is nothing to settle.
func (c *Claim) Replay() (answer []byte, ok bool) { return c.record.answer, c.replay }

// Repeatable says anew whether making the call twice does no harm, by what was sent for
// it. It counts if the call gets lost.
func (c *Claim) Repeatable(yes bool) { c.record.repeatable = yes }

// Complete keeps the answer of a call, as the bytes that [Claim.Replay] will return.
// A longer one than [MaxAnswer], or one that there is no room for, is remembered
// without its text. The error is for the log: the answer is still the caller's, and
// the key will count as that of a call that ended nobody knows how.
func (c *Claim) Complete(ctx context.Context, answer []byte) error {
	done := record{state: answered, fingerprint: c.record.fingerprint, answer: answer}
	if len(answer) > MaxAnswer {
		done.state, done.answer = answeredAtLength, nil
	}
	err := c.settle(ctx, done)
	if err != nil && done.answer != nil {
		done.state, done.answer = answeredAtLength, nil
		return c.settle(ctx, done)
	}
	return err
}

// Lose keeps that nobody knows how the call ended.
func (c *Claim) Lose(ctx context.Context) error {
	return c.settle(ctx, record{state: unknown, fingerprint: c.record.fingerprint, repeatable: c.record.repeatable})
}

// Made keeps that the call was made, and how it failed after that.
func (c *Claim) Made(ctx context.Context, how Failure) error {
	return c.settle(ctx, record{state: made, fingerprint: c.record.fingerprint, repeatable: c.record.repeatable, answer: how.encode()})
}

// settle replaces the claim. If somebody else did, after the call's deadline, it is
// theirs.
func (c *Claim) settle(ctx context.Context, done record) error {
	if c.replay {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	_, err := c.keeper.store.Save(ctx, c.name, done.encode(), c.version)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// Release gives the key back after a call that certainly did not happen.
func (c *Claim) Release(ctx context.Context) error {
	if c.replay {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	err := c.keeper.store.Delete(ctx, c.name, c.version)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Fail settles a call that ended without an answer. attempts is how often it was
// sent, as far as is known.
func (c *Claim) Fail(ctx context.Context, err error, attempts int) error {
	if attempts == 0 || attempts == 1 && neverSent(err) {
		return c.Release(ctx)
	}
	return c.Lose(ctx)
}

// neverSent reports whether a failure says that the request did not go out.
func neverSent(err error) bool {
	switch fault.ReasonOf(err) {
	case fault.ReasonUpstreamUnreachable, fault.ReasonEgressRefused:
		return true
	default:
		return false
	}
}

// Outcome is what an answer says about the call.
type Outcome struct {
	// Status is its HTTP status.
	Status int
	// Retryable says that the same call may succeed later: nothing was done yet.
	Retryable bool
	// Repeatable says that making the call twice does no harm.
	Repeatable bool
}

// Final reports whether an answer is one to be kept for later calls with the key. It
// is not if it says that nothing was done and the same call may be made again: what
// callers are told to be worth a retry (408, 425, 429, 503 and the like), and 401, since
// the next call may have another token. Failures of an API that can be asked again are
// not either. All others are kept, failures too: the API may have done a part.
func (o Outcome) Final() bool {
	switch {
	case o.Retryable || o.Status == http.StatusUnauthorized:
		return false
	case o.Status >= http.StatusInternalServerError:
		return !o.Repeatable
	}
	return true
}
