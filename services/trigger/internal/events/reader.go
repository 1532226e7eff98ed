package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// pageWait bounds the wait for events that the server has announced.
	pageWait = 2 * time.Second
	// forgotten is when the server removes the consumer of a reader that went
	// away without saying so.
	forgotten = time.Minute
	// skew is how far the clocks of processes may be apart: so much earlier than
	// asked for a reader looks, before it judges by the events' own times.
	skew = time.Minute
	// retryPause separates attempts to read on after a disturbance.
	retryPause = 250 * time.Millisecond
	// eventsBuffer and bytesBuffer are how many events, and how many bytes of them,
	// wait in memory for a slow reader; one event always fits.
	eventsBuffer = 64
	bytesBuffer  = 2 << 20
	// pageBytes is how much data a page has, unless a single event has more.
	pageBytes = 3 << 20
)

// Range says which events of a subscription are wanted.
type Range struct {
	// Subscription produced them.
	Subscription core.Subscription
	// After is the sequence after which to begin; 0 for the first.
	After uint64
	// Start excludes events noticed earlier, unless zero.
	Start time.Time
	// End excludes events noticed then or later, unless zero.
	End time.Time
}

// Reader reads events. It is safe for concurrent use.
type Reader struct {
	js    jetstream.JetStream
	log   *slog.Logger
	clock clock.Clock
}

// NewReader returns a reader on the stream of events.
func NewReader(js jetstream.JetStream, log *slog.Logger, clk clock.Clock) *Reader {
	return &Reader{js: js, log: log, clock: clk}
}

// Page returns up to limit events, oldest first, and whether there are more: fewer
// than limit too where they are large, but at least one. It is an OUT_OF_RANGE fault
// if what comes after want.After is no longer kept.
func (r *Reader) Page(ctx context.Context, want Range, limit int) (page []Record, more bool, err error) {
	if err := r.reachable(ctx, want); err != nil {
		return nil, false, err
	}
	size := 0
	err = r.scan(ctx, want.consumer(), func(m jetstream.Msg) (bool, error) {
		record, ok := r.wanted(want, m)
		switch {
		case !ok:
			return true, nil
		case len(page) == limit, len(page) > 0 && size+len(record.Data) > pageBytes:
			more = true
			return false, nil
		}
		page, size = append(page, record), size+len(record.Data)
		return true, nil
	})
	if err != nil {
		return nil, false, err
	}
	return page, more, nil
}

// forget removes a consumer at once instead of after a while.
func (r *Reader) forget(ctx context.Context, c jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageWait)
	defer cancel()
	if err := r.js.DeleteConsumer(ctx, bus.StreamEvents, c.CachedInfo().Name); err != nil {
		r.log.DebugContext(ctx, "a consumer was left behind for a minute", "error", err)
	}
}

// consumer returns the configuration of a consumer of the range.
func (w Range) consumer() jetstream.ConsumerConfig {
	policy, sequence, start := w.begin()
	return jetstream.ConsumerConfig{FilterSubject: subject(w.Subscription), DeliverPolicy: policy, OptStartSeq: sequence, OptStartTime: start}
}

// begin says where in the stream to begin.
func (w Range) begin() (jetstream.DeliverPolicy, uint64, *time.Time) {
	switch {
	case w.After > 0:
		return jetstream.DeliverByStartSequencePolicy, w.After + 1, nil
	case !w.Start.IsZero():
		start := w.Start.Add(-skew)
		return jetstream.DeliverByStartTimePolicy, 0, &start
	}
	return jetstream.DeliverAllPolicy, 0, nil
}

// wanted reads an event and says whether it is in the range: those of an earlier
// subscription of the same name are not.
func (r *Reader) wanted(want Range, m jetstream.Msg) (Record, bool) {
	record, err := Parse(m)
	if err != nil { // nobody will ever understand it
		r.log.Error("an event is not understood and was left out", "subject", m.Subject(), "error", err)
		return Record{}, false
	}
	before := want.End.IsZero() || record.Time.Before(want.End)
	return record, before && record.UID == want.Subscription.UID && !record.Time.Before(want.Start)
}

// Follow calls each for every event of the range, and then for those to come, in
// order, until ctx ends or each fails. It is an OUT_OF_RANGE fault, at the beginning
// and later, if what comes next is no longer kept. With an empty range it begins with what
// is produced from now on; started is called once everything from then on will
// be seen. It returns the error of started, of each, or of ctx.
func (r *Reader) Follow(ctx context.Context, want Range, started func() error, each func(Record) error) error {
	if want.After == 0 && want.Start.IsZero() {
		last, err := r.last(ctx)
		if err != nil {
			return err
		}
		// Not "new only": a consumer that is made again after a disturbance
		// would begin with what is new then.
		want.After = last
	}
	if err := r.reachable(ctx, want); err != nil {
		return err
	}
	if err := started(); err != nil {
		return err
	}
	for {
		err := r.follow(ctx, &want, each)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failure, ok := errors.AsType[*eachError](err); ok {
			return failure.err
		}
		r.log.WarnContext(ctx, "following events was disturbed and goes on where it was", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.clock.After(retryPause):
		}
		if err := r.reachable(ctx, want); fault.CodeOf(err) == fault.CodeOutOfRange {
			return err // any other trouble shows in the next attempt too
		}
	}
}

// last returns the sequence of the last event of all.
func (r *Reader) last(ctx context.Context) (uint64, error) {
	stream, err := r.js.Stream(ctx, bus.StreamEvents)
	if err != nil {
		return 0, fmt.Errorf("follow events: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// eachError is an error of the function that takes events.
type eachError struct{ err error }

// Error returns the error's text.
func (e *eachError) Error() string { return e.err.Error() }

// follow reads until something is wrong, and keeps want.After up to date.
func (r *Reader) follow(ctx context.Context, want *Range, each func(Record) error) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject(want.Subscription)}}
	cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = want.begin()
	consumer, err := r.js.OrderedConsumer(ctx, bus.StreamEvents, cfg)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(eventsBuffer, bytesBuffer))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		record, ok := r.wanted(*want, m)
		if ok {
			if err := each(record); err != nil {
				return &eachError{err}
			}
		}
		if meta, err := m.Metadata(); err == nil {
			want.After = meta.Sequence.Stream
		}
	}
}
