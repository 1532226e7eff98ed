package openapi

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// direction says which way a body goes.
type direction int

const (
	// isRequest goes to the API.
	isRequest direction = iota
	// isAnswer comes from the API.
	isAnswer
)

// requestBody reads a body, nil for nil.
func (t *translation) requestBody(n *document.Node) *connectorv1.RequestBody {
	if n == nil {
		return nil
	}
	body := &connectorv1.RequestBody{
		Description: n.Str("description"), Name: n.Str("x-bodyName"), Summary: n.Str("x-ms-summary"),
		Extensions: t.extensions(n, "x-bodyName", "x-ms-summary"),
	}
	if body.GetName() == "" {
		body.Name = n.Str(bodyNameExtension)
	}
	body.Required, _ = vendor.Flag(n.Get("required"))
	body.Contents = t.contents(n.Get("content"), isRequest)
	if len(body.GetContents()) == 0 {
		t.warn("BodySchemaMissing", n, "list its media types under \"content\"", "the body has no media type; anything is sent as JSON")
		body.Contents = []*connectorv1.MediaType{{MediaType: mediaJSON, Kind: connectorv1.BodyKind_BODY_KIND_JSON}}
	}
	return body
}

// bodyNameExtension is the name of a body, which converters of Swagger 2.0
// documents keep.
const bodyNameExtension = "x-codegen-request-body-name"

// contents reads the representations of a body. In requests JSON comes first if
// it is among them: the first is what the runtime sends, and every value can be
// written as JSON.
func (t *translation) contents(n *document.Node, way direction) []*connectorv1.MediaType {
	var list []*connectorv1.MediaType
	first := 0
	for _, c := range firstOf(n.Children(), maxMediaTypes) {
		media := t.resolve(c)
		if media == nil || c.Key() == "" {
			continue
		}
		content := t.content(strings.TrimSpace(c.Key()), media)
		if way == isRequest && first == 0 && len(list) > 0 && isJSON(content.GetMediaType()) && !isJSON(list[0].GetMediaType()) {
			first = len(list)
		}
		list = append(list, content)
	}
	if first > 0 {
		json := list[first]
		copy(list[1:first+1], list[:first])
		list[0] = json
	}
	return list
}

func (t *translation) content(mediaType string, n *document.Node) *connectorv1.MediaType {
	schema := n.Get("schema")
	content := &connectorv1.MediaType{
		MediaType: mediaType, Kind: bodyKind(mediaType), Schema: t.schemaOf(schema), Examples: t.examplesOf(n),
	}
	if items := n.Get("itemSchema"); schema == nil && items != nil {
		t.note("ItemSchema", items, "the items of the stream are described as those of a list")
		w := newObject()
		w.key("type").text("array")
		w.key("items")
		w.b = append(w.b, t.schemaOf(items)...)
		content.Schema = t.budget.spend(w.end())
	}
	switch kind := content.GetKind(); {
	case kind == connectorv1.BodyKind_BODY_KIND_FORM || kind == connectorv1.BodyKind_BODY_KIND_MULTIPART:
		content.Encodings = t.encodings(n, kind)
	case t.isBinary(schema):
		content.Kind = connectorv1.BodyKind_BODY_KIND_BINARY
	}
	return content
}

// fields returns the properties of a form's schema, in order, each with the name
// that it has first, and which of them are required. They may be spread over
// references and the parts of allOf.
func (t *translation) fields(schema *document.Node) (list []*document.Node, required map[string]bool) {
	required = map[string]bool{}
	named := map[string]bool{}
	seen := map[*document.Node]bool{}
	var collect func(n *document.Node)
	collect = func(n *document.Node) {
		n = t.peek(n)
		if n == nil || seen[n] || t.budget.visits > maxVisits {
			return
		}
		seen[n] = true
		t.budget.visits += 1 + len(n.Get("properties").Children())
		for _, name := range texts(n.Get("required")) {
			required[name] = true
		}
		for _, p := range n.Get("properties").Children() {
			if !named[p.Key()] && len(list) < MaxParameters {
				named[p.Key()] = true
				list = append(list, p)
			}
		}
		for _, part := range n.Get("allOf").Children() {
			collect(part)
		}
	}
	collect(schema)
	return list, required
}

// encodings says how the properties of a form are written, where it is not as the
// runtime writes them anyway: lists as repeated fields, objects as JSON text.
func (t *translation) encodings(n *document.Node, kind connectorv1.BodyKind) []*connectorv1.PropertyEncoding {
	var list []*connectorv1.PropertyEncoding
	written := n.Get("encoding")
	known := map[string]bool{}
	fields, _ := t.fields(n.Get("schema"))
	for _, f := range fields {
		known[f.Key()] = true
		e := t.encoding(f.Key(), t.peek(f), written.Get(f.Key()), kind)
		if e != nil {
			list = append(list, e)
		}
	}
	for _, c := range firstOf(written.Children(), MaxParameters) {
		if known[c.Key()] || !c.Is(document.Object) {
			continue
		}
		if len(fields) > 0 {
			t.note("EncodingUnused", c, "the form has no property %q", c.Key())
		}
		list = append(list, t.encoding(c.Key(), nil, c, kind))
	}
	return list
}

// encoding reads how one property is written; nil if there is nothing to say.
func (t *translation) encoding(name string, schema, n *document.Node, kind connectorv1.BodyKind) *connectorv1.PropertyEncoding {
	e := &connectorv1.PropertyEncoding{Property: name, ContentType: n.Str("contentType")}
	multipart := kind == connectorv1.BodyKind_BODY_KIND_MULTIPART
	e.File = multipart && t.isFile(schema, e.GetContentType())
	if n == nil {
		if e.GetFile() {
			return e
		}
		return nil
	}
	styled := n.Get("style") != nil || n.Get("explode") != nil || n.Get("allowReserved") != nil
	if styled && multipart && minorOf(t.root) == 0 {
		t.note("EncodingStyleIgnored", n, "OpenAPI 3.0 knows no styles in multipart bodies; that of %q is ignored", name)
		styled = false
	}
	if styled || !multipart {
		e.Style, e.Explode = t.style3(n, "query")
	}
	if !styled && e.GetContentType() != "" && !multipart && schema.Str("type") == "object" {
		e.Explode = false // the value is one document
	}
	if styled {
		e.AllowReserved, _ = vendor.Flag(n.Get("allowReserved"))
	}
	for _, c := range firstOf(n.Get("headers").Children(), MaxParameters) {
		h := t.resolve(c)
		if h == nil || strings.EqualFold(c.Key(), "Content-Type") {
			continue
		}
		header := &connectorv1.ResponseHeader{Name: c.Key(), Description: h.Str("description")}
		t.dialect.readHeader(header, h)
		e.Headers = append(e.Headers, header)
	}
	return e
}

// isFile reports whether a property of a multipart body, or each item of a list,
// is bytes: a binary string, content of a media type that is not encoded as text,
// or anything without a type that is sent as such content.
func (t *translation) isFile(schema *document.Node, contentType string) bool {
	if items := schema.Get("items"); items != nil && schema.Str("type") == "array" {
		schema = t.peek(items)
	}
	types := texts(schema.Get("type"))
	isText := len(types) > 0 && types[0] == "string"
	if len(types) > 0 && !isText {
		return false
	}
	if format := schema.Str("format"); isText && (format == "binary" || format == "file") {
		return true
	}
	if encoding := schema.Str("contentEncoding"); encoding != "" && encoding != "binary" {
		return false
	}
	media := schema.Str("contentMediaType")
	if media == "" {
		media, _, _ = strings.Cut(contentType, ",")
	}
	return media != "" && bodyKind(media) == connectorv1.BodyKind_BODY_KIND_BINARY
}
