package core

import (
	"context"
	"log/slog"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// AcceptGrant, DropGrant, OpenGrant and Obtain are what sign-ins use.
func (v *Vault) AcceptGrant(ctx context.Context, caller Caller, conn Connection, p *oauth.Profile, t oauth.Token) (Connection, error) {
	with := *p
	if held, err := v.heldAs(ctx, conn); err == nil { // as a sign-in of this moment has it
		if now, secrets, err := v.profileWith(ctx, held); err == nil {
			with.RefreshedBy, with.ClientUID = now.RefreshedBy, now.ClientUID
			Credential{Secrets: secrets}.Clear()
		}
	}
	return v.acceptGrant(ctx, caller, conn, &with, t, ActionAuthorized)
}

// DropGrant is documented with AcceptGrant.
func (v *Vault) DropGrant(ctx context.Context, caller Caller, conn Connection, why string) (Connection, error) {
	held, err := v.heldAs(ctx, conn)
	if err != nil {
		return Connection{}, err
	}
	held.Connection = conn
	return v.dropGrant(ctx, held, why, v.record(caller, ActionRevoked, conn.Name, nil))
}

// OpenGrant is documented with AcceptGrant.
func (v *Vault) OpenGrant(ctx context.Context, conn Connection) (Grant, oauth.Token, error) {
	return v.openGrant(ctx, conn)
}

// Obtain is documented with AcceptGrant.
func (v *Vault) Obtain(ctx context.Context, conn Connection) (Connection, error) {
	return v.obtain(ctx, conn)
}

// NewKey makes the key of a connection.
func (v *Vault) NewKey(ctx context.Context, name resource.Connection) ([]byte, error) {
	return v.sealer.NewKey(ctx, name.Environment, name.String())
}

// Drain waits for the renewals of this process.
func (v *Vault) Drain() { v.renewals.tokens.drain() }

// SetLog makes a vault log elsewhere. Nothing must use it meanwhile.
func (v *Vault) SetLog(log *slog.Logger) { v.log = log }
