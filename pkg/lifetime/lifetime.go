// Package lifetime makes contexts for work that has a time limit and seldom waits.
//
// A [Life] does what [context.WithTimeout] does. That one takes ten allocations, a
// timer of its own and a place in its parent's list, also for a call that is over
// after a millisecond and that nobody ever waited for. A Life is a part of whatever
// it is the context of; all that have the same time share a timer; its channel is
// made, and its parent asked to tell of its end, when somebody asks for it. A [Plain]
// is the same without a time, for who knows when something ends.
//
//	lives := lifetime.New(time.Minute)
//	…
//	var life lifetime.Life
//	lives.Begin(ctx, &life, time.Minute)
//	defer lives.End(&life)
//	work(&life)
//
// Contexts that the standard library derives from a Life itself are told by it; from
// one with values in between, each takes a goroutine for as long as it lasts.
package lifetime

import (
	"context"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Key is what a context answers with the nearest [Ending] for, itself or one that it
// was derived from. The latter lasts longer, perhaps: compare their channels.
type Key struct{}

// Ending is what a context can be to spare others [context.AfterFunc], which takes
// four allocations and about 2 us. It is safe for concurrent use.
type Ending interface {
	context.Context

	// Attach has hangUp called once when the context ends, at once if it has ended,
	// unless Detach comes before. hangUp does not wait. The result is false, and
	// hangUp is never called, if another one is attached.
	Attach(hangUp func()) bool
	// Detach reports whether hangUp was not called, and will not be.
	Detach() bool
}

// Life is a context. Until [Lives.Begin] it is no more than the one in it. It must
// not be copied, and is safe for concurrent use from Begin on.
type Life struct {
	// Context is where values come from, and what it ends with.
	context.Context //nolint:containedctx // it is one

	began bool
	until time.Time

	all          *Lives // nil unless it waits for the usual time
	older, newer *Life  // guarded by all
	timer        *time.Timer

	core
	listens bool        // to the context in it, by one of these:
	ending  Ending      // attached to
	stop    func() bool // of a function after it
}

var _ Ending = (*Life)(nil)

// Deadline implements [context.Context].
func (l *Life) Deadline() (time.Time, bool) {
	if !l.began {
		return l.Context.Deadline()
	}
	return l.until, true
}

// Done implements [context.Context].
func (l *Life) Done() <-chan struct{} {
	if !l.began {
		return l.Context.Done()
	}
	l.listen()
	return l.channel()
}

// Err implements [context.Context].
func (l *Life) Err() error {
	above := l.Context.Err()
	if !l.began {
		return above
	}
	if above != nil {
		l.finish(above)
	}
	return l.ended()
}

// Value implements [context.Context].
func (l *Life) Value(key any) any {
	if l.began && key == (Key{}) {
		return l
	}
	return l.Context.Value(key)
}

// Attach implements [Ending].
func (l *Life) Attach(hangUp func()) bool {
	if !l.began {
		return false
	}
	l.listen()
	return l.attach(hangUp)
}

// AfterFunc is what package context looks for in a context that is not its own, to
// derive one without a goroutine: it means what [context.AfterFunc] does.
func (l *Life) AfterFunc(f func()) (stop func() bool) {
	if !l.began {
		return context.AfterFunc(l.Context, f)
	}
	l.listen()
	return l.afterFunc(f)
}

// listen asks the context in it to tell of its end, once.
func (l *Life) listen() {
	l.mu.Lock()
	asked := l.listens || l.err != nil
	l.listens = true
	l.mu.Unlock()
	if asked {
		return
	}
	above := func() { l.finish(l.Context.Err()) }
	ending, ok := l.Context.(Ending)
	var stop func() bool
	if !ok || !ending.Attach(above) {
		ending = nil
		if l.Context.Done() != nil {
			stop = context.AfterFunc(l.Context, above)
		}
	}
	l.mu.Lock()
	over := l.err != nil
	if !over {
		l.ending, l.stop = ending, stop
	}
	l.mu.Unlock()
	if over { // End may have come before there was anything to let go
		letGo(ending, stop)
	}
}

// letGo takes back what a context was asked for.
func letGo(ending Ending, stop func() bool) {
	switch {
	case ending != nil:
		ending.Detach()
	case stop != nil:
		stop()
	}
}

// expire ends it because its time is over.
func (l *Life) expire() { l.finish(context.DeadlineExceeded) }

// Lives are lives under way. Those with the usual time end in the order in which they
// began, so one timer suffices for them. It is safe for concurrent use, and has no
// goroutine while nothing ends.
type Lives struct {
	clock clock.Clock // the system's, as that of all contexts
	usual time.Duration

	mu             sync.Mutex
	oldest, newest *Life
	timer          *time.Timer // nil before the first; it may run for one that has ended
	ticking        bool
}

// New returns lives with a usual time. Others may have another one, and a timer of
// their own.
func New(usual time.Duration) *Lives { return &Lives{clock: clock.System(), usual: usual} }

// Begin makes l, which was not used before, a context of a parent that ends after a
// time, or with the parent. [Lives.End] has to follow.
func (a *Lives) Begin(parent context.Context, l *Life, limit time.Duration) {
	l.Context, l.until = parent, a.clock.Now().Add(limit)
	if end, ok := parent.Deadline(); ok && !end.After(l.until) {
		l.until, l.began = end, true // the parent tells
		return
	}
	l.began = true
	if limit != a.usual {
		l.timer = time.AfterFunc(limit, l.expire)
		return
	}
	l.all = a
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.older = a.newest; l.older != nil {
		l.older.newer = l
	} else {
		a.oldest = l
	}
	a.newest = l
	if !a.ticking {
		a.tick(limit)
	}
}

// End ends l with [context.Canceled] if it lasts.
func (a *Lives) End(l *Life) {
	l.finish(context.Canceled)
	l.mu.Lock()
	ending, stop := l.ending, l.stop
	l.mu.Unlock()
	letGo(ending, stop)
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.all != nil {
		a.remove(l)
	}
}

func (a *Lives) remove(l *Life) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.older != nil {
		l.older.newer = l.newer
	} else {
		a.oldest = l.newer
	}
	if l.newer != nil {
		l.newer.older = l.older
	} else {
		a.newest = l.older
	}
	l.older, l.newer = nil, nil // whoever keeps this one keeps no other
}

// tick lets the timer run. The lock is held.
func (a *Lives) tick(d time.Duration) {
	a.ticking = true
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.expire)
		return
	}
	a.timer.Reset(d)
}

// expire ends those whose time is over. They stay until [Lives.End].
func (a *Lives) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ticking = false
	now := a.clock.Now()
	for l := a.oldest; l != nil; l = l.newer {
		if left := l.until.Sub(now); left > 0 {
			a.tick(left)
			return
		}
		l.expire()
	}
}
