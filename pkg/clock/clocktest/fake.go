// Package clocktest provides a [clock.Clock] that moves only when a test says so.
package clocktest

import (
	"slices"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

var _ clock.Clock = (*Fake)(nil)

// Fake is a clock under the control of a test. It is safe for concurrent use.
type Fake struct {
	mu      sync.Mutex
	now     time.Time
	waiters []waiter
}

type waiter struct {
	due time.Time
	ch  chan time.Time
}

// New returns a clock that stands still at t.
func New(t time.Time) *Fake { return &Fake{now: t} }

// Now returns the time that the test has set.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// After returns a channel that fires when the clock has been advanced by at
// least d. A d of zero or less fires at once.
func (f *Fake) After(d time.Duration) <-chan time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- f.now
		return ch
	}
	f.waiters = append(f.waiters, waiter{due: f.now.Add(d), ch: ch})
	return ch
}

// Advance moves the clock forward and fires every channel that has become due.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	f.waiters = slices.DeleteFunc(f.waiters, func(w waiter) bool {
		if w.due.After(f.now) {
			return false
		}
		w.ch <- f.now
		return true
	})
}

// Waiting reports how many channels have not fired yet. Tests poll it to know
// that the code under test has reached its wait.
func (f *Fake) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiters)
}
