package document

import (
	"slices"
	"strconv"
	"strings"
)

// Kind is what a node is.
type Kind uint8

// The kinds.
const (
	// Invalid is the kind of a nil node: something that is not there.
	Invalid Kind = iota
	// Null is null.
	Null
	// Bool is true or false.
	Bool
	// Number is a number of any size.
	Number
	// String is text.
	String
	// Array is an ordered list.
	Array
	// Object is an ordered list of members with unique keys.
	Object
)

// String returns the name of the kind for messages, with its article.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "an array"
	case Object:
		return "an object"
	case Invalid:
	}
	return "nothing"
}

// indexFrom is the number of members from which an object gets an index; below
// it comparing is faster than hashing.
const indexFrom = 12

// Node is one value. All methods accept a nil node, which behaves like a value
// of no kind, so that a path of lookups needs one check at its end.
type Node struct {
	key    string
	text   string
	inside *container
	parent *Node
	// position is the offset of the first byte in the source.
	position uint32
	kind     Kind
}

// container is what only objects and arrays have: most nodes are scalars, and a
// large document has millions of them.
type container struct {
	children []*Node
	// index finds members by key; only in objects with many.
	index map[string]*Node
}

// Kind returns what the node is; [Invalid] for nil.
func (n *Node) Kind() Kind {
	if n == nil {
		return Invalid
	}
	return n.kind
}

// Is reports whether the node is of the kind.
func (n *Node) Is(k Kind) bool { return n.Kind() == k }

// Key returns the key under which the node stands in its object, "" elsewhere.
func (n *Node) Key() string {
	if n == nil {
		return ""
	}
	return n.key
}

// Text returns the text of a string, or the JSON literal of a number, a boolean
// or null; "" for everything else.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return n.text
}

// Children returns the members of an object or the items of an array in the
// order of the source. The slice belongs to the tree.
func (n *Node) Children() []*Node {
	if n == nil || n.inside == nil {
		return nil
	}
	return n.inside.children
}

// Parent returns the object or array that holds the node, nil for the root.
func (n *Node) Parent() *Node {
	if n == nil {
		return nil
	}
	return n.parent
}

// Get returns the member of an object with exactly this key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.kind != Object {
		return nil
	}
	if n.inside.index != nil {
		return n.inside.index[key]
	}
	for _, c := range n.inside.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// GetFold returns the member with this key, or else the first whose key differs
// only in case, or nil.
func (n *Node) GetFold(key string) *Node {
	if exact := n.Get(key); exact != nil || !n.Is(Object) {
		return exact
	}
	for _, c := range n.inside.children {
		if strings.EqualFold(c.key, key) {
			return c
		}
	}
	return nil
}

// Str returns the text of the member if it is a string, else "".
func (n *Node) Str(key string) string {
	if c := n.Get(key); c.Is(String) {
		return c.text
	}
	return ""
}

// True reports whether the member is the boolean true.
func (n *Node) True(key string) bool {
	c := n.Get(key)
	return c.Is(Bool) && c.text == "true"
}

// At follows a JSON pointer (RFC 6901) from this node; "" is the node itself.
// It returns nil if nothing is there or the pointer is malformed.
func (n *Node) At(pointer string) *Node {
	if pointer == "" {
		return n
	}
	if pointer[0] != '/' {
		return nil
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = UnescapeToken(token)
		if n.Is(Array) {
			n = n.item(token)
			continue
		}
		if n = n.Get(token); n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) item(token string) *Node {
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || i >= len(n.inside.children) || strconv.Itoa(i) != token {
		return nil
	}
	return n.inside.children[i]
}

// Pointer returns the JSON pointer (RFC 6901) from the root to the node; "" for
// the root and for nil.
func (n *Node) Pointer() string {
	if n == nil || n.parent == nil {
		return ""
	}
	var tokens []string
	for ; n.parent != nil; n = n.parent {
		if n.parent.kind == Array {
			tokens = append(tokens, strconv.Itoa(slices.Index(n.parent.inside.children, n)))
			continue
		}
		tokens = append(tokens, EscapeToken(n.key))
	}
	slices.Reverse(tokens)
	return "/" + strings.Join(tokens, "/")
}

// EscapeToken returns a key as it is written in a JSON pointer.
func EscapeToken(key string) string {
	if !strings.ContainsAny(key, "~/") {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// UnescapeToken is the inverse of [EscapeToken].
func UnescapeToken(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
