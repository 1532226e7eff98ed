package faultkv_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
)

func open(tb testing.TB) kv.Store {
	tb.Helper()
	s := faultkv.New(memkv.New())
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// Values pass through as they are, so the largest one is left to the engines.
func TestWithoutFaultsTheContractIsKept(t *testing.T) {
	kvtest.Run(t, open, kvtest.Without(kvtest.LargeValues))
}

func TestWithoutFaultsTheAnswersAreTheOracles(t *testing.T) { kvtest.Differential(t, open) }

var errFault = errors.New("planned")

// program is what the tests run: one Update with every kind of call and one
// View. It returns what each step said.
func program(t *testing.T, s kv.Store) []string {
	t.Helper()
	var said []string
	say := func(step string, err error) error {
		said = append(said, fmt.Sprintf("%s: %v", step, err))
		return err
	}
	_ = say("update", s.Update(t.Context(), func(tx kv.Tx) error {
		err := say("put", tx.Put([]byte("k"), []byte("new")))
		err = errors.Join(err, say("delete", tx.Delete([]byte("old"))))
		_, getErr := tx.Get([]byte("k"))
		return errors.Join(err, say("get", getErr))
	}))
	_ = say("view", s.View(t.Context(), func(r kv.Reader) error {
		_, err := r.Scan(nil, nil, 10)
		return say("scan", err)
	}))
	return said
}

// contents lists the keys of the store beneath.
func contents(t *testing.T, s kv.Store) (keys string) {
	t.Helper()
	err := s.View(t.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan(nil, nil, 10)
		for _, p := range pairs {
			keys += string(p.Key) + " "
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func prepared(t *testing.T, inner kv.Store) kv.Store {
	t.Helper()
	if err := inner.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("old"), nil) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	return inner
}

func TestAFaultHappensAtItsPointOnly(t *testing.T) {
	const before, after = "old ", "k "
	for _, row := range []struct {
		name string
		at   faultkv.Point
		said []string
		left string
	}{
		{"no fault", faultkv.Unspecified, []string{"put: <nil>", "delete: <nil>", "get: <nil>", "update: <nil>", "scan: <nil>", "view: <nil>"}, after},
		{"when an Update starts", faultkv.OnUpdate, []string{"update: planned", "scan: <nil>", "view: <nil>"}, before},
		{"at Put", faultkv.OnPut, []string{"put: planned", "delete: <nil>", "get: key not found", "update: planned\nkey not found", "scan: <nil>", "view: <nil>"}, before},
		{"at Delete", faultkv.OnDelete, []string{"put: <nil>", "delete: planned", "get: <nil>", "update: planned", "scan: <nil>", "view: <nil>"}, before},
		{"at Get", faultkv.OnGet, []string{"put: <nil>", "delete: <nil>", "get: planned", "update: planned", "scan: <nil>", "view: <nil>"}, before},
		{"before the commit", faultkv.BeforeCommit, []string{"put: <nil>", "delete: <nil>", "get: <nil>", "update: planned", "scan: <nil>", "view: <nil>"}, before},
		{"after the commit", faultkv.AfterCommit, []string{"put: <nil>", "delete: <nil>", "get: <nil>", "update: planned", "scan: <nil>", "view: <nil>"}, after},
		{"when a View starts", faultkv.OnView, []string{"put: <nil>", "delete: <nil>", "get: <nil>", "update: <nil>", "view: planned"}, after},
		{"at Scan", faultkv.OnScan, []string{"put: <nil>", "delete: <nil>", "get: <nil>", "update: <nil>", "scan: planned", "view: planned"}, after},
	} {
		t.Run(row.name, func(t *testing.T) {
			inner := prepared(t, memkv.New())
			s := faultkv.New(inner)
			if row.at != faultkv.Unspecified {
				s.Fail(row.at, 1, errFault)
			}
			if diff := cmp.Diff(row.said, program(t, s)); diff != "" {
				t.Errorf("the program hears something else (-want +got):\n%s", diff)
			}
			if got := contents(t, inner); got != row.left {
				t.Errorf("beneath there is %q, want %q", got, row.left)
			}
			if s.Crashed() {
				t.Error("a failure is no crash")
			}
		})
	}
}

// Every step is tried on both engines: the store started again has all of the
// transaction exactly when the crash came after the commit.
func TestACrashAtAnyStepLeavesAllOrNothing(t *testing.T) {
	engines := map[string]func(*testing.T) kv.Store{
		"memory": func(*testing.T) kv.Store { return memkv.New() },
		"file": func(t *testing.T) kv.Store {
			s, err := boltkv.Open(filepath.Join(t.TempDir(), "test.db"), boltkv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			whole := faultkv.New(prepared(t, engine(t)))
			program(t, whole)
			const committed = 6 // update, put, delete, get, before and after the commit
			if got := whole.Passed(faultkv.Any); got != committed+2 {
				t.Fatalf("the program passes %d points, want %d", got, committed+2)
			}
			for n := 1; n <= whole.Passed(faultkv.Any); n++ {
				inner := prepared(t, engine(t))
				s := faultkv.New(inner)
				s.Crash(faultkv.Any, n)
				program(t, s)
				if !s.Crashed() {
					t.Errorf("step %d: no crash", n)
				}
				want := "old "
				if n >= committed {
					want = "k "
				}
				if got := contents(t, faultkv.New(inner)); got != want {
					t.Errorf("crash at step %d leaves %q, want %q", n, got, want)
				}
			}
		})
	}
}

func TestAfterACrashNothingWorks(t *testing.T) {
	s := faultkv.New(prepared(t, memkv.New()))
	s.Crash(faultkv.OnView, 1)
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		// The crash comes from another call, in the middle of this transaction.
		if err := s.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, faultkv.ErrCrashed) {
			t.Errorf("the View that crashes = %v", err)
		}
		_, getErr := tx.Get([]byte("old"))
		_, scanErr := tx.Scan(nil, nil, 1)
		for call, err := range map[string]error{
			"Get": getErr, "Scan": scanErr, "Put": tx.Put([]byte("k"), nil), "Delete": tx.Delete([]byte("old")),
		} {
			if !errors.Is(err, faultkv.ErrCrashed) {
				t.Errorf("%s = %v, want ErrCrashed", call, err)
			}
		}
		return nil
	})
	if !errors.Is(err, faultkv.ErrCrashed) {
		t.Errorf("the Update under way = %v, want ErrCrashed", err)
	}
	if err := s.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, faultkv.ErrCrashed) {
		t.Errorf("a later View = %v, want ErrCrashed", err)
	}
	if got := contents(t, s.Unwrap()); got != "old " {
		t.Errorf("beneath there is %q, want what was there", got)
	}
}

func TestFaultsAreCountedFromWhenTheyArePlanned(t *testing.T) {
	s := faultkv.New(prepared(t, memkv.New()))
	view := func() error { return s.View(t.Context(), func(kv.Reader) error { return nil }) }
	var got []error
	got = append(got, view())
	s.Fail(faultkv.OnView, 2, errFault)
	s.Fail(faultkv.OnView, 4, kv.ErrClosed)
	for range 5 {
		got = append(got, view())
	}
	want := []error{nil, nil, errFault, nil, kv.ErrClosed, nil}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the Views return %v, want %v", got, want)
	}
	if n := s.Passed(faultkv.OnView); n != 6 {
		t.Errorf("Passed = %d, want 6", n)
	}
}

func TestAnImpossibleMomentIsAMistakeOfTheTest(t *testing.T) {
	for name, plan := range map[string]func(*faultkv.Store){
		"no point":         func(s *faultkv.Store) { s.Fail(faultkv.Unspecified, 1, errFault) },
		"an unknown point": func(s *faultkv.Store) { s.Crash(faultkv.AfterCommit+1, 1) },
		"the zeroth time":  func(s *faultkv.Store) { s.Crash(faultkv.OnView, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			plan(faultkv.New(memkv.New()))
		})
	}
}
