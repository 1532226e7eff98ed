package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// stampSize is the length of the inverted time in a key, in bytes.
const stampSize = 8

// Record implements core.Store.
func (s *Store) Record(ctx context.Context, r core.AuditRecord) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error { return appendAudit(tx, r) })
}

// appendAudit adds a record in front of all others. Its key is its time, unless
// that is not after the newest record's: then it is the moment after that one,
// so that records keep the order in which they were committed, whatever the
// clock does.
func appendAudit(tx kv.Tx, r core.AuditRecord) error {
	prefix := auditPrefix(r.Connection.Environment)
	newest, err := tx.Scan(prefix, nil, 1)
	if err != nil {
		return err
	}
	stamp := invert(r.Time)
	if len(newest) > 0 {
		first := binary.BigEndian.Uint64(newest[0].Key[len(prefix):])
		stamp = min(stamp, first-1)
	}
	record, err := encodeAudit(r)
	if err != nil {
		return err
	}
	if err := tx.Put(binary.BigEndian.AppendUint64(prefix, stamp), record); err != nil {
		return err
	}
	return tx.Put(binary.BigEndian.AppendUint64(auditIndexPrefix(r.Connection), stamp), nil)
}

// invert returns a number that is smaller the later t is.
func invert(t time.Time) uint64 {
	return math.MaxUint64 - uint64(max(t.UnixNano(), 0))
}

// AuditRecords implements core.Store.
func (s *Store) AuditRecords(ctx context.Context, q core.AuditQuery) (found []core.AuditRecord, next string, err error) {
	after, err := stampOf(q.After)
	if err != nil {
		return nil, "", err
	}
	records := auditPrefix(q.Environment)
	prefix := records
	if q.Connection != "" {
		prefix = auditIndexPrefix(resource.Connection{Environment: q.Environment, ID: q.Connection})
	}
	err = s.kv.View(ctx, func(r kv.Reader) error {
		found, next = nil, ""
		return walk(r, prefix, after, q.Limit, func(p kv.Pair, stamp string) (bool, error) {
			if len(found) == q.Limit {
				next = found[q.Limit-1].ID
				return false, nil
			}
			record, err := auditAt(r, append(slices.Clip(records), stamp...), q.Connection, p)
			found = append(found, record)
			return true, err
		})
	})
	return found, next, err
}

// auditAt returns the record that an entry of a listing stands for.
func auditAt(r kv.Reader, key []byte, connection string, p kv.Pair) (core.AuditRecord, error) {
	data := p.Value
	if connection != "" { // the entry is one of the index
		var err error
		if data, err = r.Get(key); err != nil {
			return core.AuditRecord{}, err
		}
	}
	id := hex.EncodeToString(key[len(key)-stampSize:])
	record, err := decodeAudit(id, data)
	if err != nil {
		return core.AuditRecord{}, fmt.Errorf("audit record %s: %w", id, err)
	}
	return record, nil
}

// stampOf returns the part of a key that a record's id stands for.
func stampOf(id string) ([]byte, error) {
	stamp, err := hex.DecodeString(id)
	if err != nil || len(stamp) != 0 && len(stamp) != stampSize {
		return nil, fmt.Errorf("%q is no audit record's id", id)
	}
	return stamp, nil
}
