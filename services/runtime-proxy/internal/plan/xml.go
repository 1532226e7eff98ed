package plan

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxElements is how deep the elements of a document may lie in each other.
	maxElements = 100
	// maxXML is how long a document may become, in bytes: the names of a schema
	// may be longer than those of the value.
	maxXML = 4 * MaxInput
	// rootElement is the name of a document whose schema has none.
	rootElement = "body"
)

// xmlWriter writes a value as XML, the way OpenAPI's XML Object says.
type xmlWriter struct {
	out   bytes.Buffer
	place []string // where in the value the writer is
	found *violations
	full  bool // nothing more is written
}

// xmlDocument returns a value as a document. What cannot be written is a violation.
func xmlDocument(root *element, v jsontext.Value, found *violations) []byte {
	w := &xmlWriter{found: found}
	w.out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	if v.Kind() == '[' {
		list := *root
		list.wrapped = true // there is one root
		w.list(&list, root.nameOr(rootElement), elements(v), 0)
	} else {
		w.one(root, root.nameOr(rootElement), v, 0)
	}
	return w.out.Bytes()
}

// XML writes a value, an object or a list, as its schema says. What cannot be written is
// left as it is.
func (r *Revision) XML(schema []byte, v jsontext.Value) []byte {
	return xmlDocument(r.schemas.elementsOf(schema), v, &violations{})
}

// problem reports what is wrong with the value at the present place.
func (w *xmlWriter) problem(text string) { w.found.once(join(bodyInput, w.place), text) }

// at does something with what is inside the present place.
func (w *xmlWriter) at(token string, do func()) {
	w.place = append(w.place, token)
	do()
	w.place = w.place[:len(w.place)-1]
}

// property writes the value of a property: an element, or one for each of a list.
func (w *xmlWriter) property(e *element, name string, v jsontext.Value, depth int) {
	switch v.Kind() {
	case 'n':
	case '[':
		w.list(e, name, elements(v), depth)
	default:
		w.one(e, e.nameOr(name), v, depth)
	}
}

// list writes elements. Their name is that of the items, else that of the list;
// a list has an element of its own only if it is wrapped.
func (w *xmlWriter) list(e *element, name string, items []jsontext.Value, depth int) {
	item, inner := e.item(), name
	if e.wrapped {
		inner = e.nameOr(name)
		w.start(e, inner, nil)
		defer w.end(e, inner)
	}
	inner = item.nameOr(inner)
	for i, one := range items {
		w.at(strconv.Itoa(i), func() { w.property(item, inner, one, depth+1) })
	}
}

// one writes a single element.
func (w *xmlWriter) one(e *element, name string, v jsontext.Value, depth int) {
	switch {
	case w.full:
		return
	case depth > maxElements:
		w.problem("must not be nested deeper than " + strconv.Itoa(maxElements) + " levels: each is an element of XML")
		return
	case w.out.Len() > maxXML:
		w.full = true
		w.found.once(bodyInput, "is too long as XML: it makes more than "+strconv.Itoa(maxXML)+" bytes")
		return
	}
	if v.Kind() != '{' {
		w.start(e, name, nil)
		w.text(text(v))
		w.end(e, name)
		return
	}
	list := e.sort(members(v))
	w.start(e, name, list)
	for _, m := range list {
		if p := e.property(m.name); !p.attribute || !isScalar(m.value) {
			w.at(m.name, func() { w.property(p, m.name, m.value, depth+1) })
		}
	}
	w.end(e, name)
}

// start opens an element with the attributes that are among its members.
func (w *xmlWriter) start(e *element, name string, list []member) {
	w.out.WriteByte('<')
	w.name(e.prefix, name)
	w.namespace(e)
	declared := []string{e.prefix} // twice would be no XML
	for _, m := range list {
		if p := e.property(m.name); p.attribute && isScalar(m.value) {
			if !slices.Contains(declared, p.prefix) {
				w.namespace(p)
				declared = append(declared, p.prefix)
			}
			w.out.WriteByte(' ')
			w.at(m.name, func() {
				w.name(p.prefix, p.nameOr(m.name))
				w.attribute(text(m.value))
			})
		}
	}
	w.out.WriteByte('>')
}

func (w *xmlWriter) end(e *element, name string) {
	w.out.WriteString("</")
	w.name(e.prefix, name)
	w.out.WriteByte('>')
}

func (w *xmlWriter) namespace(e *element) {
	if e.namespace == "" {
		return
	}
	w.out.WriteString(" xmlns")
	if e.prefix != "" {
		w.out.WriteByte(':')
		w.name("", e.prefix)
	}
	w.attribute(e.namespace)
}

func (w *xmlWriter) attribute(value string) {
	w.out.WriteString(`="`)
	w.text(value)
	w.out.WriteByte('"')
}

func (w *xmlWriter) name(prefix, name string) {
	if prefix != "" {
		w.name("", prefix)
		w.out.WriteByte(':')
	}
	if !isXMLName(name) {
		w.problem("cannot be written as XML: " + strconv.Quote(name) + " is no name of an element")
	}
	w.out.WriteString(name)
}

func (w *xmlWriter) text(plain string) {
	if strings.ContainsFunc(plain, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) {
		w.problem("cannot be written as XML: a text holds a control character")
	}
	_ = xml.EscapeText(&w.out, []byte(plain)) // a buffer takes everything
}

// isXMLName is stricter than XML 1.0, section 2.3: letters, digits and the marks
// that names have in practice. A colon may part a prefix from a name.
func isXMLName(name string) bool {
	for i, r := range name {
		switch {
		case unicode.IsLetter(r), r == '_':
		case i > 0 && (unicode.IsDigit(r) || strings.ContainsRune("-.:", r)):
		default:
			return false
		}
	}
	return name != ""
}

func isScalar(v jsontext.Value) bool {
	return slices.Contains([]jsontext.Kind{'"', '0', 't', 'f'}, v.Kind())
}
