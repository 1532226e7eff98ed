package delivery

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// turnTime is after how long a sink makes room for others.
	turnTime = 10 * time.Second
	// turnPause is how long a turn waits for something to become due, instead of
	// ending.
	turnPause = 500 * time.Millisecond
	// lingering is how long a turn waits for something new once all is done: taking
	// over a sink costs more than a delivery.
	lingering = 100 * time.Millisecond
	// ahead is how many deliveries are read with one request, and aheadBytes about how
	// many bytes: each request takes as long as it takes to store an event.
	ahead      = 64
	aheadBytes = 256 << 10
	// orderPause is when it is looked again whether the events before one have been
	// queued, where that is needed for the order.
	orderPause = 10 * time.Millisecond
	// minDelay and maxDelay bound the pause between two attempts of a delivery.
	minDelay = time.Second
	maxDelay = time.Hour
	// maxRest is the longest that a sink is left alone because of failures, unless it
	// asks for more.
	maxRest = time.Minute
	// jitterShare is the part by which pauses are spread.
	jitterShare = 0.25
)

// turn is the work at one sink by the process that has its lease. Only its own
// goroutine uses it; attempts report to it.
//
// Deliveries without a key are begun in the order of the queue and do not wait for
// each other. Of those with the same key only the one whose event is the oldest is
// begun, and only once all events up to it were queued: several processes queue
// events, so that an older one may come later.
type turn struct {
	d *Deliverer
	tools

	at    bus.DeliveryAddress
	sub   core.Subscription
	sink  core.Sink
	lease *lease
	state *state
	work  jetstream.Msg // that there is something to do

	reader *bus.Reader
	read   []*jetstream.RawStreamMsg // what was read and not looked at
	dry    bool                      // there was nothing more a moment ago

	news     <-chan struct{} // readable when there is something new
	began    time.Time
	idle     time.Time // since when there is nothing to do
	held     time.Time // until when the endpoint has no room
	underWay int
	attempts *int // that are over
	done     chan attempted
}

// attempted is an attempt that is over.
type attempted struct {
	entry  *entry
	result Result
	began  time.Time
	took   time.Duration
	// removal is why a delivery that was accepted could not be taken out of the queue.
	removal error
}

var errSinkGone = errors.New("the sink is gone")

// run works at the sink for a while and returns when that has to be done again.
func (t *turn) run(ctx context.Context) after {
	t.began = t.d.Clock.Now()
	attempts, cancel := context.WithCancel(ctx)
	defer cancel()
	err := t.loop(attempts)
	cancel()
	for t.underWay > 0 { // they end at once
		err = errors.Join(err, t.finish(attempts, <-t.done))
	}
	return t.leave(ctx, err)
}

func (t *turn) loop(ctx context.Context) error {
	for {
		if err := t.upkeep(ctx); err != nil {
			return err
		}
		wait, err := t.fill(ctx)
		if err != nil {
			return err
		}
		if wait = t.patience(wait); wait < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-t.done:
			if err := t.finish(ctx, a); err != nil {
				return err
			}
			t.dry = len(t.done) > 0 // of those that are over, one looks for what is new
		case <-t.news:
			t.dry = false
		case <-t.d.Clock.After(wait):
			t.dry = false
		}
	}
}

// patience returns how long to wait at most for something to happen, when the next
// thing is due after wait; negative if the turn is over.
func (t *turn) patience(wait time.Duration) time.Duration {
	now := t.d.Clock.Now()
	switch {
	case t.underWay > 0 || wait >= 0 && wait <= turnPause:
		t.idle = time.Time{}
	case now.Sub(t.began) > turnTime, now.Before(t.state.Rests):
		return -1
	case t.idle.IsZero():
		t.idle = now
		return lingering
	case now.Sub(t.idle) >= lingering:
		return -1
	default:
		return lingering - now.Sub(t.idle)
	}
	if wait < 0 || wait > renewEvery {
		return renewEvery
	}
	return wait
}

// upkeep keeps the sink for this process.
func (t *turn) upkeep(ctx context.Context) error {
	if t.d.Clock.Now().Sub(t.lease.renewed) < renewEvery {
		return nil
	}
	t.d.settled(t.work, t.work.InProgress())
	return t.d.renew(ctx, t.lease, t.state)
}

// refresh reads how the sink is now: a secret that was rotated, or a sink that was
// disabled, counts from the next attempt on.
func (t *turn) refresh(ctx context.Context) error {
	sub, sink, err := t.d.find(ctx, t.at)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return errSinkGone
	case err != nil:
		return err
	}
	t.sub, t.sink = sub, sink
	return nil
}

// fill begins what may be begun. It returns when something may be next; negative
// if only the end of an attempt can tell.
func (t *turn) fill(ctx context.Context) (wait time.Duration, err error) {
	for {
		now := t.d.Clock.Now()
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case now.Sub(t.began) > turnTime, t.underWay >= t.atOnce():
			return -1, nil
		case now.Before(t.state.Rests):
			return t.state.Rests.Sub(now), nil
		case now.Before(t.state.Slot):
			return t.state.Slot.Sub(now), nil
		case now.Before(t.held):
			return t.held.Sub(now), nil
		}
		e, wait, err := t.choose(ctx, now)
		if err != nil || e == nil {
			return wait, err
		}
		if err := t.start(ctx, e, now); err != nil {
			return 0, err
		}
		if now.Sub(t.lease.renewed) >= renewEvery { // what is buried is not counted
			return 0, nil
		}
	}
}

// atOnce is how many attempts may be under way: one is enough to see whether a sink
// is back that has failed.
func (t *turn) atOnce() int {
	switch {
	case t.state.Failures > 0:
		return 1
	case t.sink.Concurrent > 0:
		return t.sink.Concurrent
	}
	return core.DefaultConcurrent
}

// leave ends the turn and returns when the next one is due.
func (t *turn) leave(ctx context.Context, cause error) after {
	switch {
	case errors.Is(cause, errSinkGone):
		return t.d.drop(ctx, t.tools, t.at)
	case errors.Is(cause, errHeld):
		t.d.Log.WarnContext(ctx, "another process has taken over a sink", "subscription", t.sub.Name.String(), "sink", t.sink.ID)
		return after{pause: leaseTime}
	case cause != nil && ctx.Err() == nil:
		t.d.Log.WarnContext(ctx, "the work at a sink was disturbed and goes on soon", "subscription", t.sub.Name.String(), "sink", t.sink.ID, "error", cause)
	}
	if err := t.d.release(ctx, t.lease, t.state); err != nil {
		t.d.Log.WarnContext(ctx, "the state of a sink could not be stored", "subscription", t.sub.Name.String(), "sink", t.sink.ID, "error", err)
		return after{pause: leaseTime}
	}
	if cause != nil {
		return after{pause: troublePause}
	}
	// From here on others may serve it, and whoever was told that it is being served
	// relies on us to look once more.
	t.d.end(t.at)
	return t.next(ctx)
}

// next returns when the sink has to be looked at again.
func (t *turn) next(ctx context.Context) after {
	now := t.d.Clock.Now()
	if rest := latest(t.held, latest(t.state.Rests, t.state.Slot)).Sub(now); rest > 0 {
		return after{pause: rest}
	}
	_, wait := t.due(now, math.MaxUint64)
	if wait < 0 && len(t.state.Entries) > 0 {
		wait = orderPause
	}
	if len(t.state.Entries) < maxEntries {
		switch empty, err := t.d.empty(ctx, t.tools, t.at, t.state.Cursor); {
		case err != nil:
			return after{pause: troublePause}
		case !empty:
			wait = 0
		}
	}
	switch {
	case wait < 0:
		return drained
	case wait > 0:
		return after{pause: wait}
	}
	// Behind the other sinks: what is given back is delivered before what is new.
	if err := t.d.wake(ctx, t.at); err != nil {
		return after{pause: troublePause}
	}
	return drained
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
