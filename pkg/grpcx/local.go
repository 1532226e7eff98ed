package grpcx

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// LocalConfig is what a [Local] is made of. Log, Clock and Peer are required; for the
// others the zero value has the meaning that it has in [ServerConfig].
type LocalConfig struct {
	// Log gets one line for every call, as that of a server does.
	Log *slog.Logger
	// Clock measures how long calls take.
	Clock clock.Clock
	// Peer is the service of this process that calls.
	Peer string
	// Tracer gets a span of every call, Meter the metrics.
	Tracer trace.TracerProvider
	Meter  metric.MeterProvider
}

// Local calls methods of a service in the same process: through the steps of a server,
// but for those that judge a connection and a token, and without the way there, which
// takes longer than the steps. Whoever makes one grants Peer the method. It is safe for
// concurrent use.
type Local struct{ calls pipeline }

// NewLocal returns a Local.
func NewLocal(cfg LocalConfig) *Local {
	return &Local{newPipeline(
		newTelemetry(trace.SpanKindServer, cfg.Tracer, cfg.Meter, cfg.Clock).server,
		recoverPanics{cfg.Log}.run,
		identifyLocal{cfg.Peer}.run,
		logCalls{cfg.Log, cfg.Clock}.run,
		newLimitTime(DefaultTimeout, DefaultMaxTimeout).run,
		newValidate(nil).run,
		mapErrors,
	)}
}

// Call calls a unary method by its full name. Its errors are those that a client gets.
func (l *Local) Call(ctx context.Context, method string, request any, handler grpc.UnaryHandler) (any, error) {
	response, err := l.calls.unary(ctx, request, &grpc.UnaryServerInfo{FullMethod: method}, handler)
	if err != nil {
		sent := status.Convert(err) // without the cause, which is in the log
		return nil, &remoteError{fault: decode(sent), status: sent}
	}
	return response, nil
}

// identifyLocal is what identifyRequest and authenticate are for calls from elsewhere.
type identifyLocal struct{ peer string }

func (s identifyLocal) run(c *call, next next) error {
	c.id = RequestID(c.Context)
	c.Peer, c.Principal = s.peer, authn.Principal{Kind: authn.KindService, Name: s.peer}
	return next(c)
}
