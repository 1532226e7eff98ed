package grpcx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// The service of the tests: what a method does is decided by each test.
const (
	echoMethod   = "/ferrule.test.v1.EchoService/Echo"
	secretMethod = "/ferrule.test.v1.EchoService/Internal"
	talkMethod   = "/ferrule.test.v1.EchoService/Talk"
)

type echo struct {
	unary  func(ctx context.Context, s string) (string, error)
	stream func(grpc.ServerStream) error
}

type echoServer interface {
	call(ctx context.Context, s string) (string, error)
	talk(ss grpc.ServerStream) error
}

func (e echo) call(ctx context.Context, s string) (string, error) {
	if e.unary == nil {
		return s, nil
	}
	return e.unary(ctx, s)
}

func (e echo) talk(ss grpc.ServerStream) error {
	if e.stream == nil {
		return errors.New("this test has no stream")
	}
	return e.stream(ss)
}

func echoDesc() *grpc.ServiceDesc {
	handle := func(method string) func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
		return func(srv any, ctx context.Context, dec func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.StringValue)
			if err := dec(in); err != nil {
				return nil, err
			}
			return intercept(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: method},
				func(ctx context.Context, req any) (any, error) {
					out, err := srv.(echoServer).call(ctx, req.(*wrapperspb.StringValue).GetValue())
					return wrapperspb.String(out), err
				})
		}
	}
	return &grpc.ServiceDesc{
		ServiceName: "ferrule.test.v1.EchoService",
		HandlerType: (*echoServer)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Echo", Handler: handle(echoMethod)},
			{MethodName: "Internal", Handler: handle(secretMethod)},
		},
		Streams: []grpc.StreamDesc{{
			StreamName: "Talk", ClientStreams: true, ServerStreams: true,
			Handler: func(srv any, ss grpc.ServerStream) error { return srv.(echoServer).talk(ss) },
		}},
	}
}

// rig is a server with everything around it that a test may want to look at.
type rig struct {
	t        *testing.T
	clock    *clocktest.Fake
	issuer   *authn.Issuer
	verifier authn.Verifier
	log      *logLines
	memory   *memnet.Listener
	server   *grpc.Server
}

// rigStart is when all tests begin.
var rigStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// setup is what a test may change about its rig.
type setup struct {
	grpcx.ServerConfig

	listeners []net.Listener      // besides the one in memory
	services  []*grpc.ServiceDesc // besides the echo, with handlers that need no receiver
}

// newRig serves handler in memory until the test ends.
func newRig(t *testing.T, handler echo, change func(*setup)) *rig {
	t.Helper()
	r := &rig{t: t, clock: clocktest.New(rigStart), log: &logLines{}, memory: memnet.Listen("echo")}
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	r.issuer = authn.NewIssuer(key, r.clock)
	r.verifier = authn.NewVerifier(r.clock, key.Public())
	cfg := setup{ServerConfig: grpcx.ServerConfig{
		Log:      slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Clock:    r.clock,
		Verifier: r.verifier,
		Rules:    grpcx.Rules{secretMethod: {"runtime-proxy"}},
	}}
	if change != nil {
		change(&cfg)
	}
	r.server = grpcx.NewServer(cfg.ServerConfig)
	r.server.RegisterService(echoDesc(), handler)
	if err := grpcx.CheckRules(r.server, cfg.Rules); err != nil {
		t.Fatal(err)
	}
	for _, desc := range cfg.services {
		r.server.RegisterService(desc, struct{}{})
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- grpcx.Serve(ctx, r.server, clock.System(), append(cfg.listeners, r.memory)...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

// as returns a connection of the named service; "" is a process without a name.
func (r *rig) as(service string) *grpc.ClientConn {
	return r.client(grpcx.ClientConfig{Dialer: r.memory.Dialer(service)})
}

func (r *rig) client(cfg grpcx.ClientConfig) *grpc.ClientConn {
	r.t.Helper()
	if cfg.Creds == nil {
		cfg.Creds = memnet.ClientCredentials()
	}
	if cfg.Target == "" {
		cfg.Target = "passthrough:///echo"
	}
	conn, err := grpcx.NewClient(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (r *rig) token(name string, roles ...authn.Role) string {
	r.t.Helper()
	token, err := r.issuer.Issue(authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// asUser returns a context whose calls carry a token of the user.
func (r *rig) asUser(name string, roles ...authn.Role) context.Context {
	return grpcx.WithCallerToken(r.t.Context(), r.token(name, roles...))
}

// call invokes a unary method of the test service.
func call(ctx context.Context, conn *grpc.ClientConn, method, text string, opts ...grpc.CallOption) (string, error) {
	out := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, method, wrapperspb.String(text), out, opts...)
	return out.GetValue(), err
}

// withHeader returns a context whose calls carry exactly these authorization
// headers.
func withHeader(ctx context.Context, values ...string) context.Context {
	for _, v := range values {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
	}
	return ctx
}

// logLines is a log that can be read.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines returns what was logged so far, as objects.
func (l *logLines) lines(t *testing.T) (out []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(bytes.TrimSpace(l.buf.Bytes())) {
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		out = append(out, object)
	}
	return out
}
