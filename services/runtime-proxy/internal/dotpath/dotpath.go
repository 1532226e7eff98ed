// Package dotpath reads single values out of JSON text without decoding the
// rest: numbers keep the text that they were written with, and what is found
// shares its memory with the document.
//
// A dot path names members from the outside in, "data.items". A member whose own
// name holds dots, such as "@odata.nextLink", is found too: at each level the
// longest name that fits is tried first. In an array, a number is an index. An
// empty path is the document itself.
//
//	next, ok := dotpath.Find(body, "paging.next")
//
// Documents come from APIs: repeated names and text that is not UTF-8 are taken
// as they are, and of members with the same name the first counts.
package dotpath

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLevels bounds how deep a path may go.
const maxLevels = 64

// Find returns the value at a dot path, and whether there is one. A null is a
// value. A document that is not JSON has none.
func Find(document jsontext.Value, path string) (jsontext.Value, bool) {
	return find(trim(document), strings.Trim(path, "."), 0)
}

func find(v jsontext.Value, path string, level int) (jsontext.Value, bool) {
	if path == "" {
		return v, len(v) > 0
	}
	if level == maxLevels {
		return nil, false
	}
	switch v.Kind() {
	case '{':
		for _, step := range steps(v, path) {
			if found, ok := find(step.value, step.rest, level+1); ok {
				return found, true
			}
		}
	case '[':
		head, rest, _ := strings.Cut(path, ".")
		index, err := strconv.Atoi(head)
		if err != nil || index < 0 {
			return nil, false
		}
		if items, _, err := Elements(v, index+1); err == nil && len(items) > index {
			return find(items[index], rest, level+1)
		}
	default: // nothing is inside a scalar
	}
	return nil, false
}

// step is a member that a path may go on in.
type step struct {
	value jsontext.Value
	rest  string
}

// steps returns the members of an object that the path may begin with, that with
// the longest name first.
func steps(object jsontext.Value, path string) []step {
	var out []step
	_ = Members(object, func(name string, value jsontext.Value) bool {
		rest, ok := strings.CutPrefix(path, name)
		if !ok || name == "" || (rest != "" && rest[0] != '.') {
			return true
		}
		one := step{value, strings.TrimPrefix(rest, ".")}
		at := 0
		for at < len(out) && len(out[at].rest) <= len(one.rest) {
			at++
		}
		if len(out) < maxLevels {
			out = append(out[:at], append([]step{one}, out[at:]...)...)
		}
		return rest != "" // nothing is longer than the whole
	})
	return out
}

// Members calls f for the members of an object, in their order, until it returns
// false. The error says that the text is not a JSON object as far as it was read.
func Members(object jsontext.Value, f func(name string, value jsontext.Value) bool) error {
	d, err := open(object, '{')
	if err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		value, err := read(d, object)
		if err != nil {
			return err
		}
		if !f(name, value) {
			return nil
		}
	}
	_, err = d.ReadToken()
	return err
}

// Elements returns the elements of an array, at most limit of them; more says
// that there are others. The error says that the text is not a JSON array as far
// as it was read.
func Elements(array jsontext.Value, limit int) (elements []jsontext.Value, more bool, err error) {
	d, err := open(array, '[')
	if err != nil {
		return nil, false, err
	}
	for d.PeekKind() != ']' {
		if len(elements) >= limit {
			return elements, true, nil
		}
		element, err := read(d, array)
		if err != nil {
			return nil, false, err
		}
		elements = append(elements, element)
	}
	_, err = d.ReadToken()
	return elements, false, err
}

// kindError says that a value is of another kind than was asked for.
type kindError struct{ want, have jsontext.Kind }

// Error implements error.
func (e kindError) Error() string {
	return "there is " + e.have.String() + " instead of " + e.want.String()
}

func open(v jsontext.Value, kind jsontext.Kind) (*jsontext.Decoder, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(v), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if have := d.PeekKind(); have != kind {
		return nil, kindError{kind, have}
	}
	_, err := d.ReadToken()
	return d, err
}

// read returns the next value as a part of the text that is read.
func read(d *jsontext.Decoder, text jsontext.Value) (jsontext.Value, error) {
	v, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(d.InputOffset())
	return text[end-len(v) : end : end], nil
}

// trim takes white space and a byte order mark away from the ends.
func trim(v jsontext.Value) jsontext.Value {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(v), []byte("\xef\xbb\xbf")))
}

// With returns an object with the member set to a value, in the place of the
// present one or at the end. What is not an object becomes one with that member
// alone.
func With(object jsontext.Value, name string, value jsontext.Value) jsontext.Value {
	out := append(make(jsontext.Value, 0, len(object)+len(name)+len(value)+8), '{')
	set := false
	add := func(name string, value jsontext.Value) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, name) // only text that is not UTF-8 fails, and is mended
		out = append(append(out, ':'), value...)
	}
	err := Members(object, func(have string, old jsontext.Value) bool {
		if have == name {
			old, set = value, true
		}
		add(have, old)
		return true
	})
	if err != nil {
		out, set = out[:1], false
	}
	if !set {
		add(name, value)
	}
	return append(out, '}')
}

// Text returns a value as text for people: a string without quotes, nothing for
// null, everything else as it is written.
func Text(v jsontext.Value) string {
	switch v.Kind() {
	case 'n', 0:
		return ""
	case '"':
		text, _ := jsontext.AppendUnquote(nil, v) // text that is not UTF-8 is mended
		return string(text)
	default:
		return string(v)
	}
}

// Flag returns a boolean, also one that is written as a string, and whether the
// value is one.
func Flag(v jsontext.Value) (flag, ok bool) {
	switch strings.ToLower(Text(v)) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Whole returns a whole number that is not negative, also one that is written as
// a string, and whether the value is one.
func Whole(v jsontext.Value) (int64, bool) {
	if kind := v.Kind(); kind != '0' && kind != '"' {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(Text(v)), 10, 64)
	return n, err == nil && n >= 0
}
