package provider_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestScopes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connector connector
		client    map[string]string
		values    map[string]string
		want      []string
		delimiter string
	}{
		"the connector's, each once": {
			connector: connector{identity: "oauth2", custom: plain().custom, scopes: []string{"a", "b", "a"}}, want: []string{"a", "b"},
		},
		"the client's before them": {
			connector: plain(), client: map[string]string{"scopes": "x y"}, want: []string{"x", "y"},
		},
		"the owner's before all": {
			connector: plain(), client: map[string]string{"scopes": "x y"}, values: map[string]string{"token:Scopes": "own  only"}, want: []string{"own", "only"},
		},
		"the owner's at a provider with commas": {
			connector: connector{identity: "shopify"}, values: map[string]string{"token:shop": "acme", "token:scopes": "read_orders, write_orders"},
			want: []string{"read_orders", "write_orders"}, delimiter: ",",
		},
		"one that is a placeholder": {
			connector: connector{identity: "oauth2", custom: plain().custom, scopes: []string{"{Scope}", "fixed"}},
			values:    map[string]string{"token:scope": "own more"}, want: []string{"own", "more", "fixed"},
		},
		"a delimiter of the connector's": {
			connector: connector{identity: "oauth2", custom: map[string]string{
				"authorizationUrl": "https://idp.example/a", "tokenUrl": "https://idp.example/t", "ScopeListDelimiter": ",",
			}, scopes: []string{"a", "b"}},
			want: []string{"a", "b"}, delimiter: ",",
		},
		"a delimiter that is a space": {
			connector: connector{identity: "slack", custom: map[string]string{"scopeDelimiter": " "}, scopes: []string{"a", "b"}},
			want:      []string{"a", "b"}, delimiter: " ",
		},
		"a preset adds what refresh tokens need": {
			connector: connector{identity: "entra", scopes: []string{"User.Read"}}, want: []string{"User.Read", "offline_access"},
		},
		"but not to what the owner chose": {
			connector: connector{identity: "entra"}, values: map[string]string{"token:scopes": "User.Read"}, want: []string{"User.Read"},
		},
		"there may be none": {
			connector: connector{identity: "notion"}, want: nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := profile(t, c.connector, given(maker(c.client), c.values))
			same(t, "scopes", p.Scopes, c.want)
			same(t, "delimiter", p.ScopeDelimiter, c.delimiter)
		})
	}
}

func TestFurtherParameters(t *testing.T) {
	t.Parallel()
	c := plain()
	maps.Copy(c.custom, map[string]string{
		"audience": "https://api.example", "Resource": "https://res.example", "prompt": "consent", "loginHint": "ada@example", "idpHint": "acme",
		"authorize:display": "page", "token:style": "new", "refresh:style": "{Style}", "authorize:Max_Age": "",
	})
	p := profile(t, c, given(maker(map[string]string{"style": "old", "token:extra": "1"}), nil))
	want := [][]oauth.Parameter{
		{
			{Name: "audience", Value: "https://api.example"},
			{Name: "display", Value: "page"},
			{Name: "idp_hint", Value: "acme"},
			{Name: "login_hint", Value: "ada@example"},
			{Name: "prompt", Value: "consent"},
			{Name: "resource", Value: "https://res.example"},
		},
		{
			{Name: "audience", Value: "https://api.example"},
			{Name: "extra", Value: "1"},
			{Name: "resource", Value: "https://res.example"},
			{Name: "style", Value: "new"},
		},
		{{Name: "style", Value: "old"}},
	}
	got := [][]oauth.Parameter{
		parametersWithout(p.Authorize, "max_age"), p.Token, p.Refresh,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	for _, name := range []string{"authorize:state", "authorize:redirect_uri", "token:client_secret", "refresh:refresh_token", "authorize:CODE_CHALLENGE"} {
		c := plain()
		c.custom[name] = "stolen"
		err := refused(t, c, given(maker(nil), nil))
		same(t, "settings", violated(err), []string{strings.ToLower(name)})
	}
}

func parametersWithout(list []oauth.Parameter, name string) []oauth.Parameter {
	var kept []oauth.Parameter
	for _, p := range list {
		if p.Name != name {
			kept = append(kept, p)
		}
	}
	return kept
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connector connector
		without   bool
	}{
		"unknown providers get code challenges": {connector: plain()},
		"a connector can turn them off": {
			connector: connector{identity: "oauth2", custom: map[string]string{
				"authorizationUrl": "https://idp.example/a", "tokenUrl": "https://idp.example/t", "pkce": "False",
			}}, without: true,
		},
		"a preset knows who refuses them":      {connector: connector{identity: "stripe"}, without: true},
		"a connector can turn them on again":   {connector: connector{identity: "stripe", custom: map[string]string{"pkce": "true"}}},
		"the generic provider with PKCE":       {connector: connector{identity: "oauth2pkce", custom: plain().custom}},
		"a preset that requires code challeng": {connector: connector{identity: "twitter"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, "without PKCE", profile(t, c.connector, given(maker(nil), nil)).WithoutPKCE, c.without)
		})
	}
	err := refused(t, connector{identity: "twitter"}, given(maker(nil), map[string]string{"token:pkce": "false"}))
	same(t, "settings", violated(err), []string{"token:pkce"})
}
