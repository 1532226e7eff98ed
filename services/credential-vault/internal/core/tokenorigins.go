package core

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// tokenOrigins returns the origins to which requests with secrets go, or that
// say where they go, sorted and each once. An endpoint that is no URL is left
// out: no request can be sent there.
func tokenOrigins(endpoints ...oauth.Endpoints) []string {
	origins := []string{}
	for _, e := range endpoints {
		for _, raw := range append(secretEndpoints(e), e.Metadata, e.Resource) {
			if o, ok := endpointOrigin(raw); ok {
				origins = append(origins, o)
			}
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins)
}

// secretEndpoints returns the endpoints that get secrets; some may be empty.
func secretEndpoints(e oauth.Endpoints) []string {
	return []string{e.Token, e.Refresh, e.Device, e.Revocation, e.Registration}
}

// endpointOrigin returns the origin of an endpoint as patterns have it,
// "scheme://host:port". Unlike a server, an endpoint may have a query.
func endpointOrigin(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if raw == "" || err != nil {
		return "", false
	}
	o, err := ParseOrigin((&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String())
	if err != nil {
		return "", false
	}
	return o.Scheme + "://" + o.Host, true
}

// sameOrigin reports whether two endpoints have one origin.
func sameOrigin(a, b string) bool {
	o, ok := endpointOrigin(a)
	other, there := endpointOrigin(b)
	return ok && there && o == other
}

// within returns the first origin of a profile that no pattern allows. Endpoints
// that the connector states must be allowed themselves; those that were learnt
// from metadata may also be vouched for by the allowed origin that had the
// metadata.
func within(patterns []string, stated, found *oauth.Profile) (string, bool) {
	vouched := false
	for _, raw := range []string{stated.Endpoints.Metadata, stated.Endpoints.Resource} {
		o, ok := endpointOrigin(raw)
		vouched = vouched || ok && allows(patterns, o)
	}
	before := secretEndpoints(stated.Endpoints)
	for i, raw := range secretEndpoints(found.Endpoints) {
		if raw == "" || vouched && before[i] == "" {
			continue
		}
		if o, ok := endpointOrigin(raw); !ok || !allows(patterns, o) {
			return cmp.Or(o, "an unknown place"), false
		}
	}
	return "", true
}

// allows reports whether an origin fits one of the patterns.
func allows(patterns []string, origin string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		scheme, suffix, wild := strings.Cut(pattern, "://*")
		if !wild {
			return canonicalPattern(pattern) == origin
		}
		rest, ok := strings.CutPrefix(origin, scheme+"://")
		return ok && strings.HasPrefix(suffix, ".") && len(rest) > len(suffix) && strings.HasSuffix(rest, suffix)
	})
}

// canonicalPattern writes out the port of a pattern without one.
func canonicalPattern(pattern string) string {
	if o, ok := endpointOrigin(pattern); ok {
		return o
	}
	return pattern
}

// apiURL returns where the API of a connection is: its server URL, or the first
// server of the connector that can be worked out; empty if there is none.
func apiURL(def *connectorv1.Definition, conn Connection) string {
	if conn.ServerURL != "" {
		return conn.ServerURL
	}
	for server := range serversOf(def) {
		authority, ok := address(server, conn.Parameters)
		if !ok {
			continue
		}
		return authority + pathOf(server, conn.Parameters)
	}
	return ""
}

// pathOf returns the path of a server's URL with its variables filled in; empty
// if one has no value.
func pathOf(server *connectorv1.Server, parameters map[string]string) string {
	_, rest, _ := strings.Cut(server.GetUrlTemplate(), "://")
	path := strings.TrimPrefix(rest, authority(rest))
	for _, variable := range server.GetVariables() {
		value := parameters[variable.GetName()]
		if value == "" {
			value = variable.GetDefaultValue()
		}
		path = strings.ReplaceAll(path, "{"+variable.GetName()+"}", url.PathEscape(value))
	}
	if strings.ContainsAny(path, "{}?#") {
		return ""
	}
	return path
}

// isSetting reports whether a lower-case name is that of a setting which sign-ins
// use under its plain name, when a parameter set declares it so.
func isSetting(low string) bool {
	switch low {
	case "clientid", "clientsecret", "username", "password", "tenant", "tenantid", "resource", "resourceuri":
		return true
	}
	return false
}

// usedBySignIn reports whether the sign-in of a set depends on a parameter: one
// of the OAuth parameter's own ("token:…"), a common setting, or one that a
// placeholder of the settings names. All names are compared without case.
func usedBySignIn(set *connectorv1.ParameterSet, name string) bool {
	low := strings.ToLower(name)
	for _, p := range set.GetParameters() {
		if p.GetType() != connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH {
			continue
		}
		if strings.HasPrefix(low, strings.ToLower(p.GetName())+":") || isSetting(low) || namedIn(p.GetOauth(), low) {
			return true
		}
	}
	return false
}

// namedIn reports whether OAuth settings have a placeholder of that name, or
// declare it as one of their own.
func namedIn(settings *connectorv1.OAuthSettings, low string) bool {
	for _, extra := range settings.GetAdditionalParameters() {
		if strings.ToLower(extra.GetName()) == low {
			return true
		}
	}
	texts := append([]string{settings.GetClientId()}, settings.GetScopes()...)
	for _, m := range []map[string]string{settings.GetCustomParameters(), settings.GetProperties()} {
		for _, text := range m {
			texts = append(texts, text)
		}
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), "{"+low+"}") })
}

// signInSecrets reports whether the sign-in of a set uses any of the secrets.
func signInSecrets(set *connectorv1.ParameterSet, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return usedBySignIn(set, name) })
}
