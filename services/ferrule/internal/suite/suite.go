// Package suite runs all services in one process, on an embedded store and an
// embedded message bus.
//
// Each service is built exactly as it is when it runs alone. Here their clients
// are in-memory connections that carry the name of the calling service, so the
// rules about who may call what hold inside the process too.
package suite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/run"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/telemetry"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
	"github.com/ferrule-dev/ferrule/services/registry"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
	"github.com/ferrule-dev/ferrule/services/trigger"
)

// Config are the settings of the suite.
type Config struct {
	// Data is the directory of all files.
	Data string
	// HTTPAddr is where the REST edge is served.
	HTTPAddr string
	// GRPCAddr is where the gRPC methods are served; empty serves none.
	GRPCAddr string
	// AllowNetworks are private networks that APIs may live in.
	AllowNetworks []string
	// EventsSync is "always" or "interval": when an acknowledged event is on
	// disk.
	EventsSync string
	// LogLevel is "debug", "info", "warn" or "error".
	LogLevel string
	// LogFormat is "text" or "json".
	LogFormat string
	// TracesEndpoint is the URL of an OTLP/HTTP collector; empty exports none.
	TracesEndpoint string
	// StopTimeout bounds an orderly stop; see [service.Options].
	StopTimeout time.Duration

	// Registry, Vault, Runtime and Trigger are the services' own settings.
	Registry registry.Config
	// Vault is the vault's.
	Vault vault.Config
	// Runtime is the runtime proxy's.
	Runtime runtimeproxy.Config
	// Trigger is the trigger service's.
	Trigger trigger.Config
}

// Flags declares the flags of c with their defaults, those of the services
// included.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.HTTPAddr, "http", "127.0.0.1:8080", "address of the REST edge")
	flags.StringVar(&c.GRPCAddr, "grpc", "127.0.0.1:9090", "address of the gRPC methods; empty serves none")
	flags.StringSliceVar(&c.AllowNetworks, "allow-network", nil, "private network (CIDR) that APIs may live in (repeatable)")
	flags.StringVar(&c.EventsSync, "events-sync", "always", "when an acknowledged event is on disk: always, or at an interval of two minutes")
	flags.StringVar(&c.LogLevel, "log-level", "warn", "lowest level that is logged: debug, info, warn or error")
	flags.StringVar(&c.LogFormat, "log-format", "text", "text or json")
	flags.StringVar(&c.TracesEndpoint, "traces-endpoint", "", "URL of an OTLP/HTTP collector for traces; empty exports none")
	flags.DurationVar(&c.StopTimeout, "stop-timeout", 80*time.Second, "longest time that an orderly stop may take")
	c.Registry.Flags(flags)
	c.Vault.Flags(flags)
	c.Runtime.Flags(flags)
	c.Trigger.Flags(flags)
}

// Validate reports everything that is wrong with the settings of the process
// itself; those of the services are judged when they are built.
func (c *Config) Validate() error {
	var level slog.Level
	_, networks := service.ParseNetworks(c.AllowNetworks)
	var faults []error
	if networks != nil {
		faults = append(faults, fmt.Errorf("--allow-network: %w", networks))
	}
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		faults = append(faults, fmt.Errorf("--log-level must be debug, info, warn or error, not %q", c.LogLevel))
	}
	if _, ok := syncs[c.EventsSync]; !ok {
		faults = append(faults, fmt.Errorf("--events-sync must be always or interval, not %q", c.EventsSync))
	}
	for flag, addr := range map[string]string{"--http": c.HTTPAddr, "--grpc": c.GRPCAddr} {
		// Nothing to listen on is no listener for gRPC, and would be every address for HTTP.
		if _, _, err := net.SplitHostPort(addr); err != nil && (flag == "--http" || addr != "") {
			faults = append(faults, fmt.Errorf("%s must be an address such as 127.0.0.1:8080, not %q", flag, addr))
		}
	}
	return errors.Join(faults...)
}

// syncs are the values of --events-sync.
var syncs = map[string]embedded.Sync{"always": embedded.SyncAlways, "interval": embedded.SyncInterval}

// Endpoints are where a running suite can be reached.
type Endpoints struct {
	// HTTP is the URL of the REST edge.
	HTTP string
	// GRPC is the address of the gRPC methods; empty if none are served.
	GRPC string
	// TokenFile is the path of the first admin token.
	TokenFile string
}

// suite is the process while it is being built and run. Its parts are made in
// the order of the steps of build and closed in reverse.
type suite struct {
	cfg       Config
	clock     clock.Clock
	group     *run.Group
	telemetry *telemetry.Telemetry
	health    *health.Registry
	guard     *egress.Guard
	memory    *memnet.Listener
	stores    map[string]kv.Store                 // by the name of the service
	clients   map[string]grpc.ClientConnInterface // by the name of the caller
	env       service.Env                         // what all services share
	edge, rpc net.Listener
	services  []service.Service
	reporting sync.WaitGroup // ends with the runtime
	tokenFile string
}

// Run builds the suite, calls ready once it serves, and runs it until ctx ends.
// It fails if another process uses the same data directory or addresses.
func Run(ctx context.Context, cfg Config, ready func(Endpoints)) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	s := &suite{cfg: cfg, clock: clock.System(), group: run.New(run.Config{StopTimeout: cfg.StopTimeout})}
	if err := s.build(ctx); err != nil {
		return errors.Join(err, s.group.Stop(context.WithoutCancel(ctx)))
	}
	s.group.Add("headroom", service.KeepHeadroom)
	s.group.Add("announce", func(ctx context.Context) error {
		s.announce(ready)
		<-ctx.Done()
		return nil
	})
	return s.group.Run(ctx)
}

// build is the list of what the suite is made of.
func (s *suite) build(ctx context.Context) error {
	for _, step := range []struct {
		what string
		make func(context.Context) error
	}{
		{"telemetry", s.buildTelemetry},
		{"listeners", s.buildListeners},
		{"keys", s.buildKeys},
		{"egress guard", s.buildGuard},
		{"stores", s.buildStores}, // locks the data directory: before the bus, which does not
		{"bus", s.buildBus},
		{"clients", s.buildClients},
		{"services", s.buildServices},
		{"servers", s.buildServers},
	} {
		if err := step.make(ctx); err != nil {
			return fmt.Errorf("start %s: %w", step.what, err)
		}
	}
	return nil
}

// announce calls ready as soon as every target is healthy.
func (s *suite) announce(ready func(Endpoints)) {
	endpoints := Endpoints{HTTP: localURL(s.edge.Addr()), TokenFile: s.tokenFile}
	if s.rpc != nil {
		endpoints.GRPC = s.rpc.Addr().String()
	}
	var told bool
	s.health.Subscribe(func(report health.Report) {
		if report.Ready && !told {
			told = true
			ready(endpoints)
		}
	})
}

// localURL is the URL under which this machine itself reaches a listener, also one
// that listens on all addresses.
func localURL(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return "http://" + addr.String()
	}
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}

// dir makes a directory below the data directory.
func (s *suite) dir(name string) (string, error) {
	path := filepath.Join(s.cfg.Data, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	return path, nil
}
