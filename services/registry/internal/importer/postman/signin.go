package postman

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// signIn is what a collection says about an OAuth flow beside its URLs.
type signIn struct {
	// clientAuthentication is how the client proves itself: "basic" or "post";
	// empty if nothing is said.
	clientAuthentication string
	// prefix stands in front of the token in the Authorization header; empty for
	// "Bearer".
	prefix string
	// parameter is the query parameter that carries the token; empty if the header
	// does.
	parameter string
}

// clientAuthentications are the names of ways in which clients prove themselves.
var clientAuthentications = map[string]string{"header": "basic", "body": "post"}

// signInOf reads where the token goes and how the client proves itself.
func (t *translation) signInOf(a *auth) signIn {
	s := signIn{clientAuthentication: clientAuthentications[a.get("client_authentication")]}
	prefix := strings.TrimSpace(a.get("headerPrefix"))
	switch {
	case a.get("addTokenTo") == "queryParams":
		s.parameter = "access_token" // which is what Postman calls it (RFC 6750, section 2.3)
	case prefix == "" || strings.EqualFold(prefix, "Bearer"):
	case isToken(prefix):
		s.prefix = prefix
	case !t.once("oauth place ", a.node):
		t.warn("OAuthPlacement", a.node, "check that the API takes bearer tokens", "%q is no prefix of a token; the token is sent as a bearer token", shorten(prefix))
	}
	return s
}

// key tells apart sign-ins with the same URLs.
func (s signIn) key() string { return s.clientAuthentication + " " + s.prefix + " " + s.parameter }

// place sends the token from the parameter as the collection does.
func (s signIn) place(p *connectorv1.CredentialPlacement, parameter string) {
	switch {
	case s.parameter != "":
		p.Kind = &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: parameter, Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY, Name: s.parameter,
		}}
	case s.prefix != "":
		p.Kind = &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{
			Scheme: s.prefix, Parameter: parameter,
		}}
	default:
		p.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: parameter}}
	}
}
