// Package grpcx is how Ferrule speaks gRPC: one way to build a server, one way
// to build a client, and errors that survive the trip.
//
// [NewServer] puts every call through the same steps (see its source for the
// list), so that a handler finds a caller who is known and allowed, a request
// that is valid, and a deadline; and returns a [fault.Error], which the caller's
// [NewClient] turns back into an equal one.
//
//	srv := grpcx.NewServer(grpcx.ServerConfig{
//		Log: log, Clock: clk, Verifier: tokens, Creds: credentials.NewTLS(id.ServerTLS()),
//		Rules: grpcx.Rules{vaultv1.VaultService_ResolveCredential_FullMethodName: {"runtime-proxy"}},
//	})
//	vaultv1.RegisterVaultServiceServer(srv, handler)
//	err := errors.Join(grpcx.CheckRules(srv, rules), grpcx.Serve(ctx, srv, clk, listener))
//
// [fault.Error]: https://pkg.go.dev/github.com/ferrule-dev/ferrule/pkg/fault#Error
package grpcx

import (
	"context"
	"log/slog"
	"time"

	"buf.build/go/protovalidate"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// The limits of servers and clients that are not told otherwise.
const (
	// DefaultMaxMessage is the largest message in bytes, either way: the answer
	// to an invocation, of at most 64 MiB, and what comes with it.
	DefaultMaxMessage = 72 << 20
	// DefaultTimeout is the time for a unary call whose caller sets no deadline.
	DefaultTimeout = 2 * time.Minute
	// DefaultMaxTimeout is the longest that a unary call may take, whatever its
	// caller asks for.
	DefaultMaxTimeout = 15 * time.Minute
)

const (
	// maxStreams bounds the calls of one connection that are open at once.
	maxStreams = 4096
	// streamWorkers are goroutines that serve call after call, so that not every
	// one has to grow a stack of its own. Calls beyond them get their own.
	streamWorkers = 64
	// streamWindow and connWindow are how many bytes of a call, and of all calls of
	// a connection, may be under way. With windows of its own choice gRPC sends a
	// ping with nearly every small call to find out how large they should be, which
	// is a system call, and a wake-up at the other end.
	streamWindow = 1 << 20
	connWindow   = 4 << 20
	// maxHeader bounds the headers of a call in bytes: a token of 8 KiB, and
	// room for what proxies and tracing add.
	maxHeader = 32 << 10
	// handshakeTime bounds the time until a new connection has its identity.
	handshakeTime = 20 * time.Second
	// serverPing finds connections whose other end is gone without a goodbye.
	serverPing = time.Minute
	// clientPing is also shorter than the idle times of common load balancers.
	clientPing = 30 * time.Second
	// pingMin is how often clients may ping; they do it every clientPing.
	pingMin = 10 * time.Second
	// pingWait is how long the answer to a ping may take.
	pingWait = 20 * time.Second
)

// ServerConfig is what a server is made of. Log, Clock and Verifier are
// required; for the others the zero value has the meaning that is given.
type ServerConfig struct {
	// Log gets one line for every call: failures of ours as errors, with their
	// cause; refused calls as information; successes for debugging.
	Log *slog.Logger
	// Clock measures how long calls take.
	Clock clock.Clock
	// Verifier decides who a bearer token is.
	Verifier authn.Verifier
	// Rules are the internal methods; see [CheckRules]. None if nil.
	Rules Rules
	// Refused is told of unary calls that the rules turned away, with who made
	// them in the context, so that a service can keep a record. It must return
	// soon. Nobody is told if nil.
	Refused func(ctx context.Context, request any)
	// Creds secure the connections that come over the network. If nil there are
	// none: only in-memory connections (package memnet) are accepted, as they
	// always are.
	Creds credentials.TransportCredentials
	// Health answers health checks. If nil the server always says SERVING.
	Health healthpb.HealthServer
	// Validator checks requests. If nil it is protovalidate's own.
	Validator protovalidate.Validator
	// MaxMessage is the largest message in bytes. If 0, [DefaultMaxMessage].
	MaxMessage int
	// Timeout is the time for a unary call without a deadline. If 0,
	// [DefaultTimeout].
	Timeout time.Duration
	// MaxTimeout is the longest time for a unary call. If 0,
	// [DefaultMaxTimeout]. Streams last as long as their ends want.
	MaxTimeout time.Duration
	// Tracer gets a span of every call but health checks. If nil, nobody does.
	Tracer trace.TracerProvider
	// Meter gets the metrics of the same calls. If nil, nobody does.
	Meter metric.MeterProvider
}

// NewServer returns a server with health and reflection registered. The caller
// registers its services, then serves it (see [Serve]). Only health checks are
// anonymous. It panics if a required part of cfg is missing.
func NewServer(cfg ServerConfig) *grpc.Server {
	cfg = cfg.withDefaults()
	calls := newPipeline(
		// This is the list: what a call passes on its way to the handler, and
		// its error on the way back.
		newTelemetry(trace.SpanKindServer, cfg.Tracer, cfg.Meter, cfg.Clock).server,
		recoverPanics{cfg.Log}.run,
		identifyRequest,
		logCalls{cfg.Log, cfg.Clock}.run,
		newLimitTime(cfg.Timeout, cfg.MaxTimeout).run,
		authenticate{cfg.Verifier}.run,
		authorize{cfg.Rules, cfg.Refused}.run,
		newValidate(cfg.Validator).run,
		mapErrors,
	)
	srv := grpc.NewServer(
		grpc.Creds(memnet.ServerCredentials(cfg.Creds)),
		grpc.UnaryInterceptor(calls.unary),
		grpc.StreamInterceptor(calls.stream),
		grpc.MaxRecvMsgSize(cfg.MaxMessage),
		grpc.MaxSendMsgSize(cfg.MaxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connWindow),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: serverPing, Timeout: pingWait}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingMin, PermitWithoutStream: true}),
	)
	healthpb.RegisterHealthServer(srv, cfg.Health)
	reflection.Register(srv)
	return srv
}

func (cfg ServerConfig) withDefaults() ServerConfig {
	if cfg.Log == nil || cfg.Clock == nil || cfg.Verifier == nil {
		panic("grpcx: a server needs Log, Clock and Verifier")
	}
	if cfg.Health == nil {
		cfg.Health = health.NewServer()
	}
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = DefaultMaxMessage
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxTimeout == 0 {
		cfg.MaxTimeout = DefaultMaxTimeout
	}
	return cfg
}
