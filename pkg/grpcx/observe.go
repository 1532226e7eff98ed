package grpcx

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// requestIDHeader carries the id of a request from service to service, and back to a
// caller who has sent one.
const requestIDHeader = "x-request-id"

// WellFormedID reports whether the id of a caller is taken over: long enough to be
// one of a kind, and nothing that could spoil a log.
func WellFormedID(id string) bool {
	if len(id) < 8 || len(id) > 64 || !letterOrDigit(id[0]) {
		return false
	}
	for n := range len(id) {
		if c := id[n]; !letterOrDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// recoverPanics makes an Internal error of a panic, so that one call cannot end
// the process.
type recoverPanics struct{ log *slog.Logger }

func (s recoverPanics) run(c *call, next next) (err error) {
	defer func() {
		if v := recover(); v != nil {
			// The log step was passed by: this is the line for the operator.
			s.log.ErrorContext(c, "call panicked", "method", c.method, "request_id", c.requestID(),
				"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = onWire(fault.From(fmt.Errorf("panic: %v", v)), c.requestID())
		}
	}()
	return next(c)
}

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, under which its
// log lines and its error are found in every service; "" outside of one.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(requestIDKey{}).(interface{ requestID() string }); ok {
		return c.requestID()
	}
	return ""
}

// WithRequestID returns a context whose calls carry the id. It is for requests
// that do not come in over gRPC; an id that is not 8 to 64 letters, digits,
// dots, underscores and hyphens is replaced by the server that receives it.
func WithRequestID(ctx context.Context, id string) context.Context {
	return &requestContext{Context: ctx, id: id}
}

// requestContext is a context with the id of its request, in one piece of memory.
type requestContext struct {
	context.Context //nolint:containedctx // it is one

	id string
}

func (c *requestContext) requestID() string { return c.id }

// Value returns the context itself for the id, or what the context behind has.
func (c *requestContext) Value(key any) any {
	if key == (requestIDKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// RequestIDOf returns the id that a request came with, or a new one if it came with none,
// with several, or with one that is not well-formed.
func RequestIDOf(sent []string) string {
	if len(sent) == 1 && WellFormedID(sent[0]) {
		return sent[0]
	}
	return newRequestID()
}

func newRequestID() string {
	// It fails only where there is no randomness, which Go does not survive anyway.
	return uuid.Must(uuid.NewV7()).String()
}

// identifyRequest takes over the caller's request id or has one made. Callers are told
// it who have sent one, and all whose call failed, which is what they need it for. A
// header with another value for each call would be a part of a call's cost that shows:
// both ends make room for it in their tables of headers (RFC 7541, section 2.3.2).
func identifyRequest(c *call, next next) error {
	sent := metadata.ValueFromIncomingContext(c, requestIDHeader)
	if len(sent) > 0 {
		c.id = RequestIDOf(sent)
		if err := tellRequestID(c); err != nil {
			return onWire(fault.From(fmt.Errorf("set request id: %w", err)), c.requestID())
		}
	}
	err := next(c)
	if err != nil && len(sent) == 0 {
		_ = tellRequestID(c) // too late in a stream, and it is in the error as well
	}
	return err
}

func tellRequestID(c *call) error {
	return grpc.SetHeader(c, metadata.MD{requestIDHeader: {c.requestID()}})
}

// logCalls writes one line for a call when it ends.
type logCalls struct {
	log   *slog.Logger
	clock clock.Clock
}

func (s logCalls) run(c *call, next next) error {
	if c.health() {
		return next(c)
	}
	start := s.clock.Now()
	err := next(c)
	level := levelOf(err)
	if !s.log.Enabled(c, level) {
		return err
	}
	attrs := []slog.Attr{
		slog.String("method", c.method),
		slog.String("request_id", c.requestID()),
		slog.String("principal", c.principal()),
		slog.String("peer", c.Peer),
		slog.Duration("duration", s.clock.Now().Sub(start)),
	}
	if err == nil {
		s.log.LogAttrs(c, level, "call done", attrs...)
		return nil
	}
	f := toFault(err)
	attrs = append(attrs, slog.String("code", f.Code().String()),
		slog.String("reason", string(f.Reason())), slog.String("error", err.Error()))
	s.log.LogAttrs(c, level, "call failed", attrs...)
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
