package postman

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	typeText   = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	typeSecret = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	typeOAuth  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
)

// parameterSet asks for what all of the schemes need.
func (t *translation) parameterSet(list []*connectorv1.SecurityScheme) *connectorv1.ParameterSet {
	set := &connectorv1.ParameterSet{}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.GetId())
		set.Placements = append(set.Placements, t.placement(set, s))
	}
	set.Name, set.Title = strings.Join(ids, "+"), strings.Join(ids, " and ")
	return set
}

// placement says how the values for a scheme reach a request, and asks for them.
func (t *translation) placement(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme) *connectorv1.CredentialPlacement {
	p := &connectorv1.CredentialPlacement{SchemeId: s.GetId()}
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		p.Kind = &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: ask(set, "api_key", "API key", typeSecret), Location: kind.ApiKey.GetLocation(), Name: kind.ApiKey.GetName(),
			Template: kind.ApiKey.GetTemplate(),
		}}
	case *connectorv1.SecurityScheme_AwsSignature:
		p.Kind = awsPlacement(set, kind.AwsSignature)
	case *connectorv1.SecurityScheme_Oauth2:
		name := ask(set, "token", "Sign in", typeOAuth)
		how := t.schemes.signIns[s.GetId()]
		set.Parameters[len(set.GetParameters())-1].Oauth = settings(kind.Oauth2.GetFlows()[0], how)
		how.place(p, name)
	case *connectorv1.SecurityScheme_Http:
		t.httpPlacement(p, set, s.GetId(), kind.Http.GetScheme())
	}
	return p
}

// httpPlacement is the placement for schemes of the Authorization header.
func (t *translation) httpPlacement(p *connectorv1.CredentialPlacement, set *connectorv1.ParameterSet, id, scheme string) {
	switch scheme {
	case kindBasic:
		p.Kind = &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{
			UsernameParameter: ask(set, "username", "User name", typeText),
			PasswordParameter: ask(set, "password", "Password", typeSecret),
		}}
	case kindDigest:
		p.Kind = &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{
			UsernameParameter: ask(set, "username", "User name", typeText),
			PasswordParameter: ask(set, "password", "Password", typeSecret),
		}}
	case kindBearer:
		p.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{
			Parameter: ask(set, "token", "Token", typeSecret),
		}}
	default:
		p.Kind = &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{
			Scheme: t.schemes.words[id], Parameter: ask(set, "token", "Token", typeSecret),
		}}
	}
}

// ask adds a required parameter under the name, or that name with a number where
// it is taken, and returns the name.
func ask(set *connectorv1.ParameterSet, name, title string, kind connectorv1.ConnectionParameterType) string {
	p := &connectorv1.ConnectionParameter{Name: name, Title: title, Type: kind, Required: true}
	taken := func(o *connectorv1.ConnectionParameter) bool { return o.GetName() == p.GetName() }
	for i := 2; slices.ContainsFunc(set.GetParameters(), taken); i++ {
		p.Name = name + "_" + strconv.Itoa(i)
	}
	set.Parameters = append(set.Parameters, p)
	return p.GetName()
}

// settings are what signing in needs to know. Client id and secret in the file are
// those of whoever made it, and not copied.
func settings(flow *connectorv1.OAuth2Flow, how signIn) *connectorv1.OAuthSettings {
	s := &connectorv1.OAuthSettings{IdentityProvider: "oauth2", Grant: flow.GetGrant(), CustomParameters: map[string]string{}}
	for _, scope := range flow.GetScopes() {
		s.Scopes = append(s.Scopes, scope.GetName())
	}
	refresh := flow.GetRefreshUrl()
	if refresh == "" {
		refresh = flow.GetTokenUrl()
	}
	for name, value := range map[string]string{
		"authorizationUrl": flow.GetAuthorizationUrl(), "tokenUrl": flow.GetTokenUrl(), "refreshUrl": refresh,
		"clientAuthentication": how.clientAuthentication,
	} {
		if value != "" {
			s.CustomParameters[name] = value
		}
	}
	return s
}
