package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

const (
	// leaseTime is for how long a sink belongs to a process that gives no sign of
	// life; the clocks of processes may differ by less.
	leaseTime = 15 * time.Second
	// renewEvery is how often a process gives one.
	renewEvery = leaseTime / 3
	// markerTTL is how long the bus remembers that a state was removed.
	markerTTL = time.Minute
	// maxEntries is how many deliveries of a sink are under way, wait for their next
	// attempt or for another of the same key. While there are so many, the others
	// wait.
	maxEntries = 1500
)

// state is what is known about a sink besides its deliveries. Without it they would
// be tried again too early, and nothing worse.
type state struct {
	// Holder serves the sink, until Until unless it says so again; empty if nobody.
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Cursor is the first sequence that was not looked at: what is before it was
	// removed from the queue, or is in Entries.
	Cursor  uint64   `json:"cursor,omitempty"`
	Entries []*entry `json:"entries,omitempty"`
	// Failures counts the attempts that failed since the last success, the first of
	// which was at Failing; until Rests the sink is left alone.
	Failures int       `json:"failures,omitempty"`
	Failing  time.Time `json:"failing,omitzero"`
	Rests    time.Time `json:"rests,omitzero"`
	// Slot is when the next attempt may begin, by the sink's bound on its rate.
	Slot time.Time `json:"slot,omitzero"`
}

// entry is a delivery that was looked at and is in the queue still.
type entry struct {
	// Sequence is its position in the queue, Event that of its event in the log.
	Sequence uint64 `json:"s"`
	Event    uint64 `json:"e,omitempty"`
	// Key is the hash of the key that orders deliveries; empty for none.
	Key string `json:"k,omitempty"`
	// Attempts is how many were made, and Next when the next is due.
	Attempts int       `json:"a,omitempty"`
	Next     time.Time `json:"n,omitzero"`
	// Unclear is how many attempts ended nobody knows how, and Spent under how many
	// other ids nothing new can come of an attempt.
	Unclear int `json:"u,omitempty"`
	Spent   int `json:"p,omitempty"`

	busy    bool                    // an attempt is under way
	message *jetstream.RawStreamMsg // nil if it has to be read
}

// idle reports whether the state says nothing that has to be remembered.
func (s *state) idle(now time.Time) bool {
	return len(s.Entries) == 0 && s.Failures == 0 && !s.Slot.After(now)
}

func (s *state) remove(e *entry) {
	s.Entries = slices.DeleteFunc(s.Entries, func(other *entry) bool { return other == e })
}

// errHeld says that another process serves a sink.
var errHeld = errors.New("the sink is served by another process")

// lease makes a process the only one that serves a sink. It is not safe for
// concurrent use.
type lease struct {
	bucket  jetstream.KeyValue
	key     string
	version uint64
	renewed time.Time
}

// acquire takes the lease of a sink, or returns errHeld with the state in which it
// is.
func (d *Deliverer) acquire(ctx context.Context, bucket jetstream.KeyValue, at bus.DeliveryAddress) (*lease, *state, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	l, s := &lease{bucket: bucket, key: at.Key()}, &state{}
	found, err := bucket.Get(ctx, l.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
	case err != nil:
		return nil, nil, fmt.Errorf("read the state of a sink: %w", err)
	default:
		l.version = found.Revision()
		if err := json.Unmarshal(found.Value(), s); err != nil {
			d.Log.WarnContext(ctx, "the state of a sink could not be read and begins anew", "sink", at.Sink, "error", err)
			s = &state{}
		}
	}
	now := d.Clock.Now()
	if s.Holder != "" && now.Before(s.Until) {
		return nil, s, errHeld
	}
	if now.Before(s.Rests) {
		return nil, s, errHeld // nobody does, and nobody should
	}
	if err := d.renew(ctx, l, s); err != nil {
		return nil, s, err
	}
	return l, s, nil
}

// renew stores the state and prolongs the lease; errHeld if it was lost.
func (d *Deliverer) renew(ctx context.Context, l *lease, s *state) error {
	now := d.Clock.Now()
	s.Holder, s.Until = d.name, now.Add(leaseTime)
	if err := l.store(ctx, s); err != nil {
		return err
	}
	l.renewed = now
	return nil
}

// release stores the state and ends the lease.
func (d *Deliverer) release(ctx context.Context, l *lease, s *state) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTime)
	defer cancel()
	if !s.idle(d.Clock.Now()) {
		s.Holder, s.Until = "", time.Time{}
		return l.store(ctx, s)
	}
	return known(l.bucket.Purge(ctx, l.key, jetstream.LastRevision(l.version), jetstream.PurgeTTL(markerTTL)))
}

func (l *lease) store(ctx context.Context, s *state) error {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the state of a sink: %w", err)
	}
	var version uint64
	if l.version == 0 {
		version, err = l.bucket.Create(ctx, l.key, data)
	} else {
		version, err = l.bucket.Update(ctx, l.key, data, l.version)
	}
	if err != nil {
		return known(err)
	}
	l.version = version
	return nil
}

// known makes errHeld of what the bus says if somebody else wrote meanwhile.
func known(err error) error {
	if err == nil {
		return nil
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	if errors.Is(err, jetstream.ErrKeyExists) || ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return errHeld
	}
	return fmt.Errorf("write the state of a sink: %w", err)
}
