package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// pruning removes what was recorded before a time. It takes place in the next
// year.
func pruning(before time.Time) core.Pruning {
	return core.Pruning{
		Environment: "default", Before: before,
		Record: core.AuditRecord{Time: noon.AddDate(1, 0, 0), Action: core.ActionPruned, Connection: resource.Connection{Environment: "default"}},
	}
}

func prune(t *testing.T, s *store.Store, before time.Time) (calls int) {
	t.Helper()
	for more := true; more; calls++ {
		var err error
		if more, err = s.PruneAudit(t.Context(), pruning(before)); err != nil {
			t.Fatal(err)
		}
	}
	return calls
}

func TestWhatIsTooOldIsRemovedAndTheRestStaysProved(t *testing.T) {
	for title, c := range map[string]struct {
		records, old, calls int
	}{
		"nothing is too old":            {10, 0, 1},
		"some are":                      {10, 4, 1},
		"all are":                       {10, 10, 1},
		"more than a transaction bears": {2500, 2100, 3},
		"exactly as many as it bears":   {1000, 1000, 1},
		"there is nothing":              {0, 0, 1},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				many(t, s, c.records, nil)
				if calls := prune(t, s, noon.Add(time.Duration(c.old)*time.Second)); calls != c.calls {
					t.Errorf("it took %d calls", calls)
				}
				left := c.records - c.old
				if c.old > 0 {
					newest := newestOf(t, s)
					if newest.Action != core.ActionPruned || newest.Count != int64(c.old) || newest.Sequence != uint64(c.records+1) {
						t.Errorf("the removal has left %+v", newest)
					}
					left++
				}
				wantIntact(t, s, uint64(left))
				if got := mustVerify(t, s); got.First != uint64(c.old+1) {
					t.Errorf("the trail begins at %d", got.First)
				}
				if n := len(trailPages(t, s, of("crm"), 1000)); n != c.records-c.old {
					t.Errorf("the list of the connection has %d", n)
				}
				before := dump(t, engine)
				prune(t, s, noon.Add(time.Duration(c.old)*time.Second))
				if diff := gocmp.Diff(before, dump(t, engine)); diff != "" {
					t.Errorf("a second time: %s", diff)
				}
			})
		})
	}
}

// newestOf returns the newest record of the trail.
func newestOf(t *testing.T, s *store.Store) core.AuditRecord {
	t.Helper()
	got, _, err := s.AuditRecords(t.Context(), core.AuditQuery{AuditFilter: core.AuditFilter{Environment: "default"}, Limit: 1})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	return got[0]
}

func TestWhatWasReportedLateIsKeptAsLongAsTheRest(t *testing.T) {
	s := open(memkv.New())
	note(t, s, "crm", "of old", noon)
	late := *record(core.ActionUsed, "crm", noon.AddDate(0, 0, -10))
	if err := s.RecordUses(t.Context(), core.UseBatch{Time: noon.Add(time.Hour), Records: []core.AuditRecord{late}}); err != nil {
		t.Fatal(err)
	}
	prune(t, s, noon.Add(time.Minute))
	if got := trail(t, s, of("crm")); len(got) != 1 || got[0].Action != core.ActionUsed {
		t.Errorf("got %v", got)
	}
}

func TestATrailIsNotCutWhereItWasNotPruned(t *testing.T) {
	engine := memkv.New()
	s := open(engine)
	many(t, s, 20, nil)
	kept := map[uint64]core.AuditAnchor{}
	for _, r := range trail(t, s, core.AuditQuery{}) {
		kept[r.Sequence] = core.AuditAnchor{Sequence: r.Sequence, Proof: r.Proof}
	}
	unpruned := raw(t, engine)
	prune(t, s, noon.Add(10*time.Second))
	pruned := raw(t, engine)

	for title, c := range map[string]struct {
		tamper func() map[string]string
		broken uint64
	}{
		"a record that was removed comes back": {func() map[string]string {
			mixed := maps.Clone(pruned)
			mixed[string(at("a/default/", 10))] = unpruned[string(at("a/default/", 10))]
			return mixed
		}, 10},
		"more were removed than it says": {func() map[string]string {
			mixed := maps.Clone(pruned)
			delete(mixed, string(at("a/default/", 11)))
			return mixed
		}, 11},
		"the list of a connection still names it": {func() map[string]string {
			mixed := maps.Clone(pruned)
			mixed[string(at(firstBlock+"crm/", 3))] = ""
			return mixed
		}, 3},
	} {
		putBack(t, engine, c.tamper())
		if got := mustVerify(t, s); got.Broken != c.broken {
			t.Errorf("%s: %+v", title, got)
		}
	}
	putBack(t, engine, pruned)
	for sequence, want := range map[uint64]bool{10: true, 11: true, 20: true} {
		if got := verify(t, s, kept[sequence]); (got.Broken == 0) != want {
			t.Errorf("anchor %d: %+v", sequence, got)
		}
	}
	if got := verify(t, s, core.AuditAnchor{Sequence: 10, Proof: kept[9].Proof}); got.Broken != 10 {
		t.Errorf("another anchor for the last that was removed: %+v", got)
	}
	if _, err := s.VerifyAudit(t.Context(), "default", kept[9]); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("an anchor that is too old: %v", err)
	}
}

func TestEvidenceIsNotRemoved(t *testing.T) {
	for title, tamper := range map[string]func(tx kv.Tx) error{
		"a record was changed": replace(at("a/default/", 3), "ann", "bob"),
		"a record is gone":     func(tx kv.Tx) error { return tx.Delete(at("a/default/", 3)) },
		"a record is damaged":  func(tx kv.Tx) error { return tx.Put(at("a/default/", 3), nil) },
		"the state was changed": func(tx kv.Tx) error {
			return tx.Put([]byte("h/default"), []byte(strings.Repeat("x", 10)))
		},
	} {
		t.Run(title, func(t *testing.T) {
			engine := memkv.New()
			s := open(engine)
			many(t, s, 10, nil)
			update(t, engine, tamper)
			before := dump(t, engine)
			more, err := s.PruneAudit(t.Context(), pruning(noon.Add(time.Hour)))
			if err == nil || more || !strings.Contains(cmp.Or(err, errors.New("")).Error(), "verify") && title != "a record is damaged" {
				t.Errorf("got %v, %v", more, err)
			}
			if diff := gocmp.Diff(before, dump(t, engine)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACrashWhilePruningLosesNothingAndIsMadeGood(t *testing.T) {
	for n := 1; ; n++ {
		inner := memkv.New()
		many(t, open(inner), 1500, nil)
		faulty := faultkv.New(inner)
		faulty.Crash(faultkv.Any, n*97)
		s := open(faulty)
		more, err := true, error(nil)
		for more && err == nil {
			more, err = s.PruneAudit(t.Context(), pruning(noon.Add(1200*time.Second)))
		}
		if err == nil && !faulty.Crashed() {
			if n < 20 {
				t.Fatalf("it was over after %d steps", n*97)
			}
			return
		}
		again := open(inner)
		if got := mustVerify(t, again); got.Broken != 0 {
			t.Fatalf("after %d steps: %+v", n*97, got)
		}
		prune(t, again, noon.Add(1200*time.Second))
		wantIntact(t, again, 301)
		if newest := newestOf(t, again); newest.Count != 1200 {
			t.Fatalf("after %d steps the records say that %d were removed", n*97, newest.Count)
		}
	}
}

func TestOneReportIsRecordedOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		report := func(id string, at time.Time) {
			t.Helper()
			other := full()
			other.Connection.Environment = "staging"
			b := core.UseBatch{ID: id, Time: at, Records: []core.AuditRecord{full(), other}}
			if err := s.RecordUses(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		report("batch-1", noon)
		report("batch-1", noon.Add(time.Minute))
		report("batch", noon)
		report("batch-10", noon)
		wantIntact(t, s, 3)
		s = open(engine) // another process, or a restart
		report("batch-1", noon.Add(time.Hour))
		wantIntact(t, s, 3)
		report("batch-1", noon.Add(time.Hour+1)) // forgotten, and a new one
		wantIntact(t, s, 4)
		report("", noon)
		report("", noon)
		wantIntact(t, s, 6)
		reports := 0
		for key := range raw(t, engine) {
			if strings.HasPrefix(key, "u/") {
				reports++
			}
		}
		if reports != 4 { // two for each environment
			t.Errorf("%d entries about reports are left", reports)
		}
	})
}

func TestAReportIsRecordedWholeOrNotAtAllInAnEnvironment(t *testing.T) {
	other := full()
	other.Connection.Environment = "staging"
	b := core.UseBatch{ID: "batch", Time: noon, Records: []core.AuditRecord{full(), other, full()}}
	for n := 1; ; n++ {
		inner := memkv.New()
		faulty := faultkv.New(inner)
		faulty.Crash(faultkv.Any, n)
		err := open(faulty).RecordUses(t.Context(), b)
		if err == nil {
			if n < 10 {
				t.Fatalf("it took only %d steps", n)
			}
			return
		}
		left, err := open(inner).VerifyAudit(t.Context(), "default", core.AuditAnchor{})
		if err != nil || left.Broken != 0 || left.Checked == 1 {
			t.Fatalf("step %d: half of it is stored: %+v, %v", n, left, err)
		}
		if err := open(inner).RecordUses(t.Context(), b); err != nil { // it is sent again
			t.Fatal(err)
		}
		wantIntact(t, open(inner), 2)
		if got, err := open(inner).VerifyAudit(t.Context(), "staging", core.AuditAnchor{}); err != nil || got.Checked != 1 {
			t.Fatalf("step %d: staging has %+v, %v", n, got, err)
		}
	}
}

func TestADamagedTrailKeepsNoOtherFromBeingWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		of := func(environments ...string) (b core.UseBatch) {
			b.ID, b.Time = "batch-of-"+strings.Join(environments, "-"), noon
			for _, environment := range environments {
				r := full()
				r.Connection.Environment = environment
				b.Records = append(b.Records, r)
			}
			return b
		}
		if err := s.RecordUses(t.Context(), of("broken")); err != nil {
			t.Fatal(err)
		}
		err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete([]byte("h/broken")) })
		if err != nil {
			t.Fatal(err)
		}
		b := of("broken", "default", "staging")
		for range 2 { // what was recorded is not recorded again
			damage := new(core.DamagedTrailsError)
			if err := s.RecordUses(t.Context(), b); !errors.As(err, &damage) || !gocmp.Equal(damage.Environments, []string{"broken"}) {
				t.Fatalf("got %v", err)
			}
			wantIntact(t, s, 1)
		}
		if got, err := s.VerifyAudit(t.Context(), "staging", core.AuditAnchor{}); err != nil || got.Checked != 1 {
			t.Errorf("staging has %+v, %v", got, err)
		}
	})
}

func TestAnEnvironmentThatCannotBeWrittenForTheMomentIsSentAgain(t *testing.T) {
	inner := memkv.New()
	faulty := faultkv.New(inner)
	s := open(faulty)
	other := full()
	other.Connection.Environment = "staging"
	b := core.UseBatch{ID: "batch", Time: noon, Records: []core.AuditRecord{full(), other}}
	full := errors.New("the disk is full")
	faulty.Fail(faultkv.OnUpdate, 1, full) // of the first environment
	if err := s.RecordUses(t.Context(), b); !errors.Is(err, full) || errors.As(err, new(*core.DamagedTrailsError)) {
		t.Fatalf("got %v", err)
	}
	if err := s.RecordUses(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	wantIntact(t, s, 1)
	if got, err := s.VerifyAudit(t.Context(), "staging", core.AuditAnchor{}); err != nil || got.Checked != 1 {
		t.Errorf("staging has %+v, %v", got, err)
	}
}

func TestManyReportsAreForgottenInTime(t *testing.T) {
	engine := memkv.New()
	s := open(engine)
	for i := range 500 {
		b := core.UseBatch{ID: fmt.Sprint("batch-", i), Time: noon.Add(time.Duration(i) * time.Minute), Records: []core.AuditRecord{full()}}
		if err := s.RecordUses(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for key := range raw(t, engine) {
		if strings.HasPrefix(key, "u/i/") {
			n++
		}
	}
	if n != 61 {
		t.Errorf("%d reports are remembered", n)
	}
}
