package plan

import (
	"cmp"
	"encoding/base64"
	"mime"
	"net/textproto"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// contentTypeField chooses the representation of a body.
const contentTypeField = "Content-Type"

// body is the plan of a request body.
type body struct {
	required bool
	contents []*content // at least one
}

// content is one representation of a body.
type content struct {
	mediaType string // as it is sent: no range
	said      string // as the description says it
	base      string // of that, without parameters
	kind      connectorv1.BodyKind
	validate  *validator
	defaults  *defaults
	formats   *formats
	encodings map[string]*connectorv1.PropertyEncoding
	root      *element // of XML
	// partHeaders are the constant header fields of parts, by property.
	partHeaders map[string]textproto.MIMEHeader
	order       []string // of the properties, where parts are told by it
}

func newBody(source *connectorv1.RequestBody, schemas *schemas) *body {
	b := &body{required: source.GetRequired()}
	for _, c := range source.GetContents() {
		b.contents = append(b.contents, newContent(c, schemas))
	}
	if len(b.contents) == 0 {
		b.contents = []*content{{mediaType: "application/json", said: "application/json", base: "application/json", kind: connectorv1.BodyKind_BODY_KIND_JSON}}
	}
	return b
}

func newContent(source *connectorv1.MediaType, schemas *schemas) *content {
	c := &content{
		mediaType: concrete(source.GetMediaType(), source.GetKind()),
		said:      source.GetMediaType(),
		base:      baseType(source.GetMediaType()),
		kind:      source.GetKind(),
		encodings: make(map[string]*connectorv1.PropertyEncoding, len(source.GetEncodings())),

		partHeaders: map[string]textproto.MIMEHeader{},
	}
	for _, e := range source.GetEncodings() {
		c.encodings[e.GetProperty()] = e
		if header := schemas.constantsOf(e); len(header) > 0 {
			c.partHeaders[e.GetProperty()] = header
		}
	}
	switch c.kind {
	case connectorv1.BodyKind_BODY_KIND_TEXT, connectorv1.BodyKind_BODY_KIND_BINARY:
		return c // the value is the document itself, whatever its schema describes
	case connectorv1.BodyKind_BODY_KIND_XML: // for values that are not the document itself
		c.root = schemas.elementsOf(source.GetSchema())
	case connectorv1.BodyKind_BODY_KIND_JSON, connectorv1.BodyKind_BODY_KIND_FORM,
		connectorv1.BodyKind_BODY_KIND_MULTIPART, connectorv1.BodyKind_BODY_KIND_UNSPECIFIED:
	}
	c.validate = schemas.compile(source.GetSchema())
	c.defaults = schemas.defaultsOf(source.GetSchema())
	c.formats = schemas.formatsOf(source.GetSchema())
	if c.kind == connectorv1.BodyKind_BODY_KIND_MULTIPART {
		c.formats = c.formats.ofParts()
		if c.isMixed() {
			c.order = schemas.orderOf(source.GetSchema())
		}
	}
	return c
}

// concrete returns a media type to send where a description has a range such as
// "application/*+json": what a body of the kind usually is.
func concrete(mediaType string, kind connectorv1.BodyKind) string {
	base, parameters, _ := strings.Cut(mediaType, ";")
	if !strings.Contains(base, "*") {
		return mediaType
	}
	switch kind {
	case connectorv1.BodyKind_BODY_KIND_FORM:
		base = "application/x-www-form-urlencoded"
	case connectorv1.BodyKind_BODY_KIND_MULTIPART:
		base = "multipart/form-data"
	case connectorv1.BodyKind_BODY_KIND_TEXT:
		base = "text/plain"
	case connectorv1.BodyKind_BODY_KIND_XML:
		base = "application/xml"
	case connectorv1.BodyKind_BODY_KIND_BINARY:
		base = "application/octet-stream"
	case connectorv1.BodyKind_BODY_KIND_JSON, connectorv1.BodyKind_BODY_KIND_UNSPECIFIED:
		base = "application/json"
	}
	if parameters == "" {
		return base
	}
	return base + ";" + parameters
}

func baseType(mediaType string) string {
	base, _, _ := strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(base))
}

// encode returns the body as it is sent. What cannot be written is a violation by its
// path.
func (c *content) encode(v jsontext.Value, found *violations) (out []byte, mediaType string) {
	switch c.kind {
	case connectorv1.BodyKind_BODY_KIND_FORM:
		return c.form(v, found), c.mediaType
	case connectorv1.BodyKind_BODY_KIND_MULTIPART:
		return c.multipart(v, found)
	case connectorv1.BodyKind_BODY_KIND_TEXT, connectorv1.BodyKind_BODY_KIND_XML, connectorv1.BodyKind_BODY_KIND_BINARY:
		return c.document(v, found)
	case connectorv1.BodyKind_BODY_KIND_JSON, connectorv1.BodyKind_BODY_KIND_UNSPECIFIED:
	}
	return v, c.mediaType
}

// document writes a body that is not made of properties, or XML. A JSON string is
// the text itself. Bytes come as {"$content": base64, "$content-type": media type}.
func (c *content) document(v jsontext.Value, found *violations) (out []byte, mediaType string) {
	if w, ok := unwrapContent(v); ok {
		if w.problem != "" {
			found.once(bodyInput, w.problem)
		}
		return w.content, cmp.Or(w.mediaType, c.mediaType)
	}
	if k := v.Kind(); k == '{' || k == '[' {
		if c.root != nil {
			return xmlDocument(c.root, v, found), c.mediaType
		}
		found.once(bodyInput, `must be a string with the text, or {"$content": base64} for bytes`)
		return nil, c.mediaType
	}
	return []byte(text(v)), c.mediaType
}

// isWritten reports whether a value is a document as it stands, so that its schema
// says nothing about it.
func (c *content) isWritten(v jsontext.Value) bool {
	if c.root == nil || (v.Kind() != '{' && v.Kind() != '[') {
		return c.root != nil
	}
	_, isContent := unwrapContent(v)
	return isContent
}

// wrapped is content in base64 with what is known about it.
type wrapped struct {
	content   []byte
	mediaType string
	fileName  string
	problem   string
}

// unwrapContent reads a content wrapper. The second result is false for values
// that are none.
func unwrapContent(v jsontext.Value) (wrapped, bool) {
	if v.Kind() != '{' {
		return wrapped{}, false
	}
	list := members(v)
	encoded := property(list, "$content")
	if encoded.Kind() != '"' {
		return wrapped{}, false
	}
	w := wrapped{}
	if t := property(list, "$content-type"); t.Kind() == '"' {
		w.mediaType = text(t)
		if _, _, err := mime.ParseMediaType(w.mediaType); err != nil || !request.ValidFieldValue(w.mediaType) {
			w.problem = "has a $content-type that is no media type"
			return w, true
		}
	}
	if n := property(list, "$filename"); n.Kind() == '"' {
		w.fileName = text(n)
	}
	content, err := base64.StdEncoding.DecodeString(text(encoded))
	if err != nil {
		w.problem = "has a $content that is not base64"
		return w, true
	}
	w.content = content
	return w, true
}
