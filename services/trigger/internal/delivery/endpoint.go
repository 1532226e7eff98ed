package delivery

import (
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// perEndpoint is how many attempts are made at one endpoint at the same time.
	perEndpoint = 4
	// minWait and maxWait bound when a delivery comes again whose endpoint is busy.
	minWait = 500 * time.Millisecond
	maxWait = time.Minute
	// assumedTime is how long an attempt takes at an endpoint of which nothing is
	// known yet.
	assumedTime = 100 * time.Millisecond
	// minSpacing is the least time between two deliveries that come again for one
	// endpoint, however fast it is: what comes too early costs a worker some time.
	minSpacing = 2 * time.Millisecond
	// maxRest is the longest that an endpoint is left alone because of failures.
	maxRest = time.Minute
	// jitterShare is the part by which pauses are spread.
	jitterShare = 0.25
)

// endpoints keeps one endpoint from taking the workers of the others: it bounds
// the attempts at each, and leaves those alone that fail. What has to wait is told
// to come back one after the other, as fast as the endpoint works, so that many
// that wait for one endpoint do not occupy the workers by asking. It is safe for
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
	failing  time.Time     // when the first of these failures was
	rests    time.Time     // until then it is left alone
	slot     time.Time     // when the next one that has to wait should come
	average  time.Duration // of the latest attempts; 0 if there was none
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
	if now.Before(p.rests) || p.busy >= p.atOnce() {
		return nil, e.jittered(p.queue(now))
	}
	p.busy++
	return func(r Result, counts bool) { e.release(target, p, now, r, counts) }, 0
}

// failingFor returns for how long this process has seen an endpoint fail without a
// success.
func (e *endpoints) failingFor(target string) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.known[target]
	if p == nil || p.failures == 0 {
		return 0
	}
	return e.clock.Now().Sub(p.failing)
}

// atOnce is how many attempts may be made at the same time: one is enough to see
// whether an endpoint is back that has failed.
func (p *endpoint) atOnce() int {
	if p.failures > 0 {
		return 1
	}
	return perEndpoint
}

// queue returns how long one more delivery has to wait. The more wait already, the
// longer: each gets a time of its own, as far apart as attempts end. Those for whom
// that would be after maxWait come then, and ask again.
func (p *endpoint) queue(now time.Time) time.Duration {
	first := latest(now.Add(minWait), p.rests)
	last := latest(now.Add(maxWait), p.rests)
	at := latest(p.slot, first)
	if at.After(last) {
		return last.Sub(now)
	}
	average := p.average
	if average == 0 {
		average = assumedTime
	}
	p.slot = at.Add(max(average/time.Duration(p.atOnce()), minSpacing))
	return at.Sub(now)
}

func (e *endpoints) release(target string, p *endpoint, began time.Time, r Result, counts bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.busy--
	if counts {
		p.took(max(e.clock.Now().Sub(began), 1))
	}
	switch {
	case !counts:
	case r.Outcome == Failed:
		rest := minDelay
		for range p.failures {
			rest = min(2*rest, maxRest)
		}
		if p.failures == 0 {
			p.failing = e.clock.Now()
		}
		p.failures++
		p.rests = e.clock.Now().Add(max(rest, r.RetryAfter))
	default:
		p.failures, p.rests = 0, time.Time{}
	}
	e.tidy(target, p)
}

// took notes how long an attempt took.
func (p *endpoint) took(d time.Duration) {
	if p.average == 0 {
		p.average = d
		return
	}
	p.average = (3*p.average + d) / 4
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tidy forgets endpoints about which there is nothing to know, and those that
// nobody has tried for long.
func (e *endpoints) tidy(target string, p *endpoint) {
	if p.busy == 0 && p.failures == 0 && !e.clock.Now().Before(p.slot) {
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
