package oauth

import (
	"bytes"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDepth bounds how deep an answer may be nested; deeper parts are left out.
	maxDepth = 16
	// maxNodes bounds how many values an answer may have.
	maxNodes = 10_000
	// maxDigits bounds the text of a number that is read.
	maxDigits = 64
)

// node is a value of an answer. The zero node is a value that is not there. It
// owns its bytes; whoever parses an answer clears the tree.
type node struct {
	kind     jsontext.Kind
	text     []byte // of strings and numbers
	children []member
}

// member is one member of an object, or an item of an array, without a name.
type member struct {
	name  string
	value *node
}

// errAnswer ends the reading of an answer.
var errAnswer = errors.New("the answer is too large or not JSON")

// parse reads an answer as JSON or, failing that, as a form, whatever type it
// claims to have: providers send either as text/plain, and with a byte order mark.
// What is neither gives the zero node. Of members with the same name the last
// counts, as with most parsers; what follows the first value is ignored.
func parse(body []byte) *node {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) == 0 {
		return &node{}
	}
	switch body[0] {
	case '{', '[', '"':
		return parseJSON(body)
	case '<':
		return &node{}
	default:
		return parseForm(body)
	}
}

// parseJSON reads the first JSON value.
func parseJSON(body []byte) *node {
	reader := treeReader{jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), 0}
	tree, err := reader.read(0)
	if err != nil {
		tree.clear()
		return &node{}
	}
	if tree.kind == '"' && len(tree.text) > 1 && tree.text[0] == '{' {
		defer tree.clear()
		return parseJSON(tree.text) // JSON inside a JSON string
	}
	return tree
}

// treeReader builds a tree.
type treeReader struct {
	decoder *jsontext.Decoder
	nodes   int
}

// read returns the next value; what it has read so far also with an error.
func (t *treeReader) read(depth int) (*node, error) {
	if t.nodes++; t.nodes > maxNodes {
		return &node{}, errAnswer
	}
	switch kind := t.decoder.PeekKind(); kind {
	case '{', '[':
		if depth >= maxDepth {
			return &node{}, t.decoder.SkipValue()
		}
		return t.readChildren(kind, depth)
	default:
		raw, err := t.decoder.ReadValue()
		if err != nil {
			return &node{}, err
		}
		return scalar(raw), nil
	}
}

// readChildren reads an object or an array.
func (t *treeReader) readChildren(kind jsontext.Kind, depth int) (*node, error) {
	n := &node{kind: kind}
	if _, err := t.decoder.ReadToken(); err != nil {
		return n, err
	}
	for {
		var one member
		switch next := t.decoder.PeekKind(); {
		case next == '}' || next == ']':
			_, err := t.decoder.ReadToken()
			return n, err
		case kind == '{':
			name, err := t.decoder.ReadToken()
			if err != nil {
				return n, err
			}
			one.name = name.String()
		}
		value, err := t.read(depth + 1)
		one.value = value
		n.children = append(n.children, one)
		if err != nil {
			return n, err
		}
	}
}

// scalar copies a value that has no parts.
func scalar(raw jsontext.Value) *node {
	n := &node{kind: raw.Kind()}
	switch n.kind {
	case '"':
		// The error speaks of text that is not UTF-8, which is replaced.
		n.text, _ = jsontext.AppendUnquote(make([]byte, 0, len(raw)), raw)
	case '0':
		n.text = bytes.Clone(raw)
	default:
	}
	return n
}

// parseForm reads application/x-www-form-urlencoded. A text without a pair in it is
// none.
func parseForm(body []byte) *node {
	n := &node{kind: '{'}
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		name, value, ok := bytes.Cut(pair, []byte("="))
		if !ok || len(n.children) == maxNodes || bytes.ContainsAny(name, " <>\"\r\n") {
			continue
		}
		plain, err := url.QueryUnescape(string(name))
		if err != nil {
			continue
		}
		n.children = append(n.children, member{plain, &node{kind: '"', text: unescaped(value)}})
	}
	if len(n.children) == 0 {
		return &node{}
	}
	return n
}

// unescaped decodes a form's value; what is escaped wrongly stays as it is.
func unescaped(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '+':
			out = append(out, ' ')
		case c == '%' && i+2 < len(value) && hexadecimal(value[i+1]) && hexadecimal(value[i+2]):
			code, _ := strconv.ParseUint(string(value[i+1:i+3]), 16, 8)
			out = append(out, byte(code))
			i += 2
		default:
			out = append(out, c)
		}
	}
	if utf8.Valid(out) {
		return out
	}
	defer clear(out)
	return bytes.ToValidUTF8(out, []byte("\uFFFD"))
}

func hexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// clear overwrites all texts.
func (n *node) clear() {
	clear(n.text)
	for _, child := range n.children {
		child.value.clear()
	}
}

// get returns a member; the zero node if there is none. Names are compared without
// case, underscores and hyphens where none is written alike.
func (n *node) get(name string) *node {
	var similar *node
	for i := len(n.children) - 1; i >= 0 && n.kind == '{'; i-- {
		one := n.children[i]
		if one.name == name {
			return one.value
		}
		if similar == nil && similarNames(one.name, name) {
			similar = one.value
		}
	}
	if similar == nil {
		return &node{}
	}
	return similar
}

// similarNames compares names without case, underscores and hyphens. It makes
// nothing: hostile answers have thousands of names.
func similarNames(a, b string) bool {
	for {
		a, b = strings.TrimLeft(a, "_-"), strings.TrimLeft(b, "_-")
		if a == "" || b == "" {
			return a == b
		}
		if lower(a[0]) != lower(b[0]) {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// at follows a path of names. Items of arrays are counted from 0.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		if n.kind == '[' {
			index, err := strconv.Atoi(name)
			if err != nil || index < 0 || index >= len(n.children) {
				return &node{}
			}
			n = n.children[index].value
			continue
		}
		n = n.get(name)
	}
	return n
}

// first returns the first item of an array, and anything else itself.
func (n *node) first() *node {
	if n.kind == '[' && len(n.children) > 0 {
		return n.children[0].value
	}
	return n
}

// str returns the text of a string or number that is no secret; else "".
func (n *node) str() string { return string(n.text) }

// number returns a number, or a string that is one.
func (n *node) number() (float64, bool) {
	if len(n.text) == 0 || len(n.text) > maxDigits {
		return 0, false
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(string(n.text)), 64)
	return value, err == nil
}
