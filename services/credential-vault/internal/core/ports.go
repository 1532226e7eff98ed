package core

import (
	"context"
	"errors"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Errors of a [Store].
var (
	// ErrNotFound says that there is no such connection.
	ErrNotFound = errors.New("connection not found")
	// ErrExists says that a connection has this name already.
	ErrExists = errors.New("connection exists")
	// ErrLimit says that somebody has as many as may be.
	ErrLimit = errors.New("too many at the same time")
	// ErrServed says that a parameter set has an OAuth client already.
	ErrServed = errors.New("the parameter set has an OAuth client already")
	// ErrChanged says that the connection was changed or removed meanwhile.
	ErrChanged = errors.New("connection has been changed meanwhile")
)

// Store keeps connections, their sealed secrets and the audit trail. Each method
// is one transaction: all of it happens or nothing. Implementations are safe for
// concurrent use.
type Store interface {
	GrantStore
	AuthorizationStore
	ClientStore
	Trail

	// Insert adds a connection and announces it. It returns [ErrExists] if the
	// name is taken.
	Insert(ctx context.Context, w Write) error
	// Replace stores what a connection has become, and announces it if w says
	// so. It returns [ErrChanged] unless the stored one has the same UID and
	// exactly one change less.
	Replace(ctx context.Context, w Write) error
	// Remove removes w.Connection with its secrets and announces that. It
	// returns [ErrChanged] unless the stored one has the same UID and change.
	Remove(ctx context.Context, w Write) error
	// RemoveUnreadable removes all that there is of a connection of which somebody has
	// changed a record, and announces nothing. It returns [ErrChanged] if all its
	// records are what was written.
	RemoveUnreadable(ctx context.Context, name resource.Connection, audit AuditRecord) error

	// Connection returns a connection, or [ErrNotFound].
	Connection(ctx context.Context, name resource.Connection) (Connection, error)
	// WithSecrets returns a connection and its secrets, as they were at one
	// moment and sorted by parameter, or [ErrNotFound].
	WithSecrets(ctx context.Context, name resource.Connection) (Connection, []Sealed, error)
	// Connections returns connections in the order of their ids, at most
	// q.Limit. The second result is the id to continue after; empty at the end.
	Connections(ctx context.Context, q ConnectionQuery) ([]Connection, string, error)
}

// Write is one change of a connection.
type Write struct {
	// Connection is what is stored.
	Connection Connection
	// Secrets are all secrets that it has from now on; nil leaves them as they
	// are.
	Secrets []Sealed
	// Grant is what its grant becomes, one Change after the stored one; nil leaves it
	// as it is.
	Grant *Grant
	// Audit is recorded with the change, if there is one.
	Audit *AuditRecord
	// Notice is published with the change.
	Notice Notice
	// Silent changes are not announced: nothing that others keep copies of is
	// different.
	Silent bool
}

// ConnectionQuery says which connections are wanted.
type ConnectionQuery struct {
	// Environment is the id of the environment.
	Environment string
	// Owner restricts the result to the connections of one user, unless empty.
	Owner string
	// Connector restricts the result to one connector's id, unless empty.
	Connector string
	// After is the id after which to begin; empty to begin at the first.
	After string
	// Limit is the most that is returned, at least 1.
	Limit int
}

// Environments tells which environments exist.
type Environments interface {
	// Exists returns nil for an environment that exists, and otherwise a fault:
	// ENVIRONMENT_NOT_FOUND, or why nobody can tell.
	Exists(ctx context.Context, environment string) error
}

// Connectors tells what connections to a connector look like.
type Connectors interface {
	// Definition returns the parts of a connector's definition that connections
	// need: servers and parameter sets. revision is the resource name of a
	// revision, empty for the published one. The definition is shared and must
	// not be changed. Errors are those of the registry.
	Definition(ctx context.Context, connector resource.Connector, revision string) (*connectorv1.Definition, error)
}

// Owners tells who may change connectors. It is asked each time: who was an editor
// a moment ago may be none now.
type Owners interface {
	// Ownership returns who may change a connector. Errors are those of the registry.
	Ownership(ctx context.Context, connector resource.Connector) (Ownership, error)
}

// Ownership is who may change a connector, besides administrators.
type Ownership struct {
	// Owner is whose it is; empty for nobody's.
	Owner string
	// Editors are those with whom the owner shares it.
	Editors []string
}
