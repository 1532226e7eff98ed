package conformance_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mode is the kind of values that an input is made of.
type mode int

const (
	// required leaves out whatever may be left out.
	required mode = iota
	// plain gives everything a harmless value.
	plain
	// tricky gives everything a value that an encoding could spoil, and three
	// elements to each list.
	tricky
	// edges gives everything an empty value, zero, false, or no elements.
	edges
)

var modes = []mode{required, plain, tricky, edges}

func (m mode) String() string { return [...]string{"required", "plain", "tricky", "edges"}[m] }

// maxDepth bounds optional properties: schemas refer to themselves.
const maxDepth = 4

// generator makes values that a schema allows.
type generator struct {
	doc  document
	mode mode
	// request leaves out what only answers have.
	request bool
	// sure counts only what a schema says for certain: no alternatives.
	sure bool
	// filled makes no empty texts and lists outside of objects.
	filled bool
	// open is set below alternatives, where nobody else fills in defaults.
	open bool
}

// facts are what a schema and the parts that it is made of say together.
type facts struct {
	object
	properties object
	required   []string
	open       map[string]bool // properties of alternatives
	choice     string          // the property of a discriminator, with the value
	chosen     string          // of the first alternative
}

// facts merges the parts of allOf; of alternatives the first counts.
func (g generator) facts(schema any) facts {
	out := facts{object: object{}, properties: object{}, open: map[string]bool{}}
	g.merge(schema, &out, 0, false)
	return out
}

func (g generator) merge(schema any, out *facts, depth int, open bool) {
	s := g.doc.resolve(schema)
	if depth > 16 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		switch key {
		case "properties":
			properties, _ := s[key].(object)
			for name, p := range properties {
				if _, known := out.properties[name]; !known {
					out.properties[name] = p
					out.open[name] = open
				}
			}
		case "required":
			out.required = append(out.required, texts(s[key])...)
		case "allOf", "oneOf", "anyOf":
		default:
			if _, known := out.object[key]; !known {
				out.object[key] = s[key]
			}
		}
	}
	for _, part := range items(s["allOf"]) {
		g.merge(part, out, depth+1, open)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list := items(s[key]); len(list) > 0 && !g.sure {
			g.merge(list[0], out, depth+1, true)
			g.discriminate(s, list[0], out)
		}
	}
}

// discriminate notes the value by which a discriminator knows an alternative.
func (g generator) discriminate(s object, first any, out *facts) {
	d, _ := s["discriminator"].(object)
	o, _ := first.(object)
	ref := text(o["$ref"])
	if d == nil || ref == "" {
		return
	}
	out.choice, out.chosen = text(d["propertyName"]), ref[strings.LastIndexByte(ref, '/')+1:]
	mapping, _ := d["mapping"].(object)
	for _, value := range slices.Sorted(maps.Keys(mapping)) {
		if target := text(mapping[value]); target == ref || target == out.chosen {
			out.chosen = value
			return
		}
	}
}

// kind returns the type of a value that a schema wants.
func (f facts) kind() string {
	for _, t := range append([]string{text(f.object["type"])}, texts(f.object["type"])...) {
		if t != "" && t != "null" {
			return t
		}
	}
	switch {
	case len(f.properties) > 0:
		return "object"
	case f.object["items"] != nil:
		return "array"
	}
	return ""
}

// value returns a value; nth tells those of one list apart. False means that
// there is none that this generator knows of.
func (g generator) value(schema any, depth, nth int) (any, bool) {
	f := g.facts(schema)
	if one, ok := f.object["const"]; ok {
		return one, true
	}
	var choices []any
	for _, one := range items(f.object["enum"]) {
		if one = asType(one, f.kind()); one != nil {
			choices = append(choices, one)
		}
	}
	if len(choices) > 0 {
		return choices[(nth+int(g.mode))%len(choices)], true
	}
	if g.mode == edges && depth > 0 && (truth(f.object["nullable"]) || truth(f.object["x-nullable"])) {
		return nil, true
	}
	switch f.kind() {
	case "object":
		return g.object(f, depth)
	case "array":
		return g.list(f, depth)
	case "integer", "number":
		return g.number(f, nth)
	case "boolean":
		return g.mode != edges && nth%2 == 0, true
	case "string", "":
		return g.string(f, nth)
	}
	return nil, false
}

func (g generator) object(f facts, depth int) (any, bool) {
	out := object{}
	for name, schema := range f.properties {
		p := g.facts(schema)
		needed := slices.Contains(f.required, name)
		if g.request && truth(p.object["readOnly"]) {
			continue
		}
		hasDefault := g.usable(p) != nil
		if g.mode == required && (!needed || hasDefault && !g.open && !f.open[name]) || !needed && depth >= maxDepth {
			continue
		}
		if depth > 3*maxDepth {
			return nil, false
		}
		below := g
		below.open = g.open || f.open[name]
		v, ok := below.value(schema, depth+1, 0)
		switch {
		case ok:
			out[name] = v
		case needed:
			return nil, false
		}
	}
	if f.choice != "" {
		out[f.choice] = f.chosen
	}
	for _, name := range f.required {
		if _, described := f.properties[name]; !described {
			out[name] = "undescribed"
		}
	}
	g.additional(f, depth, out)
	least, _ := f.count("minProperties")
	return out, len(out) >= least
}

// additional gives objects that are open a member that nothing describes.
func (g generator) additional(f facts, depth int, out object) {
	if g.mode != tricky || depth >= maxDepth {
		return
	}
	switch more := f.object["additionalProperties"].(type) {
	case object:
		if v, ok := g.value(more, depth+1, 0); ok {
			out["extra / ü"] = v
		}
	case nil:
		if len(f.properties) == 0 {
			out["free & easy"] = json.Number("9007199254740993")
		}
	}
}

func (g generator) list(f facts, depth int) (any, bool) {
	least, _ := f.count("minItems")
	size := map[mode]int{required: 1, plain: 1, tricky: 3, edges: 0}[g.mode]
	if g.filled {
		size = max(size, 1)
	}
	if most, limited := f.count("maxItems"); limited {
		size = min(size, most)
	}
	if depth > 2*maxDepth {
		size = 0
	}
	out := []any{}
	for i := range max(size, least) {
		v, ok := g.value(f.object["items"], depth+1, i)
		if !ok {
			return out, len(out) >= least
		}
		if truth(f.object["uniqueItems"]) && slices.ContainsFunc(out, func(o any) bool { return string(writeJSON(o)) == string(writeJSON(v)) }) {
			break
		}
		out = append(out, v)
	}
	return out, len(out) >= least
}

func (f facts) count(key string) (int, bool) {
	n, ok := f.object[key].(json.Number)
	if !ok {
		return 0, false
	}
	whole, err := strconv.Atoi(n.String())
	return whole, err == nil
}
