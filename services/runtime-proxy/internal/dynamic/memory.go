package dynamic

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// maxAge is how long something is remembered: long enough for a form that is
	// filled in, short enough for somebody who adds a choice and looks for it.
	maxAge = 60 * time.Second
	// maxMemory bounds what is remembered of choices, and of schemas, in bytes, as
	// estimated.
	maxMemory = 32 << 20
)

// key tells questions apart.
type key struct {
	connection resource.Connection
	side       connectorv1.DynamicSide
	// rest is a hash of everything else, which can be long.
	rest [sha256.Size]byte
}

// key depends on the input only as far as the call does: choices that were found
// stay good while other inputs are filled in.
func (q *Question) key(p *plan) key {
	h := sha256.New()
	for _, part := range []string{
		q.Caller, q.Revision, q.Operation, q.Pointer, p.operation.GetOperationId(), string(p.input), string(q.Item),
	} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return key{connection: q.Connection, side: q.Side, rest: [sha256.Size]byte(h.Sum(nil))}
}

// found is what is remembered, and until when.
type found[V any] struct {
	value   V
	expires time.Time
}

// memory remembers answers for a while. Several that ask for the same at once ask
// the API each. It is safe for concurrent use.
type memory[V any] struct {
	clock clock.Clock
	cache *otter.Cache[key, found[V]]
	drops atomic.Int64 // what was asked before a drop is not remembered after it
}

func newMemory[V any](clk clock.Clock, weigh func(V) int) (*memory[V], error) {
	cache, err := otter.New(&otter.Options[key, found[V]]{
		MaximumWeight: maxMemory,
		Weigher: func(_ key, f found[V]) uint32 {
			return uint32(min(weigh(f.value)+256, math.MaxInt32))
		},
	})
	if err != nil {
		return nil, err
	}
	return &memory[V]{clock: clk, cache: cache}, nil
}

// get returns what is remembered, or else asks. Failures are not remembered.
func (m *memory[V]) get(ctx context.Context, k key, fresh bool, ask func(context.Context) (V, error)) (V, error) {
	now := m.clock.Now()
	if have, ok := m.cache.GetIfPresent(k); ok && !fresh && now.Before(have.expires) {
		return have.value, nil
	}
	drops := m.drops.Load()
	value, err := ask(ctx)
	if err == nil && m.drops.Load() == drops {
		m.cache.Set(k, found[V]{value, now.Add(maxAge)})
	}
	return value, err
}

func (m *memory[V]) drop(c resource.Connection) {
	m.drops.Add(1)
	for k := range m.cache.Keys() {
		if k.connection == c {
			m.cache.Invalidate(k)
		}
	}
}

func (m *memory[V]) dropAll() {
	m.drops.Add(1)
	m.cache.InvalidateAll()
}
