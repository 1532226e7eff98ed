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
	// busy is how many connections the rate is measured with. They are anywhere in
	// the vault, and used so often that their keys are known, which is what the goal is
	// about; single questions are about all connections.
	busy = 2000
	// questions is how often one question is asked at a time, at most once for each
	// connection of the smallest vault.
	questions = 2000
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
	db    *boltkv.Store
}

// measure makes vaults with so many connections, one after the other, and asks all
// of them. The memory of a vault is that of the process, with all that came before.
func measure(ctx context.Context, connections []int, duration time.Duration) (sizes []Size, err error) {
	dir, err := os.MkdirTemp("", "vaultbench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var benches []*bench
	defer func() {
		for _, b := range benches {
			err = errors.Join(err, b.db.Close())
		}
	}()
	for i, n := range connections {
		b, err := newBench(ctx, filepath.Join(dir, strconv.Itoa(i)), n)
		if err != nil {
			return nil, err
		}
		benches = append(benches, b)
		size, err := b.fill(ctx, duration)
		if err != nil {
			return nil, fmt.Errorf("measure %d connections: %w", n, err)
		}
		sizes = append(sizes, size)
	}
	return sizes, ask(ctx, benches, sizes)
}

// newBench opens an empty vault, whose files begin with a path.
func newBench(ctx context.Context, path string, connections int) (b *bench, err error) {
	b = &bench{clock: clock.System(), path: path + ".db", size: connections}
	if b.db, err = boltkv.Open(b.path, boltkv.Options{}); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.db.Close())
		}
	}()
	records := store.New(b.db, func() {})
	keys, err := seal.Unlock(ctx, path+".kek", records)
	if err != nil {
		return nil, err
	}
	records.Prove(chain.New(keys, records))
	b.owner = core.Caller{Service: runtimeService, Principal: authn.Principal{
		Kind: authn.KindUser, Name: "bench", Roles: []authn.Role{authn.RoleUser},
	}}
	b.vault, err = newVault(records, keys, b.clock)
	return b, err
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

// fill makes the connections, and resolves some of them as fast as one core can.
func (b *bench) fill(ctx context.Context, duration time.Duration) (Size, error) {
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
	if size.Resolved, err = b.rate(ctx, duration); err != nil {
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

// ask puts single questions to all vaults.
func ask(ctx context.Context, benches []*bench, sizes []Size) error {
	got, err := inTurn(benches, func(b *bench, n int) error {
		_, err := b.vault.Get(ctx, b.owner, b.name(n))
		return err
	})
	if err != nil {
		return err
	}
	resolved, err := inTurn(benches, func(b *bench, n int) error { return b.resolve(ctx, n) })
	if err != nil {
		return err
	}
	for i := range sizes {
		sizes[i].Get, sizes[i].GetP99 = percentiles(got[i])
		sizes[i].Resolve, sizes[i].ResolveP99 = percentiles(resolved[i])
	}
	return nil
}

// inTurn asks one vault after the other, each time about any of its connections, so
// that whatever else the machine and its disk do slows down all of them. It returns
// how long the answers took, for each vault.
func inTurn(benches []*bench, question func(b *bench, n int) error) ([][]time.Duration, error) {
	took := make([][]time.Duration, len(benches))
	for range min(questions, benches[0].size) {
		for i, b := range benches {
			n := rand.IntN(b.size) // #nosec G404 -- which one does not matter
			begin := b.clock.Now()
			if err := question(b, n); err != nil {
				return nil, err
			}
			took[i] = append(took[i], b.clock.Now().Sub(begin))
		}
	}
	return took, nil
}

// percentiles returns the median and the 99th percentile.
func percentiles(took []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}

// rate resolves on one core, by many callers at once.
func (b *bench) rate(ctx context.Context, duration time.Duration) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	used := make([]int, busy)
	for i := range used {
		used[i] = rand.IntN(b.size) // #nosec G404 -- which one does not matter
	}
	begin := b.clock.Now()
	until := begin.Add(duration)
	var done atomic.Int64
	err := together(callers, callers, func(int) error {
		for b.clock.Now().Before(until) {
			if err := b.resolve(ctx, used[rand.IntN(busy)]); err != nil { // #nosec G404 -- which one does not matter
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
