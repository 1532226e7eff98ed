// Package requestlog keeps what is sent and answered for connections whose owners
// asked for it, without secrets, so that they can see what happened.
//
// A [Log] knows which connections are switched on: the switches are in a bucket of
// the bus that every process watches. A call asks [Log.For], which costs it one
// atomic read while no connection is on, and gets a [Tap] if its own is. What is
// told to a tap is redacted at once, in the caller's goroutine: nothing secret is
// held, queued or sent. Entries wait in a bounded queue; a full one forgets its
// oldest. Calls never wait.
//
//	log, err := requestlog.New(requestlog.Config{Bus: b, Clock: clk, Log: logger, Meter: meter})
//	go log.Run(ctx)
//	…
//	if tap := log.For(connection); tap != nil {
//		tap.Exchange(ctx, &requestlog.Exchange{Method: "GET", URL: url, Redact: credential.Redact, …})
//	}
package requestlog

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// DefaultDuration is for how long a log is on if nobody says.
	DefaultDuration = time.Hour
	// MaxDuration is the longest time for a log to be on.
	MaxDuration = 7 * 24 * time.Hour
)

// Config of a log. It owns none of it.
type Config struct {
	// Bus has the switches and the entries.
	Bus *bus.Bus
	// Clock tells when a log has expired.
	Clock clock.Clock
	// Log gets what went wrong with the bus.
	Log *slog.Logger
	// Meter gets ferrule.runtime.request_log.dropped: entries that were lost.
	Meter metric.Meter
}

// Log keeps requests. It is safe for concurrent use.
type Log struct {
	bus   *bus.Bus
	clock clock.Clock
	log   *slog.Logger
	queue queue
	words *words

	active atomic.Pointer[taps] // nil while no connection is on

	mu sync.Mutex // of changes of active
	// meanwhile is what was switched here while all switches are read, nil for off;
	// nil while they are not.
	meanwhile taps
}

// taps are the connections that are on. A map is never changed, only replaced.
type taps map[resource.Connection]*Tap

// New returns a log in which no connection is on.
func New(cfg Config) (*Log, error) {
	dropped, err := cfg.Meter.Int64Counter("ferrule.runtime.request_log.dropped",
		metric.WithDescription("Entries of request logs that were not kept."))
	if err != nil {
		return nil, fmt.Errorf("make counter of dropped log entries: %w", err)
	}
	return &Log{
		bus: cfg.Bus, clock: cfg.Clock, log: cfg.Log, words: newWords(),
		queue: queue{dropped: dropped, wake: make(chan struct{}, 1)},
	}, nil
}

// For returns where to tell what is sent for a connection; nil if nobody wants to
// know.
func (l *Log) For(connection resource.Connection) *Tap {
	active := l.active.Load()
	if active == nil {
		return nil
	}
	tap := (*active)[connection]
	if tap == nil || !l.clock.Now().Before(tap.until) {
		return nil
	}
	return tap
}

// Run watches the switches and writes entries until ctx ends, and then what is
// queued, in two seconds at most; before that it waits for what is under way, in
// five at most.
func (l *Log) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.watch(ctx) })
	group.Go(func() error { return l.send(ctx) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("run request log: %w", err)
	}
	return nil
}

// set switches a connection on, or off with nil.
func (l *Log) set(connection resource.Connection, tap *Tap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := taps{}
	if now := l.active.Load(); now != nil {
		maps.Copy(next, *now)
	}
	next.set(connection, tap)
	if l.meanwhile != nil {
		l.meanwhile[connection] = tap
	}
	l.replace(next)
}

// set is for a map that nobody else knows.
func (t taps) set(connection resource.Connection, tap *Tap) {
	if tap != nil {
		t[connection] = tap
	} else {
		delete(t, connection)
	}
}

// gather is called before all switches are read, and install after it.
func (l *Log) gather() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meanwhile = taps{}
}

// install replaces all switches, but for those that were changed here meanwhile: they
// may have been read before.
func (l *Log) install(next taps) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for connection, tap := range l.meanwhile {
		next.set(connection, tap)
	}
	l.meanwhile = nil
	l.replace(next)
}

// expire drops the switches whose time is over, so that others need not look at
// them.
func (l *Log) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, active := l.clock.Now(), l.active.Load()
	if active == nil {
		return
	}
	next := taps{}
	for connection, tap := range *active {
		if now.Before(tap.until) {
			next[connection] = tap
		}
	}
	l.replace(next)
}

// replace needs the lock.
func (l *Log) replace(next taps) {
	if len(next) == 0 {
		l.active.Store(nil)
		return
	}
	l.active.Store(&next)
}
