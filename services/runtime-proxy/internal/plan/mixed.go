package plan

import (
	"cmp"
	"mime"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// Multipart bodies that are no forms (RFC 2046, section 5.1): parts are told by their
// Content-ID and their order.

const (
	formData = "multipart/form-data"
	related  = "multipart/related"
	// plainPart is what a part is that says nothing (RFC 2046, section 5.1), in UTF-8.
	plainPart = "text/plain; charset=utf-8"
)

// isMixed reports whether a body has parts, and is no form.
func (c *content) isMixed() bool {
	return strings.HasPrefix(c.base, "multipart/") && c.base != formData && !strings.Contains(c.base, "*")
}

// inOrder returns the fields of a body whose parts are told by their order in that of
// the description, and then those that it does not have. Fields of forms stay as they are.
func (c *content) inOrder(fields []member) []member {
	if len(c.order) == 0 {
		return fields
	}
	rank := func(m member) int {
		if at := slices.Index(c.order, m.name); at >= 0 {
			return at
		}
		return len(c.order)
	}
	out := slices.Clone(fields)
	slices.SortStableFunc(out, func(a, b member) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// orderOf returns the names of the properties of a schema in its order.
func (s *schemas) orderOf(raw []byte) (names []string) {
	for _, m := range members(property(s.resolve(raw), "properties")) {
		names = append(names, m.name)
	}
	return names
}

// mixedHeader says what a part is that is no field of a form.
func (w *partWriter) mixedHeader(header textproto.MIMEHeader, name string, part *wrapped) {
	header["Content-Id"] = []string{w.contentID(name)}
	if part.fileName != "" && part.fileName != name {
		header["Content-Disposition"] = []string{`attachment; filename="` + quoteName(part.fileName) + `"`}
	}
	part.mediaType = cmp.Or(part.mediaType, plainPart)
}

// contentID makes an identifier (RFC 2392) of a name. Each part has its own (RFC 2045,
// section 7), so those of a list after the first get a number.
func (w *partWriter) contentID(name string) string {
	id := request.Escape(name)
	for n := 2; slices.Contains(w.ids, id); n++ {
		id = request.Escape(name) + "." + strconv.Itoa(n)
	}
	w.ids = append(w.ids, id)
	return "<" + id + ">"
}

// partWriter writes parts, and remembers the first.
type partWriter struct {
	*multipart.Writer

	mixed     bool     // no form
	ids       []string // that were given to parts
	written   bool
	rootType  string
	rootStart string
}

// one writes a part.
func (w *partWriter) one(header textproto.MIMEHeader, content []byte) (problem string) {
	out, err := w.CreatePart(header)
	if err != nil {
		return "cannot be written as a part"
	}
	_, _ = out.Write(content) // a buffer takes everything
	if !w.written {
		w.written, w.rootType, w.rootStart = true, baseType(header.Get(contentTypeField)), header.Get("Content-Id")
	}
	return ""
}

// mediaType returns that of the body: the one that is described, with its boundary, and
// what RFC 2387, section 3, wants to know of the first part.
func (w *partWriter) mediaType(described string) string {
	base, parameters, err := mime.ParseMediaType(described)
	if err != nil {
		base, parameters = baseType(described), map[string]string{}
	}
	parameters["boundary"] = w.Boundary()
	if base == related {
		parameters["type"] = cmp.Or(w.rootType, "text/plain")
		delete(parameters, "start")
		if w.rootStart != "" {
			parameters["start"] = w.rootStart
		}
	}
	return mime.FormatMediaType(base, parameters)
}

// writtenParts returns the parts of {"$content-type", "$multipart": [{"headers", "body"}]},
// which designers of flows write. The second result is false for values that are none.
func writtenParts(v jsontext.Value) ([]jsontext.Value, bool) {
	if v.Kind() != '{' {
		return nil, false
	}
	list := property(members(v), "$multipart")
	if list.Kind() != '[' {
		return nil, false
	}
	return elements(list), true
}

// all writes parts that bring their own header.
func (w *partWriter) all(list []jsontext.Value, found *violations) {
	for i, v := range list {
		if problem := w.own(v); problem != "" {
			found.once(join(bodyInput, []string{"$multipart", strconv.Itoa(i)}), problem)
		}
	}
}

// own writes one of them.
func (w *partWriter) own(v jsontext.Value) (problem string) {
	if v.Kind() != '{' {
		return `must be an object with "headers" and "body"`
	}
	fields, header := members(v), textproto.MIMEHeader{}
	for _, m := range members(property(fields, "headers")) {
		name, value := textproto.CanonicalMIMEHeaderKey(m.name), text(m.value)
		if !request.ValidFieldName(name) || !request.ValidFieldValue(value) || strings.ContainsAny(value, "\r\n") {
			return "has a header " + strconv.Quote(m.name) + " that cannot be sent"
		}
		if name != "Content-Transfer-Encoding" && name != "Content-Length" { // not applied, and not known before
			header[name] = []string{value}
		}
	}
	if !w.mixed && header.Get("Content-Disposition") == "" {
		return `must have a header Content-Disposition, such as form-data; name="file"`
	}
	body := property(fields, "body")
	content, isWrapped := unwrapContent(body)
	switch kind := body.Kind(); {
	case content.problem != "":
		return content.problem
	case isWrapped:
	case body == nil || kind == 'n':
	default:
		content.content = []byte(text(body))
		if kind == '{' || kind == '[' {
			content.mediaType = "application/json"
		}
	}
	if header.Get(contentTypeField) == "" && content.mediaType != "" {
		header[contentTypeField] = []string{content.mediaType}
	}
	return w.one(header, content.content)
}

// takeParts chooses the representation of parts that are written already; false if the
// body is none, or the operation takes none.
func (b *body) takeParts(args *Arguments) bool {
	if _, written := writtenParts(args.body); !written {
		return false
	}
	if named := property(members(args.body), "$content-type"); named.Kind() == '"' {
		if c := b.find(text(named)); c != nil && c.takesParts() {
			args.sent.content = c
			return true
		}
	}
	at := slices.IndexFunc(b.contents, (*content).takesParts)
	if at >= 0 {
		args.sent.content = b.contents[at]
	}
	return at >= 0
}
