package grpcx

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

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
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(cfg.Creds),
		grpc.WithPerRPCCredentials(callerToken{cfg.Delegation}),
		grpc.WithNoProxy(),
		grpc.WithStatsHandler(clientTelemetry(cfg.Tracer, cfg.Meter)),
		grpc.WithUnaryInterceptor(callUnary),
		grpc.WithStreamInterceptor(callStream),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableServiceConfig(), // DNS records do not configure us
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(size), grpc.MaxCallSendMsgSize(size)),
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

func callUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return received(invoke(passRequestID(ctx), method, req, reply, cc, opts...))
}

func callStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(passRequestID(ctx), desc, cc, method, opts...)
	if err != nil {
		return nil, received(err)
	}
	return faultStream{s}, nil
}

// passRequestID sends the id of the request that this call is part of.
func passRequestID(ctx context.Context) context.Context {
	id := RequestID(ctx)
	if id == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, requestIDHeader, id)
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
