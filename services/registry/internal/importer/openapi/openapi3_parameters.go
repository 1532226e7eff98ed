package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// ignoredHeaders are the names of header parameters that have no meaning: media
// types and security schemes say what they would say.
var ignoredHeaders = []string{"Accept", "Content-Type", "Authorization"}

// usable drops the parameters that the specification says to ignore.
func (t *translation) usable(in []*document.Node) []*document.Node {
	return slices.DeleteFunc(in, func(p *document.Node) bool {
		ignored := p.Str("in") == "header" && slices.ContainsFunc(ignoredHeaders, func(name string) bool {
			return strings.EqualFold(name, p.Str("name"))
		})
		if ignored {
			t.note("HeaderParameterIgnored", p,
				"the header %q is set by media types and security schemes; the parameter is ignored", p.Str("name"))
		}
		return ignored
	})
}

// parameter3 reads a parameter of the path, query, header or cookie.
func (t *translation) parameter3(p *document.Node) *connectorv1.Parameter {
	parameter := t.parameter(p)
	parameter.Deprecated, _ = vendor.Flag(p.Get("deprecated"))
	parameter.AllowReserved, _ = vendor.Flag(p.Get("allowReserved"))
	parameter.Examples = append(t.examplesOf(p), parameter.GetExamples()...)
	if contents := p.Get("content").Children(); len(contents) > 0 {
		if len(contents) > 1 {
			t.warn("ParameterContentDuplicate", contents[1], "remove one of them",
				"the parameter %q has several media types; the first one counts", p.Str("name"))
		}
		parameter.ContentType = contents[0].Key()
		media := t.resolve(contents[0])
		parameter.Schema = t.schemaOf(media.Get("schema"))
		parameter.Examples = append(parameter.Examples, t.examplesOf(media)...)
	} else {
		parameter.Schema = t.schemaOf(p.Get("schema"))
		parameter.Style, parameter.Explode = t.style3(p, p.Str("in"))
	}
	if parameter.GetSchema() == nil {
		// Documents of Swagger 2.0 that were relabelled have the type here.
		parameter.Schema = t.valueSchema(p)
	}
	return parameter
}

// styles are those of each location, its default first.
var styles = map[string][]string{
	"path":   {"simple", "label", "matrix"},
	"query":  {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
	"header": {"simple"},
	"cookie": {"form", "cookie"},
}

// styleNumbers are the styles of the model. That of cookies, of OpenAPI 3.2, is
// the form without encoding.
var styleNumbers = map[string]connectorv1.ParameterStyle{
	"simple":         connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE,
	"label":          connectorv1.ParameterStyle_PARAMETER_STYLE_LABEL,
	"matrix":         connectorv1.ParameterStyle_PARAMETER_STYLE_MATRIX,
	"form":           connectorv1.ParameterStyle_PARAMETER_STYLE_FORM,
	"cookie":         connectorv1.ParameterStyle_PARAMETER_STYLE_FORM,
	"spaceDelimited": connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED,
	"pipeDelimited":  connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED,
	"deepObject":     connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT,
}

// style3 reads the style of a parameter, or of a property of a form, and whether
// it is exploded, of which the default depends on the style.
func (t *translation) style3(n *document.Node, in string) (style connectorv1.ParameterStyle, explode bool) {
	name := n.Str("style")
	possible := styles[in]
	if s := n.Get("style"); s != nil && !slices.Contains(possible, name) {
		t.warn("ParameterStyleUnknown", s, "write one of \""+strings.Join(possible, "\", \"")+"\"",
			"the style %q cannot be used here; %q is used", s.Text(), possible[0])
		name = ""
	}
	explode, written := vendor.Flag(n.Get("explode"))
	if !written {
		explode = name == "form" || name == "cookie" || (name == "" && possible[0] == "form")
	}
	return styleNumbers[name], explode
}

// queryStrings reads the parameters of OpenAPI 3.2 that are the whole query
// string: if they are a form, each of their properties is a parameter. Those that
// are declared already are left alone.
func (t *translation) queryStrings(declared []*connectorv1.Parameter, in []*document.Node) []*connectorv1.Parameter {
	var list []*connectorv1.Parameter
	for _, p := range in {
		if p.Str("in") != "querystring" {
			continue
		}
		var schema *document.Node
		if contents := p.Get("content").Children(); len(contents) > 0 && contents[0].Key() == mediaForm {
			schema = contents[0].Get("schema")
		}
		fields, required := t.fields(schema)
		if len(fields) == 0 {
			t.warn("QueryStringUnsupported", p, "describe its parts as query parameters",
				"the query string %q is no form with known fields; it is ignored", p.Str("name"))
			continue
		}
		for _, f := range fields {
			if slices.ContainsFunc(declared, func(o *connectorv1.Parameter) bool { return o.GetName() == f.Key() }) {
				continue
			}
			list = append(list, &connectorv1.Parameter{
				Name: f.Key(), Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY,
				Description: t.peek(f).Str("description"), Required: required[f.Key()], Explode: true, Schema: t.schemaOf(f),
			})
		}
	}
	return list
}
