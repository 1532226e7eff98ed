package delivery

import (
	"context"
	"errors"
	"sync"
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
type Dispatcher struct {
	queue *Queue
	here  *Deliverer
}

// NewDispatcher returns a dispatcher that starts with Run. here is the deliverer of the
// same process; nil if it has none.
func NewDispatcher(q *Queue, here *Deliverer) *Dispatcher { return &Dispatcher{queue: q, here: here} }

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

// queued is an event on its way into the queues of its sinks.
type queued struct {
	message jetstream.Msg
	sinks   []bus.DeliveryAddress
	waits   []func() error // of each sink
}

// wait waits until the event is in the queues of all its sinks.
func (q queued) wait() error {
	var errs []error
	for _, wait := range q.waits {
		errs = append(errs, wait())
	}
	return errors.Join(errs...)
}

// batch queues events, all at a time and in their order, says once for each sink that
// there is work, and only then acknowledges the events.
func (d *Dispatcher) batch(ctx context.Context, batch []jetstream.Msg) {
	started, known := make([]queued, 0, len(batch)), subscriptions{of: d.queue.Subscriptions}
	for _, m := range batch {
		q, err := d.dispatch(ctx, m, &known)
		if err != nil {
			_ = q.wait() // whatever became of it, all of it is tried again
			d.retry(ctx, m, err)
			continue
		}
		started = append(started, q)
	}
	var done []jetstream.Msg
	touched := map[bus.DeliveryAddress]struct{}{}
	for _, q := range started {
		if err := q.wait(); err != nil {
			d.retry(ctx, q.message, err)
			continue
		}
		done = append(done, q.message)
		for _, at := range q.sinks {
			touched[at] = struct{}{}
		}
	}
	if err := d.wakeAll(ctx, touched); err != nil {
		for _, m := range done {
			d.retry(ctx, m, err)
		}
		return
	}
	for _, m := range done {
		d.queue.settled(m, m.Ack())
	}
}

// wakeAll says for each sink that there is work: to this process, where that serves the
// sink just now and will look once more before it leaves it, else to all.
func (d *Dispatcher) wakeAll(ctx context.Context, sinks map[bus.DeliveryAddress]struct{}) error {
	var running sync.WaitGroup
	failed := make(chan error, len(sinks))
	for at := range sinks {
		if d.here == nil || !d.here.poke(at) {
			running.Go(func() { failed <- d.queue.wake(ctx, at) })
		}
	}
	running.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (d *Dispatcher) retry(ctx context.Context, m jetstream.Msg, err error) {
	if ctx.Err() == nil {
		d.queue.Log.WarnContext(ctx, "an event could not be queued for its sinks and will be tried again", "subject", m.Subject(), "error", err)
	}
	d.queue.settled(m, m.NakWithDelay(dispatchPause))
}

// dispatch begins to queue an event for each sink of its subscription. Queued twice, it
// is dropped by its id.
func (d *Dispatcher) dispatch(ctx context.Context, m jetstream.Msg, known *subscriptions) (queued, error) {
	q := queued{message: m}
	uid := m.Headers().Get(events.HeaderSubscription)
	if uid == "" {
		return q, nil // nobody of ours made it
	}
	meta, err := m.Metadata()
	if err != nil {
		return q, err
	}
	sub, err := known.byUID(ctx, uid)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return q, nil // deleted: what is inactive is inactive
	case err != nil:
		return q, err
	}
	event := Event{ID: m.Headers().Get(jetstream.MsgIDHeader), Data: m.Data(), Sequence: meta.Sequence.Stream}
	for _, sink := range sub.Sinks {
		wait, err := d.queue.start(bus.TraceContext(ctx, m.Headers()), sub, sink, event, "")
		if err != nil {
			return q, err
		}
		if wait != nil {
			q.sinks, q.waits = append(q.sinks, address(sub, sink)), append(q.waits, wait)
		}
	}
	return q, nil
}

// subscriptions are those of a batch of events, of which many are of the same one. Each
// is read once.
type subscriptions struct {
	of   Subscriptions
	read map[string]core.Subscription
}

func (s *subscriptions) byUID(ctx context.Context, uid string) (core.Subscription, error) {
	if sub, ok := s.read[uid]; ok {
		return sub, nil
	}
	sub, err := s.of.ByUID(ctx, uid)
	if err != nil {
		return sub, err
	}
	if s.read == nil {
		s.read = map[string]core.Subscription{}
	}
	s.read[uid] = sub
	return sub, nil
}
