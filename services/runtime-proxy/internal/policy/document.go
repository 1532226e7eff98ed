package policy

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDocument is the longest body that policies write, and how much they may
	// add to one in all, in bytes.
	maxDocument = 64 << 20
	// maxNodes bounds how many values of a body are looked at one by one: each
	// needs memory of its own.
	maxNodes = 500_000
)

const (
	errTooLong = problem("the result is longer than 64 MiB; send or ask for less at once")
	errNoPlace = problem("there is something else where a property has to be put; look at the paths of the policy")
	errTooMany = problem("the body has more than 500,000 values that have to be changed one by one; send or ask for less at once")
)

// document is a JSON body. Its tree is opened only along the paths that policies
// name, so the cost of a change does not depend on how much else there is.
type document struct {
	read    bool // root is what there is
	root    *node
	changed bool
	nodes   int       // opened so far
	added   int       // bytes that policies added
	by      *settings // of the policy that looked at it last
}

// node is one value. Its text is raw until it is opened.
type node struct {
	raw     []byte // valid JSON; of no meaning once open
	open    bool
	object  bool // of an open node: an object, or else an array
	members []member
	items   []*node
}

// member is one member of an object.
type member struct {
	quoted []byte // the name as it was written
	name   string
	value  *node
}

// parseDocument returns the tree of a body, nil if it is no JSON. A byte order mark
// in front of it is no part of it. Names that
// occur twice are let through as they are; the last one counts.
func parseDocument(body []byte) *node {
	text := bytes.Trim(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(text) == 0 || !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return nil
	}
	return &node{raw: text}
}

// kind is '{', '[', '"', '0' (a number), 't', 'f' or 'n'.
func (n *node) kind() jsontext.Kind {
	switch {
	case !n.open:
		return jsontext.Value(n.raw).Kind()
	case n.object:
		return '{'
	}
	return '['
}

// visit opens a node one level deep.
func (d *document) visit(n *node) error {
	if n.open || (n.raw[0] != '{' && n.raw[0] != '[') {
		return nil
	}
	n.open, n.object = true, n.raw[0] == '{'
	for at := 1; ; {
		at = skipSpace(n.raw, at)
		if c := n.raw[at]; c == '}' || c == ']' {
			break
		} else if c == ',' {
			at = skipSpace(n.raw, at+1)
		}
		if d.nodes++; d.nodes > maxNodes {
			return errTooMany
		}
		var m member
		if n.object {
			end := valueEnd(n.raw, at)
			m.quoted, m.name = n.raw[at:end:end], unquote(n.raw[at:end])
			at = skipSpace(n.raw, skipSpace(n.raw, end)+1) // behind the colon
		}
		end := valueEnd(n.raw, at)
		m.value = &node{raw: n.raw[at:end:end]}
		if n.object {
			n.members = append(n.members, m)
		} else {
			n.items = append(n.items, m.value)
		}
		at = end
	}
	n.raw = nil
	return nil
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// valueEnd returns where the value at a place of valid JSON ends.
func valueEnd(text []byte, at int) int {
	depth := 0
	for ; at < len(text); at++ {
		switch text[at] {
		case '"':
			for at++; text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at // behind a number or a word
			}
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return at + 1
		}
	}
	return at
}

func unquote(quoted []byte) string {
	plain, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil && plain == nil { // invalid UTF-8 is replaced, and reported
		return string(quoted[1 : len(quoted)-1])
	}
	return string(plain)
}

// quote returns text as a JSON string. Invalid UTF-8 is replaced.
func quote(text string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, text)
	return quoted
}

// words returns the text of a string, or of another value as it is written.
func (n *node) words() string {
	switch n.kind() {
	case '"':
		return unquote(n.raw)
	case 'n':
		return ""
	default:
		return string(n.append(nil))
	}
}

// append writes a node. What was opened is written without spaces.
func (n *node) append(out []byte) []byte {
	switch {
	case !n.open:
		return append(out, n.raw...)
	case n.object:
		out = append(out, '{')
		for i := range n.members {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(out, n.members[i].quoted...), ':')
			out = n.members[i].value.append(out)
		}
		return append(out, '}')
	}
	out = append(out, '[')
	for i, item := range n.items {
		if i > 0 {
			out = append(out, ',')
		}
		out = item.append(out)
	}
	return append(out, ']')
}

// text returns the whole document.
func (d *document) text() ([]byte, error) {
	if d.root == nil {
		return nil, nil
	}
	text := d.root.append(nil)
	if len(text) > maxDocument {
		return nil, errTooLong
	}
	return text, nil
}

// fresh makes a node of JSON text that the caller gives away, and counts it.
func (d *document) fresh(raw []byte) (*node, error) {
	if d.added += len(raw); d.added > maxDocument {
		return nil, errTooLong
	}
	return &node{raw: raw}, nil
}

// child returns the member of an object, nil if there is none.
func (n *node) child(name string) *node {
	for _, m := range slices.Backward(n.members) {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// put sets a member of an open object, in its place or at the end.
func (n *node) put(name string, value *node) {
	for i := range slices.Backward(n.members) {
		if n.members[i].name == name {
			n.members[i].value = value
			return
		}
	}
	n.members = append(n.members, member{quoted: quote(name), name: name, value: value})
}

// drop removes all members of that name.
func (n *node) drop(name string) {
	kept := n.members[:0]
	for _, m := range n.members {
		if m.name != name {
			kept = append(kept, m)
		}
	}
	n.members = kept
}
