package provider

import (
	"maps"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// maxTemplate is the size of a template of a connector in bytes.
const maxTemplate = 16 << 10

// reserved are the placeholders of the protocol itself, whose values package
// oauth knows.
var reserved = map[string]bool{
	"clientid": true, "clientsecret": true, "redirecturl": true, "state": true, "scopes": true, "code": true, "refreshtoken": true,
}

// templates returns the texts of requests: the connector's, or the preset's. nil
// if the protocol is followed.
func (v *values) templates(p *problems) *oauth.Templates {
	t := v.src.requestTemplates()
	if !v.src.generic() && (v.src.preset == nil || v.src.preset.Templates == Templates{}) {
		return nil
	}
	t.Values, t.Secrets = map[string]string{}, map[string]secret.Text{}
	for name, text := range map[string]string{
		"authorizationUrlQueryStringTemplate": t.AuthorizeQuery, "tokenUrlQueryStringTemplate": t.TokenQuery,
		"refreshUrlQueryStringTemplate": t.RefreshQuery,
	} {
		v.checkTemplate(p, name, text, true)
	}
	for name, text := range map[string]string{"tokenBodyTemplate": t.TokenBody, "refreshBodyTemplate": t.RefreshBody} {
		v.checkTemplate(p, name, text, false)
	}
	for _, text := range []string{t.AuthorizeQuery, t.TokenQuery, t.TokenBody, t.RefreshQuery, t.RefreshBody} {
		v.collect(&t, text)
	}
	return &t
}

// checkTemplate refuses secrets in URLs, and texts that are too long.
func (v *values) checkTemplate(p *problems, name, text string, inURL bool) {
	if len(text) > maxTemplate || strings.Contains(text, "\x00") {
		p.add(name, "must be a text of at most 16384 bytes")
		return
	}
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		if inURL && v.isSecret(match[1]) {
			p.add(name, "must not have the secret "+match[1]+" in it: URLs are logged")
		}
	}
}

// collect puts the values of a template's placeholders where package oauth finds
// them.
func (v *values) collect(t *oauth.Templates, text string) {
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		name := strings.ToLower(match[1])
		switch {
		case reserved[name]:
		case v.isSecret(name):
			if a := v.src.additional(name); a != nil && !v.applies(a.GetConditions()) {
				continue
			}
			if s := v.secret(name); !s.Empty() {
				t.Secrets[name] = s
			} else if s := v.otherSecrets[name]; !s.Empty() {
				t.Secrets[name] = s
			}
		default:
			maps.Copy(t.Values, map[string]string{name: v.placeholder(name)})
		}
	}
}
