package grpcx

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/ferrule-dev/ferrule/pkg/authn"
)

// call is what the steps learn about one call and tell each other. It belongs
// to the goroutine of the call.
type call struct {
	method string // as in "/package.Service/Method"
	kind   callKind
	// request is the message of a unary call, and response what the handler
	// answered.
	request, response any
	// handle is the handler.
	handle func(ctx context.Context, c *call) error
	unary  grpc.UnaryHandler
	// check validates a message. It is set by the step before the handler, and
	// applied to the messages of a stream as they arrive.
	check func(message any) error

	id   string          // the request id
	who  authn.Principal // for the log; zero if nobody is known
	peer string          // the calling service, for the log
}

// callKind tells unary calls, which have one request and must end, from
// streams.
type callKind int

const (
	unaryCall callKind = iota
	streamCall
)

// health reports whether the call is a health check, which anybody may make
// and nobody wants to read about.
func (c *call) health() bool {
	return strings.HasPrefix(c.method, "/"+healthpb.Health_ServiceDesc.ServiceName+"/")
}

// plumbing reports whether the call is to one of gRPC's own services, whose
// errors are part of their protocol.
func (c *call) plumbing() bool { return strings.HasPrefix(c.method, "/grpc.") }

// principal is the caller's name for the log, which few calls get a line in.
func (c *call) principal() string {
	if c.who.Name == "" {
		return ""
	}
	return c.who.String()
}

// step does its part of a call and calls next for the rest, at most once.
type step func(ctx context.Context, c *call, next next) error

// next is the rest of a chain.
type next func(ctx context.Context, c *call) error

// pipeline runs steps in order, for unary calls and streams alike. It is put
// together once, from the last step to the first, so that a call needs no memory
// for the way from step to step: that was 14 allocations.
type pipeline struct{ run next }

func newPipeline(steps ...step) pipeline {
	run := func(ctx context.Context, c *call) error { return c.handle(ctx, c) }
	for _, s := range slices.Backward(steps) {
		rest := run
		run = func(ctx context.Context, c *call) error { return s(ctx, c, rest) }
	}
	return pipeline{run}
}

func (p pipeline) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := &call{method: info.FullMethod, kind: unaryCall, request: req, unary: handler, handle: handleUnary}
	if err := p.run(ctx, c); err != nil {
		return nil, err
	}
	return c.response, nil
}

func handleUnary(ctx context.Context, c *call) (err error) {
	c.response, err = c.unary(ctx, c.request)
	return err
}

func (p pipeline) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	c := &call{method: info.FullMethod, kind: streamCall}
	c.handle = func(ctx context.Context, c *call) error {
		return handler(srv, &checkedStream{ServerStream: ss, ctx: ctx, check: c.check})
	}
	return p.run(ss.Context(), c)
}

// checkedStream has the context that the steps made, and validates what it
// receives.
type checkedStream struct {
	grpc.ServerStream

	ctx   context.Context //nolint:containedctx // a gRPC stream hands out its context
	check func(message any) error
}

// Context returns the context of the call.
func (s *checkedStream) Context() context.Context { return s.ctx }

// RecvMsg receives a message and validates it.
func (s *checkedStream) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err
	}
	return s.check(message)
}
