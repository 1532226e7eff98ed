package openapi

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxHops bounds a chain of references; the specification allows one.
const maxHops = 16

// References returns the other documents that a document refers to, without
// fragments, as they are written, in the order of the source, each once. They
// are relative to the document unless they are absolute URLs.
func References(doc *document.Document) []string {
	var found []string
	seen := map[string]bool{"": true}
	var walk func(n *document.Node)
	walk = func(n *document.Node) {
		for _, c := range n.Children() {
			switch key := c.Key(); {
			case (key == "$ref" || key == "operationRef") && c.Is(document.String):
				name, _, _ := strings.Cut(c.Text(), "#")
				if !seen[name] {
					seen[name] = true
					found = append(found, name)
				}
			case len(c.Children()) > 0:
				walk(c)
			}
		}
	}
	walk(doc.Root())
	return found
}

// lookup returns the node that a reference, written at the node from, points at,
// or nil. It follows references on the way, and not the one that it arrives at.
func (t *translation) lookup(from *document.Node, ref string) *document.Node {
	return t.find(from, ref, maxHops)
}

func (t *translation) find(from *document.Node, ref string, hops int) *document.Node {
	name, fragment, _ := strings.Cut(ref, "#")
	in := t.files.of(from)
	if name != "" {
		if in = t.files.open(in, name); in == nil {
			return t.files.of(from).anchor(ref) // the "$id" of a schema looks like an address
		}
	}
	root := in.doc.Root()
	// References are URI fragments and may be percent-encoded; many are not, so
	// the text is tried as it stands first.
	if n := root.At(fragment); n != nil {
		return n
	}
	if decoded := unescaped(fragment); decoded != fragment {
		if n := root.At(decoded); n != nil {
			return n
		}
		fragment = decoded
	}
	if !strings.HasPrefix(fragment, "/") {
		return in.anchor(fragment)
	}
	if n := t.through(root, fragment, hops); n != nil {
		return n
	}
	if strings.HasPrefix(fragment, "/$defs/") || strings.HasPrefix(fragment, "/definitions/") {
		return enclosed(from, fragment)
	}
	return nil
}

// through follows a pointer of which some part is itself a reference.
func (t *translation) through(n *document.Node, pointer string, hops int) *document.Node {
	for token := range strings.SplitSeq(pointer[1:], "/") {
		next := n.At("/" + token)
		for ; next == nil && hops > 0; next = n.At("/" + token) {
			hops--
			ref := n.Get("$ref")
			if !ref.Is(document.String) {
				return nil
			}
			if n = t.find(ref, ref.Text(), hops/2); n == nil {
				return nil
			}
		}
		if n = next; n == nil {
			return nil
		}
	}
	return n
}

// enclosed looks for the definitions of a schema that was pasted into the
// document with its own.
func enclosed(from *document.Node, pointer string) *document.Node {
	for n := from.Parent(); n != nil; n = n.Parent() {
		if found := n.At(pointer); found != nil {
			return found
		}
	}
	return nil
}

// resolve follows the references of a parameter, response or path item to the
// object that they stand for. It is nil, and reported, where there is none.
func (t *translation) resolve(n *document.Node) *document.Node {
	start := n
	for range maxHops {
		ref := n.Get("$ref")
		if !ref.Is(document.String) {
			if !n.Is(document.Object) {
				t.warn("ObjectExpected", start, "write an object", "here stands %s instead of an object; it is ignored", n.Kind())
				return nil
			}
			if n != start {
				t.budget.work += len(n.Children())
			}
			return n
		}
		target := t.lookup(ref, ref.Text())
		if target == nil {
			t.warn("ReferenceUnresolved", start, "correct the reference or add what it refers to",
				"%q refers to nothing in %s; it is ignored", ref.Text(), t.searched(ref))
			return nil
		}
		n = target
	}
	t.warn("ReferenceLoop", start, "refer to the object itself", "the reference leads round in circles; it is ignored")
	return nil
}

// searched says where a reference that leads nowhere was looked for.
func (t *translation) searched(ref *document.Node) string {
	name, _, _ := strings.Cut(ref.Text(), "#")
	switch {
	case name == "":
		return "this document"
	case strings.Contains(name, "://"):
		return "the given files, and nothing else is read"
	}
	return "the given files"
}

// peek is resolve without findings: nil for what cannot be resolved.
func (t *translation) peek(n *document.Node) *document.Node {
	for range maxHops {
		ref := n.Get("$ref")
		if !ref.Is(document.String) {
			return n
		}
		n = t.lookup(ref, ref.Text())
	}
	return nil
}
