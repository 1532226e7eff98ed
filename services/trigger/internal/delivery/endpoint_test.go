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
	if _, wait := e.admit(target); wait != busyWait {
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
	if _, wait := e.admit(target); wait != busyWait {
		t.Errorf("a second probe is told to wait %v", wait)
	}
	probe(Result{Outcome: Accepted}, true)
	for range perEndpoint {
		if _, wait := e.admit(target); wait != 0 {
			t.Errorf("after it is back: told to wait %v", wait)
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
