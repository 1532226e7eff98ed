// Package service is the process around a service: it gives each one what it
// needs, serves its gRPC methods and HTTP handlers, and stops it in order.
//
// A service is written once against [Env] and [Service]. Whether it runs alone
// ([Main]) or together with all others in one process is decided by who builds
// the Env: the service cannot tell the difference.
package service

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// Names of the services, as they identify themselves to each other.
const (
	Registry = "registry"
	Vault    = "credential-vault"
	Runtime  = "runtime-proxy"
	Trigger  = "trigger"
	Gateway  = "gateway"
)

// Env is what the hosting process hands to a service. Everything in it outlives
// the service and is closed by the host, never by the service.
type Env struct {
	// Name is the service's own name, one of the constants of this package.
	Name string
	// Log carries the service's name.
	Log *slog.Logger
	// Clock is the only source of time.
	Clock clock.Clock
	// Store is the service's own store; nil for services that own nothing.
	Store kv.Store
	// Bus is connected, with all streams declared.
	Bus *bus.Bus
	// Verifier checks bearer tokens, for HTTP handlers that are not behind the
	// gRPC server.
	Verifier authn.Verifier
	// Guard judges every outbound connection.
	Guard *egress.Guard
	// Health is where the service registers what it needs to be ready.
	Health *health.Registry
	// Tracer makes the service's traces.
	Tracer trace.TracerProvider
	// Untraced is true if spans go nowhere. Then those that nothing is inside of, and
	// whose ids nobody gets to see, need not be made.
	Untraced bool
	// Meter makes the service's metrics.
	Meter metric.MeterProvider
	// DataDir is a directory of the service's own, mode 0700; empty for
	// services that own nothing.
	DataDir string
	// Client returns the connection to another service. It identifies this
	// process, and passes on the bearer token of the caller found in a context.
	Client func(service string) grpc.ClientConnInterface
}

// Service is a built service. Its methods are called once each, in the order
// Register, Rules, Run.
type Service interface {
	// Register adds the service's gRPC implementation.
	Register(grpc.ServiceRegistrar)
	// Rules lists the methods that only certain services may call.
	Rules() grpcx.Rules
	// Run does the background work until ctx ends, and returns when everything
	// it started has stopped. A service without background work waits.
	Run(ctx context.Context) error
}

// HTTP is implemented by services that also serve plain HTTP: the runtime's data
// plane and the gateway's edge.
type HTTP interface {
	// Handler returns the service's HTTP handler.
	Handler() http.Handler
}

// Witness is implemented by services that keep a record of who was refused an
// internal method.
type Witness interface {
	// Refused is told of each such call, with the caller in ctx. It must return
	// soon, and ignore requests that are not its own.
	Refused(ctx context.Context, request any)
}

// Refusals returns the function that tells all witnesses among services.
func Refusals(services ...Service) func(ctx context.Context, request any) {
	return func(ctx context.Context, request any) {
		for _, s := range services {
			if w, ok := s.(Witness); ok {
				w.Refused(ctx, request)
			}
		}
	}
}
