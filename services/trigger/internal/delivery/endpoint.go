package delivery

import (
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// perEndpoint is how many attempts are made at one endpoint at the same time.
	perEndpoint = 4
	// busyWait is when a delivery comes again whose endpoint is busy.
	busyWait = 500 * time.Millisecond
	// maxRest is the longest that an endpoint is left alone because of failures.
	maxRest = time.Minute
	// jitterShare is the part by which pauses are spread.
	jitterShare = 0.25
)

// endpoints keeps one endpoint from taking the workers of the others: it bounds
// the attempts at each, and leaves those alone that fail. It is safe for
// concurrent use.
type endpoints struct {
	clock clock.Clock
	dice  func() float64

	mu    sync.Mutex
	known map[string]*endpoint
}

// endpoint is one URL that is busy or failing; others are not kept.
type endpoint struct {
	busy     int
	failures int
	rests    time.Time // until then it is left alone
}

func newEndpoints(clk clock.Clock, dice func() float64) *endpoints {
	return &endpoints{clock: clk, dice: dice, known: map[string]*endpoint{}}
}

// admit says that an attempt may be made now, or how long to wait. After the
// attempt release is called with its result, and whether that tells anything
// about the endpoint.
func (e *endpoints) admit(target string) (release func(r Result, counts bool), wait time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock.Now()
	p := e.known[target]
	if p == nil {
		p = &endpoint{}
		e.known[target] = p
	}
	switch {
	case now.Before(p.rests):
		return nil, e.jittered(p.rests.Sub(now))
	case p.busy >= perEndpoint, p.failures > 0 && p.busy > 0: // one attempt is enough to see whether it is back
		return nil, e.jittered(busyWait)
	}
	p.busy++
	return func(r Result, counts bool) { e.release(target, p, r, counts) }, 0
}

func (e *endpoints) release(target string, p *endpoint, r Result, counts bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.busy--
	switch {
	case !counts:
	case r.Outcome == Failed:
		rest := minDelay
		for range p.failures {
			rest = min(2*rest, maxRest)
		}
		p.failures++
		p.rests = e.clock.Now().Add(max(rest, r.RetryAfter))
	default:
		p.failures, p.rests = 0, time.Time{}
	}
	e.tidy(target, p)
}

// tidy forgets endpoints about which there is nothing to know, and those that
// nobody has tried for long.
func (e *endpoints) tidy(target string, p *endpoint) {
	if p.busy == 0 && p.failures == 0 {
		delete(e.known, target)
	}
	if len(e.known) < maxKnown {
		return
	}
	for url, old := range e.known {
		if old.busy == 0 && e.clock.Now().After(old.rests) {
			delete(e.known, url)
		}
	}
}

// maxKnown is how many failing endpoints are remembered before old ones are
// looked for.
const maxKnown = 10_000

// jittered makes a pause longer by a random part, so that what waits together
// does not come back together.
func (e *endpoints) jittered(d time.Duration) time.Duration {
	return d + time.Duration(e.dice()*jitterShare*float64(d))
}
