package memkv

import "bytes"

// node is a node of an immutable treap: a search tree by key and a heap by
// priority. Priorities are hashes of the keys, so the shape depends on the
// contents alone and is balanced whatever the order of insertion. Nodes never
// change once they are reachable; nil is the empty tree.
type node struct {
	key, value  []byte
	priority    uint64
	left, right *node
}

// find returns the node of key, or nil.
func (n *node) find(key []byte) *node {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n
		}
	}
	return nil
}

// split returns the trees of the keys below and above key. The node of key
// itself, if there is one, is in neither.
func (n *node) split(key []byte) (less, more *node) {
	if n == nil {
		return nil, nil
	}
	switch c := bytes.Compare(key, n.key); {
	case c < 0:
		less, more = n.left.split(key)
		return less, n.with(more, n.right)
	case c > 0:
		less, more = n.right.split(key)
		return n.with(n.left, less), more
	default:
		return n.left, n.right
	}
}

// merge returns the tree of all nodes of both; every key of less must be below
// every key of more.
func merge(less, more *node) *node {
	switch {
	case less == nil:
		return more
	case more == nil:
		return less
	case less.priority >= more.priority:
		return less.with(less.left, merge(less.right, more))
	default:
		return more.with(merge(less, more.left), more.right)
	}
}

// with returns a copy of n with other children.
func (n *node) with(left, right *node) *node {
	return &node{key: n.key, value: n.value, priority: n.priority, left: left, right: right}
}

// ascend calls visit in ascending order for every key that is at least from and
// strictly above after, until visit returns false; then it returns false too.
// An empty bound does not bound.
func (n *node) ascend(from, after []byte, visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	if bytes.Compare(n.key, from) < 0 || (len(after) > 0 && bytes.Compare(n.key, after) <= 0) {
		return n.right.ascend(from, after, visit)
	}
	return n.left.ascend(from, after, visit) && visit(n) && n.right.ascend(from, after, visit)
}
