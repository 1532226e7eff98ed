// Package tree builds JSON documents whose members keep the order in which they
// were set, and in which numbers and text that were JSON before keep their own
// spelling.
//
//	o := tree.New()
//	o.Text("title", "Pets").Set("version", tree.String("1"))
//	content, err := tree.Document(o)
package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// errInvalid is the error of a raw value that is no JSON text.
var errInvalid = errors.New("a value is no JSON text")

// Value is a part of a document.
type Value interface {
	// appendTo appends the value as compact JSON text.
	appendTo(b []byte) []byte
}

// String is a JSON string.
type String string

func (s String) appendTo(b []byte) []byte { return document.AppendString(b, string(s)) }

// Bool is true or false.
type Bool bool

func (v Bool) appendTo(b []byte) []byte { return strconv.AppendBool(b, bool(v)) }

// Int is a whole number.
type Int int64

func (v Int) appendTo(b []byte) []byte { return strconv.AppendInt(b, int64(v), 10) }

// Raw is JSON text, which is not checked before the whole document is written;
// nothing stands for null.
type Raw []byte

func (v Raw) appendTo(b []byte) []byte {
	if len(v) == 0 {
		return append(b, "null"...)
	}
	return append(b, v...)
}

// List is a JSON array.
type List []Value

func (l List) appendTo(b []byte) []byte {
	b = append(b, '[')
	for i, v := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.appendTo(b)
	}
	return append(b, ']')
}

// Strings returns a list of strings.
func Strings(texts []string) List {
	list := make(List, 0, len(texts))
	for _, s := range texts {
		list = append(list, String(s))
	}
	return list
}

// Object is a JSON object. It is for one goroutine.
type Object struct {
	keys   []string
	values map[string]Value
}

// New returns an object without members.
func New() *Object { return &Object{values: map[string]Value{}} }

func (o *Object) appendTo(b []byte) []byte {
	b = append(b, '{')
	for i, key := range o.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(document.AppendString(b, key), ':')
		b = o.values[key].appendTo(b)
	}
	return append(b, '}')
}

// Set adds a member at the end, or replaces the value of one that is there. It
// returns the object.
func (o *Object) Set(key string, v Value) *Object {
	if _, found := o.values[key]; !found {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
	return o
}

// Text sets a string unless it is empty.
func (o *Object) Text(key, s string) *Object {
	if s != "" {
		o.Set(key, String(s))
	}
	return o
}

// True sets true, or nothing if v is false.
func (o *Object) True(key string, v bool) *Object {
	if v {
		o.Set(key, Bool(true))
	}
	return o
}

// Some sets an object unless it is empty.
func (o *Object) Some(key string, v *Object) *Object {
	if v.Len() > 0 {
		o.Set(key, v)
	}
	return o
}

// Texts sets a list of strings unless it is empty.
func (o *Object) Texts(key string, list []string) *Object {
	if len(list) > 0 {
		o.Set(key, Strings(list))
	}
	return o
}

// Get returns the value of a member, nil if there is none.
func (o *Object) Get(key string) Value { return o.values[key] }

// Has reports whether there is such a member.
func (o *Object) Has(key string) bool { return o.values[key] != nil }

// Keys returns the keys in their order. The slice belongs to the object.
func (o *Object) Keys() []string { return o.keys }

// Len returns the number of members.
func (o *Object) Len() int { return len(o.keys) }

// Object returns the member that is an object. It is added if it is not there;
// anything else under that key is replaced.
func (o *Object) Object(key string) *Object {
	if inner, ok := o.values[key].(*Object); ok {
		return inner
	}
	inner := New()
	o.Set(key, inner)
	return inner
}

// At follows the tokens through objects and lists. Raw values on the way become
// values that can be changed. It is nil if the tokens do not end at an object.
func (o *Object) At(tokens []string) *Object {
	var v Value = o
	for _, token := range tokens {
		switch at := v.(type) {
		case *Object:
			if at.values[token] != nil {
				at.values[token] = thaw(at.values[token])
			}
			v = at.values[token]
		case List:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			at[i] = thaw(at[i])
			v = at[i]
		default:
			return nil
		}
	}
	found, _ := v.(*Object)
	return found
}

// thaw parses raw text; what cannot be parsed stays as it is.
func thaw(v Value) Value {
	raw, ok := v.(Raw)
	if !ok {
		return v
	}
	doc, err := document.Parse("value.json", raw)
	if err != nil {
		return v
	}
	return From(doc.Root())
}

// Compact returns a value as JSON text without white space between tokens.
func Compact(v Value) []byte { return v.appendTo(nil) }

// Document returns a value as a file: indented by two spaces, with a line break
// at its end. It fails if a raw value is no JSON text.
func Document(v Value) ([]byte, error) {
	compact := Compact(v)
	var out bytes.Buffer
	out.Grow(len(compact) + len(compact)/2)
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("write the document: %w: %w", errInvalid, err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// From returns a copy of a node that can be changed.
func From(n *document.Node) Value {
	switch n.Kind() {
	case document.Object:
		o := New()
		for _, c := range n.Children() {
			o.Set(c.Key(), From(c))
		}
		return o
	case document.Array:
		list := make(List, 0, len(n.Children()))
		for _, c := range n.Children() {
			list = append(list, From(c))
		}
		return list
	case document.String:
		return String(n.Text())
	case document.Invalid, document.Null, document.Bool, document.Number:
	}
	return Raw(n.JSON())
}
