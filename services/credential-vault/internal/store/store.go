// Package store keeps the vault's connections, sealed secrets, audit trail and
// data keys in a key-value store.
//
// [Store] implements core.Store and seal.Keysets. A connection and its secrets
// are two records, so that reading or listing connections never touches a
// ciphertext:
//
//	c/{environment}/{id}                       connection
//	s/{environment}/{id}                       its sealed secrets, absent if it has none
//	g/{environment}/{id}                       its grant, absent if it never had one
//	gd/{time}{environment}/{id}                index: grants by the time of their renewal
//	n/{environment}/{connection}/{id}          a sign-in for it (authorizations.go)
//	oc/{environment}/{id}                      OAuth client (clients.go)
//	x/{environment}/{connector}/{id}           index: connections of a connector
//	o/{environment}/{length}{owner}{id}        index: connections of an owner
//	a/{environment}/{sequence, inverted}       audit record, so the newest is the first
//	b/{environment}/{id}/{sequence, inverted}  index: audit records of a connection
//	h/{environment}                            state of the audit trail
//	m/{environment}                            audit key, encrypted
//	u/…                                        reports of uses that came lately
//	k/{environment}                            data keys, encrypted
//
// Records about connections, their grants and sign-ins, and OAuth clients carry a proof, see
// [proved].
//
// Every change is one transaction: record, indexes, audit record and the
// announcement in the outbox are committed together or not at all.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
)

var (
	_ core.Store   = (*Store)(nil)
	_ seal.Keysets = (*Store)(nil)
)

// Store is the vault's part of a key-value store. It is safe for concurrent use.
type Store struct {
	kv        kv.Store
	announced func()
	prover    Prover
	memo      *memo

	gatheringsMu sync.Mutex
	gatherings   map[string]*gathering // by environment
}

// New returns a store on inner, which stays open when the store is not used any
// more. announced is called after every commit that left an announcement in the
// outbox; it must return at once. Changes of secrets need [Store.Prove] too.
func New(inner kv.Store, announced func()) *Store {
	s := &Store{announced: announced, gatherings: map[string]*gathering{}, memo: newMemo(memoSize)}
	s.kv = newProved(inner, func() Prover { return s.prover })
	return s
}

// Insert implements core.Store.
func (s *Store) Insert(ctx context.Context, w core.Write) error {
	return s.commit(ctx, w, func(tx kv.Tx) error {
		_, err := tx.Get(connectionKey(w.Connection.Name))
		if err == nil {
			return core.ErrExists
		}
		if !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		for _, key := range indexKeys(w.Connection) {
			if err := tx.Put(key, nil); err != nil {
				return err
			}
		}
		return put(tx, w)
	})
}

// Replace implements core.Store.
func (s *Store) Replace(ctx context.Context, w core.Write) error {
	return s.commit(ctx, w, func(tx kv.Tx) error {
		if err := expect(tx, w.Connection, w.Connection.Change-1); err != nil {
			return err
		}
		if w.Grant != nil {
			if err := replaceGrant(tx, w.Connection, *w.Grant); err != nil {
				return err
			}
		}
		return put(tx, w)
	})
}

// Remove implements core.Store.
func (s *Store) Remove(ctx context.Context, w core.Write) error {
	gone := w
	gone.Connection.Change++ // the announcement of the end is not that of the last change
	return s.commit(ctx, gone, func(tx kv.Tx) error {
		if err := expect(tx, w.Connection, w.Connection.Change); err != nil {
			return err
		}
		if err := removeGrant(tx, w.Connection); err != nil {
			return err
		}
		if err := removeAuthorizations(tx, w.Connection.Name); err != nil {
			return err
		}
		keys := append(indexKeys(w.Connection), connectionKey(w.Connection.Name), secretsKey(w.Connection.Name))
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// commit makes a change together with its audit record and announcement.
func (s *Store) commit(ctx context.Context, w core.Write, change func(kv.Tx) error) error {
	err := s.recorded(ctx, w.Audit, func(tx kv.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		if err := putNotice(tx, w); err != nil {
			return err
		}
		if w.Silent {
			return nil
		}
		return outbox.Put(tx, announcement(w.Connection))
	})
	if err == nil && !w.Silent {
		s.announced()
	}
	return err
}

// putNotice leaves what the owner of a connection is told of a change, if anything.
func putNotice(tx kv.Tx, w core.Write) error {
	if w.Notice == core.NoticeNone {
		return nil
	}
	m, err := notice(w.Connection, w.Notice)
	if err != nil {
		return err
	}
	return outbox.Put(tx, m)
}

// announcement tells others that their copy of a connection is out of date. It
// says nothing else. Its id counts every change: the etag does not.
func announcement(c core.Connection) outbox.Message {
	change := bus.Change{Kind: bus.ChangeConnection, Environment: c.Name.Environment, ID: c.Name.ID}
	return change.Message(fmt.Sprintf("%s@%s-%d", c.Name, c.UID, c.Change))
}

// expect returns core.ErrChanged unless the stored connection is the one that
// the writer has seen.
func expect(r kv.Reader, c core.Connection, change uint64) error {
	stored, err := load(r, c.Name)
	if errors.Is(err, core.ErrNotFound) {
		return core.ErrChanged
	}
	if err != nil {
		return err
	}
	if stored.UID != c.UID || stored.Change != change {
		return core.ErrChanged
	}
	return nil
}

// put writes a connection, and its secrets if they change.
func put(tx kv.Tx, w core.Write) error {
	record, err := encodeConnection(w.Connection)
	if err != nil {
		return err
	}
	if err := tx.Put(connectionKey(w.Connection.Name), record); err != nil {
		return err
	}
	switch {
	case w.Secrets == nil:
		return nil
	case len(w.Secrets) == 0:
		return tx.Delete(secretsKey(w.Connection.Name))
	}
	if record, err = encodeSecrets(w.Secrets); err != nil {
		return err
	}
	return tx.Put(secretsKey(w.Connection.Name), record)
}

// Connection implements core.Store.
func (s *Store) Connection(ctx context.Context, name resource.Connection) (c core.Connection, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		if c, err = load(r, name); err != nil {
			return err
		}
		c, err = granted(r, c)
		return err
	})
	return c, err
}

// WithSecrets implements core.Store.
func (s *Store) WithSecrets(ctx context.Context, name resource.Connection) (c core.Connection, sealed []core.Sealed, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		if c, err = load(r, name); err != nil {
			return err
		}
		sealed, err = loadSecrets(r, name)
		return err
	})
	return c, sealed, err
}

// load reads a connection, or returns core.ErrNotFound.
func load(r kv.Reader, name resource.Connection) (core.Connection, error) {
	record, err := r.Get(connectionKey(name))
	if errors.Is(err, kv.ErrNotFound) {
		return core.Connection{}, core.ErrNotFound
	}
	if err != nil {
		return core.Connection{}, err
	}
	c, err := decodeConnection(name, record)
	if err != nil {
		return core.Connection{}, fmt.Errorf("record of %s: %w", name, err)
	}
	return c, nil
}
