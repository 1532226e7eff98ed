package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// shape is what most parameters' schemas say: a type, a list of values, a
// default. Checking it needs no decoding; only other keywords call for a JSON
// Schema validator, which is some fifty times slower.
type shape struct {
	types        []string // any of them; empty: any type
	enum         []jsontext.Value
	enumTexts    []string
	items        *shape // of lists whose elements have a type; nil: unknown
	defaultValue jsontext.Value
	complete     bool // nothing else in the schema restricts the value
}

// annotations are keywords that restrict nothing. "format" is one of them: APIs
// take more spellings of a date than RFC 3339 has; see formats for what it does.
var annotations = []string{
	"title", "description", "default", "format", "example", "examples", "readOnly", "writeOnly", "deprecated",
	"externalDocs", "xml", "discriminator", "collectionFormat", "allowEmptyValue", "$comment",
}

// maxReferences ends a circle of references.
const maxReferences = 16

func (s *schemas) shapeOf(raw []byte) shape {
	list := s.resolve(raw)
	if list == nil {
		return shape{complete: len(raw) == 0}
	}
	out := shape{complete: true}
	nullable := false
	for _, m := range list {
		switch {
		case m.name == "type":
			out.addTypes(m.value)
		case m.name == "enum":
			out.addEnum(m.value)
		case m.name == "items":
			out.complete = false
			out.items = s.elementShape(m.value)
		case m.name == "nullable" || m.name == "x-nullable":
			nullable = m.value.Kind() == 't'
		case strings.HasPrefix(m.name, "x-") || slices.Contains(annotations, m.name):
		default:
			out.complete = false
		}
	}
	if nullable && len(out.types) > 0 {
		out.types = append(out.types, "null")
	}
	for i, one := range out.enum {
		out.enum[i] = out.adapt(one) // {"type": "boolean", "enum": ["true", "false"]} means flags
	}
	out.defaultValue = out.mend(property(list, "default"))
	return out
}

// elementShape returns what is known of the elements of a list, nil if it is not
// their type. It does not look into lists of lists.
func (s *schemas) elementShape(raw jsontext.Value) *shape {
	out := &shape{}
	for _, m := range s.resolve(raw) {
		if m.name == "type" {
			out.addTypes(m.value)
		}
	}
	if len(out.types) == 0 {
		return nil
	}
	return out
}

// mend returns a default as a value of the schema's type. Real descriptions
// write numbers and flags as texts, and the other way round. Null, and what
// cannot be mended, is no default.
func (s *shape) mend(v jsontext.Value) jsontext.Value {
	switch {
	case v == nil || v.Kind() == 'n':
		return nil
	case s.fits(v):
		return v
	case v.Kind() == '"':
		if inner := jsontext.Value(strings.TrimSpace(text(v))); inner.IsValid() && s.fits(inner) {
			return inner
		}
	case slices.Contains(s.types, "string"):
		return jsonString(text(v))
	}
	return nil
}

// fits reports whether a value has one of the types.
func (s *shape) fits(v jsontext.Value) bool {
	return len(s.types) == 0 || slices.ContainsFunc(s.types, func(t string) bool { return isType(v, t) })
}

func (s *shape) addTypes(v jsontext.Value) {
	known := []string{"string", "number", "integer", "boolean", "array", "object", "null"}
	list := []jsontext.Value{v}
	if v.Kind() == '[' {
		list = elements(v)
	}
	for _, one := range list {
		if name := text(one); slices.Contains(known, name) {
			s.types = append(s.types, name)
		}
	}
}

func (s *shape) addEnum(v jsontext.Value) {
	if v.Kind() != '[' {
		return
	}
	for _, one := range elements(v) {
		s.enum = append(s.enum, one)
		s.enumTexts = append(s.enumTexts, text(one))
	}
}

// check reports a value of another type or outside the list, unless it is the
// author's word.
func (s *shape) check(field string, v jsontext.Value, authored authored, found *violations) {
	if v.Kind() == '0' && len(s.types) > 0 && !holdable(string(v)) {
		found.add(field, notHoldable)
		return
	}
	if !s.fits(v) {
		found.addByType(field, "must be "+article(s.types)+", not "+typeOf(v))
		return
	}
	if len(s.enum) == 0 || authored != nil && authored(nil) {
		return
	}
	plain := text(v)
	if v.Kind() == '0' {
		plain = string(wholeNumber(v)) // 1e3 is one of [1000]
	}
	for i, allowed := range s.enumTexts {
		if allowed == plain && s.enum[i].Kind() == v.Kind() {
			return
		}
	}
	found.add(field, "must be one of "+quoteSome(s.enumTexts))
}

// remedy says how to write a list or an object that is a text, so that it has the
// right type; else it is empty. Scalars are adapted. It never repeats the value.
func (s *shape) remedy(v jsontext.Value) string {
	if v.Kind() != '"' || s.fits(v) {
		return ""
	}
	inner := jsontext.Value(text(v))
	if k := inner.Kind(); (k == '[' || k == '{') && inner.IsValid() && s.fits(inner) {
		return "write it without quotes"
	}
	return ""
}

func quoteSome(list []string) string {
	const most = 20
	quoted := make([]string, 0, min(len(list), most)+1)
	for _, t := range list[:min(len(list), most)] {
		quoted = append(quoted, strconv.Quote(t))
	}
	if len(list) > most {
		quoted = append(quoted, "…")
	}
	return strings.Join(quoted, ", ")
}

func article(types []string) string {
	names := make([]string, 0, len(types))
	for _, t := range types {
		switch t {
		case "array", "object", "integer":
			names = append(names, "an "+t)
		case "null":
			names = append(names, t)
		default:
			names = append(names, "a "+t)
		}
	}
	return strings.Join(names, " or ")
}

func typeOf(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case '[':
		return "an array"
	case '{':
		return "an object"
	case 'n':
		return "null"
	default:
		return "what it is"
	}
}

func isType(v jsontext.Value, name string) bool {
	switch v.Kind() {
	case '"':
		return name == "string"
	case '0':
		return name == "number" || (name == "integer" && isInteger(v))
	case 't', 'f':
		return name == "boolean"
	case '[':
		return name == "array"
	case '{':
		return name == "object"
	case 'n':
		return name == "null"
	default:
		return false
	}
}
