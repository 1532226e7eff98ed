package core

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// GrantStore keeps the grants of connections. Like all of [Store] each method is
// one transaction.
type GrantStore interface {
	// Held returns a connection, its secrets sorted by parameter, and its grant, as
	// they were at one moment, or [ErrNotFound]. Without a grant that is the zero
	// one.
	Held(ctx context.Context, name resource.Connection) (Held, error)
	// WriteGrant stores what a grant has become. It returns [ErrChanged] unless the
	// stored connection and grant are the ones that the writer has seen; see
	// [GrantWrite].
	WriteGrant(ctx context.Context, w GrantWrite) error
	// DueGrants returns the grants whose Due is not after until, the most overdue
	// first, at most limit.
	DueGrants(ctx context.Context, until time.Time, limit int) ([]DueGrant, error)
}

// Held is a connection with everything that belongs to it, still sealed.
type Held struct {
	// Connection is the connection.
	Connection Connection
	// Secrets are its secrets.
	Secrets []Sealed
	// Grant is its grant; the zero one if it has none.
	Grant Grant
}

// GrantWrite is one change of a grant.
type GrantWrite struct {
	// Of is whose grant it is; the stored connection must have the same UID.
	Of Connection
	// Becomes is what the connection becomes with it, one Change after the stored
	// one, and announced; nil leaves the connection as it is.
	Becomes *Connection
	// Grant is stored. Its Change is one more than that of the stored grant, or 1
	// if there is none.
	Grant Grant
	// SignIn is the sign-in that has brought it, stored with it as
	// [AuthorizationStore.ReplaceAuthorization] does; nil for none.
	SignIn *Authorization
	// Audit is recorded with the change, if there is one.
	Audit *AuditRecord
	// Notice is published with the change. It needs Becomes.
	Notice Notice
}

// DueGrant is a grant that is to be renewed.
type DueGrant struct {
	// Name is the connection.
	Name resource.Connection
	// Provider is the origin of its token endpoint; empty if that is not known.
	Provider string
	// Due is since when.
	Due time.Time
}

// Notice is an event that owners of connections want to know of.
type Notice int

const (
	// NoticeNone is no event.
	NoticeNone Notice = iota
	// NoticeAuthorized means that the connection has got a grant.
	NoticeAuthorized
	// NoticeNeedsAuthorization means that it has lost its grant.
	NoticeNeedsAuthorization
	// NoticeFailed means that the connection has come into error: it is not known to
	// work any more, for a reason that no sign-in repairs by itself.
	NoticeFailed
)
