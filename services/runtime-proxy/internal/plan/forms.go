package plan

import (
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// The keyword of cleaned schemas that takes the place of "oneOf" or "anyOf" where
// a discriminator chooses, and the members of its value.
const (
	formsKeyword = "x-forms"
	formsList    = "list"
	formsChoice  = "choice"
)

// forms is a compiled choice.
type forms struct {
	choice *choice
	list   []*jsonschema.Schema
}

// discriminate replaces the forms of a cleaned schema by a choice, if its source
// has one.
func (s *schemas) discriminate(source, out map[string]any) {
	c, keyword := s.choiceOf(source)
	if c == nil {
		return
	}
	out[formsKeyword] = map[string]any{formsChoice: c, formsList: out[keyword]}
	delete(out, keyword)
}

// vocabulary returns the keyword for a compiler.
func vocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL:    schemaHost + "forms",
		Schema: &jsonschema.Schema{}, // only discriminate writes it
		Compile: func(ctx *jsonschema.CompilerContext, schema map[string]any) (jsonschema.SchemaExt, error) {
			value, _ := schema[formsKeyword].(map[string]any)
			c, _ := value[formsChoice].(*choice)
			if c == nil {
				return nil, nil //nolint:nilnil // that is how a schema without the keyword is told
			}
			list, _ := value[formsList].([]any)
			f := &forms{choice: c}
			for i := range list {
				f.list = append(f.list, ctx.Enqueue([]string{formsKeyword, formsList, strconv.Itoa(i)}))
			}
			return f, nil
		},
	}
}

// chosen returns the forms that a value may have; the second result is false if
// it goes by none.
func (f *forms) chosen(v any) ([]*jsonschema.Schema, bool) {
	index, known := f.choice.form(v)
	switch {
	case !known:
		return nil, false
	case index == anyForm:
		return f.list, true
	}
	return f.list[index : index+1], true
}

// Validate implements [jsonschema.SchemaExt].
func (f *forms) Validate(ctx *jsonschema.ValidatorContext, v any) {
	list, known := f.chosen(v)
	switch {
	case !known:
		ctx.AddErr(f.unknown(ctx.ValueLocation()))
	case len(list) == 1:
		ctx.AddErr(ctx.Validate(list[0], v, nil))
	case !slices.ContainsFunc(list, func(one *jsonschema.Schema) bool { return ctx.Validate(one, v, nil) == nil }):
		ctx.AddError(&kind.AnyOf{})
	}
}

// unknown lists the values that there are, at the place of the property.
func (f *forms) unknown(object []string) *jsonschema.ValidationError {
	want := make([]any, len(f.choice.allowed))
	for i, value := range f.choice.allowed {
		want[i] = value
	}
	return &jsonschema.ValidationError{
		InstanceLocation: append(slices.Clone(object), f.choice.property),
		ErrorKind:        &kind.Enum{Want: want},
	}
}

// formsOf returns the choices of a compiled schema.
func formsOf(s *jsonschema.Schema) []*forms {
	var out []*forms
	for _, extension := range s.Extensions {
		if f, ok := extension.(*forms); ok {
			out = append(out, f)
		}
	}
	return out
}
