package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// interval is how often totals are written.
	interval = 10 * time.Second
	// batchSize is how many messages are under way at the same time.
	batchSize = 256
	// manyChanged is how many counters there are at least where each part of the table
	// is written with one of partSweeps sweeps only: to write ten thousand
	// connections every ten seconds takes a tenth of a processor.
	manyChanged = 1000
	partSweeps  = 6
	// ackTime is the time for the bus to take a message, and stopTime that for all
	// at the end.
	ackTime  = 10 * time.Second
	stopTime = 5 * time.Second
)

// errNotConnected means that there is no bus to write to now.
var errNotConnected = errors.New("not connected to the bus")

// TotalsConfig is what totals are made of. They own none of it.
type TotalsConfig struct {
	// Bus is where totals are kept.
	Bus *bus.Bus
	// Clock says in which hour a call ended.
	Clock clock.Clock
	// Log gets what could not be written.
	Log *slog.Logger
	// Meter gets ferrule.runtime.usage.lost: calls that are in no total.
	Meter metric.Meter
}

// Totals counts calls by hour, connector, operation and connection, and writes
// the sums to the bus. It is safe for concurrent use.
type Totals struct {
	bus   *bus.Bus
	clock clock.Clock
	log   *slog.Logger
	table table

	mu    sync.Mutex // of ended; never taken while a shard is locked
	ended []*tally   // of hours that are over, the oldest first; guarded by mu, its tallies too
	sweep int        // only Run uses it
}

// NewTotals returns totals of nothing. [Totals.Run] writes them.
func NewTotals(cfg TotalsConfig) (*Totals, error) {
	t := &Totals{bus: cfg.Bus, clock: cfg.Clock, log: cfg.Log}
	var err error
	t.table.lost, err = cfg.Meter.Int64Counter("ferrule.runtime.usage.lost",
		metric.WithDescription("Calls that usage reports lack, because too much had to be counted or the bus was away for too long."))
	if err != nil {
		return nil, fmt.Errorf("make counter of lost usage: %w", err)
	}
	t.table.start(cfg.Clock.Now())
	return t, nil
}

// Run writes what has changed every ten seconds, where there is very much of it every
// minute, until ctx ends, and then the rest
// in five seconds at most. While the bus is away, totals are kept and grow on. A
// call counts in the hour in which it ended, as far as Run was told by its clock
// in time.
func (t *Totals) Run(ctx context.Context) error {
	js, err := jetstream.New(t.bus.Conn(), jetstream.WithPublishAsyncTimeout(ackTime), jetstream.WithPublishAsyncMaxPending(2*batchSize))
	if err != nil {
		return fmt.Errorf("run usage totals: %w", err)
	}
	failing := false
	for {
		select {
		case <-ctx.Done():
			t.finish(context.WithoutCancel(ctx), js)
			return nil
		case <-t.clock.After(t.untilNext()):
		}
		err := t.write(ctx, js, t.due)
		if err != nil && !failing && ctx.Err() == nil { // once per outage
			t.log.WarnContext(ctx, "usage totals were not written; they are kept", "error", err)
		}
		failing = err != nil
	}
}

// untilNext is the time to the next sweep: the end of an hour is one, so that no
// call counts in the wrong one.
func (t *Totals) untilNext() time.Duration {
	now := t.clock.Now()
	return min(interval, now.Truncate(time.Hour).Add(time.Hour).Sub(now))
}

func (t *Totals) finish(ctx context.Context, js jetstream.JetStream) {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := t.write(ctx, js, func(int) bool { return true }); err != nil {
		t.log.ErrorContext(ctx, "the last usage totals were not written and are lost", "error", err)
	}
}

// due reports whether a shard is written with this sweep.
func (t *Totals) due(shard int) bool {
	return t.table.counters.Load() < manyChanged || (shard+t.sweep)%partSweeps == 0
}

// write makes one sweep: it ends hours, writes what has changed in the shards that are
// due, and lets go what is not needed.
func (t *Totals) write(ctx context.Context, js jetstream.JetStream, due func(shard int) bool) error {
	t.sweep++
	t.mu.Lock() // a report must not find a tally in neither place
	t.ended = append(t.ended, t.table.roll(t.clock.Now())...)
	t.mu.Unlock()
	err := t.writeEnded(ctx, js)
	for i := range t.table.shards {
		if err != nil {
			break
		}
		if !due(i) {
			continue
		}
		err = t.publish(ctx, js, &t.table.shards[i].mu, t.changed(&t.table.shards[i]))
	}
	t.forget(ctx)
	t.table.evict(t.sweep)
	return err
}

// message is a tally as it goes over the wire.
type message struct {
	tally   *tally
	version uint64
	subject string
	data    []byte
}

func messageOf(known *tally) message {
	return message{known, known.version, known.address().Subject(), known.encode()}
}

// changed returns the totals of a shard that are not on the bus.
func (t *Totals) changed(sh *shard) (messages []message) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, known := range sh.tallies {
		if known.version != known.written {
			known.used = t.sweep
			messages = append(messages, messageOf(known))
		}
	}
	return messages
}

// writeEnded writes totals of hours that are over, and forgets those that have
// arrived.
func (t *Totals) writeEnded(ctx context.Context, js jetstream.JetStream) error {
	for {
		t.mu.Lock()
		batch := make([]message, 0, min(len(t.ended), batchSize))
		for _, known := range t.ended[:cap(batch)] {
			batch = append(batch, messageOf(known))
		}
		t.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		if err := t.publish(ctx, js, &t.mu, batch); err != nil {
			return err
		}
		t.mu.Lock()
		t.ended = t.ended[len(batch):]
		t.mu.Unlock()
		for _, m := range batch {
			t.table.counters.Add(-int64(len(m.tally.operations)))
		}
	}
}

// publish writes messages and notes, under the lock of their tallies, which have
// arrived. It stops at the first batch of which one has not.
func (t *Totals) publish(ctx context.Context, js jetstream.JetStream, lock sync.Locker, messages []message) error {
	for len(messages) > 0 {
		if !t.bus.Conn().IsConnected() {
			return errNotConnected // or they would pile up in the connection's buffer
		}
		batch := messages[:min(len(messages), batchSize)]
		messages = messages[len(batch):]
		futures := make([]jetstream.PubAckFuture, len(batch))
		var failed error
		for i, m := range batch {
			if futures[i], failed = js.PublishAsync(m.subject, m.data); failed != nil {
				futures = futures[:i]
				break
			}
		}
		for i, future := range futures {
			if err := acked(ctx, future); err != nil {
				failed = err
				continue
			}
			lock.Lock()
			batch[i].tally.written = batch[i].version
			lock.Unlock()
		}
		if failed != nil {
			return fmt.Errorf("write usage totals: %w", failed)
		}
	}
	return nil
}

// acked waits until the bus has taken a message.
func acked(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err(): // after ackTime at the latest
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forget gives up the oldest hours if the bus was away for so long that there is
// no room for new calls.
func (t *Totals) forget(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var calls uint64
	for len(t.ended) > 0 && t.table.counters.Load() > maxCounters-manyCounters {
		for _, c := range t.ended[0].operations {
			calls += c.calls()
		}
		t.table.counters.Add(-int64(len(t.ended[0].operations)))
		t.ended = t.ended[1:]
	}
	if calls > 0 {
		t.table.lost.Add(ctx, int64(calls))
		t.log.ErrorContext(ctx, "the bus was away for too long; the oldest usage totals are lost", "calls", calls)
	}
}
