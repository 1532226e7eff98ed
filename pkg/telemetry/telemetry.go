// Package telemetry gives a process its eyes: structured logs, traces and
// metrics, built once in main and handed down. Nothing is registered globally,
// so two services in one process do not see each other's.
//
//	tel, err := telemetry.New(ctx, telemetry.Config{
//		Service: "trigger", Version: version,
//		Log:    telemetry.LogConfig{Format: telemetry.FormatJSON, Level: slog.LevelInfo, Output: os.Stderr},
//	})
//	…
//	group.OnStop("telemetry", tel.Shutdown)
//	mux.Handle("GET /metrics", tel.Metrics())
//
// Spans get ids, and log records carry them, even when no collector is
// configured: then nothing is recorded, and the ids still tie the log lines of
// one request together, across processes.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config of a process's telemetry.
type Config struct {
	// Service is the name of the service, on every log record, span and in the
	// metrics. Required.
	Service string
	// Version is the version of the program. Optional.
	Version string
	// Log says how and where the log is written.
	Log LogConfig
	// TracesEndpoint is the URL of an OTLP/HTTP collector, for example
	// "http://collector:4318/v1/traces". Empty exports nothing.
	TracesEndpoint string
	// SampleRatio is the share of new traces that are exported, above 0 and up
	// to 1; traces that a caller began follow the caller's decision. Zero means
	// 1. Without TracesEndpoint it has no effect.
	SampleRatio float64
}

// Telemetry holds the log, the traces and the metrics of one process. It is
// safe for concurrent use.
type Telemetry struct {
	log      *slog.Logger
	registry *prometheus.Registry
	traces   *sdktrace.TracerProvider
	metrics  *sdkmetric.MeterProvider
}

// New builds the telemetry of a process. It opens no connection: a collector
// that is away is reported in the log when spans cannot be sent, and costs
// those spans only. ctx bounds the construction alone.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.Service == "" {
		return nil, errors.New("telemetry: the service has no name")
	}
	log, err := NewLogger(cfg.Service, cfg.Log)
	if err != nil {
		return nil, err
	}
	self := resource.NewSchemaless(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.version", cfg.Version),
	)
	t := &Telemetry{log: log, registry: prometheus.NewRegistry()}
	if err := t.startMetrics(self); err != nil {
		return nil, err
	}
	if t.traces, err = newTraces(ctx, cfg, self, log); err != nil {
		return nil, err
	}
	return t, nil
}

// startMetrics connects the meter provider and the runtime's own collectors to
// the process's registry.
func (t *Telemetry) startMetrics(self *resource.Resource) error {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := t.registry.Register(c); err != nil {
			return fmt.Errorf("register runtime metrics: %w", err)
		}
	}
	reader, err := otelprom.New(otelprom.WithRegisterer(t.registry))
	if err != nil {
		return fmt.Errorf("create metrics exporter: %w", err)
	}
	t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(self))
	return nil
}

// Logger returns the process's log.
func (t *Telemetry) Logger() *slog.Logger { return t.log }

// TracerProvider returns where tracers come from.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.traces }

// MeterProvider returns where meters come from.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.metrics }

// Registry returns the process's own metrics registry, for collectors that are
// not OpenTelemetry instruments.
func (t *Telemetry) Registry() prometheus.Registerer { return t.registry }

// Propagator returns how trace context travels in headers: W3C trace context.
// Baggage is left out, because it would carry what callers wrote to upstreams.
func (t *Telemetry) Propagator() propagation.TextMapPropagator { return propagation.TraceContext{} }

// Metrics serves the metrics of this process in the Prometheus format. Errors
// of single collectors are logged, and the rest is served.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(t.log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// Shutdown sends the spans that are waiting and releases everything, within
// the deadline of ctx. Call it last, so that the stop itself can be seen.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if err := errors.Join(t.traces.Shutdown(ctx), t.metrics.Shutdown(ctx)); err != nil {
		return fmt.Errorf("shut telemetry down: %w", err)
	}
	return nil
}
