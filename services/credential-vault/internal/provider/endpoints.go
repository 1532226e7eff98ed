package provider

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// endpoint is one of them: how it is called, and the texts that it may be made
// of, each with placeholders.
type endpoint struct {
	setting string   // as in "token:tokenUrl"
	names   []string // of the settings that state it
	written string   // by the connector
	preset  string   // by the preset
}

// listed returns all endpoints of a sign-in in a fixed order.
func (src *source) listed() map[string]endpoint {
	w := src.written()
	known := oauth.Endpoints{}
	if src.preset != nil && !src.generic() {
		known = src.preset.Endpoints
	}
	if src.standard && !src.generic() {
		w.Authorization, w.Token, w.Refresh = "", "", ""
	}
	if w.Refresh == w.Token {
		w.Refresh = ""
	}
	if w.Token != "" {
		known.Refresh = ""
	}
	return map[string]endpoint{
		"metadata":      {"metadataUrl", []string{"metadataUrl", "discoveryUrl"}, w.Metadata, known.Metadata},
		"authorization": {"authorizationUrl", []string{"authorizationUrl"}, w.Authorization, known.Authorization},
		"token":         {"tokenUrl", []string{"tokenUrl"}, w.Token, known.Token},
		"refresh":       {"refreshUrl", []string{"refreshUrl"}, w.Refresh, known.Refresh},
		"device":        {"deviceAuthorizationUrl", []string{"deviceAuthorizationUrl"}, w.Device, known.Device},
		"revocation":    {"revocationUrl", []string{"revocationUrl"}, w.Revocation, known.Revocation},
		"registration":  {"registrationUrl", []string{"registrationUrl"}, w.Registration, known.Registration},
	}
}

// template returns what an endpoint is made of, the strongest word first.
func (v *values) template(e endpoint) string {
	if !v.src.generic() || e.written == "" {
		for _, name := range e.names {
			if own := used(v.layered(name, v.plain, v.client)); own != "" {
				return own
			}
			if p := v.src.declared[strings.ToLower(name)]; used(p.GetDefaultValue()) != "" {
				return used(p.GetDefaultValue())
			}
		}
	}
	return firstOf(e.written, e.preset)
}

// endpoints returns the URLs of a sign-in. Those that the grant does without are
// left out where they cannot be made.
func (v *values) endpoints(p *problems, grant oauth.Grant, given Given) oauth.Endpoints {
	list := v.src.listed()
	get := func(name string, needed bool) string {
		e, complaints := list[name], p
		template := v.template(e)
		if name != "authorization" && strings.Contains(strings.ToLower(template), "{redirecturl}") {
			p.add(v.field(e.setting), "must not hold {RedirectUrl}: the redirect URL says where tokens come from, and not the other way round")
		}
		if !needed {
			complaints = &problems{}
		}
		if v.src.preset == nil && strings.Contains(template, "{") && !v.src.generic() {
			template = strings.TrimSpace(expand(template, v.safe(complaints)))
		}
		url := v.fill(complaints, v.field(e.setting), template)
		if name != "authorization" && strings.Contains(url, "#") {
			complaints.add(v.field(e.setting), "must be a URL without a fragment")
		}
		return url
	}
	out := oauth.Endpoints{Metadata: get("metadata", v.template(list["metadata"]) != "")}
	if v.src.dynamic() {
		out.Resource = v.resourceServer(p, given)
	}
	out.Authorization = get("authorization", grant == oauth.AuthorizationCode)
	out.Token = get("token", true)
	out.Refresh = get("refresh", v.template(list["refresh"]) != "")
	out.Device = get("device", grant == oauth.DeviceCode)
	out.Revocation = get("revocation", list["revocation"].written != "")
	if v.presetRevokes() && v.elsewhere(out) {
		out.Revocation = ""
	}
	out.Registration = get("registration", list["registration"].written != "")
	if out.Metadata == "" && !v.src.dynamic() {
		v.demand(p, grant, list)
	}
	return out
}

// elsewhere reports whether the sign-in is at another server than that for which the
// preset knows a way of its own to give tokens back: the tokens are none of that one's
// business.
func (v *values) elsewhere(e oauth.Endpoints) bool {
	preset := v.src.preset
	byDefault := func(template string) string {
		return expand(template, func(name string) string {
			if s := v.src.setting(name); s != nil {
				return s.Default
			}
			return ""
		})
	}
	return !preset.Revocation.Standard() && e.Revocation == byDefault(preset.Endpoints.Revocation) &&
		origin(e.Token) != origin(byDefault(preset.Endpoints.Token))
}

// safe returns values for texts that are judged as a whole afterwards.
func (v *values) safe(p *problems) func(string) string {
	return func(name string) string {
		if v.isSecret(name) {
			p.add(v.field(name), "must not stand in a URL: it is secret")
			return ""
		}
		return v.placeholder(name)
	}
}

// resourceServer is the API whose provider is asked for.
func (v *values) resourceServer(p *problems, given Given) string {
	stated := firstOf(v.get("serverUrl"), given.ServerURL, v.src.server)
	if stated == "" {
		p.add(v.field("serverUrl"), "is missing: the address of the API, which names its provider")
		return ""
	}
	return v.fill(p, v.field("serverUrl"), stated)
}

// demand adds the endpoints that a grant cannot do without.
func (v *values) demand(p *problems, grant oauth.Grant, list map[string]endpoint) {
	needed := []string{"token"}
	switch grant {
	case oauth.AuthorizationCode:
		needed = []string{"authorization", "token"}
	case oauth.DeviceCode:
		needed = []string{"device", "token"}
	case oauth.ClientCredentials, oauth.Password, oauth.RefreshToken, oauth.JWTBearer, oauth.TokenExchange, oauth.OnBehalfOf:
	}
	for _, name := range needed {
		if e := list[name]; v.template(e) == "" {
			p.add(v.field(e.setting), v.missing(name))
		}
	}
}

// missing says why an endpoint is not known.
func (v *values) missing(name string) string {
	if name == "token" && v.src.implicit {
		return "is missing: the API's description has an implicit flow, which ends in the browser and names no token URL; " +
			"give the provider's URL for tokens"
	}
	return "is missing: neither the connector nor a preset knows the provider's " + name + " URL"
}
