package lint

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// dynamic is one dynamic extension, or one branch of a tree: it calls an
// operation to find out which values, properties or items there are.
type dynamic struct {
	doc    *swagger
	schema *schema
	node   *document.Node
	// kind is "values", "list", "schema", "properties", or "open" and "browse"
	// of a tree.
	kind string
	// id is the operation that is called; "" if something else is.
	id string
	// target is that operation, nil if it does not exist.
	target    *operation
	arguments []argument
}

// argument is one argument of the call.
type argument struct {
	node *document.Node
	// to is the input of the target that it is for.
	to string
	// from is the input of the operation around the extension that it comes
	// from; "" for literals.
	from string
	// literal is a fixed value, or nil.
	literal *document.Node
	// itemPath is the value of the item that was chosen, in trees.
	itemPath *document.Node
}

func (d *swagger) dynamic(s *schema, n *document.Node, kind string) *dynamic {
	call := &dynamic{doc: d, schema: s, node: n, kind: kind, id: n.Str("operationId")}
	call.target = d.byID[call.id]
	for _, p := range some(n.Get("parameters")) {
		a := argument{node: p, to: p.Key(), itemPath: p.Get("selectedItemValuePath")}
		switch {
		case p.Get("parameter").Is(document.String):
			a.from = p.Str("parameter")
		case p.Get("parameterReference").Is(document.String):
			a.from = p.Str("parameterReference")
		case p.Get("value") != nil:
			a.literal = p.Get("value")
		case !p.Is(document.Object):
			a.literal = p
		}
		call.arguments = append(call.arguments, a)
	}
	return call
}

// takesPaths reports whether inputs are named by paths, not by their names alone.
func (c *dynamic) takesPaths() bool { return c.kind != "values" && c.kind != "schema" }

// found is an input of an operation that a dynamic extension names.
type found struct {
	// schema says what it is.
	schema   *document.Node
	typ      string
	required bool
	internal bool
	// property is whether it is a part of a body.
	property bool
	// ambiguous is whether a parameter and a part of a body have the name.
	ambiguous bool
}

// input finds an input by name or path. open is whether it may exist although
// nothing says so.
func (o *operation) input(name string) (in found, ok, open bool) {
	name = strings.Trim(name, "/")
	head, rest, isPath := strings.Cut(name, "/")
	for _, p := range o.all {
		switch {
		case p.name == name:
			in = found{schema: p.target, typ: p.typ(), required: p.required && p.target.Get("default") == nil, internal: p.internal}
			in.ambiguous = p.in != "body" && o.body != nil && o.doc.property(o.body.target.Get("schema"), name) != nil
			return in, true, false
		case isPath && p.name == head && p.in == "body":
			return o.bodyPart(p, rest)
		}
	}
	if o.body == nil {
		return in, false, len(o.all) > 0 && o.all[0].name == ""
	}
	return o.bodyPart(o.body, name)
}

func (o *operation) bodyPart(body *parameter, path string) (in found, ok, open bool) {
	n := body.target.Get("schema")
	in = found{property: true, internal: body.internal, required: body.required}
	steps := 0
	for part := range strings.SplitSeq(path, "/") {
		if steps++; steps > maxSteps {
			return in, false, true
		}
		next := o.doc.property(n, part)
		if next == nil {
			return in, false, o.doc.isOpen(n)
		}
		in.required = in.required && requires(o.doc.deref(n).Get("required"), part)
		in.internal = in.internal || isInternal(next)
		n = next
	}
	in.schema, in.typ = o.doc.deref(n), o.doc.typeOf(n)
	in.required = in.required && in.schema.Get("default") == nil
	return in, true, false
}

// jsonType is the type of a value in the words of schemas.
func jsonType(n *document.Node) string {
	switch n.Kind() {
	case document.Bool:
		return "boolean"
	case document.Number:
		if strings.ContainsAny(n.Text(), ".eE") {
			return "number"
		}
		return "integer"
	case document.String:
		return "string"
	case document.Array:
		return "array"
	case document.Object:
		return "object"
	case document.Null, document.Invalid:
	}
	return "null"
}

// fits reports whether values of one type can be used as another.
func fits(value, want string) bool {
	return value == want || want == "" || value == "" || value == "integer" && want == "number"
}
