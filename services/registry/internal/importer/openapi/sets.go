package openapi

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// parameterSets derives the ways to make a connection from the security schemes:
// one for each alternative that the document requires, and one for each scheme
// that only operations require, or that nobody does.
func (t *translation) parameterSets() []*connectorv1.ParameterSet {
	t.checkAllSecurity()
	var alternatives [][]*connectorv1.SecurityScheme
	used := map[string]bool{}
	if list := t.root.Get("security"); list.Is(document.Array) && len(list.Children()) > 0 {
		for _, r := range t.requirements(t.root) {
			var schemes []*connectorv1.SecurityScheme
			for _, s := range r.GetSchemes() {
				schemes = append(schemes, t.schemes[s.GetSchemeId()])
				used[s.GetSchemeId()] = true
			}
			alternatives = append(alternatives, schemes)
		}
	}
	for _, s := range t.def.GetSecuritySchemes() {
		if !used[s.GetId()] {
			alternatives = append(alternatives, []*connectorv1.SecurityScheme{s})
		}
	}
	if len(alternatives) == 0 {
		return []*connectorv1.ParameterSet{{Name: "default"}}
	}
	var sets []*connectorv1.ParameterSet
	for _, schemes := range alternatives {
		set := parameterSet(schemes)
		if len(alternatives) == 1 {
			set.Name = "default"
		}
		if !slices.ContainsFunc(sets, func(s *connectorv1.ParameterSet) bool { return s.GetName() == set.GetName() }) {
			sets = append(sets, set)
		}
	}
	return sets
}

func (t *translation) checkAllSecurity() {
	seen := map[string]bool{}
	t.checkSecurity(t.root.Get("security"), seen)
	for _, p := range t.root.Get("paths").Children() {
		for _, n := range p.Children() {
			if isMethod(n.Key()) {
				t.checkSecurity(n.Get("security"), seen)
			}
		}
	}
}

// parameterSet asks for what all of the schemes need. No scheme at all is a
// connection without authentication.
func parameterSet(schemes []*connectorv1.SecurityScheme) *connectorv1.ParameterSet {
	set := &connectorv1.ParameterSet{Name: "none", Title: "No authentication"}
	var ids []string
	for _, s := range schemes {
		ids = append(ids, s.GetId())
		addScheme(set, s)
	}
	if len(ids) > 0 {
		set.Name = strings.Join(ids, "+")
		set.Title = strings.Join(ids, " and ")
	}
	return set
}

func addScheme(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme) {
	placement := &connectorv1.CredentialPlacement{SchemeId: s.GetId()}
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		name := addParameter(set, "api_key", &connectorv1.ConnectionParameter{
			Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET,
			Title: "API key", Description: s.GetDescription(),
		})
		placement.Kind = &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: name, Location: kind.ApiKey.GetLocation(), Name: kind.ApiKey.GetName(),
		}}
	case *connectorv1.SecurityScheme_Http:
		user := addParameter(set, "username", &connectorv1.ConnectionParameter{
			Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING,
			Title: "User name", Description: s.GetDescription(),
		})
		password := addParameter(set, "password", &connectorv1.ConnectionParameter{
			Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET,
			Title: "Password",
		})
		placement.Kind = &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{
			UsernameParameter: user, PasswordParameter: password,
		}}
	case *connectorv1.SecurityScheme_Oauth2:
		name := addParameter(set, "token", &connectorv1.ConnectionParameter{
			Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH,
			Title: "Sign in", Description: s.GetDescription(), Oauth: oauthSettings(kind.Oauth2),
		})
		placement.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: name}}
	}
	set.Placements = append(set.Placements, placement)
}

// addParameter adds a required parameter under the name, or that name with a
// number where it is taken, and returns the name.
func addParameter(set *connectorv1.ParameterSet, name string, p *connectorv1.ConnectionParameter) string {
	p.Name, p.Required = name, true
	taken := func(o *connectorv1.ConnectionParameter) bool { return o.GetName() == p.GetName() }
	for i := 2; slices.ContainsFunc(set.GetParameters(), taken); i++ {
		p.Name = name + "_" + strconv.Itoa(i)
	}
	set.Parameters = append(set.Parameters, p)
	return p.GetName()
}

func oauthSettings(s *connectorv1.OAuth2Scheme) *connectorv1.OAuthSettings {
	flow := s.GetFlows()[0]
	settings := &connectorv1.OAuthSettings{IdentityProvider: "oauth2", CustomParameters: map[string]string{}}
	for _, scope := range flow.GetScopes() {
		settings.Scopes = append(settings.Scopes, scope.GetName())
	}
	for name, value := range map[string]string{
		"authorizationUrl": flow.GetAuthorizationUrl(), "tokenUrl": flow.GetTokenUrl(), "refreshUrl": flow.GetTokenUrl(),
	} {
		if value != "" {
			settings.CustomParameters[name] = value
		}
	}
	return settings
}
