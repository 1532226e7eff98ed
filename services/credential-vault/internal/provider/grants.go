package provider

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// spellings are the names of grants in lower case.
var spellings = map[string]oauth.Grant{
	"code": oauth.AuthorizationCode, "authorization_code": oauth.AuthorizationCode, "authorizationcode": oauth.AuthorizationCode,
	"accesscode": oauth.AuthorizationCode, "implicit": oauth.AuthorizationCode,
	"client_credentials": oauth.ClientCredentials, "clientcredentials": oauth.ClientCredentials, "application": oauth.ClientCredentials,
	"account_credentials": oauth.ClientCredentials,
	"password":            oauth.Password, "resource_owner_password": oauth.Password,
	"deviceauthorization": oauth.DeviceCode, "device_code": oauth.DeviceCode, "devicecode": oauth.DeviceCode,
	"urn:ietf:params:oauth:grant-type:device_code": oauth.DeviceCode,
	"refreshtoken": oauth.RefreshToken, "refresh_token": oauth.RefreshToken,
	"jwtbearer": oauth.JWTBearer, "jwt_bearer": oauth.JWTBearer, "urn:ietf:params:oauth:grant-type:jwt-bearer": oauth.JWTBearer,
	"tokenexchange": oauth.TokenExchange, "token_exchange": oauth.TokenExchange,
	"urn:ietf:params:oauth:grant-type:token-exchange": oauth.TokenExchange,
	"onbehalfof": oauth.OnBehalfOf, "on_behalf_of": oauth.OnBehalfOf,
}

// ParseGrant returns the grant that a text names: in the words of connector
// packages ("code"), of the model ("authorizationCode") or of an RFC
// ("authorization_code"), without regard to case. An implicit flow is an
// authorization code: browsers no longer get tokens (RFC 9700, section 2.1.2).
func ParseGrant(written string) (oauth.Grant, bool) {
	g, ok := spellings[strings.ToLower(strings.TrimSpace(written))]
	return g, ok
}

// grants returns what can be chosen, the default first.
func (v *values) grants() []oauth.Grant {
	list := v.writtenGrants()
	add := func(g oauth.Grant) {
		if !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	if len(list) == 0 && (v.src.preset == nil || v.src.generic()) {
		add(oauth.AuthorizationCode)
	}
	if v.src.preset != nil && !v.src.generic() {
		for _, g := range v.src.preset.Grants {
			if g != oauth.OnBehalfOf {
				add(g)
			}
		}
	}
	if v.onBehalfOf() {
		add(oauth.OnBehalfOf)
	}
	if v.servicePrincipal() {
		add(oauth.ClientCredentials)
	}
	if slices.ContainsFunc(list, oauth.Grant.Interactive) {
		add(oauth.RefreshToken)
	}
	return list
}

// writtenGrants are those that the OAuth client and the connector name, the
// strongest word first.
func (v *values) writtenGrants() []oauth.Grant {
	written := []string{
		v.client["granttype"], v.src.declared["granttype"].GetDefaultValue(), v.src.custom["granttype"], v.src.settings.GetGrant(),
	}
	for _, f := range v.src.flows {
		written = append(written, f.GetGrant())
	}
	var list []oauth.Grant
	for _, text := range written {
		if g, ok := ParseGrant(text); ok && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}

// onBehalfOf reports whether the caller's own token is to be swapped: the
// connector, or its client, must turn it on and not forbid it.
func (v *values) onBehalfOf() bool {
	forbidden := strings.EqualFold(lowered(v.src.settings.GetProperties())["isonbehalfofloginsupported"], "false")
	return !forbidden && strings.EqualFold(v.layered("enableonbehalfoflogin", v.client, v.src.custom), "true")
}

// servicePrincipal reports whether a set has the five sub-parameters by which
// packages offer client credentials.
func (v *values) servicePrincipal() bool {
	for _, name := range []string{"clientid", "clientsecret", "resourceuri", "granttype", "tenantid"} {
		if v.src.declared[name] == nil {
			return false
		}
	}
	return true
}

// grant returns the grant that is used.
func (v *values) grant(p *problems) oauth.Grant {
	offered := v.grants()
	written := v.own("granttype")
	if written == "" {
		return offered[0]
	}
	g, ok := ParseGrant(written)
	if !ok || !slices.Contains(offered, g) {
		p.add(v.field("grantType"), "is none of the grants that can be chosen: "+joinGrants(offered))
		return offered[0]
	}
	return g
}

func joinGrants(grants []oauth.Grant) string {
	names := make([]string, 0, len(grants))
	for _, g := range grants {
		names = append(names, string(g))
	}
	return strings.Join(names, ", ")
}
