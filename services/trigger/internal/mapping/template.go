package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
)

// Template is the input of an action with expressions in it.
type Template struct{ root *node }

// node is one value of a template.
type node struct {
	// One of these is set, or it is constant.
	members []member // of an object
	items   []*node  // of a list
	parts   []part   // of a text with expressions
	kind    kind
	raw     any // a constant, as JSON
}

type kind int

const (
	constant kind = iota
	object
	list
	text
)

type member struct {
	name  string
	value *node
}

// part is a piece of a text: literal, or an expression.
type part struct {
	literal    string
	expression *expression
}

// CompileTemplate reads a template: the text of one JSON object, with expressions
// as ${…} in its strings, but not in the names of its members. Empty is an empty
// object. Its errors are [*Error].
func CompileTemplate(source string) (*Template, error) {
	if len(source) > MaxTemplate {
		return nil, &Error{Problem: fmt.Sprintf("it has %d bytes, up to %d are accepted", len(source), MaxTemplate)}
	}
	if strings.TrimSpace(source) == "" {
		source = "{}"
	}
	value, err := decode([]byte(source))
	if err != nil {
		return nil, &Error{Problem: "it is not valid JSON: " + err.Error()}
	}
	if _, ok := value.(map[string]any); !ok {
		return nil, &Error{Problem: "it must be a JSON object"}
	}
	c := compiler{}
	root, err := c.node(value, "", 0)
	if err != nil {
		return nil, err
	}
	return &Template{root: root}, nil
}

// compiler counts the expressions of one template.
type compiler struct{ expressions int }

func (c *compiler) node(value any, path string, depth int) (*node, error) {
	if depth > MaxDepth {
		return nil, &Error{Path: path, Problem: fmt.Sprintf("it is nested deeper than %d", MaxDepth)}
	}
	switch v := value.(type) {
	case map[string]any:
		return c.object(v, path, depth)
	case []any:
		n := &node{kind: list}
		for i, item := range v {
			child, err := c.node(item, path+"/"+strconv.Itoa(i), depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, child)
		}
		return n, nil
	case string:
		parts, err := c.parts(v, path)
		return &node{kind: text, parts: parts}, err
	}
	return &node{raw: value}, nil
}

func (c *compiler) object(v map[string]any, path string, depth int) (*node, error) {
	n := &node{kind: object}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names) // so that the same template always makes the same text
	for _, name := range names {
		child, err := c.node(v[name], path+"/"+pointerToken(name), depth+1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member{name, child})
	}
	return n, nil
}

// pointerToken escapes a name (RFC 6901, section 3).
func pointerToken(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// parts splits a text into literals and expressions.
func (c *compiler) parts(s, path string) (parts []part, err error) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{literal: literal.String()})
			literal.Reset()
		}
	}
	for s != "" {
		at := strings.Index(s, "${")
		if at < 0 {
			literal.WriteString(s)
			break
		}
		if at > 0 && s[at-1] == '$' { // "$${" is "${"
			literal.WriteString(s[:at-1] + "${")
			s = s[at+2:]
			continue
		}
		literal.WriteString(s[:at])
		end := closing(s[at+2:])
		if end < 0 {
			return nil, &Error{Expression: s[at:], Path: path, Problem: `there is no "}" that ends it; write "$${" for the characters themselves`}
		}
		flush()
		if c.expressions++; c.expressions > MaxExpressions {
			return nil, &Error{Path: path, Problem: fmt.Sprintf("it has more than %d expressions", MaxExpressions)}
		}
		x, err := compile(s[at+2:at+2+end], path)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{expression: x})
		s = s[at+2+end+1:]
	}
	flush()
	return parts, nil
}

// closing returns where the brace is that ends an expression, -1 if nowhere. Braces
// in pairs and in text literals belong to the expression.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'':
			n := literal(s[i:], rawPrefix(s[:i]))
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// rawPrefix reports whether a quote behind s begins a literal without escapes.
func rawPrefix(s string) bool {
	s = strings.ToLower(s[max(0, len(s)-3):])
	for _, prefix := range []string{"r", "rb", "br"} {
		rest, ok := strings.CutSuffix(s, prefix)
		if ok && (rest == "" || !isWord(rest[len(rest)-1])) {
			return true
		}
	}
	return false
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// literal returns the length of the text literal that s begins with, -1 if it does
// not end.
func literal(s string, raw bool) int {
	quote := s[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s, triple) {
		quote = triple
	}
	for i := len(quote); i < len(s); i++ {
		switch {
		case s[i] == '\\' && !raw:
			i++
		case strings.HasPrefix(s[i:], quote):
			return i + len(quote)
		}
	}
	return -1
}

// errAbsent says that an expression has the value optional.none().
var errAbsent = errors.New("the value is absent")

// Render returns the input for an event, a JSON object of at most [MaxOutput]
// bytes. A member or element whose expression is optional.none() is left out. An
// error that is not of ctx is [*Error].
func (t *Template) Render(ctx context.Context, event *Event) ([]byte, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	w := writer{limit: MaxOutput}
	if err := t.root.render(ctx, event, &w); err != nil {
		if errors.Is(err, errTooLarge) {
			return nil, &Error{Problem: errTooLarge.Error()}
		}
		return nil, err
	}
	return w.Bytes(), nil
}

// render writes the value of a node, or returns errAbsent and writes nothing.
func (n *node) render(ctx context.Context, event *Event, w *writer) error {
	switch n.kind {
	case object:
		return w.object(len(n.members), func(i int) (string, error) {
			return n.members[i].name, nil
		}, func(i int) error { return n.members[i].value.render(ctx, event, w) })
	case list:
		return w.list(len(n.items), func(i int) error { return n.items[i].render(ctx, event, w) })
	case text:
		return n.text(ctx, event, w)
	case constant:
	}
	return w.native(n.raw, 0)
}

func (n *node) text(ctx context.Context, event *Event, w *writer) error {
	if len(n.parts) == 1 && n.parts[0].expression != nil {
		x := n.parts[0].expression
		v, err := x.value(ctx, event)
		if err != nil {
			return err
		}
		present, err := w.value(v, 0)
		switch {
		case errors.Is(err, errTooLarge):
			return err
		case err != nil:
			return &Error{Expression: x.text, Path: x.path, Problem: err.Error()}
		case !present:
			return errAbsent
		}
		return nil
	}
	var b strings.Builder
	for _, p := range n.parts {
		if p.expression == nil {
			b.WriteString(p.literal)
			continue
		}
		v, err := p.expression.value(ctx, event)
		if err != nil {
			return err
		}
		s, err := asText(v)
		if err != nil {
			return &Error{Expression: p.expression.text, Path: p.expression.path, Problem: err.Error()}
		}
		if b.Len()+len(s) > w.limit {
			return errTooLarge
		}
		b.WriteString(s)
	}
	return w.native(b.String(), 0)
}

var _ types.Adapter = adapter{}
