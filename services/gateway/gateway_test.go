package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/gateway"
)

const goodToken = "good-token"

// tokens knows one token, of the user ann.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (authn.Principal, error) {
	if token != goodToken {
		return authn.Principal{}, fault.Unauthenticated(fault.ReasonUnauthenticated, "the token is not valid")
	}
	return authn.Principal{Kind: authn.KindUser, Name: "ann", Roles: []authn.Role{authn.RoleUser}}, nil
}

// suite is all services behind the gateway, as far as the tests need them.
type suite struct {
	registryv1.UnimplementedRegistryServiceServer
	vaultv1.UnimplementedVaultServiceServer
	runtimev1.UnimplementedRuntimeServiceServer
	triggerv1.UnimplementedTriggerServiceServer

	invoke func(*runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error)
	// invokeFor takes the place of invoke, for what depends on the context.
	invokeFor func(context.Context, *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error)
	ingest    func(context.Context, *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error)
	pages     func(*runtimev1.InvokePagesRequest, grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error

	receive func(context.Context, *runtimev1.ReceiveCallbackRequest) (*runtimev1.ReceiveCallbackResponse, error)
}

func (s *suite) InvokePages(in *runtimev1.InvokePagesRequest, out grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error {
	return s.pages(in, out)
}

func (*suite) GetConnector(_ context.Context, in *registryv1.GetConnectorRequest) (*registryv1.Connector, error) {
	if strings.HasSuffix(in.GetName(), "/crm") {
		return &registryv1.Connector{Name: in.GetName(), Title: "CRM"}, nil
	}
	return nil, fault.NotFound(fault.ReasonConnectorNotFound, "connector does not exist").With("connector", in.GetName())
}

func (s *suite) Invoke(ctx context.Context, in *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
	if s.invokeFor != nil {
		return s.invokeFor(ctx, in)
	}
	return s.invoke(in)
}

func (s *suite) IngestWebhook(ctx context.Context, in *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
	return s.ingest(ctx, in)
}

func (s *suite) ReceiveCallback(ctx context.Context, in *runtimev1.ReceiveCallbackRequest) (*runtimev1.ReceiveCallbackResponse, error) {
	return s.receive(ctx, in)
}

func (*suite) StreamEvents(in *triggerv1.StreamEventsRequest, out grpc.ServerStreamingServer[triggerv1.Event]) error {
	if strings.HasSuffix(in.GetParent(), "/none") {
		return fault.NotFound(fault.ReasonSubscriptionNotFound, "subscription does not exist")
	}
	if err := out.SendHeader(metadata.Pairs(grpcx.OpenedHeader, "true")); err != nil {
		return err
	}
	if strings.HasSuffix(in.GetParent(), "/broken") {
		if err := out.Send(&triggerv1.Event{Id: "e", Sequence: in.GetAfterSequence() + 1}); err != nil {
			return err
		}
		return fault.Unavailable(fault.ReasonServiceUnavailable, "the service is stopping")
	}
	for n := range uint64(3) {
		if err := out.Send(&triggerv1.Event{Id: "e", Sequence: n + 1}); err != nil {
			return err
		}
	}
	return nil
}

// start serves the suite in memory and the gateway on loopback.
func start(t *testing.T, s *suite, passThrough http.Handler) *httptest.Server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	server := grpcx.NewServer(grpcx.ServerConfig{
		Log: log, Clock: clock.System(), Verifier: tokens{},
		Rules: grpcx.Rules{
			triggerv1.TriggerService_IngestWebhook_FullMethodName:   {service.Gateway},
			runtimev1.RuntimeService_ReceiveCallback_FullMethodName: {service.Gateway},
		},
	})
	registryv1.RegisterRegistryServiceServer(server, s)
	vaultv1.RegisterVaultServiceServer(server, s)
	runtimev1.RegisterRuntimeServiceServer(server, s)
	triggerv1.RegisterTriggerServiceServer(server, s)
	memory := memnet.Listen("suite")
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- grpcx.Serve(ctx, server, clock.System(), memory) }()
	conn, err := grpcx.NewClient(grpcx.ClientConfig{
		Target: "passthrough:///suite", Creds: memnet.ClientCredentials(), Dialer: memory.Dialer(service.Gateway),
		Delegation: service.DelegationOf(service.Gateway),
	})
	if err != nil {
		t.Fatal(err)
	}
	edge, err := gateway.New(t.Context(), service.Env{
		Name: service.Gateway, Log: log, Health: health.New(log), Clock: clock.System(),
		Tracer: tracenoop.NewTracerProvider(), Meter: noop.NewMeterProvider(),
		Client: func(string) grpc.ClientConnInterface { return conn },
	}, gateway.Beside{PassThrough: passThrough})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(edge.Handler())
	t.Cleanup(func() {
		front.Close()
		_ = conn.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return front
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a request; header are names and values.
func call(t *testing.T, front *httptest.Server, method, path, token, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(data)}
}

// reason returns the stable reason of an error's JSON.
func reason(t *testing.T, body string) string {
	t.Helper()
	var s struct {
		Message string
		Details []struct{ Reason string }
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil || s.Message == "" {
		t.Fatalf("not an error of ours: %q", body)
	}
	for _, d := range s.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return ""
}

func TestEveryFailureHasAStatusAndAReason(t *testing.T) {
	front := start(t, &suite{}, nil)
	const crm = "/v1/environments/default/connectors/crm"
	for _, row := range []struct {
		name, method, path, token, body string
		status                          int
		reason                          fault.Reason
	}{
		{"no token", "GET", crm, "", "", 401, fault.ReasonUnauthenticated},
		{"a wrong token", "GET", crm, "bad", "", 401, fault.ReasonUnauthenticated},
		{"an unknown connector", "GET", crm + "x", goodToken, "", 404, fault.ReasonConnectorNotFound},
		{"an unknown path", "GET", "/v2/nothing", goodToken, "", 404, fault.ReasonInvalidArgument},
		{"a wrong method", "PUT", crm, goodToken, "", 405, fault.ReasonInvalidArgument},
		{"a body that is not JSON", "POST", "/v1/environments/default/connectors:import", goodToken, "{", 400, fault.ReasonInvalidArgument},
		{"an unknown field", "POST", "/v1/environments/default/connectors:import", goodToken, `{"colour": 1}`, 400, fault.ReasonInvalidArgument},
		{"a rule broken", "POST", "/v1/environments/default/connectors:import", goodToken, `{"url": ""}`, 400, fault.ReasonInvalidArgument},
		{"a path that is not UTF-8", "GET", crm + "%ff", goodToken, "", 400, fault.ReasonInvalidArgument},
		{"a query that is not UTF-8", "GET", "/v1/environments/default/connectors?page_token=%ff", goodToken, "", 400, fault.ReasonInvalidArgument},
		{"an operation that is not UTF-8", "POST", "/v1/environments/default/connections/shop/operations/%ff:invoke", goodToken, "{}", 400, fault.ReasonInvalidArgument},
		{
			"a body that is too large", "POST", "/v1/environments/default/connections", goodToken,
			`{"id": "` + strings.Repeat("x", 33<<20) + `"}`, 413, fault.ReasonInputTooLarge,
		},
		{
			"a description may be larger", "POST", "/v1/environments/default/connectors:import", goodToken,
			`{"url": "` + strings.Repeat("x", 33<<20) + `"}`, 400, fault.ReasonInvalidArgument,
		},
		{
			"but has its limit", "POST", "/v1/environments/default/connectors:import", goodToken,
			`{"url": "` + strings.Repeat("x", 97<<20) + `"}`, 413, fault.ReasonInputTooLarge,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := call(t, front, row.method, row.path, row.token, row.body)
			if got.status != row.status || reason(t, got.body) != string(row.reason) {
				t.Errorf("answer = %d %s, want %d %s", got.status, got.body, row.status, row.reason)
			}
			if row.status == 401 && got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("WWW-Authenticate = %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestValuesOfABadRequestAreNotRepeated(t *testing.T) {
	front := start(t, &suite{}, nil)
	for _, body := range []string{`{"secrets": "SECRET"}`, `{"secrets": {"api_key": {"SECRET": 1}}}`, `{"connection": {"parameters": {"a": "SECRET\x"}}}`} {
		got := call(t, front, "POST", "/v1/environments/default/connections", goodToken, body)
		if got.status != 400 || strings.Contains(got.body, "SECRET") {
			t.Errorf("answer to %s = %d %s", body, got.status, got.body)
		}
	}
}

func TestTheCallersTokenTravelsOn(t *testing.T) {
	front := start(t, &suite{}, nil)
	got := call(t, front, "GET", "/v1/environments/default/connectors/crm", goodToken, "")
	if got.status != 200 || !strings.Contains(got.body, `"CRM"`) {
		t.Errorf("answer = %d %s", got.status, got.body)
	}
}

func TestAnInvocationLooksLikeTheAPIItself(t *testing.T) {
	for _, row := range []struct {
		name, body string
		answer     *runtimev1.InvokeResponse
		err        error
		status     int
		mirrored   bool
	}{
		{
			name: "success", body: `{"limit": 9007199254740993}`, status: 200, mirrored: true,
			answer: &runtimev1.InvokeResponse{StatusCode: 200, Body: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(`{"n": 9007199254740993}`)}},
		},
		{
			name: "a failure of the API", body: `{}`, status: 404, mirrored: true,
			answer: &runtimev1.InvokeResponse{StatusCode: 404, Body: &httpbody.HttpBody{ContentType: "text/html", Data: []byte(`<p>no</p>`)}},
		},
		{
			name: "no content", body: ``, status: 204, mirrored: true,
			answer: &runtimev1.InvokeResponse{StatusCode: 204},
		},
		{
			name: "a failure of ours", body: `{}`, status: 502,
			err: fault.Unavailable(fault.ReasonUpstreamUnreachable, "no connection to the API could be made"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen *runtimev1.InvokeRequest
			front := start(t, &suite{invoke: func(in *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
				seen = in
				return row.answer, row.err
			}}, nil)
			got := call(t, front, "POST", "/v1/environments/default/connections/shop/operations/Get%20Items%2FAll:invoke?timeout=2s", goodToken, row.body)
			if got.status != row.status {
				t.Fatalf("status = %d, want %d: %s", got.status, row.status, got.body)
			}
			if string(seen.GetInput().GetData()) != row.body || seen.GetTimeout().AsDuration().Seconds() != 2 || seen.GetOperationId() != "Get Items/All" {
				t.Errorf("the runtime was asked %v", seen)
			}
			if mirrored := got.header.Get("Ferrule-Upstream-Status") != ""; mirrored != row.mirrored {
				t.Errorf("mirrored = %v, want %v", mirrored, row.mirrored)
			}
			if row.mirrored && (got.body != string(row.answer.GetBody().GetData()) || got.header.Get("Content-Type") != row.answer.GetBody().GetContentType()) {
				t.Errorf("answer = %q of %q", got.body, got.header.Get("Content-Type"))
			}
		})
	}
}

func TestHeadersOfTheAPIPassUnlessTheyWouldActOnUs(t *testing.T) {
	front := start(t, &suite{invoke: func(*runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
		return &runtimev1.InvokeResponse{StatusCode: 201, Headers: []*runtimev1.Header{
			{Name: "Location", Value: "/items/1"},
			{Name: "Set-Cookie", Value: "session=1"},
			{Name: "Strict-Transport-Security", Value: "max-age=1"},
			{Name: "Content-Length", Value: "999"},
		}}, nil
	}}, nil)
	got := call(t, front, "POST", "/v1/environments/default/connections/shop/operations/Create:invoke", goodToken, "{}")
	if got.header.Get("Location") != "/items/1" {
		t.Errorf("Location = %q", got.header.Get("Location"))
	}
	for _, name := range []string{"Set-Cookie", "Strict-Transport-Security"} {
		if value := got.header.Get(name); value != "" {
			t.Errorf("%s = %q passed", name, value)
		}
	}
}

// A client that follows a redirect by itself would carry our caller's token to
// whatever of our own paths an API names.
func TestARedirectOfTheAPIIsToldAndNotFollowed(t *testing.T) {
	front := start(t, &suite{invoke: func(*runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
		return &runtimev1.InvokeResponse{StatusCode: 307, Headers: []*runtimev1.Header{
			{Name: "Location", Value: "/v1/environments/default/connections/mine:revoke"}, {Name: "Refresh", Value: "0; url=/v1/elsewhere"},
		}}, nil
	}}, nil)
	got := call(t, front, "POST", "/v1/environments/default/connections/crm/operations/Op:invoke", goodToken, "{}")
	if got.status != 307 || got.header.Get("Location") != "" || got.header.Get("Refresh") != "" {
		t.Errorf("status %d, location %q, refresh %q", got.status, got.header.Get("Location"), got.header.Get("Refresh"))
	}
	if told := got.header.Get("Ferrule-Upstream-Location"); told != "/v1/environments/default/connections/mine:revoke" {
		t.Errorf("the redirect is told as %q", told)
	}
}

func TestNotificationsReachTheTriggerServiceByteForByte(t *testing.T) {
	const raw = "{\"a\" : 1,\r\n \"a\":2}\x00\xff"
	var seen *triggerv1.IngestWebhookRequest
	s := &suite{ingest: func(ctx context.Context, in *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
		if p, _ := authn.FromContext(ctx); p.Kind != authn.KindService {
			t.Errorf("the notification came as %v", p)
		}
		seen = in
		return &triggerv1.IngestWebhookResponse{StatusCode: 202}, nil
	}}
	front := start(t, s, nil)
	// A token of the caller must not be taken for one of ours.
	got := call(t, front, "POST", "/hooks/abc?validation=%2F1&raw=\xe9", "whatever", raw)
	if got.status != 202 || string(seen.GetBody()) != raw || string(seen.GetQuery()) != "validation=%2F1&raw=\xe9" || seen.GetToken() != "abc" || seen.GetMethod() != "POST" {
		t.Errorf("answer %d, the trigger service was told %v", got.status, seen)
	}
}

func TestBadNotificationsAreRefusedAtTheEdge(t *testing.T) {
	s := &suite{ingest: func(context.Context, *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
		return nil, fault.NotFound(fault.ReasonWebhookUnknown, "no subscription listens at this callback URL")
	}}
	front := start(t, s, nil)
	for _, row := range []struct {
		name, path, body string
		status           int
		reason           fault.Reason
	}{
		{"no token", "/hooks/", "{}", 404, fault.ReasonWebhookUnknown},
		{"a token with a slash", "/hooks/a/b", "{}", 404, fault.ReasonWebhookUnknown},
		{"an endless token", "/hooks/" + strings.Repeat("a", 300), "{}", 404, fault.ReasonWebhookUnknown},
		{"an unknown token", "/hooks/abc", "{}", 404, fault.ReasonWebhookUnknown},
		{"a huge body", "/hooks/abc", strings.Repeat("x", 1<<20+1), 413, fault.ReasonWebhookTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := call(t, front, "POST", row.path, "", row.body)
			if got.status != row.status || reason(t, got.body) != string(row.reason) {
				t.Errorf("answer = %d %s, want %d %s", got.status, got.body, row.status, row.reason)
			}
		})
	}
}

func TestCallbacksOfCustomCodeReachTheRuntime(t *testing.T) {
	var seen *runtimev1.ReceiveCallbackRequest
	s := &suite{receive: func(ctx context.Context, in *runtimev1.ReceiveCallbackRequest) (*runtimev1.ReceiveCallbackResponse, error) {
		if p, _ := authn.FromContext(ctx); p.Kind != authn.KindService {
			t.Errorf("the callback came as %v", p)
		}
		if seen = in; in.GetToken() != "abc" {
			return nil, fault.NotFound(fault.ReasonCallbackUnknown, "this callback url is not known")
		}
		return &runtimev1.ReceiveCallbackResponse{StatusCode: 201, Body: []byte("taken"), Headers: []*runtimev1.InvokeStreamHeader{{Name: "X-A", Value: "1"}}}, nil
	}}
	front := start(t, s, nil)
	// Whatever stands in Authorization is for the code, and is not taken for one of ours.
	got := call(t, front, "PATCH", "/callbacks/abc?q=1", "of the api", "body")
	if got.status != 201 || got.body != "taken" || got.header.Get("X-A") != "1" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("answer = %d %q %v", got.status, got.body, got.header)
	}
	if seen.GetMethod() != "PATCH" || seen.GetQuery() != "q=1" || string(seen.GetBody()) != "body" {
		t.Errorf("the runtime was told %v", seen)
	}
	for _, path := range []string{"/callbacks/", "/callbacks/abd", "/callbacks/abc/x", "/callbacks/abc%2f"} {
		if got := call(t, front, "POST", path, "", ""); got.status != 404 || reason(t, got.body) != string(fault.ReasonCallbackUnknown) {
			t.Errorf("answer of %s = %d %s", path, got.status, got.body)
		}
	}
	if got := call(t, front, "POST", "/callbacks", "", ""); got.status != 404 {
		t.Errorf("answer without a token = %d", got.status)
	}
}

func TestEventsStreamAsLinesOfJSON(t *testing.T) {
	front := start(t, &suite{}, nil)
	got := call(t, front, "GET", "/v1/environments/default/subscriptions/new/events:stream", goodToken, "")
	lines := strings.Split(strings.TrimSpace(got.body), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], `"sequence":"3"`) {
		t.Errorf("stream = %q", got.body)
	}
}

func TestStreamsThatAreRefusedAnswerLikeEverythingElse(t *testing.T) {
	front := start(t, &suite{}, nil)
	for _, row := range []struct {
		name, path, token string
		status            int
		reason            fault.Reason
	}{
		{"no token", "new/events:stream", "", 401, fault.ReasonUnauthenticated},
		{"an unknown subscription", "none/events:stream", goodToken, 404, fault.ReasonSubscriptionNotFound},
		{"a sequence that is none", "new/events:stream?after_sequence=last", goodToken, 400, fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := call(t, front, "GET", "/v1/environments/default/subscriptions/"+row.path, row.token, "")
			if got.status != row.status || reason(t, got.body) != string(row.reason) {
				t.Errorf("answer = %d %s, want %d %s", got.status, got.body, row.status, row.reason)
			}
		})
	}
}

func TestAStreamThatBreaksSaysWhy(t *testing.T) {
	front := start(t, &suite{}, nil)
	got := call(t, front, "GET", "/v1/environments/default/subscriptions/broken/events:stream?after_sequence=7", goodToken, "")
	lines := strings.Split(strings.TrimSpace(got.body), "\n")
	if got.status != 200 || len(lines) != 2 || !strings.Contains(lines[0], `"8"`) || !strings.Contains(lines[1], "SERVICE_UNAVAILABLE") {
		t.Errorf("answer = %d %q", got.status, got.body)
	}
}

func TestPassThroughPathsAreNotTouched(t *testing.T) {
	var seen string
	front := start(t, &suite{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.URL.EscapedPath() }))
	for _, row := range []struct {
		path   string
		passed bool
	}{
		{"/v1/environments/default/connections/shop/proxy", true},
		{"/v1/environments/default/connections/shop/proxy/a//b/%2F/..%2f", true},
		{"/v1/environments/default/connections/shop/proxyx", false},
		{"/v1/environments/default/connections/proxy", false},
		{"/v1/environments//connections//proxy", true}, // the data plane says what is wrong with it
		{"/v1/environments/default/connections/shop/proxyx/proxy", false},
		{"/v1/environments/default/connectors/shop/proxy", false},
		{"/v2/environments/default/connections/shop/proxy", false},
	} {
		seen = ""
		call(t, front, "POST", row.path, goodToken, "")
		if passed := seen == row.path; passed != row.passed {
			t.Errorf("%s: the data plane saw %q", row.path, seen)
		}
	}
}

func TestOpenAPIDocumentIsServedToEverybody(t *testing.T) {
	front := start(t, &suite{}, nil)
	got := call(t, front, "GET", "/openapi.json", "", "")
	var doc struct {
		Swagger string
		Paths   map[string]any
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || doc.Swagger != "2.0" {
		t.Fatalf("document = %.80q: %v", got.body, err)
	}
	for _, path := range []string{
		"/v1/environments/{environment}/connectors:import",
		"/v1/environments/{environment}/connections/{connection}/operations/{operationId}:invoke",
	} {
		if doc.Paths[path] == nil {
			t.Errorf("the document lacks %s", path)
		}
	}
}
