package openapi

import (
	"context"
	"path"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// schemas adds all named schemas, then the other places that schemas turned out
// to refer to.
func (t *translation) schemas(ctx context.Context) error {
	for _, n := range t.named.Children() {
		if err := canceled(ctx, "import schemas"); err != nil {
			return err
		}
		if n.Key() == "" {
			t.warn("SchemaNameMissing", n, "give the schema a name", "the schema has no name; it is kept only where something refers to it")
			continue
		}
		t.def.Schemas = append(t.def.Schemas, &connectorv1.Schema{Name: n.Key(), Json: t.schemaOf(n)})
	}
	for len(t.queue) > 0 {
		n := t.queue[0]
		t.queue = t.queue[1:]
		t.def.Schemas = append(t.def.Schemas, &connectorv1.Schema{Name: t.promoted[n], Json: t.schemaOf(n)})
	}
	return t.budget.check(t.named, nil)
}

// schemaOf returns a schema as JSON Schema 2020-12; nil if there is none. What is
// referred to from many places is written once.
func (t *translation) schemaOf(n *document.Node) []byte {
	key := writing{n, asSchema}
	if text, ok := t.written[key]; ok || n == nil || t.budget.exhausted() {
		return text
	}
	text := t.budget.spend(t.appendSchema(nil, n))
	t.written[key] = text
	return text
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
	wrapped := isWrapped(n)
	if wrapped {
		b = append(b, `{"anyOf":[`...)
	}
	w := writeObject(b)
	isReference := n.Get("$ref").Is(document.String) && !t.dialect.siblings()
	for _, c := range n.Children() {
		if isReference && c.Key() != "$ref" && asserts(c.Key()) {
			t.note("ReferenceSibling", c, "%q beside a reference has no effect and is left out", c.Key())
			continue
		}
		t.keyword(w, n, c)
	}
	b = w.end()
	if wrapped {
		b = append(b, `,{"type":"null"}]}`...)
	}
	return b
}

// isNullable reports whether the schema says, beside its type, that null is
// valid. JSON Schema knows it as a type.
func isNullable(n *document.Node) bool { return n.True("x-nullable") || n.True("nullable") }

// isWrapped reports whether null is an alternative to the whole schema.
func isWrapped(n *document.Node) bool {
	return n.Get("allOf") != nil && isNullable(n) && n.Get("type") == nil && n.Get("$ref") == nil
}

// keyword writes one member of the schema n, or nothing if it has no meaning.
func (t *translation) keyword(w *objectWriter, n, c *document.Node) {
	switch key := c.Key(); key {
	case "$ref":
		t.reference(w, c)
	case "type":
		t.typeKeyword(w, n, c)
	case "properties", "patternProperties", "definitions", "$defs", "dependentSchemas":
		t.namedSchemas(w, c)
	case "items":
		if c.Is(document.Array) {
			t.schemaList(w, n, c, "prefixItems")
			return
		}
		w.b = t.appendSchema(w.key(key).b, c)
	case "additionalProperties", "additionalItems", "not", "contains", "propertyNames", "if", "then", "else",
		"unevaluatedItems", "unevaluatedProperties", "contentSchema":
		if !c.Is(document.Object) && !c.Is(document.Bool) {
			t.dropped(c, "an object or a boolean")
			return
		}
		w.b = t.appendSchema(w.key(key).b, c)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		t.schemaList(w, n, c, key)
	case "discriminator":
		t.discriminator(w, c)
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

// schemaList writes a list of schemas of n, of which JSON Schema wants at least
// one. Null is one more alternative where there is no type that it could be part
// of.
func (t *translation) schemaList(w *objectWriter, n, c *document.Node, key string) {
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
	if (key == "anyOf" || key == "oneOf") && isNullable(n) && n.Get("type") == nil && n.Get("allOf") == nil &&
		(key == "anyOf" || n.Get("anyOf") == nil) && !slices.ContainsFunc(c.Children(), allowsNull) {
		w.b = append(w.b, `,{"type":"null"}`...)
	}
	w.b = append(w.b, ']')
}

func allowsNull(n *document.Node) bool {
	return isNullable(n) || slices.Contains(texts(n.Get("type")), "null")
}

// discriminator writes the object of OpenAPI 3, whose mapping refers to schemas,
// or the name of Swagger 2.0.
func (t *translation) discriminator(w *objectWriter, c *document.Node) {
	if !c.Is(document.Object) || !c.Get("mapping").Is(document.Object) {
		w.key(c.Key()).node(c)
		return
	}
	inner := w.key(c.Key()).object()
	for _, m := range c.Children() {
		inner.key(m.Key())
		if m.Key() != "mapping" {
			inner.node(m)
			continue
		}
		mapping := inner.object()
		for _, ref := range m.Children() {
			mapping.key(ref.Key())
			if target := t.schemaNamed(ref); target != nil {
				mapping.text(t.schemaReference(target))
				continue
			}
			t.warn("ReferenceUnresolved", ref, "correct the reference or add what it refers to",
				"%q refers to nothing in %s; it is kept", ref.Text(), t.searched(ref))
			mapping.node(ref)
		}
		inner.b = mapping.end()
	}
	w.b = inner.end()
}

// schemaNamed returns the schema that the text of a node refers to, by its bare
// name or by a reference.
func (t *translation) schemaNamed(ref *document.Node) *document.Node {
	if !ref.Is(document.String) {
		return nil
	}
	if n := t.named.Get(ref.Text()); n != nil && !strings.HasPrefix(ref.Text(), "#") {
		return n
	}
	return t.lookup(ref, ref.Text())
}

// reference writes a reference to a named schema. One to nowhere is left out,
// so that anything is accepted in its place.
func (t *translation) reference(w *objectWriter, c *document.Node) {
	if !c.Is(document.String) {
		t.dropped(c, "a string")
		return
	}
	target := t.schemaNamed(c)
	if target == nil {
		t.warn("ReferenceUnresolved", c, "correct the reference or add what it refers to",
			"%q refers to nothing in %s; anything is accepted here", c.Text(), t.searched(c))
		return
	}
	w.key("$ref").text(t.schemaReference(target))
}

// schemaReference returns the reference to a schema. What is not inside a named
// schema gets a name.
func (t *translation) schemaReference(target *document.Node) string {
	if t.named != nil {
		below := ""
		for n := target; n != nil; n = n.Parent() {
			if n.Parent() == t.named && n.Key() != "" {
				return "#/$defs/" + document.EscapeToken(n.Key()) + below
			}
			if n.Key() == "" || isWrapped(n.Parent()) {
				break // what is written stands elsewhere
			}
			below = "/" + document.EscapeToken(n.Key()) + below
		}
	}
	name, ok := t.promoted[target]
	if !ok {
		name = t.nameFor(target)
		t.promoted[target], t.names[name] = name, true
		t.queue = append(t.queue, target)
	}
	return "#/$defs/" + document.EscapeToken(name)
}

// nameFor makes a name for a schema of where it stands: its own name in another
// file, the name of that file if it is all that is in it, or else its pointer.
func (t *translation) nameFor(n *document.Node) string {
	name := strings.TrimPrefix(n.Pointer(), "/")
	if in := t.files.of(n); in != t.files.main {
		switch {
		case n.Parent() == nil:
			name = strings.TrimSuffix(path.Base(in.path), path.Ext(in.path))
		case slices.Contains([]string{"schemas", "definitions", "$defs"}, n.Parent().Key()) || n.Parent().Parent() == nil:
			name = n.Key()
		}
	}
	for t.named.Get(name) != nil || t.names[name] || name == "" {
		name += "_"
	}
	return name
}

// asserts tells keywords that restrict a value from those that describe it.
func asserts(key string) bool {
	describes := []string{"description", "title", "default", "example", "readOnly", "deprecated", "externalDocs", "xml"}
	return !isExtension(key) && !slices.Contains(describes, key)
}

func (t *translation) dropped(c *document.Node, want string) {
	t.warn("SchemaKeywordInvalid", c, "write "+want, "%q is %s instead of %s; it is left out", c.Key(), c.Kind(), want)
}
