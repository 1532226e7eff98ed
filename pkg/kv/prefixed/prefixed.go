// Package prefixed shows the part of a kv store whose keys start with a prefix
// as a store of its own, whose keys lack the prefix.
//
// Nothing done through a view reads or writes a key outside its prefix. End
// prefixes with a byte that the rest of the system does not use inside them,
// such as "/": the views of "a" and "ab" overlap, those of "a/" and "ab/" do
// not.
//
//	accounts, err := prefixed.New(store, []byte("account/"))
//
// [New] gives a view with transactions of its own. [Reader] and [Tx] give one
// inside a transaction, for code that changes several parts together.
package prefixed

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/internal/gate"
)

var _ kv.Store = (*Store)(nil)

// MaxPrefix is the greatest length of a prefix in bytes. Half of a key stays
// for the keys of the view.
const MaxPrefix = kv.MaxKey / 2

// Store is a view of another store. The greatest length of its keys is
// kv.MaxKey less the length of its prefix.
type Store struct {
	inner  kv.Store
	prefix []byte
	gate   gate.Gate
}

// New returns the view of store under prefix, of which it keeps a copy. The
// prefix has 1 to MaxPrefix bytes. The caller goes on owning store.
func New(store kv.Store, prefix []byte) (*Store, error) {
	if len(prefix) == 0 || len(prefix) > MaxPrefix {
		return nil, fmt.Errorf("make a prefixed store: the prefix has %d bytes, want 1 to %d", len(prefix), MaxPrefix)
	}
	return &Store{inner: store, prefix: bytes.Clone(prefix)}, nil
}

// View implements [kv.Store].
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.inner.View(ctx, func(r kv.Reader) error { return fn(Reader(r, s.prefix)) })
}

// Update implements [kv.Store].
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.inner.Update(ctx, func(t kv.Tx) error { return fn(Tx(t, s.prefix)) })
}

// Close implements [kv.Store] for the view alone: the store beneath stays open.
func (s *Store) Close() error {
	s.gate.Close()
	return nil
}

// Unwrap returns the store beneath.
func (s *Store) Unwrap() kv.Store { return s.inner }

// Reader returns the view of r under prefix. The caller leaves prefix unchanged
// for as long as the view is used.
func Reader(r kv.Reader, prefix []byte) kv.Reader {
	return reader{inner: r, prefix: prefix}
}

// Tx returns the view of t under prefix. The caller leaves prefix unchanged for
// as long as the view is used.
func Tx(t kv.Tx, prefix []byte) kv.Tx {
	return tx{reader: reader{inner: t, prefix: prefix}, inner: t}
}

type reader struct {
	inner  kv.Reader
	prefix []byte
}

func (r reader) Get(key []byte) ([]byte, error) {
	full, err := r.full(key)
	if err != nil {
		return nil, err
	}
	return r.inner.Get(full)
}

func (r reader) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	// An absent start becomes the prefix itself, which keeps out a key of the
	// store beneath that equals it: in the view that key would be empty.
	pairs, err := r.inner.Scan(r.join(prefix), r.join(after), limit)
	if err != nil {
		return nil, err
	}
	for i := range pairs {
		pairs[i].Key = pairs[i].Key[len(r.prefix):]
	}
	return pairs, nil
}

// full returns the key of the store beneath. The empty key is refused here,
// because there it would be the prefix, a valid key.
func (r reader) full(key []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, kv.ErrEmptyKey
	}
	return r.join(key), nil
}

func (r reader) join(key []byte) []byte {
	return append(append(make([]byte, 0, len(r.prefix)+len(key)), r.prefix...), key...)
}

type tx struct {
	reader
	inner kv.Tx
}

func (t tx) Put(key, value []byte) error {
	full, err := t.full(key)
	if err != nil {
		return err
	}
	return t.inner.Put(full, value)
}

func (t tx) Delete(key []byte) error {
	full, err := t.full(key)
	if err != nil {
		return err
	}
	return t.inner.Delete(full)
}
