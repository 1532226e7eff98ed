package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// changeAttempts is how often something is tried when others change the same
// connection at the same moment.
const changeAttempts = 5

// Config is what a vault is told by its operator, and by whoever puts the suite
// together.
type Config struct {
	// Lease is how long a lent credential may be used.
	Lease time.Duration
	// AllowHosts are hosts that server URLs may name in addition to those of
	// their connectors.
	AllowHosts HostRules
	// Runtime is the name of the service that credentials are lent to.
	Runtime string
	// Trusted are the services for which the runtime gets every connection when it
	// asks without a user's token.
	Trusted []string
	// Gateway is the name of the service that takes the redirects of providers.
	Gateway string
	// PublicURL is where browsers reach the gateway, such as
	// "https://ferrule.example.com"; empty if nobody can sign in there.
	PublicURL string
	// ReturnOrigins are the origins, besides loopback addresses and the public
	// URL's own, to which a browser may be sent back after a sign-in.
	ReturnOrigins []Origin
	// AuditRetention is how long audit records are kept; 0 means for ever.
	AuditRetention time.Duration
	// Renewal says how tokens are renewed.
	Renewal Renewal
}

// Ports are what a vault stands on. All are required, and closed by whoever
// made them.
type Ports struct {
	// Store keeps everything.
	Store Store
	// Sealer encrypts secrets.
	Sealer Sealer
	// Connectors describes connectors.
	Connectors Connectors
	// Owners says who may write the OAuth clients of a connector.
	Owners Owners
	// Environments says where connections can be.
	Environments Environments
	// Tokens speaks to providers.
	Tokens Tokens
	// Presets know providers.
	Presets Presets
	// Log gets what went wrong and stops nobody; nil to keep it quiet.
	Log *slog.Logger
	// Clock tells the time.
	Clock clock.Clock
	// NewID returns a random text of at least 16 lower-case hexadecimal digits,
	// a different one each time.
	NewID func() string
}

// Vault keeps connections. It is safe for concurrent use.
type Vault struct {
	cfg          Config
	store        Store
	sealer       Sealer
	connectors   Connectors
	owners       Owners
	environments Environments
	tokens       Tokens
	presets      Presets
	log          *slog.Logger
	clock        clock.Clock
	newID        func() string
	renewals     *renewals
	warned       *sync.Map // names of records about which a warning was logged
}

// New returns a vault.
func New(cfg Config, p Ports) *Vault {
	cfg.Renewal = cfg.Renewal.withDefaults()
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Vault{
		cfg: cfg, store: p.Store, sealer: p.Sealer, connectors: p.Connectors, owners: p.Owners, environments: p.Environments,
		tokens: p.Tokens, presets: p.Presets, log: p.Log, clock: p.Clock, newID: p.NewID,
		renewals: newRenewals(), warned: &sync.Map{},
	}
}

// Caller is who asks.
type Caller struct {
	// Principal is on whose behalf.
	Principal authn.Principal
	// Service is the process at the other end of the connection; empty if it
	// proved no identity.
	Service string
}

// sees reports whether the caller may know that the connection exists.
func (c Caller) sees(conn Connection) bool {
	return c.seesAll() || c.owns(conn)
}

// seesAll reports whether the caller may know of every connection.
func (c Caller) seesAll() bool {
	return c.Principal.Kind == authn.KindService || c.Principal.Is(authn.RoleAdmin)
}

func (c Caller) owns(conn Connection) bool {
	return c.Principal.Kind == authn.KindUser && c.Principal.Name == conn.Owner
}

// mayWrite refuses callers who cannot own connections.
func (c Caller) mayWrite() error {
	if c.Principal.Is(authn.RoleUser) {
		return nil
	}
	return fault.Denied(fault.ReasonPermissionDenied,
		"connections belong to users: call with the token of a user who has the role %q", authn.RoleUser).
		With("principal", c.Principal.Name)
}

// record begins an audit record of something that the caller does.
func (v *Vault) record(c Caller, action AuditAction, conn resource.Connection, names []string) *AuditRecord {
	return &AuditRecord{
		Time: v.clock.Now(), Action: action, Connection: conn,
		Principal: c.Principal.Name, Service: c.Service, SecretNames: names,
	}
}

// nowhere reports whether an environment certainly does not exist, and why.
func (v *Vault) nowhere(ctx context.Context, environment string) (nowhere bool, why error) {
	err := v.environments.Exists(ctx, environment)
	return fault.ReasonOf(err) == fault.ReasonEnvironmentNotFound, err
}

// found turns the store's answer into the caller's. What is stored is in an
// environment that exists, so only for the rest does anybody have to be asked:
// the loss of the registry stops nothing that is there.
func (v *Vault) found(ctx context.Context, name resource.Connection, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		if nowhere, why := v.nowhere(ctx, name.Environment); nowhere {
			return why
		}
		return notFound(name)
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// notFound is for connections that do not exist, and for those that the caller
// must not know of: the answers are the same.
func notFound(name resource.Connection) error {
	return fault.NotFound(fault.ReasonConnectionNotFound,
		"connection %q does not exist, or is not yours; list yours to see which there are", name.ID).
		With("connection", name.String())
}

// etagMismatch is for writes of something that has changed since it was read.
func etagMismatch(c Connection) error {
	return fault.Aborted(fault.ReasonEtagMismatch,
		"connection %q has changed since it was read; read it again and repeat the change", c.Name.ID).
		With("etag", c.Etag())
}

// definition returns what the connector says about connections like this one.
func (v *Vault) definition(ctx context.Context, c Connection) (*connectorv1.Definition, error) {
	def, err := v.connectors.Definition(ctx, c.Connector, c.PinnedRevision)
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", c.Connector, err)
	}
	return def, nil
}

// settled calls try until nobody else has changed the connection meanwhile.
func settled[T any](name resource.Connection, try func() (T, error)) (T, error) {
	for range changeAttempts {
		done, err := try()
		if !errors.Is(err, ErrChanged) {
			return done, err
		}
	}
	var none T
	return none, fault.Aborted(fault.ReasonEtagMismatch,
		"connection %q is being changed by others at this moment; try again", name.ID).With("connection", name.String())
}
