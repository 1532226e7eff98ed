package seal

import (
	"crypto/cipher"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

const (
	// generationSize is how many keys one generation holds. There are two.
	generationSize = 5_000
	// generationAge is for how long a generation takes keys. They are used until
	// the next one is as old.
	generationAge = 30 * time.Second
	// clockEvery is how many questions are answered for each look at the clock,
	// which takes as long as everything else together.
	clockEvery = 16
)

// unwrapped holds the expanded keys of resources that were used lately: without
// it each secret would cost the decryption of its key too, and take three times
// as long. What it holds is key material in the process's memory: at most 10,000
// keys, each used for at most a minute and sixteen questions after it was
// decrypted, and dropped when its resource is gone. Keys that nobody asks for are
// dropped when somebody asks for others.
//
// Two generations take turns: keys are added to the young one, and when that is
// full or old it becomes the old one, whose keys are dropped together.
type unwrapped struct {
	clock clock.Clock

	// A mutex and not one for reading: it is held for some twenty nanoseconds, and
	// taking the other one costs more than that.
	mu         sync.Mutex
	questions  uint
	young, old map[string]ownedKey // by the encrypted key
	born       time.Time           // when the young generation began
}

// ownedKey is a key and whose it is, so that the key of one resource is never the
// answer for another.
type ownedKey struct {
	environment, resource string
	cipher                cipher.AEAD
}

func newUnwrapped(clk clock.Clock) *unwrapped {
	return &unwrapped{clock: clk, young: map[string]ownedKey{}, born: clk.Now()}
}

// get returns the key of a place if it is known.
func (u *unwrapped) get(at core.Place) (cipher.AEAD, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.questions++; u.questions%clockEvery == 0 {
		u.grow(u.clock.Now())
	}
	known, ok := u.young[string(at.Key)]
	if !ok {
		known, ok = u.old[string(at.Key)]
	}
	if !ok || known.resource != at.Resource || known.environment != at.Environment {
		return nil, false
	}
	return known.cipher, true
}

// put remembers the key of a place.
func (u *unwrapped) put(at core.Place, key cipher.AEAD) {
	now := u.clock.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.grow(now)
	if len(u.young) >= generationSize {
		u.turn(u.born)
	}
	u.young[string(at.Key)] = ownedKey{at.Environment, at.Resource, key}
}

// grow begins a generation if the present one is old. The caller holds the mutex.
func (u *unwrapped) grow(now time.Time) {
	age := now.Sub(u.born)
	if age >= generationAge {
		u.turn(now)
	}
	if age >= 2*generationAge {
		u.old = nil // nobody asked for so long that these are too old as well
	}
}

// turn makes the young generation the old one.
func (u *unwrapped) turn(now time.Time) {
	u.old, u.young, u.born = u.young, map[string]ownedKey{}, now
}

// forget drops a key.
func (u *unwrapped) forget(key []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.young, string(key))
	delete(u.old, string(key))
}

// clear drops all keys.
func (u *unwrapped) clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.young, u.old = map[string]ownedKey{}, nil
}
