package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// DefaultReplay is how many events one replay queues at most if nobody says.
	DefaultReplay = 10_000
	// MaxReplay is the largest number that can be asked for.
	MaxReplay = 1_000_000
	// ReplayTime is for how long one replay queues events; it also ends after half of
	// the time that its caller waits.
	ReplayTime = 20 * time.Second
	// replayBatch is after how many events the sinks are told that there is work.
	replayBatch = 500
)

// ErrNoEvent says that the log has no event with an id.
var ErrNoEvent = errors.New("there is no event with this id")

// Recorded is an event as it lies in the log.
type Recorded struct {
	// ID is the event's id, Sequence its position in the log.
	ID       string
	Sequence uint64
	// Message is the CloudEvent in JSON.
	Message []byte
}

// Span is a part of a subscription's events, in their order.
type Span struct {
	// First is the id of the first event; empty if Start says where to begin.
	First string
	// Start is the time of the first event or before it, End after the last; a zero End
	// means all that there are now.
	Start, End time.Time
}

// Replays reads events of before and puts them on their way to sinks again.
type Replays interface {
	// Span calls take for each event of a subscription in a span, oldest first, until
	// it returns false or an error, which is returned. The context that take gets
	// carries the trace of the event. It returns [ErrNoEvent] if the span begins with
	// an event that is not kept.
	Span(ctx context.Context, s Subscription, span Span, take func(context.Context, Recorded) (more bool, err error)) error
	// Queue makes a delivery of an event to a sink and reports whether the sink wants
	// it. With the same value of again the same delivery is made once, as far back as
	// the bus remembers.
	Queue(ctx context.Context, s Subscription, sink Sink, e Recorded, again string) (wanted bool, err error)
	// Wake says that there is something to do for a sink; harmless if there is not.
	Wake(ctx context.Context, s Subscription, sink Sink) error
}

// Replay says which events are wanted again.
type Replay struct {
	// Span is where they are.
	Span Span
	// Sinks are the ids of the sinks that get them; empty for all that are enabled.
	Sinks []string
	// Limit is how many events are queued at most; 0 means [DefaultReplay], more than
	// [MaxReplay] means that.
	Limit int
}

// Replayed says what a replay has done.
type Replayed struct {
	// Events is how many were queued for at least one sink.
	Events int
	// Next is the id of the first event that was not looked at, because the limit or
	// the time was used up; empty at the end.
	Next string
}

// Replay queues events of a subscription for its sinks again, under their ids and in
// their order, behind what waits there already. It is for the owner and for
// administrators. Subscriptions that are paused or suspended can be replayed, those
// that are being deleted cannot.
//
// What was queued stays queued, whatever happens then. The same replay again, soon
// enough that the bus remembers, queues only what the one before did not: so it may
// be repeated if its answer was lost. Later it is a replay of its own, and events
// arrive once more with the ids that they had.
func (t *Triggers) Replay(ctx context.Context, caller Caller, name resource.Subscription, want Replay) (Replayed, error) {
	s, err := t.Told(ctx, caller, name)
	if err != nil {
		return Replayed{}, err
	}
	if !caller.owns(s) && !caller.Principal.Is(authn.RoleAdmin) {
		return Replayed{}, fault.Denied(fault.ReasonPermissionDenied,
			"events are replayed by the owner of the subscription or an administrator; ask %s", s.Owner).With("subscription", name.String())
	}
	if s.Deleting {
		return Replayed{}, fault.Precondition(fault.ReasonSubscriptionNotFound,
			"subscription %q is being deleted and gets no events any more; create another one", name.ID).With("subscription", name.String())
	}
	sinks, err := replaySinks(s, want.Sinks)
	if err != nil {
		return Replayed{}, err
	}
	r := &replaying{Triggers: t, sub: s, sinks: sinks, want: want, until: t.replayUntil(ctx), touched: map[string]Sink{}}
	out, err := r.run(ctx)
	if errors.Is(err, ErrNoEvent) {
		return Replayed{}, fault.NotFound(fault.ReasonInvalidArgument,
			"event %q is not kept, or is not one of subscription %q; list its events, or replay from a time", want.Span.First, name.ID).
			With("event", want.Span.First)
	}
	if err != nil {
		return out, fmt.Errorf("replay events of %s: %w", name, err)
	}
	return out, nil
}

// replayUntil returns when a replay ends, so that its caller still gets an answer.
func (t *Triggers) replayUntil(ctx context.Context) time.Time {
	now, limit := t.Clock.Now(), ReplayTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, deadline.Sub(now)/2)
	}
	return now.Add(limit)
}

// replaySinks returns the sinks that are meant.
func replaySinks(s Subscription, ids []string) (sinks []Sink, err error) {
	byID := map[string]Sink{}
	for _, sink := range s.Sinks {
		byID[sink.ID] = sink
		if len(ids) == 0 && !sink.Disabled {
			sinks = append(sinks, sink)
		}
	}
	chosen := map[string]bool{}
	for i, id := range ids {
		sink, ok := byID[id]
		switch {
		case !ok:
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "subscription %q has no sink %q; get the subscription to see its sinks", s.Name.ID, id).
				Field(fmt.Sprintf("sinks[%d]", i), "is not the id of a sink of the subscription")
		case sink.Disabled:
			return nil, fault.Precondition(fault.ReasonInvalidArgument, "sink %q is disabled; enable it, then replay", id).With("sink", id)
		case !chosen[id]:
			chosen[id] = true
			sinks = append(sinks, sink)
		}
	}
	if len(sinks) == 0 {
		return nil, fault.Precondition(fault.ReasonInvalidArgument,
			"subscription %q has no sink that takes events; add or enable one, then replay", s.Name.ID).With("subscription", s.Name.String())
	}
	return sinks, nil
}

// replaying is a replay under way.
type replaying struct {
	*Triggers

	sub     Subscription
	sinks   []Sink
	want    Replay
	until   time.Time
	out     Replayed
	looked  int
	touched map[string]Sink // since they were last told
}

func (r *replaying) run(ctx context.Context) (Replayed, error) {
	limit := min(r.want.Limit, MaxReplay)
	if limit == 0 {
		limit = DefaultReplay
	}
	again := r.again()
	err := r.Replays.Span(ctx, r.sub, r.want.Span, func(traced context.Context, e Recorded) (bool, error) {
		// The first is always taken: whoever goes on where one ended gets ahead.
		if r.out.Events >= limit || r.looked > 0 && !r.Clock.Now().Before(r.until) {
			r.out.Next = e.ID
			return false, nil
		}
		if err := r.queue(traced, e, again); err != nil {
			return false, err
		}
		if r.looked++; r.looked%replayBatch == 0 {
			return true, r.wake(ctx)
		}
		return true, nil
	})
	// Those that were queued must be known, whatever came after them.
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReplayTime)
	defer cancel()
	return r.out, errors.Join(err, r.wake(detached))
}

// queue puts one event on its way to all sinks.
func (r *replaying) queue(ctx context.Context, e Recorded, again string) error {
	queued := false
	for _, sink := range r.sinks {
		wanted, err := r.Replays.Queue(ctx, r.sub, sink, e, again)
		if err != nil {
			return err
		}
		if wanted {
			queued = true
			r.touched[sink.ID] = sink
		}
	}
	if queued {
		r.out.Events++
	}
	return nil
}

// wake tells the sinks for which something was queued.
func (r *replaying) wake(ctx context.Context) (err error) {
	for id, sink := range r.touched {
		if failed := r.Replays.Wake(ctx, r.sub, sink); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		delete(r.touched, id)
	}
	return err
}

// again names the replay: the same for one that asks for the same events.
func (r *replaying) again() string {
	stamp := func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
	span := r.want.Span
	sum := sha256.Sum256([]byte(strings.Join([]string{r.sub.UID, span.First, stamp(span.Start), stamp(span.End)}, "\n")))
	return "p" + hex.EncodeToString(sum[:12])
}
