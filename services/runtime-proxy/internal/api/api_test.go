package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// TestAnswersAreTranslated: protobuf has rules that APIs do not know.
func TestAnswersAreTranslated(t *testing.T) {
	tests := []struct {
		name     string
		response upstream.Response
		problem  *upstream.Problem
		want     *runtimev1.InvokeResponse
	}{
		{
			"as little as possible",
			upstream.Response{Status: 204},
			nil,
			&runtimev1.InvokeResponse{StatusCode: 204, Body: &httpbody.HttpBody{}, Revision: "a1"},
		},
		{
			"headers in a stable order, each line by itself",
			upstream.Response{Status: 200, Header: http.Header{"X-B": {"2", "1"}, "X-A": {""}, "Content-Type": {"text/plain"}}, Body: []byte("hi")},
			nil,
			&runtimev1.InvokeResponse{StatusCode: 200, Revision: "a1", Body: &httpbody.HttpBody{ContentType: "text/plain", Data: []byte("hi")}, Headers: []*runtimev1.Header{
				{Name: "Content-Type", Value: "text/plain"}, {Name: "X-A"}, {Name: "X-B", Value: "2"}, {Name: "X-B", Value: "1"},
			}},
		},
		{
			"text that is not utf-8, and bytes that need not be",
			upstream.Response{Status: 200, Header: http.Header{"X-A": {"a\xffb"}, "Content-Type": {"\xfe"}}, Body: []byte("\xff\x00")},
			nil,
			&runtimev1.InvokeResponse{StatusCode: 200, Revision: "a1", Body: &httpbody.HttpBody{ContentType: "\uFFFD", Data: []byte("\xff\x00")}, Headers: []*runtimev1.Header{
				{Name: "Content-Type", Value: "\uFFFD"}, {Name: "X-A", Value: "a\uFFFDb"},
			}},
		},
		{
			"a problem",
			upstream.Response{Status: 429},
			&upstream.Problem{Reason: "UPSTREAM_RATE_LIMITED", Message: "slow down", Retryable: true, RetryAfter: time.Second},
			&runtimev1.InvokeResponse{StatusCode: 429, Body: &httpbody.HttpBody{}, Revision: "a1", Error: &runtimev1.UpstreamError{
				Reason: "UPSTREAM_RATE_LIMITED", Message: "slow down", Retryable: true, RetryAfter: durationpb.New(time.Second),
			}},
		},
		{
			"a problem without a wait",
			upstream.Response{Status: 500},
			&upstream.Problem{Reason: "UPSTREAM_ERROR", Message: "no"},
			&runtimev1.InvokeResponse{StatusCode: 500, Body: &httpbody.HttpBody{}, Revision: "a1", Error: &runtimev1.UpstreamError{Reason: "UPSTREAM_ERROR", Message: "no"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := &pipeline.Call{Response: &tt.response, Problem: tt.problem, Binding: &pipeline.Binding{RevisionID: "a1"}}
			if diff := cmp.Diff(tt.want, answer(call), protocmp.Transform()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// source lends one connection without any credential.
type source struct {
	neverRejects

	server string
}

// neverRejects is a vault that renews no tokens.
type neverRejects struct{}

func (neverRejects) Reject(context.Context, binding.Ask, binding.Refusal) (*binding.Lease, error) {
	return nil, errors.New("there is no token")
}

func (s source) Lease(context.Context, binding.Ask) (*binding.Lease, error) {
	return &binding.Lease{Connector: resource.Connector{Environment: "default", ID: "crm"}, ServerURL: s.server}, nil
}

func (source) RevisionID(context.Context, resource.Connector) (string, error) { return "a1", nil }

func (source) Definition(context.Context, resource.Revision) (*connectorv1.Definition, error) {
	return &connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: "Get", Method: "GET", Path: "/x"}}}, nil
}

// report is what the vault was told.
type report struct {
	connection resource.Connection
	succeeded  bool
	reason     string
}

func server(t *testing.T, status int, fail error) (*Server, *[]report) {
	t.Helper()
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(remote.Close)
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := usage.New(metricnoop.Meter{})
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(guard, tracenoop.NewTracerProvider().Tracer(""), upstream.Options{})
	t.Cleanup(client.Close)
	calls, err := pipeline.New(pipeline.Deps{
		Clock: clock.System(), Source: source{server: remote.URL}, Client: client, Usage: recorder,
		Cache: binding.Config{Connections: 10, RevisionBytes: 1 << 20, MaxAge: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	var reports []report
	return New(calls, Parts{Report: func(_ context.Context, c resource.Connection, ok bool, reason string) error {
		reports = append(reports, report{c, ok, reason})
		return fail
	}}), &reports
}

const name = "environments/default/connections/crm"

func as(t *testing.T, who string) context.Context {
	t.Helper()
	if who == "" {
		return t.Context()
	}
	return authn.NewContext(t.Context(), authn.Principal{Kind: authn.KindUser, Name: who})
}

func TestInvokeTranslatesBothWays(t *testing.T) {
	s, _ := server(t, 200, nil)
	tests := []struct {
		name, who string
		req       *runtimev1.InvokeRequest
		reason    fault.Reason
	}{
		{"a call", "ada", &runtimev1.InvokeRequest{Connection: name, OperationId: "Get"}, ""},
		{"a revision", "ada", &runtimev1.InvokeRequest{Connection: name, OperationId: "Get", Revision: "b2"}, ""},
		{"nobody", "", &runtimev1.InvokeRequest{Connection: name, OperationId: "Get"}, fault.ReasonUnauthenticated},
		{"a name that is none", "ada", &runtimev1.InvokeRequest{Connection: "crm", OperationId: "Get"}, fault.ReasonInvalidName},
		{"an input that is none", "ada", &runtimev1.InvokeRequest{Connection: name, OperationId: "Get", Input: &httpbody.HttpBody{Data: []byte("x")}}, fault.ReasonInputInvalid},
		{"an operation that is none", "ada", &runtimev1.InvokeRequest{Connection: name, OperationId: "Got"}, fault.ReasonOperationNotFound},
		{"no time", "ada", &runtimev1.InvokeRequest{Connection: name, OperationId: "Get", Timeout: durationpb.New(time.Nanosecond)}, fault.ReasonUpstreamTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.Invoke(as(t, tt.who), tt.req)
			if fault.ReasonOf(err) != tt.reason {
				t.Fatalf("error = %v, want %q", err, tt.reason)
			}
			want := "a1"
			if tt.req.GetRevision() != "" {
				want = tt.req.GetRevision()
			}
			if err == nil && (got.GetStatusCode() != 200 || got.GetRevision() != want) {
				t.Errorf("answer = %v", got)
			}
		})
	}
}

func TestConnectionTestsAreReported(t *testing.T) {
	crm := resource.Connection{Environment: "default", ID: "crm"}
	const reached = "the server was reached (status 200), which does not prove the credentials: the connector names no operation to test them with; its maker names one with x-ferrule-connection-test"
	tests := []struct {
		name, who, connection string
		status                int
		fail                  error
		success               bool
		reports               []report
		reason                fault.Reason
	}{
		{"one without an operation says that it proves nothing", "ada", name, 200, nil, true, []report{{crm, true, reached}}, ""},
		{"one that fails has one", "ada", name, 401, nil, false, []report{{crm, false, "the API refused the connection's credentials (status 401)"}}, ""},
		{"nobody", "", name, 200, nil, false, nil, fault.ReasonUnauthenticated},
		{"a name that is none", "ada", "crm", 200, nil, false, nil, fault.ReasonInvalidName},
		{"a vault that does not listen", "ada", name, 200, fault.Unavailable(fault.ReasonServiceUnavailable, "no"), false, []report{{crm, true, reached}}, fault.ReasonServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, reports := server(t, tt.status, tt.fail)
			got, err := s.TestConnection(as(t, tt.who), &runtimev1.TestConnectionRequest{Name: tt.connection})
			if fault.ReasonOf(err) != tt.reason || (tt.fail != nil && !errors.Is(err, tt.fail)) {
				t.Fatalf("error = %v, want %q", err, tt.reason)
			}
			if diff := cmp.Diff(tt.reports, *reports, cmp.AllowUnexported(report{})); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
			if err == nil && (got.GetSucceeded() != tt.success || got.GetStatusCode() != int32(tt.status) || got.GetMessage() == "" || got.GetLatency() == nil) {
				t.Errorf("answer = %v", got)
			}
		})
	}
}

func TestTextIsMadeFitForProtobuf(t *testing.T) {
	for text, want := range map[string]string{"": "", "plain": "plain", "ü": "ü", "\xff": "\uFFFD", "a\xff\xfeb": "a\uFFFDb", strings.Repeat("x", 9) + "\xc3": strings.Repeat("x", 9) + "\uFFFD"} {
		if got := valid(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
