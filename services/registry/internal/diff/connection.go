package diff

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// sets compares the ways in which connections are made.
func (c *comparison) sets() {
	each(c.base.GetParameterSets(), c.revision.GetParameterSets(), (*connectorv1.ParameterSet).GetName,
		func(name string, a, b *connectorv1.ParameterSet) {
			subject := "parameter set " + name
			switch {
			case b == nil:
				c.add(Breaking, "parameter-set-removed", "", subject, "connections of the kind %q cannot be made any more", name)
				return
			case a == nil:
				c.add(Compatible, "parameter-set-added", "", subject, "connections of the kind %q can be made", name)
				return
			case b.GetSharingForbidden() && !a.GetSharingForbidden():
				c.add(Breaking, "connection-sharing-forbidden", "", subject, "connections of the kind %q must not be shared any more", name)
			case a.GetSharingForbidden() && !b.GetSharingForbidden():
				c.add(Compatible, "connection-sharing-allowed", "", subject, "connections of the kind %q can be shared", name)
			}
			c.unsupported(name, a.GetUnsupported(), b.GetUnsupported())
			each(a.GetParameters(), b.GetParameters(), (*connectorv1.ConnectionParameter).GetName, c.connectionParameter)
			c.placements(subject, a.GetPlacements(), b.GetPlacements())
		})
}

// unsupported compares whether connections can be made at all.
func (c *comparison) unsupported(name string, a, b *connectorv1.UnsupportedAuthentication) {
	subject := "parameter set " + name
	switch {
	case a == nil && b != nil:
		c.add(Breaking, "parameter-set-unsupported", "", subject, "connections of the kind %q cannot be made any more: the API wants %s", name, b.GetKind())
	case a != nil && b == nil:
		c.add(Compatible, "parameter-set-supported", "", subject, "connections of the kind %q can be made", name)
	case a.GetKind() != b.GetKind():
		c.add(None, "parameter-set-unsupported-changed", "", subject, "connections of the kind %q still cannot be made: the API wants %s", name, b.GetKind())
	}
}

func (c *comparison) connectionParameter(name string, a, b *connectorv1.ConnectionParameter) {
	subject := "connection parameter " + name
	add := func(i Impact, code, message string) {
		c.add(i, "connection-parameter-"+code, "", subject, message, name)
	}
	needed := func(p *connectorv1.ConnectionParameter) bool { return p.GetRequired() && p.GetDefaultValue() == "" }
	switch {
	case a == nil && needed(b):
		add(Breaking, "required-added", "connections must have the parameter %q, which existing ones lack")
		return
	case a == nil:
		add(Compatible, "added", "connections can have the parameter %q")
		return
	case b == nil:
		add(Risky, "removed", "the parameter %q of connections is gone")
		return
	}
	if a.GetType() != b.GetType() {
		add(Breaking, "type-changed", "the parameter %q of connections holds something else")
	}
	if needed(b) && !needed(a) {
		add(Breaking, "became-required", "connections must have the parameter %q")
	}
	if needed(a) && !needed(b) {
		add(Compatible, "became-optional", "connections need not have the parameter %q")
	}
	if a.GetDefaultValue() != b.GetDefaultValue() {
		add(Risky, "default-changed", "the parameter %q of connections has another default")
	}
	if lost(allowed(a), allowed(b)) {
		add(Breaking, "narrowed", "the parameter %q of connections takes fewer values")
	} else if lost(allowed(b), allowed(a)) {
		add(Compatible, "widened", "the parameter %q of connections takes more values")
	}
	if !equalLists(a.GetConditions(), b.GetConditions()) || !slices.Equal(a.GetCapabilities(), b.GetCapabilities()) {
		add(Risky, "conditions-changed", "the parameter %q of connections is asked for in other cases")
	}
	if a.GetType() == b.GetType() {
		c.oauth(subject, a.GetOauth(), b.GetOauth())
	}
}

func allowed(p *connectorv1.ConnectionParameter) []string {
	var all []string
	for _, v := range p.GetAllowedValues() {
		all = append(all, v.GetValue())
	}
	return all
}

// oauth compares settings: a grant that was given to other endpoints, or for
// fewer scopes, is of no use.
func (c *comparison) oauth(subject string, a, b *connectorv1.OAuthSettings) {
	if a.GetIdentityProvider() != b.GetIdentityProvider() || a.GetGrant() != b.GetGrant() {
		c.add(Breaking, "oauth-provider-changed", "", subject, "people sign in at another provider or in another way")
	}
	for _, scope := range b.GetScopes() {
		if !slices.Contains(a.GetScopes(), scope) {
			c.add(Breaking, "oauth-scope-added", "", subject, "people must sign in again to permit %q", scope)
		}
	}
	for _, scope := range a.GetScopes() {
		if !slices.Contains(b.GetScopes(), scope) {
			c.add(Compatible, "oauth-scope-removed", "", subject, "%q is not asked for any more", scope)
		}
	}
	x, y := shallow(a), shallow(b)
	x.CustomParameters, y.CustomParameters = folded(x.GetCustomParameters()), folded(y.GetCustomParameters())
	for _, m := range []*connectorv1.OAuthSettings{x, y} {
		m.Scopes, m.IdentityProvider, m.Grant = nil, "", ""
	}
	for _, key := range slices.Sorted(keysOf(x.GetCustomParameters(), y.GetCustomParameters())) {
		if strings.Contains(key, "url") && x.GetCustomParameters()[key] != y.GetCustomParameters()[key] {
			c.add(Breaking, "oauth-endpoint-changed", "", subject, "the setting %q of the provider changed; grants of the old one are of no use", key)
			delete(x.CustomParameters, key)
			delete(y.CustomParameters, key)
		}
	}
	if !proto.Equal(x, y) {
		c.add(Risky, "oauth-settings-changed", "", subject, "settings of the provider changed")
	}
}

// folded is a copy with keys in lower case, as they are compared.
func folded(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[strings.ToLower(k)] = v
	}
	return out
}

// keysOf yields the keys of both maps, each once.
func keysOf(a, b map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range a {
			if !yield(k) {
				return
			}
		}
		for k := range b {
			if _, twice := a[k]; !twice && !yield(k) {
				return
			}
		}
	}
}

// placements compares how a connection's values reach requests, by what they
// authenticate with.
func (c *comparison) placements(subject string, old, fresh []*connectorv1.CredentialPlacement) {
	if equalLists(old, fresh) {
		return
	}
	if !slices.Equal(placementKinds(old), placementKinds(fresh)) {
		c.add(Breaking, "connection-authentication-changed", "", subject, "connections authenticate with %s, not with %s",
			strings.Join(placementKinds(fresh), ", "), strings.Join(placementKinds(old), ", "))
		return
	}
	c.add(Risky, "connection-placement-changed", "", subject, "credentials are sent in another place or from other parameters")
}

func placementKinds(list []*connectorv1.CredentialPlacement) []string {
	var kinds []string
	for _, p := range list {
		m := p.ProtoReflect()
		if fd := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind")); fd != nil {
			kinds = append(kinds, string(fd.Name()))
		}
	}
	if len(kinds) == 0 {
		return []string{"nothing"}
	}
	slices.Sort(kinds)
	return kinds
}

// schemes compares what the API says about authentication.
func (c *comparison) schemes() {
	each(c.base.GetSecuritySchemes(), c.revision.GetSecuritySchemes(), (*connectorv1.SecurityScheme).GetId,
		func(id string, a, b *connectorv1.SecurityScheme) {
			subject := "security scheme " + id
			switch {
			case b == nil:
				c.add(Risky, "security-scheme-removed", "", subject, "the security scheme %q is gone", id)
			case a == nil:
				c.add(Compatible, "security-scheme-added", "", subject, "the security scheme %q is new", id)
			case fmt.Sprintf("%T", a.GetKind()) != fmt.Sprintf("%T", b.GetKind()), a.GetHttp().GetScheme() != b.GetHttp().GetScheme():
				c.add(Breaking, "security-scheme-kind-changed", "", subject, "the security scheme %q is of another kind", id)
			case !proto.Equal(a.GetOauth2(), b.GetOauth2()), !proto.Equal(a.GetOpenIdConnect(), b.GetOpenIdConnect()):
				c.flows(subject, a, b)
			case !proto.Equal(a.GetApiKey(), b.GetApiKey()), !proto.Equal(a.GetHttp(), b.GetHttp()),
				!proto.Equal(a.GetAwsSignature(), b.GetAwsSignature()), !proto.Equal(a.GetHmac(), b.GetHmac()):
				c.add(Risky, "security-scheme-changed", "", subject, "the security scheme %q sends its credentials in another way", id)
			case !proto.Equal(a, b):
				c.add(None, "security-scheme-texts-changed", "", subject, "texts of the security scheme %q changed", id)
			}
		})
}

func (c *comparison) flows(subject string, a, b *connectorv1.SecurityScheme) {
	if a.GetOpenIdConnect().GetUrl() != b.GetOpenIdConnect().GetUrl() || a.GetOauth2().GetMetadataUrl() != b.GetOauth2().GetMetadataUrl() {
		c.add(Breaking, "security-scheme-endpoint-changed", "", subject, "people sign in elsewhere")
	}
	each(a.GetOauth2().GetFlows(), b.GetOauth2().GetFlows(), (*connectorv1.OAuth2Flow).GetGrant, func(grant string, x, y *connectorv1.OAuth2Flow) {
		switch {
		case y == nil:
			c.add(Breaking, "security-scheme-flow-removed", "", subject, "the grant %q is not offered any more", grant)
		case x == nil:
			c.add(Compatible, "security-scheme-flow-added", "", subject, "the grant %q is offered", grant)
		case x.GetAuthorizationUrl() != y.GetAuthorizationUrl(), x.GetTokenUrl() != y.GetTokenUrl(), x.GetRefreshUrl() != y.GetRefreshUrl(),
			x.GetDeviceAuthorizationUrl() != y.GetDeviceAuthorizationUrl():
			c.add(Breaking, "security-scheme-endpoint-changed", "", subject, "the endpoints of the grant %q changed", grant)
		case !proto.Equal(x, y):
			c.add(Compatible, "security-scheme-scopes-changed", "", subject, "other scopes of the grant %q can be asked for", grant)
		}
	})
}
