package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

func TestTheTrailOfOneConnection(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for i, id := range []string{"crm", "crm-2", "crm", "erp", "crm"} {
			note(t, s, id, fmt.Sprint(i), noon.Add(time.Duration(i)))
		}
		if diff := cmp.Diff([]string{"4", "2", "0"}, operations(trail(t, s, of("crm")))); diff != "" {
			t.Error(diff)
		}
		if got := trail(t, s, of("none")); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
}

func of(connection string) core.AuditQuery {
	return core.AuditQuery{AuditFilter: core.AuditFilter{Connection: connection}}
}

func TestPagesOfTheTrailTogetherAreTheTrail(t *testing.T) {
	for _, filter := range []core.AuditQuery{{}, of("crm"), {AuditFilter: core.AuditFilter{Principal: "ann"}}} {
		for limit := 1; limit <= 5; limit++ {
			t.Run(fmt.Sprintf("%+v by %d", filter.AuditFilter, limit), func(t *testing.T) {
				onEveryEngine(t, func(t *testing.T, engine kv.Store) {
					s := open(engine)
					for i, id := range []string{"crm", "erp", "crm", "erp", "crm"} {
						note(t, s, id, fmt.Sprint(i), noon)
					}
					want := operations(trail(t, s, filter))
					if diff := cmp.Diff(want, operations(trailPages(t, s, filter, limit))); diff != "" {
						t.Error(diff)
					}
				})
			})
		}
	}
}

// trailPages reads a trail page by page.
func trailPages(t *testing.T, s *store.Store, q core.AuditQuery, limit int) (all []core.AuditRecord) {
	t.Helper()
	q.Environment, q.Limit = "default", limit
	for {
		records, next, err := s.AuditRecords(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) > limit {
			t.Fatalf("a page of %d has %d entries", limit, len(records))
		}
		all = append(all, records...)
		if next == 0 {
			return all
		}
		if q.Before != 0 && next >= q.Before {
			t.Fatalf("the page before %d is followed by that before %d", q.Before, next)
		}
		q.Before = next
	}
}

// history records n uses as they come in real life: mostly in order, some late,
// with a clock that is once set back.
func history(t *testing.T, s *store.Store, n int, random *rand.Rand) (all []core.AuditRecord) {
	t.Helper()
	now := noon
	for i := range n {
		now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
		if i == n/3 {
			now = now.Add(-time.Minute)
		}
		r := *record([]core.AuditAction{core.ActionResolved, core.ActionUsed}[random.IntN(2)], fmt.Sprint("c", random.IntN(3)), now)
		r.OperationID, r.Principal = fmt.Sprint(i), []string{"ann", "bob"}[random.IntN(2)]
		if random.IntN(10) > 0 {
			if err := s.Record(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		} else { // it is reported later
			r.Time = now.Add(-time.Duration(random.IntN(20)) * time.Second)
			if err := s.RecordUses(t.Context(), core.UseBatch{Time: now, Records: []core.AuditRecord{r}}); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, r)
	}
	return all
}

func TestFiltersFindExactlyWhatFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := open(memkv.New())
	all := history(t, s, 300, random)
	slices.Reverse(all)
	maybe := func(values ...string) string { return append(values, "")[random.IntN(len(values)+1)] }
	for range 300 {
		f := core.AuditFilter{Connection: maybe("c0", "c1", "none"), Principal: maybe("ann", "bob")}
		if random.IntN(2) > 0 {
			f.Action = core.ActionUsed
		}
		if random.IntN(2) > 0 {
			f.From = noon.Add(time.Duration(random.IntN(200)-30) * time.Second)
		}
		if random.IntN(2) > 0 {
			f.To = noon.Add(time.Duration(random.IntN(200)-30) * time.Second)
		}
		var want []string
		for _, r := range all {
			if (f.Connection == "" || f.Connection == r.Connection.ID) && (f.Principal == "" || f.Principal == r.Principal) &&
				(f.Action == 0 || f.Action == r.Action) && !r.Time.Before(f.From) && (f.To.IsZero() || r.Time.Before(f.To)) {
				want = append(want, r.OperationID)
			}
		}
		if diff := cmp.Diff(want, operations(trailPages(t, s, core.AuditQuery{AuditFilter: f}, 7))); diff != "" {
			t.Fatalf("%+v: %s", f, diff)
		}
	}
}

// many records n uses of crm by ann, a second apart, in few transactions.
func many(t testing.TB, s *store.Store, n int, change func(i int, r *core.AuditRecord)) {
	t.Helper()
	for first := 0; first < n; first += core.MaxUses {
		b := core.UseBatch{}
		for i := first; i < min(first+core.MaxUses, n); i++ {
			r := *record(core.ActionUsed, "crm", noon.Add(time.Duration(i)*time.Second))
			if change != nil {
				change(i, &r)
			}
			b.Records = append(b.Records, r)
		}
		if err := s.RecordUses(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLookingForTheRareEndsAfterABoundedTimeAndCanGoOn(t *testing.T) {
	s := open(memkv.New())
	many(t, s, 25_000, func(i int, r *core.AuditRecord) {
		if i == 3 {
			r.Principal = "bob"
		}
	})
	q := core.AuditQuery{AuditFilter: core.AuditFilter{Environment: "default", Principal: "bob"}, Limit: 50}
	calls := 0
	for {
		calls++
		records, next, err := s.AuditRecords(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if next == 0 {
			if len(records) != 1 || records[0].Sequence != 4 || calls != 3 {
				t.Errorf("after %d calls: %v", calls, records)
			}
			return
		}
		if len(records) != 0 || next != uint64(25_000-10_000*calls+1) {
			t.Fatalf("call %d returns %v and goes on before %d", calls, records, next)
		}
		q.Before = next
	}
}

func TestATimeIsFoundWithoutReadingWhatIsNewer(t *testing.T) {
	engine := faultkv.New(memkv.New())
	s := open(engine)
	many(t, s, 20_000, nil)
	from, to := noon.Add(100*time.Second), noon.Add(103*time.Second)
	before := engine.Passed(faultkv.Any)
	got := trail(t, s, core.AuditQuery{AuditFilter: core.AuditFilter{From: from, To: to}})
	if len(got) != 3 || !got[0].Time.Equal(to.Add(-time.Second)) || !got[2].Time.Equal(from) {
		t.Errorf("got %v", got)
	}
	if steps := engine.Passed(faultkv.Any) - before; steps > 25 {
		t.Errorf("it took %d reads", steps)
	}
}

func TestAListingSaysWhichRecordIsDamaged(t *testing.T) {
	for title, spoil := range map[string]func(tx kv.Tx) error{
		"cut short":          func(tx kv.Tx) error { return tx.Put(at("a/default/", 2), []byte("short")) },
		"of a newer program": func(tx kv.Tx) error { return tx.Put(at("a/default/", 2), append(make([]byte, 32), "\x0312345678"...)) },
		"without its fields": func(tx kv.Tx) error { return tx.Put(at("a/default/", 2), append(make([]byte, 32), "\x0212345678"...)) },
		"with an endless text": func(tx kv.Tx) error {
			return tx.Put(at("a/default/", 2), append(make([]byte, 32), "\x0212345678\x01\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"...))
		},
		"gone": func(tx kv.Tx) error { return tx.Delete(at("a/default/", 2)) },
	} {
		t.Run(title, func(t *testing.T) {
			engine := memkv.New()
			s := open(engine)
			for range 3 {
				note(t, s, "crm", "op", noon)
			}
			update(t, engine, spoil)
			q := of("crm")
			q.Environment, q.Limit = "default", 10
			if _, _, err := s.AuditRecords(t.Context(), q); err == nil || !strings.Contains(err.Error(), "record 2") {
				t.Errorf("got %v", err)
			}
			q.From = noon.Add(-time.Hour)
			if _, _, err := s.AuditRecords(t.Context(), q); err == nil {
				t.Error("by time: the record is passed over in silence")
			}
		})
	}
}

func FuzzDamagedRecordsAreErrorsAndNoPanics(f *testing.F) {
	engine := memkv.New()
	s := open(engine)
	if err := s.Record(f.Context(), full()); err != nil {
		f.Fatal(err)
	}
	f.Add(get(f, engine, string(at("a/default/", 1))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		update(t, engine, func(tx kv.Tx) error { return tx.Put(at("a/default/", 1), value) })
		q := core.AuditQuery{AuditFilter: core.AuditFilter{Environment: "default"}, Limit: 1}
		if got, _, err := s.AuditRecords(t.Context(), q); err == nil && len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}
