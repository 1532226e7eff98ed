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
		IdentityProvider: strings.ToLower(strings.TrimSpace(firstText(n.GetFold("identityProvider")))),
		ClientId:         firstText(n.GetFold("clientId")),
		Scopes:           scopes(n.GetFold("scopes")),
		RedirectMode:     p.redirectMode(n.GetFold("redirectMode")),
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
	for _, c := range n.GetFold("properties").Children() {
		settings.Properties[c.Key()] = text(c)
	}
	p.customParameters(settings, n.GetFold("customParameters"))
	p.additionalParameters(settings, n.GetFold("additionalParameters"))
	p.checkProvider(settings, n)
	p.checkTemplates(settings, n, n.Parent().Parent())
	return settings
}

// redirectMode returns the mode in its usual spelling.
func (p *pack) redirectMode(n *document.Node) string {
	written := firstText(n)
	for _, mode := range []string{"Global", "GlobalPerConnector", "Direct", "GlobalListener", "None"} {
		if strings.EqualFold(mode, strings.TrimSpace(written)) {
			return mode
		}
	}
	if written != "" {
		p.warn("RedirectModeUnknown", n, "write \"Global\", \"GlobalPerConnector\" or \"Direct\"",
			"the redirect mode %q is not known; it has no effect", written)
	}
	return written
}

// customParameters reads the settings of the provider. Names that differ only in
// case are one setting, whose first value counts.
func (p *pack) customParameters(settings *connectorv1.OAuthSettings, n *document.Node) {
	taken := map[string]bool{}
	for _, c := range n.Children() {
		name := strings.ToLower(c.Key())
		value := c
		if c.Is(document.Object) {
			value = c.GetFold("value")
		}
		switch {
		case strings.EqualFold(name, clientSecret):
			continue
		case taken[name]:
			p.warn("OAuthParameterDuplicate", c, "remove one of them", "the setting %q is there more than once; the first one counts", c.Key())
			continue
		}
		taken[name] = true
		settings.CustomParameters[c.Key()] = text(value)
		if name == "granttype" {
			settings.Grant = grant(text(value))
		}
	}
}

// grant returns the name of a grant in the model; a placeholder leaves the choice
// to the connection.
func grant(written string) string {
	switch strings.ToLower(strings.TrimSpace(written)) {
	case "code", "authorization_code":
		return "authorizationCode"
	case "client_credentials":
		return "clientCredentials"
	case "password":
		return "password"
	}
	return ""
}

// additionalParameters reads what the templates of the provider ask the owner of
// a connection for.
func (p *pack) additionalParameters(settings *connectorv1.OAuthSettings, n *document.Node) {
	for i, c := range n.Children() {
		if i == maxParameters {
			p.warn("ConnectionParametersTooMany", c, "remove some", "there are more than %d additional parameters; the rest is ignored", maxParameters)
			return
		}
		additional := &connectorv1.OAuthAdditionalParameter{Name: c.Key(), Type: stringType}
		switch written := firstText(c.GetFold("type")); strings.ToLower(written) {
		case "string", "":
		case "securestring":
			additional.Type = secretType
		default:
			additional.Type = secretType
			p.warn("ConnectionParameterTypeUnknown", c, "write \"string\" or \"securestring\"",
				"the type %q of additional parameter %q is not known; it is kept as a secret", written, c.Key())
		}
		for _, when := range c.GetFold("applicableWhen").Children() {
			additional.Conditions = append(additional.Conditions, &connectorv1.ParameterCondition{
				Parameter: firstText(when.GetFold("parameter")), Values: texts(when.GetFold("oneOf")),
			})
		}
		settings.AdditionalParameters = append(settings.AdditionalParameters, additional)
	}
}

// checkProvider reports providers that nobody knows, and settings that are
// missing. What the security definition says counts as well.
func (p *pack) checkProvider(settings *connectorv1.OAuthSettings, n *document.Node) {
	needed, known := providers()[settings.GetIdentityProvider()]
	if !known {
		p.warn("IdentityProviderUnknown", n.GetFold("identityProvider"), "use \"oauth2\" with the provider's URLs",
			"the identity provider %q is not known; nobody can sign in unless it is configured", settings.GetIdentityProvider())
	}
	for _, name := range needed {
		if p.hasSetting(settings, n, name) || p.declares(name) {
			continue
		}
		p.warn("OAuthSettingMissing", n, "add \""+name+"\" to \"customParameters\"",
			"the identity provider %q needs %q; nobody can sign in without it", settings.GetIdentityProvider(), name)
	}
}

// hasSetting reports whether a setting is given, as a custom parameter or by the
// owner of a connection.
func (p *pack) hasSetting(settings *connectorv1.OAuthSettings, n *document.Node, name string) bool {
	for key, value := range settings.GetCustomParameters() {
		if strings.EqualFold(key, name) && value != "" {
			return true
		}
	}
	parameter := n.Parent()
	return parameter.Parent().GetFold(parameter.Key()+":"+name) != nil
}

// declares reports whether a security definition has the URL.
func (p *pack) declares(name string) bool {
	for _, s := range p.def.GetSecuritySchemes() {
		for _, flow := range s.GetOauth2().GetFlows() {
			if (name == "authorizationUrl" && flow.GetAuthorizationUrl() != "") || (name == "tokenUrl" && flow.GetTokenUrl() != "") {
				return true
			}
		}
	}
	return false
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
