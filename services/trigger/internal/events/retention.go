package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// retentionEvery is how often events are looked at that may have to go: so much
	// longer, and half as long again, one can stay.
	retentionEvery = 5 * time.Minute
	// retentionJitter is the random part of that: processes do not look together.
	retentionJitter = 0.5
	// tallyGrain is how exactly bytes are counted: to a thousandth of the bound.
	tallyGrain = 1_000
)

// Bounds says how long, and how many bytes of, the events of an environment are kept
// where that is less than for all.
type Bounds struct {
	// Environment is its id.
	Environment string
	// MaxAge is for how long; 0 for no bound of its own.
	MaxAge time.Duration
	// MaxBytes is how many bytes of events, counted without their headers; 0 for no
	// bound of its own. The newest event stays, whatever its size.
	MaxBytes int64
}

// Retention removes what environments do not want to keep, the oldest first. Every
// process may do it: what was removed is removed, and to remove it again does
// nothing. It is not safe for concurrent use.
//
// An event stays until it is in the queues of its sinks. Deliveries have copies of
// their events there, so those that wait for a sink, those that are dead and those
// that are replayed lose nothing.
type Retention struct {
	reader  *Reader
	bounds  func(context.Context) ([]Bounds, error)
	clock   clock.Clock
	log     *slog.Logger
	dice    func() float64
	tallies map[string]*tally
}

// NewRetention returns what bounds asks for; dice returns random numbers from 0 up
// to 1. It starts with Run.
func NewRetention(reader *Reader, bounds func(context.Context) ([]Bounds, error), clk clock.Clock, log *slog.Logger, dice func() float64) *Retention {
	return &Retention{reader: reader, bounds: bounds, clock: clk, log: log, dice: dice, tallies: map[string]*tally{}}
}

// Run removes events from time to time until ctx ends.
func (r *Retention) Run(ctx context.Context) error {
	for {
		wait := retentionEvery + time.Duration(r.dice()*retentionJitter*float64(retentionEvery))
		select {
		case <-ctx.Done():
			return nil
		case <-r.clock.After(wait):
		}
		if err := r.Enforce(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "events that are too old or too many could not all be removed and will be later", "error", err)
		}
	}
}

// Enforce removes what is too old or too much now. What fails for one environment
// does not keep it from the others.
func (r *Retention) Enforce(ctx context.Context) error {
	all, err := r.bounds(ctx)
	if err != nil {
		return fmt.Errorf("ask for the bounds of environments: %w", err)
	}
	safe, err := r.safe(ctx)
	if err != nil {
		return err
	}
	var failed error
	known := map[string]bool{}
	for _, b := range all {
		if b.MaxBytes > 0 {
			known[b.Environment] = true
		}
		if err := r.enforce(ctx, b, safe); err != nil {
			failed = errors.Join(failed, fmt.Errorf("remove events of environment %s: %w", b.Environment, err))
		}
	}
	for environment := range r.tallies {
		if !known[environment] {
			delete(r.tallies, environment)
		}
	}
	return failed
}

// safe returns the first position that may be needed still: all events before it are
// in the queues of their sinks.
func (r *Retention) safe(ctx context.Context) (uint64, error) {
	consumer, err := r.reader.js.Consumer(ctx, bus.StreamEvents, bus.ConsumerSinks)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 1, nil // nothing was queued so far
	}
	if err != nil {
		return 0, fmt.Errorf("find what is queued: %w", err)
	}
	return consumer.CachedInfo().AckFloor.Stream + 1, nil
}

// enforce removes events of one environment before the position safe.
func (r *Retention) enforce(ctx context.Context, b Bounds, safe uint64) error {
	if b.MaxAge > 0 {
		cut, err := r.tooOld(ctx, b)
		if err != nil {
			return err
		}
		if err := r.purge(ctx, b.Environment, min(cut, safe)); err != nil {
			return err
		}
	}
	if b.MaxBytes <= 0 {
		return nil
	}
	cut, err := r.tooMuch(ctx, b)
	if err != nil {
		return err
	}
	return r.purge(ctx, b.Environment, min(cut, safe))
}

// purge removes the events of an environment before a position.
func (r *Retention) purge(ctx context.Context, environment string, cut uint64) error {
	first, err := r.reader.first(ctx, environment)
	if err != nil || cut <= first {
		return err // nothing is there
	}
	stream, err := r.reader.js.Stream(ctx, bus.StreamEvents)
	if err != nil {
		return err
	}
	err = stream.Purge(ctx, jetstream.WithPurgeSubject(bus.EventAddress{Environment: environment}.Filter()), jetstream.WithPurgeSequence(cut))
	if err != nil {
		return err
	}
	r.log.InfoContext(ctx, "events were removed because their environment keeps them no longer", "environment", environment, "before", cut)
	return nil
}

// tooOld returns the position before which all events are too old.
func (r *Retention) tooOld(ctx context.Context, b Bounds) (cut uint64, err error) {
	last, err := r.reader.last(ctx)
	if err != nil {
		return 0, err
	}
	cut, start := last+1, r.clock.Now().Add(-b.MaxAge)
	cfg := heads(b.Environment)
	cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &start
	err = r.reader.scan(ctx, cfg, func(m jetstream.Msg) (bool, error) {
		meta, err := m.Metadata()
		if err == nil {
			cut = min(cut, meta.Sequence.Stream)
		}
		return false, err
	})
	return cut, err
}

// tooMuch returns the position before which all events are too many.
func (r *Retention) tooMuch(ctx context.Context, b Bounds) (uint64, error) {
	last, err := r.reader.last(ctx)
	if err != nil {
		return 0, err
	}
	t := r.tallies[b.Environment]
	if t == nil || t.max != b.MaxBytes || t.next > last+1 { // the log began anew
		t = &tally{max: b.MaxBytes, next: 1}
		r.tallies[b.Environment] = t
	}
	first, err := r.reader.first(ctx, b.Environment)
	if err != nil {
		return 0, err
	}
	t.forget(first)
	cfg := heads(b.Environment)
	cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, t.next
	err = r.reader.scan(ctx, cfg, func(m jetstream.Msg) (bool, error) {
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		size, err := strconv.ParseInt(m.Headers().Get(nats.MsgSize), 10, 64)
		if err != nil {
			return false, fmt.Errorf("read the size of event %d: %w", meta.Sequence.Stream, err)
		}
		t.add(meta.Sequence.Stream, size)
		return true, nil
	})
	return t.cut, err
}

// heads is a consumer of an environment's events without their data.
func heads(environment string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{FilterSubject: bus.EventAddress{Environment: environment}.Filter(), HeadersOnly: true}
}

// tally counts the bytes of the newest events, so that only new ones have to be
// looked at.
type tally struct {
	max   int64
	next  uint64 // the first position that was not counted
	cut   uint64 // the position before which events are too many
	total int64  // of parts
	parts []part // oldest first
}

// part is a run of events.
type part struct {
	last  uint64 // position of the last one
	bytes int64
}

// add counts an event.
func (t *tally) add(sequence uint64, size int64) {
	t.next = sequence + 1
	if n := len(t.parts); n == 0 || t.parts[n-1].bytes >= max(t.max/tallyGrain, 1) {
		t.parts = append(t.parts, part{})
	}
	current := &t.parts[len(t.parts)-1]
	current.last, current.bytes = sequence, current.bytes+size
	t.total += size
	for t.total > t.max && len(t.parts) > 1 {
		t.cut = t.parts[0].last + 1
		t.drop()
	}
}

// forget drops what was removed for another reason.
func (t *tally) forget(first uint64) {
	for len(t.parts) > 0 && t.parts[0].last < first {
		t.drop()
	}
}

func (t *tally) drop() {
	t.total -= t.parts[0].bytes
	t.parts = t.parts[1:]
}
