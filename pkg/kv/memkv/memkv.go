// Package memkv is a kv engine that keeps everything in memory, for tests and
// as the oracle that other engines are compared with.
//
// A [Store] points to the root of an immutable tree. A transaction works on the
// root it found, so a View is a snapshot for the price of one pointer, an
// abandoned Update leaves no trace, and a commit is one pointer store. Views
// never wait; Updates run one at a time, in the order of their arrival.
//
//	store := memkv.New()
//	defer store.Close()
package memkv

import (
	"context"
	"hash/maphash"
	"sync/atomic"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/internal/gate"
	"github.com/ferrule-dev/ferrule/pkg/kv/internal/turn"
)

var _ kv.Store = (*Store)(nil)

// Store is a [kv.Store] in memory. Nothing survives Close.
type Store struct {
	gate   gate.Gate
	writer turn.Lock
	root   atomic.Pointer[node]
	seed   maphash.Seed // fixed for the store: a key must keep its priority
}

// New returns an empty store.
func New() *Store {
	return &Store{writer: turn.New(), seed: maphash.MakeSeed()}
}

// View implements [kv.Store].
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	r := &reader{root: s.root.Load()}
	defer r.end()
	return fn(r)
}

// Update implements [kv.Store].
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.writer.Acquire(ctx); err != nil {
		return err
	}
	defer s.writer.Release()
	tx := &tx{reader: reader{root: s.root.Load()}, seed: s.seed}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	s.root.Store(tx.root)
	return nil
}

// Close implements [kv.Store] and drops the contents.
func (s *Store) Close() error {
	s.gate.Close()
	s.root.Store(nil)
	return nil
}
