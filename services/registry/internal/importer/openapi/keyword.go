package openapi

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// typeNames maps what authors write to the types of JSON Schema.
var typeNames = map[string]string{
	"string": "string", "number": "number", "integer": "integer", "boolean": "boolean",
	"array": "array", "object": "object", "null": "null", "file": "string",
	"int": "integer", "int32": "integer", "int64": "integer", "long": "integer",
	"float": "number", "double": "number", "decimal": "number", "numeric": "number",
	"bool": "boolean", "text": "string", "date": "string", "datetime": "string", "date-time": "string",
	"date time": "string", "uuid": "string",
}

// typeKeyword writes the type. x-nullable and nullable, which JSON Schema does
// not know, add null to it.
func (t *translation) typeKeyword(w *objectWriter, n, c *document.Node) {
	var types []string
	for _, written := range texts(c) {
		name, known := typeNames[strings.ToLower(strings.TrimSpace(written))]
		if !known {
			t.warn("SchemaTypeUnknown", c, "write a type of JSON Schema",
				"the type %q is not known; any type is accepted", written)
			return
		}
		if name != written && written != "file" {
			t.warn("SchemaTypeUnknown", c, "write \""+name+"\"", "the type %q is not known; %q is meant", written, name)
		}
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	if len(types) == 0 {
		t.dropped(c, "the name of a type")
		return
	}
	if isNullable(n) && !slices.Contains(types, "null") {
		types = append(types, "null")
	}
	if w.key("type"); len(types) == 1 && !c.Is(document.Array) {
		w.text(types[0])
	} else {
		w.texts(types)
	}
	if c.Text() == "file" && n.Get("format") == nil {
		w.key("format").text("binary")
	}
}

// kinds are the keywords whose values JSON Schema restricts to one kind. A value
// of another kind would make the whole schema invalid.
var kinds = map[string]document.Kind{
	"title": document.String, "description": document.String, "format": document.String,
	"pattern": document.String, "$comment": document.String, "contentMediaType": document.String,
	"contentEncoding": document.String, "readOnly": document.Bool, "writeOnly": document.Bool,
	"deprecated": document.Bool, "uniqueItems": document.Bool, "examples": document.Array,
	"enum": document.Array, "required": document.Array, "dependentRequired": document.Object,
	"maxContains": document.Number, "minContains": document.Number, "multipleOf": document.Number,
	"maximum": document.Number, "minimum": document.Number, "maxLength": document.Number,
	"minLength": document.Number, "maxItems": document.Number, "minItems": document.Number,
	"maxProperties": document.Number, "minProperties": document.Number,
}

// counts are the keywords whose values are no negative numbers and no fractions.
var counts = []string{"maxContains", "minContains", "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"}

// plainKeyword writes a keyword that holds no schema.
func (t *translation) plainKeyword(w *objectWriter, n, c *document.Node) {
	key := c.Key()
	if want, ok := kinds[key]; ok && !c.Is(want) {
		t.dropped(c, want.String())
		return
	}
	switch {
	case isExtension(key):
		t.vendor.Name(c)
	case key == "nullable":
		t.nullable(c)
		return
	case key == "example", key == "examples":
		t.examples(w, n, c)
		return
	case key == "$schema", key == "$id", key == "$anchor", key == "$dynamicAnchor", key == "$dynamicRef",
		key == "$recursiveRef", key == "$vocabulary", key == "dependencies":
		t.note("SchemaKeywordUnsupported", c, "%q has no meaning in the schemas of a connector and is left out", key)
		return
	case key == "exclusiveMinimum", key == "exclusiveMaximum":
		t.exclusive(w, n, c)
		return
	case key == "minimum" && n.True("exclusiveMinimum"), key == "maximum" && n.True("exclusiveMaximum"):
		return // written by exclusive
	case key == "required", key == "enum":
		t.list(w, n, c)
		return
	case slices.Contains(counts, key) && !isCount(c.Text()), key == "multipleOf" && !isPositive(c.Text()):
		t.dropped(c, "a number that makes sense here")
		return
	case key == "pattern" && !t.compiles(c.Text()):
		t.note("PatternUnsupported", c, "the pattern %q cannot be checked and is left out", c.Text())
		return
	}
	w.key(key).node(c)
}

// nullable checks the keyword that typeKeyword and list have read.
func (t *translation) nullable(c *document.Node) {
	if !c.Is(document.Bool) {
		t.dropped(c, "a boolean")
	}
}

// examples writes the examples of JSON Schema, of which "example" is the first.
func (t *translation) examples(w *objectWriter, n, c *document.Node) {
	one, several := n.Get("example"), n.Get("examples")
	switch {
	case c == several && one != nil:
		return // written with the other
	case one != nil:
		w.key("examples")
		w.b = append(w.b, '[')
		w.node(one)
		for _, e := range several.Children() {
			if several.Is(document.Array) {
				w.b = append(w.b, ',')
				w.node(e)
			}
		}
		w.b = append(w.b, ']')
	default:
		w.key("examples").node(several)
	}
}

// exclusive turns the boolean bounds of Swagger 2.0 and OpenAPI 3.0 into the numbers of today.
func (t *translation) exclusive(w *objectWriter, n, c *document.Node) {
	bound := n.Get(strings.ToLower(strings.TrimPrefix(c.Key(), "exclusive")))
	switch {
	case c.Is(document.Number):
		w.key(c.Key()).node(c)
	case !c.Is(document.Bool):
		t.dropped(c, "a boolean")
	case c.Text() == "true" && bound.Is(document.Number):
		w.key(c.Key()).node(bound)
	}
}

// list writes the names of required properties, or the values of an enum.
func (t *translation) list(w *objectWriter, n, c *document.Node) {
	if c.Key() == "required" {
		w.key("required").texts(unique(texts(c)))
		return
	}
	if len(c.Children()) == 0 {
		t.dropped(c, "a list of at least one value")
		return
	}
	w.key("enum")
	w.b = append(w.b, '[')
	hasNull := false
	for i, v := range c.Children() {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.node(v)
		hasNull = hasNull || v.Is(document.Null)
	}
	if isNullable(n) && !hasNull {
		w.b = append(w.b, ",null"...)
	}
	w.b = append(w.b, ']')
}

func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(s string) bool {
		before := seen[s]
		seen[s] = true
		return before
	})
}

func isCount(text string) bool {
	_, err := strconv.ParseUint(text, 10, 53)
	return err == nil
}

func isPositive(text string) bool {
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && f > 0
}

// compiles reports whether the validators of this suite, which guarantee linear
// time, can check the pattern. They know neither lookaround nor back references.
func (t *translation) compiles(pattern string) bool {
	valid, known := t.patterns[pattern]
	if !known {
		_, err := regexp.Compile(pattern)
		valid = err == nil
		t.patterns[pattern] = valid
	}
	return valid
}

// valueKeywords are those members of a parameter or header that describe its
// value; the others describe the parameter.
var valueKeywords = []string{
	"type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
	"minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf",
}

// valueSchema returns the schema of a parameter that is not the body, or of a
// header. OpenAPI 3 documents that were labelled 2.0 have it in "schema".
func (t *translation) valueSchema(p *document.Node) []byte {
	if p.Get("type") == nil && p.Get("schema").Is(document.Object) {
		return t.schemaOf(p.Get("schema"))
	}
	key := writing{p, asValue}
	if text, ok := t.written[key]; ok {
		return text
	}
	if t.budget.exhausted() {
		return nil
	}
	w := newObject()
	for _, c := range p.Children() {
		if slices.Contains(valueKeywords, c.Key()) {
			t.keyword(w, p, c)
		}
	}
	t.written[key] = t.budget.spend(w.end())
	return t.written[key]
}

// appendField writes the schema of a form field. All that the model knows of a
// field is its schema, so its description and its extensions are part of it.
func (t *translation) appendField(b []byte, f *document.Node) []byte {
	w := writeObject(b)
	for _, c := range f.Children() {
		if c.Key() == "description" || isExtension(c.Key()) || slices.Contains(valueKeywords, c.Key()) {
			t.keyword(w, f, c)
		}
	}
	return w.end()
}
