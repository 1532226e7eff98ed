package plan

import (
	"cmp"
	"mime"
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

// choose finds the representation of a call: the one that the input of a
// Content-Type header names, else the one that {"$content", "$content-type"}
// names, else the first. False means that a violation was found.
func (b *body) choose(o *Operation, args *Arguments, found *violations) bool {
	field, wanted := contentTypeField, args.contentType
	for i, p := range o.parameters {
		if p.choosesContent() {
			field, wanted = p.input, args.values[i]
		}
	}
	args.sent.content = b.contents[0]
	w, isContent := unwrapContent(args.body)
	named := wanted != nil
	if !named && isContent && w.mediaType != "" {
		field, wanted = bodyInput+".$content-type", jsonString(w.mediaType)
	}
	if wanted != nil {
		c := b.find(text(wanted))
		switch {
		case c != nil:
			args.sent.content = c
		case len(b.contents) > 1 || (!named && !b.contents[0].isDocument()):
			found.add(field, "must be one of "+quoteSome(b.mediaTypes()))
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

// find returns the representation of a media type, nil if there is none. Those
// that name it go before ranges.
func (b *body) find(mediaType string) *content {
	if _, _, err := mime.ParseMediaType(mediaType); err != nil || !request.ValidFieldValue(mediaType) || strings.Contains(mediaType, "*") {
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

func (b *body) mediaTypes() []string {
	var list []string
	for _, c := range b.contents {
		list = append(list, c.mediaType)
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

// unpack takes content for a representation that is made of a value: JSON is
// read, so that it is checked like any other, and a form is sent as it is.
func (a *Arguments) unpack(w wrapped, found *violations) bool {
	kind := a.sent.content.kind
	isForm := kind == connectorv1.BodyKind_BODY_KIND_FORM || kind == connectorv1.BodyKind_BODY_KIND_MULTIPART
	switch {
	case w.problem != "":
		found.add(bodyInput, w.problem)
		return false
	case isForm:
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
	if !b.choose(o, args, found) || args.sent.bytes != nil {
		return
	}
	c := args.sent.content
	if args.body == nil && c.defaults != nil && (b.required || len(c.defaults.properties) > 0) {
		made := c.defaults.apply(jsontext.Value("{}"))
		if len(made) > len("{}") {
			args.body = made
		}
	}
	if args.body == nil {
		if b.required {
			found.add(bodyInput, "is required")
		}
		return
	}
	args.body = c.defaults.apply(args.body)
	if c.validate != nil {
		c.validate.check(bodyInput, args.body, found)
	}
}

// write encodes the body into the request.
func (b *body) write(args *Arguments, req *request.Request, found *violations) {
	if args.body == nil {
		return
	}
	sent := args.sent
	bytes, mediaType, problem := sent.bytes, sent.mediaType, ""
	if bytes == nil {
		bytes, mediaType, problem = sent.content.encode(args.body)
	}
	if problem != "" {
		found.add(bodyInput, problem)
		return
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
