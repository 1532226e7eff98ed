package openapi

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// modelPrefix is what references to named schemas begin with in the model.
const modelPrefix = "#/$defs/"

// schema returns a schema in the dialect of the version.
func (r *rendering) schema(text []byte, at place) tree.Value {
	if r.version == V31 && !bytes.Contains(text, []byte(`"$ref"`)) && !bytes.Contains(text, []byte(modelPrefix)) {
		return tree.Raw(text)
	}
	doc, err := document.Parse("schema.json", text)
	if err != nil {
		r.lost(at, "the schema is no JSON and is left out")
		return tree.New()
	}
	d := &dialect{rendering: r, at: at}
	return d.schema(doc.Root())
}

// dialect writes one schema.
type dialect struct {
	*rendering
	at place
}

func (d *dialect) schema(n *document.Node) tree.Value {
	switch {
	case n.Is(document.Bool):
		return d.boolean(n)
	case !n.Is(document.Object):
		return tree.From(n)
	}
	o := tree.New()
	for _, c := range n.Children() {
		d.keyword(o, n, c)
	}
	if d.version == V30 && n.Str("type") == "array" && n.Get("items") == nil {
		o.Set("items", tree.New())
	}
	if d.version == V30 && o.Has("$ref") && slices.ContainsFunc(o.Keys(), asserts) {
		return beside(o)
	}
	return o
}

// asserts reports whether a keyword restricts values, beyond a reference beside
// it.
func asserts(key string) bool {
	return key != "$ref" && key != "default" && !strings.HasPrefix(key, "x-") && !slices.Contains(describing, key)
}

// beside moves a reference into a list, since nothing counts beside it in OpenAPI
// 3.0.
func beside(o *tree.Object) *tree.Object {
	moved := tree.New()
	for _, key := range o.Keys() {
		if key == "$ref" {
			moved.Set("allOf", tree.List{tree.New().Set(key, o.Get(key))})
			continue
		}
		moved.Set(key, o.Get(key))
	}
	return moved
}

// boolean writes a schema that accepts everything or nothing.
func (d *dialect) boolean(n *document.Node) tree.Value {
	switch {
	case d.version == V31:
		return tree.From(n)
	case n.Text() == "true":
		return tree.New()
	case d.version == V30:
		return tree.New().Set("not", tree.New())
	case d.version == vendorV2:
		return tree.From(n)
	}
	d.approximated(d.at, "%s has no schema that accepts nothing; anything is accepted", d.version)
	return tree.New()
}

// keyword writes the member c of the schema n.
func (d *dialect) keyword(o *tree.Object, n, c *document.Node) {
	key := c.Key()
	if d.unknown(key) {
		d.approximated(d.at, "%s has no keyword %q in schemas; it is left out", d.version, key)
		return
	}
	d.keep(key)
	switch key {
	case "$ref":
		o.Set(key, d.reference(c))
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		o.Set(key, d.properties(c))
	case "items", "additionalProperties", "additionalItems", "not", "contains", "propertyNames", "if", "then", "else",
		"unevaluatedItems", "unevaluatedProperties", "contentSchema":
		d.inner(o, c)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		o.Set(key, d.list(c))
	case "discriminator":
		o.Set(key, d.discriminator(c))
	case "type":
		d.types(o, n, c)
	case "exclusiveMinimum", "exclusiveMaximum", "minimum", "maximum", "const", "examples":
		d.older(o, n, c)
	default:
		if strings.HasPrefix(key, "x-") {
			o.Set(key, d.redirected(c))
			return
		}
		o.Set(key, tree.From(c))
	}
}

// inner writes a keyword that holds one schema. The flag of additionalProperties
// is the same in all versions.
func (d *dialect) inner(o *tree.Object, c *document.Node) {
	if c.Is(document.Bool) && c.Key() != "items" && c.Key() != "not" {
		o.Set(c.Key(), tree.From(c))
		return
	}
	o.Set(c.Key(), d.schema(c))
}

// reference returns the value of a "$ref": a fragment of a URI, so that what a
// fragment must not hold is percent-encoded.
func (d *dialect) reference(c *document.Node) tree.Value {
	name, ok := strings.CutPrefix(c.Text(), modelPrefix)
	if !c.Is(document.String) || !ok {
		return tree.From(c)
	}
	return tree.String(d.prefix() + fragment(name))
}

// prefix is what references to named schemas begin with in the document.
func (r *rendering) prefix() string {
	if r.version.isSwagger() {
		return "#/definitions/"
	}
	return "#/components/schemas/"
}

// fragment percent-encodes what a URI fragment cannot hold (RFC 3986, section
// 3.5). Slashes separate the tokens of the pointer and stay.
func fragment(pointer string) string {
	const allowed = "-._~!$&'()*+,;=:@/?"
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(pointer) {
		c := pointer[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(allowed, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

// properties writes a map of schemas.
func (d *dialect) properties(c *document.Node) tree.Value {
	if !c.Is(document.Object) {
		return tree.From(c)
	}
	o := tree.New()
	for _, s := range c.Children() {
		o.Set(s.Key(), d.schema(s))
	}
	return o
}

func (d *dialect) list(c *document.Node) tree.Value {
	list := make(tree.List, 0, len(c.Children()))
	for _, s := range c.Children() {
		list = append(list, d.schema(s))
	}
	return list
}

// discriminator is a name in Swagger 2.0 and an object later, whose mapping
// refers to schemas.
func (d *dialect) discriminator(c *document.Node) tree.Value {
	if d.version.isSwagger() {
		if name := c.Get("propertyName"); name != nil {
			if c.Get("mapping") != nil {
				d.approximated(d.at, "%s has no mapping of discriminators; it is left out", d.version)
			}
			return tree.From(name)
		}
		return tree.From(c)
	}
	if c.Is(document.String) {
		return tree.New().Text("propertyName", c.Text())
	}
	if !c.Is(document.Object) {
		return tree.From(c)
	}
	o := tree.New()
	for _, m := range c.Children() {
		if m.Key() != "mapping" || !m.Is(document.Object) {
			o.Set(m.Key(), tree.From(m))
			continue
		}
		mapping := o.Object("mapping")
		for _, v := range m.Children() {
			mapping.Set(v.Key(), d.reference(v))
		}
	}
	return o
}

// types writes the type, which is one name before OpenAPI 3.1; null is then a
// keyword of its own.
func (d *dialect) types(o *tree.Object, n, c *document.Node) {
	if d.version == V31 {
		o.Set("type", tree.From(c))
		return
	}
	names := []string{c.Text()}
	if c.Is(document.Array) {
		names = nil
		for _, t := range c.Children() {
			names = append(names, t.Text())
		}
	}
	nullable := slices.Contains(names, "null")
	names = slices.DeleteFunc(names, func(s string) bool { return s == "null" })
	switch len(names) {
	case 0:
		d.approximated(d.at, "%s has no type null; any type is accepted", d.version)
	case 1:
		o.Text("type", names[0])
	default:
		d.approximated(d.at, "%s has one type in a schema; any type is accepted", d.version)
	}
	keyword := "nullable"
	if d.version.isSwagger() {
		keyword = "x-nullable"
	}
	if nullable && n.Get(keyword) == nil {
		o.Set(keyword, tree.Bool(true))
	}
}

// older writes keywords that versions before OpenAPI 3.1 write differently.
func (d *dialect) older(o *tree.Object, n, c *document.Node) {
	key := c.Key()
	switch {
	case d.version == V31:
		o.Set(key, tree.From(c))
	case key == "const":
		o.Set("enum", tree.List{tree.From(c)})
	case key == "examples":
		d.examples(o, n, c)
	case (key == "minimum" && n.Get("exclusiveMinimum").Is(document.Number)) ||
		(key == "maximum" && n.Get("exclusiveMaximum").Is(document.Number)):
		d.approximated(d.at, "%s has one bound on each side of a number; %q is left out", d.version, key)
	case c.Is(document.Number) && strings.HasPrefix(key, "exclusive"):
		o.Set(strings.ToLower(strings.TrimPrefix(key, "exclusive")), tree.From(c))
		o.Set(key, tree.Bool(true))
	default:
		o.Set(key, tree.From(c))
	}
}

// examples writes the first of several examples; older versions have one.
func (d *dialect) examples(o *tree.Object, n, c *document.Node) {
	list := c.Children()
	if d.version == vendorV2 && len(list) != 1 {
		o.Set("examples", tree.From(c))
		return
	}
	if len(list) > 1 || n.Get("example") != nil {
		d.approximated(d.at, "%s has one example in a schema; the others are left out", d.version)
	}
	if len(list) > 0 && n.Get("example") == nil {
		o.Set("example", tree.From(list[0]))
	}
}

// unknown reports whether a keyword has no meaning in the version. Connector
// packages keep all of them: importers read them, and the vendor's tools do not
// mind.
func (d *dialect) unknown(key string) bool {
	switch d.version {
	case V30:
		return slices.Contains(since31, key)
	case V2:
		return slices.Contains(since31, key) || slices.Contains(since30, key)
	default:
		return false
	}
}

// keep reports a keyword of later versions that connector packages hold, where it
// is met first.
func (d *dialect) keep(key string) {
	if d.version != vendorV2 || d.kept[key] || (!slices.Contains(since31, key) && !slices.Contains(since30, key)) {
		return
	}
	d.kept[key] = true
	const message = "%s has no keyword %q; it is kept, and the vendor's tools ignore it"
	if name := d.schemaName(); name != "" {
		d.approximated(d.at, "schema %q: "+message, name, d.version, key)
		return
	}
	d.approximated(d.at, message, d.version, key)
}

// schemaName is the name of the schema that is written, "" if it has none.
func (d *dialect) schemaName() string {
	text, ok := strings.CutPrefix(d.at.pointer, "/schemas/")
	i, err := strconv.Atoi(text)
	if !ok || err != nil || i >= len(d.def.GetSchemas()) {
		return ""
	}
	return d.def.GetSchemas()[i].GetName()
}

// since31 are the keywords that came with OpenAPI 3.1, and the places for schemas
// that JSON Schema alone knows.
var since31 = []string{
	"$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$comment", "$defs", "definitions", "prefixItems",
	"additionalItems", "contains", "minContains", "maxContains", "patternProperties", "propertyNames", "if", "then",
	"else", "dependentSchemas", "dependentRequired", "dependencies", "unevaluatedItems", "unevaluatedProperties",
	"contentMediaType", "contentEncoding", "contentSchema",
}

// since30 are the keywords that came with OpenAPI 3.0.
var since30 = []string{"oneOf", "anyOf", "not", "writeOnly", "deprecated", "nullable"}
