package registry_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// rig is a registry that serves real gRPC in memory, with a real bus.
type rig struct {
	registryv1.RegistryServiceClient

	t      *testing.T
	env    service.Env
	issuer *authn.Issuer
	conn   *grpc.ClientConn
	// runtime compiles custom code.
	runtime *runtime
}

// newRig serves a registry on a store until the test ends. The loopback may be
// fetched from.
func newRig(t *testing.T, store kv.Store) *rig {
	t.Helper()
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	log := testkit.Logger(t)
	r := &rig{t: t, issuer: authn.NewIssuer(key, clock.System()), env: service.Env{
		Name: service.Registry, Log: log, Clock: clock.System(), Store: store, Bus: testkit.NewNATS(t),
		Verifier: authn.NewVerifier(clock.System(), key.Public()), Guard: guard, Health: health.New(log),
	}}
	r.runtime = newRuntime(t)
	r.env.Client = r.runtime.client
	svc, err := registry.New(r.env, defaults(t))
	if err != nil {
		t.Fatal(err)
	}
	r.serve(svc)
	return r
}

// defaults is the configuration without any flags.
func defaults(t *testing.T) registry.Config {
	t.Helper()
	var cfg registry.Config
	cfg.Flags(pflag.NewFlagSet("registry", pflag.ContinueOnError))
	return cfg
}

func (r *rig) serve(svc *registry.Service) {
	r.t.Helper()
	server := grpcx.NewServer(grpcx.ServerConfig{Log: r.env.Log, Clock: r.env.Clock, Verifier: r.env.Verifier, Rules: svc.Rules()})
	svc.Register(server)
	if err := grpcx.CheckRules(server, svc.Rules()); err != nil {
		r.t.Fatal(err)
	}
	memory := memnet.Listen(service.Registry)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 2)
	go func() { stopped <- svc.Run(ctx) }()
	go func() { stopped <- grpcx.Serve(ctx, server, r.env.Clock, memory) }()
	conn, err := grpcx.NewClient(grpcx.ClientConfig{
		Target: "passthrough:///registry", Creds: memnet.ClientCredentials(), Dialer: memory.Dialer(service.Gateway), Delegation: grpcx.ForwardOnly,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.conn, r.RegistryServiceClient = conn, registryv1.NewRegistryServiceClient(conn)
	r.t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		for range cap(stopped) {
			if err := <-stopped; err != nil {
				r.t.Errorf("stop: %v", err)
			}
		}
	})
}

// as returns a context whose calls carry a token of ann with these roles.
func (r *rig) as(roles ...authn.Role) context.Context { return r.who("ann", roles...) }

// who is the same for another user.
func (r *rig) who(name string, roles ...authn.Role) context.Context {
	r.t.Helper()
	token, err := r.issuer.Issue(authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return grpcx.WithCallerToken(r.t.Context(), token)
}

func (r *rig) maker() context.Context { return r.as(authn.RoleMaker) }

// importFiles imports a source as a maker.
func (r *rig) importFiles(id string, files ...*registryv1.SourceFile) *registryv1.ImportConnectorResponse {
	r.t.Helper()
	resp, err := r.ImportConnector(r.maker(), &registryv1.ImportConnectorRequest{
		Parent: parent, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{Files: files}},
	})
	if err != nil {
		r.t.Fatalf("import %q: %v", id, err)
	}
	return resp
}

const parent = "environments/default"

func file(path, content string) *registryv1.SourceFile {
	return &registryv1.SourceFile{Path: path, Content: []byte(content)}
}

func memory(t *testing.T) kv.Store {
	t.Helper()
	store := memkv.New()
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func onDisk(t *testing.T, dir string) kv.Store {
	t.Helper()
	store, err := boltkv.Open(filepath.Join(dir, "registry.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// changes returns the announcements of the bus from now on.
func (r *rig) changes() <-chan bus.Change {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	seen := make(chan bus.Change, 100)
	watching := make(chan struct{}, 100)
	done := make(chan error, 1)
	go func() {
		done <- r.env.Bus.WatchChanges(ctx, bus.ChangeConnector, func(c bus.Change) { seen <- c }, func() { watching <- struct{}{} })
	}()
	testkit.Receive(r.t, "the watch to begin", watching)
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("watch: %v", err)
		}
	})
	return seen
}
