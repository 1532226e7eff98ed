package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// writes are the changes that a crash may interrupt, each on a store with the
// connection crm in it.
func writes() map[string]func(t *testing.T, s *store.Store) error {
	return map[string]func(t *testing.T, s *store.Store) error{
		"create": func(t *testing.T, s *store.Store) error {
			return s.Insert(t.Context(), core.Write{Connection: connection("erp"), Secrets: secrets(), Audit: record(core.ActionCreated, "erp", noon)})
		},
		"update": func(t *testing.T, s *store.Store) error {
			next := connection("crm")
			next.Change = 2
			fresh := []core.Sealed{{Parameter: "password", Version: "2", Blob: []byte("\x01new")}}
			return s.Replace(t.Context(), core.Write{Connection: next, Secrets: fresh, Audit: record(core.ActionChanged, "crm", noon)})
		},
		"delete": func(t *testing.T, s *store.Store) error {
			return s.Remove(t.Context(), core.Write{Connection: connection("crm"), Audit: record(core.ActionDeleted, "crm", noon)})
		},
		"write a grant": func(t *testing.T, s *store.Store) error {
			next, g := connection("crm"), grant(connection("crm"))
			next.Change = 2
			return s.WriteGrant(t.Context(), core.GrantWrite{
				Of: connection("crm"), Becomes: &next, Grant: g, Notice: core.NoticeNeedsAuthorization, Audit: record(core.ActionRevoked, "crm", noon),
			})
		},
		"record a use": func(t *testing.T, s *store.Store) error {
			return s.Record(t.Context(), *record(core.ActionResolved, "crm", noon))
		},
		"store a keyset": func(t *testing.T, s *store.Store) error {
			return s.SaveKeyset(t.Context(), "default", wrapped(1))
		},
	}
}

// everything is what a store holds, and how many announcements wait.
func everything(t *testing.T, engine kv.Store) map[string]string {
	t.Helper()
	all := dump(t, engine)
	all["announcements"] = fmt.Sprint(waiting(t, engine))
	return all
}

func TestACrashAtAnyMomentLeavesTheOldOrTheNew(t *testing.T) {
	for title, write := range writes() {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				insert(t, open(engine), connection("crm"))
				before := everything(t, engine)
				// Every crash before the commit, with one more step passed each time.
				for n := 1; ; n++ {
					faulty := faultkv.New(engine)
					faulty.Crash(faultkv.Any, n)
					err := write(t, announcing(faulty, func() { t.Error("a change that is not stored was announced") }))
					if !errors.Is(err, faultkv.ErrCrashed) {
						t.Fatalf("step %d: got %v, want the crash", n, err)
					}
					after := everything(t, engine)
					if cmp.Equal(before, after) {
						continue
					}
					if faulty.Passed(faultkv.AfterCommit) == 0 {
						t.Fatalf("step %d: half of the change is stored: %s", n, cmp.Diff(before, after))
					}
					wantWhole(t, write, after)
					return
				}
			})
		})
	}
}

// wantWhole compares what a crash after the commit has left with what the same
// change leaves without one.
func wantWhole(t *testing.T, write func(*testing.T, *store.Store) error, after map[string]string) {
	t.Helper()
	calm := engines()["memkv"](t)
	s := open(calm)
	insert(t, s, connection("crm"))
	if err := write(t, s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything(t, calm), after); diff != "" {
		t.Errorf("the change is not whole: %s", diff)
	}
}

func TestAStoreThatFailsOnceIsAnErrorAndLeavesNothing(t *testing.T) {
	broken := errors.New("the disk is full")
	for title, write := range writes() {
		for point, at := range map[string]faultkv.Point{"get": faultkv.OnGet, "put": faultkv.OnPut, "scan": faultkv.OnScan, "delete": faultkv.OnDelete} {
			t.Run(title+", "+point, func(t *testing.T) {
				engine := engines()["memkv"](t)
				insert(t, open(engine), connection("crm"))
				before := everything(t, engine)
				faulty := faultkv.New(engine)
				faulty.Fail(at, 1, broken)
				err := write(t, open(faulty))
				if faulty.Passed(at) == 0 {
					t.Skip("this change has no such step")
				}
				if !errors.Is(err, broken) {
					t.Errorf("got %v, want the store's error", err)
				}
				if diff := cmp.Diff(before, everything(t, engine)); diff != "" {
					t.Errorf("something was written: %s", diff)
				}
			})
		}
	}
}
