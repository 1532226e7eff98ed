package plan

import (
	"bytes"
	"cmp"
	"maps"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// multipart writes multipart/form-data (RFC 7578). Arrays are repeated parts and
// objects JSON parts, unless the encoding names a style. A file is {"$content":
// base64, "$content-type", "$filename"} or, where the encoding says that the
// property is one, a string with its text. Other kinds of multipart, and parts that are
// written already, are in mixed.go.
func (c *content) multipart(v jsontext.Value, found *violations) (out []byte, mediaType string) {
	var buffer bytes.Buffer
	w := &partWriter{Writer: multipart.NewWriter(&buffer), mixed: c.isMixed()}
	if list, written := writtenParts(v); written {
		w.all(list, found)
	} else {
		fields, problem := fieldsOf(v)
		if problem != "" {
			found.once(bodyInput, problem)
		}
		for _, m := range c.inOrder(fields) {
			c.parts(w, m.name, m.value, found)
		}
	}
	if w.mixed && !w.written && len(found.list) == 0 {
		found.add(bodyInput, "must have a part: "+c.base+" has one at least (RFC 2046, section 5.1.1)")
	}
	_ = w.Close() // a buffer takes everything
	if !w.mixed {
		return buffer.Bytes(), w.FormDataContentType()
	}
	return buffer.Bytes(), w.mediaType(c.mediaType)
}

// parts writes the parts of one property. Null is not sent.
func (c *content) parts(w *partWriter, name string, v jsontext.Value, found *violations) {
	if c.styled(name, v) {
		if problem := c.styledParts(w, name, v); problem != "" {
			found.once(join(bodyInput, []string{name}), problem)
		}
		return
	}
	if v.Kind() != '[' {
		c.onePart(w, []string{name}, v, found)
		return
	}
	for i, item := range elements(v) {
		c.onePart(w, []string{name, strconv.Itoa(i)}, item, found)
	}
}

// onePart writes what is at a location: a property, or an item of one.
func (c *content) onePart(w *partWriter, location []string, v jsontext.Value, found *violations) {
	if v.Kind() == 'n' {
		return
	}
	if problem := c.part(w, location[0], v); problem != "" {
		found.once(join(bodyInput, location), problem)
	}
}

// styled reports whether a list or an object is written in the style that its
// encoding names (OpenAPI 3.1, section "Encoding Object"). Files never are.
func (c *content) styled(name string, v jsontext.Value) bool {
	e := c.encodings[name]
	if e.GetFile() || e.GetStyle() == connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED {
		return false
	}
	isFile := func(v jsontext.Value) bool { _, is := unwrapContent(v); return is }
	switch v.Kind() {
	case '{':
		return !isFile(v)
	case '[':
		return !slices.ContainsFunc(elements(v), isFile)
	default:
		return false
	}
}

// styledParts writes a part for each pair that the style makes in a query, as RFC
// 6570 describes it, without the escapes that only a query needs.
func (c *content) styledParts(w *partWriter, name string, v jsontext.Value) (problem string) {
	e := c.encodings[name]
	l := layoutOf(inQuery, &connectorv1.Parameter{Style: e.GetStyle(), Explode: e.GetExplode()})
	pairs, problem := l.pairs(name, v)
	if problem != "" || len(pairs) == 0 {
		return problem
	}
	for pair := range strings.SplitSeq(string(pairs), "&") {
		field, value, _ := strings.Cut(pair, "=")
		plainField, err := url.PathUnescape(field)
		if err != nil {
			plainField = field // a name that is sent as the source writes it
		}
		plain, err := url.PathUnescape(value)
		if err != nil {
			return "cannot be written as a part"
		}
		if problem := writePart(w, plainField, wrapped{content: []byte(plain)}, c.partHeaders[name]); problem != "" {
			return problem
		}
	}
	return ""
}

func (c *content) part(w *partWriter, name string, v jsontext.Value) (problem string) {
	encoding := c.encodings[name]
	file, isWrapped := unwrapContent(v)
	part := wrapped{mediaType: partType(encoding.GetContentType(), file.mediaType)}
	switch {
	case file.problem != "":
		return file.problem
	case isWrapped:
		part.content, part.fileName = file.content, file.fileName
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
	return writePart(w, name, part, c.partHeaders[name])
}

// partType returns the media type of a part: the file's own unless the encoding
// lists several and it is none of them, else the first that is no range.
func partType(listed, own string) string {
	var list []string
	for one := range strings.SplitSeq(listed, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	fits := func(pattern string) bool { return inRange(baseType(own), baseType(pattern)) }
	if own != "" && (len(list) <= 1 || slices.ContainsFunc(list, fits)) {
		return own
	}
	for _, one := range list {
		if !strings.Contains(one, "*") {
			return one
		}
	}
	return own
}

// inRange reports whether a media type is one of a range such as "image/*" (RFC
// 9110, section 12.5.1), or "application/*+json", which real descriptions have, too.
// Both are without parameters and in lower case.
func inRange(mediaType, pattern string) bool {
	if pattern == "*/*" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(mediaType, prefix+"/")
	}
	if prefix, suffix, ok := strings.Cut(pattern, "/*+"); ok {
		return strings.HasPrefix(mediaType, prefix+"/") && strings.HasSuffix(mediaType, "+"+suffix)
	}
	return mediaType == pattern
}

func writePart(w *partWriter, name string, part wrapped, constants textproto.MIMEHeader) (problem string) {
	header := textproto.MIMEHeader{}
	if w.mixed {
		w.mixedHeader(header, name, &part)
	} else {
		disposition := `form-data; name="` + quoteName(name) + `"`
		if part.fileName != "" {
			disposition += `; filename="` + quoteName(part.fileName) + `"`
		}
		header["Content-Disposition"] = []string{disposition}
	}
	maps.Copy(header, constants)
	if part.mediaType != "" {
		header[contentTypeField] = []string{part.mediaType}
	}
	return w.one(header, part.content)
}

// quoteName escapes as browsers do (WHATWG, multipart/form-data encoding), so
// that no name can end its line.
func quoteName(name string) string {
	return strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(name)
}

// constantsOf returns the header fields of a part whose schemas leave one value:
// a constant, a single choice or a default. What the part says of itself is left
// to it, and so is a transfer encoding, which is not applied (RFC 7578, section
// 4.7).
func (s *schemas) constantsOf(e *connectorv1.PropertyEncoding) textproto.MIMEHeader {
	out := textproto.MIMEHeader{}
	for _, h := range e.GetHeaders() {
		name := textproto.CanonicalMIMEHeaderKey(h.GetName())
		value, ok := s.constant(h.GetSchema())
		if !ok || !request.ValidFieldName(name) || !request.ValidFieldValue(value) || strings.ContainsAny(value, "\r\n") ||
			slices.Contains([]string{"Content-Disposition", contentTypeField, "Content-Transfer-Encoding"}, name) {
			continue
		}
		out[name] = []string{value}
	}
	return out
}

// constant returns the text of the one scalar that a schema leaves.
func (s *schemas) constant(raw []byte) (string, bool) {
	list := s.resolve(raw)
	value := property(list, "const")
	if enum := property(list, "enum"); value == nil && enum.Kind() == '[' {
		if all := elements(enum); len(all) == 1 {
			value = all[0]
		}
	}
	if value == nil {
		value = property(list, "default")
	}
	switch value.Kind() {
	case '"', '0', 't', 'f':
		return text(value), true
	default:
		return "", false
	}
}
