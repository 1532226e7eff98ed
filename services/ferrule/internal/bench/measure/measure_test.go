package measure

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

func TestRunCountsWhatIsWithinTheTime(t *testing.T) {
	const ms = time.Millisecond
	steady := func(took time.Duration, err error) Call {
		return func(context.Context) error { time.Sleep(took); return err }
	}
	broken := errors.New("connection reset")
	for _, row := range []struct {
		name  string
		calls []Call
		want  Result
	}{
		{
			"one connection",
			[]Call{steady(10*ms, nil)},
			Result{Requests: 100, Elapsed: time.Second, P50: 10 * ms, P99: 10 * ms},
		},
		{
			"a fast and a slow one",
			[]Call{steady(10*ms, nil), steady(250*ms, nil)},
			Result{Requests: 104, Elapsed: time.Second, P50: 10 * ms, P99: 250 * ms},
		},
		{
			"failures are no requests",
			[]Call{steady(10*ms, nil), steady(100*ms, broken)},
			Result{Requests: 100, Errors: 10, FirstError: "connection reset", Elapsed: time.Second, P50: 10 * ms, P99: 10 * ms},
		},
		{
			"a call that lasts beyond the end does not count",
			[]Call{steady(400*ms, nil)},
			// It begins in the warm-up at 400 ms, and then at 800 and 1200 ms.
			Result{Requests: 1, Elapsed: time.Second, P50: 400 * ms, P99: 400 * ms},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := Run(t.Context(), Config{Clock: clock.System(), Warmup: 500 * ms, Duration: time.Second}, row.calls)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(row.want, got); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := Run(ctx, Config{Clock: clock.System(), Duration: time.Hour}, []Call{func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 100*time.Millisecond {
			t.Errorf("Run() = %v after %v", err, took)
		}
	})
}

func TestRunNeedsSomethingToDo(t *testing.T) {
	for name, cfg := range map[string]Config{"no calls": {Clock: clock.System(), Duration: 1}, "no time": {Clock: clock.System()}} {
		if _, err := Run(t.Context(), cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestQuantiles(t *testing.T) {
	for _, row := range []struct {
		name     string
		size     int
		p50, p99 time.Duration
	}{
		{"nothing", 0, 0, 0},
		{"one", 1, 1, 1},
		{"two", 2, 1, 2},
		{"a hundred", 100, 50, 99},
		{"a hundred and one", 101, 51, 100},
		{"a thousand", 1000, 500, 990},
	} {
		t.Run(row.name, func(t *testing.T) {
			var sorted []time.Duration
			for n := range row.size {
				sorted = append(sorted, time.Duration(n+1))
			}
			if p50, p99 := quantile(sorted, 50), quantile(sorted, 99); p50 != row.p50 || p99 != row.p99 {
				t.Errorf("quantiles = %d, %d, want %d, %d", p50, p99, row.p50, row.p99)
			}
		})
	}
}

func TestRates(t *testing.T) {
	if got := (Result{Requests: 30, Elapsed: 1500 * time.Millisecond}).PerSecond(); got != 20 {
		t.Errorf("PerSecond() = %v, want 20", got)
	}
	if got := (Result{}).PerSecond(); got != 0 {
		t.Errorf("PerSecond() of nothing = %v", got)
	}
}
