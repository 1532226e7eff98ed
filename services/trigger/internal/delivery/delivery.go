// Package delivery brings events to the sinks of their subscriptions.
//
// A [Dispatcher] reads the log of events and lets a [Queue] put one delivery for
// each sink that wants the event onto the sink's own subject, where it stays until
// it was accepted or is dead. Besides, the queue says that there is something to do
// for the sink: one message for each sink, however many deliveries wait. A
// [Deliverer] takes such a message, becomes the only one of all processes that
// serves the sink, and works through its deliveries in turns, see turn.go. So the
// bounds of a sink hold for the installation as a whole, keys keep their order, and
// what waits costs nothing but its place on disk.
//
// Each step is durable before the one that builds on it: a process may die at any
// moment, the next one goes on, and an event may arrive twice with the same id.
//
// A kind of sink is a [Sender] in a file of its own and an entry in the list that
// [NewDeliverer] is given.
package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// headerSink is the header with the id of the sink in its subscription.
	headerSink = "Ferrule-Sink"
	// headerEvent is the header with the id of the event.
	headerEvent = "Ferrule-Event"
	// headerOrder is the header with the hash of the key that orders deliveries;
	// absent where no order is kept.
	headerOrder = "Ferrule-Order"
	// headerSequence is the header with the position of the event in the log.
	headerSequence = "Ferrule-Sequence"
	// headerAgain is the header that tells a delivery that was asked for again from
	// the first one of the same event.
	headerAgain = "Ferrule-Again"
	// headerReason is the header of a dead letter with the reason, and headerAttempts
	// that with the number of attempts.
	headerReason   = "Ferrule-Reason"
	headerAttempts = "Ferrule-Attempts"

	// operationTime bounds one exchange with the bus.
	operationTime = 5 * time.Second
	// troublePause separates attempts while the bus or the store cannot be used.
	troublePause = time.Second
)

// Subscriptions is what is known about the subscriptions of events.
type Subscriptions interface {
	// ByUID returns a subscription, or core.ErrNotFound.
	ByUID(ctx context.Context, uid string) (core.Subscription, error)
	// Alter changes a subscription, see core.Store.
	Alter(ctx context.Context, uid string, change func(*core.Subscription) error) (core.Subscription, error)
}

// Publisher stores messages on the bus, see bus.Bus.
type Publisher interface {
	outbox.Publisher
	// Start is Publish for many messages at a time: wait returns once this one is safe.
	// Those of one stream are stored in the order in which they were started.
	Start(ctx context.Context, m outbox.Message) (wait func() error)
}

// Ports are what all parts stand on. All are required.
type Ports struct {
	JetStream     jetstream.JetStream
	Publisher     Publisher
	Subscriptions Subscriptions
	Clock         clock.Clock
	Log           *slog.Logger
	// Dice returns random numbers from 0 up to 1.
	Dice func() float64
	// Metrics count what happens.
	Metrics *Metrics
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
		if !p.pause(ctx, troublePause) {
			return nil
		}
	}
}

// pause waits; false if ctx ended.
func (p Ports) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.Clock.After(d):
		return true
	}
}

// jittered makes a pause longer by a random part, so that what waits together
// does not come back together.
func (p Ports) jittered(d time.Duration) time.Duration {
	return d + time.Duration(p.Dice()*jitterShare*float64(d))
}
