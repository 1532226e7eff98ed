package lint

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of following references.
const (
	// maxChain is how many references may follow each other.
	maxChain = 16
	// maxSteps is how many parts of a path or allOf are followed.
	maxSteps = 32
	// maxCount is where counting schemas ends.
	maxCount = 1 << 40
)

// resolve returns what a reference into a part of the document refers to, or nil.
func (d *swagger) resolve(ref, part string) *document.Node {
	if !strings.HasPrefix(ref, part) {
		return nil
	}
	n, known := d.resolved[ref]
	if !known {
		n = d.root.At(ref[1:])
		d.resolved[ref] = n
	}
	return n
}

// deref follows the references of a schema; nil if they lead nowhere.
func (d *swagger) deref(n *document.Node) *document.Node {
	for range maxChain {
		ref := n.Get("$ref")
		if !ref.Is(document.String) {
			return n
		}
		n = d.resolve(ref.Text(), "#/")
	}
	return nil
}

// typeOf is the type of a schema; one that has properties is an object.
func (d *swagger) typeOf(n *document.Node) string {
	n = d.deref(n)
	switch t := n.Str("type"); {
	case t != "":
		return t
	case n.Get("properties") != nil:
		return "object"
	case n.Get("items") != nil:
		return "array"
	}
	return ""
}

// property returns a property of an object schema, or of what it is made of.
func (d *swagger) property(n *document.Node, name string) *document.Node {
	steps := maxSteps
	return d.propertyIn(n, name, &steps)
}

func (d *swagger) propertyIn(n *document.Node, name string, steps *int) *document.Node {
	if *steps--; *steps < 0 {
		return nil
	}
	n = d.deref(n)
	if p := n.Get("properties").Get(name); p != nil {
		return p
	}
	for _, part := range n.Get("allOf").Children() {
		if p := d.propertyIn(part, name, steps); p != nil {
			return p
		}
	}
	return nil
}

// isOpen reports whether a schema says too little for its properties to be
// known: it accepts others, is made at run time, or is empty.
func (d *swagger) isOpen(n *document.Node) bool {
	n = d.deref(n)
	if n == nil {
		return true
	}
	for _, key := range []string{"additionalProperties", "x-ms-dynamic-schema", "x-ms-dynamic-properties", "oneOf", "anyOf"} {
		if v := n.Get(key); v != nil && v.Text() != "false" {
			return true
		}
	}
	return n.Get("properties") == nil && n.Get("items") == nil && n.Get("allOf") == nil && (n.Str("type") == "" || n.Str("type") == "object")
}

// follow goes along a path such as "body/value" from a schema. It returns nil if
// something on the way is not there; open says that nobody can know.
func (d *swagger) follow(n *document.Node, path string) (found *document.Node, open bool) {
	steps := 0
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		if steps++; steps > maxSteps {
			return nil, true
		}
		next := d.property(n, part)
		if next == nil {
			if items := d.deref(n).Get("items"); items != nil {
				next = d.property(items, part)
			}
		}
		if next == nil {
			return nil, d.isOpen(n)
		}
		n = next
	}
	return d.deref(n), false
}

// size is how deep a schema is, and how many schemas it is made of when every
// reference is replaced by what it refers to.
type size struct{ depth, count int }

// sizeOf measures a schema. Definitions are measured once; one inside itself
// counts as one.
func (d *swagger) sizeOf(n *document.Node) size {
	if ref := n.Str("$ref"); ref != "" {
		target := d.resolve(ref, "#/")
		if target == nil {
			return size{1, 1}
		}
		if known, ok := d.sizes[target]; ok {
			return known
		}
		d.sizes[target] = size{1, 1} // while it is being measured
		measured := d.sizeOf(target)
		d.sizes[target] = measured
		return measured
	}
	total := size{0, 1}
	include := func(n *document.Node) {
		if !n.Is(document.Object) {
			return
		}
		s := d.sizeOf(n)
		total.depth = max(total.depth, s.depth)
		total.count = min(total.count+s.count, maxCount)
	}
	for _, p := range n.Get("properties").Children() {
		include(p)
	}
	for _, p := range n.Get("allOf").Children() {
		include(p)
	}
	include(n.Get("items"))
	include(n.Get("additionalProperties"))
	total.depth++
	return total
}
