package binding

import (
	"net/http"
	"sync/atomic"
	"time"
)

// standing is how APIs have taken the secrets of one lease, tokens aside: those are
// renewed. It changes at most twice, so that a lease causes two reports at most,
// however many calls there are.
type standing struct{ state atomic.Int32 }

// The states of a standing. From each an accepted call leads to accepted.
const (
	// unknown is before anything was accepted or refused.
	unknown int32 = iota
	// trusted is that of a lease before which calls were accepted a short time ago: a
	// refusal is put down to its operation.
	trusted
	// refused is after the first refusal.
	refused
	// accepted is after the first call that was accepted: no refusal counts then.
	accepted
)

// Answered notes the status of an answer to a request that carried the secrets of the
// binding, and no token. It returns true if the vault has to be told: of the first
// refusal (401), unless calls were accepted under this lease or the one before, and of
// the first accepted call (2xx) after a refusal. It costs an accepted call the reading
// of one number.
func (b *Binding[R]) Answered(status int) bool {
	switch {
	case status/100 == 2:
		return b.standing.state.Load() != accepted && b.standing.state.Swap(accepted) == refused
	case status == http.StatusUnauthorized:
		return b.standing.state.CompareAndSwap(unknown, refused)
	}
	return false
}

// newEntry returns an entry for a lease that comes after another one, which may be
// nil.
func (s *Store[R]) newEntry(lease *Lease, before *held[*entry[R]], now time.Time) *entry[R] {
	e := &entry[R]{lease: lease}
	switch {
	case lease.Refused:
		e.standing.state.Store(refused)
	case before != nil && before.value.lease.Etag == lease.Etag && before.value.standing.state.Load() == accepted && now.Sub(before.until) < s.cfg.MaxAge:
		e.standing.state.Store(trusted)
	}
	return e
}
