package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newTraces returns a tracer provider that exports to the configured collector.
// Without one it only hands out ids: new traces are not sampled, which spares
// the recording, and what a caller sampled stays sampled for those behind us.
func newTraces(ctx context.Context, cfg Config, self *resource.Resource, log *slog.Logger) (*sdktrace.TracerProvider, error) {
	if cfg.TracesEndpoint == "" {
		return sdktrace.NewTracerProvider(
			sdktrace.WithResource(self),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())),
		), nil
	}
	ratio := cfg.SampleRatio
	if ratio == 0 {
		ratio = 1
	}
	if !(ratio > 0 && ratio <= 1) { // written so that NaN is refused too
		return nil, fmt.Errorf("telemetry: a sample ratio of %v is not above 0 and up to 1", cfg.SampleRatio)
	}
	if err := checkEndpoint(cfg.TracesEndpoint); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.TracesEndpoint))
	if err != nil {
		return nil, fmt.Errorf("create trace exporter: %w", err)
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithResource(self),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithBatcher(loggedExporter{SpanExporter: exporter, log: log}),
	), nil
}

// checkEndpoint refuses what the exporter would only log and then ignore. The
// URL is not repeated in the error: it may hold a password.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New(`telemetry: the traces endpoint is not an http or https URL such as "http://collector:4318/v1/traces"`)
	}
	return nil
}

// loggedExporter reports failed exports to our own log. The SDK would hand them
// to a global error handler, which writes to standard error in its own format.
type loggedExporter struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans sends spans; a failure is logged here and goes no further,
// because nobody above could do anything about it.
func (e loggedExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.WarnContext(ctx, "spans were not exported", "count", len(spans), "error", err)
	}
	return nil
}
