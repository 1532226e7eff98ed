package postman

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// credential is the variable of a connection parameter. The prefix tells the
// importer that it is one.
func (w *writer) credential(parameter string) string {
	name := "credential_" + strings.NewReplacer("{", "_", "}", "_").Replace(parameter)
	w.addVariable(variable{Key: name, Type: "string"})
	return "{{" + name + "}}"
}

// auth writes what Postman has a way for: the first placement that it knows. The
// headers and query parameters of further keys are returned.
func (w *writer) auth(placements []*connectorv1.CredentialPlacement) (*auth, []*connectorv1.ApiKeyPlacement) {
	var a *auth
	var chosen *connectorv1.CredentialPlacement // what a was made of
	var keys []*connectorv1.ApiKeyPlacement
	for _, p := range placements {
		made := w.placement(p)
		switch {
		case made == nil:
		case a == nil:
			a, chosen = made, p
		case p.GetApiKey() != nil:
			keys = append(keys, p.GetApiKey())
		case chosen.GetApiKey() != nil:
			keys = append(keys, chosen.GetApiKey())
			a, chosen = made, p
		default:
			w.lost("schemes", "/parameterSets", "a request authenticates in one way; credentials beside the first are left out")
		}
	}
	return a, keys
}

// placement writes one way to authenticate, nil if Postman has no words for it.
func (w *writer) placement(p *connectorv1.CredentialPlacement) *auth {
	switch kind := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_Basic:
		return &auth{Type: "basic", Basic: w.login(kind.Basic.GetUsernameParameter(), kind.Basic.GetPasswordParameter())}
	case *connectorv1.CredentialPlacement_Digest:
		return &auth{Type: "digest", Digest: w.login(kind.Digest.GetUsernameParameter(), kind.Digest.GetPasswordParameter())}
	case *connectorv1.CredentialPlacement_Bearer:
		if o := w.oauth(p.GetSchemeId(), kind.Bearer.GetParameter()); o != nil {
			return o
		}
		return &auth{Type: "bearer", Bearer: []pair{text("token", w.credential(kind.Bearer.GetParameter()))}}
	case *connectorv1.CredentialPlacement_Authorization:
		w.approximated("authorization", "/parameterSets", "Postman knows no scheme %q; its header is an API key", kind.Authorization.GetScheme())
		return key("Authorization", "header", kind.Authorization.GetScheme()+" "+w.credential(kind.Authorization.GetParameter()))
	case *connectorv1.CredentialPlacement_ApiKey:
		switch kind.ApiKey.GetLocation() {
		case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY:
			return key(kind.ApiKey.GetName(), "query", w.credential(kind.ApiKey.GetParameter()))
		case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER:
			return key(kind.ApiKey.GetName(), "header", w.credential(kind.ApiKey.GetParameter()))
		case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_UNSPECIFIED:
			w.lost("cookies", "/parameterSets", "Postman sends no credentials in cookies; the key is left out")
		}
	case *connectorv1.CredentialPlacement_Certificate:
		w.lost("certificates", "/parameterSets", "certificates are settings of Postman and not of collections; they are left out")
	}
	return nil
}

func text(key, value string) pair { return pair{Key: key, Value: value, Type: "string"} }

func key(name, in, value string) *auth {
	return &auth{Type: "apikey", APIKey: []pair{text("key", name), text("value", value), text("in", in)}}
}

func (w *writer) login(user, password string) []pair {
	return []pair{text("username", w.credential(user)), text("password", w.credential(password))}
}

// grants are Postman's names of OAuth flows.
var grants = map[string]string{
	"authorizationCode": "authorization_code", "clientCredentials": "client_credentials",
	"password": "password_credentials", "implicit": "implicit",
}

// oauth writes the first flow of an OAuth scheme, nil if the scheme is another.
func (w *writer) oauth(scheme, parameter string) *auth {
	for _, s := range w.def.GetSecuritySchemes() {
		if s.GetId() != scheme || len(s.GetOauth2().GetFlows()) == 0 {
			continue
		}
		if len(s.GetOauth2().GetFlows()) > 1 {
			w.lost("flows", "/securitySchemes", "Postman has one OAuth flow for a request; flows after the first are left out")
		}
		flow := s.GetOauth2().GetFlows()[0]
		var scopes []string
		for _, s := range flow.GetScopes() {
			scopes = append(scopes, s.GetName())
		}
		values := []pair{text("grant_type", grants[flow.GetGrant()])}
		for _, p := range []pair{
			text("authUrl", flow.GetAuthorizationUrl()), text("accessTokenUrl", flow.GetTokenUrl()),
			text("refreshTokenUrl", flow.GetRefreshUrl()), text("scope", strings.Join(scopes, " ")),
		} {
			if p.Value != "" {
				values = append(values, p)
			}
		}
		return &auth{Type: "oauth2", OAuth2: append(values,
			text("clientId", w.credential(parameter+"_client_id")), text("clientSecret", w.credential(parameter+"_client_secret")),
			text("addTokenTo", "header"))}
	}
	return nil
}

// requestAuth writes how a request authenticates, if not as the collection does.
func (w *writer) requestAuth(r *request, op *connectorv1.Operation) {
	var first []*connectorv1.CredentialPlacement
	if sets := w.def.GetParameterSets(); len(sets) > 0 {
		first = sets[0].GetPlacements()
	}
	placements := first
	if len(op.GetSecurity()) > 0 {
		placements = w.placements(op.GetSecurity()[0])
	}
	if len(op.GetSecurity()) > 1 {
		w.lost("alternatives", "/operations", "a request authenticates in one way; alternatives after the first are left out")
	}
	a, keys := w.auth(placements)
	switch {
	case a == nil && w.col.Auth != nil:
		r.Auth = &auth{Type: "noauth"}
	case !slices.Equal(placements, first):
		r.Auth = a
	}
	for _, k := range keys {
		value := pair{Key: k.GetName(), Value: w.credential(k.GetParameter())}
		if k.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY {
			value.Key = escape(value.Key)
			r.URL.Query = append(r.URL.Query, value)
		} else {
			r.Header = append(r.Header, value)
		}
	}
}

// placements finds how the schemes of a requirement are placed.
func (w *writer) placements(need *connectorv1.SecurityRequirement) []*connectorv1.CredentialPlacement {
	var list []*connectorv1.CredentialPlacement
	for _, ref := range need.GetSchemes() {
		var found *connectorv1.CredentialPlacement
		for _, set := range w.def.GetParameterSets() {
			for _, p := range set.GetPlacements() {
				if found == nil && p.GetSchemeId() == ref.GetSchemeId() {
					found = p
				}
			}
		}
		if found != nil {
			list = append(list, found)
		}
	}
	return list
}
