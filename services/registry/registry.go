// Package registry is the service that keeps connectors: it imports descriptions
// of APIs, keeps their sources and hands out their definitions.
//
// [New] builds the service from what its host gives it; see package service for
// how it is run. [Validate] is the part that needs no server: it says what an
// import of some files would find.
package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/run"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/registry/internal/api"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/fetch"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

// Config is what an operator may choose.
type Config struct {
	// Imports is how many descriptions are translated at the same time; others
	// wait. Each may need some hundred MiB for the largest documents.
	Imports int
	// FetchTimeout bounds an import by URL until the document has arrived.
	FetchTimeout time.Duration
}

// The bounds of the configuration.
const (
	maxImports      = 64
	maxFetchTimeout = 10 * time.Minute
)

// Flags declares the flags of the service and sets the defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.IntVar(&c.Imports, "imports", 2, "how many descriptions are translated at the same time, 1 to 64")
	flags.DurationVar(&c.FetchTimeout, "fetch-timeout", 30*time.Second, "how long fetching a description by URL may take, at most 10m")
}

// Validate returns all faults of the configuration, joined.
func (c *Config) Validate() error {
	var faults []error
	if c.Imports < 1 || c.Imports > maxImports {
		faults = append(faults, fmt.Errorf("imports is %d; choose 1 to %d", c.Imports, maxImports))
	}
	if c.FetchTimeout <= 0 || c.FetchTimeout > maxFetchTimeout {
		faults = append(faults, fmt.Errorf("fetch-timeout is %s; choose more than 0 and at most %s", c.FetchTimeout, maxFetchTimeout))
	}
	return errors.Join(faults...)
}

// healthTarget is the registry's entry in the readiness report.
const healthTarget = "registry"

// Service is the registry.
type Service struct {
	env   service.Env
	core  *core.Registry
	api   *api.Server
	relay *outbox.Relay
}

var _ service.Service = (*Service)(nil)

// New builds the service. It starts nothing; the runtime compiles the custom code
// that imports bring.
func New(env service.Env, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure registry: %w", err)
	}
	relay := outbox.NewRelay(env.Store, env.Bus, env.Log, env.Clock)
	env.Health.Register(healthTarget)
	registry := core.New(core.Deps{
		Store:     store.New(env.Store, announcement),
		Fetcher:   fetch.New(env.Guard, cfg.FetchTimeout, references),
		Importers: importer.All(),
		Tools:     tools(remoteCompiler{env.Client}),
		Clock:     env.Clock,
		Committed: relay.Notify,
		Imports:   cfg.Imports,
	})
	return &Service{env: env, core: registry, api: api.New(registry), relay: relay}, nil
}

// announcement tells caches that a connector has changed; the data is the id of
// its published revision, empty if there is none.
func announcement(c core.Connector) outbox.Message {
	change := bus.Change{
		Kind: bus.ChangeConnector, Environment: c.Name.Environment, ID: c.Name.ID, Data: []byte(c.Published),
	}
	return change.Message(c.Name.String() + "@" + c.Etag())
}

// Register implements [service.Service].
func (s *Service) Register(r grpc.ServiceRegistrar) {
	registryv1.RegisterRegistryServiceServer(r, s.api)
}

// Rules implements [service.Service]: every method is for every caller with a
// token, as far as its roles allow.
func (s *Service) Rules() grpcx.Rules { return nil }

// Run implements [service.Service]: it sends announcements, and keeps the
// catalogue in step with those of others, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	group := run.New(run.Config{})
	stale := make(chan struct{}, 1)
	group.Add("relay", s.relay.Run)
	group.Add("watch", func(ctx context.Context) error { return s.watch(ctx, stale) })
	group.Add("load", func(ctx context.Context) error { return s.load(ctx, stale) })
	s.env.Health.Set(healthTarget, nil)
	if err := group.Run(ctx); err != nil {
		return fmt.Errorf("run registry: %w", err)
	}
	return nil
}

// watch changes the catalogue as announcements come, and says when it has to be
// loaded. What cannot be read is in the log; the next change tries again.
func (s *Service) watch(ctx context.Context, stale chan<- struct{}) error {
	changed := func(c bus.Change) {
		name := resource.Connector{Environment: c.Environment, ID: c.ID}
		if err := s.core.Changed(ctx, name); err != nil && ctx.Err() == nil {
			s.env.Log.ErrorContext(ctx, "the catalogue is behind", "connector", name.String(), "error", err)
		}
	}
	resync := func() {
		s.core.Resync()
		select {
		case stale <- struct{}{}:
		default: // it is going to be loaded anyway
		}
	}
	if err := s.env.Bus.WatchChanges(ctx, bus.ChangeConnector, changed, resync); err != nil {
		return fmt.Errorf("keep the catalogue in step: %w", err)
	}
	return nil
}

// load loads the catalogue whenever it is stale, so that the first search does
// not have to. Searches work meanwhile, and try again what failed here.
func (s *Service) load(ctx context.Context, stale <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-stale:
		}
		if err := s.core.Load(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.ErrorContext(ctx, "the catalogue could not be loaded", "error", err)
		}
	}
}
