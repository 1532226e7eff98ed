package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// engines are the key-value stores that the suite runs on.
func engines() map[string]func(t testing.TB) kv.Store {
	return map[string]func(t testing.TB) kv.Store{
		"memkv": func(testing.TB) kv.Store { return memkv.New() },
		"boltkv": func(t testing.TB) kv.Store {
			s, err := boltkv.Open(filepath.Join(t.TempDir(), "vault.db"), boltkv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
}

// onEveryEngine runs a test on a fresh store of every engine.
func onEveryEngine(t *testing.T, test func(t *testing.T, engine kv.Store)) {
	t.Helper()
	for name, open := range engines() {
		t.Run(name, func(t *testing.T) {
			engine := open(t)
			t.Cleanup(func() {
				if err := engine.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, engine)
		})
	}
}

func open(engine kv.Store) *store.Store { return announcing(engine, func() {}) }

// announcing returns a store that calls announced.
func announcing(engine kv.Store, announced func()) *store.Store {
	s := store.New(engine, announced)
	s.Prove(sameKeys{})
	return s
}

// sameKeys proves with the same key in every run, so that what is stored can be
// compared.
type sameKeys struct{}

func (sameKeys) Key(_ context.Context, environment string) (*chain.Key, error) {
	return chain.NewKey(secret.FromString("key of the trail of " + environment)), nil
}

func (k sameKeys) Existing(ctx context.Context, environment string) (*chain.Key, error) {
	return k.Key(ctx, environment)
}

func name(id string) resource.Connection { return resource.Connection{Environment: "default", ID: id} }

// connection returns one of ann's to the connector crm, with every field set.
func connection(id string) core.Connection {
	return core.Connection{
		Name: name(id), UID: "uid-of-" + id, Change: 1, Edits: 1,
		Connector:      resource.Connector{Environment: "default", ID: "crm"},
		PinnedRevision: "environments/default/connectors/crm/revisions/0a1b", ParameterSet: "basic",
		Parameters: map[string]string{"user": "ann", "ключ": "значение"}, SecretNames: []string{"password", "token"},
		DisplayName: "Ann's CRM", ServerURL: "https://crm.example.com",
		Origins: []core.Origin{{Scheme: "https", Host: "crm.example.com:443"}, {Scheme: "http", Host: "[::1]:8080"}}, Owner: "ann",
		Kind: "authorizationCode", Client: "uid-of-a-client",
		State: core.StateError, StateReason: "the API said no", StateTime: noon.Add(time.Nanosecond),
		TestTime: noon.Add(time.Second), CreateTime: noon, UpdateTime: noon.Add(time.Minute),
	}
}

// belonging returns a connection of an owner to a connector.
func belonging(id, owner, connector string) core.Connection {
	c := connection(id)
	c.Owner, c.Connector.ID = owner, connector
	return c
}

func secrets() []core.Sealed {
	return []core.Sealed{
		{Parameter: "password", Version: "1", Blob: []byte("\x01sealed password")},
		{Parameter: "token", Version: "1", Blob: []byte("\x01sealed token")},
	}
}

func record(action core.AuditAction, id string, at time.Time) *core.AuditRecord {
	return &core.AuditRecord{
		Time: at, Action: action, Connection: name(id), Principal: "ann", Service: "gateway",
		OperationID: "List Items", SecretNames: []string{"password", "token"},
	}
}

func insert(t testing.TB, s *store.Store, conns ...core.Connection) {
	t.Helper()
	for _, c := range conns {
		if err := s.Insert(t.Context(), core.Write{Connection: c, Secrets: secrets()}); err != nil {
			t.Fatal(err)
		}
	}
}

// announced publishes what is in the outbox and returns it, as "subject id".
func announced(t testing.TB, engine kv.Store) []string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &publisher{}
	relay := outbox.NewRelay(engine, p, testkit.Logger(t), clock.System())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	testkit.Await(t, "the outbox to be empty", func() bool { return waiting(t, engine) == 0 })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return p.seen
}

// waiting counts the messages in the outbox.
func waiting(t testing.TB, engine kv.Store) (n int) {
	t.Helper()
	err := engine.View(t.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan([]byte(outbox.Prefix+"message/"), nil, kv.MaxScan)
		n = len(pairs)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// publisher notes what it is given. It is used by one goroutine at a time.
type publisher struct{ seen []string }

func (p *publisher) Publish(_ context.Context, m outbox.Message) error {
	if len(m.Data) > 0 || len(m.Header) > 0 {
		return fmt.Errorf("an announcement carries %q and %v", m.Data, m.Header)
	}
	p.seen = append(p.seen, m.Subject+" "+m.ID)
	return nil
}

// dump returns every key and value of an engine but the outbox's.
func dump(t testing.TB, engine kv.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := engine.View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, 100) {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(p.Key), outbox.Prefix) {
				all[fmt.Sprintf("%q", p.Key)] = string(p.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
