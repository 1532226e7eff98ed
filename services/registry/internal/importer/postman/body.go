package postman

import (
	"bytes"
	"mime"
	"net/textproto"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

const (
	mediaJSON      = "application/json"
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
	mediaBinary    = "application/octet-stream"
)

// languages are the media types of the languages that Postman's editor knows.
var languages = map[string]string{
	"json": mediaJSON, "xml": "application/xml", "html": "text/html", "javascript": "application/javascript", "text": "text/plain",
}

// requestBody reads the body. Postman itself sends none with GET and HEAD unless
// it is told to.
func (t *translation) requestBody(r *request, method string) *connectorv1.RequestBody {
	b := r.body
	empty := b.mode == noBody || b.mode == rawBody && strings.TrimSpace(b.raw) == "" ||
		(b.mode == formBody || b.mode == urlencodedBody) && len(b.fields) == 0 || b.mode == graphqlBody && b.query == ""
	if empty {
		return nil
	}
	if (method == "GET" || method == "HEAD") && !r.unpruned {
		t.note("BodyIgnored", b.node, "the body is ignored: Postman sends none with %s", method)
		return nil
	}
	var m *connectorv1.MediaType
	switch b.mode {
	case rawBody:
		m = t.rawMedia(r)
	case urlencodedBody, formBody:
		m = t.formMedia(r)
	case graphqlBody:
		m = t.graphqlMedia(r)
	case fileBody, noBody:
		m = &connectorv1.MediaType{
			MediaType: declared(r.headers, mediaBinary), Kind: connectorv1.BodyKind_BODY_KIND_BINARY,
			Schema: []byte(`{"type":"string","format":"binary"}`),
		}
	}
	return &connectorv1.RequestBody{Required: needed(b), Name: "body", Contents: []*connectorv1.MediaType{m}}
}

// needed reports whether a request is nothing without its body; forms may have
// only fields that can be left out.
func needed(b body) bool {
	if b.mode != formBody && b.mode != urlencodedBody {
		return true
	}
	return slices.ContainsFunc(b.fields, func(p pair) bool { return !p.disabled })
}

// declared returns the Content-Type header, or else the other.
func declared(headers []pair, otherwise string) string {
	for _, h := range headers {
		if !h.disabled && textproto.CanonicalMIMEHeaderKey(h.key) == "Content-Type" && h.value != "" && !strings.Contains(h.value, "{{") {
			if _, _, err := mime.ParseMediaType(h.value); err == nil && len(h.value) <= maxNameBytes {
				return h.value
			}
		}
	}
	return otherwise
}

// rawMedia reads a body that was written as text. Its media type is what the
// header says, or else the language of the editor, or else JSON if it is JSON.
func (t *translation) rawMedia(r *request) *connectorv1.MediaType {
	root := t.lenient(r)
	media := languages[r.body.language]
	if media == "" || media == "text/plain" {
		media = "text/plain"
		if root.Is(document.Object) || root.Is(document.Array) {
			media = mediaJSON
		}
	}
	media = declared(r.headers, media)
	m := &connectorv1.MediaType{MediaType: media, Kind: bodyKind(media)}
	if m.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON && root != nil {
		m.Schema = sample.Input(root)
		t.example(m, t.redacted(nil, root, r.body.node))
		return m
	}
	if m.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON {
		t.warn("BodyInvalid", r.body.node, "correct the JSON", "the body is not valid JSON; its schema is unknown")
		return m
	}
	m.Schema = []byte(`{"type":"string"}`)
	text, complete := t.expand(r.body.raw, r, t.defaults())
	t.textExample(m, text, complete, r.body.node)
	return m
}

// textExample keeps text as an example unless it may have secrets in it.
func (t *translation) textExample(m *connectorv1.MediaType, text string, complete bool, at *document.Node) {
	if text == "" {
		return
	}
	if secretlike.Assigned(text) {
		if !strings.Contains(text, "{{") {
			t.warn("SecretInSource", at, revoke,
				"the text seems to hold a secret; it was not kept as an example")
		}
		return
	}
	if complete {
		t.example(m, document.AppendString(nil, text))
	}
}

// example adds an example as far as there is room.
func (t *translation) example(m *connectorv1.MediaType, example []byte) {
	same := func(o []byte) bool { return bytes.Equal(o, example) }
	if len(example) > MaxExampleBytes || len(m.GetExamples()) == MaxExamples || slices.ContainsFunc(m.GetExamples(), same) {
		return
	}
	m.Examples = append(m.Examples, example)
}

// graphqlMedia is the JSON object that GraphQL servers take, with the query of
// the request as it stands, unless there is a secret in it.
func (t *translation) graphqlMedia(r *request) *connectorv1.MediaType {
	withheld := secretlike.Literal(r.body.query) || secretlike.Value(r.body.operation)
	b := []byte(`{"type":"object","properties":{"query":{"type":"string"`)
	if withheld {
		t.warn("SecretInSource", r.body.node, revoke, "the query has a secret in it; it was not copied. Make a variable of it")
	} else {
		b = document.AppendString(append(b, `,"default":`...), r.body.query)
	}
	b = append(b, '}')
	example := append([]byte(`{"query":`), document.AppendString(nil, r.body.query)...)
	if r.body.operation != "" && !withheld {
		b = append(document.AppendString(append(b, `,"operationName":{"type":"string","default":`...), r.body.operation), '}')
		example = document.AppendString(append(example, `,"operationName":`...), r.body.operation)
	}
	b = append(b, `,"variables":`...)
	if variables := t.lenientText(r, r.body.variables); variables.Is(document.Object) {
		b = append(b, sample.Input(variables)...)
		example = t.redacted(append(example, `,"variables":`...), variables, r.body.node)
	} else {
		b = append(b, `{"type":"object"}`...)
	}
	m := &connectorv1.MediaType{
		MediaType: mediaJSON, Kind: connectorv1.BodyKind_BODY_KIND_JSON,
		Schema: append(b, `},"required":["query"]}`...),
	}
	if !withheld {
		t.example(m, append(example, '}'))
	}
	return m
}

// formMedia is one object with a property for each field.
func (t *translation) formMedia(r *request) *connectorv1.MediaType {
	m := &connectorv1.MediaType{MediaType: mediaForm, Kind: connectorv1.BodyKind_BODY_KIND_FORM}
	if r.body.mode == formBody {
		m.MediaType, m.Kind = mediaMultipart, connectorv1.BodyKind_BODY_KIND_MULTIPART
	}
	in := inputs{t: t, r: r}
	for _, p := range r.body.fields {
		name := in.name(p.key)
		if name == "" {
			continue
		}
		field := &connectorv1.Parameter{Name: name, Location: inQuery, Description: p.description}
		kept, isNew := in.add(field)
		if kept == nil {
			continue
		}
		if p.file {
			field.Schema = []byte(`{"type":"string","format":"binary"}`)
		} else {
			in.value(field, p, true)
		}
		if !isNew {
			repeat(kept, field)
			continue
		}
		if p.file || p.contentType != "" {
			m.Encodings = append(m.Encodings, &connectorv1.PropertyEncoding{Property: name, ContentType: shorten(p.contentType), File: p.file})
		}
	}
	if in.dropped {
		t.warn("TooManyParameters", r.body.node, "split the request", "the form has more than %d fields; the rest is ignored", MaxParameters)
	}
	m.Schema = formSchema(in.list)
	for _, f := range in.list {
		if f.GetStyle() == connectorv1.ParameterStyle_PARAMETER_STYLE_FORM {
			m.Encodings = append(m.Encodings, &connectorv1.PropertyEncoding{
				Property: f.GetName(), Style: f.GetStyle(), Explode: true, File: strings.Contains(string(f.GetSchema()), `"format":"binary"`),
			})
		}
	}
	return m
}

// formSchema puts the fields of a form together.
func formSchema(fields []*connectorv1.Parameter) []byte {
	b := []byte(`{"type":"object","properties":{`)
	var required []byte
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(document.AppendString(b, f.GetName()), ':')
		b = append(b, f.GetSchema()[:len(f.GetSchema())-1]...)
		if f.GetDescription() != "" {
			b = document.AppendString(append(b, `,"description":`...), f.GetDescription())
		}
		for _, e := range f.GetExamples() {
			b = append(append(append(b, `,"examples":[`...), e...), ']')
		}
		b = append(b, '}')
		if f.GetRequired() {
			required = append(document.AppendString(required, f.GetName()), ',')
		}
	}
	b = append(b, '}')
	if len(required) > 0 {
		b = append(append(append(b, `,"required":[`...), required[:len(required)-1]...), ']')
	}
	return append(b, '}')
}

// bodyKind tells how a value becomes bytes of a media type.
func bodyKind(media string) connectorv1.BodyKind {
	base, _, err := mime.ParseMediaType(media)
	if err != nil {
		base, _, _ = strings.Cut(strings.ToLower(media), ";")
	}
	switch {
	case base == mediaForm:
		return connectorv1.BodyKind_BODY_KIND_TEXT // written as text, it is sent as text
	case strings.HasSuffix(base, "/json"), strings.HasSuffix(base, "+json"):
		return connectorv1.BodyKind_BODY_KIND_JSON
	case strings.HasSuffix(base, "/xml"), strings.HasSuffix(base, "+xml"):
		return connectorv1.BodyKind_BODY_KIND_XML
	case strings.HasPrefix(base, "text/"), strings.HasSuffix(base, "javascript"), strings.HasSuffix(base, "/graphql"),
		strings.HasSuffix(base, "yaml"), strings.HasSuffix(base, "ndjson"):
		return connectorv1.BodyKind_BODY_KIND_TEXT
	}
	return connectorv1.BodyKind_BODY_KIND_BINARY
}
