package store

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// testKeys prove with a key for each environment.
type testKeys struct{}

func (testKeys) Key(_ context.Context, environment string) (*chain.Key, error) {
	return chain.NewKey(secret.FromString("key of " + environment)), nil
}

func (k testKeys) Existing(ctx context.Context, environment string) (*chain.Key, error) {
	return k.Key(ctx, environment)
}

// TestAStoreOfProvedRecordsIsAStore: whoever uses it notices nothing.
func TestAStoreOfProvedRecordsIsAStore(t *testing.T) {
	open := func(tb testing.TB) kv.Store {
		return newProved(memkv.New(), func() Prover { return testKeys{} })
	}
	kvtest.Run(t, open)
	kvtest.Differential(t, open)
}

func TestWhoChangesTheFileChangesNobodysConnection(t *testing.T) {
	crm := resource.Connection{Environment: "default", ID: "crm"}
	replace := func(old, with string) func([]byte) []byte {
		return func(record []byte) []byte {
			changed := strings.Replace(string(record), old, with, 1)
			if changed == string(record) {
				t.Errorf("the record does not hold %q", old)
			}
			return []byte(changed)
		}
	}
	for title, c := range map[string]struct {
		key    string
		change func([]byte) []byte
	}{
		"another owner":              {"c/default/crm", replace(`"owner":"ann"`, `"owner":"eve"`)},
		"another connector":          {"c/default/crm", replace("connectors/crm", "connectors/evl")},
		"another place for a token":  {"g/default/crm", replace("login.example", "login.evil000")},
		"no proof":                   {"c/default/crm", func(r []byte) []byte { return r[:len(r)-proofSize] }},
		"nothing":                    {"c/default/crm", func([]byte) []byte { return nil }},
		"a bit of the proof":         {"c/default/crm", func(r []byte) []byte { r[len(r)-1] ^= 1; return r }},
		"the record of another name": {"c/default/erp", func(r []byte) []byte { return r }},
		"another environment's":      {"c/staging/crm", func(r []byte) []byte { return r }},
	} {
		t.Run(title, func(t *testing.T) {
			engine := memkv.New()
			s := New(engine, func() {})
			s.Prove(testKeys{})
			conn := memoConnection("crm")
			if err := s.Insert(t.Context(), core.Write{Connection: conn}); err != nil {
				t.Fatal(err)
			}
			if err := s.WriteGrant(t.Context(), core.GrantWrite{Of: conn, Grant: core.Grant{UID: conn.UID, Change: 1, TokenOrigins: []string{"https://login.example:443"}}}); err != nil {
				t.Fatal(err)
			}
			from := "c/default/crm"
			if strings.HasPrefix(c.key, "g/") {
				from = c.key
			}
			err := engine.Update(t.Context(), func(tx kv.Tx) error {
				record, err := tx.Get([]byte(from))
				if err != nil {
					return err
				}
				return tx.Put([]byte(c.key), c.change(record))
			})
			if err != nil {
				t.Fatal(err)
			}
			name := crm
			switch c.key {
			case "c/default/erp":
				name.ID = "erp"
			case "c/staging/crm":
				name.Environment = "staging"
			}
			if _, err := s.Held(t.Context(), name); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
				t.Errorf("reading it gives %v", err)
			}
			found, _, err := s.Connections(t.Context(), core.ConnectionQuery{Environment: name.Environment, Limit: 10})
			at := slices.IndexFunc(found, func(c core.Connection) bool { return c.Name == name })
			if err != nil || at < 0 || found[at].State != core.StateError || !strings.Contains(found[at].StateReason, "changed the store") {
				t.Errorf("listing gives %+v, %v", found, err)
			}
		})
	}
}

func TestAnotherProcessReadsWhatWasProved(t *testing.T) {
	engine := memkv.New()
	for i := range 2 {
		s := New(engine, func() {})
		s.Prove(testKeys{})
		conn := memoConnection("crm")
		if i == 0 {
			if err := s.Insert(t.Context(), core.Write{Connection: conn}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Connection(t.Context(), conn.Name); err != nil || got.Owner != "ann" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if _, err := New(engine, func() {}).Connection(t.Context(), memoConnection("crm").Name); err == nil {
		t.Error("without a prover the record is believed")
	}
}
