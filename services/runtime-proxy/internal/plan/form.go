package plan

import (
	"bytes"
	"cmp"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// notProperties is what is wrong with a form that is no object.
const notProperties = "must be an object: it is sent as a form, one field per property"

// form writes application/x-www-form-urlencoded. Arrays are repeated fields and
// objects JSON text, unless the property's encoding says otherwise. Null is not
// sent.
func (c *content) form(v jsontext.Value) (out []byte, mediaType, problem string) {
	if v.Kind() != '{' {
		return nil, "", notProperties
	}
	out = []byte{}
	for _, m := range members(v) {
		if m.value.Kind() == 'n' {
			continue
		}
		l := c.fieldLayout(m.name)
		value := m.value
		encoding, styled := c.encodings[m.name]
		if isDocument(encoding) && (value.Kind() == '{' || value.Kind() == '[') {
			value = jsonString(text(value))
		}
		if value.Kind() == '{' && (!styled || (!l.deep && !l.explode && l.inside == ",")) {
			value = jsonString(text(value))
		}
		pairs := l.expand(nil, m.name, value)
		if len(out) > 0 && len(pairs) > 0 {
			out = append(out, '&')
		}
		out = append(out, pairs...)
	}
	return bytes.ReplaceAll(out, []byte("%20"), []byte("+")), c.mediaType, "" // the form's own spelling of a space
}

// isDocument reports whether a property is written as JSON text, because its
// encoding says so and names no style, which would go first.
func isDocument(e *connectorv1.PropertyEncoding) bool {
	base, _, _ := strings.Cut(strings.ToLower(e.GetContentType()), ";")
	return e.GetStyle() == connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED &&
		(base == "application/json" || strings.HasSuffix(base, "+json"))
}

func (c *content) fieldLayout(name string) layout {
	p := &connectorv1.Parameter{Explode: true}
	if e, ok := c.encodings[name]; ok {
		p.Style, p.Explode, p.AllowReserved = e.GetStyle(), e.GetExplode(), e.GetAllowReserved()
	}
	return layoutOf(inQuery, p)
}

// jsonString returns text as a JSON string.
func jsonString(plain string) jsontext.Value {
	quoted, err := jsontext.AppendQuote(nil, plain)
	if err != nil {
		return jsontext.Value(`""`) // not for text that was read from valid JSON
	}
	return quoted
}

// multipart writes multipart/form-data (RFC 7578). Arrays are repeated parts and
// objects JSON parts. A file is {"$content": base64, "$content-type", "$filename"}
// or, where the encoding says that the property is one, a string with its text.
func (c *content) multipart(v jsontext.Value) (out []byte, mediaType, problem string) {
	if v.Kind() != '{' {
		return nil, "", notProperties
	}
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	for _, m := range members(v) {
		items := []jsontext.Value{m.value}
		if m.value.Kind() == '[' {
			items = elements(m.value)
		}
		for _, item := range items {
			if item.Kind() == 'n' {
				continue
			}
			if problem := c.part(w, m.name, item); problem != "" {
				return nil, "", m.name + " " + problem
			}
		}
	}
	_ = w.Close() // a buffer takes everything
	return buffer.Bytes(), w.FormDataContentType(), ""
}

func (c *content) part(w *multipart.Writer, name string, v jsontext.Value) (problem string) {
	encoding := c.encodings[name]
	part := wrapped{mediaType: encoding.GetContentType()}
	file, isWrapped := unwrapContent(v)
	switch {
	case file.problem != "":
		return file.problem
	case isWrapped:
		part.content, part.fileName = file.content, file.fileName
		part.mediaType = cmp.Or(file.mediaType, part.mediaType)
	default:
		part.content = []byte(text(v))
		if k := v.Kind(); k == '{' || k == '[' {
			part.mediaType = cmp.Or(part.mediaType, "application/json")
		}
	}
	if encoding.GetFile() || isWrapped {
		part.fileName = cmp.Or(part.fileName, name)
		part.mediaType = cmp.Or(part.mediaType, "application/octet-stream")
	}
	return writePart(w, name, part)
}

func writePart(w *multipart.Writer, name string, part wrapped) (problem string) {
	disposition := `form-data; name="` + quoteName(name) + `"`
	if part.fileName != "" {
		disposition += `; filename="` + quoteName(part.fileName) + `"`
	}
	header := textproto.MIMEHeader{"Content-Disposition": {disposition}}
	if part.mediaType != "" {
		header[contentTypeField] = []string{part.mediaType}
	}
	out, err := w.CreatePart(header)
	if err != nil {
		return "cannot be written as a part"
	}
	_, _ = out.Write(part.content) // a buffer takes everything
	return ""
}

// quoteName escapes as browsers do (WHATWG, multipart/form-data encoding), so
// that no name can end its line.
func quoteName(name string) string {
	return strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(name)
}
