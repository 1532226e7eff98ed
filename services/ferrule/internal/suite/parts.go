package suite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/telemetry"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/provision"
)

// processName is the name of the process in logs, traces and on the bus.
const processName = "ferrule"

func (s *suite) buildTelemetry(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.cfg.LogLevel)); err != nil {
		return fmt.Errorf("read --log-level: %w", err)
	}
	t, err := telemetry.New(ctx, telemetry.Config{
		Service:        processName,
		Log:            telemetry.LogConfig{Format: telemetry.Format(s.cfg.LogFormat), Level: level, Output: os.Stderr},
		TracesEndpoint: s.cfg.TracesEndpoint,
	})
	if err != nil {
		return err
	}
	s.group.OnStop("telemetry", t.Shutdown)
	s.telemetry, s.health = t, health.New(t.Logger())
	s.env = service.Env{
		Log: t.Logger(), Clock: s.clock, Health: s.health, Tracer: t.TracerProvider(), Untraced: s.cfg.TracesEndpoint == "", Meter: t.MeterProvider(),
	}
	return nil
}

// buildListeners claims the addresses first: a second start in the same place
// fails here, before it touches any file.
func (s *suite) buildListeners(ctx context.Context) error {
	edge, err := s.listen(ctx, "--http", s.cfg.HTTPAddr)
	if err != nil {
		return err
	}
	s.edge = edge
	if s.cfg.GRPCAddr == "" {
		return nil
	}
	s.rpc, err = s.listen(ctx, "--grpc", s.cfg.GRPCAddr)
	return err
}

func (s *suite) listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (another process may use it; choose another address with %s): %w", addr, flag, err)
	}
	s.group.OnStop("listener of "+flag, func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return l, nil
}

// buildKeys makes the key that signs tokens, and the first admin token.
func (s *suite) buildKeys(ctx context.Context) error {
	if _, err := s.dir("."); err != nil {
		return err
	}
	key, err := authn.LoadOrCreateKey(filepath.Join(s.cfg.Data, provision.KeyFile))
	if err != nil {
		return err
	}
	s.env.Verifier = authn.NewVerifier(s.clock, key.Public())
	s.tokenFile = filepath.Join(s.cfg.Data, provision.TokenFile)
	return provision.EnsureAdminToken(ctx, s.tokenFile, authn.NewIssuer(key, s.clock), s.env.Verifier)
}

func (s *suite) buildGuard(ctx context.Context) error {
	networks, err := service.ParseNetworks(s.cfg.AllowNetworks)
	if err != nil {
		return fmt.Errorf("read --allow-network: %w", err)
	}
	if s.guard, err = egress.New(egress.Policy{AllowNetworks: networks}); err != nil {
		return fmt.Errorf("read --allow-network: %w", err)
	}
	for _, warning := range s.guard.Warnings() {
		s.env.Log.WarnContext(ctx, "a network is opened that should rather not be", "warning", warning)
	}
	s.env.Guard = s.guard
	return nil
}

// buildStores opens a store for each service that owns something.
func (s *suite) buildStores(context.Context) error {
	s.stores = map[string]kv.Store{}
	for _, name := range []string{service.Registry, service.Vault, service.Trigger} {
		dir, err := s.dir(name)
		if err != nil {
			return err
		}
		db, err := boltkv.Open(filepath.Join(dir, name+".db"), boltkv.Options{})
		if err != nil {
			return err
		}
		s.group.OnStop("store of "+name, func(context.Context) error { return db.Close() })
		s.stores[name] = db
	}
	return nil
}

func (s *suite) buildBus(ctx context.Context) error {
	dir, err := s.dir("nats")
	if err != nil {
		return err
	}
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir, Sync: syncs[s.cfg.EventsSync], Log: s.env.Log})
	if err != nil {
		return err
	}
	s.group.OnStop("nats", server.Close)
	s.health.Register("bus")
	b, err := bus.Connect(ctx, bus.Config{
		InProcess: server, Name: processName, Log: s.env.Log, Clock: s.clock, Together: syncs[s.cfg.EventsSync] == embedded.SyncAlways,
		OnStatus: func(err error) { s.health.Set("bus", err) },
	})
	if err != nil {
		return err
	}
	s.group.OnStop("bus", func(context.Context) error { b.Close(); return nil })
	s.env.Bus = b
	return b.Ensure(ctx)
}

// buildClients makes one in-memory connection for each service that calls
// others; all services answer on the same listener.
func (s *suite) buildClients(context.Context) error {
	s.memory = memnet.Listen(processName)
	s.clients = map[string]grpc.ClientConnInterface{}
	for _, caller := range []string{service.Registry, service.Vault, service.Runtime, service.Trigger, service.Gateway} {
		conn, err := grpcx.NewClient(grpcx.ClientConfig{
			Target:     "passthrough:///" + processName,
			Creds:      memnet.ClientCredentials(),
			Dialer:     s.memory.Dialer(caller),
			Delegation: service.DelegationOf(caller),
			Tracer:     s.env.Tracer,
			Meter:      s.env.Meter,
		})
		if err != nil {
			return fmt.Errorf("connect %s: %w", caller, err)
		}
		s.group.OnStop("clients of "+caller, func(context.Context) error { return conn.Close() })
		s.clients[caller] = conn
	}
	return nil
}
