package openapi

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// parameter2 reads a parameter that is not the body.
func (t *translation) parameter2(p *document.Node) *connectorv1.Parameter {
	parameter := t.parameter(p, "x-deprecated")
	parameter.Schema = t.valueSchema(p)
	parameter.Deprecated, _ = vendor.Flag(p.Get("x-deprecated"))
	parameter.Style, parameter.Explode = t.style(p)
	return parameter
}

// style reads collectionFormat, which has a meaning for arrays only.
func (t *translation) style(p *document.Node) (style connectorv1.ParameterStyle, explode bool) {
	n := p.Get("collectionFormat")
	if p.Str("type") != "array" {
		return connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED, false
	}
	switch n.Text() {
	case "", "csv":
		return connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE, false
	case "ssv":
		return connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED, false
	case "tsv":
		return connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED, false
	case "pipes":
		return connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED, false
	case "multi":
		if in := p.Str("in"); in == "query" || in == "formData" {
			return connectorv1.ParameterStyle_PARAMETER_STYLE_FORM, true
		}
	}
	t.warn("CollectionFormatUnknown", n, "write \"csv\", \"ssv\", \"tsv\", \"pipes\" or, in queries and forms, \"multi\"",
		"the collection format %q cannot be used here; values are separated by commas", n.Text())
	return connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE, false
}
