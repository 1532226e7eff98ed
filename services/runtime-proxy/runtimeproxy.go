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
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/api"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dataplane"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/remote"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/uses"
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
	client   *upstream.Client
	uses     *uses.Recorder
	bindings *pipeline.Bindings
	api      *api.Server
	handler  *dataplane.Handler
}

var (
	_ service.Service = (*Service)(nil)
	_ service.HTTP    = (*Service)(nil)
)

// New builds the runtime. It reaches nobody yet.
func New(env service.Env, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure runtime: %w", err)
	}
	recorder, err := usage.New(env.Meter.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("build runtime: %w", err)
	}
	source := remote.New(env.Client(service.Vault), env.Client(service.Registry))
	client := upstream.New(env.Guard, env.Tracer.Tracer(scope), upstream.Options{MaxConnsPerHost: cfg.MaxConnsPerHost, Clock: env.Clock})
	used := uses.New(vaultv1.NewVaultServiceClient(env.Client(service.Vault)), env.Clock, env.Log)
	calls, err := pipeline.New(pipeline.Deps{
		Clock: env.Clock, Source: source, Client: client, Usage: recorder, Timeout: cfg.CallTimeout, Uses: used,
		Cache: binding.Config{
			Connections:   cfg.CacheConnections,
			RevisionBytes: uint64(cfg.CacheRevisionBytes),
			MaxAge:        cfg.CacheMaxAge,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("build runtime: %w", err)
	}
	handler, err := dataplane.New(dataplane.Deps{
		Log: env.Log, Clock: env.Clock, Verifier: env.Verifier, Pipeline: calls, Client: client, Usage: recorder, Timeout: cfg.ProxyTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("build data plane: %w", err)
	}
	env.Health.Register(announcements(bus.ChangeConnection))
	env.Health.Register(announcements(bus.ChangeConnector))
	return &Service{env: env, client: client, uses: used, bindings: calls.Bindings(), api: api.New(calls, source.ReportTest), handler: handler}, nil
}

// Register implements [service.Service].
func (s *Service) Register(r grpc.ServiceRegistrar) { runtimev1.RegisterRuntimeServiceServer(r, s.api) }

// Rules implements [service.Service]. All methods are for every authenticated
// principal; the vault decides who may use which connection.
func (s *Service) Rules() grpcx.Rules { return nil }

// Handler returns the data plane. It authenticates by itself.
func (s *Service) Handler() http.Handler { return s.handler }

// Run drops from the caches what is announced as changed, and reports to the
// vault where credentials went, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.client.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return s.watch(ctx, bus.ChangeConnection, func(c bus.Change) {
			s.bindings.DropConnection(resource.Connection{Environment: c.Environment, ID: c.ID})
		})
	})
	group.Go(func() error {
		return s.watch(ctx, bus.ChangeConnector, func(c bus.Change) {
			s.bindings.DropConnector(resource.Connector{Environment: c.Environment, ID: c.ID})
		})
	})
	group.Go(func() error { return s.uses.Run(ctx) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("run runtime: %w", err)
	}
	return nil
}

// watch drops everything whenever announcements may have been missed.
func (s *Service) watch(ctx context.Context, kind bus.ChangeKind, changed func(bus.Change)) error {
	return s.env.Bus.WatchChanges(ctx, kind, changed, func() {
		s.bindings.DropAll()
		s.env.Health.Set(announcements(kind), nil)
	})
}
