package grpcx

import (
	"context"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/lifetime"
)

// call is what the steps learn about one call and tell each other, and its context:
// one piece of memory for what was a chain of contexts with a caller, an id and a
// deadline. The steps belong to the goroutine of the call; from the handler on, it
// does not change but for its end.
type call struct {
	lifetime.Life // a deadline as soon as limitTime has set one
	authn.Caller  // who calls; nobody until authenticate has found out

	method string // as in "/package.Service/Method"
	kind   callKind
	// request is the message of a unary call, and response what the handler
	// answered.
	request, response any
	// handle is the handler.
	handle func(c *call) error
	unary  grpc.UnaryHandler
	// check validates a message. It is set by the step before the handler, and
	// applied to the messages of a stream as they arrive.
	check func(message any) error

	id     string // of the request; ask requestID
	making sync.Once
}

// Value implements [context.Context].
func (c *call) Value(key any) any {
	if key == (requestIDKey{}) {
		return c
	}
	if known, ok := c.Caller.Value(key); ok {
		return known
	}
	return c.Life.Value(key)
}

// requestID returns the id of the request, which is made when it is first needed:
// most calls are neither logged, nor passed on, nor fail.
func (c *call) requestID() string {
	c.making.Do(func() {
		if c.id == "" {
			c.id = newRequestID()
		}
	})
	return c.id
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
	if c.Principal.Name == "" {
		return ""
	}
	return c.Principal.String()
}

// step does its part of a call and calls next for the rest, at most once.
type step func(c *call, next next) error

// next is the rest of a chain.
type next func(c *call) error

// pipeline runs steps in order, for unary calls and streams alike. It is put
// together once, from the last step to the first, so that a call needs no memory
// for the way from step to step: that was 14 allocations.
type pipeline struct{ run next }

func newPipeline(steps ...step) pipeline {
	run := func(c *call) error { return c.handle(c) }
	for _, s := range slices.Backward(steps) {
		rest := run
		run = func(c *call) error { return s(c, rest) }
	}
	return pipeline{run}
}

func (p pipeline) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := &call{method: info.FullMethod, kind: unaryCall, request: req, unary: handler, handle: handleUnary}
	c.Context = ctx
	err := p.run(c)
	response := c.response
	c.request, c.response = nil, nil // whoever keeps the context keeps no messages
	if err != nil {
		return nil, err
	}
	return response, nil
}

func handleUnary(c *call) (err error) {
	c.response, err = c.unary(c, c.request)
	return err
}

func (p pipeline) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	c := &call{method: info.FullMethod, kind: streamCall}
	c.Context = ss.Context()
	c.handle = func(c *call) error {
		return handler(srv, &checkedStream{ServerStream: ss, ctx: c, check: c.check})
	}
	return p.run(c)
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
