package runtimeproxy_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/pflag"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

// canary is the secret of every connection here. It must not appear anywhere but
// in what the API receives.
const canary = "canary-7f3a+/= 9c1e"

// loopback is what the guard lets through here unless a test says otherwise.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

const (
	connection = "environments/default/connections/crm"
	connector  = "environments/default/connectors/crm"
	revisionID = "0123456789abcdef0123456789abcdef"
)

// vault is a credential vault that lends one connection to ada, to admins and to
// services.
type vault struct {
	vaultv1.UnimplementedVaultServiceServer

	mu         sync.Mutex
	credential *vaultv1.Credential
	resolved   atomic.Int64
	reports    []*vaultv1.ReportConnectionTestRequest
	answers    []string // what was reported of answers
	failure    error    // of every question, unless it is nil
	subjects   []string
	rejections []*vaultv1.RejectCredentialRequest
	renew      func(*vaultv1.Credential) error // answers rejections
	used       []string                        // what was reported
	also       map[string]bool                 // other connections that it lends, with the same credential
	deleted    map[string]bool                 // connections that are gone
}

func (v *vault) ReportUses(_ context.Context, req *vaultv1.ReportUsesRequest) (*vaultv1.ReportUsesResponse, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, u := range req.GetUses() {
		v.used = append(v.used, fmt.Sprintf("%s %s %q %s %d", u.GetConnection(), u.GetPrincipal(), u.GetOperationId(), u.GetHost(), u.GetCount()))
	}
	return &vaultv1.ReportUsesResponse{}, nil
}

// reported returns the uses that the vault knows of, sorted.
func (v *vault) reported() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(slices.Values(v.used))
}

// RejectCredential renews the token as the test says.
func (v *vault) RejectCredential(_ context.Context, req *vaultv1.RejectCredentialRequest) (*vaultv1.Credential, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rejections = append(v.rejections, proto.CloneOf(req))
	if v.renew == nil {
		return nil, fault.Precondition(fault.ReasonConnectionNotReady, "the connection has to be signed in again")
	}
	if req.GetTokenVersion() == v.credential.GetTokenVersion() { // once for all who report the same
		if err := v.renew(v.credential); err != nil {
			return nil, err
		}
	}
	return proto.CloneOf(v.credential), nil
}

// rejected returns how often tokens were rejected.
func (v *vault) rejected() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.rejections)
}

func (v *vault) ResolveCredential(ctx context.Context, req *vaultv1.ResolveCredentialRequest) (*vaultv1.Credential, error) {
	v.resolved.Add(1)
	p, _ := authn.FromContext(ctx)
	peer, _ := authn.PeerService(ctx)
	if !strings.HasPrefix(req.GetName(), "environments/default/") {
		return nil, fault.NotFound(fault.ReasonEnvironmentNotFound, "there is no environment for %q", req.GetName())
	}
	mine := p.Kind == authn.KindService || p.Name == "ada" || p.Is(authn.RoleAdmin)
	v.mu.Lock()
	known := v.has(req.GetName())
	v.mu.Unlock()
	if !known || peer != service.Runtime || !mine || (p.Kind == authn.KindUser && req.GetPrincipal() != p.Name) {
		return nil, fault.NotFound(fault.ReasonConnectionNotFound, "connection %q does not exist", req.GetName())
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.subjects = append(v.subjects, req.GetSubjectToken())
	if v.failure != nil {
		return nil, v.failure
	}
	lent := proto.CloneOf(v.credential)
	lent.Connection = req.GetName()
	return lent, nil
}

// has reports whether there is a connection. The caller has the lock.
func (v *vault) has(name string) bool {
	return (name == connection || v.also[name]) && !v.deleted[name]
}

func (v *vault) GetConnection(ctx context.Context, req *vaultv1.GetConnectionRequest) (*vaultv1.Connection, error) {
	p, _ := authn.FromContext(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failure != nil {
		return nil, v.failure
	}
	if !v.has(req.GetName()) || (p.Kind == authn.KindUser && p.Name != "ada" && !p.Is(authn.RoleAdmin)) {
		return nil, fault.NotFound(fault.ReasonConnectionNotFound, "connection %q does not exist", req.GetName())
	}
	return &vaultv1.Connection{Name: req.GetName(), Owner: "ada"}, nil
}

// fail makes all questions fail from now on.
func (v *vault) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failure = err
}

func (v *vault) ReportConnectionTest(_ context.Context, req *vaultv1.ReportConnectionTestRequest) (*vaultv1.Connection, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reports = append(v.reports, proto.CloneOf(req))
	return &vaultv1.Connection{}, nil
}

// ReportAnswer notes it as the vault does: leases say from then on what is known.
func (v *vault) ReportAnswer(_ context.Context, req *vaultv1.ReportAnswerRequest) (*vaultv1.ReportAnswerResponse, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers = append(v.answers, fmt.Sprintf("%s %s %q %s %d", req.GetEtag(), req.GetPrincipal(), req.GetOperationId(), req.GetHost(), req.GetStatusCode()))
	if v.failure != nil {
		return nil, v.failure
	}
	v.credential.Refused = req.GetStatusCode() == http.StatusUnauthorized
	return &vaultv1.ReportAnswerResponse{}, nil
}

// change changes what the vault lends from now on.
func (v *vault) change(f func(*vaultv1.Credential)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f(v.credential)
}

// registry is a registry with one connector.
type registry struct {
	registryv1.UnimplementedRegistryServiceServer

	mu         sync.Mutex
	definition *connectorv1.Definition
	revision   string
	fetched    atomic.Int64
	gone       bool // the connector was deleted
}

// change changes what the registry answers from now on.
func (r *registry) change(f func(*registry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *registry) GetConnector(_ context.Context, req *registryv1.GetConnectorRequest) (*registryv1.Connector, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone || req.GetName() != connector {
		return nil, fault.NotFound(fault.ReasonConnectorNotFound, "connector %q does not exist", req.GetName())
	}
	return &registryv1.Connector{Name: connector}, nil
}

func (r *registry) GetRevision(_ context.Context, req *registryv1.GetRevisionRequest) (*registryv1.Revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return nil, fault.NotFound(fault.ReasonConnectorNotFound, "connector %q does not exist", connector)
	}
	name, ok := strings.CutPrefix(req.GetName(), connector+"/revisions/")
	if !ok || (name != "published" && name != r.revision) {
		return nil, fault.NotFound(fault.ReasonRevisionNotFound, "revision %q does not exist", name)
	}
	out := &registryv1.Revision{Name: connector + "/revisions/" + r.revision}
	if req.GetView() == registryv1.RevisionView_REVISION_VIEW_FULL {
		r.fetched.Add(1)
		if r.definition != nil {
			out.Definition = proto.CloneOf(r.definition)
		}
	}
	return out, nil
}

// suite is the runtime with everything around it.
type suite struct {
	t        testing.TB
	vault    *vault
	registry *registry
	clock    *clocktest.Fake
	env      service.Env
	service  *runtimeproxy.Service
	runtime  runtimev1.RuntimeServiceClient
	data     *httptest.Server // the data plane
	log      *safeBuffer
	spans    *tracetest.SpanRecorder
	tokens   map[string]string
	verifier authn.Verifier

	adjust     func(*settings) // of the service; nil for the defaults
	egress     egress.Policy   // of the guard; without networks, that of the API here
	leakyPeers bool            // the vault and the registry of this test may log the secret
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start starts the runtime in front of an API at the given URL. When the test
// ends, it looks for the canary in the log and the traces.
func start(t testing.TB, api string, change func(*connectorv1.Definition)) *suite {
	t.Helper()
	return startWith(t, api, change, nil)
}

// startWith is start with other settings than the defaults.
func startWith(t testing.TB, api string, change func(*connectorv1.Definition), adjust func(*settings)) *suite {
	t.Helper()
	return startBehind(t, egress.Policy{}, api, change, adjust)
}

// startBehind is startWith behind another egress guard.
func startBehind(t testing.TB, guard egress.Policy, api string, change func(*connectorv1.Definition), adjust func(*settings)) *suite {
	t.Helper()
	s := &suite{
		egress: guard, adjust: adjust,
		t: t, clock: clocktest.New(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)),
		log: &safeBuffer{}, spans: tracetest.NewSpanRecorder(), tokens: map[string]string{},
	}
	s.registry = &registry{definition: definition(api), revision: revisionID}
	if change != nil {
		change(s.registry.definition)
	}
	s.vault = &vault{credential: &vaultv1.Credential{
		Connection: connection, Connector: connector, Owner: "ada", Etag: "u-1",
		Parameters:   map[string]string{"region": "eu"},
		Secrets:      []*vaultv1.SecretValue{{Name: "api_key", Value: []byte(canary)}},
		AllowedHosts: []string{api},
		ExpireTime:   timestamppb.New(s.clock.Now().Add(time.Minute)),
	}}
	s.build()
	t.Cleanup(s.lookForCanary)
	return s
}

func (s *suite) build() {
	t := s.t
	if s.egress.AllowNetworks == nil {
		s.egress.AllowNetworks = loopback
	}
	guard, err := egress.New(s.egress)
	must(t, err)
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s.spans))
	if _, measured := t.(*testing.B); measured { // as without a collector: spans have ids and nothing else
		tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
		log = slog.New(slog.DiscardHandler)
	}
	key, err := authn.LoadOrCreateKey(t.TempDir() + "/token.key")
	must(t, err)
	verifier := authn.NewVerifier(s.clock, key.Public())
	for _, p := range []authn.Principal{
		{Kind: authn.KindUser, Name: "ada", Roles: []authn.Role{authn.RoleUser}},
		{Kind: authn.KindUser, Name: "bob", Roles: []authn.Role{authn.RoleUser}},
		{Kind: authn.KindUser, Name: "root", Roles: []authn.Role{authn.RoleAdmin}},
	} {
		s.tokens[p.Name], err = authn.NewIssuer(key, s.clock).Issue(p, time.Hour)
		must(t, err)
	}
	peers := map[string]grpc.ClientConnInterface{
		service.Vault: s.serve(service.Vault, service.Runtime, log, verifier, func(r grpc.ServiceRegistrar) {
			vaultv1.RegisterVaultServiceServer(r, s.vault)
		}),
		service.Registry: s.serve(service.Registry, service.Runtime, log, verifier, func(r grpc.ServiceRegistrar) {
			registryv1.RegisterRegistryServiceServer(r, s.registry)
		}),
	}
	s.env = service.Env{
		Name: service.Runtime, Log: log, Clock: s.clock, Bus: testkit.NewNATS(t), Verifier: verifier, Guard: guard,
		Health: health.New(log), Tracer: tracer, Meter: sdkmetric.NewMeterProvider(),
		Client: func(name string) grpc.ClientConnInterface { return peers[name] },
	}
	cfg := defaults()
	if s.adjust != nil {
		s.adjust(&cfg)
	}
	s.service, err = runtimeproxy.New(s.env, cfg)
	must(t, err)
	conn := s.serve(service.Runtime, service.Gateway, log, verifier, s.service.Register)
	s.runtime = runtimev1.NewRuntimeServiceClient(conn)
	s.data = httptest.NewServer(s.service.Handler())
	t.Cleanup(s.data.Close)
	s.verifier = verifier
	s.run()
}

// run runs the service's background work until the test ends.
func (s *suite) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.service.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	testkit.Await(s.t, "the runtime to be ready", func() bool { return s.env.Health.Report().Ready })
}

// settings are those of the service.
type settings = runtimeproxy.Config

// shortTime is long enough for everything but what never ends.
const shortTime = 300 * time.Millisecond

// restart puts a new runtime with other settings behind the data plane. The old
// one goes on behind gRPC.
func (s *suite) restart(change func(*settings)) {
	s.t.Helper()
	cfg := defaults()
	change(&cfg)
	other, err := runtimeproxy.New(s.env, cfg)
	must(s.t, err)
	s.data.Close()
	s.data = httptest.NewServer(other.Handler())
	s.t.Cleanup(s.data.Close)
}

// serve serves a gRPC service in memory and returns a connection to it.
func (s *suite) serve(name, caller string, log *slog.Logger, verifier authn.Verifier, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	l := memnet.Listen(name)
	srv := grpcx.NewServer(grpcx.ServerConfig{Log: log, Clock: clock.System(), Verifier: verifier})
	register(srv)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	conn, err := grpcx.NewClient(grpcx.ClientConfig{
		Target: "passthrough:///" + name, Creds: memnet.ClientCredentials(), Dialer: l.Dialer(caller),
	})
	must(s.t, err)
	s.t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		<-served
	})
	return conn
}

// as returns a context of a user's calls.
func (s *suite) as(user string) context.Context {
	return grpcx.WithCallerToken(s.t.Context(), s.tokens[user])
}

// invoke calls an operation as ada.
func (s *suite) invoke(operation, input string) (*runtimev1.InvokeResponse, error) {
	return s.runtime.Invoke(s.as("ada"), &runtimev1.InvokeRequest{
		Connection: connection, OperationId: operation,
		Input: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(input)},
	})
}

// lookForCanary fails the test if the secret got into the log or a trace.
func (s *suite) lookForCanary() {
	if leaks(s.log.String()) && !s.leakyPeers {
		s.t.Errorf("the secret is in the log:\n%s", s.log.String())
	}
	for _, span := range s.spans.Ended() {
		text := span.Name() + span.Status().Description
		for _, a := range span.Attributes() {
			text += " " + a.Value.String()
		}
		for _, e := range span.Events() {
			for _, a := range e.Attributes {
				text += " " + a.Value.String()
			}
		}
		if leaks(text) {
			s.t.Errorf("the secret is in span %q: %s", span.Name(), text)
		}
	}
}

// leaks looks for a part of the canary that no encoding changes.
func leaks(text string) bool { return strings.Contains(text, "canary-7f3a") }

func defaults() runtimeproxy.Config {
	var cfg runtimeproxy.Config
	cfg.Flags(pflag.NewFlagSet("test", pflag.ContinueOnError)) // sets the defaults
	cfg.CallTimeout = time.Minute
	cfg.ProxyTimeout = time.Minute
	cfg.CacheMaxAge = time.Minute
	cfg.CacheConnections = 1000
	cfg.CacheRevisionBytes = 64 << 20
	cfg.MaxAttempts = 1 // nobody moves the clock here that the next one would wait for
	return cfg
}

// definition is a small connector: an API key in the header X-Api-Key.
func definition(api string) *connectorv1.Definition {
	text := func(s string) []byte { return []byte(s) }
	return &connectorv1.Definition{
		Info:    &connectorv1.Info{Title: "CRM"},
		Servers: []*connectorv1.Server{{UrlTemplate: api + "/api"}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "default",
			Placements: []*connectorv1.CredentialPlacement{{
				SchemeId: "key",
				Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
					Parameter: "api_key", Name: "X-Api-Key", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER,
				}},
			}},
		}},
		Operations: []*connectorv1.Operation{
			{
				OperationId: "ListItems", Method: "GET", Path: "/items",
				Parameters: []*connectorv1.Parameter{
					{Name: "limit", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: text(`{"type":"integer","default":20}`)},
					{Name: "tag", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Explode: true, Schema: text(`{"type":"array","items":{"type":"string"}}`)},
				},
			},
			{
				OperationId: "GetItem", Method: "GET", Path: "/items/{id}",
				Parameters: []*connectorv1.Parameter{
					{Name: "id", Required: true, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Schema: text(`{"type":"string"}`)},
				},
			},
			{
				OperationId: "CreateItem", Method: "POST", Path: "/items",
				RequestBody: &connectorv1.RequestBody{Required: true, Contents: []*connectorv1.MediaType{{
					MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
					Schema: text(`{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"price":{"type":"number"},"kind":{"type":"string","default":"part","x-ms-visibility":"internal"}}}`),
				}}},
			},
		},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// api starts an API on the loopback interface.
func api(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

// tcp starts a server that talks nonsense: each connection is handed to f, which
// closes it.
func tcp(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { f(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return "http://" + l.Addr().String()
}
