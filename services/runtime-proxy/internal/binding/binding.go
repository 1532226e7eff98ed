// Package binding finds out what a call of a connection means: which revision of
// which connector, where its API is, and what the connection proves itself with.
//
// A [Store] asks the vault and the registry through a [Source] and remembers the
// answers: a lease for each connection and caller, so that the vault's word on
// who may use what is never stretched to somebody else; the published revision
// of each connector; and what is compiled of revisions, which never change. All
// of it is bounded, expires, and is dropped when a change is announced.
//
//	store := binding.NewStore(config, source, clock, compile)
//	bound, err := store.Bind(ctx, binding.Ask{Connection: name, Principal: p})
package binding

import (
	"context"
	"sync/atomic"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Published is the revision that connections follow unless they pin one.
const Published = "published"

// Lease is what the vault lends: a connection with its secrets.
type Lease struct {
	// Connector is what the connection belongs to.
	Connector resource.Connector
	// Revision is the id of the revision that the connection pins; empty to
	// follow the published one.
	Revision string
	// ParameterSet is the set that its values belong to; empty for the first.
	ParameterSet string
	// Parameters are the plain values by name.
	Parameters map[string]string
	// Secrets are the secret values by name.
	Secrets map[string]secret.Text
	// ServerURL replaces the connector's own server, unless it is empty.
	ServerURL string
	// AllowedHosts are the origins that the secrets may be sent to, such as
	// "https://api.example.com:443".
	AllowedHosts []string
	// Expires is when the lease ends; zero if the vault does not say.
	Expires time.Time
	// TokenVersion tells which token was lent; empty without one.
	TokenVersion string
	// Token is how the provider wants its token to be sent; nil for as the
	// parameter set says.
	Token *inject.TokenPlacement
	// Owner is the principal that the connection belongs to.
	Owner string
	// Mock means that nothing is sent for the connection.
	Mock bool
	// LinkKey signs links for the connection; empty if it has none.
	LinkKey []byte
	// Trust is whom the connection trusts in the TLS handshake.
	Trust upstream.Trust
	// Etag says what was lent: another one stands for other secrets.
	Etag string
	// Refused means that an API has refused the secrets, and accepted none since.
	Refused bool
}

// Answer is how an API took the secrets of a lease that are no tokens.
type Answer struct {
	// Ask is the call.
	Ask Ask
	// Etag is that of the lease.
	Etag string
	// Status is that of the answer: 401, or 2xx.
	Status int
	// Host is who answered, "host:port".
	Host string
}

// Source is where leases and definitions come from. Its errors are faults.
type Source interface {
	// Lease borrows a connection's secrets on behalf of a principal, whose right
	// to it the source decides.
	Lease(ctx context.Context, ask Ask) (*Lease, error)
	// Reject says that an API refused a lent token, and borrows the secrets with
	// another one.
	Reject(ctx context.Context, ask Ask, refusal Refusal) (*Lease, error)
	// RevisionID returns the id of a connector's published revision.
	RevisionID(ctx context.Context, connector resource.Connector) (string, error)
	// Definition returns the definition of a revision.
	Definition(ctx context.Context, revision resource.Revision) (*connectorv1.Definition, error)
}

// Compiled is what is made of a revision once and used for every call.
type Compiled interface {
	// Definition returns what it was made of.
	Definition() *connectorv1.Definition
	// Weight estimates its memory in bytes.
	Weight() uint32
}

// Ask is a question to the store.
type Ask struct {
	// Connection is what is to be used.
	Connection resource.Connection
	// Principal is who wants to use it.
	Principal authn.Principal
	// Operation is what for, for the audit trail; empty for a pass-through call.
	Operation string
	// Revision is used instead of the connection's own, unless it is empty.
	Revision string
	// Subject is the principal's own token at the provider, if the caller sent
	// one.
	Subject Subject
}

// Binding is the answer: all that a call needs to know about its connection. It
// is immutable and shared by calls.
type Binding[R Compiled] struct {
	// Connection is what is used.
	Connection resource.Connection
	// Connector is what it belongs to.
	Connector resource.Connector
	// RevisionID is the id of the revision.
	RevisionID string
	// Revision is what was compiled of it.
	Revision R
	// Credential is what the connection proves itself with.
	Credential *inject.Credential
	// AllowedHosts are the origins that the credential may be sent to, such as
	// "https://api.example.com:443".
	AllowedHosts []string
	// TokenVersion tells which token the credential holds; empty without one.
	TokenVersion string
	// Owner is the principal that the connection belongs to.
	Owner string
	// Mock means that nothing is sent for the connection.
	Mock bool
	// LinkKey signs links for the connection; empty if it has none. It must not be
	// changed or shown.
	LinkKey []byte
	// Etag says what was lent.
	Etag string

	standing *standing    // of the lease
	base     request.Base // where the API is
	baseErr  error        // why that is not known
	endpoint string       // of base
	bound    bool         // base is one of AllowedHosts: known once, asked with every call
	// parameters fill the servers of single operations, unless the connection
	// has a server URL of its own.
	parameters map[string]string
	moved      bool
}

// BaseOf returns where an operation is reached: at the connection's own server
// URL, or else at the first server of the operation, or else at that of the
// connector. For nil it is that of the API as a whole.
func (b *Binding[R]) BaseOf(op *connectorv1.Operation) (request.Base, error) {
	if b.moved || len(op.GetServers()) == 0 {
		return b.base, b.baseErr
	}
	return baseAt(op.GetServers()[0], b.parameters)
}

// Endpoint returns where a request with this base goes, see
// [request.Base.Endpoint]. For the usual base it is known already.
func (b *Binding[R]) Endpoint(base request.Base) string {
	if base.Host == b.base.Host && base.Scheme == b.base.Scheme {
		return b.endpoint
	}
	return base.Endpoint()
}

// Allows reports whether a request of the connection may go to a place: to a host
// that its credential is bound to or, without a credential, to the API's own.
func (b *Binding[R]) Allows(base request.Base) bool {
	return base.AllowedBy(b.AllowedHosts) || (b.baseErr == nil && base.Scheme == b.base.Scheme && base.Endpoint() == b.endpoint)
}

// CheckRequest refuses a request that would carry the credential to a host that
// it is not bound to. A connection without any secret is bound to nothing. The
// host that the field Host names, if a policy set one, is judged as well: behind
// a shared address it is that field, and not the address, that says whose server
// answers.
func (b *Binding[R]) CheckRequest(req *request.Request) error {
	if err := b.allow(req.Base); err != nil || req.Host == "" {
		return err
	}
	named, err := request.ParseBase(req.Base.Scheme + "://" + req.Host)
	if err != nil || named.Path != "" {
		return fault.Denied(fault.ReasonHostNotAllowed, "the policy setheader set a Host that is no host name; the request was not sent")
	}
	named.Path = req.Base.Path
	return b.allow(named)
}

func (b *Binding[R]) allow(base request.Base) error {
	if (b.bound && base == b.base) || base.AllowedBy(b.AllowedHosts) {
		return nil
	}
	if b.Credential.Empty() { // whoever lends hosts does so for a credential that there may be
		return nil
	}
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the connection's credential is not bound to %[1]s://%[2]s; the request was not sent. If that is its API, its owner says so with `ferrule connections update %[3]s --server-url %[1]s://%[2]s`; if the connector does not name the host, an administrator adds it to --allow-server-hosts first",
		base.Scheme, base.Host, b.Connection.ID).
		With("host", base.Host).With("connection", b.Connection.String())
}

// entry is a lease and the binding that was last made of it.
type entry[R Compiled] struct {
	lease    *Lease
	standing standing
	bound    atomic.Pointer[Binding[R]]
}

func (e *entry[R]) bind(ask Ask, id string, revision R) (*Binding[R], error) {
	if b := e.bound.Load(); b != nil && b.RevisionID == id {
		return b, nil
	}
	set, err := chooseSet(revision.Definition(), e.lease)
	if err != nil {
		return nil, err
	}
	credential, err := inject.New(inject.Lent{
		Secrets: e.lease.Secrets, Parameters: e.lease.Parameters, Set: set, Token: e.lease.Token, Trust: e.lease.Trust,
	})
	if err != nil {
		return nil, err
	}
	base, baseErr := resolveBase(revision.Definition(), e.lease)
	if baseErr != nil && !e.lease.Mock && !hasServers(revision.Definition()) {
		return nil, baseErr
	}
	b := &Binding[R]{
		Connection:   ask.Connection,
		Connector:    e.lease.Connector,
		RevisionID:   id,
		Revision:     revision,
		Credential:   credential,
		AllowedHosts: e.lease.AllowedHosts,
		TokenVersion: e.lease.TokenVersion,
		Owner:        e.lease.Owner,
		Mock:         e.lease.Mock,
		LinkKey:      e.lease.LinkKey,
		Etag:         e.lease.Etag,
		standing:     &e.standing,
		base:         base,
		baseErr:      baseErr,
		endpoint:     base.Endpoint(),
		bound:        baseErr == nil && base.AllowedBy(e.lease.AllowedHosts),
		parameters:   e.lease.Parameters,
		moved:        e.lease.ServerURL != "",
	}
	if ask.Revision == "" { // a revision that is tried out does not push the real one aside
		e.bound.Store(b)
	}
	return b, nil
}
