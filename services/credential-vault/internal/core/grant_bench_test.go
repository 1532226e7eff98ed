package core_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

func TestEachBenchmarkRuns(t *testing.T) { testkit.Benchmarks(t) }

// BenchmarkResolve lends a key and a token, with real encryption, a durable record
// of each loan, and many callers at once, who share the wait for the disk.
func BenchmarkResolve(b *testing.B) {
	for title, open := range map[string]func(b *testing.B) kv.Store{
		"memory": func(*testing.B) kv.Store { return memkv.New() },
		"file": func(b *testing.B) kv.Store {
			b.Helper()
			engine, err := boltkv.Open(filepath.Join(b.TempDir(), "vault.db"), boltkv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			return engine
		},
	} {
		b.Run(title, func(b *testing.B) {
			b.Run("key", func(b *testing.B) { benchResolve(b, open(b), "key") })
			b.Run("token", func(b *testing.B) { benchResolve(b, open(b), "token") })
		})
	}
}

func benchResolve(b *testing.B, engine kv.Store, what string) {
	b.Helper()
	defer func() { _ = engine.Close() }()
	v, records, rig := benchVault(b, engine)
	conn := core.Connection{
		Name: name("crm-1"), UID: "00000000000000aa", Change: 1, Edits: 1, Connector: resource.Connector{Environment: "default", ID: "crm"},
		ParameterSet: "oauth", Owner: "ann", State: core.StateConnected,
		Origins: []core.Origin{{Scheme: "https", Host: "api.crm.example:443"}},
	}
	if what == "key" {
		rig.def = crm()
		_, err := v.Create(b.Context(), ann(), draft())
		if err != nil {
			b.Fatal(err)
		}
	} else {
		insertForBench(b, v, records, conn)
	}
	caller := through("runtime-proxy", ann())
	b.ReportAllocs()
	b.SetParallelism(256)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lent, err := v.Resolve(b.Context(), caller, core.Request{Name: name("crm-1"), OperationID: "ListItems"})
			if err != nil {
				b.Error(err)
				return
			}
			lent.Clear()
		}
	})
}

// benchVault returns a vault with real encryption, and the store that it uses.
func benchVault(b *testing.B, engine kv.Store) (*core.Vault, *store.Store, *grantRig) {
	b.Helper()
	records := store.New(engine, func() {})
	kek, err := seal.CreateFile(filepath.Join(b.TempDir(), "kek.json"))
	if err != nil {
		b.Fatal(err)
	}
	keys := seal.New(kek, records)
	records.Prove(chain.New(keys, records))
	rig := &grantRig{def: signInDefinition()}
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy"}, core.Ports{
		Store: records, Sealer: keys, Connectors: rig, Environments: onlyEnvironment{}, Clock: clock.System(),
		Tokens: benchTokens{}, Presets: grantPresets{func(provider.Given) *oauth.Profile { return benchProfile() }},
		NewID: func() string { return "0123456789abcdef0123456789abcdef" },
	}), records, rig
}

// benchTokens is a provider whose endpoints are known; it is asked for nothing else.
type benchTokens struct{ core.Tokens }

func (benchTokens) Discover(_ context.Context, p *oauth.Profile) (*oauth.Profile, error) {
	return p, nil
}

func benchProfile() *oauth.Profile {
	return &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Token: "https://login.crm.example/token"}}
}

func insertForBench(b *testing.B, v *core.Vault, records *store.Store, conn core.Connection) {
	b.Helper()
	var err error
	if conn.Key, err = v.NewKey(b.Context(), conn.Name); err != nil {
		b.Fatal(err)
	}
	if err := records.Insert(b.Context(), core.Write{Connection: conn}); err != nil {
		b.Fatal(err)
	}
	token := oauth.Token{
		Access: secret.FromString("0123456789abcdef0123456789abcdef"), Refresh: secret.FromString("0123456789abcdef"),
		ExpireTime: time.Now().Add(10 * time.Hour),
	}
	if _, err := v.AcceptGrant(b.Context(), ann(), conn, benchProfile(), token); err != nil {
		b.Fatal(err)
	}
}
