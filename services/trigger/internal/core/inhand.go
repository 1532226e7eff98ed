package core

import "sync"

// inHand are the subscriptions whose registrations somebody in this process is
// removing, so that nobody else calls the API for the same meanwhile. No other process
// has the store.
type inHand struct {
	mu   sync.Mutex
	uids map[string]bool
}

// take reports whether nobody else has the subscription in hand, which the caller then
// has until done is called.
func (h *inHand) take(uid string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.uids[uid] {
		return false
	}
	if h.uids == nil {
		h.uids = map[string]bool{}
	}
	h.uids[uid] = true
	return true
}

func (h *inHand) done(uid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.uids, uid)
}
