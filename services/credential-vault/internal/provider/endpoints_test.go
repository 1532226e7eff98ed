package provider_test

import (
	"strings"
	"sync"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// further are the endpoints of a preset besides those that everybody has, and
// where it says who signed in.
type further struct{ device, revocation, issuer, identity string }

func TestTheFurtherEndpointsOfPresets(t *testing.T) {
	t.Parallel()
	want := map[string]further{
		"aad": {device: "https://login.microsoftonline.com/common/oauth2/devicecode"},
		"atlassian": {
			identity: "https://api.atlassian.com/me",
		},
		"auth0": {
			device: "https://acme.eu.auth0.com/oauth/device/code", revocation: "https://acme.eu.auth0.com/oauth/revoke",
			issuer: "https://acme.eu.auth0.com/", identity: "https://acme.eu.auth0.com/userinfo",
		},
		"azure-devops": {
			device:   "https://login.microsoftonline.com/acme.example/oauth2/v2.0/devicecode",
			identity: "https://app.vssps.visualstudio.com/_apis/profile/profiles/me?api-version=7.1",
		},
		"azure-devops-legacy": {
			identity: "https://app.vssps.visualstudio.com/_apis/profile/profiles/me?api-version=7.1",
		},
		"docusign": {identity: "https://account-d.docusign.com/oauth/userinfo"},
		"dropbox":  {revocation: "https://api.dropboxapi.com/2/auth/token/revoke", identity: "https://api.dropboxapi.com/2/users/get_current_account"},
		"entra": {
			device: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/devicecode",
		},
		"facebook": {revocation: "https://graph.facebook.com/v23.0/me/permissions", identity: "https://graph.facebook.com/v23.0/me?fields=id,name"},
		"github":   {device: "https://github.com/login/device/code", revocation: "https://api.github.com/applications", identity: "https://api.github.com/user"},
		"gitlab": {
			device:     "https://git.acme.example/gitlab/oauth/authorize_device",
			revocation: "https://git.acme.example/gitlab/oauth/revoke",
			issuer:     "https://git.acme.example/gitlab",
			identity:   "https://git.acme.example/gitlab/api/v4/user",
		},
		"google": {
			device: "https://oauth2.googleapis.com/device/code", revocation: "https://oauth2.googleapis.com/revoke",
			issuer: "https://accounts.google.com", identity: "https://openidconnect.googleapis.com/v1/userinfo",
		},
		"hubspot":   {revocation: "https://api.hubapi.com/oauth/2026-03/token/revoke"},
		"instagram": {identity: "https://graph.instagram.com/me?fields=username"},
		"keycloak": {
			device:     "http://127.0.0.1:8080/auth/realms/staff/protocol/openid-connect/auth/device",
			revocation: "http://127.0.0.1:8080/auth/realms/staff/protocol/openid-connect/revoke",
			issuer:     "http://127.0.0.1:8080/auth/realms/staff",
			identity:   "http://127.0.0.1:8080/auth/realms/staff/protocol/openid-connect/userinfo",
		},
		"linkedin": {identity: "https://api.linkedin.com/v2/userinfo"},
		"notion":   {revocation: "https://api.notion.com/v1/oauth/revoke"},
		"okta": {
			device: "https://acme.okta.com/oauth2/aus123/v1/device/authorize", revocation: "https://acme.okta.com/oauth2/aus123/v1/revoke",
			issuer: "https://acme.okta.com/oauth2/aus123", identity: "https://acme.okta.com/oauth2/aus123/v1/userinfo",
		},
		"okta-org": {
			device: "https://acme.okta.com/oauth2/v1/device/authorize", revocation: "https://acme.okta.com/oauth2/v1/revoke",
			issuer: "https://acme.okta.com", identity: "https://acme.okta.com/oauth2/v1/userinfo",
		},
		"salesforce": {
			revocation: "https://test.salesforce.com/services/oauth2/revoke", identity: "https://test.salesforce.com/services/oauth2/userinfo",
		},
		"shopify":    {},
		"slack":      {revocation: "https://slack.com/api/auth.revoke", identity: "https://slack.com/api/auth.test"},
		"slack-user": {revocation: "https://slack.com/api/auth.revoke", identity: "https://slack.com/api/auth.test"},
		"stripe":     {revocation: "https://connect.stripe.com/oauth/deauthorize"},
		"twitter":    {revocation: "https://api.x.com/2/oauth2/revoke", identity: "https://api.x.com/2/users/me"},
		"zoom": {
			device: "https://zoom.us/oauth/devicecode", revocation: "https://zoom.us/oauth/revoke", identity: "https://api.zoom.us/v2/users/me",
		},
	}
	for id, c := range presetCases() {
		p := profile(t, connector{identity: id}, given(maker(nil), c.values))
		got := further{p.Endpoints.Device, p.Endpoints.Revocation, p.Issuer, p.Identity.URL}
		if got != want[id] {
			t.Errorf("%s: got %+v, want %+v", id, got, want[id])
		}
		if p.Endpoints.Refresh != "" || p.Endpoints.Registration != "" || p.Endpoints.Metadata != "" || p.Endpoints.Resource != "" {
			t.Errorf("%s: there are endpoints that nobody knows of: %+v", id, p.Endpoints)
		}
	}
}

// TestHowPresetsRenew keeps what matters when a token ends: whether it has an end,
// whether a refresh token works once, and what the sign-in must ask for.
func TestHowPresetsRenew(t *testing.T) {
	t.Parallel()
	type renewal struct {
		rotates, lasting bool
		pkce             string
		method           oauth.Method
	}
	want := map[string]renewal{
		"aad":                 {rotates: true, pkce: "supported", method: oauth.SecretPost},
		"atlassian":           {rotates: true, pkce: "supported", method: oauth.SecretPost},
		"auth0":               {pkce: "supported", method: oauth.SecretPost},
		"azure-devops":        {rotates: true, pkce: "supported", method: oauth.SecretPost},
		"azure-devops-legacy": {rotates: true, pkce: "refused", method: oauth.SecretPost},
		"docusign":            {rotates: true, pkce: "supported", method: oauth.SecretBasic},
		"dropbox":             {pkce: "supported", method: oauth.SecretPost},
		"entra":               {rotates: true, pkce: "supported", method: oauth.SecretPost},
		"facebook":            {pkce: "refused", method: oauth.SecretPost},
		"github":              {rotates: true, lasting: true, pkce: "supported", method: oauth.SecretPost},
		"gitlab":              {rotates: true, pkce: "supported", method: oauth.SecretPost},
		"google":              {pkce: "supported", method: oauth.SecretPost},
		"hubspot":             {pkce: "supported", method: oauth.SecretPost},
		"instagram":           {pkce: "refused", method: oauth.SecretPost},
		"keycloak":            {pkce: "supported", method: oauth.SecretBasic},
		"linkedin":            {pkce: "refused", method: oauth.SecretPost},
		"notion":              {rotates: true, lasting: true, pkce: "refused", method: oauth.SecretBasic},
		"okta":                {rotates: true, pkce: "supported", method: oauth.SecretBasic},
		"okta-org":            {rotates: true, pkce: "supported", method: oauth.SecretBasic},
		"salesforce":          {rotates: true, pkce: "supported", method: oauth.SecretPost},
		"shopify":             {rotates: true, lasting: true, pkce: "refused", method: oauth.SecretPost},
		"slack":               {rotates: true, lasting: true, pkce: "refused", method: oauth.SecretBasic},
		"slack-user":          {rotates: true, lasting: true, pkce: "refused", method: oauth.SecretBasic},
		"stripe":              {lasting: true, pkce: "refused", method: oauth.SecretPost},
		"twitter":             {rotates: true, pkce: "required", method: oauth.SecretBasic},
		"zoom":                {rotates: true, pkce: "supported", method: oauth.SecretBasic},
	}
	cases := presetCases()
	for _, preset := range load(t).All() {
		p := profile(t, connector{identity: preset.ID}, given(maker(nil), cases[preset.ID].values))
		got := renewal{preset.Rotates, p.Answer.Lasting, preset.PKCE, p.Client.Method}
		if got != want[preset.ID] {
			t.Errorf("%s: got %+v, want %+v", preset.ID, got, want[preset.ID])
		}
		if p.WithoutPKCE != (preset.PKCE == "refused") {
			t.Errorf("%s: without PKCE is %t", preset.ID, p.WithoutPKCE)
		}
	}
}

func TestTheSchemeIsFoundWhereverTheTokenIsPlaced(t *testing.T) {
	t.Parallel()
	for name, placement := range map[string]*connectorv1.CredentialPlacement{
		"as a bearer token": {SchemeId: "auth", Kind: &connectorv1.CredentialPlacement_Bearer{
			Bearer: &connectorv1.BearerPlacement{Parameter: "token"},
		}},
		"in another scheme": {SchemeId: "auth", Kind: &connectorv1.CredentialPlacement_Authorization{
			Authorization: &connectorv1.AuthorizationPlacement{Scheme: "Token", Parameter: "token"},
		}},
		"as a key": {SchemeId: "auth", Kind: &connectorv1.CredentialPlacement_ApiKey{
			ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "token", Name: "X-Token"},
		}},
	} {
		def, set := connector{identity: "oauth2", flows: []*connectorv1.OAuth2Flow{{
			Grant: "authorizationCode", AuthorizationUrl: "https://idp.example/a", TokenUrl: "https://idp.example/t",
		}}}.build()
		set.Placements = []*connectorv1.CredentialPlacement{
			{SchemeId: "other", Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "else"}}}, placement,
		}
		p, err := load(t).Profile(def, set, given(maker(nil), nil))
		if err != nil || p.Endpoints.Token != "https://idp.example/t" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnotherSchemeSaysNothing(t *testing.T) {
	t.Parallel()
	def, set := connector{identity: "oauth2", flows: []*connectorv1.OAuth2Flow{{
		Grant: "authorizationCode", AuthorizationUrl: "https://idp.example/a", TokenUrl: "https://idp.example/t",
	}}}.build()
	def.SecuritySchemes[0].Id = "unrelated"
	if p, err := load(t).Profile(def, set, given(maker(nil), nil)); err == nil {
		t.Errorf("the token comes from %s", p.Endpoints.Token)
	}
}

func TestTheAddressOfAnAPIWithVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		servers []*connectorv1.Server
		want    string
	}{
		"a variable with a default": {
			[]*connectorv1.Server{{UrlTemplate: "https://{region}.api.example/v1", Variables: []*connectorv1.ServerVariable{{Name: "region", DefaultValue: "eu"}}}},
			"https://eu.api.example/v1",
		},
		"the first complete one": {
			[]*connectorv1.Server{{UrlTemplate: "https://{x}.api.example"}, {UrlTemplate: "/relative"}, {UrlTemplate: "https://b.example"}}, "https://b.example",
		},
	} {
		def, set := connector{identity: "oauth2pkcewithprm"}.build()
		def.Servers = c.servers
		p, err := load(t).Profile(def, set, given(nil, nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, p.Endpoints.Resource, c.want)
	}
}

func TestNamesAreComparedWithoutCase(t *testing.T) {
	t.Parallel()
	g := given(nil, nil)
	g.Plain = map[string]string{"TOKEN:CLIENTID": " own ", "Token : Tenant": "ignored", "token:TENANT": "acme"}
	g.Secrets = map[string]secret.Text{"Token:ClientSECRET": secret.FromString("own-not-real"), "other:clientSecret": secret.FromString("wrong-not-real")}
	p := profile(t, connector{identity: "entra"}, g)
	same(t, "client id without spaces around it", p.Client.ID, "own")
	same(t, "secret", p.Client.Secret.Equal(secret.FromString("own-not-real")), true)
	same(t, "token URL", strings.Contains(p.Endpoints.Token, "/acme/"), true)
}

// TestOneSetServesMany is for the race detector: nothing is shared that changes.
func TestOneSetServesMany(t *testing.T) {
	t.Parallel()
	presets := load(t)
	def, set := connector{identity: "entra", custom: map[string]string{"audience": "x", "authorize:a": "b"}}.build()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				p, err := presets.Profile(def, set, given(maker(nil), map[string]string{"token:tenant": "acme"}))
				if err != nil {
					t.Error(err)
					return
				}
				p.Scopes[0], p.Authorize[0].Value = "changed", "changed" // the caller owns it
				if f, err := presets.Form(def, set); err != nil || f.Scopes[0] != "openid" {
					t.Errorf("form %+v, error %v", f, err)
				}
				if _, err := presets.Reach(def, set, maker(nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
