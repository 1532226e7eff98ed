package grpcx

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	nometric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	notrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// requestIDHeader carries the id of a request from service to service and back
// to the caller.
const requestIDHeader = "x-request-id"

// wellFormedID is which ids of callers are taken over: long enough to be one of
// a kind, and nothing that could spoil a log.
var wellFormedID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$`)

// recoverPanics makes an Internal error of a panic, so that one call cannot end
// the process.
type recoverPanics struct{ log *slog.Logger }

func (s recoverPanics) run(ctx context.Context, c *call, next func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			// The log step was passed by: this is the line for the operator.
			s.log.ErrorContext(ctx, "call panicked", "method", c.method, "request_id", c.id,
				"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = onWire(fault.From(fmt.Errorf("panic: %v", v)), c.id)
		}
	}()
	return next(ctx)
}

// annotateSpan gives the call's span what the log line has.
func annotateSpan(ctx context.Context, c *call, next func(context.Context) error) error {
	err := next(ctx)
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("ferrule.request_id", c.id))
	if err != nil {
		span.SetAttributes(attribute.String("ferrule.reason", string(toFault(err).Reason())))
	}
	return err
}

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, under which its
// log lines and its error are found in every service; "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRequestID returns a context whose calls carry the id. It is for requests
// that do not come in over gRPC; an id that is not 8 to 64 letters, digits,
// dots, underscores and hyphens is replaced by the server that receives it.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// identifyRequest takes over the caller's request id or makes one, and tells
// it to the caller.
func identifyRequest(ctx context.Context, c *call, next func(context.Context) error) error {
	if ids := metadata.ValueFromIncomingContext(ctx, requestIDHeader); len(ids) == 1 && wellFormedID.MatchString(ids[0]) {
		c.id = ids[0]
	} else {
		id, err := uuid.NewV7()
		if err != nil {
			return onWire(fault.From(fmt.Errorf("make request id: %w", err)), "")
		}
		c.id = id.String()
	}
	if err := grpc.SetHeader(ctx, metadata.Pairs(requestIDHeader, c.id)); err != nil {
		return onWire(fault.From(fmt.Errorf("set request id: %w", err)), c.id)
	}
	return next(WithRequestID(ctx, c.id))
}

// logCalls writes one line for a call when it ends.
type logCalls struct {
	log   *slog.Logger
	clock clock.Clock
}

func (s logCalls) run(ctx context.Context, c *call, next func(context.Context) error) error {
	if c.health() {
		return next(ctx)
	}
	start := s.clock.Now()
	err := next(ctx)
	level := levelOf(err)
	if !s.log.Enabled(ctx, level) {
		return err
	}
	attrs := []slog.Attr{
		slog.String("method", c.method),
		slog.String("request_id", c.id),
		slog.String("principal", c.who),
		slog.String("peer", c.peer),
		slog.Duration("duration", s.clock.Now().Sub(start)),
	}
	if err == nil {
		s.log.LogAttrs(ctx, level, "call done", attrs...)
		return nil
	}
	f := toFault(err)
	attrs = append(attrs, slog.String("code", f.Code().String()),
		slog.String("reason", string(f.Reason())), slog.String("error", err.Error()))
	s.log.LogAttrs(ctx, level, "call failed", attrs...)
	return err
}

// levelOf tells failures that are ours from those that need attention if there
// are many, and from callers' mistakes.
func levelOf(err error) slog.Level {
	if err == nil {
		return slog.LevelDebug
	}
	switch toFault(err).Code() {
	case fault.CodeInternal, fault.CodeUnknown:
		return slog.LevelError
	case fault.CodeUnavailable, fault.CodeDeadlineExceeded, fault.CodeResourceExhausted:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// serverTelemetry makes spans and metrics of calls received.
func serverTelemetry(t trace.TracerProvider, m metric.MeterProvider) stats.Handler {
	return otelgrpc.NewServerHandler(telemetryOptions(t, m)...)
}

// clientTelemetry makes spans and metrics of calls made.
func clientTelemetry(t trace.TracerProvider, m metric.MeterProvider) stats.Handler {
	return otelgrpc.NewClientHandler(telemetryOptions(t, m)...)
}

// telemetryOptions says everything, lest otelgrpc turn to global providers.
func telemetryOptions(t trace.TracerProvider, m metric.MeterProvider) []otelgrpc.Option {
	if t == nil {
		t = notrace.NewTracerProvider()
	}
	if m == nil {
		m = nometric.NewMeterProvider()
	}
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(t),
		otelgrpc.WithMeterProvider(m),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(filters.Not(filters.HealthCheck())),
	}
}
