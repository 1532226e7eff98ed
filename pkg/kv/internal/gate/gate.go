// Package gate lets work in until it is closed, and closes only when the work
// inside is done. Stores use it to keep the promise of kv.Store.Close.
//
//	if err := g.Enter(); err != nil {
//		return err // kv.ErrClosed
//	}
//	defer g.Leave()
package gate

import (
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// Gate counts the work inside. The zero Gate is open. It is safe for concurrent
// use and must not be copied.
type Gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// Enter lets one unit of work in, to be ended by Leave, or returns kv.ErrClosed
// when Close has been called.
func (g *Gate) Enter() error {
	// The lock orders Add before Wait, which WaitGroup requires of its users.
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return kv.ErrClosed
	}
	g.inside.Add(1)
	return nil
}

// Leave ends the work of one successful Enter.
func (g *Gate) Leave() { g.inside.Done() }

// Close lets no more work in and waits until all that is inside has left. It
// may be called more than once; every call waits.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
