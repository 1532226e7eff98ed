package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// maxLetters is how many dead letters of a subscription are listed: the latest.
	maxLetters = 10_000
	// maxShown is how many attempts of a delivery are shown: the latest.
	maxShown = 50
	// scanBatch is how many messages are asked for at once, and scanWait how long the
	// bus may take for them.
	scanBatch = 500
	scanWait  = 5 * time.Second
	// scanForgotten is when the bus removes a consumer that was left behind.
	scanForgotten = time.Minute
)

// State is where a delivery stands.
type State int

// The states, with the numbers of the interface.
const (
	StateUnspecified State = iota
	// StatePending means that it waits for its next attempt.
	StatePending
	// StateDelivered means that the sink accepted it.
	StateDelivered
	// StateDead means that it failed for good.
	StateDead
)

// Delivery is one event on its way to one sink.
type Delivery struct {
	// EventID and Sink are the ids of both.
	EventID, Sink string
	State         State
	// Attempts are those that are remembered, oldest first, at most 50.
	Attempts []Attempt
	// Next is when the next attempt is due; zero unless it is pending.
	Next time.Time
	// Reason says why it is dead.
	Reason string
	// Last is when something last happened to it.
	Last time.Time
}

// ID is the event's id, a dot and the sink's.
func (d Delivery) ID() string { return deliveryID(d.EventID, d.Sink, "") }

// Attempt is one attempt to deliver.
type Attempt struct {
	// Time is when it began, Duration how long it took.
	Time     time.Time
	Duration time.Duration
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int
	// Reason says why it failed; empty if it was accepted.
	Reason string
	// Number counts from 1.
	Number int
}

// Archive knows what became of deliveries. It is safe for concurrent use.
type Archive struct{ queue *Queue }

// NewArchive returns the archive of a queue.
func NewArchive(q *Queue) *Archive { return &Archive{queue: q} }

// List returns the deliveries of a subscription that are known: those with an
// attempt that is remembered, and the latest 10,000 dead ones. The latest comes
// first.
func (a *Archive) List(ctx context.Context, sub core.Subscription) ([]Delivery, error) {
	found := map[string]*Delivery{}
	at := bus.DeliveryAddress{Environment: sub.Name.Environment, Subscription: sub.UID}
	if err := a.scan(ctx, bus.StreamAttempts, at.AttemptSubject(), false, func(m jetstream.Msg) error {
		noteAttempt(found, m)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	var letters []*Delivery
	if err := a.scan(ctx, bus.StreamDeadLetters, at.DeadLetterFilter(), true, func(m jetstream.Msg) error {
		letters = append(letters, letter(m))
		if len(letters) > 2*maxLetters {
			letters = slices.Clone(letters[len(letters)-maxLetters:])
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	for _, l := range letters[max(0, len(letters)-maxLetters):] {
		if d := found[l.ID()]; d != nil {
			l.Attempts, l.Last = d.Attempts, latest(l.Last, d.Last)
		}
		found[l.ID()] = l
	}
	list := make([]Delivery, 0, len(found))
	for _, d := range found {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(x, y Delivery) int { return cmp.Or(y.Last.Compare(x.Last), cmp.Compare(x.ID(), y.ID())) })
	return list, nil
}

// noteAttempt adds an attempt to its delivery.
func noteAttempt(found map[string]*Delivery, m jetstream.Msg) {
	var r attemptRecord
	if json.Unmarshal(m.Data(), &r) != nil {
		return // nobody of ours wrote it
	}
	id := deliveryID(r.Event, r.Sink, "")
	d := found[id]
	if d == nil {
		d = &Delivery{EventID: r.Event, Sink: r.Sink}
		found[id] = d
	}
	d.Attempts = append(d.Attempts, Attempt{Time: r.Time, Duration: r.Duration, Status: r.Status, Reason: r.Reason, Number: r.Number})
	if len(d.Attempts) > maxShown {
		d.Attempts = d.Attempts[1:]
	}
	d.Last, d.Next = r.Time, r.Next
	// A dead one is in the dead letters, or has been queued again since.
	d.State = StatePending
	if r.Accepted {
		d.State = StateDelivered
	}
}

// letter reads a dead letter.
func letter(m jetstream.Msg) *Delivery {
	h := m.Headers()
	d := &Delivery{EventID: h.Get(headerEvent), Sink: h.Get(headerSink), State: StateDead, Reason: h.Get(headerReason)}
	if meta, err := m.Metadata(); err == nil {
		d.Last = meta.Timestamp
	}
	return d
}

// Selection says which dead letters of a subscription are meant.
type Selection struct {
	// IDs are those of deliveries, see [Delivery.ID]; nil for all.
	IDs map[string]bool
	// Sink is the id of a sink; empty for all.
	Sink string
}

// Redeliver queues deliveries again that failed for good, and returns how many. Each
// is queued before its dead letter is removed: what was done stays done if ctx ends,
// and repeating it goes on from there. What the condition of its sink does not want
// any more is dropped; what belongs to a sink that is disabled or gone stays.
func (a *Archive) Redeliver(ctx context.Context, sub core.Subscription, which Selection) (n int, err error) {
	letters, err := a.queue.JetStream.Stream(ctx, bus.StreamDeadLetters)
	if err != nil {
		return 0, fmt.Errorf("open the dead letters: %w", err)
	}
	sinks, err := wanted(sub, which)
	if err != nil {
		return 0, err
	}
	touched := map[string]bool{}
	filter := bus.DeliveryAddress{Environment: sub.Name.Environment, Subscription: sub.UID, Sink: which.Sink}.DeadLetterFilter()
	err = a.scan(ctx, bus.StreamDeadLetters, filter, false, func(m jetstream.Msg) error {
		d := letter(m)
		sink, ok := sinks[d.Sink]
		if !ok || which.IDs != nil && !which.IDs[d.ID()] {
			return nil
		}
		queued, err := a.revive(ctx, letters, sub, sink, m)
		if queued {
			n++
			touched[sink.ID] = true
		}
		return err
	})
	// Those that were queued must be known, whatever came after them.
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTime)
	defer cancel()
	for id := range touched {
		err = errors.Join(err, a.queue.Wake(detached, sub, sinks[id]))
	}
	if err != nil {
		return n, fmt.Errorf("queue dead letters again: %w", err)
	}
	return n, nil
}

// wanted returns the sinks of a selection to which can be delivered.
func wanted(sub core.Subscription, which Selection) (map[string]core.Sink, error) {
	sinks := map[string]core.Sink{}
	for _, s := range sub.Sinks {
		if which.Sink != "" && s.ID != which.Sink {
			continue
		}
		if s.Disabled && which.Sink != "" {
			return nil, fault.Precondition(fault.ReasonInvalidArgument, "sink %q is disabled; enable it, then redeliver", s.ID).With("sink", s.ID)
		}
		if !s.Disabled {
			sinks[s.ID] = s
		}
	}
	if which.Sink != "" && len(sinks) == 0 {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "subscription %q has no sink %q; get the subscription to see its sinks", sub.Name.ID, which.Sink).
			Field("sink", "is not the id of a sink of the subscription")
	}
	return sinks, nil
}

// revive queues one dead letter again, and then removes it.
func (a *Archive) revive(ctx context.Context, letters jetstream.Stream, sub core.Subscription, sink core.Sink, m jetstream.Msg) (queued bool, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return false, err
	}
	sequence, _ := strconv.ParseUint(m.Headers().Get(headerSequence), 10, 64) // 0: no order is known
	event := Event{ID: m.Headers().Get(headerEvent), Data: m.Data(), Sequence: sequence}
	again := "r" + strconv.FormatUint(meta.Sequence.Stream, 10)
	queued, err = a.queue.Put(bus.TraceContext(ctx, m.Headers()), sub, sink, event, again)
	if err != nil {
		return false, err
	}
	if err := letters.DeleteMsg(ctx, meta.Sequence.Stream); err != nil && !notThere(err) {
		return queued, fmt.Errorf("remove a dead letter: %w", err)
	}
	return queued, nil
}

// scan calls each for every message of a subject that is there now, oldest first.
func (a *Archive) scan(ctx context.Context, stream, filter string, headersOnly bool, each func(jetstream.Msg) error) error {
	consumer, err := a.queue.JetStream.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		FilterSubject: filter, AckPolicy: jetstream.AckNonePolicy, HeadersOnly: headersOnly,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: scanForgotten,
	})
	if err != nil {
		return err
	}
	defer func() {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTime)
		defer cancel()
		if err := a.queue.JetStream.DeleteConsumer(detached, stream, consumer.CachedInfo().Name); err != nil {
			a.queue.Log.DebugContext(ctx, "a consumer was left behind for a minute", "error", err)
		}
	}()
	for pending := consumer.CachedInfo().NumPending; pending > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		batch, err := consumer.Fetch(int(min(pending, scanBatch)), jetstream.FetchMaxWait(scanWait))
		if err != nil {
			return err
		}
		got := uint64(0)
		var failure error
		for m := range batch.Messages() {
			if got++; failure == nil {
				failure = each(m)
			}
		}
		switch {
		case failure != nil:
			return failure
		case batch.Error() != nil:
			return batch.Error()
		case got == 0:
			return nil // the others expired meanwhile
		}
		pending -= min(got, pending)
	}
	return nil
}
