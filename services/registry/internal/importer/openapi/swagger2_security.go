package openapi

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

func (d swagger2) readScheme(s *connectorv1.SecurityScheme, n *document.Node) bool {
	switch n.Str("type") {
	case "apiKey":
		key := d.apiKey(n)
		s.Kind = &connectorv1.SecurityScheme_ApiKey{ApiKey: key}
		return key != nil
	case "basic":
		s.Kind = &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: "basic"}}
	case "oauth2":
		s.Kind = &connectorv1.SecurityScheme_Oauth2{Oauth2: d.oauth2(n)}
	default:
		return d.unknownScheme(n, s.GetId(), "apiKey", "basic", "oauth2")
	}
	return true
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
	return &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{{
		Grant: grant, AuthorizationUrl: n.Str("authorizationUrl"), TokenUrl: n.Str("tokenUrl"), Scopes: scopes(n),
	}}}
}
