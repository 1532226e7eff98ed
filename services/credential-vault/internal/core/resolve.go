package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Request asks for the secrets of a connection.
type Request struct {
	// Name is the connection.
	Name resource.Connection
	// Principal is for whom the runtime says that it asks; empty if it leaves
	// that to the token that it passed on.
	Principal string
	// OperationID is what the secrets are needed for; empty for a pass-through
	// call.
	OperationID string
	// Subject is the caller's own token at the provider, where the connection
	// exchanges it.
	Subject Subject
}

// Credential is a connection with its secrets, on loan.
type Credential struct {
	// Connection is what was lent.
	Connection Connection
	// Secrets are the values, sorted by name.
	Secrets []NamedSecret
	// Origins are the only ones that the secrets may be sent to, such as
	// "https://api.example.com" (see [Origin.String]), sorted.
	Origins []string
	// ExpireTime is when the loan ends.
	ExpireTime time.Time
	// TokenVersion tells which token was lent; empty if none was.
	TokenVersion string
	// Placement is how the API wants the token.
	Placement oauth.Placement
	// LinkKey signs what the runtime hands out for this connection; see
	// [Sealer.LinkKey].
	LinkKey []byte
}

// NamedSecret is a secret parameter and its value.
type NamedSecret struct {
	// Name is the parameter.
	Name string
	// Value is the secret.
	Value secret.Text
}

// Clear overwrites the secrets. Whoever got the credential calls it.
func (c Credential) Clear() {
	for _, s := range c.Secrets {
		s.Value.Clear()
	}
}

// Resolve lends the secrets of a connection to the runtime. The audit record is
// durable before anything is returned. Whoever is refused leaves a record too,
// and nothing is decrypted for him. Of a connection with a sign-in the access
// token is lent under the name of its parameter, for no longer than it holds;
// refresh tokens and what the sign-in needs never are. A token that ends soon is
// renewed before it is lent.
func (v *Vault) Resolve(ctx context.Context, caller Caller, r Request) (Credential, error) {
	held, err := v.authorised(ctx, caller, r)
	if err != nil {
		return Credential{}, err
	}
	return v.lend(ctx, caller, r, held)
}

// lend lends what belongs to a connection, to a caller who may have it.
func (v *Vault) lend(ctx context.Context, caller Caller, r Request, held Held) (Credential, error) {
	p, err := v.prepared(ctx, caller, r, held)
	if err != nil {
		return Credential{}, err
	}
	lent, err := v.unsealed(ctx, p.held, p.lends, p.loan)
	if err != nil {
		return Credential{}, err
	}
	lent.Origins, lent.Connection.Parameters = p.origins, lentParameters(p.def, p.held.Connection)
	if err := v.audit(ctx, caller, r, ActionResolved, lent.names()); err != nil {
		lent.Clear()
		return Credential{}, err
	}
	return lent, nil
}

// prepared is what is lent, still sealed, all of one state of its connection.
type prepared struct {
	held    Held
	def     *connectorv1.Definition
	lends   lends
	origins []string
	loan    loan
}

// prepared decides what is lent, and where it may go. A connection that is edited
// while its token is renewed is looked at once more.
func (v *Vault) prepared(ctx context.Context, caller Caller, r Request, held Held) (p prepared, err error) {
	for range loanTries {
		if p.def, err = v.definition(ctx, held.Connection); err != nil {
			return prepared{}, err
		}
		p.held, p.lends = held, lendsOf(p.def, held.Connection)
		if p.origins, err = v.lendableTo(p.def, p.lends, held); err != nil {
			return prepared{}, v.refuse(ctx, caller, r, err)
		}
		if p.lends.oauth == "" {
			p.loan = loan{}
			return p, nil
		}
		if p.held, p.loan, err = v.token(ctx, held, r); err != nil {
			return prepared{}, err
		}
		if p.held.Connection.Edits != held.Connection.Edits {
			held = p.held
			continue
		}
		// Once more: the grant says where its token may go.
		if p.origins, err = v.lendableTo(p.def, p.lends, p.held); err != nil {
			return prepared{}, v.refuse(ctx, caller, r, err)
		}
		return p, nil
	}
	return prepared{}, fault.Aborted(fault.ReasonEtagMismatch,
		"connection %q is being changed by others at this moment; try again", held.Connection.Name.ID).With("connection", held.Connection.Name.String())
}

// unsealed decrypts what is lent.
func (v *Vault) unsealed(ctx context.Context, held Held, l lends, t loan) (Credential, error) {
	conn := held.Connection
	links, err := v.sealer.LinkKey(ctx, conn.Name.Environment, conn.Name.String(), conn.Key)
	if err != nil {
		return Credential{}, fmt.Errorf("derive the link key of %s: %w", conn.Name, err)
	}
	secrets, err := v.open(ctx, conn, l.of(held.Secrets))
	if err != nil {
		return Credential{}, err
	}
	lent := Credential{Connection: conn, Secrets: secrets, ExpireTime: v.clock.Now().Add(v.cfg.Lease), LinkKey: links}
	if t.version == "" {
		return lent, nil
	}
	value, err := v.sealer.Open(ctx, held.Connection.place(t.part, t.seal), t.blob)
	if err != nil {
		lent.Clear()
		return Credential{}, fmt.Errorf("decrypt the token of %s: %w", held.Connection.Name, err)
	}
	at, _ := slices.BinarySearchFunc(lent.Secrets, l.oauth, func(s NamedSecret, name string) int { return strings.Compare(s.Name, name) })
	lent.Secrets = slices.Insert(lent.Secrets, at, NamedSecret{Name: l.oauth, Value: value})
	lent.TokenVersion, lent.Placement = t.version, t.placement
	if !t.end.IsZero() && t.end.Before(lent.ExpireTime) {
		lent.ExpireTime = t.end
	}
	return lent, nil
}

// names returns the names of the secrets.
func (c Credential) names() []string {
	names := make([]string, 0, len(c.Secrets))
	for _, s := range c.Secrets {
		names = append(names, s.Name)
	}
	return names
}

// authorised returns the connection, still encrypted, to whom it may be lent.
func (v *Vault) authorised(ctx context.Context, caller Caller, r Request) (Held, error) {
	if caller.Service != v.cfg.Runtime {
		return Held{}, v.refuse(ctx, caller, r, serviceOnly())
	}
	user := caller.Principal.Kind == authn.KindUser
	if user && r.Principal != "" && r.Principal != caller.Principal.Name {
		return Held{}, v.refuse(ctx, caller, r, fault.Denied(fault.ReasonPermissionDenied,
			"the call is made for %q with the token of %q; pass on the token of the principal that is served", r.Principal, caller.Principal.Name).
			With("principal", r.Principal))
	}
	held, err := v.store.Held(ctx, r.Name)
	if err := v.found(ctx, r.Name, err); err != nil {
		return Held{}, err
	}
	if !v.mayUse(caller, r, held.Connection) {
		return Held{}, v.refuse(ctx, caller, r, notFound(r.Name))
	}
	if held.Connection.State == StateNeedsAuthorization {
		return Held{}, notReady(held.Connection)
	}
	return held, nil
}

// mayUse decides for whom a connection is lent. A token speaks for its user.
// Without one the runtime says for whom it asks: for a trusted service, which
// may use every connection, or for a user, who may use his own. It makes nobody
// an administrator, and for itself it gets nothing.
func (v *Vault) mayUse(caller Caller, r Request, conn Connection) bool {
	if caller.Principal.Kind == authn.KindUser {
		return caller.sees(conn)
	}
	return r.Principal != "" && (r.Principal == conn.Owner || slices.Contains(v.cfg.Trusted, r.Principal))
}

// lendableTo returns the origins that may get what is lent. Without secrets there
// is nothing to protect, so such a connection follows its connector. A token goes
// only where the connection led when its grant was given.
func (v *Vault) lendableTo(def *connectorv1.Definition, l lends, held Held) ([]string, error) {
	conn := held.Connection
	if conn.Mock {
		return nil, nil
	}
	leads, err := destinations(def, conn.Parameters, conn.ServerURL, v.cfg.AllowHosts)
	if err != nil {
		return nil, err
	}
	if len(held.Secrets) == 0 && l.oauth == "" {
		return written(leads), nil
	}
	if name := l.misplaced(held.Secrets); name != "" {
		return nil, givenForSignIn(conn, name)
	}
	if g := held.Grant; l.oauth != "" && g.fits(conn) && !slices.Equal(g.Origins, conn.Origins) {
		conn.Origins = slices.DeleteFunc(slices.Clone(conn.Origins), func(o Origin) bool { return !slices.Contains(g.Origins, o) })
	}
	return confirmedOrigins(def, conn, leads)
}

// Refused leaves the audit record of a call that was refused before it reached
// the vault, because its process is not the runtime's.
func (v *Vault) Refused(ctx context.Context, caller Caller, r Request) error {
	if nowhere, _ := v.nowhere(ctx, r.Name.Environment); nowhere {
		return nil // there are no secrets to ask for, and no place for a record
	}
	return v.audit(ctx, caller, r, ActionRefused, nil)
}

// refuse leaves a record and returns why. A refusal that cannot be recorded is
// one all the same.
func (v *Vault) refuse(ctx context.Context, caller Caller, r Request, why error) error {
	if nowhere, missing := v.nowhere(ctx, r.Name.Environment); nowhere {
		return missing
	}
	if err := v.audit(ctx, caller, r, ActionRefused, nil); err != nil {
		return err
	}
	return why
}

func (v *Vault) audit(ctx context.Context, caller Caller, r Request, action AuditAction, names []string) error {
	record := v.record(caller, action, r.Name, names)
	record.OperationID = r.OperationID
	if r.Principal != "" && caller.Principal.Kind == authn.KindService {
		record.Principal = r.Principal
	}
	if err := v.store.Record(ctx, *record); err != nil {
		return fmt.Errorf("record the use of %s: %w", r.Name, err)
	}
	return nil
}

// open decrypts secrets. After an error none stays in clear.
func (v *Vault) open(ctx context.Context, conn Connection, sealed []Sealed) ([]NamedSecret, error) {
	lent := Credential{Secrets: make([]NamedSecret, 0, len(sealed))}
	for _, s := range sealed {
		value, err := v.sealer.Open(ctx, conn.place(s.Parameter, s.Version), s.Blob)
		if err != nil {
			lent.Clear()
			return nil, fmt.Errorf("decrypt parameter %q of %s: %w", s.Parameter, conn.Name, err)
		}
		lent.Secrets = append(lent.Secrets, NamedSecret{Name: s.Parameter, Value: value})
	}
	return lent.Secrets, nil
}

// serviceOnly is for processes that may not ask at all.
func serviceOnly() error {
	return fault.Denied(fault.ReasonServiceOnly, "this method is internal; only the runtime may call it")
}
