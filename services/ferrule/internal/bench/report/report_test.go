package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
)

// figure has rounds of one second with the given numbers of requests.
func figure(name string, requests ...int) Figure {
	f := Figure{Name: name}
	for _, n := range requests {
		f.Rounds = append(f.Rounds, measure.Result{Requests: n, Elapsed: time.Second, P50: 1500 * time.Microsecond, P99: 9 * time.Millisecond})
	}
	return f
}

func TestTheMedianIsARound(t *testing.T) {
	for _, row := range []struct {
		name   string
		rounds []int
		want   int
	}{
		{"none", nil, 0},
		{"one", []int{7}, 7},
		{"the middle of three", []int{900, 100, 500}, 500},
		{"the lower of two", []int{900, 100}, 100},
	} {
		if got := figure("f", row.rounds...).Median().Requests; got != row.want {
			t.Errorf("%s: median = %d, want %d", row.name, got, row.want)
		}
	}
}

func TestRatiosAreThoseOfTheRounds(t *testing.T) {
	for _, row := range []struct {
		name             string
		figure, baseline Figure
		goal             float64
		want             Ratio
		verdict          string
	}{
		{
			// The machine was twice as fast in the second round: that changes nothing.
			"a machine that changes its speed", figure("f", 800, 1600, 700), figure("b", 1000, 2000, 1000), 0.8,
			Ratio{Name: "r", Median: 0.8, Lowest: 0.7, Highest: 0.8, Goal: 0.8},
			"reached",
		},
		{
			"too slow", figure("f", 500, 590), figure("b", 1000, 1000), 0.6,
			Ratio{Name: "r", Median: 0.5, Lowest: 0.5, Highest: 0.59, Goal: 0.6},
			"MISSED",
		},
		{
			"without a goal", figure("f", 500), figure("b", 1000), 0,
			Ratio{Name: "r", Median: 0.5, Lowest: 0.5, Highest: 0.5},
			"for information",
		},
		{"a baseline that did not work", figure("f", 500), figure("b", 0), 0.6, Ratio{Name: "r", Goal: 0.6}, "MISSED"},
		{"a round that is missing", figure("f", 500, 600), figure("b", 1000), 0.4, Ratio{Name: "r", Median: 0.5, Lowest: 0.5, Highest: 0.5, Goal: 0.4}, "reached"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Compare("r", row.figure, row.baseline, row.goal)
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("ratio (-want +got):\n%s", diff)
			}
			if got.Verdict() != row.verdict {
				t.Errorf("verdict = %s, want %s", got.Verdict(), row.verdict)
			}
		})
	}
}

func example() Report {
	bare, invoke := figure("a bare handler", 20000), figure("Invoke", 15000)
	invoke.Rounds[0].Errors = 3
	return Report{
		Machine:  Machine{System: "linux/amd64", CPUs: 2, Go: "go1.26"},
		Settings: Settings{Connections: 50, Rounds: 1, Warmup: time.Second, Duration: 3 * time.Second},
		Figures:  []Figure{bare, invoke},
		Ratios:   []Ratio{Compare("Invoke to a bare handler", invoke, bare, 0.6), Compare("something else", bare, invoke, 0)},
		Translate: &corpus.Outcome{
			Imported: 9, Refused: 1, Bytes: 3 << 20, Elapsed: 2 * time.Second, Slowest: "certified/Big", SlowestTime: time.Second, PeakMemory: 80 << 20,
		},
		Import: &corpus.Outcome{Imported: 10, Elapsed: 10 * time.Second, Slowest: "certified/Huge", SlowestTime: 2500 * time.Millisecond},
	}
}

func TestTextIsAligned(t *testing.T) {
	var out bytes.Buffer
	if err := example().Text(&out); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
linux/amd64, 2 processors, go1.26; 50 connections, 1 rounds of 3s after 1s of warm-up; medians of the rounds

  requests/s      p50      p99  errors  what
       20000  1.50 ms  9.00 ms       0  a bare handler
       15000  1.50 ms  9.00 ms       3  Invoke

0.75  Invoke to a bare handler (rounds 0.75 to 0.75, goal at least 0.60): reached
1.33  something else (rounds 1.33 to 1.33): for information

10 packages (3.0 MiB) validated in one process on one processor, 1 refused: 5 packages/s; slowest certified/Big with 1000.00 ms (within 2 s); peak memory 80 MiB

10 packages (0.0 MiB) imported and stored over REST, 0 refused: 1 packages/s; slowest certified/Huge with 2500.00 ms (MISSED, goal 2 s); peak memory 0 MiB
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestJSONHoldsEverything(t *testing.T) {
	var out bytes.Buffer
	if err := example().JSON(&out); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Errorf("after a round trip (-want +got):\n%s", diff)
	}
}
