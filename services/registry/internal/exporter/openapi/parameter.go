package openapi

import (
	"encoding/json"
	"strconv"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// parameterLocations are the values of "in".
var parameterLocations = map[connectorv1.ParameterLocation]string{
	connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:   "path",
	connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY:  "query",
	connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER: "header",
	connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE: "cookie",
}

// styles are the names of the styles of OpenAPI 3.
var styles = map[connectorv1.ParameterStyle]string{
	connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE:          "simple",
	connectorv1.ParameterStyle_PARAMETER_STYLE_FORM:            "form",
	connectorv1.ParameterStyle_PARAMETER_STYLE_LABEL:           "label",
	connectorv1.ParameterStyle_PARAMETER_STYLE_MATRIX:          "matrix",
	connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED: "spaceDelimited",
	connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED:  "pipeDelimited",
	connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT:     "deepObject",
}

// parameter3 returns a parameter object of OpenAPI 3.
func (r *rendering) parameter3(p *connectorv1.Parameter, at place) *tree.Object {
	isPath := p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
	o := tree.New().Set("name", tree.String(p.GetName())).
		Text("in", parameterLocations[p.GetLocation()]).
		Text("description", p.GetDescription()).
		True("required", p.GetRequired() || isPath).
		True("deprecated", p.GetDeprecated()).
		True("allowEmptyValue", p.GetAllowEmptyValue())
	if p.GetContentType() == "" {
		r.style(o, p, at)
		o.True("allowReserved", p.GetAllowReserved())
	}
	schema := tree.Value(tree.New())
	if len(p.GetSchema()) > 0 {
		schema = r.schema(p.GetSchema(), at)
	}
	if p.GetContentType() != "" {
		media := tree.New().Set("schema", schema)
		examples(media, p.GetExamples())
		o.Set("content", tree.New().Set(p.GetContentType(), media))
	} else {
		o.Set("schema", schema)
		examples(o, p.GetExamples())
	}
	parameterExtensions(o, p)
	r.extend(o, p.GetExtensions(), at)
	return o
}

// style sets style and explode, as far as they are not the default of the
// location. Swagger 2.0 writes lists in queries separated by commas, which is
// the style form without explode.
func (r *rendering) style(o *tree.Object, p *connectorv1.Parameter, at place) {
	style := p.GetStyle()
	isForm := p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY ||
		p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE
	switch {
	case style == connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED:
		r.lost(at, "%s has no tabs between the values of the parameter %q", r.version, p.GetName())
		style = connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED
	case style == connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE && isForm:
		style = connectorv1.ParameterStyle_PARAMETER_STYLE_FORM
	case style == connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED && !isForm,
		style == connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED && !isForm:
		r.lost(at, "%s separates the values of the parameter %q by commas there", r.version, p.GetName())
		style = connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED
	}
	o.Text("style", styles[style])
	explodes := style == connectorv1.ParameterStyle_PARAMETER_STYLE_FORM ||
		(isForm && style == connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED)
	if explodes != p.GetExplode() {
		o.Set("explode", tree.Bool(p.GetExplode()))
	}
}

// parameterExtensions sets the vendor's extensions of a parameter.
func parameterExtensions(o *tree.Object, p *connectorv1.Parameter) {
	v := vendor{object: o, kept: p.GetExtensions()}
	v.set("x-ms-summary", text(p.GetSummary()))
	v.set("x-ms-visibility", text(visibilities[p.GetVisibility()]))
	switch p.GetUrlEncoding() {
	case connectorv1.UrlEncoding_URL_ENCODING_SINGLE:
		v.set("x-ms-url-encoding", tree.String("single"))
	case connectorv1.UrlEncoding_URL_ENCODING_DOUBLE:
		v.set("x-ms-url-encoding", tree.String("double"))
	case connectorv1.UrlEncoding_URL_ENCODING_UNSPECIFIED:
	}
}

// examples sets one example, or all of them under numbers.
func examples(o *tree.Object, list [][]byte) {
	if len(list) == 1 && json.Valid(list[0]) {
		o.Set("example", tree.Raw(list[0]))
		return
	}
	named := tree.New()
	for i, e := range list {
		if json.Valid(e) {
			named.Set("example"+strconv.Itoa(i+1), tree.New().Set("value", tree.Raw(e)))
		}
	}
	o.Some("examples", named)
}
