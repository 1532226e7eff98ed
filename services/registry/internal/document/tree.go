package document

import "slices"

// arenaSize is how many nodes are allocated at once: a tree of a million nodes
// would otherwise be a million allocations.
const arenaSize = 512

// builder makes the nodes of one document and keeps the limits.
type builder struct {
	doc   *Document
	arena []Node
	count int
}

// add returns a new node under parent, or an error when there are too many.
func (b *builder) add(parent *Node, kind Kind, position int64) (*Node, error) {
	if b.count++; b.count > MaxNodes {
		return nil, tooLarge(b.doc.path, "values", MaxNodes)
	}
	if len(b.arena) == 0 {
		b.arena = make([]Node, arenaSize)
	}
	n := &b.arena[0]
	b.arena = b.arena[1:]
	n.kind, n.parent, n.position = kind, parent, position
	return n, nil
}

// close ends an object or array: the last of several members with one key
// stays, and large objects get their index.
func (b *builder) close(n *Node) {
	if n.kind != Object || len(n.children) < 2 {
		return
	}
	if len(n.children) < indexFrom {
		b.dropShadowedFew(n)
		return
	}
	n.index = make(map[string]*Node, len(n.children))
	for _, c := range n.children {
		n.index[c.key] = c
	}
	if len(n.index) == len(n.children) {
		return
	}
	b.remark(n, func(c *Node) bool { return n.index[c.key] != c })
}

// dropShadowedFew compares every pair of the few members that there are.
func (b *builder) dropShadowedFew(n *Node) {
	shadowed := func(i int) bool {
		for _, later := range n.children[i+1:] {
			if later.key == n.children[i].key {
				return true
			}
		}
		return false
	}
	for i := range n.children {
		if shadowed(i) {
			b.remark(n, func(c *Node) bool { return shadowed(slices.Index(n.children, c)) })
			return
		}
	}
}

// remark notes the members that are shadowed by a later one, and removes them.
func (b *builder) remark(n *Node, shadowed func(*Node) bool) {
	kept := make([]*Node, 0, len(n.children))
	gone := map[string]bool{}
	for _, c := range n.children {
		if shadowed(c) {
			gone[c.key] = true
			continue
		}
		kept = append(kept, c)
	}
	for _, c := range kept {
		if gone[c.key] {
			b.doc.remarks = append(b.doc.remarks, Remark{Kind: DuplicateKey, Node: c})
		}
	}
	n.children = kept
}
