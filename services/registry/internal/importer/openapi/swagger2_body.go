package openapi

import (
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// bodyOf reads the body parameter, or else the form.
func (t *translation) bodyOf(in []*document.Node, n *document.Node) *connectorv1.RequestBody {
	var bodies, fields []*document.Node
	for _, p := range in {
		switch p.Str("in") {
		case "body":
			bodies = append(bodies, p)
		case "formData":
			fields = append(fields, p)
		}
	}
	if len(bodies) > 1 {
		t.warn("BodyDuplicate", bodies[1], "remove one of them", "the operation has several bodies; the first one counts")
	}
	if len(bodies) > 0 && len(fields) > 0 {
		t.warn("BodyAndForm", fields[0], "remove the body or the form", "the operation has a body and a form; the form is ignored")
	}
	switch {
	case len(bodies) > 0:
		return t.bodyParameter(bodies[0], n)
	case len(fields) > 0:
		return t.form(fields, n)
	}
	return nil
}

func (t *translation) bodyParameter(p, n *document.Node) *connectorv1.RequestBody {
	body := &connectorv1.RequestBody{
		Required:    t.required(p),
		Description: p.Str("description"),
		Name:        p.Str("name"),
		Summary:     p.Str("x-ms-summary"),
		Extensions:  t.extensions(p, "x-ms-summary"),
	}
	schema := p.Get("schema")
	if schema == nil {
		t.warn("BodySchemaMissing", p, "add a schema", "the body has no schema; anything is accepted")
	}
	text, binary := t.schemaOf(schema), t.isBinary(schema)
	for _, media := range t.mediaTypes(n, "consumes") {
		content := &connectorv1.MediaType{MediaType: media, Kind: bodyKind(media), Schema: text}
		if binary {
			content.Kind = connectorv1.BodyKind_BODY_KIND_BINARY
		}
		body.Contents = append(body.Contents, content)
	}
	return body
}

// form makes one object of all fields, in their order. A form is required if
// one of its fields is.
func (t *translation) form(fields []*document.Node, n *document.Node) *connectorv1.RequestBody {
	body := &connectorv1.RequestBody{Name: "body"}
	hasFile := false
	var required []string
	var encodings []*connectorv1.PropertyEncoding
	w := newObject()
	w.key("type").text("object")
	properties := w.key("properties").object()
	for _, f := range fields {
		properties.key(f.Str("name"))
		properties.b = t.appendField(properties.b, f)
		if t.required(f) {
			body.Required = true
			required = append(required, f.Str("name"))
		}
		e := &connectorv1.PropertyEncoding{Property: f.Str("name"), File: f.Str("type") == "file"}
		e.Style, e.Explode = t.style(f)
		hasFile = hasFile || e.GetFile()
		if e.GetFile() || e.GetStyle() != connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED {
			encodings = append(encodings, e)
		}
	}
	w.b = properties.end()
	if len(required) > 0 {
		w.key("required").texts(required)
	}
	schema := w.end()
	for _, media := range t.formTypes(n, hasFile) {
		body.Contents = append(body.Contents, &connectorv1.MediaType{
			MediaType: media, Kind: bodyKind(media), Schema: schema, Encodings: encodings,
		})
	}
	return body
}

// formTypes returns the form types that the operation accepts; files need parts.
func (t *translation) formTypes(n *document.Node, hasFile bool) []string {
	types := slices.DeleteFunc(t.mediaTypes(n, "consumes"), func(media string) bool {
		kind := bodyKind(media)
		return kind != connectorv1.BodyKind_BODY_KIND_MULTIPART && (hasFile || kind != connectorv1.BodyKind_BODY_KIND_FORM)
	})
	switch {
	case len(types) > 0:
		return types
	case hasFile:
		return []string{mediaMultipart}
	}
	return []string{mediaForm}
}
