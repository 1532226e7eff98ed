package rate

import "context"

// Run fetches leases ahead of need and drops what nobody uses, until ctx ends.
func (l *Limiter) Run(ctx context.Context) error {
	tick := l.clock.After(sweepTime)
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-l.ahead:
			l.fillUp(ctx, b)
		case <-tick:
			l.sweep()
			tick = l.clock.After(sweepTime)
		}
	}
}

// fillUp fetches a lease before the present one is used up.
func (l *Limiter) fillUp(ctx context.Context, b *budget) {
	defer b.fetched.Store(false)
	if b.lock(ctx) != nil {
		return
	}
	defer b.unlock()
	now := l.clock.Now()
	window := b.window(now)
	held := b.held(window)
	if held == nil || held.left.Load() >= held.low.Load() || b.spent.Load() == window || now.UnixNano() < l.away.Load() {
		return
	}
	l.fetch(ctx, b, window, 1, now)
}

// sweep drops budgets of windows that are over.
func (l *Limiter) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropOver()
}

func (l *Limiter) dropOver() {
	now := l.clock.Now()
	for key, b := range l.budgets {
		if b.used.Load() < b.window(now) {
			delete(l.budgets, key)
		}
	}
}

// drop makes room. What is dropped in its window is held by nobody any more: a
// part of the budget is lost until the window turns, and nothing is allowed twice.
func (l *Limiter) drop() {
	l.dropOver()
	for key := range l.budgets {
		if len(l.budgets) < maxBudgets {
			return
		}
		delete(l.budgets, key)
	}
}
