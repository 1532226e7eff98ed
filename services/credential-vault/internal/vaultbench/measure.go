package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

const (
	// callers is how many make or resolve connections at the same time. They share
	// what the disk takes, as the callers of a busy vault do.
	callers = 256
	// resolving is how long the rate is measured.
	resolving = 5 * time.Second
	// questions is how often one question is asked at a time.
	questions = 3000
	// runtimeService is who secrets are lent to.
	runtimeService = "runtime-proxy"
)

// bench is a vault in a directory.
type bench struct {
	vault *core.Vault
	clock clock.Clock
	path  string
	owner core.Caller
	size  int
}

// measure makes a vault with so many connections and asks it.
func measure(ctx context.Context, connections int) (size Size, err error) {
	dir, err := os.MkdirTemp("", "vaultbench-")
	if err != nil {
		return size, fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{clock: clock.System(), path: filepath.Join(dir, "vault.db"), size: connections}
	db, err := boltkv.Open(b.path, boltkv.Options{})
	if err != nil {
		return size, fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	records := store.New(db, func() {})
	keys, err := seal.Unlock(ctx, filepath.Join(dir, "kek.json"), records)
	if err != nil {
		return size, err
	}
	records.Prove(chain.New(keys, records))
	if b.vault, err = newVault(records, keys, b.clock); err != nil {
		return size, err
	}
	b.owner = core.Caller{Service: runtimeService, Principal: authn.Principal{
		Kind: authn.KindUser, Name: "bench", Roles: []authn.Role{authn.RoleUser},
	}}
	return b.run(ctx)
}

func newVault(records *store.Store, keys *seal.Keyring, clk clock.Clock) (*core.Vault, error) {
	cache, err := connectors.New(oneConnector{}, clk)
	if err != nil {
		return nil, fmt.Errorf("make the cache of connectors: %w", err)
	}
	presets, err := provider.Load()
	if err != nil {
		return nil, fmt.Errorf("load the presets: %w", err)
	}
	return core.New(core.Config{Lease: time.Minute, Runtime: runtimeService}, core.Ports{
		Store: records, Sealer: keys, Connectors: cache, Environments: connectors.NewEnvironments(everywhere{}, clk),
		Presets: presets, Clock: clk, NewID: func() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }, // #nosec G404 -- names, not secrets
	}), nil
}

// run makes all measurements.
func (b *bench) run(ctx context.Context) (Size, error) {
	size := Size{Connections: b.size}
	begin := b.clock.Now()
	if err := together(callers, b.size, func(n int) error { return b.create(ctx, n) }); err != nil {
		return size, err
	}
	size.Created = float64(b.size) / b.clock.Now().Sub(begin).Seconds()
	info, err := os.Stat(b.path)
	if err != nil {
		return size, fmt.Errorf("look at the file: %w", err)
	}
	size.File = info.Size()
	if size.Get, size.GetP99, err = b.ask(func(n int) error {
		_, err := b.vault.Get(ctx, b.owner, b.name(n))
		return err
	}); err != nil {
		return size, err
	}
	if size.Resolve, size.ResolveP99, err = b.ask(func(n int) error { return b.resolve(ctx, n) }); err != nil {
		return size, err
	}
	if size.Resolved, err = b.rate(ctx); err != nil {
		return size, err
	}
	size.Memory, err = anonymous()
	return size, err
}

func (b *bench) name(n int) resource.Connection {
	return resource.Connection{Environment: "default", ID: fmt.Sprintf("c-%07d", n)}
}

func (b *bench) create(ctx context.Context, n int) error {
	key := secret.FromString(fmt.Sprintf("key-%032d", n))
	defer key.Clear()
	_, err := b.vault.Create(ctx, b.owner, core.Draft{
		Environment: "default", ID: b.name(n).ID, Connector: resource.Connector{Environment: "default", ID: "crm"},
		DisplayName: "Connection of the bench", Secrets: map[string]secret.Text{"api_key": key},
	})
	return err
}

func (b *bench) resolve(ctx context.Context, n int) error {
	lent, err := b.vault.Resolve(ctx, b.owner, core.Request{Name: b.name(n), OperationID: "ListItems"})
	if err != nil {
		return err
	}
	lent.Clear()
	return nil
}

// ask asks one question after another, each about another connection, and returns
// the median and the 99th percentile.
func (b *bench) ask(question func(n int) error) (p50, p99 time.Duration, err error) {
	took := make([]time.Duration, 0, questions)
	for range questions {
		n := rand.IntN(b.size) // #nosec G404 -- which one does not matter
		begin := b.clock.Now()
		if err := question(n); err != nil {
			return 0, 0, err
		}
		took = append(took, b.clock.Now().Sub(begin))
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], nil
}

// rate resolves on one core, by many callers at once.
func (b *bench) rate(ctx context.Context) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begin := b.clock.Now()
	until := begin.Add(resolving)
	var done atomic.Int64
	err := together(callers, callers, func(int) error {
		for b.clock.Now().Before(until) {
			if err := b.resolve(ctx, rand.IntN(b.size)); err != nil { // #nosec G404 -- which one does not matter
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / b.clock.Now().Sub(begin).Seconds(), err
}

// together does n things by so many workers at once.
func together(workers, n int, work func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make(chan error, workers)
	for range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := work(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

// anonymous returns the resident memory of this process without the pages of files,
// which the system keeps as long as it has nothing better to do with them.
func anonymous() (int64, error) {
	runtime.GC()
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read the memory of this process: %w", err)
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the system does not say how much memory this process needs")
}

// oneConnector is a registry with one connector, which wants an API key.
type oneConnector struct{}

func (oneConnector) GetRevision(context.Context, *registryv1.GetRevisionRequest, ...grpc.CallOption) (*registryv1.Revision, error) {
	return &registryv1.Revision{Definition: &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example"}},
		ParameterSets: []*connectorv1.ParameterSet{{Name: "key", Parameters: []*connectorv1.ConnectionParameter{
			{Name: "api_key", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET, Required: true},
		}}},
	}}, nil
}

// everywhere is a registry with every environment.
type everywhere struct{}

func (everywhere) GetEnvironment(_ context.Context, req *registryv1.GetEnvironmentRequest, _ ...grpc.CallOption) (*registryv1.Environment, error) {
	return &registryv1.Environment{Name: req.GetName()}, nil
}
