package store

import (
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// tx is core's view of a transaction that may write.
type tx struct {
	reader

	tx       kv.Tx
	announce Announcement
}

func (t tx) put(key []byte, record any) error {
	b, err := encodeRecord(record)
	if err != nil {
		return err
	}
	return t.putValue(key, b)
}

func (t tx) putValue(key, value []byte) error {
	if err := t.tx.Put(key, value); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

// PutEnvironment implements [core.Tx].
func (t tx) PutEnvironment(e core.Environment) error { return t.put(environmentKey(e.Name), e) }

// DeleteEnvironment implements [core.Tx].
func (t tx) DeleteEnvironment(name resource.Environment) error { return t.delete(environmentKey(name)) }

// PutConnector implements [core.Tx].
func (t tx) PutConnector(c core.Connector) error {
	if err := t.delete(formerKey(c.Name)); err != nil {
		return err
	}
	return t.put(connectorKey(c.Name), c)
}

// PutState implements [core.Tx].
func (t tx) PutState(r core.Revision) error { return t.put(revisionKey(r.Name), r) }

// PutRevision implements [core.Tx].
func (t tx) PutRevision(r core.Revision, content core.Packed) error {
	if err := t.put(revisionKey(r.Name), r); err != nil {
		return err
	}
	id := append([]byte{version}, r.Name.ID...)
	if err := t.putValue(sequenceKey(r.Name.Parent(), r.Sequence), id); err != nil {
		return err
	}
	for _, p := range content {
		if err := t.putValue(partKey(r.Name, p.Name), p.Value); err != nil {
			return fmt.Errorf("write part %q: %w", p.Name, err)
		}
	}
	return nil
}

// DeleteConnector implements [core.Tx].
func (t tx) DeleteConnector(c core.Connector) error {
	revisions, err := t.Revisions(c.Name, 0, core.MaxRevisions)
	if err != nil {
		return err
	}
	for _, r := range revisions {
		if err := t.deleteRevision(r); err != nil {
			return err
		}
	}
	if err := t.put(formerKey(c.Name), c.Ownership); err != nil {
		return err
	}
	return t.delete(connectorKey(c.Name))
}

func (t tx) deleteRevision(r core.Revision) error {
	for _, p := range parts(r) {
		if err := t.delete(partKey(r.Name, p)); err != nil {
			return err
		}
	}
	if err := t.delete(sequenceKey(r.Name.Parent(), r.Sequence)); err != nil {
		return err
	}
	return t.delete(revisionKey(r.Name))
}

func (t tx) delete(key []byte) error {
	if err := t.tx.Delete(key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// Announce implements [core.Tx].
func (t tx) Announce(c core.Connector) error {
	if err := outbox.Put(t.tx, t.announce(c)); err != nil {
		return fmt.Errorf("put into outbox: %w", err)
	}
	return nil
}

var _ core.Tx = tx{}
