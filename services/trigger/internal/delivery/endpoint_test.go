package delivery

import (
	"fmt"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
)

const target = "https://example.com/a"

func calm() (*endpoints, *clocktest.Fake) {
	clk := clocktest.New(time.Unix(0, 0))
	return newEndpoints(clk, func() float64 { return 0 }), clk
}

func TestAnEndpointGetsSoManyAttemptsAndNoMoreAtTheSameTime(t *testing.T) {
	e, _ := calm()
	var releases []func(Result, bool)
	for range perEndpoint {
		release, wait := e.admit(target)
		if wait != 0 {
			t.Fatalf("told to wait %v", wait)
		}
		releases = append(releases, release)
	}
	if _, wait := e.admit(target); wait != minWait {
		t.Errorf("one more is told to wait %v", wait)
	}
	if _, wait := e.admit("https://example.com/b"); wait != 0 {
		t.Errorf("another endpoint is told to wait %v", wait)
	}
	releases[0](Result{Outcome: Accepted}, true)
	if _, wait := e.admit(target); wait != 0 {
		t.Errorf("after one is over it is told to wait %v", wait)
	}
}

func TestAnEndpointThatFailsIsLeftAloneLongerAndLonger(t *testing.T) {
	e, clk := calm()
	var rests []time.Duration
	for range 8 {
		release, wait := e.admit(target)
		if wait != 0 {
			t.Fatalf("told to wait %v", wait)
		}
		release(Result{Outcome: Failed}, true)
		_, rest := e.admit(target)
		rests = append(rests, rest)
		clk.Advance(rest)
	}
	if want := "[1s 2s 4s 8s 16s 32s 1m0s 1m0s]"; fmt.Sprint(rests) != want {
		t.Errorf("rests %v, want %s", rests, want)
	}
	probe, wait := e.admit(target)
	if wait != 0 {
		t.Fatalf("told to wait %v", wait)
	}
	if _, wait := e.admit(target); wait != minWait {
		t.Errorf("a second probe is told to wait %v", wait)
	}
	probe(Result{Outcome: Accepted}, true)
	for range perEndpoint {
		if _, wait := e.admit(target); wait != 0 {
			t.Errorf("after it is back: told to wait %v", wait)
		}
	}
}

// asked returns how long each of n more deliveries is told to wait.
func asked(e *endpoints, n int) (waits []time.Duration) {
	for range n {
		_, wait := e.admit(target)
		waits = append(waits, wait)
	}
	return waits
}

func TestTheMoreWaitTheLonger(t *testing.T) {
	accepted, failed := &Result{Outcome: Accepted}, &Result{Outcome: Failed}
	for _, tc := range []struct {
		name   string
		latest *Result // of an attempt; nil for none
		took   time.Duration
		n      int
		want   string // the first three, and the last
	}{
		{"nothing is known of the endpoint", nil, 0, 101, "[500ms 525ms 550ms] 3s"},
		{"a slow endpoint", accepted, 8 * time.Second, 20, "[500ms 2.5s 4.5s] 38.5s"},
		{"a slow endpoint and many that wait", accepted, 8 * time.Second, 5000, "[500ms 2.5s 4.5s] 1m0s"},
		{"a fast endpoint", accepted, 20 * time.Millisecond, 101, "[500ms 505ms 510ms] 1s"},
		{"an endpoint that answers at once", failed, 0, 501, "[1s 1.002s 1.004s] 2s"},
		{"an endpoint that rests", failed, 3 * time.Second, 11, "[1s 4s 7s] 31s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, clk := calm()
			release, _ := e.admit(target)
			for range perEndpoint - 1 {
				e.admit(target)
			}
			if tc.latest != nil {
				clk.Advance(tc.took)
				release(*tc.latest, true)
			}
			if tc.latest == accepted {
				e.admit(target) // as many as there may be
			}
			waits := asked(e, tc.n)
			if got := fmt.Sprint(waits[:3], " ", waits[tc.n-1]); got != tc.want {
				t.Errorf("waits %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWhatWaitsFindsTheEndpointOneAfterTheOther(t *testing.T) {
	const backlog, took = 1000, 200 * time.Millisecond
	e, clk := calm()
	begin := clk.Now()
	due := make([]time.Time, backlog) // when each delivery comes
	for i := range due {
		due[i] = begin
	}
	asks, served := 0, 0
	type attempt struct {
		ends    time.Time
		release func(Result, bool)
	}
	var running []attempt
	for served < backlog {
		for len(running) > 0 && !running[0].ends.After(clk.Now()) {
			running[0].release(Result{Outcome: Accepted}, true)
			running, served = running[1:], served+1
		}
		rest := due[:0]
		for _, at := range due {
			if at.After(clk.Now()) {
				rest = append(rest, at)
				continue
			}
			asks++
			release, wait := e.admit(target)
			if wait > 0 {
				rest = append(rest, clk.Now().Add(wait))
				continue
			}
			running = append(running, attempt{clk.Now().Add(took), release})
		}
		due = rest
		clk.Advance(10 * time.Millisecond)
	}
	if asks > 3*backlog {
		t.Errorf("%d deliveries came %d times", backlog, asks)
	}
	// Four at a time need 50 s: the endpoint is hardly ever idle.
	if whole := clk.Now().Sub(begin); whole > 75*time.Second {
		t.Errorf("all were delivered after %v", whole)
	}
	if len(e.known) != 0 {
		t.Errorf("the endpoint is remembered: %+v", e.known[target])
	}
}

func TestForHowLongAnEndpointFailsIsCountedFromItsLastSuccess(t *testing.T) {
	e, clk := calm()
	attempt := func(o Outcome) {
		t.Helper()
		clk.Advance(time.Hour)
		release, wait := e.admit(target)
		if wait != 0 {
			t.Fatalf("told to wait %v", wait)
		}
		release(Result{Outcome: o}, true)
	}
	for i, step := range []struct {
		outcome Outcome
		want    time.Duration
	}{{Failed, 0}, {Failed, time.Hour}, {Failed, 2 * time.Hour}, {Accepted, 0}, {Failed, 0}, {Failed, time.Hour}} {
		attempt(step.outcome)
		if got := e.failingFor(target); got != step.want {
			t.Errorf("after attempt %d: %v, want %v", i+1, got, step.want)
		}
	}
}

func TestAnEndpointsOwnWishCounts(t *testing.T) {
	e, _ := calm()
	release, _ := e.admit(target)
	release(Result{Outcome: Failed, RetryAfter: time.Hour}, true)
	if _, wait := e.admit(target); wait != time.Hour {
		t.Errorf("told to wait %v", wait)
	}
}

func TestAnAttemptThatWeBrokeOffSaysNothingAboutTheEndpoint(t *testing.T) {
	e, _ := calm()
	release, _ := e.admit(target)
	release(Result{Outcome: Failed}, false)
	if _, wait := e.admit(target); wait != 0 {
		t.Errorf("told to wait %v", wait)
	}
}

func TestOnlyBusyAndFailingEndpointsAreRemembered(t *testing.T) {
	e, clk := calm()
	for i := range maxKnown + 10 {
		url := fmt.Sprint(target, i)
		release, _ := e.admit(url)
		release(Result{Outcome: Accepted}, true)
	}
	if n := len(e.known); n != 0 {
		t.Errorf("%d well ones are remembered", n)
	}
	for i := range maxKnown - 1 {
		release, _ := e.admit(fmt.Sprint(target, i))
		release(Result{Outcome: Failed}, true)
	}
	clk.Advance(time.Hour)
	release, _ := e.admit(target)
	release(Result{Outcome: Failed}, true)
	if n := len(e.known); n != 1 {
		t.Errorf("%d failing ones are remembered, want the latest only", n)
	}
}

func TestPausesAreSpread(t *testing.T) {
	e := newEndpoints(clocktest.New(time.Unix(0, 0)), func() float64 { return 0.999999 })
	if got := e.jittered(time.Minute); got <= time.Minute || got > 75*time.Second {
		t.Errorf("got %v", got)
	}
}
