package grpcx

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// maxBackoff is the longest pause between attempts to connect: a service
	// that is back is used again within seconds.
	maxBackoff = 5 * time.Second
	// connectTime bounds one attempt to connect.
	connectTime = 10 * time.Second
	// serviceConfig spreads calls over all addresses of a name.
	serviceConfig = `{"loadBalancingConfig":[{"round_robin":{}}]}`
)

// ClientConfig is what a client connection is made of. Target and Creds are
// required; for the others the zero value has the meaning that is given.
type ClientConfig struct {
	// Target is where to connect to, in gRPC's syntax: "dns:///host:port", or
	// "passthrough:///name" with a Dialer.
	Target string
	// Creds secure the connection, and prove this process's service identity.
	// Tokens travel only over connections that are private.
	Creds credentials.TransportCredentials
	// Dialer makes the connections. If nil, they are TCP. No proxy is used.
	Dialer func(ctx context.Context, addr string) (net.Conn, error)
	// Delegation says on whose behalf calls are made.
	Delegation Delegation
	// MaxMessage is the largest message in bytes. If 0, [DefaultMaxMessage].
	MaxMessage int
	// Tracer gets a span of every call but health checks. If nil, nobody does.
	Tracer trace.TracerProvider
	// Meter gets the metrics of the same calls. If nil, nobody does.
	Meter metric.MeterProvider
}

// NewClient returns a connection to a server made by [NewServer]. It connects
// with the first call. Errors of calls hold a *fault.Error equal to the
// server's in their chain, and still answer to status.FromError. Nothing is
// retried that the server may have seen. The caller closes the connection.
func NewClient(cfg ClientConfig) (*grpc.ClientConn, error) {
	if cfg.Target == "" || cfg.Creds == nil {
		return nil, errors.New("make grpc client: target and credentials are required")
	}
	size := cfg.MaxMessage
	if size == 0 {
		size = DefaultMaxMessage
	}
	calls := caller{newTelemetry(trace.SpanKindClient, cfg.Tracer, cfg.Meter, clock.System(), serverOf(cfg.Target)...)}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(cfg.Creds),
		grpc.WithPerRPCCredentials(callerToken{cfg.Delegation}),
		grpc.WithNoProxy(),
		grpc.WithUnaryInterceptor(calls.unary),
		grpc.WithStreamInterceptor(calls.stream),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableServiceConfig(), // DNS records do not configure us
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(size), grpc.MaxCallSendMsgSize(size)),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: clientPing, Timeout: pingWait, PermitWithoutStream: true}),
		grpc.WithConnectParams(connectParams()),
	}
	if cfg.Dialer != nil {
		options = append(options, grpc.WithContextDialer(cfg.Dialer))
	}
	return grpc.NewClient(cfg.Target, options...)
}

func connectParams() grpc.ConnectParams {
	p := grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: connectTime}
	p.Backoff.MaxDelay = maxBackoff
	return p
}

// serverOf returns the attributes of the server at a target.
func serverOf(target string) []attribute.KeyValue {
	return addressOf(named(target[strings.LastIndexByte(target, '/')+1:]))
}

// named is an address that is only a name.
type named string

// Network is not known.
func (named) Network() string { return "" }

// String returns the name.
func (n named) String() string { return string(n) }

// caller is what a client does with every call.
type caller struct{ telemetry *telemetry }

func (c caller) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, done := c.begin(ctx, method)
	err := invoke(ctx, method, req, reply, cc, opts...)
	done(err)
	return received(err)
}

func (c caller) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, done := c.begin(ctx, method)
	var once sync.Once
	finished := func(err error) { once.Do(func() { done(err) }) }
	s, err := open(ctx, desc, cc, method, append(slices.Clip(opts), grpc.OnFinish(finished))...)
	if err != nil {
		finished(err)
		return nil, received(err)
	}
	return faultStream{s}, nil
}

// begin begins a call with its span, and returns what ends it.
func (c caller) begin(ctx context.Context, method string) (context.Context, func(error)) {
	if strings.HasPrefix(method, "/"+healthpb.Health_ServiceDesc.ServiceName+"/") {
		return withOutgoing(ctx), func(error) {}
	}
	t := c.telemetry
	start, known := t.clock.Now(), t.of(method)
	ctx, span := t.tracer.Start(ctx, known.name, known.start...)
	if span.IsRecording() {
		span.SetAttributes(known.attrs...)
	}
	return withOutgoing(ctx), func(err error) { t.finish(ctx, span, known, start, err) }
}

// faultStream is a client stream whose errors hold faults.
type faultStream struct{ grpc.ClientStream }

// Header returns the headers of the answer.
func (s faultStream) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	return md, received(err)
}

// SendMsg sends a message.
func (s faultStream) SendMsg(m any) error { return received(s.ClientStream.SendMsg(m)) }

// RecvMsg receives a message; io.EOF is the end, not an error.
func (s faultStream) RecvMsg(m any) error { return received(s.ClientStream.RecvMsg(m)) }

// CloseSend ends the sending.
func (s faultStream) CloseSend() error { return received(s.ClientStream.CloseSend()) }

// received turns the error of a call into one that holds the server's fault.
func received(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &remoteError{fault: FromStatus(err), status: status.Convert(err)}
}

// remoteError is the error of a call to another service. It answers both to
// those who look for faults and to those who look for gRPC statuses.
type remoteError struct {
	fault  *fault.Error
	status *status.Status
}

// Error returns the text for operators.
func (e *remoteError) Error() string { return e.fault.Error() }

// Unwrap returns the fault.
func (e *remoteError) Unwrap() error { return e.fault }

// GRPCStatus returns the status as it was received.
func (e *remoteError) GRPCStatus() *status.Status { return e.status }
