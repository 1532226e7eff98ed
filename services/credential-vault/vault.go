// Package vault is the credential vault: it keeps connections and their secrets,
// and lends the secrets to the runtime.
//
// A [Service] is built from what its host provides and from a [Config]:
//
//	svc, err := vault.New(env, cfg)
//
// Requests enter in internal/api, which calls internal/core, where every rule
// is. Core stands on internal/seal (encryption), internal/store (records) and
// internal/connectors (the registry).
package vault

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/run"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/api"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// defaultKeyFile is the name of the key file in the vault's directory.
const defaultKeyFile = "kek.json"

var (
	_ service.Service = (*Service)(nil)
	_ service.Witness = (*Service)(nil)
)

// Service is the vault, ready to serve.
type Service struct {
	env   service.Env
	api   *api.Server
	cache *connectors.Cache
	relay *outbox.Relay
}

// New builds the vault. It makes the key file at the first start, and fails with
// a sentence for the operator when the key file is missing, readable by others
// or not the one that the stored secrets need.
func New(env service.Env, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	hosts, err := core.ParseHostRules(cfg.AllowServerHosts)
	if err != nil {
		return nil, err
	}
	env.Health.Register(service.Vault)
	relay := outbox.NewRelay(env.Store, env.Bus, env.Log, env.Clock)
	records := store.New(env.Store, relay.Notify)
	keyFile := strings.TrimPrefix(cfg.KEK, "file:")
	if keyFile == "" {
		keyFile = filepath.Join(env.DataDir, defaultKeyFile)
	}
	keys, err := seal.Unlock(context.Background(), keyFile, records)
	if err != nil {
		return nil, fmt.Errorf("unlock the vault: %w", err)
	}
	registry := registryv1.NewRegistryServiceClient(env.Client(service.Registry))
	cache, err := connectors.New(registry, env.Clock)
	if err != nil {
		return nil, err
	}
	vault := core.New(core.Config{
		Lease: cfg.Lease, AllowHosts: hosts, Runtime: service.Runtime,
		Trusted: []string{service.Trigger}, // polls and subscribes while nobody is signed in
	}, core.Ports{
		Store: records, Sealer: keys, Connectors: cache, Environments: connectors.NewEnvironments(registry, env.Clock),
		Clock: env.Clock, NewID: newID,
	})
	return &Service{env: env, api: api.New(vault), cache: cache, relay: relay}, nil
}

// newID returns 32 random hexadecimal digits, but for the six bits that make
// them a UUID.
func newID() string {
	id := uuid.New()
	return hex.EncodeToString(id[:])
}

// Register adds the VaultService.
func (s *Service) Register(registrar grpc.ServiceRegistrar) {
	vaultv1.RegisterVaultServiceServer(registrar, s.api)
}

// Rules keeps the internal methods to the runtime.
func (s *Service) Rules() grpcx.Rules { return api.Rules(service.Runtime) }

// Refused implements [service.Witness]: whoever was turned away when asking for
// secrets leaves an audit record, which is durable when Refused returns.
func (s *Service) Refused(ctx context.Context, request any) {
	req, ok := request.(*vaultv1.ResolveCredentialRequest)
	if !ok {
		return
	}
	if err := s.api.Refused(ctx, req); err != nil {
		s.env.Log.ErrorContext(ctx, "a refused request for secrets was not recorded", "error", err)
	}
}

// Run publishes announcements and follows those of the registry until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g := run.New(run.Config{})
	g.Add("announcements", s.relay.Run)
	g.Add("changes of connectors", func(ctx context.Context) error {
		return s.env.Bus.WatchChanges(ctx, bus.ChangeConnector, s.cache.Changed, s.cache.Resync)
	})
	s.env.Health.Set(service.Vault, nil)
	return g.Run(ctx)
}
