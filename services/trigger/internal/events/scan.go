package events

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// wholeBatch and headBatch are how many messages are asked for at once, with and
	// without their data: what is asked for lies in memory.
	wholeBatch = 32
	headBatch  = 500
)

// scan calls each for the messages that a consumer has now, oldest first, until it
// returns false or an error, which is returned.
func (r *Reader) scan(ctx context.Context, cfg jetstream.ConsumerConfig, each func(jetstream.Msg) (more bool, err error)) error {
	cfg.AckPolicy, cfg.MemoryStorage, cfg.Replicas, cfg.InactiveThreshold = jetstream.AckNonePolicy, true, 1, forgotten
	consumer, err := r.js.CreateConsumer(ctx, bus.StreamEvents, cfg)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer r.forget(ctx, consumer)
	size := uint64(wholeBatch)
	if cfg.HeadersOnly {
		size = headBatch
	}
	for pending := consumer.CachedInfo().NumPending; pending > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		batch, err := consumer.Fetch(int(min(pending, size)), jetstream.FetchMaxWait(pageWait))
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		got, more, failure := uint64(0), true, error(nil)
		for m := range batch.Messages() { // to the end: somebody fills the channel
			if got++; more && failure == nil {
				more, failure = each(m)
			}
		}
		switch {
		case failure != nil || !more:
			return failure
		case batch.Error() != nil:
			return fmt.Errorf("read events: %w", batch.Error())
		case got == 0:
			return nil // they expired meanwhile
		}
		pending -= min(got, pending)
	}
	return nil
}

// Replay reads events again. It is the reading half of core.Replays.
type Replay struct{ Reader *Reader }

// Span implements core.Replays.
func (r Replay) Span(ctx context.Context, s core.Subscription, span core.Span, take func(context.Context, core.Recorded) (bool, error)) error {
	want := Range{Subscription: s, Start: span.Start, End: span.End}
	if span.First != "" {
		first, err := r.Reader.find(ctx, s, span.First)
		if err != nil {
			return err
		}
		want.After = first - 1 // 0 is the beginning of the log, which is as good
	}
	return r.Reader.scan(ctx, want.consumer(), func(m jetstream.Msg) (bool, error) {
		record, ok := r.Reader.wanted(want, m)
		if !ok {
			return true, nil
		}
		return take(bus.TraceContext(ctx, m.Headers()), core.Recorded{ID: record.ID, Sequence: record.Sequence, Message: m.Data()})
	})
}

// find returns the position of an event, or core.ErrNoEvent.
func (r *Reader) find(ctx context.Context, s core.Subscription, id string) (sequence uint64, err error) {
	cfg := Range{Subscription: s}.consumer()
	cfg.HeadersOnly = true
	err = r.scan(ctx, cfg, func(m jetstream.Msg) (bool, error) {
		h := m.Headers()
		if h.Get(jetstream.MsgIDHeader) != id || h.Get(HeaderSubscription) != s.UID {
			return true, nil
		}
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		sequence = meta.Sequence.Stream
		return false, nil
	})
	if err == nil && sequence == 0 {
		err = core.ErrNoEvent
	}
	return sequence, err
}
