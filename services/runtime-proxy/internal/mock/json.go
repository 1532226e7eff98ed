package mock

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// items returns the elements of a JSON array, nothing for other values.
func items(v jsontext.Value) []jsontext.Value {
	if v.Kind() != '[' {
		return nil
	}
	d := jsontext.NewDecoder(strings.NewReader(string(v)), jsontext.AllowDuplicateNames(true))
	_, _ = d.ReadToken()
	var out []jsontext.Value
	for d.PeekKind() != ']' {
		one, err := d.ReadValue()
		if err != nil {
			return out
		}
		out = append(out, one.Clone())
	}
	return out
}

// object writes an object.
func object(list []member) jsontext.Value {
	out := []byte{'{'}
	for i, m := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, quote(m.name)...)
		out = append(out, ':')
		out = append(out, m.value...)
	}
	return append(out, '}')
}

func quote(text string) jsontext.Value {
	out, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		return jsontext.Value(`""`)
	}
	return out
}

func compact(v jsontext.Value) jsontext.Value {
	out := v.Clone()
	if out.Compact() != nil {
		return v
	}
	return out
}
