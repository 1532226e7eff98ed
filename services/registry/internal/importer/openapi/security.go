package openapi

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// securitySchemes reads the schemes that the document defines.
func (t *translation) securitySchemes() {
	definitions := t.dialect.schemeMap().Children()
	if len(definitions) > MaxSchemes {
		t.warn("SecuritySchemesTooMany", definitions[MaxSchemes], "remove those that nothing uses",
			"there are more than %d security schemes; the rest is ignored", MaxSchemes)
	}
	for _, c := range firstOf(definitions, MaxSchemes) {
		if c.Key() == "" {
			t.warn("SecuritySchemeInvalid", c, "give the security scheme a name", "the security scheme has no name; it is ignored")
			continue
		}
		n := c
		if c.Is(document.Object) {
			if n = t.resolve(c); n == nil {
				continue
			}
		}
		s := &connectorv1.SecurityScheme{
			Id: c.Key(), Description: n.Str("description"),
		}
		s.Deprecated, _ = vendor.Flag(n.Get("deprecated"))
		if t.dialect.readScheme(s, n) {
			s.Extensions = t.extensions(n, t.refine(s, n)...)
			t.def.SecuritySchemes = append(t.def.SecuritySchemes, s)
			t.schemes[s.GetId()] = s
		}
	}
}

// unknownScheme reports a type of security scheme that is none.
func (t *translation) unknownScheme(n *document.Node, id string, known ...string) bool {
	t.warn("SecuritySchemeUnknown", n, "write one of \""+strings.Join(known, "\", \"")+"\"",
		"the type %q of security scheme %q is not known; it is ignored", n.Str("type"), id)
	return false
}

func (t *translation) apiKey(n *document.Node) *connectorv1.ApiKeyScheme {
	key := &connectorv1.ApiKeyScheme{Name: n.Str("name")}
	switch n.Str("in") {
	case "header":
		key.Location = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
	case "query":
		key.Location = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	case "cookie":
		key.Location = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE
	}
	if key.GetName() == "" || key.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_UNSPECIFIED {
		t.warn("SecuritySchemeInvalid", n, "say where the key goes: \"name\" and \"in\"",
			"the security scheme %q does not say where the key goes; it is ignored", n.Key())
		return nil
	}
	return key
}

// scopes reads the scopes of a flow.
func scopes(n *document.Node) []*connectorv1.OAuth2Scope {
	var list []*connectorv1.OAuth2Scope
	for _, s := range n.Get("scopes").Children() {
		if s.Key() != "" {
			list = append(list, &connectorv1.OAuth2Scope{Name: s.Key(), Description: scalarText(s)})
		}
	}
	return list
}

// requirements reads the alternatives of an operation, or else the document's.
func (t *translation) requirements(n *document.Node) []*connectorv1.SecurityRequirement {
	list := n.Get("security")
	if list == nil {
		list = t.root.Get("security")
	}
	if !list.Is(document.Array) {
		return nil
	}
	if len(list.Children()) == 0 {
		// An empty list says "none", while no list says nothing.
		return []*connectorv1.SecurityRequirement{{}}
	}
	var alternatives []*connectorv1.SecurityRequirement
	for _, r := range firstOf(list.Children(), MaxSchemes) {
		if requirement, ok := t.requirement(r); ok {
			alternatives = append(alternatives, requirement)
		}
	}
	return alternatives
}

// requirement reads one alternative. It is false if none of the schemes that it
// names exists: an empty requirement would mean that none is needed.
func (t *translation) requirement(r *document.Node) (*connectorv1.SecurityRequirement, bool) {
	requirement := &connectorv1.SecurityRequirement{}
	for _, s := range firstOf(r.Children(), MaxSchemes) {
		if t.schemes[s.Key()] == nil {
			continue
		}
		requirement.Schemes = append(requirement.Schemes, &connectorv1.SchemeReference{
			SchemeId: s.Key(), Scopes: texts(s),
		})
	}
	return requirement, r.Is(document.Object) && (len(r.Children()) == 0 || len(requirement.GetSchemes()) > 0)
}

// checkSecurity reports the schemes that are required and not defined, once each.
func (t *translation) checkSecurity(list *document.Node, seen map[string]bool) {
	for _, r := range list.Children() {
		for _, s := range r.Children() {
			if t.schemes[s.Key()] == nil && !seen[s.Key()] {
				seen[s.Key()] = true
				t.warn("SecuritySchemeUndefined", s, "define it or remove it",
					"the security scheme %q is not defined; it is ignored", s.Key())
			}
		}
	}
}
