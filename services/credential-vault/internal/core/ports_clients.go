package core

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// ClientStore keeps OAuth clients and their sealed secrets. Each method is one
// transaction.
type ClientStore interface {
	// InsertClient adds a client. It returns [ErrExists] if its name is taken, and
	// [ErrServed] if its connector and parameter set have a client already.
	InsertClient(ctx context.Context, w ClientWrite) error
	// ReplaceClient stores what a client has become. It returns [ErrChanged] unless
	// the stored one has the same UID and exactly one edit less.
	ReplaceClient(ctx context.Context, w ClientWrite) error
	// RemoveClient removes w.Client with its secrets. It returns [ErrChanged] unless
	// the stored one has the same UID and edits.
	RemoveClient(ctx context.Context, w ClientWrite) error
	// RemoveUnreadableClient removes a client whose record somebody has changed. It
	// returns [ErrChanged] if it is what was written.
	RemoveUnreadableClient(ctx context.Context, name resource.OAuthClient, audit AuditRecord) error

	// Client returns a client and its secrets, sorted by name, or [ErrNotFound].
	Client(ctx context.Context, name resource.OAuthClient) (OAuthClient, []Sealed, error)
	// ClientFor returns the client that serves a parameter set of a connector: the
	// set's own, or else the one of all sets. It returns [ErrNotFound] if there is
	// neither.
	ClientFor(ctx context.Context, connector resource.Connector, set string) (OAuthClient, []Sealed, error)
	// Clients returns clients in the order of their ids, at most q.Limit. The second
	// result is the id to continue after; empty at the end.
	Clients(ctx context.Context, q ClientQuery) ([]OAuthClient, string, error)
}

// ClientWrite is one change of an OAuth client.
type ClientWrite struct {
	// Client is what is stored.
	Client OAuthClient
	// Secrets are all secrets that it has from now on; nil leaves them as they are.
	Secrets []Sealed
	// Audit is recorded with the change, if there is one.
	Audit *AuditRecord
}

// ClientQuery says which OAuth clients are wanted.
type ClientQuery struct {
	// Environment is the id of the environment.
	Environment string
	// Connector restricts the result to one connector's id, unless empty.
	Connector string
	// After is the id after which to begin; empty to begin at the first.
	After string
	// Limit is the most that is returned, at least 1.
	Limit int
}
