// Package measure counts and times calls that are made one after another on
// several connections at once.
//
//	result, err := measure.Run(ctx, measure.Config{Clock: clock.System(), Warmup: time.Second, Duration: 3 * time.Second}, calls)
package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Call makes one request and returns when its answer has been read to the end.
// It is called by one goroutine at a time.
type Call func(ctx context.Context) error

// Config says how long to measure.
type Config struct {
	// Clock times the calls. Required.
	Clock clock.Clock
	// Warmup is how long calls are made before they count.
	Warmup time.Duration
	// Duration is how long calls count; more than 0.
	Duration time.Duration
}

// Result is what was measured. Calls that were under way at the end do not
// count.
type Result struct {
	// Requests is the number of calls that succeeded.
	Requests int `json:"requests"`
	// Errors is the number of calls that failed.
	Errors int `json:"errors"`
	// FirstError is what the first of them said; empty if there was none.
	FirstError string `json:"first_error,omitempty"`
	// Elapsed is the time in which they were made, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// P50 and P99 are the times within which half, and 99 of 100, of the calls
	// that succeeded had their answer, in nanoseconds.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

// PerSecond returns the rate of calls that succeeded.
func (r Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Elapsed.Seconds()
}

// Run makes each call again and again until the time is over, every call in a
// goroutine of its own. It returns when all goroutines have ended, with an error
// if ctx ended first. A call that fails is counted and made again.
func Run(ctx context.Context, cfg Config, calls []Call) (Result, error) {
	if cfg.Duration <= 0 || len(calls) == 0 {
		return Result{}, errors.New("measure: a duration and at least one call are required")
	}
	from := cfg.Clock.Now().Add(cfg.Warmup)
	until := from.Add(cfg.Duration)
	parts := make([]part, len(calls))
	var group sync.WaitGroup
	for n, call := range calls {
		group.Go(func() { parts[n].run(ctx, cfg.Clock, call, from, until) })
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	return sum(parts, cfg.Duration), nil
}

// part is what one goroutine has measured.
type part struct {
	times  []time.Duration
	errors int
	first  error
}

func (p *part) run(ctx context.Context, c clock.Clock, call Call, from, until time.Time) {
	for begin := c.Now(); begin.Before(until) && ctx.Err() == nil; {
		err := call(ctx)
		end := c.Now()
		if !begin.Before(from) && !end.After(until) {
			p.note(end.Sub(begin), err)
		}
		begin = end
	}
}

func (p *part) note(took time.Duration, err error) {
	if err == nil {
		p.times = append(p.times, took)
		return
	}
	p.errors++
	if p.first == nil {
		p.first = err
	}
}

func sum(parts []part, elapsed time.Duration) Result {
	r := Result{Elapsed: elapsed}
	var times []time.Duration
	for _, p := range parts {
		times = append(times, p.times...)
		r.Errors += p.errors
		if r.FirstError == "" && p.first != nil {
			r.FirstError = p.first.Error()
		}
	}
	slices.Sort(times)
	r.Requests, r.P50, r.P99 = len(times), quantile(times, 50), quantile(times, 99)
	return r
}

// quantile returns the smallest of the sorted times that percent of them do not
// exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}
