package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

func trail(t *testing.T, s *store.Store, q core.AuditQuery) []core.AuditRecord {
	t.Helper()
	q.Environment = "default"
	if q.Limit == 0 {
		q.Limit = 100
	}
	got, next, err := s.AuditRecords(t.Context(), q)
	if err != nil || next != "" {
		t.Fatalf("next is %q, %v", next, err)
	}
	return got
}

func operations(records []core.AuditRecord) (out []string) {
	for _, r := range records {
		out = append(out, r.OperationID)
	}
	return out
}

func note(t *testing.T, s *store.Store, id, operation string, at time.Time) {
	t.Helper()
	r := record(core.ActionResolved, id, at)
	r.OperationID = operation
	if err := s.Record(t.Context(), *r); err != nil {
		t.Fatal(err)
	}
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		want := *record(core.ActionRefused, "crm", noon.Add(7*time.Nanosecond))
		if err := s.Record(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		for _, q := range []core.AuditQuery{{}, {Connection: "crm"}} {
			if diff := cmp.Diff([]core.AuditRecord{want}, trail(t, s, q), cmpopts.IgnoreFields(core.AuditRecord{}, "ID")); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestTheNewestRecordIsTheFirstWhateverTheClockDoes(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for i, at := range []time.Time{
			noon, noon.Add(time.Second),
			noon.Add(time.Second),    // the clock stands still
			noon.Add(-time.Hour),     // it is set back
			noon.Add(-time.Hour + 1), // and goes on from there
			time.Unix(0, 0).Add(-1),  // it has lost its battery
			noon.Add(time.Minute),
		} {
			note(t, s, "crm", fmt.Sprint(i), at)
		}
		got := trail(t, s, core.AuditQuery{})
		if diff := cmp.Diff([]string{"6", "5", "4", "3", "2", "1", "0"}, operations(got)); diff != "" {
			t.Error(diff)
		}
		if !got[2].Time.Equal(noon.Add(-time.Hour + 1)) {
			t.Errorf("a record does not show the time of the clock: %v", got[2].Time)
		}
		for i := 1; i < len(got); i++ {
			if got[i-1].ID >= got[i].ID {
				t.Errorf("id %s is not before %s", got[i-1].ID, got[i].ID)
			}
		}
	})
}

func TestTheTrailOfOneConnection(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for i, id := range []string{"crm", "crm-2", "crm", "erp", "crm"} {
			note(t, s, id, fmt.Sprint(i), noon.Add(time.Duration(i)))
		}
		if diff := cmp.Diff([]string{"4", "2", "0"}, operations(trail(t, s, core.AuditQuery{Connection: "crm"}))); diff != "" {
			t.Error(diff)
		}
		if got := trail(t, s, core.AuditQuery{Connection: "none"}); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
}

func TestPagesOfTheTrailTogetherAreTheTrail(t *testing.T) {
	for _, filter := range []core.AuditQuery{{}, {Connection: "crm"}} {
		for limit := 1; limit <= 5; limit++ {
			t.Run(fmt.Sprintf("%q by %d", filter.Connection, limit), func(t *testing.T) {
				onEveryEngine(t, func(t *testing.T, engine kv.Store) {
					s := open(engine)
					for i, id := range []string{"crm", "erp", "crm", "erp", "crm"} {
						note(t, s, id, fmt.Sprint(i), noon)
					}
					want := operations(trail(t, s, filter))
					if diff := cmp.Diff(want, trailPages(t, s, filter, limit)); diff != "" {
						t.Error(diff)
					}
				})
			})
		}
	}
}

func trailPages(t *testing.T, s *store.Store, q core.AuditQuery, limit int) (all []string) {
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
		all = append(all, operations(records)...)
		if next == "" {
			return all
		}
		q.After = next
	}
}

func TestAPositionThatNoPageEndedAtIsRefused(t *testing.T) {
	s := open(engines()["memkv"](t))
	for _, after := range []string{"x", "0a", "00000000000000000a"} {
		if _, _, err := s.AuditRecords(t.Context(), core.AuditQuery{Environment: "default", After: after, Limit: 1}); err == nil {
			t.Errorf("%q is accepted", after)
		}
	}
}

func TestAnAuditRecordIsCommittedWithItsChangeOrNotAtAll(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		write := core.Write{Connection: connection("crm"), Secrets: secrets(), Audit: record(core.ActionCreated, "crm", noon)}
		for range 2 { // the second one is refused
			_ = s.Insert(t.Context(), write)
		}
		if got := trail(t, s, core.AuditQuery{}); len(got) != 1 || got[0].Action != core.ActionCreated {
			t.Errorf("the trail is %v", got)
		}
	})
}
