package openapi

import (
	"bytes"
	"encoding/json"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

const (
	mediaJSON   = "application/json"
	mediaBinary = "application/octet-stream"
)

// contentTypes returns the media types of a body.
func contentTypes(contents []*connectorv1.MediaType) []string {
	var list []string
	for _, c := range contents {
		if !slices.Contains(list, c.GetMediaType()) {
			list = append(list, c.GetMediaType())
		}
	}
	return list
}

// answerTypes returns the media types of all answers of an operation. Swagger 2.0
// has one list for all: where some answers are JSON, bytes in others need no type
// of their own.
func answerTypes(op *connectorv1.Operation) []string {
	var list []string
	for _, r := range op.GetResponses() {
		for _, media := range contentTypes(r.GetContents()) {
			if !slices.Contains(list, media) {
				list = append(list, media)
			}
		}
	}
	if slices.Contains(list, mediaJSON) {
		list = slices.DeleteFunc(list, func(media string) bool { return media == mediaBinary })
	}
	return list
}

func isOnlyJSON(types []string) bool { return len(types) == 1 && types[0] == mediaJSON }

// body3 returns a request body object of OpenAPI 3.
func (r *rendering) body3(b *connectorv1.RequestBody, at place) *tree.Object {
	o := tree.New().Text("description", b.GetDescription()).
		Set("content", r.contents(b.GetContents(), at)).
		True("required", b.GetRequired())
	vendor{object: o, kept: b.GetExtensions()}.set("x-ms-summary", text(b.GetSummary()))
	r.extend(o, b.GetExtensions(), at)
	return o
}

// contents returns the media types of OpenAPI 3.
func (r *rendering) contents(list []*connectorv1.MediaType, at place) *tree.Object {
	named := tree.New()
	for i, c := range list {
		at := at.at("contents", i)
		o := tree.New()
		if len(c.GetSchema()) > 0 {
			o.Set("schema", r.schema(c.GetSchema(), at))
		}
		examples(o, c.GetExamples())
		encodings := tree.New()
		for _, e := range c.GetEncodings() {
			encodings.Some(e.GetProperty(), r.encoding(e, c, at))
		}
		named.Set(c.GetMediaType(), o.Some("encoding", encodings))
	}
	return named
}

// encoding says how a property of a form is written, as far as that is not the
// default.
func (r *rendering) encoding(e *connectorv1.PropertyEncoding, c *connectorv1.MediaType, at place) *tree.Object {
	o := tree.New().Text("contentType", e.GetContentType())
	headers := tree.New()
	for _, h := range e.GetHeaders() {
		headers.Set(h.GetName(), r.header(h, at))
	}
	o.Some("headers", headers)
	style := e.GetStyle()
	switch style {
	case connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE:
		style = connectorv1.ParameterStyle_PARAMETER_STYLE_FORM
	case connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED:
		r.lost(at, "%s has no tabs between the values of the property %q", r.version, e.GetProperty())
		style = connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED
	default:
	}
	o.Text("style", styles[style])
	isForm := style == connectorv1.ParameterStyle_PARAMETER_STYLE_FORM
	if style != connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED && isForm != e.GetExplode() {
		o.Set("explode", tree.Bool(e.GetExplode()))
	}
	if c.GetKind() == connectorv1.BodyKind_BODY_KIND_FORM {
		o.True("allowReserved", e.GetAllowReserved())
	}
	return o
}

// header returns a header object: what it is, and its schema.
func (r *rendering) header(h *connectorv1.ResponseHeader, at place) *tree.Object {
	o := tree.New().Text("description", h.GetDescription())
	if r.version.isSwagger() {
		if len(h.GetSchema()) > 0 {
			r.flat(o, h.GetSchema(), at)
		}
		return o.Text("x-ms-summary", h.GetSummary())
	}
	o.True("required", h.GetRequired()).True("deprecated", h.GetDeprecated())
	if len(h.GetSchema()) > 0 {
		o.Set("schema", r.schema(h.GetSchema(), at))
	}
	return o.Text("x-ms-summary", h.GetSummary())
}

// answer3 sets what a response of OpenAPI 3 consists of.
func (r *rendering) answer3(o *tree.Object, response *connectorv1.Response, at place) {
	headers := tree.New()
	for i, h := range response.GetHeaders() {
		headers.Set(h.GetName(), r.header(h, at.at("headers", i)))
	}
	o.Some("headers", headers)
	if len(response.GetContents()) > 0 {
		o.Set("content", r.contents(response.GetContents(), at))
	}
	links := tree.New()
	for _, l := range response.GetLinks() {
		links.Set(l.GetName(), responseLink(l))
	}
	o.Some("links", links)
}

func responseLink(l *connectorv1.ResponseLink) *tree.Object {
	o := tree.New().Text("operationId", l.GetOperationId())
	arguments := tree.New()
	for _, a := range l.GetArguments() {
		arguments.Set(a.GetName(), tree.Raw(a.GetJson()))
	}
	o.Some("parameters", arguments)
	if len(l.GetRequestBody()) > 0 {
		o.Set("requestBody", tree.Raw(l.GetRequestBody()))
	}
	return o.Text("description", l.GetDescription())
}

// answer2 sets what a response of Swagger 2.0 consists of: one schema for all
// media types.
func (r *rendering) answer2(o *tree.Object, response *connectorv1.Response, at place) {
	contents := response.GetContents()
	if len(contents) > 0 && len(contents[0].GetSchema()) > 0 {
		o.Set("schema", r.schema(contents[0].GetSchema(), at.at("contents", 0)))
	}
	headers := tree.New()
	for i, h := range response.GetHeaders() {
		headers.Set(h.GetName(), r.header(h, at.at("headers", i)))
	}
	o.Some("headers", headers)
	samples := tree.New()
	for i, c := range contents {
		at := at.at("contents", i)
		if !bytes.Equal(c.GetSchema(), contents[0].GetSchema()) {
			r.lost(at, "%s has one schema for all media types; that of %q is left out", r.version, c.GetMediaType())
		}
		if len(c.GetExamples()) > 1 {
			r.lost(at, "%s has one example for a media type; the others are left out", r.version)
		}
		if len(c.GetExamples()) > 0 && json.Valid(c.GetExamples()[0]) {
			samples.Set(c.GetMediaType(), tree.Raw(c.GetExamples()[0]))
		}
	}
	o.Some("examples", samples)
	if len(response.GetLinks()) > 0 {
		r.lost(at.in("links"), "%s has no links of responses", r.version)
	}
}
