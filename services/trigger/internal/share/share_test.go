package share_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/share"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// enter lets in as much of a party's work as there is room for, at most limit, and
// returns what gives the workers back.
func enter(w *share.Workers, limit int, names ...string) (leaves []func(bool)) {
	for range limit {
		leave, _ := w.Enter(names...)
		if leave == nil {
			return leaves
		}
		leaves = append(leaves, leave)
	}
	return leaves
}

// prove has twice as many pieces of a party's work as there are workers end, one after
// the other, and returns how many workers the party has then.
func prove(w *share.Workers, clk *clocktest.Fake, workers int, each time.Duration, name string) int {
	now := enter(w, 1, name)
	for range 2 * workers {
		next := enter(w, 1, name) // before the other ends: who has nothing is forgotten
		clk.Advance(each)
		now[0](true)
		if now = next; len(now) == 0 {
			now = enter(w, 1, name)
		}
	}
	return len(now)
}

func TestHowManyWorkersOnePartyGets(t *testing.T) {
	for _, tc := range []struct {
		name     string
		workers  int
		others   int // parties that took all that they could before
		want     int
		proved   time.Duration // how long its work took before; 0 for none
		mostWant int
	}{
		{"a quarter if nothing is known of it", 128, 0, 32, 0, 32},
		{"nearly all if its work ends and nobody else wants any", 128, 0, 112, time.Second, 112},
		{"a quarter if its work takes long", 128, 0, 32, 20 * time.Second, 32},
		{"one of a few", 4, 0, 1, 0, 1},
		{"all but one of two", 2, 0, 1, time.Second, 1},
		{"the only one", 1, 0, 1, 0, 1},
		{"a quarter of what is left behind two that never end", 128, 2, 18, 0, 18},
		{"a quarter of what is left behind six that never end", 128, 6, 6, 0, 6},
		{"as much as is left of it if its work ends, behind six that never end", 128, 6, 18, time.Second, 24},
		{"one behind twelve that never end", 128, 12, 1, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clk := clocktest.New(noon)
			w := share.New(tc.workers, clk)
			for i := range tc.others {
				enter(w, tc.workers, fmt.Sprint("other ", i))
			}
			had := 0
			if tc.proved > 0 {
				had = prove(w, clk, tc.workers, tc.proved, "me")
			}
			if got := had + len(enter(w, tc.workers, "me")); got < tc.want || got > tc.mostWant {
				t.Errorf("%d workers, want %d to %d", got, tc.want, tc.mostWant)
			}
		})
	}
}

// TestManyThatHangLeaveWorkersForOneThatHasNone: how many it takes until nobody is let in.
func TestManyThatHangLeaveWorkersForOneThatHasNone(t *testing.T) {
	for workers, atLeast := range map[int]int{8: 6, 64: 12, 128: 14, 1024: 20} {
		w := share.New(workers, clocktest.New(noon))
		hanging, had := 0, workers
		for ; ; hanging++ {
			n := len(enter(w, workers, fmt.Sprint("owner ", hanging), fmt.Sprint("api ", hanging)))
			if n == 0 {
				break
			}
			if n > had {
				t.Errorf("of %d workers, %d hang for one that came after one with %d", workers, n, had)
			}
			had = n
		}
		if hanging < atLeast {
			t.Errorf("%d workers are taken by %d owners, want at least %d", workers, hanging, atLeast)
		}
	}
}

func TestTwoThatWantAllShareThemInTheEnd(t *testing.T) {
	w := share.New(64, clocktest.New(noon))
	has := map[string][]func(bool){"a": enter(w, 64, "a"), "b": enter(w, 64, "b")}
	for range 400 { // each piece of work ends, and both have more
		for _, name := range []string{"a", "b"} {
			if n := len(has[name]); n > 0 {
				has[name][0](true)
				has[name] = has[name][1:]
			}
			has["b"] = append(has["b"], enter(w, 64, "b")...)
			has["a"] = append(has["a"], enter(w, 64, "a")...)
		}
	}
	if a, b := len(has["a"]), len(has["b"]); a+b > 63 || a < 20 || b < 20 {
		t.Errorf("shared as %d and %d of 64", a, b)
	}
}

func TestWorkOfManyOwnersAtTheSameApiLeavesRoomForOtherApis(t *testing.T) {
	w := share.New(64, clocktest.New(noon))
	for i := range 1000 {
		w.Enter(fmt.Sprint("owner ", i), "api slow")
	}
	if leave, _ := w.Enter("owner x", "api other"); leave == nil {
		t.Error("no room is left")
	}
	if leave, _ := w.Enter("owner y", "api slow"); leave != nil {
		t.Error("the slow API got more than its share")
	}
}

// TestWhatFindsNothingToDoShowsNothing: only work that ends shows that work ends.
func TestWhatFindsNothingToDoShowsNothing(t *testing.T) {
	for worked, want := range map[bool]int{false: 16, true: 56} {
		w := share.New(64, clocktest.New(noon))
		held := enter(w, 1, "me")
		for range 100 {
			for _, leave := range enter(w, 1, "me") {
				leave(worked)
			}
		}
		if got := len(held) + len(enter(w, 64, "me")); got != want {
			t.Errorf("after work that was done (%t) %d workers, want %d", worked, got, want)
		}
	}
}

func TestAWorkerThatIsGivenBackCanBeTakenAgain(t *testing.T) {
	w := share.New(8, clocktest.New(noon))
	for round := range 100 {
		leaves := enter(w, 8, "me", "api")
		if n := len(leaves); n < 2 || n > 7 {
			t.Fatalf("round %d: %d workers", round, n)
		}
		for _, leave := range leaves {
			leave(true)
		}
	}
}

func TestWhatIsPutOffComesBackAboutAsFastAsItsPartyWorks(t *testing.T) {
	for _, tc := range []struct {
		name     string
		each     time.Duration // between two ends
		min, max time.Duration // when the 100th comes back
	}{
		{"a fast one soon", time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond},
		{"a slow one later", 100 * time.Millisecond, 5 * time.Second, 15 * time.Second},
		{"one that hangs at last", time.Hour, 15 * time.Second, 15 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clk := clocktest.New(noon)
			w := share.New(8, clk)
			leaves := enter(w, 8, "me")
			for range 50 {
				clk.Advance(tc.each)
				leaves[0](true)
				leaves = append(leaves[1:], enter(w, 1, "me")...)
			}
			var before, wait time.Duration
			for range 100 {
				var leave func(bool)
				if leave, wait = w.Enter("me"); leave != nil {
					leaves = append(leaves, leave)
					continue
				}
				if wait < before {
					t.Fatalf("one comes back after %v, which is sooner than the one before, after %v", wait, before)
				}
				before = wait
			}
			if wait < tc.min || wait > tc.max {
				t.Errorf("the last one comes back after %v, want %v to %v", wait, tc.min, tc.max)
			}
		})
	}
}
