package document

import (
	"math"
	"slices"
)

// Nodes, containers and lists of children are allocated many at once: a tree of
// a million nodes would otherwise be millions of allocations.
const (
	nodesAtOnce      = 512
	containersAtOnce = 128
	childrenAtOnce   = 1024
)

// builder makes the nodes of one document and keeps the limits.
type builder struct {
	doc   *Document
	count int

	nodes      []Node
	containers []container
	children   []*Node
	// stack holds the children of all containers that are still open, so that
	// each list is allocated once, in its final size.
	stack []*Node
}

// add returns a new node under parent, or an error when there are too many.
func (b *builder) add(parent *Node, kind Kind, position int) (*Node, error) {
	if b.count++; b.count > MaxNodes {
		return nil, tooLarge(b.doc.path, "values", MaxNodes)
	}
	if len(b.nodes) == 0 {
		b.nodes = make([]Node, nodesAtOnce)
	}
	n := &b.nodes[0]
	b.nodes = b.nodes[1:]
	n.kind, n.parent, n.position = kind, parent, uint32(min(position, math.MaxUint32))
	return n, nil
}

// open starts the list of an object's or array's children; it is ended by close
// with the same mark. What is between them is pushed by child.
func (b *builder) open() (mark int) { return len(b.stack) }

func (b *builder) child(n *Node) { b.stack = append(b.stack, n) }

// close ends an object or array: the last of several members with one key
// stays, and large objects get their index.
func (b *builder) close(n *Node, mark int) {
	if len(b.containers) == 0 {
		b.containers = make([]container, containersAtOnce)
	}
	n.inside = &b.containers[0]
	b.containers = b.containers[1:]
	n.inside.children = b.list(b.stack[mark:])
	clear(b.stack[mark:])
	b.stack = b.stack[:mark]
	if n.kind != Object || len(n.inside.children) < 2 {
		return
	}
	if len(n.inside.children) < indexFrom {
		b.dropShadowedFew(n)
		return
	}
	n.inside.index = make(map[string]*Node, len(n.inside.children))
	for _, c := range n.inside.children {
		n.inside.index[c.key] = c
	}
	if len(n.inside.index) == len(n.inside.children) {
		return
	}
	b.shadow(n, func(c *Node) bool { return n.inside.index[c.key] != c })
}

// list copies the children into a slice of their own, which cannot grow into its
// neighbour.
func (b *builder) list(children []*Node) []*Node {
	n := len(children)
	if n == 0 {
		return nil
	}
	if n > childrenAtOnce/4 {
		return slices.Clone(children)
	}
	if len(b.children) < n {
		b.children = make([]*Node, childrenAtOnce)
	}
	list := b.children[:n:n]
	b.children = b.children[n:]
	copy(list, children)
	return list
}

// dropShadowedFew compares every pair of the few members that there are.
func (b *builder) dropShadowedFew(n *Node) {
	children := n.inside.children
	shadowed := func(i int) bool {
		for _, later := range children[i+1:] {
			if later.key == children[i].key {
				return true
			}
		}
		return false
	}
	for i := range children {
		if shadowed(i) {
			b.shadow(n, func(c *Node) bool { return shadowed(slices.Index(children, c)) })
			return
		}
	}
}

// shadow notes the members that are shadowed by a later one, and removes them.
func (b *builder) shadow(n *Node, shadowed func(*Node) bool) {
	kept := make([]*Node, 0, len(n.inside.children))
	gone := map[string]bool{}
	for _, c := range n.inside.children {
		if shadowed(c) {
			gone[c.key] = true
			continue
		}
		kept = append(kept, c)
	}
	for _, c := range kept {
		if gone[c.key] {
			b.doc.remark(DuplicateKey, c, int(c.position))
		}
	}
	n.inside.children = kept
}
