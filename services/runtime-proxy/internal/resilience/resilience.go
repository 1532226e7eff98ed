// Package resilience stands between a finished request and its sending: it leaves
// an API alone that fails, bounds how much of it is used at once, and sends again
// what does no harm.
//
// [Guard.Do] is for calls whose whole answer is wanted, [Guard.Enter] for those
// that are streamed: the same circuit breaker and the same bound, but never a
// second request. Both keep what they know for each [Key], a connection and a
// host, and forget it when it was not used for a minute.
//
//	resp, attempts, err := guard.Do(ctx, key, resilience.Rules{Repeatable: true}, send)
//
// # What is sent again
//
// Only what is [Rules.Repeatable]: statuses 408, 425, 429, 502, 503 and 504, and
// requests that got no answer. 429 and 503 are no exception, although they ought to
// mean that nothing was done: APIs that do several things in one request answer
// them after a part of it. 500 is not sent again: it mostly comes from what the
// request says, and comes back. Any request is sent again that no connection could
// be made for. An address that the egress guard refuses is not tried twice.
//
// The wait doubles with each attempt, and is drawn from zero to that ("full
// jitter"), so that callers who failed together do not come back together. A wait
// that the API asks for is kept to. If it is too long, or the call's time would be
// over, the answer is given as it is.
//
// # Why there is no library
//
// The breaker of failsafe-go reads its own clock, has no way to give back the
// permission of a call that said nothing (a caller who left would hold one of its
// probes for ever), and counts late results of an earlier state; its executor takes
// 20 allocations for a call that succeeds. What is here takes none.
package resilience

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// The defaults of [Options].
const (
	// DefaultConcurrency is how many requests of a key are under way at once.
	DefaultConcurrency = 128
	// DefaultQueue is how long a request waits for its turn.
	DefaultQueue = 250 * time.Millisecond
	// DefaultAttempts is how often a request is sent.
	DefaultAttempts = 3
	// DefaultBackoff bounds the first wait, DefaultMaxBackoff all of them.
	DefaultBackoff    = 200 * time.Millisecond
	DefaultMaxBackoff = 5 * time.Second
	// DefaultMaxWait is the longest wait that an API may ask for.
	DefaultMaxWait = 30 * time.Second
)

// MaxKeys is how many keys are known at once. Past it those that nobody uses are
// forgotten early, and if there are none, new ones are refused.
const MaxKeys = 1 << 17

// MaxAttempts bounds [Rules.Attempts].
const MaxAttempts = 10

// Options are the numbers of a guard; what is zero takes its default.
type Options struct {
	// Concurrency bounds the requests of a key that are under way at once.
	Concurrency int
	// Queue is how long a request waits for its turn; as many may wait as may be
	// under way.
	Queue time.Duration
	// Backoff bounds the first wait before another attempt; it doubles up to
	// MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// MaxWait is the longest wait that an API may ask for.
	MaxWait time.Duration
	// Attempts is how often a request is sent at most whose rules do not say, 1 to
	// [MaxAttempts].
	Attempts int
	// Breaker says when an API is left alone.
	Breaker Breaker
}

// Key is whose requests are looked at together. Two connections never share one:
// what one account does to itself is not the fault of another.
type Key struct {
	// Connection is whose credential is used.
	Connection resource.Connection
	// Host is where the request goes, "host" or "host:port".
	Host string
}

// Rules say how one request is treated.
type Rules struct {
	// Repeatable is true if sending the request twice does no harm: its method or
	// its operation is idempotent, or it has a key that the API takes.
	Repeatable bool
	// Attempts is how often it is sent at most, 1 to [MaxAttempts]; 0 means
	// [Options.Attempts].
	Attempts int
}

// Send makes one attempt, the first one is 1. It must make its request anew, and
// an [upstream.Attempt] with it, which remembers what was written.
type Send func(ctx context.Context, attempt int) (*upstream.Response, error)

// Guard guards requests. It is safe for concurrent use, has no goroutines and
// needs no closing.
type Guard struct {
	options Options
	clock   clock.Clock
	table   *table
	jitter  func(time.Duration) time.Duration // draws from 0 to below its argument
}

// New returns a guard.
func New(options Options, clk clock.Clock) *Guard {
	orElse := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	if options.Concurrency <= 0 {
		options.Concurrency = DefaultConcurrency
	}
	orElse(&options.Queue, DefaultQueue)
	orElse(&options.Backoff, DefaultBackoff)
	orElse(&options.MaxBackoff, DefaultMaxBackoff)
	orElse(&options.MaxWait, DefaultMaxWait)
	if options.Attempts <= 0 || options.Attempts > MaxAttempts {
		options.Attempts = DefaultAttempts
	}
	options.Breaker = options.Breaker.withDefaults()
	return &Guard{
		options: options, clock: clk, table: newTable(options.Concurrency),
		jitter: rand.N[time.Duration],
	}
}

// Do sends a request until it is answered for good, and returns the last answer,
// or the last failure, with the number of attempts that were made: 0 if it was not
// sent at all. Failures of its own are CIRCUIT_OPEN and CONCURRENCY_LIMITED, with
// the time after which to come back.
func (g *Guard) Do(ctx context.Context, key Key, rules Rules, send Send) (*upstream.Response, int, error) {
	most := min(rules.Attempts, MaxAttempts)
	if most <= 0 {
		most = g.options.Attempts
	}
	pass, err := g.Enter(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	for attempt := 1; ; attempt++ {
		resp, err := attemptOnce(ctx, pass, attempt, send)
		if attempt >= most || !again(resp, err, rules.Repeatable) || !g.pause(ctx, key, attempt, resp) {
			return resp, attempt, err
		}
		next, refused := g.Enter(ctx, key)
		if refused != nil {
			return resp, attempt, err // what the API said is of more use
		}
		pass = next
	}
}

// attemptOnce gives the pass back even if the attempt panics.
func attemptOnce(ctx context.Context, pass Pass, attempt int, send Send) (resp *upstream.Response, err error) {
	outcome := Nothing
	defer func() { pass.Leave(outcome) }()
	resp, err = send(ctx, attempt)
	outcome = OutcomeOf(resp, err)
	return resp, err
}

// pause waits before another attempt. It reports false without having waited if
// another one makes no sense: no time is left for it, the API wants to be left
// alone for longer, or is left alone by us.
func (g *Guard) pause(ctx context.Context, key Key, attempt int, resp *upstream.Response) bool {
	now := g.clock.Now()
	wait := g.jitter(min(g.options.Backoff<<(attempt-1), g.options.MaxBackoff))
	if resp != nil {
		wait = max(wait, upstream.RetryAfter(resp.Status, resp.Header, now))
	}
	if wait > g.options.MaxWait {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && !now.Add(wait).Before(deadline) {
		return false
	}
	if g.table.refuses(key, now.Add(wait)) {
		return false
	}
	select {
	case <-g.clock.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// again reports whether another attempt makes sense and does no harm.
func again(resp *upstream.Response, err error, repeatable bool) bool {
	if err == nil {
		return repeatable && resp != nil && passing(resp.Status)
	}
	switch fault.ReasonOf(err) {
	case fault.ReasonUpstreamUnreachable: // there was no connection to send it over
		return fault.From(err).Meta()["tls"] == "" // one side did not like the other: it will not the next time
	case fault.ReasonUpstreamReset, fault.ReasonUpstreamTimeout, fault.ReasonOutcomeUnknown:
		return repeatable
	default: // our own refusals, and answers that would be no better the next time
		return false
	}
}

// passing reports whether a status speaks of a moment, not of the request.
func passing(status int) bool {
	switch status {
	case 408, 425, 429, 502, 503, 504:
		return true
	}
	return false
}
