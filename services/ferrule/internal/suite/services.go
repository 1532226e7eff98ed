package suite

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/service"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
	"github.com/ferrule-dev/ferrule/services/gateway"
	"github.com/ferrule-dev/ferrule/services/registry"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
	"github.com/ferrule-dev/ferrule/services/trigger"
)

// buildServices builds the services as their own programs would.
func (s *suite) buildServices(ctx context.Context) error {
	var beside gateway.Beside // of the edge, which calls them most
	var edge http.Handler
	for _, part := range []struct {
		name string
		make func(service.Env) (service.Service, error)
	}{
		{service.Registry, func(env service.Env) (service.Service, error) { return registry.New(env, s.cfg.Registry) }},
		{service.Vault, func(env service.Env) (service.Service, error) { return vault.New(env, s.vaultConfig()) }},
		{service.Runtime, func(env service.Env) (service.Service, error) {
			runtime, err := runtimeproxy.New(env, s.runtimeConfig())
			if err == nil {
				beside.PassThrough = runtime.Handler()
			}
			return runtime, err
		}},
		{service.Trigger, func(env service.Env) (service.Service, error) {
			svc, err := trigger.New(env, s.triggerConfig())
			if err == nil {
				beside.Ingress = svc.Ingress()
			}
			return svc, err
		}},
		{service.Gateway, func(env service.Env) (service.Service, error) {
			g, err := gateway.New(ctx, env, beside)
			if err == nil {
				edge = g.Handler()
			}
			return g, err
		}},
	} {
		svc, err := part.make(s.envOf(part.name))
		if err != nil {
			return fmt.Errorf("build %s: %w", part.name, err)
		}
		s.services = append(s.services, svc)
		s.addService(part.name, svc)
	}
	s.serveEdge(edge)
	return nil
}

// publicURL is where browsers and APIs reach us: our own address if nobody said.
func (s *suite) publicURL() string {
	return cmp.Or(s.cfg.Vault.PublicURL, s.cfg.Trigger.PublicURL, localURL(s.edge.Addr()))
}

func (s *suite) runtimeConfig() runtimeproxy.Config {
	cfg := s.cfg.Runtime
	cfg.PublicURL = s.publicURL()
	return cfg
}

func (s *suite) triggerConfig() trigger.Config {
	cfg := s.cfg.Trigger
	cfg.PublicURL = s.publicURL()
	return cfg
}

func (s *suite) vaultConfig() vault.Config {
	cfg := s.cfg.Vault
	cfg.PublicURL = s.publicURL()
	return cfg
}

// envOf gives a service what is its own beside what all share.
func (s *suite) envOf(name string) service.Env {
	env := s.env
	env.Name = name
	env.Log = s.env.Log.With("part", name)
	conn := s.clients[name]
	env.Client = func(string) grpc.ClientConnInterface { return conn }
	if store, ok := s.stores[name]; ok {
		env.Store, env.DataDir = store, filepath.Join(s.cfg.Data, name)
	}
	return env
}

// addService makes a service a part of the process. The vault stops after the
// runtime, which tells it at its end where credentials went.
func (s *suite) addService(name string, svc service.Service) {
	switch name {
	case service.Runtime:
		s.reporting.Add(1)
		s.group.Add(name, func(ctx context.Context) error {
			defer s.reporting.Done()
			return svc.Run(ctx)
		})
	case service.Vault:
		s.group.Add(name, s.afterReports(svc.Run))
	default:
		s.group.Add(name, svc.Run)
	}
}

// afterReports returns run with a context that ends when its own has ended and the
// runtime has made its last report.
func (s *suite) afterReports(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		late, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		defer context.AfterFunc(ctx, func() {
			s.reporting.Wait()
			stop()
		})()
		return run(late)
	}
}

func (s *suite) serveEdge(edge http.Handler) {
	probes := http.NewServeMux()
	probes.Handle("/livez", s.health.Live())
	probes.Handle("/readyz", s.health.Ready())
	probes.Handle("/metrics", s.telemetry.Metrics())
	s.group.Add("http", func(ctx context.Context) error {
		return service.ServeHTTP(ctx, s.edge, service.Edge(probes, edge), nil, s.env.Log)
	})
}

// buildServers serves the methods of all services, in memory for each other and
// on the network for everybody else.
func (s *suite) buildServers(context.Context) error {
	rules := grpcx.Rules{}
	for _, svc := range s.services {
		maps.Copy(rules, svc.Rules())
	}
	server := grpcx.NewServer(grpcx.ServerConfig{
		Log: s.env.Log, Clock: s.clock, Verifier: s.env.Verifier, Rules: rules, Refused: service.Refusals(s.services...),
		// Callers on the network have no service identity, only a token.
		Creds:  insecure.NewCredentials(),
		Health: service.HealthServer(s.health), Tracer: s.env.Tracer, Meter: s.env.Meter,
	})
	for _, svc := range s.services {
		svc.Register(server)
	}
	if err := grpcx.CheckRules(server, rules); err != nil {
		return err
	}
	listeners := []net.Listener{s.memory}
	if s.rpc != nil {
		listeners = append(listeners, s.rpc)
	}
	s.group.Add("grpc", s.afterReports(func(ctx context.Context) error {
		defer s.health.Drain()
		return grpcx.Serve(ctx, server, s.clock, listeners...)
	}))
	return nil
}
