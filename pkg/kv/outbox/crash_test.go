package outbox_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

var engines = map[string]func(t *testing.T) kv.Store{
	"memory": func(*testing.T) kv.Store { return memkv.New() },
	"file": func(t *testing.T) kv.Store {
		s, err := boltkv.Open(filepath.Join(t.TempDir(), "test.db"), boltkv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// live is the life of a process: a relay runs while states and their messages
// are committed, one by one and two at once. It returns the ids whose commit
// was confirmed to the program.
func live(t *testing.T, w *world) (confirmed []string) {
	t.Helper()
	w.run(t)
	for _, ids := range [][]string{{"a"}, {"b", "c"}, {"d"}} {
		if put(w.store, ids...) == nil {
			confirmed = append(confirmed, ids...)
			w.relay.Notify()
		}
		synctest.Wait()
	}
	return confirmed
}

// firsts is ids without repetitions.
func firsts(ids []string) (first []string) {
	for _, id := range ids {
		if !slices.Contains(first, id) {
			first = append(first, id)
		}
	}
	return first
}

// steps counts the points that a life without faults passes.
func steps(t *testing.T) (n int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := faultkv.New(memkv.New())
		w := newWorld(store, &bus{})
		live(t, w)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.wantPublished(t, "a", "b", "c", "d")
		n = store.Passed(faultkv.Any)
	})
	return n
}

// Whatever the step at which the process dies: after the next start every state
// that is in the store has been announced, in order, and nothing else has.
func TestACrashAtAnyStepLosesNoMessageAndInventsNone(t *testing.T) {
	total := steps(t)
	for name, engine := range engines {
		for n := 1; n <= total; n++ {
			t.Run(fmt.Sprintf("%s, step %d of %d", name, n, total), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					inner := engine(t)
					defer inner.Close()
					b := &bus{} // outlives the process
					dying := faultkv.New(inner)
					dying.Crash(faultkv.Any, n)
					w := newWorld(dying, b)
					confirmed := live(t, w)
					_ = w.stop()
					if !dying.Crashed() {
						t.Fatal("no crash")
					}

					w = newWorld(inner, b)
					w.run(t)
					if err := w.stop(); err != nil {
						t.Errorf("Run after the crash = %v", err)
					}
					states := keys(t, inner, "state/")
					if got := firsts(b.published()); !slices.Equal(got, states) {
						t.Errorf("announced %q, but the states are %q", got, states)
					}
					for _, id := range confirmed {
						if !slices.Contains(states, id) {
							t.Errorf("the confirmed state %q is lost", id)
						}
					}
					w.wantWaiting(t, 0)
				})
			})
		}
	}
}

// A failure is no crash: the relay remembers what it has published, so every
// message is published exactly once.
func TestAFailureAtAnyStepPublishesEverythingOnce(t *testing.T) {
	total := steps(t)
	for name, engine := range engines {
		for n := 1; n <= total; n++ {
			t.Run(fmt.Sprintf("%s, step %d of %d", name, n, total), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := faultkv.New(engine(t))
					defer store.Close()
					store.Fail(faultkv.Any, n, errDown)
					w := newWorld(store, &bus{})
					live(t, w)
					for range 2 {
						w.advance(30 * time.Second)
					}
					w.wantPublished(t, keys(t, store.Unwrap(), "state/")...)
					w.wantWaiting(t, 0)
					if err := w.stop(); err != nil {
						t.Errorf("Run = %v", err)
					}
				})
			})
		}
	}
}

// The moment between publishing and removing, spelled out.
func TestACrashBetweenPublishAndRemovePublishesAgainWithTheSameIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memkv.New()
		defer inner.Close()
		if err := put(inner, "a", "b"); err != nil {
			t.Fatal(err)
		}
		dying := faultkv.New(inner)
		dying.Crash(faultkv.BeforeCommit, 1)
		b := &bus{}
		for _, store := range []kv.Store{dying, inner} {
			w := newWorld(store, b)
			w.run(t)
			if err := w.stop(); err != nil {
				t.Error(err)
			}
		}
		if got, want := b.published(), []string{"a", "b", "a", "b"}; !slices.Equal(got, want) {
			t.Errorf("published %q, want %q", got, want)
		}
		if got := keys(t, inner, outbox.Prefix+"message/"); got != nil {
			t.Errorf("%q is left", got)
		}
	})
}
