package openapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// parameterSets derives the ways to make a connection from the security schemes:
// one for each alternative that the document requires, one for each several
// schemes that an operation requires together, one for each scheme that is left,
// and one without credentials where nothing requires any.
func (t *translation) parameterSets() []*connectorv1.ParameterSet {
	t.checkAllSecurity()
	alternatives := t.supported(t.alternatives())
	switch {
	case len(alternatives) == 0 && len(t.unsupported) > 0 && !t.anonymous():
		return []*connectorv1.ParameterSet{t.impossible()}
	case len(alternatives) == 0:
		return []*connectorv1.ParameterSet{{Name: "default"}}
	}
	var sets []*connectorv1.ParameterSet
	for _, schemes := range alternatives {
		set := t.parameterSet(schemes)
		if len(alternatives) == 1 {
			set.Name = "default"
		}
		for _, p := range set.GetPlacements() {
			if a := p.GetAuthorization(); a != nil {
				a.Scheme = t.spelling[p.GetSchemeId()]
			}
		}
		if !slices.ContainsFunc(sets, func(s *connectorv1.ParameterSet) bool { return s.GetName() == set.GetName() }) {
			sets = append(sets, set)
		}
	}
	return t.withoutCredentials(sets)
}

// anonymous reports whether some operation can be called without credentials.
func (t *translation) anonymous() bool {
	return slices.ContainsFunc(t.def.GetOperations(), func(op *connectorv1.Operation) bool {
		return len(op.GetSecurity()) == 0 ||
			slices.ContainsFunc(op.GetSecurity(), func(r *connectorv1.SecurityRequirement) bool { return len(r.GetSchemes()) == 0 })
	})
}

// withoutCredentials adds a set that asks for nothing, as the last one, where
// nothing requires the schemes that there are: OpenAPI says that no credentials
// are needed then, while many documents have only forgotten to say so.
func (t *translation) withoutCredentials(sets []*connectorv1.ParameterSet) []*connectorv1.ParameterSet {
	if !t.connectable || requires(t.root.Get("security")) {
		return sets
	}
	for n := range t.allOperations() {
		if requires(n.Get("security")) {
			return sets
		}
	}
	none := t.parameterSet(nil)
	taken := func(s *connectorv1.ParameterSet) bool { return s.GetName() == none.GetName() }
	for i := 2; slices.ContainsFunc(sets, taken); i++ {
		none.Name = "none_" + strconv.Itoa(i)
	}
	t.note("SecurityNotRequired", t.dialect.schemeMap(),
		"nothing requires the security schemes; connections may be made with each of them, and without credentials")
	return append(sets, none)
}

// requires reports whether a list of requirements names a scheme. Some authors
// forget the list.
func requires(list *document.Node) bool {
	return (list.Is(document.Object) && len(list.Children()) > 0) || slices.ContainsFunc(list.Children(), func(r *document.Node) bool { return len(r.Children()) > 0 })
}

// alternatives are the schemes of each set.
func (t *translation) alternatives() [][]*connectorv1.SecurityScheme {
	var alternatives [][]*connectorv1.SecurityScheme
	used := map[string]bool{}
	add := func(r *connectorv1.SecurityRequirement) {
		var schemes []*connectorv1.SecurityScheme
		for _, s := range r.GetSchemes() {
			schemes = append(schemes, t.schemes[s.GetSchemeId()])
			used[s.GetSchemeId()] = true
		}
		alternatives = append(alternatives, schemes)
	}
	if list := t.root.Get("security"); list.Is(document.Array) && len(list.Children()) > 0 {
		for _, r := range t.requirements(t.root) {
			add(r)
		}
	}
	for _, r := range t.joint(alternatives) {
		add(r)
	}
	enough := t.enoughAlone(alternatives)
	for _, s := range t.def.GetSecuritySchemes() {
		if !used[s.GetId()] || enough[s.GetId()] {
			alternatives = append(alternatives, []*connectorv1.SecurityScheme{s})
		}
	}
	return alternatives
}

// enoughAlone are the schemes that some operation asks for and for nothing else,
// without those that have a set of their own: who cannot offer what other
// operations want besides can still call these.
func (t *translation) enoughAlone(have [][]*connectorv1.SecurityScheme) map[string]bool {
	alone := map[string]bool{}
	for _, op := range t.def.GetOperations() {
		for _, r := range op.GetSecurity() {
			if len(r.GetSchemes()) == 1 {
				alone[r.GetSchemes()[0].GetSchemeId()] = true
			}
		}
	}
	for _, schemes := range have {
		if len(schemes) == 1 {
			delete(alone, schemes[0].GetId())
		}
	}
	return alone
}

// joint returns the requirements of operations that need several schemes at
// once, each combination once, without those that there are.
func (t *translation) joint(have [][]*connectorv1.SecurityScheme) []*connectorv1.SecurityRequirement {
	seen := map[string]bool{}
	for _, schemes := range have {
		var ids []string
		for _, s := range schemes {
			ids = append(ids, s.GetId())
		}
		seen[combination(ids)] = true
	}
	var list []*connectorv1.SecurityRequirement
	for _, op := range t.def.GetOperations() {
		for _, r := range op.GetSecurity() {
			var ids []string
			for _, s := range r.GetSchemes() {
				ids = append(ids, s.GetSchemeId())
			}
			if key := combination(ids); len(ids) > 1 && !seen[key] && len(list) < MaxSchemes {
				seen[key] = true
				list = append(list, r)
			}
		}
	}
	return list
}

// combination names schemes whatever their order.
func combination(ids []string) string {
	sorted := slices.Sorted(slices.Values(ids))
	return strings.Join(sorted, "\x00")
}

func (t *translation) checkAllSecurity() {
	seen := map[string]bool{}
	t.checkSecurity(t.root.Get("security"), seen)
	checked := map[*document.Node]bool{}
	for n := range t.allOperations() {
		if !checked[n] {
			checked[n] = true
			t.checkSecurity(n.Get("security"), seen)
		}
	}
}

// parameterSet asks for what all of the schemes need. No scheme at all is a
// connection without authentication.
func (t *translation) parameterSet(schemes []*connectorv1.SecurityScheme) *connectorv1.ParameterSet {
	set := &connectorv1.ParameterSet{Name: "none", Title: "No authentication"}
	var ids []string
	for _, s := range schemes {
		ids = append(ids, s.GetId())
		t.addScheme(set, s)
	}
	if len(ids) > 0 {
		set.Name = strings.Join(ids, "+")
		set.Title = strings.Join(ids, " and ")
	}
	return set
}

func (t *translation) addScheme(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme) {
	placement := &connectorv1.CredentialPlacement{SchemeId: s.GetId()}
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		name := addSecret(set, "api_key", "API key", t.keyDescription(s))
		placement.Kind = &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: name, Location: kind.ApiKey.GetLocation(), Name: kind.ApiKey.GetName(), Template: kind.ApiKey.GetTemplate(),
		}}
	case *connectorv1.SecurityScheme_Http:
		addHTTP(set, placement, kind.Http, s.GetDescription())
	case *connectorv1.SecurityScheme_Oauth2:
		hint := t.hints[s.GetId()]
		settings := oauthSettings(kind.Oauth2, hint)
		hint.apply(settings)
		addOAuth(set, placement, s.GetDescription(), settings)
	case *connectorv1.SecurityScheme_OpenIdConnect:
		settings := &connectorv1.OAuthSettings{IdentityProvider: "openidconnect", CustomParameters: map[string]string{}}
		if url := kind.OpenIdConnect.GetUrl(); url != "" {
			settings.CustomParameters["discoveryUrl"] = url
		}
		t.hints[s.GetId()].apply(settings)
		addOAuth(set, placement, s.GetDescription(), settings)
	case *connectorv1.SecurityScheme_MutualTls:
		name := addParameter(set, "certificate", &connectorv1.ConnectionParameter{
			Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE,
			Title: "Client certificate", Description: s.GetDescription(),
		})
		placement.Kind = &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: name}}
	case *connectorv1.SecurityScheme_AwsSignature:
		placement.Kind = t.addAWS(set, kind.AwsSignature, s.GetDescription())
	case *connectorv1.SecurityScheme_Hmac:
		placement.Kind = addHmac(set, kind.Hmac, s.GetDescription())
	}
	set.Placements = append(set.Placements, placement)
}

// addHTTP asks for what a scheme of the Authorization header needs.
func addHTTP(set *connectorv1.ParameterSet, placement *connectorv1.CredentialPlacement, s *connectorv1.HttpScheme, description string) {
	switch s.GetScheme() {
	case "basic":
		user, password := addLogin(set, description)
		placement.Kind = &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{
			UsernameParameter: user, PasswordParameter: password,
		}}
	case "digest":
		user, password := addLogin(set, description)
		placement.Kind = &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{
			UsernameParameter: user, PasswordParameter: password,
		}}
	case "bearer":
		name := addSecret(set, "token", "Token", description)
		placement.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: name}}
	default:
		name := addSecret(set, "token", "Credentials", description)
		placement.Kind = &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{
			Scheme: s.GetScheme(), Parameter: name,
		}}
	}
}

func addLogin(set *connectorv1.ParameterSet, description string) (user, password string) {
	user = addParameter(set, "username", &connectorv1.ConnectionParameter{
		Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING,
		Title: "User name", Description: description,
	})
	return user, addSecret(set, "password", "Password", "")
}

func addSecret(set *connectorv1.ParameterSet, name, title, description string) string {
	return addParameter(set, name, &connectorv1.ConnectionParameter{
		Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET,
		Title: title, Description: description,
	})
}

func addOAuth(set *connectorv1.ParameterSet, placement *connectorv1.CredentialPlacement, description string, settings *connectorv1.OAuthSettings) {
	name := addParameter(set, "token", &connectorv1.ConnectionParameter{
		Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH,
		Title: "Sign in", Description: description, Oauth: settings,
	})
	placement.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: name}}
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

// preferred are the grants of OAuth 2.0, best first: those with which a person
// signs in and a refresh token keeps the connection alive, and last the one that
// OAuth 2.1 has removed because it has none.
var preferred = []string{"authorizationCode", "clientCredentials", "password", "deviceAuthorization", "implicit"}

// oauthSettings are those of the flow that the hint asks for, or else of the best.
func oauthSettings(s *connectorv1.OAuth2Scheme, hint *oauthHint) *connectorv1.OAuthSettings {
	settings := &connectorv1.OAuthSettings{IdentityProvider: "oauth2", CustomParameters: map[string]string{}}
	flow := bestFlow(s)
	for _, f := range s.GetFlows() {
		if hint != nil && f.GetGrant() == hint.grant {
			flow = f
		}
	}
	settings.Grant = flow.GetGrant()
	for _, scope := range flow.GetScopes() {
		settings.Scopes = append(settings.Scopes, scope.GetName())
	}
	for name, value := range map[string]string{
		"authorizationUrl": flow.GetAuthorizationUrl(), "tokenUrl": flow.GetTokenUrl(),
		"refreshUrl":             cmp.Or(flow.GetRefreshUrl(), flow.GetTokenUrl()),
		"deviceAuthorizationUrl": flow.GetDeviceAuthorizationUrl(), "metadataUrl": s.GetMetadataUrl(),
	} {
		if value != "" {
			settings.CustomParameters[name] = value
		}
	}
	return settings
}

func bestFlow(s *connectorv1.OAuth2Scheme) *connectorv1.OAuth2Flow {
	for _, grant := range preferred {
		for _, f := range s.GetFlows() {
			if f.GetGrant() == grant {
				return f
			}
		}
	}
	return nil
}
