package openapi

import (
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxHops bounds a chain of references; the specification allows one.
const maxHops = 16

// target returns the node that a local reference points at, and its pointer.
// References are URI fragments and may be percent-encoded; many are not, so the
// text is tried as it stands first.
func (t *translation) target(ref string) (pointer string, n *document.Node) {
	fragment, local := strings.CutPrefix(ref, "#")
	if !local {
		return "", nil
	}
	if n := t.root.At(fragment); n != nil {
		return fragment, n
	}
	decoded, err := url.PathUnescape(fragment)
	if err != nil {
		return "", nil
	}
	return decoded, t.root.At(decoded)
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
			return n
		}
		_, target := t.target(ref.Text())
		if target == nil {
			t.warn("ReferenceUnresolved", start, "correct the reference or add what it refers to",
				"%q refers to nothing in this document; it is ignored", ref.Text())
			return nil
		}
		n = target
	}
	t.warn("ReferenceLoop", start, "refer to the object itself", "the reference leads round in circles; it is ignored")
	return nil
}
