package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

func (d openapi3) readScheme(s *connectorv1.SecurityScheme, n *document.Node) bool {
	switch n.Str("type") {
	case "apiKey":
		key := d.apiKey(n)
		s.Kind = &connectorv1.SecurityScheme_ApiKey{ApiKey: key}
		return key != nil
	case "http":
		written := strings.TrimSpace(n.Str("scheme"))
		if !token.MatchString(written) {
			d.warn("SecuritySchemeInvalid", n, "name the scheme, for instance \"basic\" or \"bearer\"",
				"the security scheme %q does not say which HTTP scheme it is; it is ignored", n.Key())
			return false
		}
		d.spelling[s.GetId()] = written
		s.Kind = &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{
			Scheme: strings.ToLower(written), BearerFormat: n.Str("bearerFormat"),
		}}
	case "oauth2":
		s.Kind = &connectorv1.SecurityScheme_Oauth2{Oauth2: d.flows(n)}
	case "openIdConnect":
		s.Kind = &connectorv1.SecurityScheme_OpenIdConnect{OpenIdConnect: &connectorv1.OpenIdConnectScheme{Url: n.Str("openIdConnectUrl")}}
	case "mutualTLS":
		s.Kind = &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}
	default:
		return d.unknownScheme(n, s.GetId(), "apiKey", "http", "oauth2", "openIdConnect", "mutualTLS")
	}
	return true
}

// flows reads the flows of OAuth 2.0 in the order of the source.
func (t *translation) flows(n *document.Node) *connectorv1.OAuth2Scheme {
	scheme := &connectorv1.OAuth2Scheme{MetadataUrl: n.Str("oauth2MetadataUrl")}
	for _, c := range n.Get("flows").Children() {
		if isExtension(c.Key()) {
			continue
		}
		if !c.Is(document.Object) || !slices.Contains(preferred, c.Key()) {
			t.warn("OAuthFlowUnknown", c, "write one of \""+strings.Join(preferred, "\", \"")+"\"",
				"the flow %q is not known; it is ignored", c.Key())
			continue
		}
		scheme.Flows = append(scheme.Flows, &connectorv1.OAuth2Flow{
			Grant: c.Key(), AuthorizationUrl: c.Str("authorizationUrl"), TokenUrl: c.Str("tokenUrl"), RefreshUrl: c.Str("refreshUrl"),
			DeviceAuthorizationUrl: c.Str("deviceAuthorizationUrl"), Scopes: scopes(c),
		})
	}
	if len(scheme.GetFlows()) == 0 {
		t.warn("OAuthFlowUnknown", n, "add a flow", "the security scheme %q has no flow that is known", n.Key())
	}
	return scheme
}
