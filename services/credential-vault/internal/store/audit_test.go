package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
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
	if err != nil || next != 0 {
		t.Fatalf("next is %d, %v", next, err)
	}
	return got
}

func operations(records []core.AuditRecord) (out []string) {
	for _, r := range records {
		out = append(out, r.OperationID)
	}
	return out
}

func note(t testing.TB, s *store.Store, id, operation string, at time.Time) {
	t.Helper()
	r := record(core.ActionResolved, id, at)
	r.OperationID = operation
	if err := s.Record(t.Context(), *r); err != nil {
		t.Fatal(err)
	}
}

// full is a record with every field set.
func full() core.AuditRecord {
	r := *record(core.ActionUsed, "crm", noon.Add(7*time.Nanosecond))
	r.OAuthClient, r.Host, r.Count, r.FirstTime = "crm-client", "api.example.com:443", 12, noon.Add(-time.Hour)
	return r
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	onlyEnvironment := core.AuditRecord{Time: noon, Action: core.ActionPruned, Connection: resource.Connection{Environment: "default"}}
	odd := *record(core.ActionRefused, "crm", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	odd.NotRevokedReason = "the provider says no"
	odd.Principal, odd.OperationID, odd.SecretNames = "анна\x00", strings.Repeat("o", 512), []string{"", "\xff"}
	for title, want := range map[string]core.AuditRecord{
		"every field is set": full(), "about no connection": onlyEnvironment, "texts of any bytes, before time began": odd,
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				if err := s.Record(t.Context(), want); err != nil {
					t.Fatal(err)
				}
				got := trail(t, s, core.AuditQuery{})
				if diff := cmp.Diff([]core.AuditRecord{want}, got, cmpopts.IgnoreFields(core.AuditRecord{}, "Sequence", "Proof")); diff != "" {
					t.Error(diff)
				}
				if got[0].Sequence != 1 || len(got[0].Proof) != 64 {
					t.Errorf("it is number %d with the proof %q", got[0].Sequence, got[0].Proof)
				}
			})
		})
	}
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
		for i, r := range got {
			if r.Sequence != uint64(len(got)-i) {
				t.Errorf("record %d from the end is number %d", i, r.Sequence)
			}
		}
	})
}

func TestEveryEnvironmentCountsForItself(t *testing.T) {
	s := open(memkv.New())
	for _, environment := range []string{"default", "staging", "default"} {
		r := record(core.ActionResolved, "crm", noon)
		r.Connection.Environment = environment
		if err := s.Record(t.Context(), *r); err != nil {
			t.Fatal(err)
		}
	}
	if got := trail(t, s, core.AuditQuery{}); len(got) != 2 || got[0].Sequence != 2 {
		t.Errorf("got %v", got)
	}
	environments, err := s.AuditEnvironments(t.Context())
	if err != nil || !cmp.Equal(environments, []string{"default", "staging"}) {
		t.Errorf("got %q, %v", environments, err)
	}
}

func TestWithoutAProverNothingIsRecorded(t *testing.T) {
	s := store.New(memkv.New(), func() {})
	err := s.Insert(t.Context(), core.Write{Connection: connection("crm"), Audit: record(core.ActionCreated, "crm", noon)})
	if err == nil || !strings.Contains(err.Error(), "prover") {
		t.Errorf("a change: got %v", err)
	}
	if err := s.Record(t.Context(), full()); err == nil || !strings.Contains(err.Error(), "prover") {
		t.Errorf("a record: got %v", err)
	}
	if _, err := s.VerifyAudit(t.Context(), "default", core.AuditAnchor{}); err == nil {
		t.Error("nothing can be verified, and it is")
	}
	if _, err := s.Connection(t.Context(), name("crm")); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("the change was made: %v", err)
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

func TestWhoGoesAwayLeavesTheRecordAllTheSame(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Record(gone, full()); err != nil {
			t.Fatal(err)
		}
		if got := trail(t, s, core.AuditQuery{}); len(got) != 1 {
			t.Errorf("the trail is %v", got)
		}
	})
}

// spoiled are states of a trail that nothing may be added to: what is there would
// be overwritten, or a cut made good.
func TestNothingIsAddedToATrailThatWasTamperedWith(t *testing.T) {
	const state = "h/default"
	for title, spoil := range map[string]func(tx kv.Tx, older []byte) error{
		"its state is gone":               func(tx kv.Tx, _ []byte) error { return tx.Delete([]byte(state)) },
		"its state is of another version": func(tx kv.Tx, _ []byte) error { return tx.Put([]byte(state), []byte("\x02")) },
		"its state is all zero":           func(tx kv.Tx, older []byte) error { return tx.Put([]byte(state), make([]byte, len(older))) },
		"its state was changed": func(tx kv.Tx, older []byte) error {
			changed := append([]byte{}, older...)
			changed[8]--
			return tx.Put([]byte(state), changed)
		},
		"its state is an older one": func(tx kv.Tx, older []byte) error { return tx.Put([]byte(state), older) },
		"its newest record is gone": func(tx kv.Tx, _ []byte) error { return tx.Delete(at("a/default/", 3)) },
		"all records are gone":      func(tx kv.Tx, _ []byte) error { return deleteAll(tx, "a/default/") },
	} {
		t.Run(title, func(t *testing.T) {
			engine := memkv.New()
			s := open(engine)
			note(t, s, "crm", "1", noon)
			note(t, s, "crm", "2", noon)
			older := get(t, engine, state)
			note(t, s, "crm", "3", noon)
			update(t, engine, func(tx kv.Tx) error { return spoil(tx, older) })
			before := dump(t, engine)
			if err := s.Record(t.Context(), full()); err == nil || fault.ReasonOf(err) != fault.ReasonCredentialUnreadable || !strings.Contains(err.Error(), "`ferrule audit verify` says where") {
				t.Errorf("got %v", err)
			}
			if err := s.Insert(t.Context(), core.Write{Connection: connection("crm"), Audit: record(core.ActionCreated, "crm", noon)}); err == nil {
				t.Error("a connection was stored without a record")
			}
			if diff := cmp.Diff(before, dump(t, engine)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func update(t testing.TB, engine kv.Store, change func(kv.Tx) error) {
	t.Helper()
	if err := engine.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, engine kv.Store, key string) (value []byte) {
	t.Helper()
	err := engine.View(t.Context(), func(r kv.Reader) (err error) {
		value, err = r.Get([]byte(key))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// at is a key that ends with a sequence.
func at(prefix string, sequence uint64) []byte {
	key := []byte(prefix)
	for shift := 56; shift >= 0; shift -= 8 {
		key = append(key, ^byte(sequence>>shift))
	}
	return key
}

// firstBlock is where the index of the records 1 to 2047 is.
const firstBlock = "b/default/\xff\xff\xff\xff\xff\xff\xff\xff"

func deleteAll(tx kv.Tx, prefix string) error {
	for p, err := range kv.All(tx, []byte(prefix), 100) {
		if err != nil {
			return err
		}
		if err := tx.Delete(p.Key); err != nil {
			return err
		}
	}
	return nil
}
