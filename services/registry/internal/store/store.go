// Package store keeps connectors and revisions in a key-value store.
//
// A revision is stored in parts, so that nobody decodes more than they asked
// for: a small record, the findings, what a connection needs, the rest of the
// definition, one value for each operation and one for each source file. Lists
// read small records only.
//
//	e/{environment}                                an environment
//	c/{environment}/{connector}                    a connector
//	f/{environment}/{connector}                    whose a connector was that is deleted
//	q/{environment}/{connector}/{newest first}     the id of a revision
//	r/{environment}/{connector}/{revision}         a revision
//	p/{environment}/{connector}/{revision}/{part}  its content
//
// Records start with a version byte. What is stored under another version is
// refused, never guessed at.
package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// Announcement makes the message that tells other services that a connector has
// changed. Its id must be different for each change.
type Announcement func(c core.Connector) outbox.Message

// Store is the registry's store. It is as safe for concurrent use as the
// key-value store below it.
type Store struct {
	kv       kv.Store
	announce Announcement
}

var _ core.Store = (*Store)(nil)

// New returns a store on a key-value store that is the registry's own and that
// the caller goes on owning. Announcements are put into its outbox.
func New(store kv.Store, announce Announcement) *Store {
	return &Store{kv: store, announce: announce}
}

// View implements [core.Store].
func (s *Store) View(ctx context.Context, fn func(core.Reader) error) error {
	return s.kv.View(ctx, func(r kv.Reader) error { return fn(reader{r}) })
}

// Update implements [core.Store].
func (s *Store) Update(ctx context.Context, fn func(core.Tx) error) error {
	return s.kv.Update(ctx, func(t kv.Tx) error {
		return fn(tx{reader: reader{t}, tx: t, announce: s.announce})
	})
}

// Keys. The parts of names are ids, which hold no "/".

func environmentKey(e resource.Environment) []byte { return []byte("e/" + e.ID) }

func connectorKey(c resource.Connector) []byte {
	return []byte("c/" + c.Environment + "/" + c.ID)
}

func formerKey(c resource.Connector) []byte {
	return []byte("f/" + c.Environment + "/" + c.ID)
}

func revisionKey(r resource.Revision) []byte {
	return []byte("r/" + r.Environment + "/" + r.Connector + "/" + r.ID)
}

func sequencePrefix(c resource.Connector) []byte {
	return []byte("q/" + c.Environment + "/" + c.ID + "/")
}

// sequenceKey sorts larger numbers first.
func sequenceKey(c resource.Connector, sequence uint64) []byte {
	return hex.AppendEncode(sequencePrefix(c), binary.BigEndian.AppendUint64(nil, ^sequence))
}

func partKey(r resource.Revision, part string) []byte {
	return []byte("p/" + r.Environment + "/" + r.Connector + "/" + r.ID + "/" + part)
}

// The parts of a revision's content.
const (
	partFindings   = "findings"
	partConnection = "connection"
	partRest       = "rest"
)

// parts returns the names of all parts of a revision. They are known by their
// numbers: to look for them would read them.
func parts(r core.Revision) []string {
	names := []string{partFindings, partConnection, partRest}
	for i := range r.Operations() {
		names = append(names, partOperation(i))
	}
	for i := range r.Files {
		names = append(names, partFile(i))
	}
	return names
}

func partOperation(i int) string { return fmt.Sprintf("operation/%08x", i) }

func partFile(i int) string { return fmt.Sprintf("file/%04x", i) }

// reader is core's view of a transaction.
type reader struct{ kv kv.Reader }

// get reads one value and removes its version.
func (r reader) get(key []byte) ([]byte, error) {
	value, err := r.kv.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, core.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	return unversioned(value)
}
