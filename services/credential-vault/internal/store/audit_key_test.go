package store_test

import (
	"path/filepath"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// unlocked returns a store whose audit keys are sealed for real, as the vault has
// it after each start.
func unlocked(t *testing.T, engine kv.Store, kek string) *store.Store {
	t.Helper()
	s := store.New(engine, func() {})
	keys, err := seal.Unlock(t.Context(), kek, s)
	if err != nil {
		t.Fatal(err)
	}
	s.Prove(chain.New(keys, s))
	return s
}

func TestTheTrailGoesOnAfterARestartUnderTheSameSealedKey(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		kek := filepath.Join(t.TempDir(), "kek.json")
		first := unlocked(t, engine, kek)
		note(t, first, "crm", "before", noon)
		kept := wantIntact(t, first, 1)
		sealed := get(t, engine, "m/default")
		again := unlocked(t, engine, kek)
		note(t, again, "crm", "after", noon)
		wantIntact(t, again, 2)
		if got := verify(t, again, kept); got.Broken != 0 {
			t.Errorf("got %+v", got)
		}
		if string(get(t, engine, "m/default")) != string(sealed) {
			t.Error("the key was made again")
		}
	})
}

func TestAnAuditKeyThatDoesNotOpenStopsTheTrailOfItsEnvironmentOnly(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		kek := filepath.Join(t.TempDir(), "kek.json")
		elsewhere := record(core.ActionResolved, "crm", noon)
		elsewhere.Connection.Environment = "staging"
		s := unlocked(t, engine, kek)
		note(t, s, "crm", "before", noon)
		if err := s.Record(t.Context(), *elsewhere); err != nil {
			t.Fatal(err)
		}
		// The key of another environment is as good as none.
		other := get(t, engine, "m/staging")
		update(t, engine, func(tx kv.Tx) error { return tx.Put([]byte("m/default"), other) })
		s = unlocked(t, engine, kek)
		if err := s.Record(t.Context(), full()); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
			t.Errorf("got %v", err)
		}
		if _, err := s.VerifyAudit(t.Context(), "default", core.AuditAnchor{}); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
			t.Errorf("verify: %v", err)
		}
		if err := s.Record(t.Context(), *elsewhere); err != nil {
			t.Errorf("elsewhere: %v", err)
		}
		if n := len(trail(t, s, core.AuditQuery{})); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

func TestRecordsOfOneEnvironmentProveNothingInAnother(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		kek := filepath.Join(t.TempDir(), "kek.json")
		s := unlocked(t, engine, kek)
		for _, environment := range []string{"default", "staging"} {
			r := record(core.ActionResolved, "crm", noon)
			r.Connection.Environment = environment
			if err := s.Record(t.Context(), *r); err != nil {
				t.Fatal(err)
			}
		}
		moved := get(t, engine, string(at("a/staging/", 1)))
		update(t, engine, func(tx kv.Tx) error { return tx.Put(at("a/default/", 1), moved) })
		if got := mustVerify(t, s); got.Broken != 1 {
			t.Errorf("got %+v", got)
		}
		// With its state it is a whole trail, but not under this key.
		state := get(t, engine, "h/staging")
		update(t, engine, func(tx kv.Tx) error { return tx.Put([]byte("h/default"), state) })
		if got := mustVerify(t, s); got.Broken != 1 {
			t.Errorf("with the state: %+v", got)
		}
	})
}
