package postman

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// grants are Postman's names of OAuth flows.
var grants = map[string]string{
	"authorizationCode": "authorization_code", "clientCredentials": "client_credentials",
	"password": "password_credentials", "implicit": "implicit",
}

// signIn writes how a token is got and where it goes, nil if the placement is of
// something else than the token of an OAuth scheme.
func (w *writer) signIn(p *connectorv1.CredentialPlacement) *auth {
	var parameter string
	place := []pair{text("addTokenTo", "header")}
	switch kind := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_Bearer:
		parameter = kind.Bearer.GetParameter()
	case *connectorv1.CredentialPlacement_Authorization:
		parameter = kind.Authorization.GetParameter()
		place = append(place, text("headerPrefix", kind.Authorization.GetScheme()))
	case *connectorv1.CredentialPlacement_ApiKey:
		if kind.ApiKey.GetLocation() != connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY || kind.ApiKey.GetName() != "access_token" {
			return nil // Postman sends tokens under this name only
		}
		parameter = kind.ApiKey.GetParameter()
		place = []pair{text("addTokenTo", "queryParams")}
	default:
		return nil
	}
	return w.oauth(p.GetSchemeId(), parameter, place)
}

// oauth writes the first flow of an OAuth scheme, nil if the scheme is another.
func (w *writer) oauth(scheme, parameter string, place []pair) *auth {
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
			text("client_authentication", w.clientAuthentication(parameter)),
		} {
			if p.Value != "" {
				values = append(values, p)
			}
		}
		values = append(values, text("clientId", w.credential(parameter+"_client_id")), text("clientSecret", w.credential(parameter+"_client_secret")))
		return &auth{Type: "oauth2", OAuth2: append(values, place...)}
	}
	return nil
}

// clientAuthentication returns Postman's name of how a client proves itself, ""
// if nobody says or Postman has none.
func (w *writer) clientAuthentication(parameter string) string {
	for _, set := range w.def.GetParameterSets() {
		for _, p := range set.GetParameters() {
			for name, value := range p.GetOauth().GetCustomParameters() {
				if p.GetName() != parameter || !strings.EqualFold(name, "clientAuthentication") {
					continue
				}
				switch strings.ToLower(value) {
				case "basic", "client_secret_basic":
					return "header"
				case "post", "body", "client_secret_post":
					return "body"
				}
			}
		}
	}
	return ""
}

// keyValue is a key with the text around it.
func (w *writer) keyValue(p *connectorv1.ApiKeyPlacement) string {
	value := w.credential(p.GetParameter())
	if p.GetTemplate() == "" {
		return value
	}
	return strings.Replace(p.GetTemplate(), "{value}", value, 1)
}

// aws writes signatures of AWS.
func (w *writer) aws(p *connectorv1.AwsSignaturePlacement) *auth {
	given := func(text, parameter string) string {
		if text != "" || parameter == "" {
			return text
		}
		return w.credential(parameter)
	}
	values := []pair{text("accessKey", w.credential(p.GetAccessKeyParameter())), text("secretKey", w.credential(p.GetSecretKeyParameter()))}
	for _, one := range []pair{
		text("sessionToken", given("", p.GetSessionTokenParameter())),
		text("region", given(p.GetRegion(), p.GetRegionParameter())), text("service", given(p.GetService(), p.GetServiceParameter())),
	} {
		if one.Value != "" {
			values = append(values, one)
		}
	}
	return &auth{Type: "awsv4", AWSv4: values}
}
