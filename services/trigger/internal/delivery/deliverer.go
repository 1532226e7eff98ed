package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

const (
	// patience is how old a delivery becomes by failing: an attempt that fails after
	// that is the last.
	patience = 72 * time.Hour
	// minDelay and maxDelay bound the pause between two attempts of a delivery.
	minDelay = time.Second
	maxDelay = time.Hour
	// pullWait is how long a worker waits for work before it asks again.
	pullWait = 30 * time.Second
)

// Sender makes one attempt.
type Sender interface {
	// Send posts an event to a sink.
	Send(ctx context.Context, target string, event []byte) Result
}

// Deliverer takes deliveries from the queue.
type Deliverer struct {
	Ports

	sender    Sender
	workers   int
	endpoints *endpoints
}

// NewDeliverer returns a deliverer with a number of workers, which bounds the
// attempts that are made at the same time. dice returns random numbers from 0 up
// to 1. It starts with Run.
func NewDeliverer(p Ports, sender Sender, workers int, dice func() float64) *Deliverer {
	return &Deliverer{Ports: p, sender: sender, workers: max(workers, 1), endpoints: newEndpoints(p.Clock, dice)}
}

// Run delivers until ctx ends and all attempts under way are over.
func (d *Deliverer) Run(ctx context.Context) error {
	return d.consume(ctx, bus.StreamDeliveries, bus.HTTPSinkConsumer(ackWait), d.work)
}

// work runs the workers until one of them finds the queue disturbed.
func (d *Deliverer) work(ctx context.Context, consumer jetstream.Consumer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for range d.workers {
		running.Go(func() { cancel(d.worker(ctx, consumer)) })
	}
	running.Wait()
	return context.Cause(ctx)
}

// worker takes one delivery at a time, so that nothing waits in its memory.
func (d *Deliverer) worker(ctx context.Context, consumer jetstream.Consumer) error {
	for ctx.Err() == nil {
		m, err := next(ctx, consumer)
		switch {
		case err == nil:
			d.process(ctx, m)
		case errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded):
			// nothing to do
		default:
			return err
		}
	}
	return ctx.Err()
}

func next(ctx context.Context, consumer jetstream.Consumer) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	return consumer.Next(jetstream.FetchContext(ctx))
}

// process makes an attempt and settles the message.
func (d *Deliverer) process(ctx context.Context, m jetstream.Msg) {
	stop := d.alive(m)
	verdict := d.attempt(ctx, m)
	stop()
	if ctx.Err() != nil && !verdict.done {
		d.settled(m, m.Nak()) // at once, for another process
		return
	}
	// The stop of the process must not keep what was done from being confirmed.
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTime)
	defer cancel()
	if verdict.dead != "" {
		if err := d.bury(detached, m, verdict.dead); err != nil {
			d.Log.WarnContext(ctx, "a failed delivery could not be kept as a dead letter and stays in the queue", "subject", m.Subject(), "error", err)
			verdict = later(minDelay)
		}
	}
	if verdict.done {
		d.settled(m, m.DoubleAck(detached))
		return
	}
	d.settled(m, m.NakWithDelay(verdict.delay))
}

// verdict says what becomes of a delivery.
type verdict struct {
	done  bool          // leaves the queue
	dead  string        // why it becomes a dead letter before that, unless empty
	delay time.Duration // until the next attempt otherwise
}

func later(d time.Duration) verdict { return verdict{delay: d} }

// attempt finds the endpoint of a delivery and posts to it if that may be done
// now.
func (d *Deliverer) attempt(ctx context.Context, m jetstream.Msg) verdict {
	meta, err := m.Metadata()
	if err != nil {
		return later(minDelay)
	}
	age := d.Clock.Now().Sub(meta.Timestamp)
	sub, sink, err := d.sinkOf(ctx, m)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return verdict{done: true} // the subscription is gone
	case err != nil:
		d.Log.WarnContext(ctx, "the sink of a delivery could not be looked up", "subject", m.Subject(), "error", err)
		return later(minDelay)
	case sink.Disabled:
		return verdict{done: true, dead: "the sink is disabled: " + sink.DisabledReason}
	}
	target := sink.HTTP.URL
	release, wait := d.endpoints.admit(target)
	switch {
	case wait > 0 && age > patience && d.endpoints.failingFor(target) > patience:
		// Attempts have been made all the time, with others: one for each would keep
		// the queue from ever becoming shorter.
		return verdict{done: true, dead: "no attempt at the endpoint succeeded for " + patience.String()}
	case wait > 0:
		return later(wait)
	}
	result := d.sender.Send(ctx, target, m.Data())
	if ctx.Err() != nil && result.Outcome != Accepted {
		release(result, false) // we stop; the endpoint is not to blame
		return later(0)
	}
	release(result, true)
	return d.judge(ctx, sub, sink, result, age)
}

// judge decides by the endpoint's answer.
func (d *Deliverer) judge(ctx context.Context, sub core.Subscription, sink core.Sink, result Result, age time.Duration) verdict {
	switch result.Outcome {
	case Accepted:
		return verdict{done: true}
	case Gone:
		if err := d.close(ctx, sub.UID, sink.ID, result.Reason); err != nil {
			d.Log.WarnContext(ctx, "an endpoint that is gone could not be noted", "subscription", sub.Name.String(), "error", err)
			return later(minDelay)
		}
		return verdict{done: true, dead: result.Reason}
	case Failed: // below
	}
	if age > patience {
		// Only now: what waited because nobody was here to try deserves its attempt.
		return verdict{done: true, dead: "no attempt succeeded for " + patience.String() + "; at last: " + result.Reason}
	}
	d.Log.InfoContext(ctx, "a delivery failed and will be tried again", "subscription", sub.Name.String(), "sink", sink.ID, "reason", result.Reason)
	// As old as it is, so long it waits: the pauses double.
	delay := min(max(age, minDelay), maxDelay)
	return later(d.endpoints.jittered(max(delay, result.RetryAfter)))
}

// close notes that an endpoint wants no more events.
func (d *Deliverer) close(ctx context.Context, uid, sink, why string) error {
	_, err := d.Subscriptions.Alter(context.WithoutCancel(ctx), uid, func(s *core.Subscription) error {
		for i := range s.Sinks {
			if s.Sinks[i].ID == sink {
				s.Sinks[i].Disabled, s.Sinks[i].DisabledReason = true, why
			}
		}
		return nil
	})
	if errors.Is(err, core.ErrNotFound) {
		return nil
	}
	return err
}

// sinkOf returns the subscription of a delivery and its sink. What does not exist
// any more is core.ErrNotFound.
func (d *Deliverer) sinkOf(ctx context.Context, m jetstream.Msg) (core.Subscription, core.Sink, error) {
	sub, err := d.Subscriptions.ByUID(ctx, m.Headers().Get(events.HeaderSubscription))
	if err != nil {
		return core.Subscription{}, core.Sink{}, err
	}
	i := slices.IndexFunc(sub.Sinks, func(s core.Sink) bool { return s.ID == m.Headers().Get(headerSink) })
	if sub.Deleting || i < 0 || sub.Sinks[i].HTTP == nil {
		return core.Subscription{}, core.Sink{}, core.ErrNotFound
	}
	return sub, sub.Sinks[i], nil
}

// bury keeps a delivery as a dead letter.
func (d *Deliverer) bury(ctx context.Context, m jetstream.Msg, why string) error {
	to, err := bus.ParseDelivery(m.Subject())
	if err != nil {
		return err
	}
	header := map[string]string{"Ferrule-Reason": why}
	for _, name := range []string{events.HeaderSubscription, headerSink} {
		header[name] = m.Headers().Get(name)
	}
	err = d.Publisher.Publish(bus.TraceContext(ctx, m.Headers()), outbox.Message{
		ID: m.Headers().Get(jetstream.MsgIDHeader), Subject: to.DeadLetterSubject(), Data: m.Data(), Header: header,
	})
	if err != nil {
		return fmt.Errorf("keep a dead letter: %w", err)
	}
	d.Log.WarnContext(ctx, "a delivery failed for good and was kept as a dead letter", "subject", m.Subject(), "reason", why)
	return nil
}
