package grpcx

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// call is what the steps learn about one call and tell each other. It belongs
// to the goroutine of the call.
type call struct {
	method  string // as in "/package.Service/Method"
	kind    callKind
	request any // the message of a unary call
	// check validates a message. It is set by the step before the handler, and
	// applied to the messages of a stream as they arrive.
	check func(message any) error

	id   string // the request id
	who  string // the principal, for the log
	peer string // the calling service, for the log
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

// step does its part of a call and calls next for the rest, at most once.
type step func(ctx context.Context, c *call, next func(context.Context) error) error

// pipeline runs steps in order, for unary calls and streams alike.
type pipeline []step

func (p pipeline) run(ctx context.Context, c *call, handler func(context.Context) error) error {
	if len(p) == 0 {
		return handler(ctx)
	}
	return p[0](ctx, c, func(ctx context.Context) error { return p[1:].run(ctx, c, handler) })
}

func (p pipeline) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var resp any
	err := p.run(ctx, &call{method: info.FullMethod, kind: unaryCall, request: req}, func(ctx context.Context) (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (p pipeline) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	c := &call{method: info.FullMethod, kind: streamCall}
	return p.run(ss.Context(), c, func(ctx context.Context) error {
		return handler(srv, &checkedStream{ServerStream: ss, ctx: ctx, check: c.check})
	})
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
