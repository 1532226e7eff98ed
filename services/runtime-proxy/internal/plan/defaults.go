package plan

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDefaultDepth bounds how deep defaults are looked for: recursive schemas
	// have no end.
	maxDefaultDepth = 12
	// maxDefaultNodes bounds the work for one schema.
	maxDefaultNodes = 4096
)

// defaults are the values that a body is completed with: the defaults of
// properties that have to be there, and of internal ones, which callers do not
// see.
type defaults struct {
	properties []propertyDefault
	items      *defaults
}

type propertyDefault struct {
	name  string
	value jsontext.Value // nil: none of its own
	make  bool           // make an object for the sake of the defaults below
	below *defaults
}

// defaultsOf returns the defaults of a schema, nil if there are none.
func (s *schemas) defaultsOf(raw []byte) *defaults {
	budget := maxDefaultNodes
	return s.collect(raw, maxDefaultDepth, &budget)
}

func (s *schemas) collect(raw []byte, depth int, budget *int) *defaults {
	if depth == 0 || *budget <= 0 || len(raw) == 0 {
		return nil
	}
	*budget--
	list := s.resolve(raw)
	out := &defaults{}
	if all := property(list, "allOf"); all.Kind() == '[' {
		for _, part := range elements(all) {
			if below := s.collect(part, depth-1, budget); below != nil {
				out.properties = append(out.properties, below.properties...)
			}
		}
	}
	if items := property(list, "items"); items.Kind() == '{' {
		out.items = s.collect(items, depth-1, budget)
	}
	if properties := property(list, "properties"); properties.Kind() == '{' {
		required := property(list, "required")
		for _, m := range members(properties) {
			s.collectProperty(m, required, out, depth, budget)
		}
	}
	if len(out.properties) == 0 && out.items == nil {
		return nil
	}
	return out
}

func (s *schemas) collectProperty(m member, required jsontext.Value, out *defaults, depth int, budget *int) {
	facts := s.resolve(m.value)
	needed := internal(members(m.value)) || internal(facts)
	if required.Kind() == '[' {
		for _, name := range elements(required) {
			needed = needed || text(name) == m.name
		}
	}
	p := propertyDefault{name: m.name, below: s.collect(m.value, depth-1, budget)}
	if needed {
		p.value = s.shapeOf(m.value).defaultValue
	}
	p.make = needed && p.value == nil && p.below != nil && len(p.below.properties) > 0
	if p.value != nil || p.below != nil {
		out.properties = append(out.properties, p)
	}
}

func internal(list []member) bool {
	return text(property(list, "x-ms-visibility")) == "internal"
}

// apply returns the value with what it lacks. Values that are there are never
// changed, and what is not touched keeps its text.
func (d *defaults) apply(v jsontext.Value) jsontext.Value {
	switch {
	case d == nil:
	case v.Kind() == '{':
		return d.applyObject(v)
	case v.Kind() == '[' && d.items != nil:
		return d.applyArray(v)
	}
	return v
}

func (d *defaults) applyObject(v jsontext.Value) jsontext.Value {
	list := members(v)
	changed := false
	for _, p := range d.properties {
		at := -1
		for i := range list {
			if list[i].name == p.name {
				at = i
			}
		}
		switch {
		case at >= 0:
			after := p.below.apply(list[at].value)
			changed = changed || !bytes.Equal(after, list[at].value)
			list[at].value = after
		case p.value != nil:
			list, changed = append(list, member{p.name, p.value}), true
		case p.make:
			made := p.below.apply(jsontext.Value("{}"))
			if len(made) > len("{}") {
				list, changed = append(list, member{p.name, made}), true
			}
		}
	}
	if !changed {
		return v
	}
	return writeObject(list)
}

func (d *defaults) applyArray(v jsontext.Value) jsontext.Value {
	out := []byte{'['}
	for i, item := range elements(v) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, d.items.apply(item)...)
	}
	return append(out, ']')
}

func writeObject(list []member) jsontext.Value {
	out := []byte{'{'}
	for i, m := range list {
		if i > 0 {
			out = append(out, ',')
		}
		quoted, err := jsontext.AppendQuote(out, m.name)
		if err != nil { // not for a name that was read from valid JSON
			continue
		}
		out = append(append(quoted, ':'), m.value...)
	}
	return append(out, '}')
}
