package sample

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of made-up values.
const (
	// maxMade is the number of values in one made-up value.
	maxMade = 2000
	// maxSteps bounds the schemas that are looked at on the way, which may refer
	// to each other.
	maxSteps = 10_000
	// maxMadeDepth is the depth of a made-up value; below half of it only
	// required members are made.
	maxMadeDepth = 8
)

// Value makes up a value of the schema, as compact JSON text, for people to see
// what a request looks like: a constant, default, example or first allowed value
// where the schema has one, and otherwise something of the right type. Members
// that are read-only are left out, as are alternatives after the first, and what
// is too deep or too much. The value need not meet bounds and patterns.
//
// lookup returns the schema that a reference "#/$defs/{name}" means, nil if
// there is none; it may be nil.
func Value(schema *document.Node, lookup func(name string) *document.Node) []byte {
	m := &maker{lookup: lookup, omitted: "readOnly"}
	return m.value(nil, schema, 0)
}

// Answer is [Value] for what an API sends: members that are write-only are left
// out, and those that are read-only are there.
func Answer(schema *document.Node, lookup func(name string) *document.Node) []byte {
	m := &maker{lookup: lookup, omitted: "writeOnly"}
	return m.value(nil, schema, 0)
}

type maker struct {
	lookup func(string) *document.Node
	// omitted is the keyword of members that are left out.
	omitted     string
	made, steps int
}

// value appends a value of the schema, which is always one whole JSON value.
func (m *maker) value(b []byte, schema *document.Node, depth int) []byte {
	m.made++
	schema, members := m.resolve(schema)
	if given := given(schema); given != nil {
		return given.AppendJSON(b)
	}
	switch typeOf(schema, len(members) > 0) {
	case "object":
		return m.object(b, members, depth)
	case "array":
		items := schema.Get("items")
		if items == nil || m.spent(depth) {
			return append(b, "[]"...)
		}
		return append(m.value(append(b, '['), items, depth+1), ']')
	case "integer", "number":
		if least := schema.Get("minimum"); least.Is(document.Number) {
			return least.AppendJSON(b)
		}
		return append(b, '0')
	case "boolean":
		return append(b, "true"...)
	case "null":
		return append(b, "null"...)
	case "string":
		return document.AppendString(b, textOf(schema.Str("format")))
	}
	return append(b, "{}"...)
}

// spent reports whether nothing more may be made here.
func (m *maker) spent(depth int) bool {
	return depth >= maxMadeDepth || m.made > maxMade || m.steps > maxSteps
}

// member is a property of an object schema.
type member struct {
	schema   *document.Node
	required bool
}

// resolve follows references and takes the first alternative, and collects the
// properties of the schema and of all that it is combined of.
func (m *maker) resolve(schema *document.Node) (*document.Node, []member) {
	c := combination{m: m, found: map[string]int{}}
	return c.walk(schema, 0), c.members
}

// combination is the members of a schema and of its parts.
type combination struct {
	m       *maker
	members []member
	found   map[string]int
}

// walk returns the schema, or the first of its parts that says what it is.
func (c *combination) walk(n *document.Node, hops int) *document.Node {
	if c.m.steps++; c.m.steps > maxSteps || hops > maxMadeDepth {
		return nil
	}
	n = c.m.follow(n)
	c.add(n)
	best := n
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		parts := n.Get(key).Children()
		if key != "allOf" {
			parts = parts[:min(1, len(parts))]
		}
		for _, part := range parts {
			if of := c.walk(part, hops+1); best.Get("type") == nil && given(best) == nil && of != nil {
				best = of
			}
		}
	}
	for _, r := range n.Get("required").Children() {
		if i, ok := c.found[r.Text()]; ok {
			c.members[i].required = true
		}
	}
	return best
}

func (c *combination) add(n *document.Node) {
	for _, p := range n.Get("properties").Children() {
		if c.m.steps++; c.m.steps > maxSteps {
			return
		}
		if _, ok := c.found[p.Key()]; !ok && !p.True(c.m.omitted) {
			c.found[p.Key()] = len(c.members)
			c.members = append(c.members, member{schema: p})
		}
	}
}

// follow returns what a chain of references ends at.
func (m *maker) follow(n *document.Node) *document.Node {
	for range maxMadeDepth {
		name, ok := strings.CutPrefix(n.Str("$ref"), "#/$defs/")
		if !ok || m.lookup == nil {
			return n
		}
		n = m.lookup(document.UnescapeToken(name))
	}
	return n
}

// object appends an object with the members that there is room for.
func (m *maker) object(b []byte, members []member, depth int) []byte {
	b = append(b, '{')
	first := true
	for _, p := range members {
		if m.spent(depth) || depth >= maxMadeDepth/2 && !p.required {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = m.value(append(document.AppendString(b, p.schema.Key()), ':'), p.schema, depth+1)
	}
	return append(b, '}')
}

// given returns the value that the schema itself offers.
func given(schema *document.Node) *document.Node {
	for _, key := range []string{"const", "default", "example"} {
		if v := schema.Get(key); v != nil {
			return v
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if list := schema.Get(key); list.Is(document.Array) && len(list.Children()) > 0 {
			return list.Children()[0]
		}
	}
	return nil
}

// typeOf returns the first type that is not null, or what the keywords suggest.
func typeOf(schema *document.Node, hasMembers bool) string {
	t := schema.Get("type")
	if t.Is(document.String) {
		return t.Text()
	}
	types := t.Children()
	if i := slices.IndexFunc(types, func(n *document.Node) bool { return n.Text() != "null" }); i >= 0 {
		return types[i].Text()
	}
	switch {
	case len(types) > 0:
		return "null"
	case hasMembers:
		return "object"
	case schema.Get("items") != nil:
		return "array"
	case schema.Get("format") != nil, schema.Get("pattern") != nil:
		return "string"
	}
	return ""
}

// textOf is text in the format; none of it belongs to anybody.
func textOf(format string) string {
	switch format {
	case "date":
		return "2000-01-31"
	case "date-time":
		return "2000-01-31T12:00:00Z"
	case "time":
		return "12:00:00Z"
	case "uuid":
		return "00000000-0000-4000-8000-000000000000"
	case "uri", "url":
		return "https://example.com/"
	case "email":
		return "someone@example.com"
	}
	return "text"
}
