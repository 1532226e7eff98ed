package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// retryPage and retryPages bound how many connections of a connector are looked
	// at when its OAuth client was repaired: the others are tried again when the
	// time that a failure has to be left alone is over.
	retryPage  = 200
	retryPages = 50
	// retryLimit is how long that may take.
	retryLimit = 20 * time.Second
)

// retry forgets the failures of renewals which an OAuth client may have caused, once
// somebody has written it: the next use of a connection tries again at once. A
// failure to do so costs only time, and is no failure of the write.
func (v *Vault) retry(ctx context.Context, connector resource.Connector) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryLimit)
	defer cancel()
	after := ""
	for range retryPages {
		page, next, err := v.store.Connections(ctx, ConnectionQuery{
			Environment: connector.Environment, Connector: connector.ID, After: after, Limit: retryPage,
		})
		for _, conn := range page {
			err = errors.Join(err, v.retryOne(ctx, conn.Name))
		}
		if err != nil {
			v.log.WarnContext(ctx, "connections are tried again later only", "connector", connector.String(), "error", err)
			return
		}
		if after = next; after == "" {
			return
		}
	}
}

// retryOne forgets the failure of one connection.
func (v *Vault) retryOne(ctx context.Context, name resource.Connection) error {
	_, err := settled(name, func() (struct{}, error) {
		held, err := v.store.Held(ctx, name)
		if errors.Is(err, ErrNotFound) || isUnreadable(err) {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, fmt.Errorf("read the grant of %s: %w", name, err)
		}
		g := held.Grant
		if g.Change == 0 || g.NotBefore.IsZero() && !g.Hopeless {
			return struct{}{}, nil
		}
		g.Failures, g.Hopeless, g.NotBefore = 0, false, time.Time{}
		g.schedule(v.clock.Now())
		g.Change++
		if err := v.store.WriteGrant(ctx, GrantWrite{Of: held.Connection, Grant: g}); err != nil {
			return struct{}{}, fmt.Errorf("store the grant of %s: %w", name, err)
		}
		return struct{}{}, nil
	})
	return err
}
