package resilience

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idle is how long a key is remembered after its last request. It is longer
	// than a rest, so that leaving an API alone does not make it forgotten.
	idle = time.Minute
	// shards is how many parts the table has, so that keys do not wait for each
	// other. It is a power of two.
	shards = 64
)

// table holds what is known of the keys in use. Each call looks after one shard
// when it is its turn, so that nothing runs in the background and a table that few
// keys are left of gets small again.
type table struct {
	limit  int
	seed   maphash.Seed
	next   atomic.Int64 // when the next shard is looked after, in Unix nanoseconds
	turn   atomic.Uint64
	shards [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[Key]*entry
}

// entry is what is known of a key.
type entry struct {
	users   atomic.Int64 // requests that hold it; only taken with the shard's lock
	used    atomic.Int64 // Unix nanoseconds
	waiting atomic.Int64
	slots   chan struct{} // full of requests under way
	breaker atomic.Pointer[breaker]
}

func newTable(limit int) *table {
	t := &table{limit: limit, seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].entries = map[Key]*entry{}
	}
	return t
}

func (t *table) of(key Key) *shard {
	h := maphash.String(t.seed, key.Connection.ID) ^ maphash.String(t.seed, key.Host)
	return &t.shards[h%shards]
}

// enter returns the entry of a key, held; leave gives it back. It reports false
// if there are too many keys.
func (t *table) enter(key Key, now time.Time) (*entry, bool) {
	t.lookAfter(now)
	s := t.of(key)
	s.mu.RLock()
	e := s.entries[key]
	if e != nil {
		e.users.Add(1)
	}
	s.mu.RUnlock()
	if e != nil {
		return e, true
	}
	return s.add(key, now, t.limit)
}

func (s *shard) add(key Key, now time.Time, limit int) (*entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil {
		if len(s.entries) >= MaxKeys/shards && !s.makeRoom() {
			return nil, false
		}
		e = &entry{slots: make(chan struct{}, limit)}
		e.used.Store(now.UnixNano())
		s.entries[key] = e
	}
	e.users.Add(1)
	return e, true
}

// makeRoom forgets a key that nobody uses, if it can one that has not failed.
func (s *shard) makeRoom() bool {
	var worse *Key
	for key, e := range s.entries {
		if e.users.Load() > 0 {
			continue
		}
		if e.breaker.Load() == nil {
			delete(s.entries, key)
			return true
		}
		worse = &key
	}
	if worse == nil {
		return false
	}
	delete(s.entries, *worse)
	return true
}

// lookAfter forgets what was not used for long in the shard whose turn it is.
func (t *table) lookAfter(now time.Time) {
	due := t.next.Load()
	if now.UnixNano() < due || !t.next.CompareAndSwap(due, now.Add(idle/shards).UnixNano()) {
		return
	}
	s := &t.shards[t.turn.Add(1)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	old := now.Add(-idle).UnixNano()
	for key, e := range s.entries {
		if e.users.Load() == 0 && e.used.Load() < old {
			delete(s.entries, key)
		}
	}
}

// refuses reports whether a key's API will be left alone at a time.
func (t *table) refuses(key Key, at time.Time) bool {
	s := t.of(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[key]
	return e != nil && e.closedFor(at) > 0
}

// size counts the keys that are known.
func (t *table) size() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}

func (e *entry) leave(now time.Time) {
	e.used.Store(now.UnixNano())
	e.users.Add(-1)
}

// closedFor returns for how long requests are refused, 0 if they are not.
func (e *entry) closedFor(now time.Time) time.Duration {
	b := e.breaker.Load()
	if b == nil {
		return 0
	}
	return b.restsFor(now)
}

// record counts the end of a request. An API that does not fail has no breaker.
// One that is dropped just as another request fails may take that failure with
// it, which delays the rest by one failure.
func (e *entry) record(p Pass, outcome Outcome, now time.Time, rules *Breaker) {
	b, t := p.breaker, p.ticket
	if b == nil {
		if outcome != Sick {
			return
		}
		if b = e.breaker.Load(); b == nil {
			fresh := newBreaker()
			if e.breaker.CompareAndSwap(nil, fresh) {
				b = fresh
			} else if b = e.breaker.Load(); b == nil {
				return
			}
		}
		t = ticket{} // counts in the breaker's first era only: it began before
	}
	if b.record(t, outcome, now, rules) {
		e.breaker.CompareAndSwap(b, nil)
	}
}
