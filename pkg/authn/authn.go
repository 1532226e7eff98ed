// Package authn says who is calling.
//
// A caller has up to two identities. The [Principal] is on whose behalf a
// request is made: a person or program that proved itself with a bearer token,
// or a service that acts on its own. [PeerService] is the process at the other
// end of the connection, proved by mutual TLS or by an in-memory connection. A
// gateway that passes on its caller's token is the peer service of a request
// whose principal is the user. A token never makes anyone a service.
//
// Tokens are Ed25519-signed JWTs: [Issuer] makes them, [TokenVerifier] checks
// them, [LoadOrCreateKey] keeps the key. The package pki makes the identities
// of services over TLS, memnet those inside one process. Servers built with
// grpcx put both identities into the context:
//
//	p, ok := authn.FromContext(ctx)
//	if !ok || !p.Is(authn.RoleMaker) {
//		return fault.Denied(fault.ReasonPermissionDenied, "ask an admin for the role maker")
//	}
package authn

import (
	"context"
	"slices"
)

// Kind is what sort of principal acts.
type Kind int

const (
	// KindUnspecified is nobody. No verified principal has it.
	KindUnspecified Kind = iota
	// KindUser is a person, application or agent with a bearer token.
	KindUser
	// KindService is one of our own processes acting on its own behalf.
	KindService
)

// String returns "user", "service" or "unspecified".
func (k Kind) String() string {
	switch k {
	case KindUser:
		return "user"
	case KindService:
		return "service"
	case KindUnspecified:
	}
	return "unspecified"
}

// Role is what a user may do across the whole installation.
type Role string

// The roles, widest first. Each includes those below it.
const (
	// RoleAdmin may do everything, including giving roles to others.
	RoleAdmin Role = "admin"
	// RoleMaker may describe APIs: create and change connectors.
	RoleMaker Role = "maker"
	// RoleUser may use what makers published.
	RoleUser Role = "user"
)

// width orders the roles, see [Principal.Is]; 0 is no role at all.
func (r Role) width() int {
	switch r {
	case RoleAdmin:
		return 3
	case RoleMaker:
		return 2
	case RoleUser:
		return 1
	}
	return 0
}

// Principal is on whose behalf a request is made. The zero Principal is
// nobody and may do nothing.
type Principal struct {
	// Kind tells users from services, whose names may be equal.
	Kind Kind
	// Name is the subject of a user's token, or the name of a service.
	Name string
	// Roles are the user's, without order or repetition. Services have none:
	// what a service may do is decided by its name.
	Roles []Role
}

// Is reports whether the principal is a user who holds the role, or a wider
// one that includes it: an admin is a maker, and a maker is a user. It is
// false for services and for roles that do not exist.
func (p Principal) Is(role Role) bool {
	return p.Kind == KindUser && role.width() > 0 &&
		slices.ContainsFunc(p.Roles, func(r Role) bool { return r.width() >= role.width() })
}

// String returns the kind and the name, as in "user:ada", for logs and audit
// records.
func (p Principal) String() string { return p.Kind.String() + ":" + p.Name }

// Verifier decides whose token a bearer token is. Implementations are safe for
// concurrent use. The principal they return is always a user; the error of a
// token that is not accepted is a *fault.Error with code Unauthenticated, and
// never holds the token.
type Verifier interface {
	// Verify returns the principal of the token.
	Verify(ctx context.Context, token string) (Principal, error)
}

type (
	principalKey struct{}
	peerKey      struct{}
)

// NewContext returns a context whose requests are made on p's behalf. The
// caller vouches for p.
func NewContext(ctx context.Context, p Principal) context.Context {
	return &principalContext{Context: ctx, principal: p}
}

// Caller is who calls, for a context that keeps it along with other things: a chain
// of contexts of the standard library takes memory for each. Whoever sets it vouches
// for it, as with [NewContext] and [NewPeerContext].
type Caller struct {
	// Principal is on whose behalf the request is made; nobody if its kind is not
	// specified.
	Principal Principal
	// Peer is the service whose process is at the other end; empty for none.
	Peer string
}

// Value is for the method of that name of such a context: what it returns for a key
// of this package. For others, and for who is not known, it reports false.
func (c *Caller) Value(key any) (any, bool) {
	switch key {
	case principalKey{}:
		return &c.Principal, c.Principal.Kind != KindUnspecified
	case peerKey{}:
		return &c.Peer, c.Peer != ""
	}
	return nil, false
}

// principalContext is a context with a principal. A context of the standard library
// would keep it in memory of its own.
type principalContext struct {
	context.Context //nolint:containedctx // it is one

	principal Principal
}

// Value returns the principal, or what the context behind has.
func (c *principalContext) Value(key any) any {
	if key == (principalKey{}) {
		return &c.principal
	}
	return c.Context.Value(key)
}

// FromContext returns on whose behalf the request is made. It is false where
// nothing authenticated the request.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(*Principal)
	if !ok {
		return Principal{}, false
	}
	return *p, true
}

// NewPeerContext returns a context whose request came from the process of the
// named service. It is for servers, which vouch for the name with what the
// transport proved; nothing that a request says about itself belongs here.
func NewPeerContext(ctx context.Context, service string) context.Context {
	return context.WithValue(ctx, peerKey{}, &service)
}

// PeerService returns the name of the service whose process is at the other
// end of the connection. It is false when that process proved no identity.
func PeerService(ctx context.Context) (string, bool) {
	name, ok := ctx.Value(peerKey{}).(*string)
	if !ok || *name == "" {
		return "", false
	}
	return *name, true
}
