package rate

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// memory is a store of one process.
type memory struct {
	mu      sync.Mutex
	records map[string]Record
	version map[string]uint64
	down    atomic.Bool
	loads   atomic.Int64
}

func newMemory() *memory {
	return &memory{records: map[string]Record{}, version: map[string]uint64{}}
}

var errDown = errors.New("no servers")

func (m *memory) Load(_ context.Context, key string) (Record, uint64, error) {
	m.loads.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down.Load() {
		return Record{}, 0, errDown
	}
	return m.records[key], m.version[key], nil
}

func (m *memory) Swap(_ context.Context, key string, record Record, version uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down.Load() {
		return 0, errDown
	}
	if m.version[key] != version {
		return 0, errConflict
	}
	m.records[key] = record
	m.version[key]++
	return m.version[key], nil
}

func (*memory) IsConflict(err error) bool { return errors.Is(err, errConflict) }

// replicas returns limiters of several processes on one NATS server.
func replicas(t *testing.T, n int, clk *clocktest.Fake) []*Limiter {
	t.Helper()
	server := testkit.StartNATS(t, t.TempDir())
	all := make([]*Limiter, n)
	for i := range all {
		b := testkit.Connect(t, server)
		if i == 0 {
			if err := b.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		bucket, err := b.Bucket(t.Context(), bus.BucketRateBudgets)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = New(NewStore(bucket), Options{}, clk, testkit.Logger(t))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- all[i].Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
	}
	return all
}

// TestProcessesShareALimit: three processes on one bus, each with many callers at
// once, never allow more than the limit together, and nearly all of it however the
// load is spread.
func TestProcessesShareALimit(t *testing.T) {
	clk := clocktest.New(noon)
	all := replicas(t, 3, clk)
	for _, row := range []struct {
		name    string
		weights [3]int // of 10 callers
		limit   int64
		atLeast int64
	}{
		{"even load", [3]int{4, 3, 3}, 1000, 950},
		{"one process alone", [3]int{10, 0, 0}, 1000, 950},
		{"nearly all on one", [3]int{8, 1, 1}, 1000, 950},
		{"a small limit", [3]int{4, 3, 3}, 7, 7},
	} {
		t.Run(row.name, func(t *testing.T) {
			clk.Advance(time.Hour)
			who := Who{"prod", "shop", strings.ReplaceAll(row.name, " ", "-")}
			rules := own(PerConnection, row.limit, time.Hour)
			var total atomic.Int64
			var wg sync.WaitGroup
			for process, callers := range row.weights {
				for range callers {
					wg.Go(func() {
						for range row.limit {
							err := all[process].Take(t.Context(), who, rules, 1)
							if err == nil {
								total.Add(1)
							} else if fault.ReasonOf(err) != fault.ReasonRateLimited {
								t.Error(err)
							}
						}
					})
				}
			}
			wg.Wait()
			if got := total.Load(); got > row.limit || got < row.atLeast {
				t.Errorf("%d of %d calls were allowed, want at least %d", got, row.limit, row.atLeast)
			}
		})
	}
	t.Run("two that make one call each leave nearly all to the third", func(t *testing.T) {
		clk.Advance(time.Hour)
		rules := own(PerConnector, 1000, time.Hour)
		total := allowed(t, all[1], shop, rules, 1) + allowed(t, all[2], shop, rules, 1)
		if total += allowed(t, all[0], shop, rules, 2000); total > 1000 || total < 960 {
			t.Errorf("%d of 1000 calls were allowed", total)
		}
	})
}

// TestTheBusGoesAway: each process goes on with its part; what it allowed by itself
// counts when the bus is back; the log has one line for each.
func TestARecordIsReadOnceAndAgainWhenSomebodyElseWroteIt(t *testing.T) {
	clk := clocktest.New(noon)
	store := newMemory()
	quiet := slog.New(slog.DiscardHandler)
	first, second := New(store, Options{}, clk, quiet), New(store, Options{}, clk, quiet)
	rules := own(PerConnection, 90, time.Minute)
	for range 3 { // windows, in each of which a lease is taken
		if got := allowed(t, first, shop, rules, 1); got != 1 {
			t.Fatal("a call was refused")
		}
		clk.Advance(time.Minute)
	}
	if asked := store.loads.Load(); asked != 1 {
		t.Errorf("the bus was asked %d times for what nobody else had written", asked)
	}
	if got := allowed(t, second, shop, rules, 90); got != 90 {
		t.Errorf("%d calls were allowed to a second process, want 90", got)
	}
	if got := allowed(t, first, shop, rules, 1); got != 0 {
		t.Error("a call was allowed by a record that somebody else had changed since")
	}
	clk.Advance(time.Minute)
	if got := allowed(t, first, shop, rules, 100) + allowed(t, second, shop, rules, 100); got != 90 {
		t.Errorf("%d calls were allowed to both in a window, want 90", got)
	}
}

func TestTheBusGoesAway(t *testing.T) {
	clk := clocktest.New(noon)
	store := newMemory()
	var lines strings.Builder
	l := New(store, Options{Processes: 3}, clk, slog.New(slog.NewTextHandler(&lines, nil)))
	rules := own(PerConnection, 90, time.Minute)
	store.down.Store(true)
	if got := allowed(t, l, shop, rules, 100); got != 30 {
		t.Errorf("%d calls were allowed without the bus, want a third of 90", got)
	}
	if asked := store.loads.Load(); asked != 1 {
		t.Errorf("the bus was asked %d times although it was away a moment ago", asked)
	}
	clk.Advance(2 * time.Second)
	if got := allowed(t, l, shop, rules, 100); got != 0 {
		t.Errorf("%d more calls were allowed in the same window", got)
	}
	store.down.Store(false)
	clk.Advance(2 * time.Second)
	if got := allowed(t, l, shop, rules, 100); got != 60 {
		t.Errorf("%d calls were allowed with the bus again, want what is left of 90", got)
	}
	clk.Advance(time.Minute)
	if got := allowed(t, l, shop, rules, 100); got != 90 {
		t.Errorf("%d calls were allowed in the next window", got)
	}
	if away, back := strings.Count(lines.String(), "while the bus is away"), strings.Count(lines.String(), "shared again"); away != 1 || back != 1 {
		t.Errorf("log:\n%s", lines.String())
	}
}

func TestClocksThatDisagree(t *testing.T) {
	store := newMemory()
	rules := own(PerConnection, 10, time.Minute)
	for _, row := range []struct {
		name  string
		ahead time.Duration // of the other process
		want  int           // calls that are allowed after the other made its own
	}{
		{"a little ahead: the window is over for both", 20 * time.Second, 0},
		{"far ahead: that clock is wrong", time.Hour, 10},
		{"behind: its window is over", -time.Minute, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			who := Who{"prod", "shop", row.name}
			now := noon.Add(50 * time.Second)
			other := New(store, Options{}, clocktest.New(now.Add(row.ahead)), testkit.Logger(t))
			allowed(t, other, who, rules, 1)
			if got := allowed(t, New(store, Options{}, clocktest.New(now), testkit.Logger(t)), who, rules, 20); got != row.want {
				t.Errorf("%d calls were allowed, want %d", got, row.want)
			}
		})
	}
}

// TestABusThatIsReallyAway: a server that is gone costs the first call a moment, and
// those after it nothing.
func TestABusThatIsReallyAway(t *testing.T) {
	server := testkit.StartNATS(t, t.TempDir())
	b := testkit.Connect(t, server)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	bucket, err := b.Bucket(t.Context(), bus.BucketRateBudgets)
	if err != nil {
		t.Fatal(err)
	}
	l := New(NewStore(bucket), Options{Processes: 3}, clocktest.New(noon), slog.New(slog.DiscardHandler))
	if got := allowed(t, l, shop, own(PerConnection, 90, time.Minute), 1); got != 1 {
		t.Fatal("the first call was not allowed")
	}
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		if got := allowed(t, l, Who{"prod", "shop", id}, own(PerConnection, 90, time.Minute), 100); got != 30 {
			t.Errorf("%d calls were allowed without the bus", got)
		}
	}
}
