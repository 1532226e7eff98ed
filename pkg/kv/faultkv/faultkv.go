// Package faultkv is a kv store around a kv store that fails or crashes at a
// chosen moment, so that tests can try what happens at each step of a program.
//
// Nothing is random: a fault is a [Point] and how many times that point is to
// be passed. [Store.Fail] makes one call fail; [Store.Crash] is the end of the
// process as far as storage can tell.
//
//	store := faultkv.New(inner)
//	store.Crash(faultkv.AfterCommit, 2)
//	... the program commits twice; the second Update returns ErrCrashed ...
//	store = faultkv.New(inner) // the process starts again on what is left
//
// To try every step, count them in a run without faults with [Store.Passed] and
// repeat the run with a fault at each.
package faultkv

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

var _ kv.Store = (*Store)(nil)

// ErrCrashed is what every call after a crash returns, and the call that
// crashed.
var ErrCrashed = errors.New("the store has crashed")

// Point is a moment in the life of a transaction.
type Point int

// The points, in the order in which a transaction can pass them.
const (
	// Unspecified is no point.
	Unspecified Point = iota
	// Any counts every passing of every other point.
	Any
	// OnView is before a View starts.
	OnView
	// OnUpdate is before an Update starts.
	OnUpdate
	// OnGet, OnScan, OnPut and OnDelete are before the call does anything. The
	// function decides what follows from the error, as with a real one.
	OnGet
	OnScan
	OnPut
	OnDelete
	// BeforeCommit is after the function has returned nil. A fault here undoes
	// the writes.
	BeforeCommit
	// AfterCommit is when the writes are durable and Update has not returned. A
	// fault here makes Update return an error all the same, which is what an
	// engine does that loses its disk or its connection at this moment.
	AfterCommit

	points // how many there are
)

type fault struct {
	at    Point
	pass  int // fires when the point has been passed so often
	err   error
	crash bool
}

// Store is a [kv.Store] with faults. Without any it is the store beneath.
type Store struct {
	inner kv.Store

	mu      sync.Mutex
	passed  [points]int
	faults  []fault
	crashed bool
}

// New returns a store around inner, with no faults and all counts at zero.
func New(inner kv.Store) *Store { return &Store{inner: inner} }

// Fail makes the nth passing of the point from now on return err, once; n
// counts from 1. Faults add up.
func (s *Store) Fail(at Point, n int, err error) { s.add(fault{at: at, pass: n, err: err}) }

// Crash makes the nth passing of the point from now on, and every call after
// it, return ErrCrashed; n counts from 1. Transactions under way cannot commit
// any more. The store beneath stays open: a new Store around it is the program
// started again.
func (s *Store) Crash(at Point, n int) {
	s.add(fault{at: at, pass: n, err: ErrCrashed, crash: true})
}

func (s *Store) add(f fault) {
	if f.at <= Unspecified || f.at >= points || f.pass < 1 {
		panic(fmt.Sprintf("faultkv: point %d passed %d times is not a moment", f.at, f.pass))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.pass += s.passed[f.at]
	s.faults = append(s.faults, f)
}

// Passed returns how often the point has been passed, with and without fault.
func (s *Store) Passed(at Point) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passed[at]
}

// Crashed reports whether a crash has happened.
func (s *Store) Crashed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crashed
}

// Unwrap returns the store beneath.
func (s *Store) Unwrap() kv.Store { return s.inner }

// pass counts the passing of a point and returns the error planned for it.
func (s *Store) pass(at Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed {
		return ErrCrashed
	}
	s.passed[at]++
	s.passed[Any]++
	for _, f := range s.faults {
		if (f.at == at || f.at == Any) && s.passed[f.at] == f.pass {
			s.crashed = f.crash
			return f.err
		}
	}
	return nil
}

// View implements [kv.Store].
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := s.pass(OnView); err != nil {
		return err
	}
	return s.inner.View(ctx, func(r kv.Reader) error { return fn(reader{store: s, inner: r}) })
}

// Update implements [kv.Store].
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := s.pass(OnUpdate); err != nil {
		return err
	}
	err := s.inner.Update(ctx, func(t kv.Tx) error {
		if err := fn(tx{reader: reader{store: s, inner: t}, inner: t}); err != nil {
			return err
		}
		return s.pass(BeforeCommit)
	})
	if err != nil {
		return err
	}
	return s.pass(AfterCommit)
}

// Close implements [kv.Store] and closes the store beneath, also after a crash.
func (s *Store) Close() error { return s.inner.Close() }

type reader struct {
	store *Store
	inner kv.Reader
}

func (r reader) Get(key []byte) ([]byte, error) {
	if err := r.store.pass(OnGet); err != nil {
		return nil, err
	}
	return r.inner.Get(key)
}

func (r reader) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	if err := r.store.pass(OnScan); err != nil {
		return nil, err
	}
	return r.inner.Scan(prefix, after, limit)
}

type tx struct {
	reader
	inner kv.Tx
}

func (t tx) Put(key, value []byte) error {
	if err := t.store.pass(OnPut); err != nil {
		return err
	}
	return t.inner.Put(key, value)
}

func (t tx) Delete(key []byte) error {
	if err := t.store.pass(OnDelete); err != nil {
		return err
	}
	return t.inner.Delete(key)
}
