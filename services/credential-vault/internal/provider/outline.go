package provider

import (
	"maps"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// The names of facets that only matter until there is a code, or a client: what
// renews and revokes tokens does not depend on them.
const (
	AuthorizationEndpoint = "authorization endpoint"
	AuthorizationQuery    = "query of the authorization endpoint"
	DeviceEndpoint        = "device authorization endpoint"
	RegistrationEndpoint  = "registration endpoint"
)

// RevocationEndpoint is the name of the facet that only matters for giving tokens back:
// what renews and uses them does not depend on it.
const RevocationEndpoint = "revocation endpoint"

// Outline returns what decides where the sign-in of a parameter set sends people,
// codes, secrets and tokens when the token comes about by a grant: the address of
// each endpoint and the texts of the requests, as the connector, its preset and its
// OAuth client write them. What the owner of a connection fills in is left as its
// placeholder, and what others have stated for one stands beside it: connections of
// several tenants have one outline, and whoever changes an address or a text has
// another one. Addresses that the owner states himself are his words. A set without
// a sign-in has none.
func (s *Set) Outline(def *connectorv1.Definition, set *connectorv1.ParameterSet, given Given, grant oauth.Grant) ([]oauth.Facet, error) {
	src, err := s.read(def, set)
	if err != nil || src == nil {
		return nil, err
	}
	v := newValues(src, given)
	others := v.others
	if others == nil {
		others = v
	}
	src.use(grant)
	var facets []oauth.Facet
	add := func(name, value string) {
		if value != "" {
			facets = append(facets, oauth.Facet{Name: name, Value: value})
		}
	}
	list := src.listed()
	for _, e := range []struct{ name, endpoint string }{
		{"metadata document", "metadata"},
		{AuthorizationEndpoint, "authorization"},
		{"token endpoint", "token"},
		{"refresh endpoint", "refresh"},
		{DeviceEndpoint, "device"},
		{RevocationEndpoint, "revocation"},
		{RegistrationEndpoint, "registration"},
	} {
		add(e.name, others.outline(v.template(list[e.endpoint])))
	}
	if src.dynamic() {
		add("API that names its provider", others.outline(firstOf(v.get("serverUrl"), given.ServerURL, src.server)))
	}
	add("issuer", others.get("issuer"))
	add("code challenges", others.get("pkce"))
	for _, layer := range []map[string]string{src.custom, others.client} {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			if where, _, named := strings.Cut(strings.ToLower(name), ":"); named && slices.Contains([]string{"authorize", "token", "refresh"}, where) {
				add("parameter "+strings.ToLower(name), layer[name])
			}
		}
	}
	t := src.requestTemplates()
	add(AuthorizationQuery, t.AuthorizeQuery)
	add("query of token requests", t.TokenQuery)
	add("body of token requests", t.TokenBody)
	add("query of renewals", t.RefreshQuery)
	add("body of renewals", t.RefreshBody)
	if src.preset != nil {
		add("preset", src.preset.ID)
		add("address that says who signed in", others.outline(src.preset.Identity.URL))
	}
	return facets, nil
}

// outline returns the template of an endpoint with what others than the owner of a
// connection have stated beside its placeholders.
func (v *values) outline(template string) string {
	return expand(template, func(name string) string {
		value := v.placeholder(name)
		if s := v.src.setting(name); s != nil {
			value = v.get(s.Name)
		}
		if value != "" {
			value = "=" + value
		}
		return "{" + strings.ToLower(name) + value + "}"
	})
}

// requestTemplates returns the texts of requests that the connector has, or the
// preset.
func (src *source) requestTemplates() oauth.Templates {
	switch {
	case src.generic():
		return oauth.Templates{
			AuthorizeQuery: src.custom["authorizationurlquerystringtemplate"],
			TokenQuery:     src.custom["tokenurlquerystringtemplate"], TokenBody: src.custom["tokenbodytemplate"],
			RefreshQuery: src.custom["refreshurlquerystringtemplate"], RefreshBody: src.custom["refreshbodytemplate"],
		}
	case src.preset != nil:
		have := src.preset.Templates
		return oauth.Templates{
			AuthorizeQuery: have.AuthorizeQuery, TokenQuery: have.TokenQuery, TokenBody: have.TokenBody,
			RefreshQuery: have.RefreshQuery, RefreshBody: have.RefreshBody,
		}
	}
	return oauth.Templates{}
}
