package vault_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

func TestEachBenchmarkRuns(t *testing.T) { testkit.Benchmarks(t) }

// BenchmarkResolve lends one secret, decrypted and recorded, with everything
// real but the registry and the network. In memory it is the work of the vault;
// on a file it is mostly the wait for the disk, which callers at the same moment
// share.
func BenchmarkResolve(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchResolve(b, memkv.New()) })
	b.Run("file", func(b *testing.B) {
		engine, err := boltkv.Open(filepath.Join(b.TempDir(), "vault.db"), boltkv.Options{})
		if err != nil {
			b.Fatal(err)
		}
		benchResolve(b, engine)
	})
}

func benchResolve(b *testing.B, engine kv.Store) {
	b.Helper()
	defer func() { _ = engine.Close() }()
	v := benchVault(b, engine)
	owner := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "ann", Roles: []authn.Role{authn.RoleUser}}, Service: "runtime-proxy"}
	_, err := v.Create(b.Context(), owner, core.Draft{
		Environment: "default", ID: "crm-1", Connector: resource.Connector{Environment: "default", ID: "crm"},
		Secrets: map[string]secret.Text{"api_key": secret.FromString("s3cret")},
	})
	if err != nil {
		b.Fatal(err)
	}
	request := core.Request{Name: resource.Connection{Environment: "default", ID: "crm-1"}}
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lent, err := v.Resolve(b.Context(), owner, request)
			if err != nil {
				b.Error(err)
				return
			}
			lent.Clear()
		}
	})
}

func benchVault(b *testing.B, engine kv.Store) *core.Vault {
	b.Helper()
	records := store.New(engine, func() {})
	keys, err := seal.Unlock(b.Context(), filepath.Join(b.TempDir(), "kek.json"), records)
	if err != nil {
		b.Fatal(err)
	}
	records.Prove(chain.New(keys, records))
	cache, err := connectors.New(fixed{crm()}, clock.System())
	if err != nil {
		b.Fatal(err)
	}
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy"}, core.Ports{
		Store: records, Sealer: keys, Connectors: cache, Environments: connectors.NewEnvironments(nil, clock.System()),
		Clock: clock.System(), NewID: func() string { return "0123456789abcdef" },
	})
}

// fixed is a registry with one definition.
type fixed struct{ definition *connectorv1.Definition }

func (f fixed) GetRevision(context.Context, *registryv1.GetRevisionRequest, ...grpc.CallOption) (*registryv1.Revision, error) {
	return &registryv1.Revision{Definition: f.definition}, nil
}
