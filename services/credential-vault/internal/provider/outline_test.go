package provider_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// honest is a package whose owners choose a tenant and a language.
func honest() connector {
	return connector{
		identity: "oauth2generic",
		custom: map[string]string{
			"authorizationUrlTemplate": "https://login.example/{Tenant}/authorize", "tokenUrlTemplate": "https://login.example/{Tenant}/token",
			"refreshUrlTemplate": "https://login.example/{Tenant}/token", "tokenBodyTemplate": "code={Code}&client_secret={ClientSecret}",
			"refreshBodyTemplate": "refresh_token={RefreshToken}",
		},
	}
}

func outlined(t *testing.T, c connector, g provider.Given, grant oauth.Grant) []oauth.Facet {
	t.Helper()
	def, set := c.build()
	facets, err := load(t).Outline(def, set, g, grant)
	if err != nil {
		t.Fatal(err)
	}
	return facets
}

// TestWhoeverChangesASignInChangesItsOutline: nothing that a connector or an OAuth
// client says about addresses and requests can be exchanged unnoticed.
func TestWhoeverChangesASignInChangesItsOutline(t *testing.T) {
	before := outlined(t, honest(), given(maker(nil), nil), oauth.AuthorizationCode)
	for name, value := range map[string]string{
		"authorizationUrlTemplate":            "https://login.example/mallory/authorize",
		"tokenUrlTemplate":                    "https://login.example/api/issues?private_token=mallory",
		"refreshUrlTemplate":                  "https://login.example/api/issues?private_token=mallory",
		"tokenBodyTemplate":                   "description={ClientSecret}",
		"refreshBodyTemplate":                 "description={RefreshToken}",
		"tokenUrlQueryStringTemplate":         "?a={ClientSecret}",
		"authorizationUrlQueryStringTemplate": "?a=b",
		"issuer":                              "https://evil.example",
		"pkce":                                "refused",
		"token:scope":                         "admin",
		"TOKEN:Audience":                      "https://evil.example",
		"authorize:response_mode":             "form_post",
		"refresh:scope":                       "admin",
	} {
		t.Run(name, func(t *testing.T) {
			c := honest()
			c.custom[name] = value
			if cmp.Equal(before, outlined(t, c, given(maker(nil), nil), oauth.AuthorizationCode)) {
				t.Errorf("a connector that says %q has the outline of one that does not", value)
			}
		})
	}
	for name, value := range map[string]string{"issuer": "https://evil.example", "pkce": "refused", "token:scope": "admin", "tenant": "mallory"} {
		t.Run("the client's "+name, func(t *testing.T) {
			if cmp.Equal(before, outlined(t, honest(), given(maker(map[string]string{name: value}), nil), oauth.AuthorizationCode)) {
				t.Errorf("a client that says %q has the outline of one that does not", value)
			}
		})
	}
}

func TestOwnersOfConnectionsShareAnOutline(t *testing.T) {
	before := outlined(t, honest(), given(maker(nil), map[string]string{"token:tenant": "contoso"}), oauth.AuthorizationCode)
	after := outlined(t, honest(), given(maker(nil), map[string]string{"token:tenant": "fabrikam"}), oauth.AuthorizationCode)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("two tenants have two outlines, and so two redirect URLs:\n%s", diff)
	}
	if !slices.Contains(before, oauth.Facet{Name: "token endpoint", Value: "https://login.example/{tenant}/token"}) {
		t.Errorf("got %v", before)
	}
}

func TestNoSettingReplacesWhatTheProtocolSays(t *testing.T) {
	for _, setting := range []string{"token:grant_type", "authorize:response_type", "authorize:request", "authorize:request_uri", "token:client_id"} {
		t.Run(setting, func(t *testing.T) {
			c := connector{identity: "oauth2", custom: map[string]string{
				"authorizationUrl": "https://login.example/authorize", "tokenUrl": "https://login.example/token",
			}}
			profile(t, c, given(maker(nil), nil))
			c.custom[setting] = "client_credentials"
			refused(t, c, given(maker(nil), nil))
		})
	}
}
