package plan

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// clean returns a copy of a schema that holds only what restricts a value, in
// the words of draft 4. Left out are annotations, formats, ids and whatever real
// descriptions get wrong; references are bent to where the loader finds them.
func (s *schemas) clean(v any) any {
	source, ok := v.(map[string]any)
	if !ok {
		return map[string]any{} // a boolean schema of newer drafts: restricts nothing, or nobody can call it
	}
	if ref, ok := source["$ref"].(string); ok {
		return map[string]any{"$ref": s.bend(ref)}
	}
	out := make(map[string]any, len(source))
	for key, value := range source {
		if kept := s.keyword(key, value); kept != nil {
			out[key] = kept
		}
	}
	if value, ok := source["const"]; ok {
		out["enum"] = []any{value}
	}
	adaptChoices(out)
	bounds(source, out)
	allowNull(source, out)
	forgive(s.absent, source, out)
	s.discriminate(source, out)
	return out
}

// bend returns where the loader finds a reference; a reference to nothing makes
// the compiler give up.
func (s *schemas) bend(ref string) string {
	index, rest, ok := s.named(ref)
	if !ok {
		return schemaHost + "missing"
	}
	return schemaHost + strconv.Itoa(index) + "#" + rest
}

// keyword returns the value of a keyword as draft 4 wants it, nil to leave it
// out.
func (s *schemas) keyword(key string, value any) any {
	switch key {
	case "properties", "patternProperties":
		return s.each(value)
	case "allOf", "anyOf", "oneOf":
		return s.every(value)
	case "not":
		return s.clean(value)
	case "items":
		if _, many := value.([]any); many {
			return s.every(value)
		}
		return s.clean(value)
	case "additionalProperties", "additionalItems":
		if _, plain := value.(bool); plain {
			return value
		}
		return s.clean(value)
	case "type":
		return types(value)
	case "required":
		return nameList(value)
	case "enum":
		if list, ok := value.([]any); ok && len(list) > 0 {
			return unique(list)
		}
	case "pattern":
		if text, ok := value.(string); ok {
			return text
		}
	case "uniqueItems":
		if yes, ok := value.(bool); ok {
			return yes
		}
	case "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		if number, ok := value.(json.Number); ok && holdable(string(number)) {
			return number
		}
	}
	return nil
}

func (s *schemas) each(value any) any {
	source, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	out := make(map[string]any, len(source))
	for name, one := range source {
		out[name] = s.clean(one)
	}
	return out
}

func (s *schemas) every(value any) any {
	source, ok := value.([]any)
	if !ok || len(source) == 0 {
		return nil
	}
	out := make([]any, len(source))
	for i, one := range source {
		out[i] = s.clean(one)
	}
	return out
}

// types keeps the types that JSON has ("file" is not one of them).
func types(value any) any {
	known := []any{"string", "number", "integer", "boolean", "array", "object", "null"}
	list, many := value.([]any)
	if !many {
		list = []any{value}
	}
	var out []any
	for _, one := range list {
		if !slices.Contains(known, one) {
			return nil
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil
	}
	return unique(out)
}

// nameList keeps a list of names. Draft 3 had a boolean in its place, and an
// empty list is an error in draft 4.
func nameList(value any) any {
	list, _ := value.([]any)
	var out []any
	for _, one := range list {
		if text, ok := one.(string); ok {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return unique(out)
}

// adaptChoices writes choices as the type that a value has to have, where only
// quotes are in the way.
func adaptChoices(out map[string]any) {
	list, _ := out["enum"].([]any)
	if len(list) == 0 {
		return
	}
	delete(out, "pattern") // the choices are all there is; some break the pattern beside them
	wanted := shape{}
	for _, one := range asList(out["type"]) {
		name, _ := one.(string)
		wanted.types = append(wanted.types, name)
	}
	adapted := make([]any, len(list))
	for i, one := range list {
		adapted[i] = wanted.adaptChoice(one)
	}
	out["enum"] = unique(adapted)
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// adaptChoice is adapt for a decoded scalar.
func (s *shape) adaptChoice(v any) any {
	var raw jsontext.Value
	switch v := v.(type) {
	case string:
		raw = jsonString(v)
	case json.Number:
		raw = jsontext.Value(v)
	case bool:
		raw = jsontext.Value(strconv.FormatBool(v))
	default:
		return v
	}
	switch adapted := s.adapt(raw); {
	case adapted.Kind() == raw.Kind():
		return v
	case adapted.Kind() == '"':
		return text(adapted)
	case adapted.Kind() == '0':
		return json.Number(adapted)
	default:
		return adapted.Kind() == 't'
	}
}

// unique drops repeated scalars, which draft 4 forbids in lists.
func unique(list []any) []any {
	var out []any
	for _, one := range list {
		switch one.(type) {
		case map[string]any, []any:
		default:
			if slices.ContainsFunc(out, func(have any) bool { return same(have, one) }) {
				continue
			}
		}
		out = append(out, one)
	}
	return out
}

func same(a, b any) bool {
	switch a.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// bounds translates exclusive bounds: a flag in draft 4, a number since draft 6.
func bounds(source, out map[string]any) {
	for exclusive, plain := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		switch value := source[exclusive].(type) {
		case bool:
			if _, ok := out[plain]; ok {
				out[exclusive] = value
			}
		case json.Number:
			if holdable(string(value)) {
				out[plain], out[exclusive] = value, true
			}
		}
	}
}

// allowNull honours OpenAPI's way to say that null is fine.
func allowNull(source, out map[string]any) {
	if source["nullable"] != true && source["x-nullable"] != true {
		return
	}
	if have, ok := out["type"].([]any); ok && !slices.Contains(have, any("null")) {
		out["type"] = append(have, "null")
	}
	if list, ok := out["enum"].([]any); ok && !slices.Contains(list, nil) {
		out["enum"] = append(list, nil)
	}
}

// forgive lets a request leave out what only answers hold, or an answer what only
// requests do: properties with the given mark.
func forgive(mark string, source, out map[string]any) {
	list, _ := out["required"].([]any)
	properties, _ := source["properties"].(map[string]any)
	kept := slices.DeleteFunc(list, func(name any) bool {
		text, _ := name.(string)
		one, _ := properties[text].(map[string]any)
		return one[mark] == true
	})
	if len(kept) == 0 {
		delete(out, "required")
		return
	}
	out["required"] = kept
}
