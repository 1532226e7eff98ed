package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// schemas adds all definitions, then the other places that schemas turned out
// to refer to.
func (t *translation) schemas() {
	for _, n := range t.root.Get("definitions").Children() {
		t.def.Schemas = append(t.def.Schemas, &connectorv1.Schema{Name: n.Key(), Json: t.schemaOf(n)})
	}
	for len(t.queue) > 0 {
		pointer := t.queue[0]
		t.queue = t.queue[1:]
		t.def.Schemas = append(t.def.Schemas, &connectorv1.Schema{
			Name: t.promoted[pointer], Json: t.schemaOf(t.root.At(pointer)),
		})
	}
}

// schemaOf returns a schema as JSON Schema 2020-12; nil if there is none.
func (t *translation) schemaOf(n *document.Node) []byte {
	if n == nil || t.budget.exhausted() {
		return nil
	}
	return t.budget.spend(t.appendSchema(nil, n))
}

// appendSchema writes the schema n. Whatever is no schema accepts everything.
func (t *translation) appendSchema(b []byte, n *document.Node) []byte {
	switch {
	case n.Is(document.Bool):
		return n.AppendJSON(b)
	case !n.Is(document.Object):
		t.warn("SchemaInvalid", n, "write an object", "the schema is %s; anything is accepted here", n.Kind())
		return append(b, "{}"...)
	}
	w := writeObject(b)
	isReference := n.Get("$ref").Is(document.String)
	for _, c := range n.Children() {
		if isReference && c.Key() != "$ref" && asserts(c.Key()) {
			t.note("ReferenceSibling", c, "%q beside a reference has no effect and is left out", c.Key())
			continue
		}
		t.keyword(w, n, c)
	}
	return w.end()
}

// keyword writes one member of the schema n, or nothing if it has no meaning.
func (t *translation) keyword(w *objectWriter, n, c *document.Node) {
	switch key := c.Key(); key {
	case "$ref":
		t.reference(w, c)
	case "type":
		t.typeKeyword(w, n, c)
	case "properties", "patternProperties", "definitions", "$defs":
		t.namedSchemas(w, c)
	case "items":
		if c.Is(document.Array) {
			t.schemaList(w, c, "prefixItems")
			return
		}
		w.b = t.appendSchema(w.key(key).b, c)
	case "additionalProperties", "additionalItems", "not", "contains", "propertyNames":
		if !c.Is(document.Object) && !c.Is(document.Bool) {
			t.dropped(c, "an object or a boolean")
			return
		}
		w.b = t.appendSchema(w.key(key).b, c)
	case "allOf", "anyOf", "oneOf":
		t.schemaList(w, c, key)
	default:
		t.plainKeyword(w, n, c)
	}
}

// namedSchemas writes a map of schemas: its keys are names and no keywords.
func (t *translation) namedSchemas(w *objectWriter, c *document.Node) {
	if !c.Is(document.Object) {
		t.dropped(c, "an object")
		return
	}
	inner := w.key(c.Key()).object()
	for _, s := range c.Children() {
		inner.key(s.Key())
		inner.b = t.appendSchema(inner.b, s)
	}
	w.b = inner.end()
}

// schemaList writes a list of schemas, of which JSON Schema wants at least one.
func (t *translation) schemaList(w *objectWriter, c *document.Node, key string) {
	if !c.Is(document.Array) || len(c.Children()) == 0 {
		t.dropped(c, "a list of schemas")
		return
	}
	w.key(key)
	for i, s := range c.Children() {
		if i == 0 {
			w.b = append(w.b, '[')
		} else {
			w.b = append(w.b, ',')
		}
		w.b = t.appendSchema(w.b, s)
	}
	w.b = append(w.b, ']')
}

// reference writes a reference to a named schema. One to nowhere is left out,
// so that anything is accepted in its place.
func (t *translation) reference(w *objectWriter, c *document.Node) {
	if !c.Is(document.String) {
		t.dropped(c, "a string")
		return
	}
	ref := c.Text()
	pointer, target := t.target(ref)
	if target == nil {
		// The names of Swagger 1.2 survive in converted documents.
		pointer = "/definitions/" + document.EscapeToken(ref)
		target = t.root.At(pointer)
	}
	if target == nil {
		t.warn("ReferenceUnresolved", c, "correct the reference or add what it refers to",
			"%q refers to nothing in this document; anything is accepted here", ref)
		return
	}
	w.key("$ref").text(t.schemaReference(pointer))
}

// schemaReference returns the reference to what stands at pointer. What is no
// definition becomes one, named by where it stands.
func (t *translation) schemaReference(pointer string) string {
	if name, ok := strings.CutPrefix(pointer, "/definitions/"); ok {
		return "#/$defs/" + name
	}
	name, ok := t.promoted[pointer]
	if !ok {
		name = strings.TrimPrefix(pointer, "/")
		for t.root.Get("definitions").Get(name) != nil || name == "" {
			name += "_"
		}
		t.promoted[pointer] = name
		t.queue = append(t.queue, pointer)
	}
	return "#/$defs/" + document.EscapeToken(name)
}

// asserts tells keywords that restrict a value from those that describe it.
func asserts(key string) bool {
	describes := []string{"description", "title", "default", "example", "readOnly", "deprecated", "externalDocs", "xml"}
	return !isExtension(key) && !slices.Contains(describes, key)
}

func (t *translation) dropped(c *document.Node, want string) {
	t.warn("SchemaKeywordInvalid", c, "write "+want, "%q is %s instead of %s; it is left out", c.Key(), c.Kind(), want)
}
