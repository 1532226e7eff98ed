package proxies_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
)

// subject has rounds of one second with the given numbers of requests, each of
// which took 20 us of a processor and 30 allocations.
func subject(requests ...int) *proxies.Subject {
	s := &proxies.Subject{}
	for _, n := range requests {
		s.Rounds = append(s.Rounds, proxies.Round{
			Result: measure.Result{Requests: n, Errors: 1, Elapsed: time.Second, P50: time.Millisecond, P99: time.Duration(n) * time.Millisecond},
			CPU:    time.Duration(n) * 20 * time.Microsecond, Allocations: float64(30 * n),
		})
	}
	return s
}

func TestFiguresAreTheMediansOfTheRounds(t *testing.T) {
	s := subject(900, 100, 500)
	for name, row := range map[string]struct {
		value proxies.Value
		want  float64
	}{
		"rate": {proxies.Rate, 500}, "p50": {proxies.P50, 0.001}, "p99": {proxies.P99, 0.5}, "cpu": {proxies.CPU, 20e-6}, "allocations": {proxies.Allocations, 30},
	} {
		if got := s.Median(row.value); got-row.want > 1e-12 || row.want-got > 1e-12 {
			t.Errorf("%s = %v, want %v", name, got, row.want)
		}
	}
	if got := subject(100, 900).Median(proxies.Rate); got != 100 {
		t.Errorf("of two rounds: %v, want the lower", got)
	}
	if got := subject().Median(proxies.Rate); got != 0 {
		t.Errorf("without rounds: %v", got)
	}
	if got := subject(0).Median(proxies.CPU); got != 0 {
		t.Errorf("without requests: %v", got)
	}
	if got := s.Errors(); got != 3 {
		t.Errorf("errors = %d, want 3", got)
	}
}

func TestComparisonsAreThoseOfTheRounds(t *testing.T) {
	for _, row := range []struct {
		name    string
		check   proxies.Check
		want    proxies.Check
		verdict string
	}{
		{
			"a machine that changes its speed", proxies.Compare("c", proxies.Rate, subject(800, 1600, 700), subject(1000, 2000, 1000), proxies.AtLeast, 0.8),
			proxies.Check{Name: "c", Rounds: 3, Median: 0.8, Lowest: 0.7, Highest: 0.8, Limit: proxies.AtLeast, Goal: 0.8},
			"reached",
		},
		{
			"too slow", proxies.Compare("c", proxies.Rate, subject(500), subject(1000), proxies.AtLeast, 0.6),
			proxies.Check{Name: "c", Rounds: 1, Median: 0.5, Lowest: 0.5, Highest: 0.5, Limit: proxies.AtLeast, Goal: 0.6},
			"MISSED",
		},
		{
			"waits longer", proxies.Compare("c", proxies.P99, subject(1500), subject(1000), proxies.AtMost, 1),
			proxies.Check{Name: "c", Rounds: 1, Median: 1.5, Lowest: 1.5, Highest: 1.5, Limit: proxies.AtMost, Goal: 1},
			"MISSED",
		},
		{
			"waits as long", proxies.Compare("c", proxies.P99, subject(1000), subject(1000), proxies.AtMost, 1),
			proxies.Check{Name: "c", Rounds: 1, Median: 1, Lowest: 1, Highest: 1, Limit: proxies.AtMost, Goal: 1},
			"reached",
		},
		{
			"for information", proxies.Compare("c", proxies.Rate, subject(500), subject(1000), proxies.Information, 0),
			proxies.Check{Name: "c", Rounds: 1, Median: 0.5, Lowest: 0.5, Highest: 0.5, Limit: proxies.Information},
			"for information",
		},
		{
			"the other was left out", proxies.Compare("c", proxies.Rate, subject(500), nil, proxies.AtMost, 1),
			proxies.Check{Name: "c", Limit: proxies.AtMost, Goal: 1},
			"not measured",
		},
		{
			"few allocations", proxies.Judge("c", proxies.Allocations, subject(500), proxies.AtMost, 60),
			proxies.Check{Name: "c", Rounds: 1, Median: 30, Lowest: 30, Highest: 30, Limit: proxies.AtMost, Goal: 60},
			"reached",
		},
		{
			"allocations that nobody knows", proxies.Judge("c", proxies.Allocations, subject(0), proxies.AtMost, 60),
			proxies.Check{Name: "c", Limit: proxies.AtMost, Goal: 60},
			"not measured",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, row.check); diff != "" || row.check.Verdict() != row.verdict {
				t.Errorf("%s (-want +got):\n%s", row.check.Verdict(), diff)
			}
		})
	}
}

func TestLargeBodies(t *testing.T) {
	b := proxies.Bulk{Bytes: 1 << 30, Elapsed: 2 * time.Second, Memory: proxies.MemoryGoal - 1}
	if b.PerSecond() != 1<<29 || b.Verdict() != "reached" {
		t.Errorf("%v, %s", b.PerSecond(), b.Verdict())
	}
	if b := (proxies.Bulk{Bytes: 1, Memory: proxies.MemoryGoal}); b.PerSecond() != 0 || b.Verdict() != "MISSED" {
		t.Errorf("%v, %s", b.PerSecond(), b.Verdict())
	}
}
