// Package runtimeproxy executes operations of connectors: it validates inputs,
// builds requests, puts credentials in at the last moment, and speaks to APIs
// through the egress guard.
//
// It owns nothing durable. A call arrives over gRPC ([Service.Register]) or as a
// raw HTTP request on the data plane ([Service.Handler]); internal/pipeline's
// steps.go lists what happens to it.
//
//	svc, err := runtimeproxy.New(env, cfg)
//	err = svc.Run(ctx)
package runtimeproxy

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/api"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dataplane"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// scope names the instruments of this service.
const scope = "github.com/ferrule-dev/ferrule/services/runtime-proxy"

// announcements is the health target of watching a kind of change.
func announcements(kind bus.ChangeKind) string {
	return "announcements of " + string(kind) + " changes"
}

// Service is the runtime.
type Service struct {
	env      service.Env
	parts    *parts
	bindings *pipeline.Bindings
	api      *api.Server
	handler  *dataplane.Handler
}

var (
	_ service.Service = (*Service)(nil)
	_ service.HTTP    = (*Service)(nil)
)

// New builds the runtime. It opens its buckets on the bus and reaches nobody else
// yet.
func New(env service.Env, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure runtime: %w", err)
	}
	p, err := newParts(env, &cfg)
	if err != nil {
		return nil, fmt.Errorf("build runtime: %w", err)
	}
	calls, err := pipeline.New(p.deps(env, &cfg))
	if err != nil {
		return nil, fmt.Errorf("build runtime: %w", err)
	}
	handler, err := dataplane.New(dataplane.Deps{
		Log: env.Log, Clock: env.Clock, Verifier: env.Verifier, Pipeline: calls, Client: p.client, Usage: p.recorder, Timeout: cfg.ProxyTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("build data plane: %w", err)
	}
	env.Health.Register(announcements(bus.ChangeConnection))
	env.Health.Register(announcements(bus.ChangeConnector))
	return &Service{env: env, parts: p, bindings: calls.Bindings(), api: api.New(calls, p.methods(env, calls)), handler: handler}, nil
}

// Register implements [service.Service].
func (s *Service) Register(r grpc.ServiceRegistrar) { runtimev1.RegisterRuntimeServiceServer(r, s.api) }

// Rules implements [service.Service]. All methods but four are for every
// authenticated principal; the vault decides who may use which connection.
// Callbacks come in at the gateway, the registry has code and policies compiled, and the
// trigger service has mappings tried.
func (s *Service) Rules() grpcx.Rules {
	return grpcx.Rules{
		runtimev1.RuntimeService_ReceiveCallback_FullMethodName: {service.Gateway},
		runtimev1.RuntimeService_CheckScript_FullMethodName:     {service.Registry},
		runtimev1.RuntimeService_CheckPolicies_FullMethodName:   {service.Registry},
		runtimev1.RuntimeService_CheckInputs_FullMethodName:     {service.Trigger},
	}
}

// Handler returns the data plane. It authenticates by itself.
func (s *Service) Handler() http.Handler { return s.handler }

// Run drops from the caches what is announced as changed, removes what deleted
// connections have left, reports to the vault where credentials went, and writes
// down what was counted and logged, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.parts.close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return s.watch(ctx, bus.ChangeConnection, func(c bus.Change) { s.drop(resource.Connection{Environment: c.Environment, ID: c.ID}) })
	})
	group.Go(func() error {
		return s.watch(ctx, bus.ChangeConnector, func(c bus.Change) {
			s.dropConnector(resource.Connector{Environment: c.Environment, ID: c.ID})
		})
	})
	for _, run := range s.parts.runs() {
		group.Go(func() error { return run(ctx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("run runtime: %w", err)
	}
	return nil
}

// drop forgets what is known of a connection.
func (s *Service) drop(connection resource.Connection) {
	s.bindings.DropConnection(connection)
	s.parts.answers.Forget(connection)
	s.parts.resolver.DropConnection(connection)
	s.parts.sweeper.Connection(connection)
}

// dropConnector forgets what is known of a connector.
func (s *Service) dropConnector(connector resource.Connector) {
	s.bindings.DropConnector(connector)
	s.parts.sweeper.Connector(connector)
}

// watch drops everything whenever announcements may have been missed.
func (s *Service) watch(ctx context.Context, kind bus.ChangeKind, changed func(bus.Change)) error {
	return s.env.Bus.WatchChanges(ctx, kind, changed, func() {
		s.bindings.DropAll()
		s.parts.answers.ForgetAll()
		s.parts.resolver.DropAll()
		s.parts.sweeper.Everything()
		s.env.Health.Set(announcements(kind), nil)
	})
}
