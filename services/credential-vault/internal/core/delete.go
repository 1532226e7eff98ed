package core

import (
	"context"
	"fmt"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Delete removes a connection of the caller, destroys its encrypted secrets with
// their key, and announces that. A grant, and what sign-ins have brought that nobody
// has confirmed, are given back to the provider before, where that is possible, all
// at once and for at most ten seconds; the audit record names the host that got the
// grant, or says why none did. They are given back first because nobody could do it later:
// a process that ends in between leaves a connection whose grant does not hold any more,
// which is deleted again, and no grant that holds and that nobody knows of. Unless empty,
// etag must be the connection's.
func (v *Vault) Delete(ctx context.Context, caller Caller, name resource.Connection, etag string) error {
	_, err := settled(name, func() (Connection, error) { return Connection{}, v.tryDelete(ctx, caller, name, etag) })
	return err
}

// tryDelete removes the connection as it is now. It returns [ErrChanged] when
// somebody else was faster.
func (v *Vault) tryDelete(ctx context.Context, caller Caller, name resource.Connection, etag string) error {
	held, err := v.store.Held(ctx, name)
	if isUnreadable(err) {
		return v.removeUnreadable(ctx, caller, name, err)
	}
	if err := v.found(ctx, name, err); err != nil {
		return err
	}
	conn := held.Connection
	if err := mayChange(caller, conn, etag); err != nil {
		return err
	}
	var host string
	var why error
	var under sync.WaitGroup
	under.Go(func() { host, why = v.revoke(ctx, held) })
	under.Go(func() { v.discardAll(ctx, name) })
	under.Wait()
	w := Write{Connection: conn}
	if len(conn.SecretNames) > 0 || len(held.Grant.Access) > 0 {
		w.Audit = v.record(caller, ActionDeleted, name, conn.SecretNames)
		w.Audit.Host, w.Audit.NotRevokedReason = host, notRevoked(why)
	}
	if err := v.store.Remove(ctx, w); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
