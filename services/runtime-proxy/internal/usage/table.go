package usage

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

const (
	// shards is how many parts the table has, so that calls rarely wait for each
	// other.
	shards = 64
	// maxCounters bounds what is counted apart: a counter takes about half a
	// kilobyte. Past it, new operations of a known connection are counted as
	// [Other], and calls of new connections are in the metrics only.
	maxCounters = 1 << 16
	// manyCounters is where connections that are not called are let go before
	// their hour has ended.
	manyCounters = maxCounters / 4
	// idleSweeps is how long they were not called then, in sweeps: five minutes.
	idleSweeps = 30
	// hourLayout is how an hour is written in a subject.
	hourLayout = "2006010215"
)

// place is what is counted in an hour.
type place struct {
	scope      *scope
	connection string
}

// tally is the totals of a connection in an hour. The lock of its shard guards
// it.
type tally struct {
	place

	hour       int64
	process    string
	operations map[*Series]*counts // nil is for others
	version    uint64              // grows with each call
	written    uint64              // the version that is on the bus
	used       int                 // the last sweep that found a new version
}

func (t *tally) address() bus.UsageAddress {
	return bus.UsageAddress{
		Environment: t.scope.environment, Hour: hourName(t.hour), Connector: t.scope.connector,
		Connection: t.connection, Process: t.process,
	}
}

func (t *tally) encode() []byte {
	list := make([]counted, 0, len(t.operations))
	for s, c := range t.operations {
		list = append(list, counted{s.name(), c})
	}
	return encode(list)
}

// name is the operation's id.
func (s *Series) name() string {
	if s == nil {
		return Other
	}
	return s.operation
}

// shard is a part of the table.
type shard struct {
	mu      sync.Mutex
	hour    int64
	tallies map[place]*tally
	_       [40]byte // keeps the locks of neighbours off the same line of the cache
}

// table counts calls until they are written. It is safe for concurrent use.
type table struct {
	seed     maphash.Seed
	shards   [shards]shard
	counters atomic.Int64 // of the shards and of those that have ended
	process  atomic.Pointer[string]
	lost     metric.Int64Counter
}

// start makes an empty table.
func (t *table) start(now time.Time) {
	t.seed = maphash.MakeSeed()
	t.renewProcess()
	for i := range t.shards {
		t.shards[i].tallies, t.shards[i].hour = map[place]*tally{}, hourOf(now)
	}
}

// renewProcess gives tallies that begin from now on another subject than those
// before.
func (t *table) renewProcess() {
	id := uuid.NewString()
	t.process.Store(&id)
}

// record counts one call.
func (t *table) record(ctx context.Context, s *Series, class int, sample *Sample) {
	sh := &t.shards[maphash.String(t.seed, sample.Connection)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	key := place{s.scope, sample.Connection}
	known := sh.tallies[key]
	if known == nil {
		if t.counters.Load() >= maxCounters {
			t.lost.Add(ctx, 1)
			return
		}
		known = &tally{place: key, hour: sh.hour, process: *t.process.Load(), operations: make(map[*Series]*counts, 1)}
		sh.tallies[key] = known
	}
	c := known.operations[s]
	if c == nil {
		c = t.begin(known, s)
	}
	c.add(class, sample)
	known.version++
}

// begin returns the counter of an operation that was not called before in the
// hour. It needs the lock.
func (t *table) begin(known *tally, s *Series) *counts {
	if t.counters.Load() >= maxCounters && len(known.operations) > 0 {
		s = nil
		if c := known.operations[s]; c != nil {
			return c
		}
	}
	c := &counts{}
	known.operations[s] = c
	t.counters.Add(1)
	return c
}

// roll ends the hours before now in all shards, and returns their tallies that
// are not written. Others are forgotten.
func (t *table) roll(now time.Time) (ended []*tally) {
	hour := hourOf(now)
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		if hour > sh.hour {
			for _, known := range sh.tallies {
				if known.version != known.written {
					ended = append(ended, known)
				} else {
					t.counters.Add(-int64(len(known.operations)))
				}
			}
			sh.tallies, sh.hour = make(map[place]*tally, len(sh.tallies)/2), hour
		}
		sh.mu.Unlock()
	}
	return ended
}

// evict lets connections go that were not called for a while, if there are many.
// When they are called again in the same hour, they are counted under another
// process: what is on the bus stays as it is and is added to.
func (t *table) evict(sweep int) {
	if t.counters.Load() < manyCounters {
		return
	}
	renewed := false
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for key, known := range sh.tallies {
			if known.version == known.written && sweep-known.used >= idleSweeps {
				if !renewed {
					t.renewProcess() // before the first of them can begin again
					renewed = true
				}
				delete(sh.tallies, key)
				t.counters.Add(-int64(len(known.operations)))
			}
		}
		sh.mu.Unlock()
	}
}

// hourOf numbers the hours in UTC.
func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// startOf undoes hourOf.
func startOf(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

// hourName is an hour as subjects have it, "2026112115".
func hourName(hour int64) string { return startOf(hour).Format(hourLayout) }
