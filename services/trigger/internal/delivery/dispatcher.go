package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

const (
	// dispatchWait is how long an event stays with a process that has died.
	dispatchWait = 10 * time.Second
	// dispatchAhead is how many events are at work in the process that dispatches.
	// Queueing one twice is harmless: it is dropped by its id.
	dispatchAhead = 64
	// drainTime bounds the wait for the bus to stop giving events to a process that
	// stops.
	drainTime = 500 * time.Millisecond
	// dispatchPause is when an event is tried again that could not be dispatched.
	dispatchPause = time.Second
)

// Dispatcher puts events into the queues of their sinks. All processes share the
// work; where a sink wants an order, its deliverer looks at what they have done, see
// turn.go.
type Dispatcher struct{ queue *Queue }

// NewDispatcher returns a dispatcher that starts with Run.
func NewDispatcher(q *Queue) *Dispatcher { return &Dispatcher{queue: q} }

// Run dispatches events until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	return d.queue.consume(ctx, bus.StreamEvents, bus.SinksConsumer(dispatchWait, dispatchAhead), d.read)
}

// read dispatches what a consumer has.
func (d *Dispatcher) read(ctx context.Context, consumer jetstream.Consumer) error {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(dispatchAhead))
	if err != nil {
		return err
	}
	stopping := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	arrived, pumping := make(chan jetstream.Msg, dispatchAhead), make(chan struct{})
	defer func() {
		cancel(nil)
		<-pumping
		d.giveBack(messages, arrived, stopping.Err() != nil)
	}()
	go func() {
		defer close(pumping)
		for {
			m, err := messages.Next(jetstream.NextContext(ctx))
			if err != nil {
				cancel(err)
				return
			}
			select {
			case arrived <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-arrived:
			d.batch(ctx, gather(m, arrived))
		}
	}
}

// giveBack ends the reading. What this process was given and has not begun is for
// another one at once, instead of after a while.
func (d *Dispatcher) giveBack(messages jetstream.MessagesContext, arrived <-chan jetstream.Msg, orderly bool) {
	if !orderly {
		messages.Stop()
		return
	}
	messages.Drain()
	for {
		m, err := messages.Next(jetstream.NextMaxWait(drainTime))
		if err != nil {
			break
		}
		d.queue.settled(m, m.Nak())
	}
	for {
		select {
		case m := <-arrived:
			d.queue.settled(m, m.Nak())
		default:
			return
		}
	}
}

// gather returns a message and what has arrived behind it.
func gather(first jetstream.Msg, more <-chan jetstream.Msg) []jetstream.Msg {
	batch := []jetstream.Msg{first}
	for len(batch) < dispatchAhead {
		select {
		case m := <-more:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// batch queues events, says once for each sink that there is work, and only then
// acknowledges the events.
func (d *Dispatcher) batch(ctx context.Context, batch []jetstream.Msg) {
	var done []jetstream.Msg
	touched := map[bus.DeliveryAddress]struct{}{}
	for _, m := range batch {
		if err := d.dispatch(ctx, m, touched); err != nil {
			d.retry(ctx, m, err)
			continue
		}
		done = append(done, m)
	}
	for at := range touched {
		if err := d.queue.wake(ctx, at); err != nil {
			for _, m := range done {
				d.retry(ctx, m, err)
			}
			return
		}
	}
	for _, m := range done {
		d.queue.settled(m, m.Ack())
	}
}

func (d *Dispatcher) retry(ctx context.Context, m jetstream.Msg, err error) {
	if ctx.Err() == nil {
		d.queue.Log.WarnContext(ctx, "an event could not be queued for its sinks and will be tried again", "subject", m.Subject(), "error", err)
	}
	d.queue.settled(m, m.NakWithDelay(dispatchPause))
}

// dispatch queues an event for each sink of its subscription. Queued twice, it is
// dropped by its id.
func (d *Dispatcher) dispatch(ctx context.Context, m jetstream.Msg, touched map[bus.DeliveryAddress]struct{}) error {
	uid := m.Headers().Get(events.HeaderSubscription)
	if uid == "" {
		return nil // nobody of ours made it
	}
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	sub, err := d.queue.Subscriptions.ByUID(ctx, uid)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return nil // deleted: what is inactive is inactive
	case err != nil:
		return err
	}
	event := Event{ID: m.Headers().Get(jetstream.MsgIDHeader), Data: m.Data(), Sequence: meta.Sequence.Stream}
	for _, sink := range sub.Sinks {
		wanted, err := d.queue.Put(bus.TraceContext(ctx, m.Headers()), sub, sink, event, "")
		if err != nil {
			return err
		}
		if wanted {
			touched[address(sub, sink)] = struct{}{}
		}
	}
	return nil
}
