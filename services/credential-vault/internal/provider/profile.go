package provider

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Profile returns how the tokens of a connection come about. The secrets in it
// are those of given, not copies: it ends with them.
//
// For every setting the connection's own value comes first, then the OAuth
// client's, the default that the set declares, the connector's, the preset's, and the flow of the security scheme.
// Failures are *fault.Error with the reasons OAUTH_CLIENT_MISSING and
// OAUTH_SETTINGS_INVALID, which names all that is wrong, and
// AUTH_KIND_NOT_SUPPORTED.
func (s *Set) Profile(def *connectorv1.Definition, set *connectorv1.ParameterSet, given Given) (*oauth.Profile, error) {
	src, err := s.read(def, set)
	if err != nil {
		return nil, err
	}
	if src == nil {
		return nil, fault.Precondition(fault.ReasonOAuthSettingsInvalid, "parameter set %q has no sign-in", set.GetName())
	}
	v, p := newValues(src, given), &problems{}
	v.checkSizes(p)
	v.checkSettings(p)
	grant := v.grant(p)
	src.use(grant)
	profile := &oauth.Profile{Grant: grant, RedirectURL: given.RedirectURL}
	profile.Client, err = v.registration(p, grant, given)
	if err != nil {
		return nil, err
	}
	profile.Endpoints = v.endpoints(p, grant, given)
	profile.Scopes = v.scopes(p, grant)
	profile.ScopeDelimiter = v.delimiter()
	v.parameters(p, profile)
	v.entra(p, profile)
	v.grantValues(p, profile)
	v.quirks(p, profile)
	v.pkce(p, profile)
	profile.Templates = v.templates(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return profile, nil
}

// checkSizes refuses values that no setting needs.
func (v *values) checkSizes(p *problems) {
	for _, layer := range []map[string]string{v.plain, v.client} {
		for name, value := range layer {
			if len(value) > maxValue {
				p.add(v.field(name), "is too long")
			}
		}
	}
}

// checkSettings refuses values that do not fit a setting of the preset, whether or
// not anything is made of it now.
func (v *values) checkSettings(p *problems) {
	if v.src.preset == nil || v.src.generic() {
		return
	}
	for i := range v.src.preset.Settings {
		s := &v.src.preset.Settings[i]
		value := v.layered(s.Name, v.plain, v.client)
		if value == "" || len(value) > maxValue {
			continue
		}
		if _, wrong := s.normal(value); wrong != "" {
			p.add(v.field(s.Name), wrong)
		}
	}
}

// entra completes what the first version of Microsoft Entra ID wants: a resource
// instead of scopes. A connector that names none calls the API of its server.
func (v *values) entra(p *problems, profile *oauth.Profile) {
	if value := v.derivedResource(); value != "" && v.get("resource") == "" {
		resource := oauth.Parameter{Name: "resource", Value: value}
		profile.Authorize, profile.Token = append(profile.Authorize, resource), append(profile.Token, resource)
		p.drop(v.field("resource"))
	}
}

// derivedResource is the address of the API, for presets that need a resource and
// connectors that have not chosen the preset by name.
func (v *values) derivedResource() string {
	s := v.src.setting("resource")
	if s == nil || len(s.Grants) > 0 || strings.HasPrefix(v.src.kind(), v.src.preset.ID) {
		return ""
	}
	if origin := origin(v.src.server); origin != "" {
		return origin + "/"
	}
	return ""
}

// origin is the scheme and the host of a URL.
func origin(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// grantValues sets what a grant needs of the owner.
func (v *values) grantValues(p *problems, profile *oauth.Profile) {
	switch profile.Grant {
	case oauth.Password:
		profile.Username, profile.Password = v.get("username"), v.secret("password")
		if profile.Username == "" {
			p.add(v.field("username"), "is missing")
		}
		if profile.Password.Empty() {
			p.add(v.field("password"), "is missing")
		}
	case oauth.RefreshToken:
		profile.Refreshing = v.secret("refreshToken")
		if profile.Refreshing.Empty() {
			p.add(v.field("refreshToken"), "is missing")
		}
	case oauth.JWTBearer:
		v.assertion(p, profile)
	case oauth.AuthorizationCode, oauth.ClientCredentials, oauth.DeviceCode, oauth.TokenExchange, oauth.OnBehalfOf:
	}
}

// assertion describes the JWT that the owner's key signs.
func (v *values) assertion(p *problems, profile *oauth.Profile) {
	rules := AssertionRules{}
	if v.src.preset != nil {
		rules = v.src.preset.Assertion
	}
	a := oauth.Assertion{
		Key: v.secret("privateKey"), KeyID: v.get("keyId"), Algorithm: v.get("algorithm"),
		Issuer: v.get("assertionIssuer"), Subject: v.get("subject"), Audience: v.get("assertionAudience"),
		Lifetime: rules.Lifetime, ScopesAsClaim: rules.ScopesAsClaim,
	}
	if a.Audience == "" && rules.Audience != "" {
		a.Audience = v.text(p, rules.Audience)
	}
	if a.Issuer == "" && !rules.WithoutClient {
		a.Issuer = profile.Client.ID
	}
	if a.Key.Empty() {
		p.add(v.field("privateKey"), "is missing")
	}
	if a.Issuer == "" {
		p.add(v.field("assertionIssuer"), "is missing: who signs, for instance the address of a service account")
	}
	if a.Subject == "" && !rules.SubjectOptional {
		p.add(v.field("subject"), "is missing: the user that is acted for")
	}
	profile.Assertion = a
}

// quirks takes over what a preset knows about requests and answers.
func (v *values) quirks(p *problems, profile *oauth.Profile) {
	preset := v.src.preset
	profile.Issuer = v.get("issuer")
	profile.JSONBody = strings.EqualFold(v.get("jsonBody"), "true")
	if preset == nil {
		return
	}
	profile.Provider = preset.ID
	profile.Answer = oauth.Answer(preset.Answer)
	profile.Identity = preset.Identity
	profile.Identity.URL = v.fill(&problems{}, "identity", preset.Identity.URL)
	profile.Placement = preset.Placement
	if v.presetRevokes() {
		profile.Revocation = preset.Revocation
	}
	if v.src.generic() {
		return
	}
	profile.JSONBody = profile.JSONBody || preset.JSONBody
	profile.ScopeParameter = preset.Scopes.Parameter
	for _, h := range preset.TokenHeader {
		if value := v.text(p, h.Value); value != "" {
			profile.TokenHeader = append(profile.TokenHeader, oauth.Parameter{Name: h.Name, Value: value})
		}
	}
	w := v.src.written()
	if profile.Issuer == "" && preset.Issuer != "" && (v.src.standard || w.Authorization == "") {
		profile.Issuer = v.issuer(preset.Issuer)
	}
}

// presetRevokes reports whether tokens are given back where the preset says, and so
// in its way. An endpoint that somebody else states is one of RFC 7009.
func (v *values) presetRevokes() bool {
	e := v.src.listed()["revocation"]
	return e.preset != "" && v.template(e) == e.preset
}

// issuer completes a preset's issuer, whose trailing slash counts.
func (v *values) issuer(template string) string {
	complaints := &problems{}
	text := v.text(complaints, template)
	if len(complaints.list) > 0 {
		return ""
	}
	return text
}

// pkce decides whether there are code challenges.
func (v *values) pkce(p *problems, profile *oauth.Profile) {
	rule := ""
	if v.src.preset != nil && !v.src.generic() {
		rule = v.src.preset.PKCE
	}
	profile.WithoutPKCE = rule == "refused"
	switch strings.ToLower(v.get("pkce")) {
	case "":
	case "false", "none", "refused", "plain":
		if rule == "required" {
			p.add(v.field("pkce"), "must not be turned off: the provider requires it")
		}
		profile.WithoutPKCE = true
	default:
		profile.WithoutPKCE = false
	}
}
