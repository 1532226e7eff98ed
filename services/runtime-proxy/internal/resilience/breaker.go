package resilience

import (
	"sync"
	"time"
)

// Breaker says when an API is left alone; what is zero takes its default.
type Breaker struct {
	// Window is the time that is looked at, 10 s by default. It moves in tenths.
	Window time.Duration
	// MinCalls is how many requests have to have ended in it, 20 by default.
	MinCalls int
	// FailureRate is the share of them that failed, 0 to 1, from which on the API is
	// left alone; 0.5 by default.
	FailureRate float64
	// Rest is how long it is left alone, 15 s by default.
	Rest time.Duration
	// Probes is how many requests are let through after that; if all of them
	// succeed, all others are too. 3 by default.
	Probes int
}

func (b Breaker) withDefaults() Breaker {
	if b.Window <= 0 {
		b.Window = 10 * time.Second
	}
	if b.MinCalls <= 0 {
		b.MinCalls = 20
	}
	if b.FailureRate <= 0 {
		b.FailureRate = 0.5
	}
	if b.Rest <= 0 {
		b.Rest = 15 * time.Second
	}
	if b.Probes <= 0 {
		b.Probes = 3
	}
	return b
}

// windowParts is how many counts a window has.
const windowParts = 10

// ticket ties a request to the state in which it was let through: what ends later
// says nothing about the state by then.
type ticket struct{ era uint64 }

// breaker counts the requests of a key that has failed lately. It is made with the
// first failure, which is where its window begins.
type breaker struct {
	mu     sync.Mutex
	era    uint64 // grows with each change of state
	closed bool
	until  time.Time // of the rest, unless closed
	probes int       // under way
	passed int       // probes that succeeded

	part   int64 // the newest one of the window, in tenths of it since 1970
	counts [windowParts]struct{ healthy, sick int }
}

func newBreaker() *breaker { return &breaker{closed: true} }

// restsFor returns how long requests are refused from now on, 0 if they are not.
func (b *breaker) restsFor(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0
	}
	return max(b.until.Sub(now), 0)
}

// ask lets a request through, or says how long to wait.
func (b *breaker) ask(now time.Time, rules *Breaker) (ticket, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ticket{b.era}, 0
	}
	if wait := b.until.Sub(now); wait > 0 {
		return ticket{}, wait
	}
	if b.probes+b.passed >= rules.Probes {
		return ticket{}, time.Second // the probes are under way
	}
	b.probes++
	return ticket{b.era}, 0
}

// record counts the end of a request that was let through. It reports whether
// there is nothing left to remember.
func (b *breaker) record(t ticket, outcome Outcome, now time.Time, rules *Breaker) (forget bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.era != b.era {
		return false
	}
	if !b.closed {
		return b.probed(outcome, now, rules)
	}
	if outcome == Nothing {
		return false
	}
	b.turn(now, rules.Window)
	count := &b.counts[b.part%windowParts]
	if outcome == Healthy {
		count.healthy++
	} else {
		count.sick++
	}
	healthy, sick := b.sum()
	if outcome == Sick && healthy+sick >= rules.MinCalls && float64(sick) >= rules.FailureRate*float64(healthy+sick) {
		b.rest(now, rules)
	}
	return sick == 0
}

// probed counts the end of a probe. One that says nothing is given back.
func (b *breaker) probed(outcome Outcome, now time.Time, rules *Breaker) (forget bool) {
	b.probes--
	switch outcome {
	case Sick:
		b.rest(now, rules)
	case Healthy:
		b.passed++
	case Nothing:
	}
	if b.passed < rules.Probes {
		return false
	}
	b.era++
	b.closed = true
	clear(b.counts[:])
	return true
}

// rest leaves the API alone.
func (b *breaker) rest(now time.Time, rules *Breaker) {
	b.era++
	b.closed, b.until = false, now.Add(rules.Rest)
	b.probes, b.passed = 0, 0
}

// turn moves the window to now.
func (b *breaker) turn(now time.Time, window time.Duration) {
	part := now.UnixNano() / int64(max(window/windowParts, 1))
	if part-b.part >= windowParts {
		clear(b.counts[:])
	} else {
		for p := b.part + 1; p <= part; p++ {
			b.counts[p%windowParts] = struct{ healthy, sick int }{}
		}
	}
	b.part = max(part, b.part)
}

func (b *breaker) sum() (healthy, sick int) {
	for _, c := range b.counts {
		healthy += c.healthy
		sick += c.sick
	}
	return healthy, sick
}
