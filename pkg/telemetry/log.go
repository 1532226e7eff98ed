package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Attribute keys that every log record may carry.
const (
	// KeyService is the name of the service that wrote the record.
	KeyService = "service"
	// KeyTraceID is the hexadecimal W3C id of the trace that the record belongs to.
	KeyTraceID = "trace_id"
	// KeySpanID is the hexadecimal id of the span in which the record was written.
	KeySpanID = "span_id"
)

// Format is how log records are written.
type Format string

// The formats.
const (
	// FormatJSON writes one JSON object per line, for collectors. It is the default.
	FormatJSON Format = "json"
	// FormatText writes key=value pairs, for people.
	FormatText Format = "text"
)

// LogConfig says how and where a log is written.
type LogConfig struct {
	// Format is FormatJSON when empty; anything unknown is an error.
	Format Format
	// Level is the lowest level that is written; nil means info. A
	// [slog.LevelVar] can be changed while the process runs.
	Level slog.Leveler
	// Output receives one Write per record, never two at once. nil discards.
	Output io.Writer
}

// NewLogger returns a log whose records carry the service's name, and the ids
// of the trace and span in their context, if there are any. Inside a group of
// [slog.Logger.WithGroup] the ids appear in that group.
func NewLogger(service string, cfg LogConfig) (*slog.Logger, error) {
	output := cfg.Output
	if output == nil {
		output = io.Discard
	}
	options := &slog.HandlerOptions{Level: cfg.Level}
	var h slog.Handler
	switch cfg.Format {
	case FormatJSON, "":
		h = slog.NewJSONHandler(output, options)
	case FormatText:
		h = slog.NewTextHandler(output, options)
	default:
		return nil, fmt.Errorf("telemetry: log format %q is unknown, use %q or %q", cfg.Format, FormatJSON, FormatText)
	}
	return slog.New(withTrace{h}).With(KeyService, service), nil
}

// withTrace adds the ids of the trace in the record's context.
type withTrace struct{ slog.Handler }

// Handle adds the ids, then lets the wrapped handler write the record.
func (h withTrace) Handle(ctx context.Context, rec slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		rec = rec.Clone() // a record's attributes may be shared with other handlers
		rec.AddAttrs(slog.String(KeyTraceID, sc.TraceID().String()), slog.String(KeySpanID, sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, rec)
}

// WithAttrs keeps the wrapper around the derived handler.
func (h withTrace) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withTrace{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapper around the derived handler.
func (h withTrace) WithGroup(name string) slog.Handler {
	return withTrace{h.Handler.WithGroup(name)}
}
