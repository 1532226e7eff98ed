package rate

import (
	"context"
	"sync/atomic"
	"time"
)

// lease is what a process holds of one window.
type lease struct {
	window int64
	left   atomic.Int64
	low    atomic.Int64 // below this, more is fetched ahead of need
	size   int64        // how much was taken last; only with the budget's turn
	local  bool         // of the process's own share: the bus was away
}

// take pays from the lease.
func (l *lease) take(cost int64) bool {
	for {
		left := l.left.Load()
		if left < cost {
			return false
		}
		if l.left.CompareAndSwap(left, left-cost) {
			return true
		}
	}
}

// budget is what a process knows of one limit of somebody.
type budget struct {
	key   string
	limit Limit

	lease   atomic.Pointer[lease]
	spent   atomic.Int64  // window that is used up
	used    atomic.Int64  // window of the last call
	turn    chan struct{} // held by the one who asks the bus
	fetched atomic.Bool   // waits for the next lease to be fetched ahead

	ownWindow int64 // of the last own share; only with the turn
	owed      int64 // of it, what is not in the record yet

	record  Record // as the process wrote it last; only with the turn
	version uint64 // of record; 0 if it has to be read
}

func newBudget(key string, limit Limit) *budget {
	b := &budget{key: key, limit: limit, turn: make(chan struct{}, 1)}
	b.spent.Store(-1)
	b.ownWindow = -1
	return b
}

func (b *budget) window(now time.Time) int64 { return now.UnixNano() / int64(b.limit.Period) }

// turns returns how long a window goes on.
func (b *budget) turns(now time.Time) time.Duration {
	return time.Duration(int64(b.limit.Period) - now.UnixNano()%int64(b.limit.Period))
}

// share is how much of what is left a process takes: a 64th of the limit at first,
// then twice as much each time, but never more than a quarter of what is left.
func share(limit, left, last, need int64) int64 {
	want := max(limit/64, 1)
	if last > 0 {
		want = 2 * last
	}
	return min(max(min(want, left/4), need), left)
}

// held returns the lease of a window, nil if there is none.
func (b *budget) held(window int64) *lease {
	if l := b.lease.Load(); l != nil && l.window == window {
		return l
	}
	return nil
}

// pay takes from what is held. more says that it is time to fetch more.
func (b *budget) pay(window, cost int64) (paid *lease, more bool) {
	if b.used.Load() != window {
		b.used.Store(window)
	}
	l := b.held(window)
	if l == nil || !l.take(cost) {
		return nil, false
	}
	return l, !l.local && l.left.Load() < l.low.Load() && b.spent.Load() != window
}

// grow adds to what is held of a window. The caller has the turn.
func (b *budget) grow(window, amount int64, local bool) {
	l := b.held(window)
	if l == nil || l.local != local {
		fresh := &lease{window: window, local: local}
		if l != nil { // what was held stays good
			fresh.left.Store(l.left.Swap(0))
		}
		l = fresh
	}
	l.size = amount
	l.low.Store(amount / 4)
	l.left.Add(amount)
	b.lease.Store(l)
}

// lock waits for the turn to ask the bus.
func (b *budget) lock(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *budget) unlock() { <-b.turn }
