package trigger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// world is everything that outlives a process of the trigger service: the API,
// the other services, the message bus, the store, the files.
type world struct {
	t        testing.TB
	api      *inventorytest.API
	neighbor *memnet.Listener // registry, vault and runtime
	nats     *embedded.Server
	kv       kv.Store
	dir      string
	issuer   *authn.Issuer
	verifier authn.Verifier
	limits   core.Config
	log      *slog.Logger
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldIn(t, memkv.New(), t.TempDir(), t.TempDir())
}

// newWorldIn is newWorld with a store, a directory for the service and one for
// the message bus that may have been used before.
func newWorldIn(t testing.TB, store kv.Store, dir, natsDir string) *world {
	t.Helper()
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, api: inventorytest.New("old"), neighbor: memnet.Listen("suite"), nats: testkit.StartNATS(t, natsDir),
		kv: store, dir: dir, log: testkit.Logger(t),
		issuer: authn.NewIssuer(key, clock.System()), verifier: authn.NewVerifier(clock.System(), key.Public()),
		limits: core.Config{MinInterval: 10 * time.Millisecond, SetupTime: time.Second},
	}
	if err := testkit.Connect(t, w.nats).Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.serve(w.neighbor, grpcx.Rules{}, func(r grpc.ServiceRegistrar) {
		registryv1.RegisterRegistryServiceServer(r, registryFake{})
		vaultv1.RegisterVaultServiceServer(r, vaultFake{})
		runtimev1.RegisterRuntimeServiceServer(r, runtimeFake{api: w.api})
	})
	return w
}

// serve serves gRPC in memory until the returned function is called, or the test
// ends.
func (w *world) serve(l *memnet.Listener, rules grpcx.Rules, register func(grpc.ServiceRegistrar)) (stop func()) {
	server := grpcx.NewServer(grpcx.ServerConfig{Log: w.log, Clock: clock.System(), Verifier: w.verifier, Rules: rules})
	register(server)
	if err := grpcx.CheckRules(server, rules); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- grpcx.Serve(ctx, server, clock.System(), l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("serve: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) dial(l *memnet.Listener, as string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpcx.NewClient(grpcx.ClientConfig{
		Target: "passthrough:///memory", Creds: memnet.ClientCredentials(), Dialer: l.Dialer(as),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// process is one life of the trigger service.
type process struct {
	*world

	service *Service
	health  *health.Registry
	client  triggerv1.TriggerServiceClient // without an identity
	gateway triggerv1.TriggerServiceClient
	stop    func()
}

// begin starts the service on a store, as on the machine of the world.
func (w *world) begin(store kv.Store) *process {
	w.t.Helper()
	b, err := bus.Connect(w.t.Context(), bus.Config{Name: "trigger", InProcess: w.nats, Log: w.log, PublishTimeout: time.Second})
	if err != nil {
		w.t.Fatal(err)
	}
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	if err != nil {
		w.t.Fatal(err)
	}
	neighbors := w.dial(w.neighbor, service.Trigger)
	p := &process{world: w, health: health.New(w.log)}
	p.service, err = build(service.Env{
		Name: service.Trigger, Log: w.log, Clock: clock.System(), Store: store, Bus: b, Guard: guard, Health: p.health, Meter: noop.NewMeterProvider(),
		Tracer:  sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		DataDir: w.dir, Verifier: w.verifier, Client: func(string) grpc.ClientConnInterface { return neighbors },
	}, Config{PublicURL: "https://ferrule.example.com/", PollWorkers: 4, SinkWorkers: 4}, w.limits)
	if err != nil {
		b.Close()
		if store == w.kv {
			w.t.Fatal(err)
		}
		p.stop = func() {} // the store died while the process started
		return p
	}
	l := memnet.Listen(service.Trigger)
	stopServing := w.serve(l, p.service.Rules(), p.service.Register)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.service.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("run: %v", err)
		}
		stopServing()
		b.Close()
	})
	w.t.Cleanup(p.stop)
	p.client = triggerv1.NewTriggerServiceClient(w.dial(l, ""))
	p.gateway = triggerv1.NewTriggerServiceClient(w.dial(l, service.Gateway))
	return p
}

// as returns a context of a user.
func (w *world) as(name string, roles ...authn.Role) context.Context {
	w.t.Helper()
	token, err := w.issuer.Issue(authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return grpcx.WithCallerToken(w.t.Context(), token)
}

func (w *world) ann() context.Context { return w.as("ann", authn.RoleUser) }

const (
	environment = "environments/default"
	connection  = environment + "/connections/shop"
)

// request is ann's wish for a subscription that polls fast.
func request(id, operation string, sinks ...string) *triggerv1.CreateSubscriptionRequest {
	sub := &triggerv1.Subscription{Connection: connection, OperationId: operation}
	if operation == inventorytest.Polling {
		sub.Interval = durationpb.New(time.Second)
	}
	for _, url := range sinks {
		sub.Sinks = append(sub.Sinks, &triggerv1.Sink{Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: url}}})
	}
	return &triggerv1.CreateSubscriptionRequest{Parent: environment, SubscriptionId: id, Subscription: sub}
}

func (p *process) create(id, operation string, sinks ...string) *triggerv1.Subscription {
	p.t.Helper()
	sub, err := p.client.CreateSubscription(p.ann(), request(id, operation, sinks...))
	if err != nil {
		p.t.Fatalf("create %s: %v", id, err)
	}
	return sub
}

// notify does what the API does with a registered webhook.
func (p *process) notify(hook inventorytest.Hook, id, body string) (*triggerv1.IngestWebhookResponse, error) {
	return p.gateway.IngestWebhook(p.t.Context(), p.notification(hook, id, body))
}

// notification is one that the API has signed.
func (p *process) notification(hook inventorytest.Hook, id, body string) *triggerv1.IngestWebhookRequest {
	mac := hmac.New(sha256.New, []byte(hook.Secret))
	_, _ = io.WriteString(mac, body)
	token, query, _ := strings.Cut(path.Base(hook.CallbackURL), "?")
	return &triggerv1.IngestWebhookRequest{
		Token: token, Query: []byte(query), Method: http.MethodPost, Body: []byte(body), Headers: []*triggerv1.WebhookHeader{
			{Name: "X-Inventory-Signature", Value: []byte("sha256=" + hex.EncodeToString(mac.Sum(nil)))},
			{Name: "X-Inventory-Delivery", Value: []byte(id)},
			{Name: "Content-Type", Value: []byte("application/json")},
		},
	}
}

// events returns the data of all events of a subscription, read page by page.
func (p *process) events(name string) (data []string) {
	p.t.Helper()
	req := &triggerv1.ListEventsRequest{Parent: name, PageSize: 3}
	for {
		res, err := p.client.ListEvents(p.ann(), req)
		if err != nil {
			p.t.Fatalf("list events: %v", err)
		}
		for _, e := range res.GetEvents() {
			data = append(data, e.GetData())
		}
		if req.PageToken = res.GetNextPageToken(); req.GetPageToken() == "" {
			return data
		}
	}
}

func item(id string) string { return fmt.Sprintf(`{"id":%q}`, id) }

func wantReason(t testing.TB, err error, want fault.Reason) {
	t.Helper()
	if got := fault.ReasonOf(err); got != want {
		t.Fatalf("reason %q, want %q (%v)", got, want, err)
	}
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// registryFake knows one connector.
type registryFake struct {
	registryv1.UnimplementedRegistryServiceServer
}

func (registryFake) GetRevision(_ context.Context, req *registryv1.GetRevisionRequest) (*registryv1.Revision, error) {
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	if name.Connector != "inventory" {
		return nil, fault.NotFound(fault.ReasonConnectorNotFound, "no connector %q", name.Connector)
	}
	name.ID = inventorytest.Revision
	rev := &registryv1.Revision{Name: name.String()}
	if req.GetView() == registryv1.RevisionView_REVISION_VIEW_FULL {
		rev.Definition = inventorytest.Definition()
	}
	return rev, nil
}

// GetEnvironment knows "default" only.
func (registryFake) GetEnvironment(_ context.Context, req *registryv1.GetEnvironmentRequest) (*registryv1.Environment, error) {
	if req.GetName() != environment {
		return nil, fault.NotFound(fault.ReasonEnvironmentNotFound, "no environment %q", req.GetName())
	}
	return &registryv1.Environment{Name: req.GetName()}, nil
}

// vaultFake knows ann's connection.
type vaultFake struct {
	vaultv1.UnimplementedVaultServiceServer
}

func (vaultFake) GetConnection(ctx context.Context, req *vaultv1.GetConnectionRequest) (*vaultv1.Connection, error) {
	who, _ := authn.FromContext(ctx)
	if req.GetName() != connection || who.Kind == authn.KindUser && who.Name != "ann" && !who.Is(authn.RoleAdmin) {
		return nil, fault.NotFound(fault.ReasonConnectionNotFound, "no connection %q", req.GetName())
	}
	return &vaultv1.Connection{Name: connection, Connector: environment + "/connectors/inventory", Owner: "ann"}, nil
}

// runtimeFake calls the API in memory.
type runtimeFake struct {
	runtimev1.UnimplementedRuntimeServiceServer

	api *inventorytest.API
}

func (r runtimeFake) InvokePages(req *runtimev1.InvokePagesRequest, stream grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error {
	call := core.Call{Operation: req.GetOperationId(), Input: string(req.GetInput())}
	var failure error
	err := r.api.Pages(stream.Context(), call, int(req.GetLimits().GetMaxPages()), func(p core.ListPage) bool {
		page := &runtimev1.InvokePagesResponse{StatusCode: int32(p.Status)}
		for _, item := range p.Items {
			page.Items = append(page.Items, item)
		}
		failure = stream.Send(page)
		return failure == nil
	})
	return errors.Join(err, failure)
}

// CheckInputs has nothing against any input.
func (runtimeFake) CheckInputs(_ context.Context, req *runtimev1.CheckInputsRequest) (*runtimev1.CheckInputsResponse, error) {
	return &runtimev1.CheckInputsResponse{Reports: make([]*runtimev1.InputReport, len(req.GetInputs()))}, nil
}

func (r runtimeFake) Invoke(ctx context.Context, req *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
	who, _ := authn.FromContext(ctx)
	behalf := core.BehalfOfCaller
	if who.Kind == authn.KindService {
		behalf = core.BehalfOfService
	}
	answer, err := r.api.Invoke(ctx, core.Call{
		Behalf: behalf, Owner: req.GetOnBehalfOf(), Operation: req.GetOperationId(), Input: string(req.GetInput().GetData()), Revision: req.GetRevision(),
		Link: req.GetLink(), Fresh: req.GetNoCache(),
		Connection: resource.Connection{Environment: "default", ID: strings.TrimPrefix(req.GetConnection(), environment+"/connections/")},
	})
	if err != nil {
		return nil, err
	}
	res := &runtimev1.InvokeResponse{
		StatusCode: int32(answer.Status), Revision: answer.Revision, NextLink: answer.NextLink,
		Body: &httpbody.HttpBody{ContentType: "application/json", Data: answer.Body},
	}
	for name, values := range answer.Header {
		for _, value := range values {
			res.Headers = append(res.Headers, &runtimev1.Header{Name: name, Value: value})
		}
	}
	if f := answer.Refusal; f != nil {
		res.Error = &runtimev1.UpstreamError{
			Reason: f.Reason, Message: f.Message, Retryable: f.Retryable, RetryAfter: durationpb.New(f.RetryAfter),
		}
	}
	return res, nil
}
