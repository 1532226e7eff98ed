package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// unreadableReason is why a connection cannot be used that somebody has changed in
// the store.
const unreadableReason = "what is stored of it is not what the vault wrote: somebody has changed the store; put it back from a backup, or have an administrator delete it"

// Unreadable returns what a listing shows in place of a connection that somebody has
// changed in the store.
func Unreadable(name resource.Connection) Connection { return Connection{Name: name}.AsUnreadable() }

// AsUnreadable returns the connection as a listing shows it if somebody has changed
// what belongs to it in the store.
func (c Connection) AsUnreadable() Connection {
	c.State, c.StateReason = StateError, unreadableReason
	return c
}

// warnOf logs connections and OAuth clients that somebody has changed in the store,
// each once in the life of the process.
func (v *Vault) warnOf(ctx context.Context, names ...string) {
	for _, name := range names {
		if _, known := v.warned.LoadOrStore(name, true); !known {
			v.log.WarnContext(ctx, "a record is not as the vault wrote it: somebody has changed the store", "record", name)
		}
	}
}

// isUnreadable reports whether an error says that a record is not what was written.
func isUnreadable(err error) bool {
	return err != nil && fault.ReasonOf(err) == fault.ReasonCredentialUnreadable
}

// removeUnreadable removes a connection of which nothing can be believed. Nobody can
// tell whose it is, so only administrators may. Its grant is not given back: where
// that would go cannot be believed either.
func (v *Vault) removeUnreadable(ctx context.Context, caller Caller, name resource.Connection, cause error) error {
	if !caller.Principal.Is(authn.RoleAdmin) {
		return cause
	}
	if err := v.store.RemoveUnreadable(ctx, name, *v.record(caller, ActionDeleted, name, nil)); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// removeUnreadableClient is the same for an OAuth client.
func (v *Vault) removeUnreadableClient(ctx context.Context, caller Caller, name resource.OAuthClient, cause error) error {
	if !caller.Principal.Is(authn.RoleAdmin) {
		return cause
	}
	record := v.recordClient(caller, OAuthClient{Name: name}, nil)
	if err := v.store.RemoveUnreadableClient(ctx, name, *record); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
