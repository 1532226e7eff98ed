package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
)

func TestARoleCanBeInspected(t *testing.T) {
	a := act(t, roleProxy, task{Upstream: "http://127.0.0.1:1", Inspected: true})
	first, err := a.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.out.ReadString('\n')
	said := inspected.FindStringSubmatch(first + second)
	if err != nil || said == nil {
		t.Fatalf("it said %q, %v", first+second, err)
	}
	metrics, err := get(t.Context(), "http://"+said[1], "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := cost.Allocations(metrics); err != nil || n <= 0 {
		t.Errorf("allocations = %v, %v", n, err)
	}
	if err := metrics.Close(); err != nil {
		t.Error(err)
	}
	if _, err := get(t.Context(), "http://"+said[1], "/nothing", nil); err == nil {
		t.Error("what does not exist: no error")
	}
	a.leave(t)
}

func TestWhatWasLeftOutIsNotMeasured(t *testing.T) {
	rounds := func(n int) []proxies.Round {
		return []proxies.Round{{Result: measure.Result{Requests: n, Elapsed: time.Second, P99: time.Millisecond}, Allocations: float64(50 * n)}}
	}
	c := &comparison{run: &run{options: options{many: 10}}, outcome: &proxies.Outcome{Subjects: []proxies.Subject{
		{Name: nameNginx, Rounds: rounds(1000)}, {Name: nameThrough, Rounds: rounds(700)},
	}}}
	c.check()
	verdicts := map[string]string{}
	for _, check := range c.outcome.Checks {
		verdicts[check.Name] = check.Verdict()
	}
	for name, want := range map[string]string{
		"pass-through to nginx": "reached", "pass-through to Caddy": "not measured", "p99 of pass-through to that of nginx": "reached",
		"allocations of a pass-through call": "reached", "10 connections in rotation to one": "not measured",
	} {
		if verdicts[name] != want {
			t.Errorf("%s: %q, want %q", name, verdicts[name], want)
		}
	}
}

func TestFailedCallsOfGatewaysAreAFailureOfTheRun(t *testing.T) {
	bad := proxies.Subject{Name: "Caddy", Rounds: []proxies.Round{{Result: measure.Result{Errors: 3, FirstError: "no route"}}}}
	err := failures(report.Report{Proxies: &proxies.Outcome{Subjects: []proxies.Subject{bad}}})
	if err == nil || !strings.Contains(err.Error(), "Caddy: 3 calls failed") || !strings.Contains(err.Error(), "no route") {
		t.Errorf("error = %v", err)
	}
}

func TestFreePortsAreFree(t *testing.T) {
	addr, err := freeAddr(t.Context())
	if err != nil || !strings.HasPrefix(addr, "127.0.0.1:") || strings.HasSuffix(addr, ":0") {
		t.Errorf("address = %q, %v", addr, err)
	}
	if n, err := (eof{}).Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the suite's input is %d, %v", n, err)
	}
}
