package mock

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDepth is how deep a made value is; below, what is optional is left out.
	maxDepth = 8
	// maxNodes bounds a made value: schemas can ask for more than anybody reads.
	maxNodes = 2000
	// maxItems is how many items a list has where the schema wants many.
	maxItems = 100
	// refPrefix begins references to named schemas in the model.
	refPrefix = "#/$defs/"
)

// Value makes a value that fits a schema, as far as one can be made: not every
// combination of rules is looked at. It is valid JSON always.
func (m *Maker) Value(schema []byte, given hints) jsontext.Value {
	if len(schema) == 0 {
		return jsontext.Value(`{}`)
	}
	g := &generation{maker: m, given: given, left: maxNodes}
	value := g.value(schema, "", 0)
	if value == nil {
		return jsontext.Value(`null`)
	}
	return value
}

// generation is the making of one value.
type generation struct {
	maker *Maker
	given hints
	left  int      // nodes that may still be made
	other int      // which of several values that must differ this is
	open  []string // named schemas that are being made
}

// value makes a value; nil if it would never end.
func (g *generation) value(raw []byte, name string, depth int) jsontext.Value {
	if g.left--; g.left < 0 || depth > 2*maxDepth {
		return nil
	}
	list := membersOf(raw)
	if ref := textOf(get(list, "$ref")); ref != "" {
		return g.reference(ref, name, depth)
	}
	if hinted := g.hint(list, name); hinted != nil {
		return hinted
	}
	if said := g.said(list); said != nil {
		return said
	}
	if parts := items(get(list, "allOf")); len(parts) > 0 {
		return g.all(list, parts, name, depth)
	}
	var null jsontext.Value // a form too, if there is no other
	for _, key := range []string{"oneOf", "anyOf"} {
		for _, part := range items(get(list, key)) {
			v := g.value(part, name, depth+1)
			if v != nil && v.Kind() != 'n' {
				return v
			}
			null = orElse(null, v)
		}
	}
	if null != nil {
		return null
	}
	return g.typed(list, name, depth)
}

// said returns a value that the schema itself names, nil for none.
func (g *generation) said(list []member) jsontext.Value {
	if v := get(list, "const"); v != nil {
		return compact(v)
	}
	if g.other == 0 { // of several, only one can be that
		for _, key := range []string{"example", "x-example", "x-ms-test-value", "default"} {
			if v := get(list, key); v != nil && v.Kind() != 'n' {
				return compact(v)
			}
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if v := items(get(list, key)); len(v) > 0 && (g.other < len(v) || key == "enum") {
			return compact(v[g.other%len(v)])
		}
	}
	return nil
}

// reference follows a reference to a named schema.
func (g *generation) reference(ref, name string, depth int) jsontext.Value {
	pointer, ok := strings.CutPrefix(ref, refPrefix)
	key := strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer)
	schema, known := g.maker.schemas[key]
	if plain, err := url.PathUnescape(key); !known && err == nil {
		schema, known = g.maker.schemas[plain]
	}
	if !ok || !known || slices.Contains(g.open, key) {
		return nil
	}
	g.open = append(g.open, key)
	defer func() { g.open = g.open[:len(g.open)-1] }()
	return g.value(schema, name, depth)
}

// hint returns what the caller gave under that name, if it is of the schema's type.
func (g *generation) hint(list []member, name string) jsontext.Value {
	v, ok := g.given[strings.ToLower(name)]
	if !ok {
		return nil
	}
	kinds := map[string]string{"string": `"`, "integer": "0", "number": "0", "boolean": "tf"}
	for _, t := range typesOf(list) {
		if strings.ContainsRune(kinds[t], rune(v.Kind())) {
			return v
		}
	}
	return nil
}

// all makes an object of everything that several schemas ask for.
func (g *generation) all(list []member, parts []jsontext.Value, name string, depth int) jsontext.Value {
	var made []member
	var other jsontext.Value
	own := slices.DeleteFunc(slices.Clone(list), func(m member) bool { return m.name == "allOf" })
	if get(own, "properties") != nil {
		parts = append(slices.Clip(parts), object(own))
	}
	for _, part := range parts {
		v := g.value(part, name, depth)
		if v.Kind() != '{' {
			other = orElse(other, v)
			continue
		}
		for _, m := range membersOf(v) {
			if at := slices.IndexFunc(made, func(have member) bool { return have.name == m.name }); at >= 0 {
				made[at] = m
				continue
			}
			made = append(made, m)
		}
	}
	if made == nil && other != nil {
		return other
	}
	return object(made)
}

func orElse(a, b jsontext.Value) jsontext.Value {
	if a == nil {
		return b
	}
	return a
}

// typed makes a value by the type.
func (g *generation) typed(list []member, name string, depth int) jsontext.Value {
	types := typesOf(list)
	if len(types) == 0 {
		return jsontext.Value(`{}`)
	}
	switch types[0] {
	case "object":
		return g.object(list, depth)
	case "array":
		return g.array(list, name, depth)
	case "string":
		return quote(stringFor(list, name, g.other))
	case "integer":
		return number(list, true, g.other)
	case "number":
		return number(list, false, g.other)
	case "boolean":
		return jsontext.Value(strconv.FormatBool(g.other%2 == 0))
	}
	return jsontext.Value(`null`)
}

// typesOf returns the types of a schema without null, as it says or as its
// keywords suggest.
func typesOf(list []member) []string {
	said := get(list, "type")
	var out []string
	if t := textOf(said); t != "" {
		out = append(out, t)
	}
	for _, one := range items(said) {
		if t := textOf(one); t != "null" {
			out = append(out, t)
		}
	}
	if len(out) == 0 && len(items(said)) > 0 {
		return []string{"null"}
	}
	switch {
	case len(out) > 0:
	case get(list, "properties", "additionalProperties") != nil:
		out = append(out, "object")
	case get(list, "items") != nil:
		out = append(out, "array")
	case get(list, "format", "pattern", "minLength", "maxLength") != nil:
		out = append(out, "string")
	case get(list, "minimum", "maximum", "multipleOf") != nil:
		out = append(out, "number")
	}
	return out
}

// object makes an object with all its properties, below maxDepth with those that
// are required. What only requests hold is left out.
func (g *generation) object(list []member, depth int) jsontext.Value {
	required := map[string]bool{}
	for _, one := range items(get(list, "required")) {
		required[textOf(one)] = true
	}
	var made []member
	for _, p := range membersOf(get(list, "properties")) {
		if string(get(membersOf(p.value), "writeOnly")) == "true" || (depth >= maxDepth && !required[p.name]) {
			continue
		}
		if v := g.value(p.value, p.name, depth+1); v != nil {
			made = append(made, member{p.name, v})
		}
	}
	extra := get(list, "additionalProperties")
	for _, one := range items(get(list, "required")) {
		name := textOf(one)
		described := get(membersOf(get(list, "properties")), name)
		hidden := string(get(membersOf(described), "writeOnly")) == "true"
		if name != "" && !hidden && g.left > 0 && !slices.ContainsFunc(made, func(have member) bool { return have.name == name }) {
			made = append(made, member{name, g.missing(described, extra, name, depth)})
		}
	}
	if made == nil && extra.Kind() == '{' {
		if v := g.value(extra, "", depth+1); v != nil {
			made = append(made, member{"key", v})
		}
	}
	return object(made)
}

// missing makes a property that has to be there, and that no schema describes or none
// could be made of.
func (g *generation) missing(described, extra jsontext.Value, name string, depth int) jsontext.Value {
	g.left--
	switch {
	case described != nil:
		return jsontext.Value(`null`) // it would never end
	case extra.Kind() != '{':
		return jsontext.Value(`{}`)
	}
	return orElse(g.value(extra, name, depth+1), jsontext.Value(`null`))
}

func (g *generation) array(list []member, name string, depth int) jsontext.Value {
	count := int(min(max(numberOf(get(list, "minItems"), 1), 1), maxItems))
	if most := get(list, "maxItems"); most != nil {
		count = min(count, int(max(numberOf(most, 1), 0)))
	}
	out, before := []byte{'['}, g.other
	defer func() { g.other = before }()
	var made []string
	for i := range count {
		differ := string(get(list, "uniqueItems")) == "true"
		if differ {
			g.other = i
		}
		v := g.value(get(list, "items"), name, depth+1)
		if v == nil || differ && slices.Contains(made, string(v)) {
			break
		}
		made = append(made, string(v))
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}
