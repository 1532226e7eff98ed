package openapi

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// servers returns a list of server objects of OpenAPI 3.
func (r *rendering) servers(servers []*connectorv1.Server) tree.List {
	var list tree.List
	for _, s := range servers {
		o := tree.New().Set("url", tree.String(s.GetUrlTemplate())).Text("description", s.GetDescription())
		variables := tree.New()
		for _, v := range s.GetVariables() {
			variables.Set(v.GetName(), tree.New().
				Texts("enum", v.GetAllowedValues()).
				Set("default", tree.String(v.GetDefaultValue())).
				Text("description", v.GetDescription()))
		}
		list = append(list, o.Some("variables", variables))
	}
	return list
}

// host sets host, basePath and schemes of Swagger 2.0, which has one server, at
// most twice: with and without encryption.
func (r *rendering) host() {
	servers := r.def.GetServers()
	if len(servers) == 0 {
		return
	}
	scheme, rest, _ := strings.Cut(servers[0].GetUrlTemplate(), "://")
	host, base, hasBase := strings.Cut(rest, "/")
	r.doc.Text("host", host)
	if hasBase {
		r.doc.Text("basePath", "/"+base)
	}
	schemes := []string{scheme}
	for i, s := range servers {
		at := place{}.at("servers", i)
		otherScheme, otherRest, _ := strings.Cut(s.GetUrlTemplate(), "://")
		switch {
		case i > 0 && otherRest == rest && len(schemes) == 1 && otherScheme != scheme:
			schemes = append(schemes, otherScheme)
		case i > 0:
			r.lost(at, "%s has one host; the server %q is left out", r.version, s.GetUrlTemplate())
		}
		for _, v := range s.GetVariables() {
			if v.GetDefaultValue() != "" || len(v.GetAllowedValues()) > 0 {
				r.approximated(at, "%s has no values for the server variable %q", r.version, v.GetName())
			}
		}
	}
	r.doc.Texts("schemes", schemes)
}

// commonMedia sets the media types that operations without a list of their own
// have.
func (r *rendering) commonMedia() {
	var body, answer bool
	for _, op := range r.def.GetOperations() {
		body = body || isOnlyJSON(contentTypes(op.GetRequestBody().GetContents()))
		answer = answer || isOnlyJSON(answerTypes(op))
	}
	if body {
		r.doc.Texts("consumes", []string{mediaJSON})
	}
	if answer {
		r.doc.Texts("produces", []string{mediaJSON})
	}
}
