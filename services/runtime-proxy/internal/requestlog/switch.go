package requestlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// retryWait separates attempts to reach the bus.
	retryWait = time.Second
	// sweepInterval is how often switches are looked through for old ones.
	sweepInterval = time.Minute
	// markerTTL is how long the bus remembers that a switch was removed.
	markerTTL = time.Hour
)

// errWatchEnded means that the bus has stopped to say what changes.
var errWatchEnded = errors.New("the watch of request log switches has ended")

// Switch says whether requests of a connection are kept.
type Switch struct {
	// ID is of this log: entries of an earlier one, that was switched off, are not
	// part of it.
	ID string `json:"id"`
	// Until is when it ends. What was kept can be read for longer.
	Until time.Time `json:"until"`
	// Bodies is true if bodies are kept too.
	Bodies bool `json:"bodies"`
	// By is who switched it on.
	By string `json:"by"`
	// Owner is who owned the connection then. Another owner must not see what was
	// kept.
	Owner string `json:"owner"`
}

// Enable switches the log of a connection on, or changes it. sw needs no ID. What
// was kept stays if the owner is the same.
func (l *Log) Enable(ctx context.Context, connection resource.Connection, sw Switch) error {
	before, on, err := l.State(ctx, connection)
	if err != nil {
		return err
	}
	sw.ID = before.ID
	if !on || before.Owner != sw.Owner {
		sw.ID = uuid.NewString()
	}
	value, err := json.Marshal(sw)
	if err != nil {
		return fmt.Errorf("write request log switch: %w", err)
	}
	bucket, err := l.bus.Bucket(ctx, bus.BucketRequestLogs)
	if err != nil {
		return unavailable(err)
	}
	if _, err := bucket.Put(ctx, keyOf(connection), value); err != nil {
		return unavailable(err)
	}
	l.set(connection, l.tap(connection, sw)) // at once for whoever asked; others learn it in a moment
	return nil
}

// Disable switches the log of a connection off and deletes what was kept. What
// other processes are about to write at that moment is never shown to anybody.
func (l *Log) Disable(ctx context.Context, connection resource.Connection) error {
	bucket, err := l.bus.Bucket(ctx, bus.BucketRequestLogs)
	if err != nil {
		return unavailable(err)
	}
	if err := bucket.Purge(ctx, keyOf(connection), jetstream.PurgeTTL(markerTTL)); err != nil {
		return unavailable(err)
	}
	l.set(connection, nil)
	stream, err := l.bus.JetStream().Stream(ctx, bus.StreamRequestLog)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(bus.RequestLogSubject(connection.Environment, connection.ID)))
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// State returns the switch of a connection. It is false if the log was never on,
// or was switched off; one that has expired is still there.
func (l *Log) State(ctx context.Context, connection resource.Connection) (Switch, bool, error) {
	bucket, err := l.bus.Bucket(ctx, bus.BucketRequestLogs)
	if err != nil {
		return Switch{}, false, unavailable(err)
	}
	entry, err := bucket.Get(ctx, keyOf(connection))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Switch{}, false, nil
	}
	if err != nil {
		return Switch{}, false, unavailable(err)
	}
	var sw Switch
	// One that cannot be read is as good as none, and replaced by the next.
	readable := json.Unmarshal(entry.Value(), &sw) == nil
	return sw, readable, nil
}

func keyOf(connection resource.Connection) string {
	return bus.Key(connection.Environment, connection.ID)
}

func unavailable(err error) error {
	return fault.Unavailable(fault.ReasonServiceUnavailable, "the request log cannot be reached now; try again in a moment").Because(err)
}

func (l *Log) tap(connection resource.Connection, sw Switch) *Tap {
	return &Tap{log: l, connection: connection, id: sw.ID, until: sw.Until, bodies: sw.Bodies}
}

// watch follows the switches until ctx ends.
func (l *Log) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := l.follow(ctx); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "request log switches are not followed; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-l.clock.After(retryWait):
		}
	}
	return nil
}

// follow follows them as long as the bus tells. What was on before stays until
// all is known again.
func (l *Log) follow(ctx context.Context) error {
	bucket, err := l.bus.Bucket(ctx, bus.BucketRequestLogs)
	if err != nil {
		return err
	}
	l.gather()
	watcher, err := bucket.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch request log switches: %w", err)
	}
	defer func() { _ = watcher.Stop() }()
	fresh, sweep := taps{}, l.clock.After(sweepInterval)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep:
			sweep = l.clock.After(sweepInterval)
			l.expire()
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errWatchEnded
			case entry == nil: // all that was there
				l.install(fresh)
				fresh = nil
			default:
				l.apply(ctx, bucket, entry, fresh)
			}
		}
	}
}

// apply takes over one switch, into fresh while the first ones arrive. It removes
// what is too old to have entries.
func (l *Log) apply(ctx context.Context, bucket jetstream.KeyValue, entry jetstream.KeyValueEntry, fresh taps) {
	values, err := bus.ParseKey(entry.Key())
	if err != nil || len(values) != 2 {
		return
	}
	connection := resource.Connection{Environment: values[0], ID: values[1]}
	var tap *Tap
	var sw Switch
	if entry.Operation() == jetstream.KeyValuePut && json.Unmarshal(entry.Value(), &sw) == nil {
		tap = l.tap(connection, sw)
		now := l.clock.Now()
		if !now.Before(sw.Until) {
			tap = nil
		}
		if now.Sub(sw.Until) > bus.RequestLogMaxAge {
			// A failure leaves it to the next start of a process.
			_ = bucket.Purge(ctx, entry.Key(), jetstream.LastRevision(entry.Revision()), jetstream.PurgeTTL(markerTTL))
		}
	}
	switch {
	case fresh == nil:
		l.set(connection, tap)
	case tap != nil:
		fresh[connection] = tap
	}
}
