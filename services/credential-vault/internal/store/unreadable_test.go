package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// spoil changes a text in a record, or the record if it has none of it.
func spoil(t *testing.T, engine kv.Store, key, old, with string) {
	t.Helper()
	update(t, engine, func(tx kv.Tx) error {
		record, err := tx.Get([]byte(key))
		if err != nil {
			return err
		}
		changed := strings.Replace(string(record), old, with, 1)
		if changed == string(record) {
			t.Errorf("%s does not hold %q", key, old)
		}
		return tx.Put([]byte(key), []byte(changed))
	})
}

// wipe removes all keys with the prefixes.
func wipe(t *testing.T, engine kv.Store, prefixes ...string) {
	t.Helper()
	update(t, engine, func(tx kv.Tx) error {
		for _, prefix := range prefixes {
			for p, err := range kv.All(tx, []byte(prefix), 100) {
				if err != nil {
					return err
				}
				if err := tx.Delete(p.Key); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func TestATrailThatWasWipedIsBroken(t *testing.T) {
	for title, gone := range map[string][]string{
		"records, lists and state": {"a/default/", "b/default/", "h/default"},
		"the state alone":          {"h/default"},
		"all, and the key":         {"a/default/", "b/default/", "h/default", "m/default"},
	} {
		t.Run(title, func(t *testing.T) {
			engine, kek := memkv.New(), filepath.Join(t.TempDir(), "kek.json")
			s := unlocked(t, engine, kek)
			if err := s.Insert(t.Context(), core.Write{Connection: connection("crm"), Audit: record(core.ActionCreated, "crm", noon)}); err != nil {
				t.Fatal(err)
			}
			wipe(t, engine, gone...)
			s = unlocked(t, engine, kek)
			if got := mustVerify(t, s); got.Broken == 0 {
				t.Errorf("it is intact: %+v", got)
			}
			err := s.Record(t.Context(), full())
			if fault.ReasonOf(err) != fault.ReasonCredentialUnreadable || !strings.Contains(err.Error(), "backup") {
				t.Errorf("it goes on: %v", err)
			}
		})
	}
}

func TestATrailThatHasOnlyBegunIsIntact(t *testing.T) {
	s := unlocked(t, memkv.New(), filepath.Join(t.TempDir(), "kek.json"))
	silent := connection("crm") // has no secrets, so nothing is on record
	if err := s.Insert(t.Context(), core.Write{Connection: silent}); err != nil {
		t.Fatal(err)
	}
	if got := mustVerify(t, s); got.Broken != 0 || got.Checked != 0 {
		t.Errorf("got %+v", got)
	}
	if err := s.Record(t.Context(), full()); err != nil {
		t.Error(err)
	}
}

func TestAKeyThatIsGoneIsNotMadeAgainWhileThereAreRecords(t *testing.T) {
	engine, kek := memkv.New(), filepath.Join(t.TempDir(), "kek.json")
	if err := unlocked(t, engine, kek).Insert(t.Context(), core.Write{Connection: connection("crm")}); err != nil {
		t.Fatal(err)
	}
	wipe(t, engine, "m/default", "h/default")
	s := unlocked(t, engine, kek)
	for what, do := range map[string]func() error{
		"a connection": func() error { return s.Insert(t.Context(), core.Write{Connection: connection("erp")}) },
		"a record":     func() error { return s.Record(t.Context(), full()) },
		"reading":      func() error { _, err := s.Connection(t.Context(), name("crm")); return err },
	} {
		if err := do(); !errors.Is(err, chain.ErrKeyLost) || fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if _, err := s.AuditKey(t.Context(), "default"); !errors.Is(err, chain.ErrNoKey) {
		t.Errorf("there is a key again: %v", err)
	}
}

func TestAChangedConnectionIsListedAndRemovedAndSpoilsNothingElse(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for _, id := range []string{"a", "ba", "crm"} {
			if err := s.Insert(t.Context(), core.Write{Connection: connection(id)}); err != nil {
				t.Fatal(err)
			}
		}
		spoil(t, engine, "c/default/a", `"owner":"ann"`, `"owner":"eve"`)
		for title, q := range map[string]core.ConnectionQuery{
			"all": {}, "the owner's": {Owner: "ann"}, "the connector's": {Connector: connection("a").Connector.ID},
		} {
			q.Environment, q.Limit = "default", 10
			found, _, err := s.Connections(t.Context(), q)
			if err != nil || len(found) != 3 || !strings.Contains(found[0].StateReason, "changed the store") || found[1].StateReason != connection("ba").StateReason {
				t.Errorf("%s: got %d, %v", title, len(found), err)
			}
		}
		if found, _, err := s.Connections(t.Context(), core.ConnectionQuery{Environment: "default", Owner: "eve", Limit: 10}); err != nil || len(found) != 0 {
			t.Errorf("the new owner has %+v, %v", found, err)
		}
		remove := func(id string) error {
			return s.RemoveUnreadable(t.Context(), name(id), *record(core.ActionDeleted, id, noon))
		}
		if err := remove("ba"); !errors.Is(err, core.ErrChanged) {
			t.Errorf("one that can be read is removed without being read: %v", err)
		}
		if err := remove("a"); err != nil {
			t.Fatal(err)
		}
		for _, q := range []core.ConnectionQuery{{}, {Owner: "ann"}, {Connector: connection("a").Connector.ID}} {
			q.Environment, q.Limit = "default", 10
			if found, _, err := s.Connections(t.Context(), q); err != nil || len(found) != 2 || found[0].Name.ID != "ba" {
				t.Errorf("afterwards %+v, %v", found, err)
			}
		}
	})
}

func TestIndexesThatPointElsewhereAreNotFollowed(t *testing.T) {
	engine := memkv.New()
	s := open(engine)
	put := func(key, value string) {
		update(t, engine, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
	}
	for _, id := range []string{"crm", "evil"} {
		c := core.OAuthClient{
			Name: resource.OAuthClient{Environment: "default", ID: id}, UID: id, Edits: 1,
			Connector: resource.Connector{Environment: "default", ID: id}, ClientID: id,
		}
		if err := s.InsertClient(t.Context(), core.ClientWrite{Client: c}); err != nil {
			t.Fatal(err)
		}
	}
	var served []string
	update(t, engine, func(tx kv.Tx) error {
		for p, err := range kv.All(tx, []byte("ox/default/crm/"), 10) {
			if err != nil {
				return err
			}
			served = append(served, string(p.Key))
		}
		return nil
	})
	put(served[0], "evil")
	if _, _, err := s.ClientFor(t.Context(), resource.Connector{Environment: "default", ID: "crm"}, "oauth"); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		t.Errorf("the client of another connector serves: %v", err)
	}
	conn := connection("crm")
	if err := s.Insert(t.Context(), core.Write{Connection: conn}); err != nil {
		t.Fatal(err)
	}
	begin := func(id, hash string) {
		a := core.Authorization{
			Name: resource.Authorization{Environment: "default", Connection: "crm", ID: id}, Change: 1, ConnectionUID: conn.UID,
			Principal: "ann", State: core.AuthorizationPending, StateHash: hash, ExpireTime: noon, CreateTime: noon,
		}
		if _, err := s.InsertAuthorization(t.Context(), a, core.SignInLimits{OfConnection: 5, OfPrincipal: 5}); err != nil {
			t.Fatal(err)
		}
	}
	begin("one", "hash-1")
	begin("two", "hash-2")
	put("ns/hash-1", "environments/default/connections/crm/authorizations/two")
	if _, err := s.AuthorizationByState(t.Context(), "hash-1"); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		t.Errorf("the state finds another sign-in: %v", err)
	}
	spoil(t, engine, "n/default/crm/two", `"principal":"ann"`, `"principal":"eve"`)
	if _, err := s.AuthorizationByState(t.Context(), "hash-2"); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		t.Errorf("a sign-in of somebody else is believed: %v", err)
	}
	if _, err := s.DueAuthorizations(t.Context(), noon.Add(1<<40), 10); err != nil {
		t.Errorf("one changed sign-in keeps the others: %v", err)
	}
	if err := s.Remove(t.Context(), core.Write{Connection: conn}); err != nil {
		t.Errorf("the connection cannot be removed: %v", err)
	}
	if n := len(left(t.Context(), t, engine, "n")); n != 0 {
		t.Errorf("%d records of sign-ins are left", n)
	}
}

// left returns the keys with a prefix, those of states of sign-ins aside.
func left(ctx context.Context, t *testing.T, engine kv.Store, prefix string) (keys []string) {
	t.Helper()
	err := engine.View(ctx, func(r kv.Reader) error {
		for p, err := range kv.All(r, []byte(prefix), 100) {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(p.Key), "ns/") {
				keys = append(keys, string(p.Key))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var _ core.Store = (*store.Store)(nil)
