package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// inputs returns the parameters of an operation with references resolved: those
// of the path first, each replaced in its place by the operation's own of the
// same name and location, then the operation's others.
func (t *translation) inputs(item, n *document.Node) []*document.Node {
	shared := t.parameterList(item.Get("parameters"))
	own := t.parameterList(n.Get("parameters"))
	same := func(a *document.Node) func(*document.Node) bool {
		return func(b *document.Node) bool {
			return a.Str("name") == b.Str("name") && a.Str("in") == b.Str("in")
		}
	}
	var merged []*document.Node
	for _, p := range shared {
		if i := slices.IndexFunc(own, same(p)); i >= 0 {
			p = own[i]
			own = slices.Delete(slices.Clone(own), i, i+1)
		}
		merged = append(merged, p)
	}
	return append(merged, own...)
}

// parameterList resolves one list and drops what cannot be a parameter.
func (t *translation) parameterList(list *document.Node) []*document.Node {
	var found []*document.Node
	for _, c := range list.Children() {
		if len(found) == MaxParameters {
			t.warn("ParametersTooMany", c, "use a body", "there are more than %d parameters; the rest is ignored", MaxParameters)
			break
		}
		p := t.resolve(c)
		if p == nil {
			continue
		}
		name, in := p.Str("name"), p.Str("in")
		switch {
		case name == "" && in != "body":
			t.warn("ParameterNameMissing", c, "add a name", "the parameter has no name; it is ignored")
		case !slices.Contains(t.dialect.locations(), in):
			t.warn("ParameterLocationUnknown", c, "write one of \""+strings.Join(t.dialect.locations(), "\", \"")+"\"",
				"the location %q of parameter %q is not known; it is ignored", in, name)
		case slices.ContainsFunc(found, func(o *document.Node) bool { return o.Str("name") == name && o.Str("in") == in }):
			t.warn("ParameterDuplicate", c, "remove one of them",
				"the parameter %q in %s is there more than once; the first one counts", name, in)
		default:
			found = append(found, p)
		}
	}
	return found
}

// locations are those that are not the body.
var locations = map[string]connectorv1.ParameterLocation{
	"path":   connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH,
	"query":  connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY,
	"header": connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER,
	"cookie": connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE,
}

// parameters reads those that are not the body with read, and makes up those that
// the path needs and nobody declares.
func (t *translation) parameters(path string, in []*document.Node, n *document.Node, read func(*document.Node) *connectorv1.Parameter) []*connectorv1.Parameter {
	list := make([]*connectorv1.Parameter, 0, len(in))
	declared := map[string]bool{}
	for _, p := range in {
		if _, ok := locations[p.Str("in")]; !ok {
			continue
		}
		parameter := read(p)
		if p.Str("in") == "path" {
			declared[parameter.GetName()] = true
			if !strings.Contains(path, "{"+parameter.GetName()+"}") {
				parameter.Required = false
				t.warn("PathParameterUnused", p, "add it to the path or remove it",
					"the path has no place for the parameter %q", parameter.GetName())
			}
		}
		list = append(list, parameter)
	}
	if !strings.Contains(path, "{") {
		return list
	}
	for _, name := range placeholders(path) {
		if declared[name] {
			continue
		}
		t.warn("PathParameterUndeclared", n, "declare the parameter",
			"the path parameter %q is not declared; it is taken as a required string", name)
		list = append(list, &connectorv1.Parameter{
			Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH,
			Required: true, Schema: []byte(`{"type":"string"}`),
		})
	}
	return list
}

// parameter reads what parameters have in common in all versions. The keys are
// extensions that the caller has read.
func (t *translation) parameter(p *document.Node, keys ...string) *connectorv1.Parameter {
	parameter := &connectorv1.Parameter{
		Name:        p.Str("name"),
		Location:    locations[p.Str("in")],
		Summary:     p.Str("x-ms-summary"),
		Description: p.Str("description"),
		Required:    t.required(p),
		Visibility:  t.visibility(p),
		UrlEncoding: t.urlEncoding(p),
	}
	parameter.AllowEmptyValue, _ = vendor.Flag(p.Get("allowEmptyValue"))
	keys = append(keys, "x-ms-summary", "x-ms-visibility", "x-ms-url-encoding")
	keys = append(keys, t.vendor.Parameter(parameter, p)...)
	parameter.Extensions = t.extensions(p, keys...)
	return parameter
}

func (t *translation) required(p *document.Node) bool {
	n := p.Get("required")
	value, present := vendor.Flag(n)
	if p.Str("in") == "path" {
		if !value {
			t.note("PathParameterOptional", p, "the path parameter %q is not marked as required; it is taken as such", p.Str("name"))
		}
		return true
	}
	if n != nil && !present {
		t.warn("RequiredInvalid", n, "write true or false", "\"required\" is %s; the parameter is optional", n.Kind())
	}
	return value
}

// urlEncoding reads x-ms-url-encoding, which has a meaning in paths only.
func (t *translation) urlEncoding(p *document.Node) connectorv1.UrlEncoding {
	n := p.Get("x-ms-url-encoding")
	if n == nil || p.Str("in") != "path" {
		return connectorv1.UrlEncoding_URL_ENCODING_UNSPECIFIED
	}
	switch strings.ToLower(n.Text()) {
	case "single":
		return connectorv1.UrlEncoding_URL_ENCODING_SINGLE
	case "double":
		return connectorv1.UrlEncoding_URL_ENCODING_DOUBLE
	}
	t.warn("UrlEncodingUnknown", n, "write \"single\" or \"double\"",
		"the encoding %q is not known; the value is encoded once", n.Text())
	return connectorv1.UrlEncoding_URL_ENCODING_UNSPECIFIED
}
