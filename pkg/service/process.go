package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/pki"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/run"
	"github.com/ferrule-dev/ferrule/pkg/telemetry"
)

// Process is what a service that runs alone knows beyond its [Env].
type Process struct {
	Env
	// ClientTLS makes the configuration for HTTP requests to another service.
	ClientTLS func(service string) *tls.Config
}

// process is a service's process while it is being built and run. Its parts are
// made in the order of the fields and closed in reverse.
type process struct {
	spec      Spec
	opts      Options
	group     *run.Group
	telemetry *telemetry.Telemetry
	health    *health.Registry
	identity  *pki.Identity
	env       Env
}

func runProcess(ctx context.Context, spec Spec, opts Options) error {
	p := &process{spec: spec, opts: opts, group: run.New(run.Config{StopTimeout: opts.StopTimeout})}
	if err := p.build(ctx); err != nil {
		return errors.Join(err, p.group.Stop(context.WithoutCancel(ctx)))
	}
	p.group.Add("headroom", KeepHeadroom)
	p.env.Log.InfoContext(ctx, "started", "grpc", opts.GRPCAddr, "http", opts.HTTPAddr)
	err := p.group.Run(ctx)
	if err == nil {
		p.env.Log.InfoContext(ctx, "stopped")
	}
	return err
}

// build is the list of what a process is made of.
func (p *process) build(ctx context.Context) error {
	steps := []struct {
		what string
		make func(context.Context) error
	}{
		{"telemetry", p.buildTelemetry},
		{"identity", p.buildIdentity},
		{"egress guard", p.buildGuard},
		{"bus", p.buildBus},
		{"store", p.buildStore},
		{"service", p.buildService},
	}
	for _, step := range steps {
		if err := step.make(ctx); err != nil {
			return fmt.Errorf("start %s: %w", step.what, err)
		}
	}
	return nil
}

func (p *process) buildTelemetry(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(p.opts.LogLevel)); err != nil {
		return usageError{fmt.Errorf("read --log-level: %w", err)}
	}
	t, err := telemetry.New(ctx, telemetry.Config{
		Service:        p.spec.Name,
		Log:            telemetry.LogConfig{Format: telemetry.Format(p.opts.LogFormat), Level: level, Output: os.Stderr},
		TracesEndpoint: p.opts.TracesEndpoint,
	})
	if err != nil {
		return err
	}
	p.group.OnStop("telemetry", t.Shutdown)
	p.telemetry = t
	p.health = health.New(t.Logger())
	p.env = Env{
		Name: p.spec.Name, Log: t.Logger(), Clock: clock.System(), Health: p.health,
		Tracer: t.TracerProvider(), Untraced: p.opts.TracesEndpoint == "", Meter: t.MeterProvider(),
	}
	return nil
}

func (p *process) buildIdentity(context.Context) error {
	id, err := pki.Open(pki.Config{Dir: p.opts.TLSDir, Service: p.spec.Name, Clock: p.env.Clock, Log: p.env.Log})
	if err != nil {
		return err
	}
	key, err := authn.LoadPublicKey(p.opts.TokenKey)
	if err != nil {
		return err
	}
	p.identity = id
	p.env.Verifier = authn.NewVerifier(p.env.Clock, key)
	p.env.Client, err = p.clients()
	return err
}

// clients connects, lazily, to every other service.
func (p *process) clients() (func(string) grpc.ClientConnInterface, error) {
	conns := map[string]grpc.ClientConnInterface{}
	for _, peer := range []string{Registry, Vault, Runtime, Trigger} {
		conn, err := grpcx.NewClient(grpcx.ClientConfig{
			Target:     "dns:///" + p.opts.Peers.of(peer),
			Creds:      credentials.NewTLS(p.identity.ClientTLS(peer)),
			Delegation: DelegationOf(p.spec.Name),
			Tracer:     p.env.Tracer,
			Meter:      p.env.Meter,
		})
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", peer, err)
		}
		p.group.OnStop("client of "+peer, func(context.Context) error { return conn.Close() })
		conns[peer] = conn
	}
	return func(service string) grpc.ClientConnInterface { return conns[service] }, nil
}

// DelegationOf says on whose behalf a service calls others. The gateway has no
// business of its own: without a caller's token it may call nothing.
func DelegationOf(service string) grpcx.Delegation {
	if service == Gateway {
		return grpcx.ForwardOnly
	}
	return grpcx.ForwardOrSelf
}

func (p *process) buildGuard(ctx context.Context) error {
	networks, err := p.opts.Networks()
	if err != nil {
		return usageError{fmt.Errorf("read --allow-network: %w", err)}
	}
	p.env.Guard, err = egress.New(egress.Policy{AllowNetworks: networks})
	if err != nil {
		return usageError{fmt.Errorf("read --allow-network: %w", err)}
	}
	for _, warning := range p.env.Guard.Warnings() {
		p.env.Log.WarnContext(ctx, "a network is opened that should rather not be", "warning", warning)
	}
	return nil
}

func (p *process) buildBus(ctx context.Context) error {
	p.health.Register("bus")
	b, err := bus.Connect(ctx, bus.Config{
		URL: p.opts.NATSURL, Name: p.spec.Name, Log: p.env.Log, Clock: p.env.Clock, TLS: p.natsTLS(),
		OnStatus: func(err error) { p.health.Set("bus", err) },
	})
	if err != nil {
		return err
	}
	p.group.OnStop("bus", func(context.Context) error { b.Close(); return nil })
	p.env.Bus = b
	return b.Ensure(ctx)
}

// natsTLS proves our identity to a NATS server of the same authority.
func (p *process) natsTLS() *tls.Config { return p.identity.ClientTLS("nats") }

func (p *process) buildStore(context.Context) error {
	if !p.spec.Store {
		return nil
	}
	dir := filepath.Join(p.opts.Data, p.spec.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	store, err := boltkv.Open(filepath.Join(dir, p.spec.Name+".db"), boltkv.Options{})
	if err != nil {
		return err
	}
	p.group.OnStop("store", func(context.Context) error { return store.Close() })
	p.env.Store, p.env.DataDir = store, dir
	return nil
}

func (p *process) buildService(ctx context.Context) error {
	svc, err := p.spec.New(Process{Env: p.env, ClientTLS: p.identity.ClientTLS})
	if err != nil {
		return err
	}
	if err := p.addGRPC(ctx, svc); err != nil {
		return err
	}
	if err := p.addHTTP(ctx, svc); err != nil {
		return err
	}
	p.group.Add(p.spec.Name, svc.Run)
	return nil
}

func (p *process) addGRPC(ctx context.Context, svc Service) error {
	server := grpcx.NewServer(grpcx.ServerConfig{
		Log: p.env.Log, Clock: p.env.Clock, Verifier: p.env.Verifier, Rules: svc.Rules(), Refused: Refusals(svc),
		// Services prove themselves by their certificates; other callers need
		// none, but a token.
		Creds:  credentials.NewTLS(p.identity.EdgeTLS()),
		Health: HealthServer(p.health), Tracer: p.env.Tracer, Meter: p.env.Meter,
	})
	svc.Register(server)
	if err := grpcx.CheckRules(server, svc.Rules()); err != nil {
		return err
	}
	l, err := listen(ctx, p.opts.GRPCAddr)
	if err != nil {
		return err
	}
	p.group.Add("grpc", func(ctx context.Context) error {
		defer p.health.Drain()
		return grpcx.Serve(ctx, server, p.env.Clock, l)
	})
	return nil
}

func (p *process) addHTTP(ctx context.Context, svc Service) error {
	probes := http.NewServeMux()
	probes.Handle("/livez", p.health.Live())
	probes.Handle("/readyz", p.health.Ready())
	probes.Handle("/metrics", p.telemetry.Metrics())
	var root http.Handler = probes
	own, ok := svc.(HTTP)
	if ok && p.spec.Public {
		root = Edge(probes, own.Handler())
	}
	l, err := listen(ctx, p.opts.HTTPAddr)
	if err != nil {
		return err
	}
	p.group.Add("http", func(ctx context.Context) error { return ServeHTTP(ctx, l, root, nil, p.env.Log) })
	if !ok || p.spec.Public || p.opts.DataAddr == "" {
		return nil
	}
	data, err := listen(ctx, p.opts.DataAddr)
	if err != nil {
		return err
	}
	p.group.Add("data plane", func(ctx context.Context) error {
		return ServeHTTP(ctx, data, own.Handler(), p.identity.ServerTLS(), p.env.Log)
	})
	return nil
}

// Edge serves the probes and metrics of a process and everything else from
// next. Paths reach next exactly as they were sent.
func Edge(probes, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/livez", "/readyz", "/metrics":
			probes.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (is another process using it?): %w", addr, err)
	}
	return l, nil
}
