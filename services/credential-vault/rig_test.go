package vault_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
)

// rig is a vault as it runs, on a file and on a bus, behind real gRPC in memory.
// Only the registry is a double.
type rig struct {
	t        *testing.T
	dir      string
	bus      *bus.Bus
	log      *lines
	spans    *tracetest.InMemoryExporter
	metrics  *sdkmetric.ManualReader // of the last start
	registry *registry
	key      *authn.Key
	memory   *memnet.Listener
	service  *vault.Service
	health   *health.Registry
	stop     func()
}

// newRig starts a vault in a fresh directory.
func newRig(t *testing.T) *rig {
	t.Helper()
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, dir: t.TempDir(), bus: testkit.NewNATS(t), log: &lines{}, spans: tracetest.NewInMemoryExporter(),
		registry: &registry{definition: crm()}, key: key,
	}
	r.start()
	return r
}

func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

// start runs the vault until stop is called or the test ends.
func (r *rig) start() {
	r.t.Helper()
	kv, err := boltkv.Open(r.file("vault.db"), boltkv.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	logger := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tracer := trace.NewTracerProvider(trace.WithSyncer(r.spans))
	r.metrics = sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.metrics))
	shared := grpcx.ServerConfig{Log: logger, Clock: clock.System(), Verifier: authn.NewVerifier(clock.System(), r.key.Public()), Tracer: tracer, Meter: meter}
	registryNet := r.serve("registry", shared, func(s *grpc.Server) { registryv1.RegisterRegistryServiceServer(s, r.registry) })
	r.health = health.New(logger)
	r.service, err = vault.New(service.Env{
		Name: service.Vault, Log: logger, Clock: clock.System(), Store: kv, Bus: r.bus, Health: r.health, DataDir: r.dir, Tracer: tracer, Meter: meter, Guard: guard(r.t),
		Client: func(string) grpc.ClientConnInterface { return r.dial(registryNet.listener, service.Vault) },
	}, config())
	if err != nil {
		r.t.Fatal(err)
	}
	own := shared
	own.Rules, own.Refused = r.service.Rules(), service.Refusals(r.service)
	server := r.serve(service.Vault, own, func(s *grpc.Server) { r.service.Register(s) })
	r.memory = server.listener

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.service.Run(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			server.stop()
			registryNet.stop()
			cancel()
			if err := <-done; err != nil {
				r.t.Errorf("run: %v", err)
			}
			if err := kv.Close(); err != nil {
				r.t.Error(err)
			}
		})
	}
	r.t.Cleanup(r.stop)
}

func config() vault.Config {
	return vault.Config{Lease: time.Minute, AllowServerHosts: []string{"*.sandbox.example"}, PublicURL: "https://ferrule.example"}
}

// guard lets providers be on this machine.
func guard(t *testing.T) *egress.Guard {
	t.Helper()
	g, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type served struct {
	listener *memnet.Listener
	stop     func()
}

// serve runs a gRPC server in memory.
func (r *rig) serve(name string, cfg grpcx.ServerConfig, register func(*grpc.Server)) served {
	r.t.Helper()
	l := memnet.Listen(name)
	server := grpcx.NewServer(cfg)
	register(server)
	if err := grpcx.CheckRules(server, cfg.Rules); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- grpcx.Serve(ctx, server, clock.System(), l) }()
	return served{l, func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("serve %s: %v", name, err)
		}
	}}
}

// dial returns a connection of the named service; "" is a process without one.
func (r *rig) dial(l *memnet.Listener, as string) *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpcx.NewClient(grpcx.ClientConfig{
		Target: "passthrough:///vault", Creds: memnet.ClientCredentials(), Dialer: l.Dialer(as),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// as returns the vault as the named service sees it.
func (r *rig) as(service string) vaultv1.VaultServiceClient {
	return vaultv1.NewVaultServiceClient(r.dial(r.memory, service))
}

// user returns a context whose calls carry the token of a user.
func (r *rig) user(name string, roles ...authn.Role) context.Context {
	r.t.Helper()
	if len(roles) == 0 {
		roles = []authn.Role{authn.RoleUser}
	}
	token, err := authn.NewIssuer(r.key, clock.System()).Issue(authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return grpcx.WithCallerToken(r.t.Context(), token)
}

// trail returns the audit trail, newest first.
func (r *rig) trail() []*vaultv1.AuditRecord {
	r.t.Helper()
	resp, err := r.as("gateway").ListAuditRecords(r.user("root", authn.RoleAdmin), &vaultv1.ListAuditRecordsRequest{Parent: "environments/default"})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.GetAuditRecords()
}

// read returns a file of the vault.
func (r *rig) read(name string) []byte {
	r.t.Helper()
	data, err := os.ReadFile(r.file(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// registry is the double: every connector but "gone" has one definition.
type registry struct {
	registryv1.UnimplementedRegistryServiceServer

	mu         sync.Mutex
	definition *connectorv1.Definition
	caller     authn.Principal
}

func (r *registry) GetRevision(ctx context.Context, req *registryv1.GetRevisionRequest) (*registryv1.Revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caller, _ = authn.FromContext(ctx)
	if req.GetName() == "environments/default/connectors/gone/revisions/published" {
		return nil, fault.NotFound(fault.ReasonConnectorNotFound, "connector %q does not exist", "gone")
	}
	return &registryv1.Revision{Name: req.GetName(), Definition: r.definition}, nil
}

// GetConnector says that every connector is shared with the makers of the tests.
func (r *registry) GetConnector(_ context.Context, req *registryv1.GetConnectorRequest) (*registryv1.Connector, error) {
	return &registryv1.Connector{Name: req.GetName(), Owner: "olaf", Editors: []string{"mia"}}, nil
}

// GetEnvironment knows "default" and "staging".
func (r *registry) GetEnvironment(_ context.Context, req *registryv1.GetEnvironmentRequest) (*registryv1.Environment, error) {
	if req.GetName() == "environments/default" || req.GetName() == "environments/staging" {
		return &registryv1.Environment{Name: req.GetName()}, nil
	}
	return nil, fault.NotFound(fault.ReasonEnvironmentNotFound, "%q does not exist", req.GetName())
}

func (r *registry) publish(def *connectorv1.Definition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.definition = def
}

// askedAs returns on whose behalf the last question was asked.
func (r *registry) askedAs() authn.Principal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.caller
}

// crm is a connector that asks for an API key and a tenant.
func crm() *connectorv1.Definition {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example"}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "key",
			Parameters: []*connectorv1.ConnectionParameter{
				{Name: "api_key", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET, Required: true},
				{Name: "tenant", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING, DefaultValue: "main"},
			},
		}},
	}
}

// lines is a log that can be read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.buf.Bytes())
}

func (l *lines) String() string { return string(l.bytes()) }
