package resilience

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// end makes n requests that end in an outcome, and fails if one is refused.
func end(t *testing.T, g *Guard, key Key, n int, outcome Outcome) {
	t.Helper()
	for range n {
		pass, err := g.Enter(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		pass.Leave(outcome)
	}
}

// refused fails unless a request is refused until a time.
func refused(t *testing.T, g *Guard, key Key, wait time.Duration) {
	t.Helper()
	_, err := g.Enter(t.Context(), key)
	f := fault.From(err)
	if err == nil || f.Reason() != fault.ReasonCircuitOpen || f.Code() != fault.CodeUnavailable {
		t.Fatalf("error = %v, want CIRCUIT_OPEN", err)
	}
	if got, ok := f.Retry(); !ok || got != wait {
		t.Errorf("retry after %v, want %v", got, wait)
	}
}

func TestWhenAnAPIIsLeftAlone(t *testing.T) {
	type step struct {
		after   time.Duration
		n       int
		outcome Outcome
	}
	for _, row := range []struct {
		name  string
		steps []step
		open  bool
	}{
		{"all of 20 fail", []step{{0, 20, Sick}}, true},
		{"all of 19 fail", []step{{0, 19, Sick}}, false},
		{"half of them fail", []step{{0, 1, Sick}, {0, 10, Healthy}, {0, 9, Sick}}, true},
		{"less than half fail", []step{{0, 1, Sick}, {0, 11, Healthy}, {0, 8, Sick}}, false},
		{"what failed before the window does not count", []step{{0, 19, Sick}, {11 * time.Second, 5, Sick}}, false},
		{"what failed in the window counts", []step{{0, 15, Sick}, {5 * time.Second, 5, Sick}}, true},
		{"what said nothing does not count", []step{{0, 15, Sick}, {0, 50, Nothing}}, false},
		{"success alone never opens", []step{{0, 100, Healthy}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			clk := clocktest.New(start)
			g := New(Options{}, clk)
			for _, s := range row.steps {
				clk.Advance(s.after)
				end(t, g, shop, s.n, s.outcome)
			}
			if row.open {
				refused(t, g, shop, 15*time.Second)
				return
			}
			end(t, g, shop, 1, Healthy)
		})
	}
}

// TestNobodyQueuesForAnAPIThatIsLeftAlone: the clock stands still, so that whoever
// queued would wait for ever.
func TestNobodyQueuesForAnAPIThatIsLeftAlone(t *testing.T) {
	g := New(Options{Concurrency: 20}, clocktest.New(start))
	var passes []Pass
	for range 20 {
		pass, err := g.Enter(t.Context(), shop)
		if err != nil {
			t.Fatal(err)
		}
		passes = append(passes, pass)
	}
	for _, pass := range passes {
		pass.entry.record(pass, Sick, start, &g.options.Breaker) // before they leave
	}
	refused(t, g, shop, 15*time.Second)
}

func TestOthersAreNotLeftAlone(t *testing.T) {
	g := New(Options{}, clocktest.New(start))
	end(t, g, shop, 20, Sick)
	refused(t, g, shop, 15*time.Second)
	for _, other := range []Key{
		{shop.Connection, "other.example.com"},
		{resource.Connection{Environment: "prod", ID: "shop-2"}, shop.Host},
		{resource.Connection{Environment: "test", ID: "shop"}, shop.Host},
	} {
		end(t, g, other, 1, Healthy)
	}
}

// TestProbes: after the rest, three requests are let through at once; how they end
// decides.
func TestProbes(t *testing.T) {
	for _, row := range []struct {
		name     string
		outcomes []Outcome
		then     func(t *testing.T, g *Guard)
	}{
		{"all succeed", []Outcome{Healthy, Healthy, Healthy}, func(t *testing.T, g *Guard) {
			end(t, g, shop, 19, Sick) // it starts anew
			end(t, g, shop, 1, Healthy)
		}},
		{"one fails", []Outcome{Healthy, Sick, Healthy}, func(t *testing.T, g *Guard) { refused(t, g, shop, 15*time.Second) }},
		{"one says nothing, and another takes its place", []Outcome{Healthy, Nothing, Healthy}, func(t *testing.T, g *Guard) {
			end(t, g, shop, 1, Healthy)
			end(t, g, shop, 10, Healthy)
		}},
		{"none says anything", []Outcome{Nothing, Nothing, Nothing}, func(t *testing.T, g *Guard) {
			end(t, g, shop, 50, Nothing)
			end(t, g, shop, 3, Healthy)
			end(t, g, shop, 10, Healthy)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			clk := clocktest.New(start)
			g := New(Options{}, clk)
			late, err := g.Enter(t.Context(), shop) // ends long after
			if err != nil {
				t.Fatal(err)
			}
			end(t, g, shop, 20, Sick)
			clk.Advance(15 * time.Second)
			var probes []Pass
			for range row.outcomes {
				pass, err := g.Enter(t.Context(), shop)
				if err != nil {
					t.Fatal(err)
				}
				probes = append(probes, pass)
			}
			refused(t, g, shop, time.Second) // while the probes are under way
			late.Leave(Sick)                 // says nothing about the state by now
			for i, outcome := range row.outcomes {
				probes[i].Leave(outcome)
			}
			row.then(t, g)
		})
	}
}

// TestAnOpenCircuitEndsTheAttempts: the answer that opened it is given, not a
// refusal that says less.
func TestAnOpenCircuitEndsTheAttempts(t *testing.T) {
	g := New(Options{}, clocktest.New(start))
	end(t, g, shop, 19, Sick)
	resp, attempts, err := g.Do(t.Context(), shop, Rules{Repeatable: true}, script(status(503)))
	if err != nil || attempts != 1 || resp.Status != 503 {
		t.Errorf("%v, %d, %v", resp, attempts, err)
	}
	resp, attempts, err = g.Do(t.Context(), shop, Rules{Repeatable: true}, func(context.Context, int) (*upstream.Response, error) {
		t.Error("it was sent")
		return nil, nil //nolint:nilnil // not reached
	})
	if resp != nil || attempts != 0 || fault.ReasonOf(err) != fault.ReasonCircuitOpen {
		t.Errorf("%v, %d, %v", resp, attempts, err)
	}
}

func TestConcurrency(t *testing.T) {
	for _, row := range []struct {
		name   string
		leaves time.Duration // when the one under way leaves
		time   time.Duration // of the one that waits; 0 for a minute
		cancel time.Duration // when its caller leaves; 0 for never
		want   fault.Reason
		took   time.Duration
	}{
		{"the turn comes in time", 200 * time.Millisecond, 0, 0, "", 200 * time.Millisecond},
		{"the turn does not come", time.Hour, 0, 0, fault.ReasonConcurrencyLimited, 250 * time.Millisecond},
		{"time is over before that", time.Hour, 100 * time.Millisecond, 0, fault.ReasonConcurrencyLimited, 100 * time.Millisecond},
		{"the caller leaves", time.Hour, 0, 50 * time.Millisecond, fault.ReasonCanceled, 50 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(Options{Concurrency: 1}, clock.System())
				first, err := g.Enter(t.Context(), shop)
				if err != nil {
					t.Fatal(err)
				}
				limit := row.time
				if limit == 0 {
					limit = time.Minute
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				if row.cancel > 0 {
					time.AfterFunc(row.cancel, cancel)
				}
				left := time.AfterFunc(row.leaves, func() { first.Leave(Healthy) })
				defer left.Stop()
				begin := time.Now()
				pass, err := g.Enter(ctx, shop)
				if fault.ReasonOf(err) != row.want || time.Since(begin) != row.took {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
				if err == nil {
					pass.Leave(Healthy)
					return
				}
				if _, waits := fault.From(err).Retry(); waits != (row.want == fault.ReasonConcurrencyLimited) {
					t.Errorf("a time to come back: %v", waits)
				}
			})
		})
	}
}

func TestTheQueueIsAsLongAsTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Options{Concurrency: 2}, clock.System())
		var mu sync.Mutex
		got := map[string]int{}
		for range 7 {
			go func() {
				begin := time.Now()
				pass, err := g.Enter(t.Context(), shop)
				mu.Lock()
				got[fmt.Sprint(fault.ReasonOf(err), time.Since(begin))]++
				mu.Unlock()
				if err == nil {
					time.Sleep(100 * time.Millisecond) // of the bubble
					pass.Leave(Healthy)
				}
			}()
		}
		time.Sleep(time.Second) // of the bubble
		mu.Lock()
		defer mu.Unlock()
		if got["0s"] != 2 || got["100ms"] != 2 || got["CONCURRENCY_LIMITED0s"] != 3 {
			t.Errorf("%v", got)
		}
	})
}

func TestAPanicGivesThePassBack(t *testing.T) {
	g := New(Options{Concurrency: 1}, clocktest.New(start))
	func() {
		defer func() { _ = recover() }()
		_, _, _ = g.Do(t.Context(), shop, Rules{}, func(context.Context, int) (*upstream.Response, error) { panic("x") })
	}()
	end(t, g, shop, 1, Healthy)
}

// TestKeysAreForgotten: a hundred thousand connections that called once cost nothing
// when others have called for a while.
func TestKeysAreForgotten(t *testing.T) {
	clk := clocktest.New(start)
	g := New(Options{}, clk)
	for i := range 100_000 {
		end(t, g, Key{resource.Connection{Environment: "prod", ID: fmt.Sprint(i)}, "a"}, 1, Healthy)
	}
	if n := g.table.size(); n != 100_000 {
		t.Fatalf("%d keys are known", n)
	}
	busy, err := g.Enter(t.Context(), Key{Host: "busy"})
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Leave(Healthy)
	clk.Advance(idle)
	for range shards + 1 {
		clk.Advance(idle/shards + 1)
		end(t, g, shop, 1, Healthy)
	}
	if n := g.table.size(); n != 2 {
		t.Errorf("%d keys are known, want the one that calls and the one that is under way", n)
	}
}

func TestThereAreNotTooManyKeys(t *testing.T) {
	g := New(Options{}, clocktest.New(start))
	for i := range MaxKeys + 10_000 {
		end(t, g, Key{shop.Connection, fmt.Sprint(i)}, 1, Outcome(1+i%2))
	}
	if n := g.table.size(); n > MaxKeys {
		t.Errorf("%d keys are known", n)
	}
	s := &shard{entries: map[Key]*entry{}}
	for i := range MaxKeys / shards {
		e := &entry{}
		e.users.Store(1)
		s.entries[Key{Host: fmt.Sprint(i)}] = e
	}
	if _, ok := s.add(shop, start, 1); ok {
		t.Error("a key was added where all others are in use")
	}
}

// TestManyAtOnce: under the race detector, passes come and go while keys are
// forgotten and breakers open and close.
func TestManyAtOnce(t *testing.T) {
	clk := clocktest.New(start)
	g := New(Options{Concurrency: 64, Breaker: Breaker{MinCalls: 5, Rest: time.Second}}, clk)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				key := Key{resource.Connection{Environment: "prod", ID: fmt.Sprint(i % 7)}, "a"}
				if pass, err := g.Enter(t.Context(), key); err == nil {
					pass.Leave(Outcome((i + worker) % 3))
				} else if fault.ReasonOf(err) != fault.ReasonCircuitOpen {
					t.Error(err)
				}
				if i%100 == 0 {
					clk.Advance(time.Second)
				}
			}
		})
	}
	wg.Wait()
	clk.Advance(time.Hour)
	for i := range shards + 1 {
		clk.Advance(idle)
		end(t, g, Key{Host: fmt.Sprint(i)}, 1, Nothing)
	}
	for i := range 7 {
		key := Key{resource.Connection{Environment: "prod", ID: fmt.Sprint(i)}, "a"}
		e, _ := g.table.enter(key, clk.Now())
		if len(e.slots) != 0 || e.users.Load() != 1 {
			t.Errorf("key %d: %d slots, %d users are left over", i, len(e.slots), e.users.Load())
		}
	}
}

// BenchmarkDo sends a request that succeeds.
func BenchmarkDo(b *testing.B) {
	resp := &upstream.Response{Status: 200}
	for _, row := range []struct {
		name string
		keys int
		sick bool // the key has a breaker
	}{
		{"one connection", 1, false},
		{"10000 connections", 10_000, false},
		{"one that failed lately", 1, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			g := New(Options{}, clock.System())
			keys := make([]Key, row.keys)
			for i := range keys {
				keys[i] = Key{resource.Connection{Environment: "prod", ID: fmt.Sprint("connection-", i)}, "api.example.com"}
			}
			send := func(context.Context, int) (*upstream.Response, error) { return resp, nil }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if row.sick && i%1000 == 0 {
					pass, err := g.Enter(b.Context(), keys[0])
					if err != nil {
						b.Fatal(err)
					}
					pass.Leave(Sick)
				}
				if _, _, err := g.Do(b.Context(), keys[i%len(keys)], Rules{Repeatable: true}, send); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
