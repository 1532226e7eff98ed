package grpcx_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

func TestSpansAndMetrics(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	reader := sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	failing := echo{unary: func(ctx context.Context, _ string) (string, error) {
		if !trace.SpanContextFromContext(ctx).IsValid() {
			t.Error("the handler has no span")
		}
		return "", fault.NotFound(fault.ReasonWebhookUnknown, "gone")
	}}
	r := newRig(t, failing, func(cfg *setup) { cfg.Tracer, cfg.Meter = tracer, meter })
	conn := r.client(grpcx.ClientConfig{Dialer: r.memory.Dialer("gateway"), Tracer: tracer})

	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	_, callErr := call(t.Context(), conn, echoMethod, "")
	r.server.GracefulStop() // after it the server's span has ended

	var server, client sdktrace.ReadOnlySpan
	for _, s := range spans.Ended() {
		switch s.SpanKind() {
		case trace.SpanKindServer:
			server = s
		case trace.SpanKindClient:
			client = s
		default:
		}
		if strings.Contains(s.Name(), "Health") {
			t.Errorf("a health check has the span %q", s.Name())
		}
	}
	if server == nil || client == nil {
		t.Fatalf("spans = %v", spans.Ended())
	}
	if server.Parent().SpanID() != client.SpanContext().SpanID() {
		t.Error("the trace does not go from client to server")
	}
	attrs := attribute.NewSet(server.Attributes()...)
	if v, _ := attrs.Value("ferrule.reason"); v.AsString() != "WEBHOOK_UNKNOWN" {
		t.Errorf("ferrule.reason = %q", v.AsString())
	}
	if v, _ := attrs.Value("ferrule.request_id"); v.AsString() != fault.From(callErr).ID() {
		t.Errorf("ferrule.request_id = %q, want %q", v.AsString(), fault.From(callErr).ID())
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil || len(got.ScopeMetrics) == 0 {
		t.Errorf("no metrics: %v", err)
	}
}
