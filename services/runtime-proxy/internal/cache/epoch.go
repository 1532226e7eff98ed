package cache

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// generation makes the answers of a connection unreachable at once: a new number,
// and all keys are others.
type generation struct {
	number atomic.Uint64
	kept   atomic.Bool // something was kept since the number is what it is
}

// Epoch is the time between two changes that were made with a connection. An answer
// belongs to the epoch in which its request was sent: if something was changed while
// it was on its way, nobody finds it. The zero Epoch is none.
type Epoch struct {
	of     *generation
	number uint64
}

// Epoch returns the present one of a connection. It allocates only for a connection
// that it sees for the first time.
func (c *Cache) Epoch(connection resource.Connection) Epoch {
	g, ok := c.generations.GetIfPresent(connection)
	if !ok {
		g = &generation{}
		g.number.Store(rand.Uint64()) //nolint:gosec // told apart, not kept secret
		g, _ = c.generations.SetIfAbsent(connection, g)
	}
	return Epoch{of: g, number: g.number.Load()}
}

// Known reports whether there is an epoch.
func (e Epoch) Known() bool { return e.of != nil }

// Kept reports whether any answer may be kept: if not, none is worth looking for.
func (e Epoch) Kept() bool { return e.of != nil && e.of.kept.Load() }
