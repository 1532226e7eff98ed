package plan

import (
	"cmp"
	"mime"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// representation is how the body of one call is sent.
type representation struct {
	content   *content
	mediaType string // as the caller names it; empty: as the operation does
	bytes     []byte // sent as they are, unless they are nil
}

// selects reports whether the operation takes an input Content-Type that it does
// not declare: that is how a caller chooses from several representations.
func (o *Operation) selects() bool {
	if o.body == nil || len(o.body.contents) < 2 {
		return false
	}
	for _, p := range o.parameters {
		if p.choosesContent() {
			return false
		}
	}
	return true
}

func (p *parameter) choosesContent() bool {
	return p.location == inHeader && strings.EqualFold(p.name, contentTypeField)
}

// lists reports whether a value is the default of the parameter or one of its
// choices, which is its author's word against that of the body.
func (p *parameter) lists(v jsontext.Value) bool {
	plain := text(v)
	return slices.Contains(p.shape.enumTexts, plain) || (p.defaultValue != nil && text(p.defaultValue) == plain)
}

// choose finds the representation of a call: the one that the input of a
// Content-Type header names, else the one that {"$content", "$content-type"}
// names, else the first. False means that a violation was found.
func (b *body) choose(o *Operation, args *Arguments, found *violations) bool {
	field, wanted, listed := o.wantedContent(args)
	args.sent.content = b.contents[0]
	w, isContent := unwrapContent(args.body)
	named := wanted != nil
	if isContent && !named && b.contents[0].formats.isBytes() && b.find(w.mediaType) == nil {
		return true // it is the value, not a body that is written already
	}
	if !named && isContent && w.mediaType != "" {
		field, wanted = bodyInput+".$content-type", jsonString(w.mediaType)
	}
	if wanted != nil {
		c := b.find(text(wanted))
		switch {
		case c != nil:
			args.sent.content = c
		case named && (listed || len(b.contents) == 1):
			args.sent.content = b.like(baseType(text(wanted)), args.body)
		case len(b.contents) > 1 || !b.contents[0].isDocument():
			b.refuse(field, w, found)
			return false
		}
		if args.contentType != nil {
			args.sent.mediaType = text(wanted)
		}
	}
	if isContent && !args.sent.content.isDocument() && (named || w.mediaType != "") {
		return args.unpack(w, found)
	}
	return true
}

// wantedContent returns what the input of a Content-Type header says, nil for nothing,
// the name of that input, and whether the description lists such a value.
func (o *Operation) wantedContent(args *Arguments) (field string, wanted jsontext.Value, listed bool) {
	for i, p := range o.parameters {
		if p.choosesContent() {
			wanted = args.values[i]
			return p.input, wanted, wanted != nil && p.lists(wanted)
		}
	}
	return contentTypeField, args.contentType, false
}

// refuse says that there is no such representation, and what else is wrong with content.
func (b *body) refuse(field string, w wrapped, found *violations) {
	found.add(field, "must be one of "+quoteSome(b.mediaTypes()))
	if w.problem != "" {
		found.add(bodyInput, w.problem)
	}
}

// find returns the representation of a media type, nil if there is none. Those
// that name it go before ranges.
func (b *body) find(mediaType string) *content {
	if !isMediaType(mediaType) {
		return nil
	}
	wanted := baseType(mediaType)
	for _, c := range b.contents {
		if c.base == wanted {
			return c
		}
	}
	for _, c := range b.contents {
		if inRange(wanted, c.base) {
			return c
		}
	}
	return nil
}

// isMediaType reports whether text names a single media type.
func isMediaType(text string) bool {
	_, _, err := mime.ParseMediaType(text)
	return err == nil && request.ValidFieldValue(text) && !strings.Contains(text, "*")
}

func (b *body) mediaTypes() []string {
	var list []string
	for _, c := range b.contents {
		list = append(list, c.said)
	}
	return list
}

// isDocument reports whether the value of a body is the document itself.
func (c *content) isDocument() bool {
	switch c.kind {
	case connectorv1.BodyKind_BODY_KIND_TEXT, connectorv1.BodyKind_BODY_KIND_XML, connectorv1.BodyKind_BODY_KIND_BINARY:
		return true
	case connectorv1.BodyKind_BODY_KIND_JSON, connectorv1.BodyKind_BODY_KIND_FORM,
		connectorv1.BodyKind_BODY_KIND_MULTIPART, connectorv1.BodyKind_BODY_KIND_UNSPECIFIED:
	}
	return false
}

// like returns the representation for a media type that is none of the body's own:
// the first that is written in the same way, else the first as far as it can be.
func (b *body) like(base string, value jsontext.Value) *content {
	for _, c := range b.contents {
		if c.kind == kindOf(base) {
			return c
		}
	}
	return b.contents[0].as(base, value)
}

// as returns the representation for a media type that a declared header names and
// the description of the body does not: the API goes by the header, so a JSON text
// is not sent to it as HTML. What cannot be written so stays what it is.
func (c *content) as(base string, body jsontext.Value) *content {
	kind := kindOf(base)
	suits := false
	switch {
	case c.isDocument() || kind == c.kind:
	case isForm(kind) && body.Kind() == '"': // the form, written already
		kind, suits = connectorv1.BodyKind_BODY_KIND_TEXT, true
	case isForm(kind):
		suits = body.Kind() == '{'
	case isForm(c.kind):
		suits = kind == connectorv1.BodyKind_BODY_KIND_JSON
	default:
		suits = body.Kind() == '"'
	}
	if !suits {
		return c
	}
	other := *c
	other.kind, other.mediaType, other.said, other.base = kind, base, base, base
	return &other
}

func isForm(kind connectorv1.BodyKind) bool {
	return kind == connectorv1.BodyKind_BODY_KIND_FORM || kind == connectorv1.BodyKind_BODY_KIND_MULTIPART
}

// kindOf returns how a value becomes a body of a media type.
func kindOf(base string) connectorv1.BodyKind {
	switch {
	case base == "application/x-www-form-urlencoded":
		return connectorv1.BodyKind_BODY_KIND_FORM
	case strings.HasPrefix(base, "multipart/"):
		return connectorv1.BodyKind_BODY_KIND_MULTIPART
	case strings.HasSuffix(base, "/json"), strings.HasSuffix(base, "+json"):
		return connectorv1.BodyKind_BODY_KIND_JSON
	case strings.HasSuffix(base, "/xml"), strings.HasSuffix(base, "+xml"):
		return connectorv1.BodyKind_BODY_KIND_XML
	case strings.HasPrefix(base, "text/"):
		return connectorv1.BodyKind_BODY_KIND_TEXT
	}
	return connectorv1.BodyKind_BODY_KIND_BINARY
}

// allows reports whether a value that defaults made is one that the operation
// takes.
func (c *content) allows(v jsontext.Value) bool {
	found := &violations{}
	c.check(v, addedTo(nil, nil), found)
	return len(found.list) == 0
}

// check reports what the schema has against a value.
func (c *content) check(v jsontext.Value, authored authored, found *violations) {
	switch {
	case c.validate == nil:
	case c.kind == connectorv1.BodyKind_BODY_KIND_MULTIPART:
		c.validate.checkParts(bodyInput, v, authored, found)
	default:
		c.validate.check(bodyInput, v, authored, found)
	}
}

// unpack takes content for a representation that is made of a value: JSON is
// read, so that it is checked like any other, and a form is sent as it is.
func (a *Arguments) unpack(w wrapped, found *violations) bool {
	switch {
	case w.problem != "":
		found.add(bodyInput, w.problem)
		return false
	case isForm(a.sent.content.kind):
		a.sent.bytes, a.sent.mediaType = w.content, cmp.Or(a.sent.mediaType, w.mediaType)
	case !jsontext.Value(w.content).IsValid():
		found.add(bodyInput, "has a $content that is not json, which its $content-type says")
		return false
	default:
		a.body = w.content
	}
	return true
}

// complete adds defaults to the body and checks it.
func (b *body) complete(o *Operation, args *Arguments, found *violations) {
	if b.takeParts(args) {
		return
	}
	if !b.choose(o, args, found) {
		args.body = nil // nobody knows how to write it
		return
	}
	if args.sent.bytes != nil {
		return
	}
	c, given, prescribed := args.sent.content, args.body, prescribedIn(args.body, args.prescribed(bodyInput))
	if args.body == nil && c.defaults != nil && (b.required || len(c.defaults.properties) > 0) {
		made := c.defaults.apply(jsontext.Value("{}"))
		if len(made) > len("{}") && (b.required || c.allows(made)) {
			args.body = made
		}
	}
	if args.body == nil {
		if b.required {
			found.add(bodyInput, "is required")
		}
		return
	}
	if c.isWritten(args.body) {
		return
	}
	if given != nil {
		given = c.formats.apply(bodyInput, given, prescribed, found)
		args.body = given
	}
	args.body = c.defaults.apply(args.body)
	c.check(args.body, addedTo(given, prescribed), found)
}

// write encodes the body into the request.
func (b *body) write(args *Arguments, req *request.Request, found *violations) {
	if args.body == nil {
		return
	}
	sent := args.sent
	bytes, mediaType := sent.bytes, sent.mediaType
	if bytes == nil {
		bytes, mediaType = sent.content.encode(args.body, found)
	}
	req.Body = bytes
	boundary := sent.bytes == nil && sent.content.kind == connectorv1.BodyKind_BODY_KIND_MULTIPART
	switch {
	case boundary:
		req.Header[contentTypeField] = []string{mediaType}
	case !req.HasHeader(contentTypeField):
		req.Header[contentTypeField] = []string{cmp.Or(sent.mediaType, mediaType)}
	}
}

// takesParts reports whether a body of parts is sent.
func (c *content) takesParts() bool { return c.kind == connectorv1.BodyKind_BODY_KIND_MULTIPART }
