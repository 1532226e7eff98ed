package resilience

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Outcome is what a request says about the health of its API.
type Outcome int

// The outcomes.
const (
	// Nothing: it never got there, or the caller left.
	Nothing Outcome = iota
	// Healthy: the API answered, be it to say that the request is wrong.
	Healthy
	// Sick: the API failed, is overloaded, or gave no answer.
	Sick
)

// OutcomeOf judges what an attempt ended with. What is the caller's own fault
// (4xx but 408 and 429) says that the API works, and so do 501 and 505.
func OutcomeOf(resp *upstream.Response, err error) Outcome {
	if err != nil {
		return outcomeOfError(err)
	}
	if resp == nil {
		return Nothing
	}
	return OutcomeOfStatus(resp.Status)
}

// OutcomeOfStatus judges an answer by its status, for those that are streamed.
func OutcomeOfStatus(status int) Outcome {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return Sick
	case status < http.StatusInternalServerError, status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported:
		return Healthy
	}
	return Sick
}

func outcomeOfError(err error) Outcome {
	switch fault.ReasonOf(err) {
	case fault.ReasonUpstreamUnreachable, fault.ReasonUpstreamTimeout, fault.ReasonUpstreamReset,
		fault.ReasonUpstreamInvalidResponse, fault.ReasonOutcomeUnknown:
		return Sick
	default: // refused by our own rules, or given up by the caller
		return Nothing
	}
}

// Pass is the permission for one request. It has to be given back exactly once.
type Pass struct {
	guard   *Guard
	entry   *entry
	breaker *breaker // nil if the key had none when the request began
	ticket  ticket
}

// Leave gives the pass back and says how the request ended. For a stream that is
// when both bodies have ended.
func (p Pass) Leave(outcome Outcome) {
	now := p.guard.clock.Now()
	p.entry.record(p, outcome, now, &p.guard.options.Breaker)
	<-p.entry.slots
	p.entry.leave(now)
}

// Enter waits for the turn of a request: not at all, unless as many of its key are
// under way as may be. The errors are CIRCUIT_OPEN and CONCURRENCY_LIMITED, with a
// time to come back after, or CANCELED.
func (g *Guard) Enter(ctx context.Context, key Key) (Pass, error) {
	now := g.clock.Now()
	e, ok := g.table.enter(key, now)
	if !ok {
		return Pass{}, crowded(key, g.options.Concurrency)
	}
	pass := Pass{guard: g, entry: e}
	if wait := e.closedFor(now); wait > 0 { // before queueing: nobody waits only to be refused
		e.leave(now)
		return Pass{}, open(key, wait)
	}
	select {
	case e.slots <- struct{}{}:
	default:
		if err := g.queue(ctx, key, e); err != nil {
			e.leave(now)
			return Pass{}, err
		}
		now = g.clock.Now()
	}
	if pass.breaker = e.breaker.Load(); pass.breaker != nil {
		var wait time.Duration
		if pass.ticket, wait = pass.breaker.ask(now, &g.options.Breaker); wait > 0 {
			<-e.slots
			e.leave(now)
			return Pass{}, open(key, wait)
		}
	}
	return pass, nil
}

// queue waits for a slot, for a short time and among few.
func (g *Guard) queue(ctx context.Context, key Key, e *entry) error {
	if e.waiting.Add(1) > int64(g.options.Concurrency) {
		e.waiting.Add(-1)
		return crowded(key, g.options.Concurrency)
	}
	defer e.waiting.Add(-1)
	select {
	case e.slots <- struct{}{}:
		return nil
	case <-g.clock.After(g.options.Queue):
		return crowded(key, g.options.Concurrency)
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return fault.From(context.Canceled)
		}
		return crowded(key, g.options.Concurrency) // says more than that time is over
	}
}

func open(key Key, wait time.Duration) error {
	return fault.Unavailable(fault.ReasonCircuitOpen,
		"the API at %q failed too often and is left alone for a moment; try again after the given time", key.Host).
		With("host", key.Host).RetryAfter(wait)
}

func crowded(key Key, limit int) error {
	return fault.Exhausted(fault.ReasonConcurrencyLimited,
		"the connection has %d calls to %q under way, which is all it may have; make fewer at once, or try again in a moment", limit, key.Host).
		With("host", key.Host).RetryAfter(time.Second)
}
