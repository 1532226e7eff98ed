package lint

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// unusedSchemas reports the schemas that no operation and no schema refers to,
// themselves included. A schema that extends one which operations use is a kind of
// that: where it says what values are, they may be of any of its kinds.
func unusedSchemas(m *model, hit report) {
	if len(m.def.GetSchemas()) == 0 {
		return
	}
	referred := map[string]bool{} // by anything
	var open []string             // by operations, or by what they use
	for _, op := range m.def.GetOperations() {
		eachText(op, func(text []byte) { references(text, func(name string) { open = append(open, name) }) })
	}
	uses := map[string][]string{} // what a schema refers to, and its kinds
	for _, s := range m.def.GetSchemas() {
		name := document.EscapeToken(s.GetName())
		references(s.GetJson(), func(to string) {
			referred[to] = true
			uses[name] = append(uses[name], to)
		})
		for _, parent := range extended(s.GetJson()) {
			uses[parent] = append(uses[parent], name)
		}
	}
	used := map[string]bool{}
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if !used[name] {
			used[name] = true
			open = append(open, uses[name]...)
		}
	}
	for _, s := range m.def.GetSchemas() {
		if name := document.EscapeToken(s.GetName()); !used[name] && !referred[name] {
			hit(m.schemaNode(s.GetName()), s.GetName())
		}
	}
}

// sameValue is as much of a schema as says that its values are also those of
// others.
type sameValue struct {
	Ref   string      `json:"$ref"`
	AllOf []sameValue `json:"allOf"`
}

// extended returns the names of the schemas, escaped, that every value of a
// schema has to satisfy too.
func extended(text []byte) []string {
	if !bytes.Contains(text, defs) {
		return nil
	}
	var s sameValue
	if json.Unmarshal(text, &s) != nil {
		return nil // what is no schema refers to nothing
	}
	return s.names(nil)
}

// names adds the names that s refers to. Its depth is that of the text, which
// the JSON reader bounds.
func (s sameValue) names(found []string) []string {
	if name, local := strings.CutPrefix(s.Ref, "#/$defs/"); local && !strings.Contains(name, "/") {
		found = append(found, name)
	}
	for _, part := range s.AllOf {
		found = part.names(found)
	}
	return found
}

// endlessSchemas reports schemas whose values would have to satisfy themselves,
// with no property or item in between. Each circle has one of its members
// reported.
func endlessSchemas(m *model, hit report) {
	parents := map[string][]string{}
	for _, s := range m.def.GetSchemas() {
		if names := extended(s.GetJson()); len(names) > 0 {
			parents[document.EscapeToken(s.GetName())] = names
		}
	}
	if len(parents) == 0 {
		return
	}
	endless := circles(m, parents)
	for _, s := range m.def.GetSchemas() {
		if endless[document.EscapeToken(s.GetName())] {
			hit(m.schemaNode(s.GetName()), s.GetName())
		}
	}
}

// circles walks along all references once and returns the schemas at which it
// came back to where it was.
func circles(m *model, parents map[string][]string) map[string]bool {
	type step struct {
		name string
		next int
	}
	const (
		open   = 1
		closed = 2
	)
	found := map[string]bool{}
	state := map[string]int{}
	for _, s := range m.def.GetSchemas() {
		start := document.EscapeToken(s.GetName())
		if state[start] != 0 {
			continue
		}
		state[start] = open
		stack := []step{{name: start}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(parents[top.name]) {
				state[top.name] = closed
				stack = stack[:len(stack)-1]
				continue
			}
			to := parents[top.name][top.next]
			top.next++
			switch state[to] {
			case open:
				found[to] = true
			case 0:
				state[to] = open
				stack = append(stack, step{name: to})
			}
		}
	}
	return found
}

func (m *model) schemaNode(name string) *document.Node {
	for _, pointer := range []string{"/definitions/", "/components/schemas/"} {
		if n := m.at(pointer + document.EscapeToken(name)); n != nil {
			return n
		}
	}
	return nil
}

// defs starts the references of schemas.
var defs = []byte(`"#/$defs/`)

// references hands the names that a schema refers to, as they are escaped in
// pointers, to found.
func references(text []byte, found func(string)) {
	for {
		i := bytes.Index(text, defs)
		if i < 0 {
			return
		}
		text = text[i+len(defs):]
		end := closing(text)
		if end < 0 {
			return
		}
		name := text[:end]
		if bytes.IndexByte(name, '\\') >= 0 {
			var plain string
			if json.Unmarshal([]byte(`"`+string(name)+`"`), &plain) == nil {
				name = []byte(plain)
			}
		}
		first, _, _ := bytes.Cut(name, []byte("/")) // what follows is a part of the schema
		found(string(first))
		text = text[end:]
	}
}

// closing returns the offset of the quote that ends a JSON string, or -1.
func closing(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
