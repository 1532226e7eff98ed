package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

// Queue puts events on their way to sinks. It is safe for concurrent use.
type Queue struct {
	Ports

	conditions *compiled[*mapping.Condition]
	keys       *compiled[*mapping.Key]
}

// NewQueue returns the queue.
func NewQueue(p Ports) *Queue {
	return &Queue{Ports: p, conditions: newCompiled(mapping.CompileCondition), keys: newCompiled(mapping.CompileKey)}
}

// Event is an event as it lies in the log.
type Event struct {
	// ID is the event's id.
	ID string
	// Data is the CloudEvent in JSON.
	Data []byte
	// Sequence is its position in the log of events.
	Sequence uint64
}

// Put queues an event for a sink of its subscription and reports whether the sink
// wants it: a disabled one does not, nor one whose condition is false. When it
// returns without error, the delivery is safe, and the caller has to call
// [Queue.Wake] for the sink.
//
// again tells this delivery from others of the same event to the same sink: with
// the same value, empty at first, it is queued once (within the bus's window of
// deduplication), with another one it is queued again. It has at most 64 characters
// that are safe in names.
//
// An expression that fails makes a dead letter.
func (q *Queue) Put(ctx context.Context, sub core.Subscription, sink core.Sink, e Event, again string) (wanted bool, err error) {
	wait, err := q.start(ctx, sub, sink, e, again)
	if err != nil || wait == nil {
		return false, err
	}
	if err := wait(); err != nil {
		return false, err
	}
	return true, nil
}

// start is Put that does not wait: the delivery is safe once wait has returned nil.
// wait is nil if the sink does not want the event.
func (q *Queue) start(ctx context.Context, sub core.Subscription, sink core.Sink, e Event, again string) (wait func() error, err error) {
	if sink.Disabled || sub.Deleting {
		return nil, nil
	}
	order, wanted, err := q.judge(ctx, sink, e)
	if failure, ok := errors.AsType[*mapping.Error](err); ok {
		err := q.bury(ctx, sub, sink, e, again, failure)
		return func() error { return nil }, err
	}
	if err != nil || !wanted {
		return nil, err
	}
	m := outbox.Message{
		ID: deliveryID(e.ID, sink.ID, again), Subject: address(sub, sink).Subject(), Data: e.Data, Header: header(sub, sink, e, again),
	}
	if order != "" {
		m.Header[headerOrder] = order
	}
	stored := q.Publisher.Start(ctx, m)
	return func() error {
		if err := stored(); err != nil {
			return fmt.Errorf("queue for sink %s of %s: %w", sink.ID, sub.Name, err)
		}
		return nil
	}, nil
}

// deliveryID tells deliveries apart.
func deliveryID(event, sink, again string) string {
	id := event + "." + sink
	if again != "" {
		id += "." + again
	}
	return id
}

func header(sub core.Subscription, sink core.Sink, e Event, again string) map[string]string {
	h := map[string]string{
		events.HeaderSubscription: sub.UID, headerSink: sink.ID, headerEvent: e.ID, headerSequence: strconv.FormatUint(e.Sequence, 10),
	}
	if again != "" {
		h[headerAgain] = again
	}
	return h
}

func address(sub core.Subscription, sink core.Sink) bus.DeliveryAddress {
	return bus.DeliveryAddress{Environment: sub.Name.Environment, Subscription: sub.UID, Sink: sink.ID}
}

// judge evaluates what the sink's owner has written about its events.
func (q *Queue) judge(ctx context.Context, sink core.Sink, e Event) (order string, wanted bool, err error) {
	if sink.Condition == "" && sink.OrderBy == "" {
		return "", true, nil
	}
	event, err := mapping.Parse(e.Data)
	if err != nil {
		return "", false, &mapping.Error{Problem: "the event cannot be read"}
	}
	if sink.Condition != "" {
		condition, err := q.conditions.get(sink.Condition)
		if err != nil {
			return "", false, err
		}
		if holds, err := condition.Holds(ctx, event); err != nil || !holds {
			return "", false, err
		}
	}
	if sink.OrderBy == "" {
		return "", true, nil
	}
	key, err := q.keys.get(sink.OrderBy)
	if err != nil {
		return "", false, err
	}
	value, err := key.Of(ctx, event)
	if err != nil {
		return "", false, err
	}
	hash := sha256.Sum256([]byte(value))
	return hex.EncodeToString(hash[:8]), true, nil
}

// bury keeps a delivery whose condition or key failed as a dead letter.
func (q *Queue) bury(ctx context.Context, sub core.Subscription, sink core.Sink, e Event, again string, why error) error {
	h := header(sub, sink, e, again)
	h[headerReason], h[headerAttempts] = reasonText(why.Error()), "0"
	err := q.Publisher.Publish(ctx, outbox.Message{
		ID: deliveryID(e.ID, sink.ID, again) + ".unjudged", Subject: address(sub, sink).DeadLetterSubject(), Data: e.Data, Header: h,
	})
	if err != nil {
		return fmt.Errorf("keep a dead letter: %w", err)
	}
	q.Metrics.dead(ctx)
	q.Log.WarnContext(ctx, "an event could not be judged for a sink and was kept as a dead letter", "subscription", sub.Name.String(), "sink", sink.ID, "reason", why.Error())
	return nil
}

// Wake says that there is something to do for a sink. It is harmless if there is
// not.
func (q *Queue) Wake(ctx context.Context, sub core.Subscription, sink core.Sink) error {
	return q.wake(ctx, address(sub, sink))
}

func (p Ports) wake(ctx context.Context, at bus.DeliveryAddress, opts ...jetstream.PublishOpt) error {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	if _, err := p.JetStream.PublishMsg(ctx, &nats.Msg{Subject: at.WorkSubject()}, opts...); err != nil {
		return fmt.Errorf("say that there is work for sink %s: %w", at.Sink, err)
	}
	return nil
}

// maxCompiled is how many expressions are remembered.
const maxCompiled = 4096

// compiled remembers what texts were compiled to, as compiling takes far longer
// than evaluating.
type compiled[T any] struct {
	compile func(string) (T, error)

	mu    sync.Mutex
	known map[string]T
}

func newCompiled[T any](compile func(string) (T, error)) *compiled[T] {
	return &compiled[T]{compile: compile, known: map[string]T{}}
}

func (c *compiled[T]) get(text string) (T, error) {
	c.mu.Lock()
	value, ok := c.known[text]
	c.mu.Unlock()
	if ok {
		return value, nil
	}
	value, err := c.compile(text)
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.known { // any other has to go
		if len(c.known) < maxCompiled {
			break
		}
		delete(c.known, old)
	}
	c.known[text] = value
	return value, nil
}
