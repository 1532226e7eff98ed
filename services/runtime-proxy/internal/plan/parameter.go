package plan

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// location is the part of the request that carries a parameter.
type location int

const (
	inPath location = iota
	inQuery
	inHeader
	inCookie
)

// String returns the name that tells parameters of equal name apart.
func (l location) String() string {
	return [...]string{"path", "query", "header", "cookie"}[l]
}

// parameter is the plan of one input other than the body.
type parameter struct {
	name     string
	input    string // its name in the input of a call
	location location
	required bool
	document bool // written as one JSON text
	layout   layout
	shape    shape
	validate *validator // nil if shape says it all
	formats  *formats

	defaultValue jsontext.Value
}

func newParameter(source *connectorv1.Parameter, schemas *schemas) *parameter {
	p := &parameter{
		name:     source.GetName(),
		location: locationOf(source.GetLocation()),
		required: source.GetRequired(),
		document: source.GetContentType() != "",
	}
	p.required = p.required || p.location == inPath // there is no path without it
	p.layout = layoutOf(p.location, source)
	p.shape = schemas.shapeOf(source.GetSchema())
	p.defaultValue = p.shape.defaultValue
	p.formats = schemas.formatsOf(source.GetSchema())
	if p.location == inHeader && p.defaultValue.Kind() == '"' {
		p.defaultValue = jsonString(strings.TrimSpace(text(p.defaultValue))) // RFC 9110, section 5.5: space around a value is none of it
	}
	if !p.shape.complete {
		p.validate = schemas.compile(source.GetSchema())
	}
	return p
}

func locationOf(l connectorv1.ParameterLocation) location {
	switch l {
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:
		return inPath
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER:
		return inHeader
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE:
		return inCookie
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY,
		connectorv1.ParameterLocation_PARAMETER_LOCATION_UNSPECIFIED:
	}
	return inQuery
}

// take puts a value that was given into the form in which it is sent, and checks it.
func (p *parameter) take(args *Arguments, index int, found *violations) {
	before, given := len(found.list), args.values[index]
	prescribed := prescribedIn(given, args.prescribed(p.input))
	given = p.formats.apply(p.input, given, prescribed, found)
	args.values[index] = p.shape.adapt(given)
	if len(found.list) == before {
		p.check(args.values[index], prescribed, found)
	}
}

// check reports a value that does not fit.
func (p *parameter) check(value jsontext.Value, authored authored, found *violations) {
	before := len(found.list)
	p.shape.check(p.input, value, authored, found)
	if remedy := p.shape.remedy(value); remedy != "" {
		found.amend(before, "; "+remedy)
	}
	if len(found.list) == before && p.validate != nil {
		p.validate.check(p.input, value, authored, found)
	}
}

// checkSegment reports a value that would make the path another one: "/items/"
// instead of "/items/7". What counts is what is written, as of an empty list or
// a label.
func (p *parameter) checkSegment(value jsontext.Value, found *violations) {
	switch string(p.expand(nil, value)) {
	case "":
		found.add(p.input, "must not be empty: it is part of the path")
	case ".":
		found.add(p.input, "must not be '.': it would name another path")
	}
}

// expand appends the value as it goes over the wire.
func (p *parameter) expand(out []byte, value jsontext.Value) []byte {
	if p.document {
		value = value.Clone()
		_ = value.Compact() // it was valid when it was read
		return p.layout.scalar(out, p.name, string(value))
	}
	return p.layout.expand(out, p.name, value)
}

// pairs returns the value as pairs of a query.
func (p *parameter) pairs(value jsontext.Value) (out []byte, problem string) {
	if p.document {
		return p.expand(nil, value), ""
	}
	return p.layout.pairs(p.name, value)
}
