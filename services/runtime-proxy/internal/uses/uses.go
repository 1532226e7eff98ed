// Package uses counts how lent secrets are used, and reports it to the vault for
// its audit trail.
//
// A [Recorder] adds up equal uses: the same connection, principal, operation and
// host. [Recorder.Note] is called for every request that carries a secret, and
// costs it a fraction of a microsecond; [Recorder.Run] reports the sums every ten
// seconds, and earlier when there are many.
//
//	recorder := uses.New(vaultClient, env.Clock, env.Log)
//	go recorder.Run(ctx)
//	…
//	recorder.Note(connection, "ann", "ListItems", "api.example.com:443")
//
// # What can be lost
//
// A process that is killed loses the uses since its last report: those of ten
// seconds at most while the vault answers, and those of its absence while it does
// not. It never loses a lease: each one has a record of its own, which is durable
// before the secrets leave the vault. So the trail always says who could use a
// connection since when, even where the number of uses is too small. A process
// that is told to stop has five seconds for a last report.
//
// A report whose answer was lost is sent again under the same id, which the vault
// remembers for an hour. An answer that was lost and an outage of more than an
// hour together count uses twice.
package uses

import (
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// shards is how many parts the table has, so that calls rarely wait for each
	// other. A power of two.
	shards = 32
	// maxKeys is how many different uses the table holds, some 250 bytes each.
	// Whoever adds one more empties it first.
	maxKeys = 50_000
	// reportAt is how many different uses are reported without waiting. It is much
	// more than connections in turn make in ten seconds: a report as soon as there
	// is enough for a batch would be one for every thousand calls of them, and say
	// no more than one in ten seconds.
	reportAt = maxKeys / 2
)

// use is what is counted.
type use struct {
	connection                 resource.Connection
	principal, operation, host string
}

// sum is how often something was used, and when.
type sum struct {
	count       int64
	first, last time.Time
}

func (s *sum) add(other sum) {
	if s.count == 0 || other.first.Before(s.first) {
		s.first = other.first
	}
	if other.last.After(s.last) {
		s.last = other.last
	}
	s.count += other.count
}

// shard is a part of the table.
type shard struct {
	mu   sync.Mutex
	sums map[use]*sum
	_    [48]byte // keeps the locks of neighbours off the same line of the cache
}

// Recorder counts uses. It is safe for concurrent use.
type Recorder struct {
	vault Vault
	clock clock.Clock
	log   *slog.Logger

	seed  maphash.Seed
	table [shards]shard
	keys  atomic.Int64  // different uses in the table
	wake  chan struct{} // has a token when the next report should not wait

	mu      sync.Mutex // of what follows; never taken while a shard is locked
	pending []*batch   // to be reported, the oldest first
	merged  map[resource.Connection]*sum
}

// New returns a recorder that reports to a vault. Nothing is reported before
// [Recorder.Run].
func New(vault Vault, clk clock.Clock, log *slog.Logger) *Recorder {
	r := &Recorder{
		vault: vault, clock: clk, log: log, seed: maphash.MakeSeed(), wake: make(chan struct{}, 1),
		merged: map[resource.Connection]*sum{},
	}
	for i := range r.table {
		r.table[i].sums = map[use]*sum{}
	}
	return r
}

// Note counts one use of a connection's secrets, on behalf of a principal, for an
// operation ("" for a pass-through call), sent to a host, "host:port". It does
// not wait for the network, and allocates only for what was not used since the
// last report.
func (r *Recorder) Note(connection resource.Connection, principal, operation, host string) {
	now := r.clock.Now()
	key := use{connection, principal, operation, host}
	s := &r.table[r.shardOf(&key)]
	s.mu.Lock()
	if known := s.sums[key]; known != nil {
		known.count++
		known.last = now
		s.mu.Unlock()
		return
	}
	s.sums[key] = &sum{count: 1, first: now, last: now}
	n := r.keys.Add(1)
	s.mu.Unlock()
	if n >= maxKeys {
		r.cut()
	}
	if n >= reportAt {
		select {
		case r.wake <- struct{}{}:
		default: // it has been told already
		}
	}
}

// shardOf spreads the uses of one connection a little as well. It is no hash of
// all that a use is, because the table makes that anyway.
func (r *Recorder) shardOf(u *use) uint64 {
	h := maphash.String(r.seed, u.connection.ID)
	return (h + uint64(len(u.principal)+7*len(u.operation))) % shards
}
