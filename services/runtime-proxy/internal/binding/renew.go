package binding

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// maxRenewals bounds the connections whose last renewals are remembered.
	maxRenewals = 10_000
	// maxRefused is how many refused tokens of a connection are remembered: calls
	// that started with one of them may still be under way.
	maxRefused = 8
	// renewalPause is how long the vault is not asked again about a token that it
	// could not renew, or did not want to.
	renewalPause = time.Second
)

// Refusal says which token an API refused.
type Refusal struct {
	// TokenVersion is the version of the token, from its lease.
	TokenVersion string
	// Status is the status of the API's answer.
	Status int
}

// renewal is what is renewed: the token of a connection, or what it exchanged a
// subject's token for.
type renewal struct {
	connection resource.Connection
	subject    [sha256.Size]byte
}

// renewing is the history of a renewal. Whoever holds turn may look at the rest.
type renewing struct {
	turn    chan struct{}
	refused []string // versions, the newest last
	at      time.Time
	lent    string // what the vault lent in place of the newest; it may be the same
	err     error  // of the newest
}

func newRenewing() *renewing {
	r := &renewing{turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// Renew answers for a call whose token an API refused: with a binding that has
// another token, be it that the vault was told and renewed it or that somebody
// else saw to that already. However many report one token, the vault is told
// once; all callers of the connection get the new token from then on. A token that
// the vault lends again is reported again, if it is refused a second later. The error
// is the vault's if it has none, CONNECTION_NOT_READY if that takes a sign-in.
func (s *Store[R]) Renew(ctx context.Context, ask Ask, refusal Refusal) (*Binding[R], error) {
	key := renewal{ask.Connection, ask.Subject.hash}
	r, ok := s.renewals.GetIfPresent(key)
	if !ok {
		r, _ = s.renewals.ComputeIfAbsent(key, func() (*renewing, bool) { return newRenewing(), false })
	}
	if err := s.renewOnce(ctx, r, ask, refusal); err != nil {
		return nil, err
	}
	bound, err := s.Bind(ctx, ask)
	if err == nil && bound.TokenVersion == refusal.TokenVersion {
		return nil, fault.Unavailable(fault.ReasonProviderUnavailable, "the token of the connection could not be renewed just now; try again later")
	}
	return bound, err
}

// renewOnce tells the vault unless somebody has.
func (s *Store[R]) renewOnce(ctx context.Context, r *renewing, ask Ask, refusal Refusal) error {
	select {
	case <-ctx.Done():
		return fault.From(ctx.Err())
	case <-r.turn:
	}
	defer func() { r.turn <- struct{}{} }()
	now := s.clock.Now()
	recent := len(r.refused) > 0 && now.Sub(r.at) < renewalPause
	switch known := slices.Index(r.refused, refusal.TokenVersion); {
	case known >= 0 && known < len(r.refused)-1:
		return nil // long replaced
	case known >= 0 && (recent || r.err == nil && r.lent != refusal.TokenVersion):
		return r.err
	}
	lent, err := s.reject(ctx, now, ask, refusal)
	if ctx.Err() != nil && err != nil {
		return err // says nothing about the token
	}
	r.refused = slices.DeleteFunc(r.refused, func(v string) bool { return v == refusal.TokenVersion })
	if r.refused = append(r.refused, refusal.TokenVersion); len(r.refused) > maxRefused {
		r.refused = slices.Delete(r.refused, 0, 1)
	}
	r.at, r.lent, r.err = now, lent, err
	return err
}

// reject tells the vault, puts the new lease in place of all old ones, and returns
// the version of its token. What other callers were lent is asked for again: it
// may be the same token.
func (s *Store[R]) reject(ctx context.Context, now time.Time, ask Ask, refusal Refusal) (string, error) {
	lease, err := s.source.Reject(ctx, ask, refusal)
	s.leases.Invalidate(ask.Connection)
	if err != nil {
		return "", err
	}
	slot := s.slotFor(ask)
	slot.held.Store(&held[*entry[R]]{s.newEntry(lease, nil, now), s.until(now, lease.Expires)})
	return lease.TokenVersion, nil
}

// callerOf returns what the vault's answer to a question depends on.
func callerOf(ask Ask) caller {
	return caller{ask.Principal.Kind, ask.Principal.Name, ask.Principal.Is(authn.RoleAdmin), ask.Subject.hash}
}
