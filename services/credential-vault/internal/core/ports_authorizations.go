package core

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// AuthorizationStore keeps sign-ins. Each method is one transaction. They end
// with their connection.
type AuthorizationStore interface {
	// InsertAuthorization adds a sign-in within limits. It returns those that had to
	// make room, as they are now, [ErrLimit] if the principal has too many, and
	// [ErrChanged] unless the stored connection has the UID. Of those of the
	// connection that are over and have no secrets it removes the oldest, all but
	// [MaxEndedSignIns]. It does no more work for a connection with many.
	InsertAuthorization(ctx context.Context, a Authorization, l SignInLimits) (dropped []Authorization, err error)
	// ReplaceAuthorization stores what a sign-in has become. It returns
	// [ErrChanged] unless the stored one has exactly one change less, and its
	// connection is still the one with the same UID.
	ReplaceAuthorization(ctx context.Context, a Authorization) error
	// RemoveAuthorization removes a sign-in. It returns [ErrChanged] unless the
	// stored one has the same change.
	RemoveAuthorization(ctx context.Context, a Authorization) error

	// Authorization returns a sign-in, or [ErrNotFound].
	Authorization(ctx context.Context, name resource.Authorization) (Authorization, error)
	// AuthorizationByState returns the sign-in whose state has that hash, or
	// [ErrNotFound].
	AuthorizationByState(ctx context.Context, hash string) (Authorization, error)
	// Authorizations returns all sign-ins of a connection that are kept.
	Authorizations(ctx context.Context, name resource.Connection) ([]Authorization, error)
	// DueAuthorizations returns sign-ins whose sweep time is before a time, the
	// earliest first, at most limit.
	DueAuthorizations(ctx context.Context, before time.Time, limit int) ([]Authorization, error)
}

// SignInLimits bounds the sign-ins that are not over.
type SignInLimits struct {
	// OfConnection is for one connection: the oldest makes room.
	OfConnection int
	// OfPrincipal is for one principal: more are refused.
	OfPrincipal int
	// Drop is what a sign-in becomes that makes room.
	Drop func(Authorization) Authorization
}
