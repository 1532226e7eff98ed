package pipeline

import (
	"bytes"
	"mime"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// byteOrderMark is what some programs begin JSON with; others take it for a mistake
// (RFC 8259, section 8.1).
var byteOrderMark = []byte("\xef\xbb\xbf")

// readRawBody makes the body of a raw request one that policies can work on, or
// refuses it: what a call cannot send does not pass them unseen here either. A byte
// order mark is taken off. Text that is no JSON, and what the operation itself takes
// and is no JSON by its media type, is left to the API as in a call.
func (op *operation) readRawBody(raw *request.Request) error {
	if !op.policies.NeedsRequestBody || len(bytes.TrimSpace(raw.Body)) == 0 {
		return nil
	}
	types := raw.Header["Content-Type"]
	if len(types) > 1 {
		return unworkable("it has two media types", "Content-Type", "send one Content-Type")
	}
	kind := ""
	if len(types) == 1 {
		kind = mediaType(types[0])
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(raw.Body), byteOrderMark))
	if !policy.MayBeJSON(types) {
		return op.takes(kind, text)
	}
	switch {
	case jsontext.Value(text).IsValid():
	case jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)):
		return unworkable("an object in it has a member twice", "body", "leave one of them out")
	case strings.HasPrefix(kind, "text/") && !strings.Contains(kind, "json"):
		return nil
	default:
		return unworkable("it is no valid JSON", "body", "send valid JSON in UTF-8")
	}
	if len(text) != len(raw.Body) && bytes.Contains(raw.Body, byteOrderMark) {
		raw.Body = text
	}
	return nil
}

// takes judges a body that is no JSON by its media type.
func (op *operation) takes(kind string, text []byte) error {
	var known []string
	for _, content := range op.plan.Source().GetRequestBody().GetContents() {
		own := mediaType(content.GetMediaType())
		family, open := strings.CutSuffix(own, "*")
		if own == kind || own == "*/*" || (open && strings.HasPrefix(kind, family)) {
			return nil
		}
		known = append(known, own)
	}
	switch {
	case len(known) > 0:
		return unworkable("its media type "+kind+" is none that the operation takes", "Content-Type", "send it as "+strings.Join(slices.Compact(known), " or "))
	case len(text) > 0 && (text[0] == '{' || text[0] == '[') && jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)):
		return unworkable("it is JSON and says that it is "+kind, "Content-Type", "send it as application/json")
	}
	return nil
}

// mediaType returns a media type without its parameters, in small letters.
func mediaType(text string) string {
	kind, _, err := mime.ParseMediaType(text)
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(text), ";")
	}
	return strings.TrimSpace(kind)
}

func unworkable(why, field, remedy string) error {
	return fault.Invalid(fault.ReasonInputInvalid, "policies of this operation work on the body, and cannot work on this one: %s; %s", why, remedy).
		Field(field, why)
}
