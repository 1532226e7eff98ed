package boltkv

import (
	"bytes"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// reader reads the data bucket of one bbolt transaction; its bucket is nil when
// the transaction is over, because bbolt's memory must not be touched then.
type reader struct {
	bucket *bolt.Bucket
}

func (r *reader) end() { r.bucket = nil }

func (r *reader) Get(key []byte) ([]byte, error) {
	if r.bucket == nil {
		return nil, kv.ErrTxDone
	}
	if err := kv.CheckKey(key); err != nil {
		return nil, err
	}
	value, ok := lookup(r.bucket, key)
	if !ok {
		return nil, kv.ErrNotFound
	}
	return value, nil
}

func (r *reader) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	if r.bucket == nil {
		return nil, kv.ErrTxDone
	}
	if err := kv.CheckScan(prefix, after, limit); err != nil {
		return nil, err
	}
	var pairs []kv.Pair
	c := r.bucket.Cursor()
	k, v := seek(c, prefix, after)
	for ; k != nil && len(pairs) < limit && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		pairs = append(pairs, kv.Pair{Key: clone(k), Value: clone(v)})
	}
	return pairs, nil
}

// seek moves to the first key that is at least prefix and strictly above after.
func seek(c *bolt.Cursor, prefix, after []byte) (key, value []byte) {
	if len(after) == 0 || bytes.Compare(after, prefix) < 0 {
		return c.Seek(prefix)
	}
	k, v := c.Seek(after)
	if bytes.Equal(k, after) {
		return c.Next()
	}
	return k, v
}

// lookup returns a copy of the value of key. It goes through a cursor because
// Bucket.Get has no way to tell an empty value from an absent key for certain.
func lookup(b *bolt.Bucket, key []byte) (value []byte, ok bool) {
	k, v := b.Cursor().Seek(key)
	if k == nil || !bytes.Equal(k, key) {
		return nil, false
	}
	return clone(v), true
}

// clone copies what bbolt returns: its memory dies with the transaction. The
// copy is never nil.
func clone(b []byte) []byte { return append([]byte{}, b...) }

// change is what one write replaced.
type change struct {
	key, value []byte
	existed    bool
}

// tx is one function's part in a group's bbolt transaction.
type tx struct {
	reader
	undoable bool // whether to keep what each write replaced
	replaced []change
	wrote    int // bytes of keys and values written or deleted
}

func (t *tx) Put(key, value []byte) error {
	if t.bucket == nil {
		return kv.ErrTxDone
	}
	if err := kv.CheckPair(key, value); err != nil {
		return err
	}
	t.remember(key)
	t.wrote += len(key) + len(value)
	// The value is copied because bbolt holds on to it until the commit; the
	// key it copies itself.
	if err := t.bucket.Put(key, clone(value)); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

func (t *tx) Delete(key []byte) error {
	if t.bucket == nil {
		return kv.ErrTxDone
	}
	if err := kv.CheckKey(key); err != nil {
		return err
	}
	t.remember(key)
	t.wrote += len(key)
	if err := t.bucket.Delete(key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func (t *tx) remember(key []byte) {
	if t.undoable {
		value, existed := lookup(t.bucket, key)
		t.replaced = append(t.replaced, change{key: clone(key), value: value, existed: existed})
	}
}

// undo puts everything back that the writes replaced, the last one first.
func (t *tx) undo() error {
	for _, v := range slices.Backward(t.replaced) {
		var err error
		if c := v; c.existed {
			err = t.bucket.Put(c.key, c.value)
		} else {
			err = t.bucket.Delete(c.key)
		}
		if err != nil {
			return fmt.Errorf("undo: %w", err)
		}
	}
	return nil
}
