package binding

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slot holds one value that is fetched when it is needed and used until it
// expires. However many ask at once, one fetches. A slot that is thrown away
// while somebody fetches takes the result with it, so what was fetched before a
// change is not used after it.
type slot[V any] struct {
	held atomic.Pointer[held[V]]

	mu      sync.Mutex
	pending *pending[V]
}

// held is a value and the end of its time.
type held[V any] struct {
	value V
	until time.Time
}

// pending is a fetch under way. Its fields may be read once done is closed.
type pending[V any] struct {
	done  chan struct{}
	value V
	err   error
	retry bool // the one who fetched gave up, which says nothing about others
}

// fetch gets a value and says until when it may be used.
type fetch[V any] func(ctx context.Context) (V, time.Time, error)

// get returns the value, fetching it if there is none whose time includes now.
// The first who needs it fetches with its own context and everybody else waits;
// errors are shared with those who wait and not kept.
func (s *slot[V]) get(ctx context.Context, now time.Time, load fetch[V]) (V, error) {
	for {
		if h := s.held.Load(); h != nil && now.Before(h.until) {
			return h.value, nil
		}
		s.mu.Lock()
		if h := s.held.Load(); h != nil && now.Before(h.until) {
			s.mu.Unlock()
			return h.value, nil
		}
		p := s.pending
		if p == nil {
			p = &pending[V]{done: make(chan struct{})}
			s.pending = p
			s.mu.Unlock()
			return s.lead(ctx, p, load)
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		case <-p.done:
		}
		if !p.retry {
			return p.value, p.err
		}
	}
}

func (s *slot[V]) lead(ctx context.Context, p *pending[V], load fetch[V]) (V, error) {
	p.retry = true // until load has returned: a panic must not look like a result
	defer func() {
		s.mu.Lock()
		s.pending = nil
		s.mu.Unlock()
		close(p.done)
	}()
	value, until, err := load(ctx)
	p.value, p.err, p.retry = value, err, ctx.Err() != nil
	if err == nil {
		p.retry = false
		s.held.Store(&held[V]{value, until})
	}
	return value, err
}
