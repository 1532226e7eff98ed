package boltkv

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// maxGroupBytes bounds what the members of a group may have written before the
// group takes no further one, because bbolt keeps it in memory until the
// commit. One member alone may write more.
const maxGroupBytes = 16 << 20

// errUnfinished is what members are told if bbolt panics in the commit.
var errUnfinished = errors.New("commit did not finish")

// role is the part of an Update in its group.
type role int

const (
	leader   role = iota // opened the group and commits it
	follower             // joined while the leader waited for its second turn
)

// group is a bbolt transaction that several Updates share. All fields but done
// and err belong to the holder of the writer lock.
type group struct {
	tx    *bolt.Tx
	wrote int           // bytes written by members whose function returned nil
	done  chan struct{} // closed when the group is committed or has failed
	err   error         // valid after done is closed
}

// View implements [kv.Store]. It waits for nobody, except while the file is
// mapped anew, which needs it to have outgrown Options.InitialMmapSize.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	btx, err := s.db.Begin(false)
	if err != nil {
		return closedOr(err)
	}
	// Rollback is how bbolt ends reading; it fails only for an ended one.
	defer func() { _ = btx.Rollback() }()
	r := &reader{bucket: btx.Bucket([]byte(dataBucket))}
	defer r.end()
	return fn(r)
}

// Update implements [kv.Store]. Functions run one after the other, each exactly
// once and on the goroutine of its caller; only the fsync is shared.
//
// The first to come opens a group, runs its function, lets all that are waiting
// at that moment run theirs in the same bbolt transaction, and commits for all.
// A member whose function fails takes back its own writes and no others. Every
// member, also a failed one, returns only after the commit, since what its
// function saw may be another member's write; when the commit fails, all of
// them get its error.
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.readOnly {
		return kv.ErrReadOnly
	}
	if err := s.writer.Acquire(ctx); err != nil {
		return err
	}
	g, as, err := s.join(fn)
	if g == nil {
		return err
	}
	if as == leader {
		// The queue is first in, first out: when the turn comes back, all who
		// were waiting have joined.
		s.writer.Wait()
		if s.open == g {
			s.commit()
		}
		s.writer.Release()
	}
	<-g.done
	if g.err != nil {
		return g.err
	}
	return err
}

// join runs fn in the open group, or in a new one that the caller then leads,
// and releases the writer lock. It returns no group when fn has failed without
// having seen anything uncommitted.
func (s *Store) join(fn func(kv.Tx) error) (*group, role, error) {
	defer s.writer.Release()
	if s.open != nil && s.open.wrote >= maxGroupBytes {
		s.commit()
	}
	if s.open != nil {
		g := s.open
		return g, follower, s.take(g, follower, fn)
	}
	g, err := s.begin()
	if err != nil {
		return nil, leader, err
	}
	if err := s.take(g, leader, fn); err != nil {
		return nil, leader, err
	}
	return g, leader, nil
}

// take runs fn in g and takes its writes back unless it returns nil.
func (s *Store) take(g *group, as role, fn func(kv.Tx) error) error {
	t := &tx{reader: reader{bucket: g.tx.Bucket([]byte(dataBucket))}, undoable: as == follower}
	kept := false
	defer func() {
		if !kept { // fn failed, panicked or ended its goroutine
			s.discard(t, as)
		}
		t.end()
	}()
	if err := fn(t); err != nil {
		return err
	}
	kept = true
	g.wrote += t.wrote
	return nil
}

// begin opens a group. There must be none.
func (s *Store) begin() (*group, error) {
	btx, err := s.db.Begin(true)
	if err != nil {
		return nil, closedOr(err)
	}
	s.open = &group{tx: btx, done: make(chan struct{})}
	return s.open, nil
}

// discard takes back what t wrote. A leader is alone in its group at that time,
// so the group goes with it.
func (s *Store) discard(t *tx, as role) {
	if as == leader {
		s.fail(nil)
		return
	}
	if err := t.undo(); err != nil {
		s.fail(err)
	}
}

// commit makes the open group durable and tells its members.
func (s *Store) commit() {
	g := s.open
	if g.wrote == 0 {
		s.fail(nil) // nothing to commit: spare the fsync
		return
	}
	s.open, g.err = nil, errUnfinished
	defer close(g.done)
	g.err = g.tx.Commit()
	if g.err != nil {
		g.err = fmt.Errorf("commit to %q: %w", s.path, g.err)
	}
}

// fail ends the open group without writing and tells its members err.
func (s *Store) fail(err error) {
	g := s.open
	s.open, g.err = nil, err
	defer close(g.done)
	// Rollback fails only for a transaction that has ended already.
	_ = g.tx.Rollback()
}
