package infer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// part is one part of a form.
type part struct {
	name, value, mediaType string
	file                   bool
}

// body reads the body of the request.
func (in *inference) body(op *connectorv1.Operation, r *request) {
	if !r.hasBody {
		return
	}
	declared := r.header("Content-Type")
	var m *connectorv1.MediaType
	switch {
	case len(r.parts) > 0:
		m = in.form("multipart/form-data", connectorv1.BodyKind_BODY_KIND_MULTIPART, r.parts)
	case declared == "" && r.urlencoded && !isJSON(r.body):
		m = in.media("application/x-www-form-urlencoded", r.body)
	case declared == "" && r.urlencoded:
		in.report(format.Info, CodeGuessed, "give a Content-Type", "the command sends JSON without saying so; application/json was assumed")
		m = in.media("application/json", r.body)
	default:
		m = in.media(declared, r.body)
	}
	op.RequestBody = &connectorv1.RequestBody{Required: true, Contents: []*connectorv1.MediaType{m}}
}

func isJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[') && jsontext.Value(text).IsValid()
}

// media describes a body. Without a declared type it is JSON if it can be, text
// if it is, or else bytes.
func (in *inference) media(declared string, body []byte) *connectorv1.MediaType {
	mediaType, parameters, err := mime.ParseMediaType(declared)
	if err != nil {
		mediaType, parameters = "", nil
	}
	switch {
	case mediaType == "" && isJSON(body):
		mediaType = "application/json"
	case mediaType == "" && utf8.Valid(body):
		mediaType = "text/plain"
	case mediaType == "":
		mediaType = "application/octet-stream"
	}
	out := &connectorv1.MediaType{MediaType: mediaType}
	switch {
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json") || mediaType == "text/json":
		out.Kind = connectorv1.BodyKind_BODY_KIND_JSON
		in.json(out, body)
	case mediaType == "application/x-www-form-urlencoded":
		return in.form(mediaType, connectorv1.BodyKind_BODY_KIND_FORM, urlencodedParts(body))
	case mediaType == "multipart/form-data":
		return in.form(mediaType, connectorv1.BodyKind_BODY_KIND_MULTIPART, multipartParts(body, parameters["boundary"]))
	case strings.HasSuffix(mediaType, "/xml") || strings.HasSuffix(mediaType, "+xml"):
		out.Kind = connectorv1.BodyKind_BODY_KIND_XML
	case strings.HasPrefix(mediaType, "text/"):
		out.Kind, out.Schema = connectorv1.BodyKind_BODY_KIND_TEXT, []byte(`{"type":"string"}`)
	default:
		out.Kind = connectorv1.BodyKind_BODY_KIND_BINARY
	}
	return out
}

func (in *inference) json(out *connectorv1.MediaType, body []byte) {
	if len(bytes.TrimSpace(body)) == 0 {
		return
	}
	doc, err := document.Parse("body.json", body)
	if err != nil || !jsontext.Value(body).IsValid() {
		in.report(format.Warning, CodeGuessed, "correct the body", "the body is called JSON and is not; its schema is not known")
		return
	}
	out.Schema = sample.Schema(doc.Root())
	if len(body) > maxExampleBytes {
		return
	}
	example, left := withoutSecrets(body)
	if example != nil {
		out.Examples = [][]byte{example}
	}
	for _, name := range left {
		in.secret("the value of %q looks like a credential and was left out", name)
	}
}

// withoutSecrets returns the JSON text without members that are credentials, and
// the names of these. It is nil if the text cannot be copied.
func withoutSecrets(text []byte) (copied []byte, left []string) {
	var b bytes.Buffer
	c := copier{in: jsontext.NewDecoder(bytes.NewBuffer(text)), out: jsontext.NewEncoder(&b)}
	var err error
	for err == nil {
		err = c.next()
	}
	if !errors.Is(err, io.EOF) {
		return nil, nil
	}
	return bytes.TrimSpace(b.Bytes()), c.left
}

// copier copies JSON without credentials.
type copier struct {
	in   *jsontext.Decoder
	out  *jsontext.Encoder
	left []string
}

// next copies a token, or a member with its value if that is text or a number.
func (c *copier) next() error {
	t, err := c.in.ReadToken()
	if err != nil {
		return err
	}
	kind, length := c.in.StackIndex(c.in.StackDepth())
	isName := kind == '{' && length%2 == 1 && t.Kind() == '"'
	switch {
	case isName:
		return c.member(t.String())
	case t.Kind() == '"' && secretlike.Inside(t.String()):
		c.left = append(c.left, "an element")
		t = jsontext.String("")
	}
	return c.out.WriteToken(t)
}

func (c *copier) member(name string) error {
	kind := c.in.PeekKind()
	if kind != '"' && kind != '0' {
		return c.out.WriteToken(jsontext.String(name))
	}
	v, err := c.in.ReadValue()
	if err != nil {
		return err
	}
	if isCredential(name) || kind == '"' && secretText(name, v) {
		c.left = append(c.left, name)
		return nil
	}
	if err := c.out.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	return c.out.WriteValue(v)
}

func secretText(name string, v jsontext.Value) bool {
	text, err := jsontext.AppendUnquote(nil, v)
	return err == nil && (secretlike.Member(name, string(text)) || secretlike.Inside(string(text)))
}

// form describes a form: an object with a property for each part.
func (in *inference) form(mediaType string, kind connectorv1.BodyKind, parts []part) *connectorv1.MediaType {
	out := &connectorv1.MediaType{MediaType: mediaType, Kind: kind}
	values := map[string][]part{}
	var names []string
	for _, p := range parts {
		if _, ok := values[p.name]; !ok {
			names = append(names, p.name)
		}
		values[p.name] = append(values[p.name], p)
	}
	schema, example := []byte(`{"type":"object","properties":{`), []byte(`{`)
	separator := ""
	for i, name := range names {
		if i > 0 {
			schema = append(schema, ',')
		}
		list := values[name]
		schema = append(append(document.AppendString(schema, name), ':'), partSchema(list)...)
		if list[0].file || list[0].mediaType != "" {
			out.Encodings = append(out.Encodings, &connectorv1.PropertyEncoding{Property: name, ContentType: list[0].mediaType, File: list[0].file})
		}
		switch {
		case list[0].file || len(list) > 1 || list[0].value == "":
		case isCredential(name) || secretlike.Member(name, list[0].value):
			in.secret("the value of %q looks like a credential and was left out", name)
		default:
			example = document.AppendString(append(example, separator...), name)
			example = append(append(example, ':'), sample.Typed(list[0].value)...)
			separator = ","
		}
	}
	schema = append(schema, "}}"...)
	out.Schema = schema
	if separator != "" && len(example) < maxExampleBytes {
		out.Examples = [][]byte{append(example, '}')}
	}
	return out
}

func partSchema(list []part) []byte {
	if list[0].file {
		return []byte(`{"type":"string","format":"binary"}`)
	}
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.value
	}
	one := sample.Text(texts...)
	if len(list) > 1 {
		return fmt.Appendf(nil, `{"type":"array","items":%s}`, one)
	}
	return one
}

func urlencodedParts(body []byte) []part {
	var parts []part
	for pair := range strings.SplitSeq(string(body), "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, value := unescaped(rawName), unescaped(rawValue)
		if name != "" && utf8.ValidString(name) && utf8.ValidString(value) && len(parts) < maxParameters {
			parts = append(parts, part{name: name, value: value})
		}
	}
	return parts
}

func multipartParts(body []byte, boundary string) []part {
	if boundary == "" {
		return nil
	}
	var parts []part
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for len(parts) < maxParameters {
		p, err := reader.NextPart()
		if err != nil {
			break
		}
		one := part{name: p.FormName(), file: p.FileName() != "", mediaType: p.Header.Get("Content-Type")}
		content, err := io.ReadAll(io.LimitReader(p, maxExampleBytes))
		if err == nil && !one.file && utf8.Valid(content) {
			one.value = string(content)
		}
		if one.name != "" && utf8.ValidString(one.name) {
			parts = append(parts, one)
		}
	}
	return parts
}

// response reads the answer; without one there is only the promise that the call
// can succeed.
func (in *inference) response(op *connectorv1.Operation, r *Response) {
	if r == nil {
		op.Responses = []*connectorv1.Response{{Status: "default"}}
		in.report(format.Info, CodeGuessed, "give a sample of the answer", "the sample has no answer; what the API answers with is not known")
		return
	}
	status := r.Status
	if status == 0 {
		status = 200
	}
	out := &connectorv1.Response{Status: strconv.Itoa(status)}
	declared := ""
	seen := map[string]bool{}
	for _, h := range parseHeaders(r.Headers) {
		lower := strings.ToLower(h.name)
		if lower == "content-type" {
			declared = h.value
		}
		if isTelling(lower) && !seen[lower] {
			seen[lower] = true
			out.Headers = append(out.Headers, &connectorv1.ResponseHeader{Name: h.name, Schema: sample.Text(h.value)})
		}
	}
	if len(r.Body) > 0 {
		out.Contents = []*connectorv1.MediaType{in.media(declared, r.Body)}
	}
	op.Responses = []*connectorv1.Response{out}
}

// isTelling reports whether callers may want to know a header of an answer.
func isTelling(name string) bool {
	switch name {
	case "location", "link", "etag", "retry-after", "last-modified", "content-disposition":
		return true
	case "x-powered-by", "x-request-id", "x-correlation-id", "x-content-type-options", "x-frame-options", "x-xss-protection", "x-cache", "x-runtime", "x-served-by", "x-timer", "x-cache-hits":
		return false
	default:
		return strings.HasPrefix(name, "x-") && !isCredential(name) && !strings.HasPrefix(name, "x-amz-cf-") && !strings.HasPrefix(name, "x-aspnet")
	}
}
