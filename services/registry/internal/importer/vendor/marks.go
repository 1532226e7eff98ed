package vendor

import (
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxHops bounds a chain of references.
const maxHops = 16

// local follows a reference inside one document. References are URI fragments
// and may be percent-encoded; many are not, so the text is tried as it stands
// first.
func local(root *document.Node, reference string) *document.Node {
	fragment, ok := strings.CutPrefix(reference, "#")
	if !ok {
		return nil
	}
	if n := root.At(fragment); n != nil {
		return n
	}
	decoded, err := url.PathUnescape(fragment)
	if err != nil {
		return nil
	}
	return root.At(decoded)
}

// follow returns what n stands for, which is n itself unless it is a reference.
func (r *Reader) follow(n *document.Node) *document.Node {
	for range maxHops {
		ref := n.Get("$ref")
		if !ref.Is(document.String) {
			return n
		}
		if n = r.resolve(ref); n == nil {
			return nil
		}
	}
	return nil
}

// marks are the nodes from which a dynamic feature can be reached, downwards or
// through references. Few descriptions have any, and in those that do, most
// schemas lead to none: without marks, the search would walk through each schema
// once for every operation that uses it.
type marks struct {
	nodes map[*document.Node]bool
	// roots are the documents that were scanned.
	roots map[*document.Node]bool
	// carriers are the nodes with features, references those with a "$ref".
	carriers, references []*document.Node
}

// isFeature reports whether a key is that of a dynamic feature.
func isFeature(key string) bool { return strings.HasPrefix(key, "x-ms-dynamic-") }

// mark makes the marks of the document that n is in, and of those that it
// refers to.
func (r *Reader) mark(n *document.Node) *marks {
	for n.Parent() != nil {
		n = n.Parent()
	}
	m := &marks{nodes: map[*document.Node]bool{}, roots: map[*document.Node]bool{}}
	m.scan(n)
	holders := map[*document.Node][]*document.Node{}
	for i := 0; i < len(m.references); i++ { // grows while documents are found
		holder := m.references[i]
		ref := holder.Get("$ref")
		if len(m.carriers) == 0 && strings.HasPrefix(ref.Text(), "#") {
			continue // leads to nothing that is not in this document
		}
		target := r.resolve(ref)
		if target == nil {
			continue
		}
		root := target
		for root.Parent() != nil {
			root = root.Parent()
		}
		if !m.roots[root] {
			none := len(m.carriers) == 0
			if m.scan(root); none && len(m.carriers) > 0 {
				i = -1 // those that were passed over matter now
				clear(holders)
				continue
			}
		}
		holders[target] = append(holders[target], holder)
	}
	m.spread(holders)
	return m
}

// scan notes the carriers and references of a document.
func (m *marks) scan(root *document.Node) {
	m.roots[root] = true
	todo := []*document.Node{root}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		carries := false
		for _, c := range n.Children() {
			switch {
			case n.Is(document.Array):
			case isFeature(c.Key()):
				carries = true
			case c.Key() == "$ref" && c.Is(document.String):
				m.references = append(m.references, n)
			}
			if len(c.Children()) > 0 {
				todo = append(todo, c)
			}
		}
		if carries {
			m.carriers = append(m.carriers, n)
		}
	}
}

// spread marks the carriers, what is around them, and what refers to any of
// those. Each node is marked once.
func (m *marks) spread(holders map[*document.Node][]*document.Node) {
	todo := m.carriers
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for ; n != nil && !m.nodes[n]; n = n.Parent() {
			m.nodes[n] = true
			todo = append(todo, holders[n]...)
		}
	}
}
