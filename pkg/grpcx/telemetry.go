package grpcx

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	nometric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	notrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// telemetryScope names who makes the spans and metrics.
const telemetryScope = "github.com/ferrule-dev/ferrule/pkg/grpcx"

// telemetry makes a span and a measurement of every call but health checks, by
// OpenTelemetry's conventions for RPC (semconv 1.43). It is a step, and not the
// stats handler of otelgrpc, because gRPC copies all headers of a call for any
// such handler, and that one copies them again and makes the same attributes anew
// for each call: 33 of the 245 allocations of an invocation. Calls that gRPC
// refuses by itself, of unknown methods or unreadable messages, are not seen.
type telemetry struct {
	kind     trace.SpanKind
	tracer   trace.Tracer
	duration metric.Float64Histogram
	clock    clock.Clock
	attrs    []attribute.KeyValue // of every span and measurement
	methods  sync.Map             // of method to *methodTelemetry; there are only so many
}

// methodTelemetry is what the calls of one method have in common.
type methodTelemetry struct {
	name  string // of the span
	start []trace.SpanStartOption
	attrs []attribute.KeyValue
	ends  sync.Map // of codes.Code to []metric.RecordOption
}

// newTelemetry returns the telemetry of a server, or of a client with the
// attributes of its server. Without providers nobody gets it.
func newTelemetry(kind trace.SpanKind, t trace.TracerProvider, m metric.MeterProvider, clk clock.Clock, attrs ...attribute.KeyValue) *telemetry {
	if t == nil {
		t = notrace.NewTracerProvider()
	}
	if m == nil {
		m = nometric.NewMeterProvider()
	}
	name, what := "rpc.server.call.duration", "Measures the duration of an incoming Remote Procedure Call (RPC)."
	if kind == trace.SpanKindClient {
		name, what = "rpc.client.call.duration", "Measures the duration of an outgoing Remote Procedure Call (RPC)."
	}
	duration, err := m.Meter(telemetryScope).Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	if err != nil { // only for a name that is not well-formed
		duration = nometric.Float64Histogram{}
	}
	return &telemetry{kind: kind, tracer: t.Tracer(telemetryScope), duration: duration, clock: clk, attrs: attrs}
}

func (t *telemetry) of(method string) *methodTelemetry {
	if known, ok := t.methods.Load(method); ok {
		return known.(*methodTelemetry) //nolint:errcheck,forcetypeassert // nothing else is in the map
	}
	name := strings.TrimPrefix(method, "/")
	attrs := append([]attribute.KeyValue{attribute.String("rpc.method", name), attribute.String("rpc.system.name", "grpc")}, t.attrs...)
	known, _ := t.methods.LoadOrStore(method, &methodTelemetry{
		name: name, attrs: attrs, start: []trace.SpanStartOption{trace.WithSpanKind(t.kind)},
	})
	return known.(*methodTelemetry) //nolint:errcheck,forcetypeassert // nothing else is in the map
}

// server is the step of a server.
func (t *telemetry) server(c *call, next next) error {
	if c.health() {
		return next(c)
	}
	start, method := t.clock.Now(), t.of(c.method)
	var span trace.Span
	c.Context, span = t.tracer.Start(withRemoteSpan(c.Context), method.name, method.start...)
	if span.IsRecording() {
		span.SetAttributes(method.attrs...)
		if p, ok := peer.FromContext(c); ok {
			span.SetAttributes(addressOf(p.LocalAddr)...)
		}
	}
	err := next(c)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("ferrule.request_id", c.requestID()))
		if err != nil {
			span.SetAttributes(attribute.String("ferrule.reason", string(toFault(err).Reason())))
		}
	}
	t.finish(c, span, method, start, err)
	return err
}

// finish ends the span of a call and measures it.
func (t *telemetry) finish(ctx context.Context, span trace.Span, method *methodTelemetry, start time.Time, err error) {
	code := status.Code(err)
	failed := t.failed(code)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("rpc.response.status_code", canonical(code)))
		if failed {
			span.SetStatus(otelcodes.Error, status.Convert(err).Message())
		}
		span.End()
	}
	t.duration.Record(ctx, t.clock.Now().Sub(start).Seconds(), method.measured(code, failed)...)
}

// failed reports whether a call with a code counts as an error: any for a client,
// and for a server those that are not its callers' doing.
func (t *telemetry) failed(code codes.Code) bool {
	if t.kind == trace.SpanKindClient {
		return code != codes.OK
	}
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	default:
		return false
	}
}

// measured returns the attributes of a measurement, the same ones each time.
func (m *methodTelemetry) measured(code codes.Code, failed bool) []metric.RecordOption {
	if known, ok := m.ends.Load(code); ok {
		return known.([]metric.RecordOption) //nolint:errcheck,forcetypeassert // nothing else is in the map
	}
	text := canonical(code)
	attrs := append([]attribute.KeyValue{attribute.String("rpc.response.status_code", text)}, m.attrs...)
	if failed {
		attrs = append(attrs, attribute.String("error.type", text))
	}
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
	known, _ := m.ends.LoadOrStore(code, options)
	return known.([]metric.RecordOption) //nolint:errcheck,forcetypeassert // nothing else is in the map
}

// addressOf returns the attributes of a server's address.
func addressOf(addr net.Addr) []attribute.KeyValue {
	if addr == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return []attribute.KeyValue{attribute.String("server.address", addr.String())}
	}
	out := []attribute.KeyValue{attribute.String("server.address", host)}
	if n, err := strconv.Atoi(port); err == nil {
		out = append(out, attribute.Int("server.port", n))
	}
	return out
}

// canonical is a code as the conventions write it.
func canonical(code codes.Code) string {
	if code == codes.Canceled {
		return "CANCELLED"
	}
	var out strings.Builder
	for n, r := range code.String() {
		if n > 0 && r >= 'A' && r <= 'Z' && code != codes.OK {
			out.WriteByte('_')
		}
		out.WriteRune(r)
	}
	return strings.ToUpper(out.String())
}
