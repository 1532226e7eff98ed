package core

import (
	"context"
	"fmt"
	"slices"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
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
}

// Credential is a connection with its secrets, on loan.
type Credential struct {
	// Connection is what was lent.
	Connection Connection
	// Secrets are the values, sorted by name.
	Secrets []NamedSecret
	// Hosts are the only ones that the secrets may be sent to, canonical (see
	// [Origin]), sorted.
	Hosts []string
	// ExpireTime is when the loan ends.
	ExpireTime time.Time
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
// and nothing is decrypted for him.
func (v *Vault) Resolve(ctx context.Context, caller Caller, r Request) (Credential, error) {
	conn, sealed, err := v.authorised(ctx, caller, r)
	if err != nil {
		return Credential{}, err
	}
	def, err := v.definition(ctx, conn)
	if err != nil {
		return Credential{}, err
	}
	hosts, err := v.lendableTo(def, conn, sealed)
	if err != nil {
		return Credential{}, v.refuse(ctx, caller, r, err)
	}
	secrets, err := v.open(ctx, conn, sealed)
	if err != nil {
		return Credential{}, err
	}
	lent := Credential{Connection: conn, Secrets: secrets, Hosts: hosts, ExpireTime: v.clock.Now().Add(v.cfg.Lease)}
	if err := v.audit(ctx, caller, r, ActionResolved, conn.SecretNames); err != nil {
		lent.Clear()
		return Credential{}, err
	}
	return lent, nil
}

// authorised returns the connection, still encrypted, to whom it may be lent.
func (v *Vault) authorised(ctx context.Context, caller Caller, r Request) (Connection, []Sealed, error) {
	if caller.Service != v.cfg.Runtime {
		return Connection{}, nil, v.refuse(ctx, caller, r, serviceOnly())
	}
	user := caller.Principal.Kind == authn.KindUser
	if user && r.Principal != "" && r.Principal != caller.Principal.Name {
		return Connection{}, nil, v.refuse(ctx, caller, r, fault.Denied(fault.ReasonPermissionDenied,
			"the call is made for %q with the token of %q; pass on the token of the principal that is served", r.Principal, caller.Principal.Name).
			With("principal", r.Principal))
	}
	conn, sealed, err := v.store.WithSecrets(ctx, r.Name)
	if err := v.found(ctx, r.Name, err); err != nil {
		return Connection{}, nil, err
	}
	if !v.mayUse(caller, r, conn) {
		return Connection{}, nil, v.refuse(ctx, caller, r, notFound(r.Name))
	}
	if conn.State == StateNeedsAuthorization {
		return Connection{}, nil, fault.Precondition(fault.ReasonConnectionNotReady,
			"connection %q waits for somebody to sign in; authorize it first", conn.Name.ID).With("state", conn.State.String())
	}
	return conn, sealed, nil
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

// lendableTo returns the hosts that may get what is lent. Without secrets there
// is nothing to protect, so such a connection follows its connector.
func (v *Vault) lendableTo(def *connectorv1.Definition, conn Connection, sealed []Sealed) ([]string, error) {
	leads, err := destinations(def, conn.Parameters, conn.ServerURL, v.cfg.AllowHosts)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 {
		return hostsOf(leads), nil
	}
	return confirmedHosts(conn, leads)
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
