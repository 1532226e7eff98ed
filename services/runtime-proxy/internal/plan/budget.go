package plan

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	// maxWidth is how many schemas may apply to one and the same value by
	// reference or combination. Real descriptions stay below a few hundred; each
	// level of {"allOf":[next, next]} doubles it.
	maxWidth = 10_000
	// maxEvaluations is how many pairs of a schema and a value one validation may
	// look at: a fraction of a second. It bounds what maxWidth cannot see: schemas
	// that multiply with the depth of the value.
	maxEvaluations = 500_000
)

// widths counts the schemas that apply to one value. A schema that is being
// counted has the width of a circle.
type widths map[*jsonschema.Schema]int

// bounded reports whether no schema that can be reached has more than maxWidth.
// Properties and items are values of their own, so recursion through them is no
// circle. Each schema is looked at once.
func bounded(root *jsonschema.Schema) bool {
	known := widths{}
	seen := map[*jsonschema.Schema]bool{root: true}
	for todo := []*jsonschema.Schema{root}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if known.of(s) > maxWidth {
			return false
		}
		for next := range slices.Values(slices.Concat(alongside(s), inner(s))) {
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return true
}

// of returns the width of a schema, more than maxWidth for a circle.
func (w widths) of(s *jsonschema.Schema) int {
	if width, ok := w[s]; ok {
		return width
	}
	w[s] = maxWidth + 1
	width := 1
	for _, next := range alongside(s) {
		width = min(width+w.of(next), maxWidth+1)
	}
	w[s] = width
	return width
}

// alongside returns the schemas that apply to the same value as s. There are no other
// ways in draft 4 than these, and the forms of a discriminator.
func alongside(s *jsonschema.Schema) []*jsonschema.Schema {
	out := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	for _, one := range []*jsonschema.Schema{s.Ref, s.Not} {
		if one != nil {
			out = append(out, one)
		}
	}
	for _, f := range formsOf(s) {
		out = append(out, f.list...)
	}
	return out
}

// inner returns the schemas that apply to members and items.
func inner(s *jsonschema.Schema) []*jsonschema.Schema {
	var out []*jsonschema.Schema
	for _, one := range s.Properties {
		out = append(out, one)
	}
	for _, one := range s.PatternProperties {
		out = append(out, one)
	}
	for _, some := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items} {
		switch some := some.(type) {
		case *jsonschema.Schema:
			out = append(out, some)
		case []*jsonschema.Schema:
			out = append(out, some...)
		}
	}
	return out
}

// effort counts down while it walks the way of a validation, without its cost.
type effort struct{ left int }

// affordable reports whether validating a value stays within maxEvaluations.
func affordable(s *jsonschema.Schema, v any) bool {
	e := effort{left: maxEvaluations}
	e.spend(s, v)
	return e.left >= 0
}

// spend goes wherever a validator could go. It ends soon after nothing is left.
func (e *effort) spend(s *jsonschema.Schema, v any) {
	if s == nil || e.left < 0 {
		return
	}
	e.left--
	if s.Enum != nil {
		e.left -= len(s.Enum.Values)
	}
	e.spend(s.Ref, v)
	e.spend(s.Not, v)
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for _, one := range list {
			e.spend(one, v)
		}
	}
	for _, f := range formsOf(s) {
		list, _ := f.chosen(v)
		for _, one := range list {
			e.spend(one, v)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		e.members(s, v)
	case []any:
		e.items(s, v)
	}
}

func (e *effort) members(s *jsonschema.Schema, object map[string]any) {
	others, _ := s.AdditionalProperties.(*jsonschema.Schema)
	if len(s.Properties) == 0 && len(s.PatternProperties) == 0 && others == nil {
		return
	}
	for name, value := range object {
		if e.left--; e.left < 0 {
			return
		}
		one, ok := s.Properties[name]
		e.spend(one, value)
		for pattern, one := range s.PatternProperties {
			e.left--
			if pattern.MatchString(name) {
				e.spend(one, value)
				ok = true
			}
		}
		if !ok {
			e.spend(others, value)
		}
	}
}

func (e *effort) items(s *jsonschema.Schema, list []any) {
	each, _ := s.Items.(*jsonschema.Schema)
	first, _ := s.Items.([]*jsonschema.Schema)
	others, _ := s.AdditionalItems.(*jsonschema.Schema)
	for i, value := range list {
		switch {
		case e.left < 0:
			return
		case i < len(first):
			e.spend(first[i], value)
		case each != nil:
			e.spend(each, value)
		default:
			e.spend(others, value)
		}
	}
}
