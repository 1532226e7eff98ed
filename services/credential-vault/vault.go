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
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/run"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/api"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// defaultKeyFile is the name of the key file in the vault's directory.
const defaultKeyFile = "kek.json"

var (
	_ service.Service = (*Service)(nil)
	_ service.Witness = (*Service)(nil)
	_ core.Tokens     = (*oauth.Client)(nil)
	_ core.Presets    = (*provider.Set)(nil)
)

// Service is the vault, ready to serve.
type Service struct {
	env   service.Env
	vault *core.Vault
	keys  *seal.Keyring
	key   *keyWait
	api   *api.Server
	cache *connectors.Cache
	relay *outbox.Relay
}

// New builds the vault. It makes the key file at the first start, and fails with
// a sentence for the operator when the key file is missing, readable by others
// or not the one that the stored secrets need. A key management service that does not
// answer is waited for; see [Service.Run].
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
	keys, err := prepareKey(context.Background(), env, cfg, records)
	if err != nil {
		return nil, fmt.Errorf("unlock the vault: %w", err)
	}
	key, err := tryKey(env, keys)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unlock the vault: %w", err), keys.Close())
	}
	records.Prove(chain.New(keys, records))
	registry := registryv1.NewRegistryServiceClient(env.Client(service.Registry))
	cache, err := connectors.New(registry, env.Clock)
	if err != nil {
		return nil, errors.Join(err, keys.Close())
	}
	presets, err := provider.Load()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load the presets of providers: %w", err), keys.Close())
	}
	vault := core.New(core.Config{
		Lease: cfg.Lease, AllowHosts: hosts, Runtime: service.Runtime, Gateway: service.Gateway,
		Trusted:   []string{service.Trigger}, // polls and subscribes while nobody is signed in
		PublicURL: strings.TrimRight(cfg.PublicURL, "/"), ReturnOrigins: cfg.returnOrigins(), AuditRetention: cfg.AuditRetention,
	}, core.Ports{
		Store: records, Sealer: keys, Connectors: cache, Owners: connectors.NewOwners(registry), Environments: connectors.NewEnvironments(registry, env.Clock),
		Tokens: oauth.New(oauth.Config{HTTP: providers(env.Guard), Clock: env.Clock}), Presets: presets,
		Log: env.Log, Clock: env.Clock, NewID: newID,
	})
	return &Service{env: env, vault: vault, api: api.New(vault), cache: cache, relay: relay, keys: keys, key: key}, nil
}

// prepareKey opens the key-encryption key, and the one before while keysets are moved.
func prepareKey(ctx context.Context, env service.Env, cfg Config, records *store.Store) (*seal.Keyring, error) {
	source := seal.Source{Getenv: os.Getenv}
	options := []seal.Option{seal.WithClock(env.Clock), seal.WithSource(source)}
	var previous seal.KEK
	if cfg.PreviousKEK != "" {
		var err error
		if previous, err = seal.Open(ctx, cfg.PreviousKEK, source); err != nil {
			return nil, fmt.Errorf("open the previous key: %w", err)
		}
		options = append(options, seal.WithPrevious(previous))
	}
	uri := cmp.Or(cfg.KEK, filepath.Join(env.DataDir, defaultKeyFile))
	keys, err := seal.Prepare(ctx, uri, records, options...)
	if err != nil && previous != nil {
		return nil, errors.Join(err, seal.CloseKEK(previous))
	}
	return keys, err
}

// Limits of a provider's answer.
const (
	providerTimeout = 30 * time.Second
	providerAnswer  = 1 << 20 // bytes
)

// providers makes the clients that talk to providers. They go through the guard
// like everything else.
func providers(guard *egress.Guard) func(*tls.Certificate) *http.Client {
	return func(certificate *tls.Certificate) *http.Client {
		options := egress.ClientOptions{Timeout: providerTimeout, MaxBody: providerAnswer}
		if certificate != nil {
			options.Transport.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		}
		return guard.Client(options)
	}
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
	var req *vaultv1.ResolveCredentialRequest
	switch r := request.(type) {
	case *vaultv1.ResolveCredentialRequest:
		req = r
	case *vaultv1.RejectCredentialRequest:
		req = &vaultv1.ResolveCredentialRequest{Name: r.GetName(), Principal: r.GetPrincipal(), OperationId: r.GetOperationId()}
	default:
		return
	}
	if err := s.api.Refused(ctx, req); err != nil {
		s.env.Log.ErrorContext(ctx, "a refused request for secrets was not recorded", "error", err)
	}
}

// Run publishes announcements, follows those of the registry, renews tokens,
// forgets sign-ins that nobody ended, goes on with rotations of keys and removes
// old audit records, until ctx ends. It then returns when all of that has stopped,
// after at most [core.StopLimit]: the store must stay open until then. What needs keys
// begins when the key-encryption key has been proved; until then the process is not
// ready. It fails if the key turns out to be a wrong one.
func (s *Service) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.keys.Close()) }()
	g := run.New(run.Config{StopTimeout: 2 * core.StopLimit}) // parts get half of it
	g.Add("announcements", s.relay.Run)
	g.Add("changes of connectors", func(ctx context.Context) error {
		return s.env.Bus.WatchChanges(ctx, bus.ChangeConnector, s.cache.Changed, s.cache.Resync)
	})
	g.Add("key-encryption key", s.key.run)
	g.Add("renewals", s.key.thenOrAtTheEnd(s.vault.RenewDue)) // those of callers end with it
	g.Add("sign-ins", s.key.then(s.vault.SweepAuthorizations))
	g.Add("rotations of keys", s.key.then(s.vault.RunRotations))
	g.Add("audit retention", s.key.then(func(ctx context.Context) error {
		return s.vault.PruneAudit(ctx, func(ctx context.Context, err error) {
			s.env.Log.ErrorContext(ctx, "old audit records were not removed; trying again in an hour", "error", err)
		})
	}))
	s.env.Health.Set(service.Vault, nil)
	return g.Run(ctx)
}
