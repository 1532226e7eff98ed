package openapi

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// securitySchemes reads the security definitions.
func (t *translation) securitySchemes() {
	definitions := t.root.Get("securityDefinitions").Children()
	if len(definitions) > MaxSchemes {
		t.warn("SecuritySchemesTooMany", definitions[MaxSchemes], "remove those that nothing uses",
			"there are more than %d security definitions; the rest is ignored", MaxSchemes)
	}
	for _, n := range firstOf(definitions, MaxSchemes) {
		s := &connectorv1.SecurityScheme{
			Id: n.Key(), Description: n.Str("description"), Extensions: t.extensions(n),
		}
		switch n.Str("type") {
		case "apiKey":
			key := t.apiKey(n)
			if key == nil {
				continue
			}
			s.Kind = &connectorv1.SecurityScheme_ApiKey{ApiKey: key}
		case "basic":
			s.Kind = &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: "basic"}}
		case "oauth2":
			s.Kind = &connectorv1.SecurityScheme_Oauth2{Oauth2: t.oauth2(n)}
		default:
			t.warn("SecuritySchemeUnknown", n, "write \"apiKey\", \"basic\" or \"oauth2\"",
				"the type %q of security definition %q is not known; it is ignored", n.Str("type"), n.Key())
			continue
		}
		t.def.SecuritySchemes = append(t.def.SecuritySchemes, s)
		t.schemes[s.GetId()] = s
	}
}

func (t *translation) apiKey(n *document.Node) *connectorv1.ApiKeyScheme {
	key := &connectorv1.ApiKeyScheme{Name: n.Str("name")}
	switch n.Str("in") {
	case "header":
		key.Location = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
	case "query":
		key.Location = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	}
	if key.GetName() == "" || key.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_UNSPECIFIED {
		t.warn("SecuritySchemeInvalid", n, "say where the key goes: \"name\" and \"in\"",
			"the security definition %q does not say where the key goes; it is ignored", n.Key())
		return nil
	}
	return key
}

// grants are today's names of the flows.
var grants = map[string]string{
	"implicit": "implicit", "password": "password", "application": "clientCredentials", "accessCode": "authorizationCode",
}

func (t *translation) oauth2(n *document.Node) *connectorv1.OAuth2Scheme {
	grant, known := grants[n.Str("flow")]
	if !known {
		grant = "authorizationCode"
		t.warn("OAuthFlowUnknown", n, "write \"implicit\", \"password\", \"application\" or \"accessCode\"",
			"the flow %q is not known; the authorization code flow is used", n.Str("flow"))
	}
	flow := &connectorv1.OAuth2Flow{
		Grant: grant, AuthorizationUrl: n.Str("authorizationUrl"), TokenUrl: n.Str("tokenUrl"),
	}
	for _, s := range n.Get("scopes").Children() {
		if s.Key() != "" {
			flow.Scopes = append(flow.Scopes, &connectorv1.OAuth2Scope{Name: s.Key(), Description: scalarText(s)})
		}
	}
	return &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{flow}}
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
	for _, s := range r.Children() {
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
				t.warn("SecuritySchemeUndefined", s, "define it under \"securityDefinitions\" or remove it",
					"the security scheme %q is not defined; it is ignored", s.Key())
			}
		}
	}
}
