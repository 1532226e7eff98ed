package plan

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// adapt returns a value as the schema wants it where only quotes are wrong: 5 as
// "5" for a text, "5" as 5 for a number. Callers with a command line or a query
// have nothing but texts, and what is sent is the same text either way. Whatever
// else does not fit is returned as it is.
func (s *shape) adapt(v jsontext.Value) jsontext.Value {
	switch {
	case v.Kind() == '[' && s.items != nil:
		return s.adaptList(v)
	case s.fits(v):
		return s.inDigits(v)
	}
	switch v.Kind() {
	case '0', 't', 'f':
		if slices.Contains(s.types, "string") {
			return jsonString(string(v))
		}
	case '"':
		if inner := scalar(text(v)); inner != nil && s.fits(inner) {
			return s.inDigits(inner)
		}
	default:
	}
	return v
}

// inDigits returns the value of an integer in digits, and others as they are.
func (s *shape) inDigits(v jsontext.Value) jsontext.Value {
	if v.Kind() != '0' || len(s.types) == 0 || s.types[0] != "integer" || slices.Contains(s.types, "number") || slices.Contains(s.types, "string") {
		return v
	}
	return wholeNumber(v)
}

// adaptList adapts the elements; a list of which none changes keeps its text.
func (s *shape) adaptList(v jsontext.Value) jsontext.Value {
	list := elements(v)
	changed := false
	for i, one := range list {
		list[i] = s.items.adapt(one)
		changed = changed || !bytes.Equal(list[i], one)
	}
	if !changed {
		return v
	}
	out := []byte{'['}
	for i, one := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, one...)
	}
	return append(out, ']')
}

// scalar returns text that is a JSON number or flag and nothing else; nil if it is
// none. "007" and " 7" are texts.
func scalar(plain string) jsontext.Value {
	v := jsontext.Value(plain)
	switch v.Kind() {
	case '0', 't', 'f':
		if strings.TrimSpace(plain) == plain && v.IsValid() {
			return v
		}
	default:
	}
	return nil
}
