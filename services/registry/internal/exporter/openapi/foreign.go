package openapi

import (
	"bytes"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// foreign returns the value of an extension that nobody interprets. References to
// named schemas in it lead to where the schemas are in this version: readers of
// documents follow every "$ref".
func (r *rendering) foreign(text []byte) tree.Value {
	if !bytes.Contains(text, []byte(`"$ref"`)) {
		return tree.Raw(text)
	}
	doc, err := document.Parse("value.json", text)
	if err != nil {
		return tree.Raw(text)
	}
	return r.redirected(doc.Root())
}

func (r *rendering) redirected(n *document.Node) tree.Value {
	switch {
	case n.Is(document.Object):
		o := tree.New()
		for _, c := range n.Children() {
			if name := r.schemaOf(c); name != "" {
				o.Text(c.Key(), r.prefix()+fragment(document.EscapeToken(name)))
				continue
			}
			o.Set(c.Key(), r.redirected(c))
		}
		return o
	case n.Is(document.Array):
		list := make(tree.List, 0, len(n.Children()))
		for _, c := range n.Children() {
			list = append(list, r.redirected(c))
		}
		return list
	}
	return tree.From(n)
}

// schemaOf returns the name of the schema that a member refers to as documents of
// other versions do; "" if it is no such reference.
func (r *rendering) schemaOf(c *document.Node) string {
	if c.Key() != "$ref" || !c.Is(document.String) {
		return ""
	}
	for _, prefix := range []string{"#/components/schemas/", "#/definitions/"} {
		if token, ok := strings.CutPrefix(c.Text(), prefix); ok && prefix != r.prefix() && !strings.Contains(token, "/") {
			if name := document.UnescapeToken(token); r.schemas[name] != nil {
				return name
			}
		}
	}
	return ""
}
