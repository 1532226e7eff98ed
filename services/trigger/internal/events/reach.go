package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// FirstSequence is the metadata of the fault that says that events are no longer
// kept: the first position from which on all are.
const FirstSequence = "first_sequence"

// reachable returns nil if every event after want.After can still be read, and
// otherwise an OUT_OF_RANGE fault with [FirstSequence]. It is one too if nothing has that
// position yet: whoever has seen it has seen it elsewhere, and would wait for events that
// are other ones.
//
// Events are removed oldest first, by environment or all together. So if the
// environment has anything at or before that position, nothing after it is gone; if
// it has not, something may be: nobody knows whether that was of the subscription,
// and what may be lost is told.
func (r *Reader) reachable(ctx context.Context, want Range) error {
	if want.After == 0 {
		return nil
	}
	last, err := r.last(ctx)
	if err != nil {
		return err
	}
	if want.After > last {
		return fault.New(fault.CodeOutOfRange, fault.ReasonInvalidArgument,
			"sequence %d has not been reached, the newest event has %d; it is of another installation or of another state of this one: list or replay from a time", want.After, last).
			With("last_sequence", strconv.FormatUint(last, 10)).With("subscription", want.Subscription.Name.String())
	}
	first, err := r.first(ctx, want.Subscription.Name.Environment)
	if err != nil {
		return err
	}
	if want.After+1 >= first {
		return nil
	}
	return fault.New(fault.CodeOutOfRange, fault.ReasonInvalidArgument,
		"events after sequence %d are no longer all kept; go on with after_sequence %d, or list or replay from a time", want.After, first-1).
		With(FirstSequence, strconv.FormatUint(first, 10)).With("subscription", want.Subscription.Name.String())
}

// first returns the position from which on all events of an environment are kept:
// that of its first one, or of the next one at all if it has none.
func (r *Reader) first(ctx context.Context, environment string) (uint64, error) {
	stream, err := r.js.Stream(ctx, bus.StreamEvents)
	if err != nil {
		return 0, fmt.Errorf("find the first event: %w", err)
	}
	m, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(bus.EventAddress{Environment: environment}.Filter()))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		// Nothing came between: the state was read before.
		return stream.CachedInfo().State.LastSeq + 1, nil
	case err != nil:
		return 0, fmt.Errorf("find the first event: %w", err)
	}
	return m.Sequence, nil
}
