// Package clock is the only place of the project that reads the wall clock.
//
// Everything else takes a [Clock], so that tests decide what time it is (see
// the clocktest package) and never have to sleep.
package clock

import "time"

// Clock tells the time and waits for it to pass. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now returns the current time. The system clock's carries a monotonic
	// reading, so differences between two of its results are not disturbed by
	// adjustments of the wall clock.
	Now() time.Time

	// After returns a channel that receives the time once, when d has passed.
	// A d of zero or less fires at once. Nothing needs to be stopped: an
	// abandoned channel is collected as garbage.
	After(d time.Duration) <-chan time.Time
}

// System returns the clock of the machine.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) After(d time.Duration) <-chan time.Time { return time.After(d) }
