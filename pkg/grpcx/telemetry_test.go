package grpcx_test

import (
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// measurements returns the attributes of each measured duration, by the name of
// its instrument.
func measurements(t *testing.T, reader *sdkmetric.ManualReader) map[string][]map[string]string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string][]map[string]string{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				attrs := map[string]string{}
				for _, a := range point.Attributes.ToSlice() {
					attrs[string(a.Key)] = a.Value.String()
				}
				out[m.Name] = append(out[m.Name], attrs)
			}
		}
	}
	return out
}

func TestCallsAreMeasuredByTheConventions(t *testing.T) {
	for _, row := range []struct {
		name                     string
		err                      error
		code, ofServer, ofClient string // of the answer, and the type of the error
	}{
		{"a call that succeeds", nil, "OK", "", ""},
		{"a mistake of the caller is no error of the server", fault.NotFound(fault.ReasonWebhookUnknown, "gone"), "NOT_FOUND", "", "NOT_FOUND"},
		{"a failure of the server is one of both", fault.Internal(fault.ReasonInternal, "broken"), "INTERNAL", "INTERNAL", "INTERNAL"},
		{"a caller who left is spelt as the conventions do", context.Canceled, "CANCELLED", "", "CANCELLED"},
		{"two words get a line between them", context.DeadlineExceeded, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"},
	} {
		t.Run(row.name, func(t *testing.T) {
			reader := sdkmetric.NewManualReader()
			meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
			r := newRig(t, echo{unary: func(context.Context, string) (string, error) { return "", row.err }}, func(cfg *setup) { cfg.Meter = meter })
			conn := r.client(grpcx.ClientConfig{Dialer: r.memory.Dialer("gateway"), Meter: meter})
			for range 2 { // the second has the attributes of the first
				_, _ = call(t.Context(), conn, echoMethod, "")
			}
			r.server.GracefulStop()
			want := func(failed string) []map[string]string {
				attrs := map[string]string{
					"rpc.method": echoMethod[1:], "rpc.system.name": "grpc", "rpc.response.status_code": row.code,
				}
				if failed != "" {
					attrs["error.type"] = failed
				}
				return []map[string]string{attrs}
			}
			got := measurements(t, reader)
			for _, attrs := range got["rpc.client.call.duration"] {
				if attrs["server.address"] == "" {
					t.Errorf("the client does not say which server it called: %v", attrs)
				}
				delete(attrs, "server.address")
				delete(attrs, "server.port")
			}
			if diff := cmp.Diff(want(row.ofServer), got["rpc.server.call.duration"]); diff != "" {
				t.Errorf("server (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want(row.ofClient), got["rpc.client.call.duration"]); diff != "" {
				t.Errorf("client (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPanicsAreMeasuredAndTraced(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	reader := sdkmetric.NewManualReader()
	r := newRig(t, echo{unary: func(context.Context, string) (string, error) { panic("oh") }}, func(cfg *setup) {
		cfg.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		cfg.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	})
	_, _ = call(t.Context(), r.client(grpcx.ClientConfig{Dialer: r.memory.Dialer("gateway")}), echoMethod, "")
	r.server.GracefulStop()
	if got := measurements(t, reader)["rpc.server.call.duration"]; len(got) != 1 || got[0]["error.type"] != "INTERNAL" {
		t.Errorf("measured %v", got)
	}
	if ended := spans.Ended(); len(ended) != 1 || ended[0].Status().Code != otelcodes.Error {
		t.Errorf("spans = %v", ended)
	}
}

func TestAStreamsSpanEndsWithTheStream(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	r := newRig(t, echo{stream: func(ss grpc.ServerStream) error { return ss.SendMsg(wrapperspb.String("hello")) }},
		func(cfg *setup) { cfg.Tracer = tracer })
	conn := r.client(grpcx.ClientConfig{Dialer: r.memory.Dialer("gateway"), Tracer: tracer})
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, talkMethod)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = s.RecvMsg(new(wrapperspb.StringValue))
	}
	if err != io.EOF { //nolint:errorlint // it is the end, not an error
		t.Fatal(err)
	}
	r.server.GracefulStop()
	kinds := map[trace.SpanKind]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		kinds[s.SpanKind()] = s
	}
	server, client := kinds[trace.SpanKindServer], kinds[trace.SpanKindClient]
	if server == nil || client == nil || len(spans.Ended()) != 2 {
		t.Fatalf("spans = %v", spans.Ended())
	}
	if server.Parent().SpanID() != client.SpanContext().SpanID() {
		t.Error("the trace does not go from client to server")
	}
	attrs := attribute.NewSet(client.Attributes()...)
	if v, _ := attrs.Value("rpc.response.status_code"); v.AsString() != "OK" {
		t.Errorf("the client's span says %v", client.Attributes())
	}
}

func TestEachCallHasARequestIDThatSortsByItsTime(t *testing.T) {
	var seen []string
	r := newRig(t, echo{unary: func(ctx context.Context, _ string) (string, error) {
		seen = append(seen, grpcx.RequestID(ctx))
		return "", nil
	}}, nil)
	conn := r.client(grpcx.ClientConfig{Dialer: r.memory.Dialer("gateway")})
	for range 2 {
		if _, err := call(t.Context(), conn, echoMethod, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 2 || seen[0] >= seen[1] {
		t.Fatalf("ids = %q", seen)
	}
	id, err := uuid.Parse(seen[0])
	if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
		t.Fatalf("%q is no UUID of version 7: %v", seen[0], err)
	}
}
