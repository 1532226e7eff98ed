// Package delivery brings events to the sinks of their subscriptions.
//
// A [Dispatcher] reads the log of events and puts one delivery for each sink
// into a work queue. A [Deliverer] takes deliveries from the queue and posts
// them, as often and for as long as it takes; what fails for good becomes a dead
// letter. Both positions are kept by the bus, so that a process may die at any
// moment: the next one goes on, and an event may arrive twice with the same id.
//
// A new kind of sink is a sender beside the one for HTTP, with a name of its own
// in the subjects of deliveries.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

const (
	// headerSink is the header with the id of the sink in its subscription.
	headerSink = "Ferrule-Sink"

	// ackWait is how long a message stays with a process that has died. One that
	// lives says so more often, see heartbeat.
	ackWait = 10 * time.Second
	// heartbeat is how often a process says that a message is still at work.
	heartbeat = ackWait / 4
	// dispatchAhead is how many events are at work in one process. Queueing one
	// twice is harmless: it is dropped by its id.
	dispatchAhead = 64
	// dispatchPause is when an event is tried again that could not be dispatched.
	dispatchPause = time.Second
	// troublePause separates attempts while the bus cannot give work.
	troublePause = time.Second
	// operationTime bounds one exchange with the bus.
	operationTime = 5 * time.Second
)

// Subscriptions is what is known about the subscriptions of events.
type Subscriptions interface {
	// ByUID returns a subscription, or core.ErrNotFound.
	ByUID(ctx context.Context, uid string) (core.Subscription, error)
	// Alter changes a subscription, see core.Store.
	Alter(ctx context.Context, uid string, change func(*core.Subscription) error) (core.Subscription, error)
}

// Ports are what both parts stand on. All are required.
type Ports struct {
	JetStream     jetstream.JetStream
	Publisher     outbox.Publisher
	Subscriptions Subscriptions
	Clock         clock.Clock
	Log           *slog.Logger
}

// Dispatcher puts deliveries into the queue.
type Dispatcher struct{ Ports }

// NewDispatcher returns a dispatcher that starts with Run.
func NewDispatcher(p Ports) *Dispatcher { return &Dispatcher{p} }

// Run dispatches events, one after the other, until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	return d.consume(ctx, bus.StreamEvents, bus.SinksConsumer(ackWait, dispatchAhead), d.read)
}

// read dispatches what a consumer has.
func (d *Dispatcher) read(ctx context.Context, consumer jetstream.Consumer) error {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(dispatchAhead))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if err := d.dispatch(ctx, m); err != nil {
			d.Log.WarnContext(ctx, "an event could not be queued for its sinks and will be tried again", "subject", m.Subject(), "error", err)
			d.settled(m, m.NakWithDelay(dispatchPause))
			continue
		}
		d.settled(m, m.Ack())
	}
}

// dispatch queues an event for each sink of its subscription. Queued twice, it is
// dropped by its id.
func (d *Dispatcher) dispatch(ctx context.Context, m jetstream.Msg) error {
	uid := m.Headers().Get(events.HeaderSubscription)
	if uid == "" {
		return nil // nobody of ours made it
	}
	sub, err := d.Subscriptions.ByUID(ctx, uid)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return nil // deleted: what is inactive is inactive
	case err != nil:
		return err
	}
	id := m.Headers().Get(jetstream.MsgIDHeader)
	for _, sink := range sub.Sinks {
		if sink.Disabled || sub.Deleting || sink.HTTP == nil {
			continue
		}
		err := d.Publisher.Publish(bus.TraceContext(ctx, m.Headers()), outbox.Message{
			ID:      id + "." + sink.ID,
			Subject: address(sub).Subject(),
			Data:    m.Data(),
			Header:  map[string]string{events.HeaderSubscription: uid, headerSink: sink.ID},
		})
		if err != nil {
			return fmt.Errorf("queue for sink %s of %s: %w", sink.ID, sub.Name, err)
		}
	}
	return nil
}

func address(s core.Subscription) bus.DeliveryAddress {
	return bus.DeliveryAddress{Sink: bus.SinkHTTP, Environment: s.Name.Environment, Subscription: s.Name.ID}
}

// alive tells the bus that a message is at work until the returned function is
// called, so that no other process gets it meanwhile.
func (p Ports) alive(m jetstream.Msg) (stop func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case <-p.Clock.After(heartbeat):
				p.settled(m, m.InProgress())
			}
		}
	}()
	return func() { close(done); <-over }
}

// settled notes that the bus was not told how a message ended. Nothing is lost:
// it comes again.
func (p Ports) settled(m jetstream.Msg, err error) {
	if err != nil {
		p.Log.Debug("a message was not settled and will come again", "subject", m.Subject(), "error", err)
	}
}

// consume calls read with a durable consumer, and again whenever it ends, until
// ctx ends.
func (p Ports) consume(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, read func(context.Context, jetstream.Consumer) error) error {
	for {
		consumer, err := p.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
		if err == nil {
			err = read(ctx, consumer)
		}
		if ctx.Err() == nil {
			p.Log.WarnContext(ctx, "the queue was disturbed and will be read again", "consumer", cfg.Durable, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.Clock.After(troublePause):
		}
	}
}
