package delivery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// maxUnclear is how many attempts of a delivery may end nobody knows how: each may have
// been done, and where answers are always lost all were.
const maxUnclear = 5

// retryFor is for how long a delivery is tried.
func (t *turn) retryFor() time.Duration {
	if t.sink.RetryFor > 0 {
		return t.sink.RetryFor
	}
	return core.DefaultRetryFor
}

// start begins an attempt, unless none is to be made.
func (t *turn) start(ctx context.Context, e *entry, now time.Time) error {
	if err := t.refresh(ctx); err != nil {
		return err
	}
	if err := t.fetch(ctx, e); err != nil || e.message == nil {
		return err
	}
	sender := t.d.senderOf(t.sink)
	switch {
	case t.sink.Disabled && t.sink.DisabledReason != "":
		return t.bury(ctx, e, "the sink is disabled: "+t.sink.DisabledReason)
	case t.sink.Disabled:
		return t.bury(ctx, e, "the sink is disabled by its owner")
	case sender == nil:
		return t.bury(ctx, e, "this installation has no sinks of this kind")
	case t.state.Failures > 0 && now.Sub(e.message.Time) > t.retryFor() && now.Sub(t.state.Failing) > t.retryFor():
		// Attempts have been made all the time, with others: one for each would keep
		// the queue from ever becoming shorter.
		return t.bury(ctx, e, "no attempt at the sink succeeded for "+t.retryFor().String())
	}
	leave, wait := t.d.places.enter(t.at, t.sub, t.sink, now)
	if leave == nil {
		t.held = now.Add(wait)
		return nil
	}
	if t.sink.PerSecond > 0 {
		t.state.Slot = latest(now, t.state.Slot).Add(time.Duration(float64(time.Second) / t.sink.PerSecond))
	}
	e.busy = true
	t.underWay++
	job := t.job(e)
	ctx = bus.TraceContext(ctx, e.message.Header)
	go func() {
		a := attempted{entry: e, result: sender.Send(ctx, job), began: now}
		leave()
		a.took = t.d.Clock.Now().Sub(now)
		if a.result.Outcome == Accepted { // here, so that no other waits for it
			a.removal = t.dequeue(ctx, e)
		}
		t.done <- a
	}()
	return nil
}

func (t *turn) job(e *entry) Job {
	event := e.message.Header.Get(headerEvent)
	id := deliveryID(event, t.sink.ID, e.message.Header.Get(headerAgain))
	if used := e.Unclear + e.Spent; used > 0 {
		id += "." + strconv.Itoa(used)
	}
	return Job{Subscription: t.sub, Sink: t.sink, EventID: event, Event: e.message.Data, ID: id}
}

// finish decides by the outcome of an attempt.
func (t *turn) finish(ctx context.Context, a attempted) error {
	e, result := a.entry, a.result
	e.busy = false
	t.underWay--
	*t.attempts++
	if ctx.Err() != nil && result.Outcome != Accepted {
		e.message = nil
		return nil // we stop; the sink is not to blame
	}
	now := t.d.Clock.Now()
	if t.notMade(e, result, now) {
		return nil
	}
	e.Attempts++
	age := now.Sub(e.message.Time)
	t.d.Metrics.attempt(ctx, t.sink, result, age)
	if result.Outcome == Unclear {
		e.Unclear++
	}
	t.learn(result, now)
	why, final := t.verdict(ctx, result, e.Unclear, age)
	switch {
	case final:
	case result.Earlier: // under another id it is another attempt
		e.Next = now
	default: // as old as it is, so long it waits: the pauses double
		e.Next = now.Add(t.d.jittered(max(min(max(age, minDelay), maxDelay), result.RetryAfter)))
	}
	t.d.report(t.at, e, t.sink, a, why, final)
	switch {
	case !final:
		t.d.Log.InfoContext(ctx, "a delivery failed and will be tried again", "subscription", t.sub.Name.String(), "sink", t.sink.ID, "reason", result.Reason)
		e.message = nil
		return nil
	case result.Outcome == Accepted:
		if a.removal == nil {
			t.state.remove(e)
		}
		return a.removal
	}
	return t.bury(ctx, e, why)
}

// notMade reports whether there was no attempt at all, and says when the next one is.
func (t *turn) notMade(e *entry, result Result, now time.Time) bool {
	switch {
	case result.Spent:
		e.Spent++
		e.Next = now
	case result.Outcome == Pending: // bounded by the time that the earlier one has
		e.Next = now.Add(t.d.jittered(max(result.RetryAfter, minDelay)))
	default:
		return false
	}
	e.message = nil
	return true
}

// learn notes what an attempt says about the sink.
func (t *turn) learn(result Result, now time.Time) {
	switch {
	case result.Earlier: // it was not asked
	case result.Outcome == Failed, result.Outcome == Unclear:
		t.failed(result, now)
	default:
		t.state.Failures, t.state.Failing, t.state.Rests = 0, time.Time{}, time.Time{}
	}
}

// failed leaves the sink alone for a while.
func (t *turn) failed(result Result, now time.Time) {
	if now.Before(t.state.Rests) { // with another one, which was under way at the same time
		t.state.Rests = latest(t.state.Rests, now.Add(result.RetryAfter))
		return
	}
	rest := minDelay
	for range t.state.Failures {
		rest = min(2*rest, maxRest)
	}
	if t.state.Failures == 0 {
		t.state.Failing = now
	}
	t.state.Failures++
	t.state.Rests = now.Add(max(rest, result.RetryAfter))
}

// verdict says whether an attempt was the last one, and why the delivery is dead if
// it was not accepted. unclear is how many of its attempts ended nobody knows how.
func (t *turn) verdict(ctx context.Context, result Result, unclear int, age time.Duration) (why string, final bool) {
	switch result.Outcome {
	case Accepted:
		return "", true
	case Refused:
		return result.Reason, true
	case Gone:
		if err := t.d.close(ctx, t.at, result.Reason); err != nil {
			t.d.Log.WarnContext(ctx, "a sink that is gone could not be noted", "subscription", t.sub.Name.String(), "error", err)
			return result.Reason, false
		}
		t.sink.Disabled, t.sink.DisabledReason = true, result.Reason
		return result.Reason, true
	case Unclear:
		if t.sink.Action != nil && t.sink.Action.AtMostOnce {
			return result.Reason, true
		}
		if unclear >= maxUnclear {
			return fmt.Sprintf("nobody knows of %d attempts whether the action was done: look at the API how often it was, before it is sent again; at last: %s",
				unclear, result.Reason), true
		}
	case Failed, Pending: // below
	}
	if age > t.retryFor() {
		// Only now: what waited because nobody was here to try deserves its attempt.
		return "no attempt succeeded for " + t.retryFor().String() + "; at last: " + result.Reason, true
	}
	return result.Reason, false
}

// remove takes a delivery out of the queue and forgets it.
func (t *turn) remove(ctx context.Context, e *entry) error {
	if err := t.dequeue(ctx, e); err != nil {
		return err
	}
	t.state.remove(e)
	return nil
}

// dequeue takes a delivery out of the queue. Should that fail, it is made again. It may
// be called from any goroutine.
func (t *turn) dequeue(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTime)
	defer cancel()
	err := t.queue.DeleteMsg(ctx, e.Sequence)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !notThere(err) {
		return fmt.Errorf("remove a delivery: %w", err)
	}
	return nil
}

// notThere reports whether the bus says that a message was removed before.
func notThere(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeMessageNotFound || api.Code == 404 || api.Description == "no message found")
}
