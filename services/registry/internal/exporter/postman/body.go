package postman

import (
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
)

// parse reads JSON text, nil if it is none.
func parse(text []byte) *document.Node {
	if len(text) == 0 {
		return nil
	}
	doc, err := document.Parse("value.json", text)
	if err != nil {
		return nil
	}
	return doc.Root()
}

// named returns the named schema.
func (w *writer) named(name string) *document.Node {
	n, ok := w.parsed[name]
	if !ok {
		n = parse(w.schemas[name])
		w.parsed[name] = n
	}
	return n
}

// value returns the first example of a body, or else makes one up of its schema.
func (w *writer) value(m *connectorv1.MediaType) []byte {
	if len(m.GetExamples()) > 0 {
		return m.GetExamples()[0]
	}
	return w.makeUp(sample.Value, m.GetSchema())
}

// makeUp makes a value of the schema as long as there is room for it.
func (w *writer) makeUp(from func(*document.Node, func(string) *document.Node) []byte, schema []byte) []byte {
	if w.made > maxMade {
		w.lost("made", "/schemas", "bodies of the last operations are empty: there are too many to make up")
		return []byte("{}")
	}
	made := from(parse(schema), w.named)
	w.made += len(made)
	return made
}

// text returns the value of a parameter as text: an example, default or allowed
// value, or else the name of its type.
func (w *writer) text(schema []byte, examples [][]byte) string {
	root := parse(schema)
	if len(examples) > 0 {
		return flat(parse(examples[0]))
	}
	for range 8 {
		name, ok := strings.CutPrefix(root.Str("$ref"), "#/$defs/")
		if !ok {
			break
		}
		root = w.named(document.UnescapeToken(name))
	}
	for _, key := range []string{"default", "const", "example"} {
		if v := root.Get(key); v != nil {
			return flat(v)
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if list := root.Get(key).Children(); len(list) > 0 {
			return flat(list[0])
		}
	}
	return typeName(root)
}

// typeName is how Postman shows that a value of a type belongs here.
func typeName(schema *document.Node) string {
	t := schema.Get("type")
	if t.Is(document.Array) && len(t.Children()) > 0 {
		t = t.Children()[0]
	}
	switch t.Text() {
	case "integer", "number", "boolean":
		return "<" + t.Text() + ">"
	}
	switch schema.Str("format") {
	case "date", "uuid", "email", "uri":
		return "<" + schema.Str("format") + ">"
	case "date-time":
		return "<dateTime>"
	}
	return "<string>"
}

// flat is a value as text: scalars as they are, lists with commas between.
func flat(n *document.Node) string {
	if n.Is(document.Array) {
		var items []string
		for _, c := range n.Children() {
			items = append(items, flat(c))
		}
		return strings.Join(items, ",")
	}
	if n.Is(document.Object) {
		return string(n.JSON())
	}
	return n.Text()
}

// languages are the names of Postman's editor for kinds of bodies.
var languages = map[connectorv1.BodyKind]string{
	connectorv1.BodyKind_BODY_KIND_JSON: "json", connectorv1.BodyKind_BODY_KIND_XML: "xml", connectorv1.BodyKind_BODY_KIND_TEXT: "text",
}

// requestBody writes the body in its first representation, and reports whether
// there is one.
func (w *writer) requestBody(pointer string, r *request, op *connectorv1.Operation) bool {
	b := op.GetRequestBody()
	if len(b.GetContents()) == 0 {
		return false
	}
	if len(b.GetContents()) > 1 {
		w.lost("representations", pointer+"/requestBody/contents/1", "a request has one body; other representations are left out")
	}
	m := b.GetContents()[0]
	hasType := false
	for _, h := range r.Header {
		hasType = hasType || strings.EqualFold(h.Key, "Content-Type")
	}
	if !hasType && m.GetKind() != connectorv1.BodyKind_BODY_KIND_MULTIPART {
		r.Header = append(r.Header, pair{Key: "Content-Type", Value: m.GetMediaType(), System: true})
	}
	switch m.GetKind() {
	case connectorv1.BodyKind_BODY_KIND_FORM:
		r.Body = &body{Mode: "urlencoded", URLEncoded: w.fields(m)}
	case connectorv1.BodyKind_BODY_KIND_MULTIPART:
		r.Body = &body{Mode: "formdata", FormData: w.fields(m)}
	case connectorv1.BodyKind_BODY_KIND_BINARY:
		r.Body = &body{Mode: "file", File: &file{}}
	case connectorv1.BodyKind_BODY_KIND_JSON:
		r.Body = &body{Mode: "raw", Raw: string(w.value(m))}
	case connectorv1.BodyKind_BODY_KIND_TEXT, connectorv1.BodyKind_BODY_KIND_XML, connectorv1.BodyKind_BODY_KIND_UNSPECIFIED:
		r.Body = &body{Mode: "raw", Raw: flat(parse(w.value(m)))}
	}
	if l := languages[m.GetKind()]; l != "" {
		r.Body.Options = &options{Raw: language{Language: l}}
	}
	return true
}

// fields writes the properties of a form, with the values of its example.
func (w *writer) fields(m *connectorv1.MediaType) []pair {
	list := []pair{}
	schema := parse(m.GetSchema())
	for range 8 {
		name, ok := strings.CutPrefix(schema.Str("$ref"), "#/$defs/")
		if !ok {
			break
		}
		schema = w.named(document.UnescapeToken(name))
	}
	var example *document.Node
	if len(m.GetExamples()) > 0 {
		example = parse(m.GetExamples()[0])
	}
	required := map[string]bool{}
	for _, n := range schema.Get("required").Children() {
		required[n.Text()] = true
	}
	for _, p := range schema.Get("properties").Children() {
		field := pair{Key: p.Key(), Type: "text", Description: p.Str("description"), Disabled: !required[p.Key()] && len(required) > 0}
		if given := example.Get(p.Key()); given != nil {
			field.Value = flat(given)
		} else {
			field.Value = w.text(p.JSON(), nil)
		}
		for _, e := range m.GetEncodings() {
			if e.GetProperty() == p.Key() {
				field.ContentType = e.GetContentType()
				if e.GetFile() {
					field.Type, field.Value, field.Src = "file", "", []string{}
				}
			}
		}
		list = append(list, field)
	}
	return list
}

// responses writes each example as a saved response. Where there is none, one
// is made of the schema.
func (w *writer) responses(pointer string, op *connectorv1.Operation) []saved {
	list := []saved{}
	for _, resp := range op.GetResponses() {
		s := saved{Name: resp.GetDescription(), Header: []pair{}}
		if s.Name == "" {
			s.Name = resp.GetStatus()
		}
		code, err := strconv.Atoi(strings.NewReplacer("X", "0", "x", "0").Replace(resp.GetStatus()))
		if s.Code = code; err != nil || strings.ContainsAny(resp.GetStatus(), "xX") {
			w.approximated("statuses", pointer+"/responses", "saved responses have one status; ranges read as their first, and \"default\" has none")
		}
		for _, h := range resp.GetHeaders() {
			s.Header = append(s.Header, pair{Key: h.GetName(), Description: h.GetDescription()})
		}
		if len(resp.GetContents()) == 0 {
			list = append(list, s)
			continue
		}
		for _, m := range resp.GetContents() {
			list = append(list, w.saved(s, m)...)
		}
	}
	return list
}

// saved writes one response for each example of a representation, or else one
// with a body that is made up.
func (w *writer) saved(s saved, m *connectorv1.MediaType) []saved {
	var list []saved
	s.Header = append([]pair{{Key: "Content-Type", Value: m.GetMediaType()}}, s.Header...)
	s.Language = languages[m.GetKind()]
	isText := m.GetKind() != connectorv1.BodyKind_BODY_KIND_JSON
	for _, e := range m.GetExamples() {
		if s.Body = string(e); isText {
			s.Body = flat(parse(e))
		}
		list = append(list, s)
	}
	if len(list) > 0 {
		return list
	}
	if len(m.GetSchema()) > 0 && !isText {
		s.Body = string(w.makeUp(sample.Answer, m.GetSchema()))
	}
	return []saved{s}
}
