package memkv

import (
	"bytes"
	"hash/maphash"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// reader is one transaction's view of the tree.
type reader struct {
	root *node
	over bool
}

// end makes every later use answer kv.ErrTxDone.
func (r *reader) end() { r.over = true }

func (r *reader) Get(key []byte) ([]byte, error) {
	if r.over {
		return nil, kv.ErrTxDone
	}
	if err := kv.CheckKey(key); err != nil {
		return nil, err
	}
	n := r.root.find(key)
	if n == nil {
		return nil, kv.ErrNotFound
	}
	return clone(n.value), nil
}

func (r *reader) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	if r.over {
		return nil, kv.ErrTxDone
	}
	if err := kv.CheckScan(prefix, after, limit); err != nil {
		return nil, err
	}
	var pairs []kv.Pair
	r.root.ascend(prefix, after, func(n *node) bool {
		if !bytes.HasPrefix(n.key, prefix) {
			return false // keys with a common prefix are neighbours
		}
		pairs = append(pairs, kv.Pair{Key: clone(n.key), Value: clone(n.value)})
		return len(pairs) < limit
	})
	return pairs, nil
}

// tx writes by replacing its own root; the store's tree is never touched.
type tx struct {
	reader
	seed maphash.Seed
}

func (t *tx) Put(key, value []byte) error {
	if t.over {
		return kv.ErrTxDone
	}
	if err := kv.CheckPair(key, value); err != nil {
		return err
	}
	less, more := t.root.split(key)
	n := &node{key: clone(key), value: clone(value), priority: maphash.Bytes(t.seed, key)}
	t.root = merge(merge(less, n), more)
	return nil
}

func (t *tx) Delete(key []byte) error {
	if t.over {
		return kv.ErrTxDone
	}
	if err := kv.CheckKey(key); err != nil {
		return err
	}
	if t.root.find(key) == nil {
		return nil // spares the copying of a path
	}
	t.root = merge(t.root.split(key))
	return nil
}

// clone returns a copy that is never nil, because an empty value is a value.
func clone(b []byte) []byte { return append([]byte{}, b...) }
