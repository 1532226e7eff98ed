package rate

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// noon is the beginning of a window of every period.
var noon = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

var shop = Who{Environment: "prod", Connector: "shop", Connection: "shop-1"}

func own(scope Scope, calls int64, period time.Duration) []Rule {
	return []Rule{{scope: scope, limit: Limit{calls, period}, own: true}}
}

// allowed counts how many of n calls are allowed.
func allowed(t *testing.T, l *Limiter, who Who, rules []Rule, n int) (count int) {
	t.Helper()
	for range n {
		switch err := l.Take(t.Context(), who, rules, 1); fault.ReasonOf(err) {
		case "":
			count++
		case fault.ReasonRateLimited:
		default:
			t.Fatal(err)
		}
	}
	return count
}

func TestLimitsAreRead(t *testing.T) {
	for _, row := range []struct {
		text string
		want Limit
		bad  string
	}{
		{"", Limit{}, ""},
		{"0", Limit{}, ""},
		{"500/1m", Limit{500, time.Minute}, ""},
		{" 10 / 1s ", Limit{10, time.Second}, ""},
		{"5/s", Limit{5, time.Second}, ""},
		{"100000/d", Limit{100000, 24 * time.Hour}, ""},
		{"1/1h30m", Limit{1, 90 * time.Minute}, ""},
		{"500", Limit{}, "write calls and time"},
		{"many/1m", Limit{}, "no number"},
		{"5/soon", Limit{}, "no time"},
		{"0/1m", Limit{}, "between 1 and"},
		{"-1/1m", Limit{}, "between 1 and"},
		{"1000000001/1m", Limit{}, "between 1 and"},
		{"5/100ms", Limit{}, "whole number of seconds"},
		{"5/1500ms", Limit{}, "whole number of seconds"},
		{"5/25h", Limit{}, "a day at most"},
	} {
		t.Run(row.text, func(t *testing.T) {
			got, err := Parse(row.text)
			if row.bad != "" {
				if err == nil || !strings.Contains(err.Error(), row.bad) {
					t.Errorf("error = %v, want one with %q", err, row.bad)
				}
				return
			}
			if err != nil || got != row.want {
				t.Errorf("got %v, %v", got, err)
			}
			if again, err := Parse(got.String()); err != nil || again != got {
				t.Errorf("%q is read as %v, %v", got.String(), again, err)
			}
		})
	}
}

func TestDefinitionsAreCompiled(t *testing.T) {
	limit := func(scope connectorv1.RateLimitScope, calls, seconds int32) *connectorv1.RateLimit {
		return &connectorv1.RateLimit{Scope: scope, Calls: calls, PeriodSeconds: seconds}
	}
	const connection, connector = connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTION, connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTOR
	for _, row := range []struct {
		name   string
		limits []*connectorv1.RateLimit
		want   []Rule
		bad    bool
	}{
		{"no limits", nil, nil, false},
		{
			"two scopes",
			[]*connectorv1.RateLimit{limit(connection, 5, 1), limit(connector, 50, 60)},
			[]Rule{{PerConnection, Limit{5, time.Second}, true}, {PerConnector, Limit{50, time.Minute}, true}},
			false,
		},
		{
			"two periods of a scope",
			[]*connectorv1.RateLimit{limit(connection, 5, 1), limit(connection, 50, 60)},
			[]Rule{{PerConnection, Limit{5, time.Second}, true}, {PerConnection, Limit{50, time.Minute}, true}},
			false,
		},
		{
			"the lower one of the same scope and period",
			[]*connectorv1.RateLimit{limit(connection, 5, 1), limit(connection, 3, 1), limit(connection, 9, 1)},
			[]Rule{{PerConnection, Limit{3, time.Second}, true}},
			false,
		},
		{"no scope", []*connectorv1.RateLimit{limit(0, 5, 1)}, nil, true},
		{"no calls", []*connectorv1.RateLimit{limit(connection, 0, 1)}, nil, true},
		{"no time", []*connectorv1.RateLimit{limit(connection, 1, 0)}, nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := Compile(&connectorv1.Definition{RateLimits: row.limits})
			if (err != nil) != row.bad {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(Rule{})); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
	if Cost(&connectorv1.Operation{}) != 1 || Cost(&connectorv1.Operation{Cost: 5}) != 5 {
		t.Error("the cost is not that of the operation")
	}
}

// TestOneProcessGetsAllOfALimit: whatever the limit is, one process alone gets all
// of it in each window, and not one call more.
func TestOneProcessGetsAllOfALimit(t *testing.T) {
	for _, limit := range []int64{1, 2, 3, 7, 64, 100, 500, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			clk := clocktest.New(noon)
			l := New(newMemory(), Options{}, clk, testkit.Logger(t))
			rules := own(PerConnection, limit, time.Minute)
			for window := range 3 {
				if got := allowed(t, l, shop, rules, int(limit)+5); got != int(limit) {
					t.Errorf("window %d: %d calls were allowed", window, got)
				}
				clk.Advance(time.Minute)
			}
		})
	}
}

func TestARefusalSaysWhatAndUntilWhen(t *testing.T) {
	clk := clocktest.New(noon.Add(50 * time.Second))
	for _, row := range []struct {
		name  string
		rules []Rule
		opts  Options
		words string
		meta  map[string]string
	}{
		{"of a connection", own(PerConnection, 1, time.Minute), Options{}, `the connection "shop-1" may make 1 call in 1m0s`, map[string]string{"scope": "connection", "limit": "1/60s"}},
		{"of a connector", own(PerConnector, 1, time.Minute), Options{}, `the connector "shop"`, map[string]string{"scope": "connector", "limit": "1/60s"}},
		{"of an environment", nil, Options{Environment: Limit{1, time.Minute}}, `the environment "prod"`, map[string]string{"scope": "environment", "limit": "1/60s"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := New(newMemory(), row.opts, clk, testkit.Logger(t))
			if err := l.Take(t.Context(), shop, row.rules, 1); err != nil {
				t.Fatal(err)
			}
			f := fault.From(l.Take(t.Context(), shop, row.rules, 1))
			wait, ok := f.Retry()
			if f.Reason() != fault.ReasonRateLimited || f.Code() != fault.CodeResourceExhausted || !strings.Contains(f.Message(), row.words) || !ok || wait != 10*time.Second {
				t.Errorf("%v %v, wait %v %v", f.Code(), f, wait, ok)
			}
			if diff := cmp.Diff(row.meta, f.Meta()); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCosts(t *testing.T) {
	clk := clocktest.New(noon)
	l := New(newMemory(), Options{}, clk, testkit.Logger(t))
	rules := own(PerConnection, 10, time.Minute)
	f := fault.From(l.Take(t.Context(), shop, rules, 11))
	if _, waits := f.Retry(); f.Reason() != fault.ReasonRateLimited || f.Code() != fault.CodeFailedPrecondition || waits {
		t.Errorf("a call that can never be made: %v %v", f.Code(), f)
	}
	for i, cost := range []int64{4, 5} {
		if err := l.Take(t.Context(), shop, rules, cost); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := l.Take(t.Context(), shop, rules, 2); fault.ReasonOf(err) != fault.ReasonRateLimited {
		t.Errorf("2 of 1 that is left: %v", err)
	}
	if err := l.Take(t.Context(), shop, rules, 1); err != nil {
		t.Errorf("what is left: %v", err)
	}
}

// TestWhatOneLimitRefusesIsNotPaidToAnother: a call is paid from all budgets or
// from none.
func TestWhatOneLimitRefusesIsNotPaidToAnother(t *testing.T) {
	clk := clocktest.New(noon)
	l := New(newMemory(), Options{Connection: Limit{3, time.Second}}, clk, testkit.Logger(t))
	rules := own(PerConnection, 10, time.Minute)
	total := 0
	for range 10 {
		total += allowed(t, l, shop, rules, 20)
		clk.Advance(time.Second)
	}
	if total != 10 {
		t.Errorf("%d calls were allowed in the minute, want 10", total)
	}
}

func TestBudgetsAreKeptApart(t *testing.T) {
	clk := clocktest.New(noon)
	l := New(newMemory(), Options{Connection: Limit{2, time.Minute}}, clk, testkit.Logger(t))
	for _, who := range []Who{
		{"prod", "shop", "a"}, {"prod", "shop", "b"}, {"test", "shop", "a"},
	} {
		if got := allowed(t, l, who, nil, 5); got != 2 {
			t.Errorf("%v: %d calls", who, got)
		}
	}
	other := New(newMemory(), Options{Connector: Limit{2, time.Minute}}, clk, testkit.Logger(t))
	if got := allowed(t, other, Who{"prod", "shop", "a"}, nil, 2) + allowed(t, other, Who{"prod", "shop", "b"}, nil, 2); got != 2 {
		t.Errorf("connections of one connector made %d calls", got)
	}
}

func TestBudgetsOfPastWindowsAreDropped(t *testing.T) {
	clk := clocktest.New(noon)
	l := New(newMemory(), Options{Connection: Limit{5, time.Second}}, clk, testkit.Logger(t))
	for i := range 1000 {
		allowed(t, l, Who{"prod", "shop", fmt.Sprint(i)}, nil, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	testkit.Await(t, "the limiter to wait", func() bool { return clk.Waiting() == 1 })
	clk.Advance(sweepTime)
	testkit.Await(t, "budgets to be dropped", func() bool {
		l.mu.RLock()
		defer l.mu.RUnlock()
		return len(l.budgets) == 0
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLeasesAreFetchedAhead: with Run beside it, a budget is filled up before a call
// has to wait for that.
func TestLeasesAreFetchedAhead(t *testing.T) {
	clk := clocktest.New(noon)
	store := newMemory()
	l := New(store, Options{}, clk, testkit.Logger(t))
	rules := own(PerConnection, 64_000, time.Hour)
	allowed(t, l, shop, rules, 990) // of the first thousand
	b := l.budget(shop, &rules[0])
	before := b.lease.Load().left.Load()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	testkit.Await(t, "the next lease", func() bool { return b.lease.Load().left.Load() > before })
	cancel()
	<-done
	if got := b.lease.Load().left.Load(); got != before+2000 {
		t.Errorf("%d calls are held, want the rest of %d and 2000", got, before)
	}
}

func TestACallerThatLeavesDoesNotWait(t *testing.T) {
	l := New(newMemory(), Options{}, clocktest.New(noon), testkit.Logger(t))
	rules := own(PerConnection, 5, time.Minute)
	b := l.budget(shop, &rules[0])
	if err := b.lock(t.Context()); err != nil { // somebody asks the bus
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Take(ctx, shop, rules, 1); fault.ReasonOf(err) != fault.ReasonCanceled {
		t.Errorf("error = %v", err)
	}
}

func TestALeaseIsNeverOverdrawn(t *testing.T) {
	l := &lease{}
	l.left.Store(5)
	for i, step := range []struct {
		cost int64
		want bool
	}{{3, true}, {3, false}, {2, true}, {1, false}} {
		if got := l.take(step.cost); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	if l.left.Load() != 0 {
		t.Errorf("%d are left", l.left.Load())
	}
}

func TestSharesNeverPassWhatIsLeft(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		limit := 1 + dice.Int64N(1_000_000)
		left := dice.Int64N(limit) + 1
		need := 1 + dice.Int64N(left)
		if got := share(limit, left, dice.Int64N(limit), need); got < need || got > left {
			t.Fatalf("limit %d, left %d, need %d: %d", limit, left, need, got)
		}
	}
}

// BenchmarkTake pays from leases in hand, with and without reading the clock.
func BenchmarkTake(b *testing.B) {
	const day = 24 * time.Hour
	three := Options{Connector: Limit{MaxCalls, day}, Environment: Limit{MaxCalls, day}}
	for _, row := range []struct {
		name    string
		options Options
		read    bool
	}{
		{"one limit", Options{}, false},
		{"three limits", three, false},
		{"one limit and the clock", Options{}, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			rules := own(PerConnection, MaxCalls, day)
			l := New(newMemory(), row.options, clock.System(), slog.New(slog.DiscardHandler))
			now := l.clock.Now()
			b.ReportAllocs()
			for b.Loop() {
				if row.read {
					now = l.clock.Now()
				}
				if err := l.TakeAt(b.Context(), now, shop, rules, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
