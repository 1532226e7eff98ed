package plan

import (
	"bytes"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// member is one name and value of an object, in the caller's order.
type member struct {
	name  string
	value jsontext.Value
}

// text returns what a value looks like on the wire: a string's content, and
// the JSON text of everything else, numbers as the caller wrote them.
func text(v jsontext.Value) string {
	if v.Kind() == '"' {
		if len(v) >= 2 && bytes.IndexByte(v, '\\') < 0 && utf8.Valid(v) {
			return string(v[1 : len(v)-1]) // as it stands: one allocation instead of three
		}
		plain, err := jsontext.AppendUnquote(nil, v)
		if err == nil {
			return string(plain)
		}
	}
	if k := v.Kind(); k == '{' || k == '[' {
		v = v.Clone()
		if v.Compact() == nil {
			return string(v)
		}
	}
	return string(v)
}

// elements returns the elements of an array.
func elements(v jsontext.Value) []jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	var out []jsontext.Value
	for d.PeekKind() != ']' {
		item, err := d.ReadValue()
		if err != nil {
			return out
		}
		out = append(out, item.Clone()) // copied: it dies with the next read
	}
	return out
}

// members returns the members of an object in order. The value must be valid
// JSON, as all that comes out of readObject is.
func members(v jsontext.Value) []member {
	out, _ := readObject(v)
	return out
}

// decoder reads JSON in memory. It is used again: a new one for each object would
// be half a KiB.
type decoder struct {
	jsontext.Decoder

	from bytes.Buffer
}

// decoders are those that nobody uses at the moment.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

// release forgets what was read, which may hold secrets.
func (d *decoder) release() {
	d.from = bytes.Buffer{}
	d.Reset(&d.from)
	decoders.Put(d)
}

// readObject reads a whole text that has to be one JSON object in UTF-8 without
// repeated names. The values are parts of data.
func readObject(data []byte) ([]member, error) {
	d := decoders.Get().(*decoder) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	defer d.release()
	d.from = *bytes.NewBuffer(data)
	d.Reset(&d.from)
	if d.PeekKind() != '{' {
		if _, err := d.ReadValue(); err != nil {
			return nil, err
		}
		return nil, errNotObject
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var out []member
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		end := d.InputOffset()
		out = append(out, member{key, jsontext.Value(data[end-int64(len(value)) : end])})
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder returns io.EOF itself
		return nil, errTrailing
	}
	return out, nil
}

// property returns a member's value, nil if there is none.
func property(list []member, name string) jsontext.Value {
	for _, m := range list {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

type inputError string

func (e inputError) Error() string { return string(e) }

const (
	errNotObject = inputError("must be one JSON object")
	errTrailing  = inputError("must be one JSON object with nothing behind it")
)
