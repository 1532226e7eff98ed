package core

import (
	"hash/maphash"
	"sync"
)

// lanes is how many notifications of different subscriptions never wait for each
// other's pause.
const lanes = 64

// barrier lets those who end something wait for the notifications that were let in
// before. The zero value is not ready to use.
type barrier struct {
	seed  maphash.Seed
	lanes [lanes]sync.RWMutex
}

func newBarrier() *barrier { return &barrier{seed: maphash.MakeSeed()} }

// enter is called before it is read whether a subscription is active, and the result
// once what followed is done.
func (b *barrier) enter(token string) (leave func()) {
	lane := b.of(token)
	lane.RLock()
	return lane.RUnlock
}

// wait returns when everything that entered before is done. It is called after it was
// stored that a subscription is not active any more.
func (b *barrier) wait(token string) {
	lane := b.of(token)
	lane.Lock()
	lane.Unlock() //nolint:gocritic,staticcheck // nothing is done in between: only the waiting counts
}

func (b *barrier) of(token string) *sync.RWMutex {
	return &b.lanes[maphash.String(b.seed, token)%lanes]
}
