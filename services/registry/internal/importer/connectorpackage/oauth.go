package connectorpackage

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// clientSecret is never part of a package that was exported properly. Where an
// author left one in, it stays in the source file, which is kept byte for byte,
// and goes nowhere else.
const clientSecret = "clientSecret"

// oauth reads the settings of an OAuth parameter. Names are kept as written and
// compared without case by those who use them.
func (p *pack) oauth(n *document.Node) *connectorv1.OAuthSettings {
	settings := &connectorv1.OAuthSettings{
		IdentityProvider: strings.ToLower(n.GetFold("identityProvider").Text()),
		ClientId:         firstText(n.GetFold("clientId")),
		Scopes:           scopes(n.GetFold("scopes")),
		RedirectMode:     firstText(n.GetFold("redirectMode")),
		RedirectUrl:      firstText(n.GetFold("redirectUrl")),
		CustomParameters: map[string]string{},
		Properties:       map[string]string{},
	}
	if settings.GetIdentityProvider() == "" {
		settings.IdentityProvider = "oauth2"
		p.warn("IdentityProviderMissing", n, "add identityProvider", "the OAuth settings name no identity provider; \"oauth2\" is used")
	}
	if n.GetFold(clientSecret).Text() != "" {
		p.warn("ClientSecretInPackage", n.GetFold(clientSecret), "remove it and change the secret at the provider",
			"the package holds a client secret; it is not used")
	}
	for _, c := range n.GetFold("customParameters").Children() {
		value := c
		if c.Is(document.Object) {
			value = c.GetFold("value")
		}
		if !strings.EqualFold(c.Key(), clientSecret) {
			settings.CustomParameters[c.Key()] = text(value)
		}
	}
	for _, c := range n.GetFold("properties").Children() {
		settings.Properties[c.Key()] = text(c)
	}
	return settings
}

// scopes returns the scopes one by one; some packages write all of them into one
// text.
func scopes(n *document.Node) []string {
	if n.Is(document.String) {
		return strings.Fields(n.Text())
	}
	var list []string
	for _, c := range n.Children() {
		list = append(list, strings.Fields(c.Text())...)
	}
	return list
}

// text returns a scalar as it is and anything else as JSON.
func text(n *document.Node) string {
	switch n.Kind() {
	case document.Object, document.Array:
		return string(n.JSON())
	case document.Invalid, document.Null:
		return ""
	case document.String, document.Number, document.Bool:
	}
	return n.Text()
}

// withoutSecret returns a parameter's own object as JSON text, without client
// secrets.
func withoutSecret(n *document.Node) []byte {
	return appendWithoutSecret(nil, n)
}

func appendWithoutSecret(b []byte, n *document.Node) []byte {
	if !n.Is(document.Object) {
		return n.AppendJSON(b)
	}
	b = append(b, '{')
	first := true
	for _, c := range n.Children() {
		if strings.EqualFold(c.Key(), clientSecret) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(document.AppendString(b, c.Key()), ':')
		b = appendWithoutSecret(b, c)
	}
	return append(b, '}')
}
