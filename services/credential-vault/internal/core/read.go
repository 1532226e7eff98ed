package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Page sizes of both listings.
const (
	defaultPage = 50
	maxPage     = 1000
)

// Get returns a connection that the caller may see.
func (v *Vault) Get(ctx context.Context, caller Caller, name resource.Connection) (Connection, error) {
	conn, err := v.store.Connection(ctx, name)
	if err := v.found(ctx, name, err); err != nil {
		return Connection{}, err
	}
	if !caller.sees(conn) {
		return Connection{}, notFound(name)
	}
	return conn, nil
}

// Listing asks for a page of connections.
type Listing struct {
	// Environment is the id of the environment.
	Environment string
	// Connector is the id of a connector whose connections are wanted; empty for
	// all.
	Connector string
	// PageSize and PageToken are as the caller sent them.
	PageSize  int32
	PageToken string
}

// List returns the connections that the caller may see, in the order of their
// ids, and the token of the next page.
func (v *Vault) List(ctx context.Context, caller Caller, l Listing) ([]Connection, string, error) {
	if err := v.environments.Exists(ctx, l.Environment); err != nil {
		return nil, "", err
	}
	q := ConnectionQuery{Environment: l.Environment, Connector: l.Connector, Limit: page.Size(l.PageSize, defaultPage, maxPage)}
	if !caller.seesAll() {
		if caller.Principal.Name == "" {
			return nil, "", nil // nobody owns nothing; an empty owner would mean everybody
		}
		q.Owner = caller.Principal.Name
	}
	scope := page.Scope("connections", l.Environment, l.Connector, q.Owner)
	var err error
	if q.After, err = page.Decode(scope, l.PageToken); err != nil {
		return nil, "", err
	}
	conns, next, err := v.store.Connections(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list connections: %w", err)
	}
	for _, c := range conns {
		if c.StateReason == unreadableReason {
			v.warnOf(ctx, c.Name.String())
		}
	}
	return conns, page.Encode(scope, next), nil
}
