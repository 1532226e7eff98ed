package delivery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

// choose returns the delivery to begin now, or how long to wait for one; negative
// if there is none.
func (t *turn) choose(ctx context.Context, now time.Time) (*entry, time.Duration, error) {
	ordered, floor := t.sink.OrderBy != "", uint64(math.MaxUint64)
	if ordered {
		var err error
		if floor, err = t.dispatched(ctx); err != nil {
			return nil, 0, err
		}
		t.dry = false
		for { // after the floor was read: now all up to it are here
			e, err := t.look(ctx)
			if err != nil {
				return nil, 0, err
			}
			if e == nil {
				break
			}
		}
	}
	e, wait := t.due(now, floor)
	if e != nil || ordered {
		return e, wait, nil
	}
	e, err := t.look(ctx)
	return e, wait, err
}

// due returns the first delivery known that may be begun now, or how long to wait
// for one; negative if there is none.
func (t *turn) due(now time.Time, floor uint64) (*entry, time.Duration) {
	heads := map[string]*entry{}
	for _, e := range t.state.Entries {
		if e.Key == "" {
			continue
		}
		if head := heads[e.Key]; head == nil || e.Event < head.Event {
			heads[e.Key] = e
		}
	}
	wait := time.Duration(-1)
	sooner := func(d time.Duration) {
		if wait < 0 || d < wait {
			wait = d
		}
	}
	for _, e := range t.state.Entries {
		switch {
		case e.busy, e.Key != "" && heads[e.Key] != e:
		case e.Key != "" && e.Event > floor:
			sooner(orderPause)
		case now.Before(e.Next):
			sooner(e.Next.Sub(now))
		default:
			return e, 0
		}
	}
	return nil, wait
}

// dispatched returns up to which event all were queued.
func (t *turn) dispatched(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	c, err := t.events.Consumer(ctx, bus.ConsumerSinks)
	if err != nil {
		return 0, fmt.Errorf("ask how far events were queued: %w", err)
	}
	return c.CachedInfo().AckFloor.Stream, nil
}

// look reads the next delivery of the queue; nil if there is none, or no room.
func (t *turn) look(ctx context.Context) (*entry, error) {
	if len(t.state.Entries) >= maxEntries {
		return nil, nil
	}
	m, err := t.readNext(ctx)
	if err != nil || m == nil {
		return nil, err
	}
	e := &entry{Sequence: m.Sequence}
	if t.sink.OrderBy == "" {
		e.message = m // it will not wait
	} else if e.Key = m.Header.Get(headerOrder); e.Key == "" {
		// Queued before the sink wanted an order.
	} else if sequence, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64); err == nil {
		e.Event = sequence
	}
	t.state.Entries = append(t.state.Entries, e)
	t.state.Cursor = m.Sequence + 1
	return e, nil
}

// readNext returns the next delivery of the queue; nil if there is none.
func (t *turn) readNext(ctx context.Context) (m *jetstream.RawStreamMsg, err error) {
	if len(t.read) == 0 && !t.dry {
		ctx, cancel := context.WithTimeout(ctx, operationTime)
		defer cancel()
		var more bool
		if t.read, more, err = t.reader.Next(ctx, t.state.Cursor, ahead, aheadBytes); err != nil {
			return nil, err
		}
		t.dry = !more
	}
	if len(t.read) == 0 {
		return nil, nil
	}
	m, t.read = t.read[0], t.read[1:]
	return m, nil
}

// fetch reads a delivery that was put aside; one that was removed is forgotten.
func (t *turn) fetch(ctx context.Context, e *entry) error {
	if e.message != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	m, err := t.queue.GetMsg(ctx, e.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		t.state.remove(e)
		return nil
	}
	e.message = m
	return err
}
