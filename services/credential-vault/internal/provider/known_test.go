package provider_test

import (
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

func TestWhatAnOAuthClientMaySet(t *testing.T) {
	t.Parallel()
	templates := connector{
		identity: "oauth2generic", clientID: "{AppId}", scopes: []string{"{scope}"}, declared: declare("token:Region", "!token:clientSecret"),
		custom: map[string]string{
			"authorizationUrlTemplate": "https://{Host}/a", "tokenUrlTemplate": "https://{Host}/t", "tokenBodyTemplate": "code={code}&x={token:Extra}",
		},
		additional: []*connectorv1.OAuthAdditionalParameter{
			{Name: "CertKey", Type: secretType}, {Name: "Team", Conditions: []*connectorv1.ParameterCondition{{Parameter: "token:Kind", Values: []string{"a"}}}},
		},
	}
	for title, c := range map[string]struct {
		connector      connector
		there, missing []string
	}{
		"settings of a preset with their aliases": {connector{identity: "entra"}, []string{"tenant", "tenantid", "login", "loginuri", "granttype", "authorize:"}, []string{"shop", "clientsecret"}},
		"everything that templates name":          {templates, []string{"appid", "scope", "host", "extra", "team", "kind", "region"}, []string{"certkey", "code", "clientsecret", "tenant"}},
		"a provider that nobody knows":            {plain(), []string{"tokenurl", "scopes", "clientauthentication"}, []string{"tenant"}},
	} {
		known := form(t, c.connector).Settings
		if !slices.IsSorted(known) {
			t.Errorf("%s: not sorted", title)
		}
		for _, name := range c.there {
			if !slices.Contains(known, name) {
				t.Errorf("%s: %q is not known", title, name)
			}
		}
		for _, name := range c.missing {
			if slices.Contains(known, name) {
				t.Errorf("%s: %q is known", title, name)
			}
		}
	}
}

// TestTheSettingThatARefusalNamesCanBeSet does what the sentence says.
func TestTheSettingThatARefusalNamesCanBeSet(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		connector      connector
		setting, value string
	}{
		"a placeholder of a template": {
			connector{identity: "oauth2generic", custom: map[string]string{
				"authorizationUrlTemplate": "https://{Host}/a", "tokenUrlTemplate": "https://{Host}/t",
			}, declared: declare("token:Host")}, "Host", "idp.example",
		},
		"a token URL of the owner's":    {connector{identity: "oauth2", declared: declare("token:tokenUrl")}, "tokenUrl", "https://idp.example/t"},
		"a domain of a preset":          {connector{identity: "auth0"}, "domain", "acme.auth0.com"},
		"a URL of a self-hosted one":    {connector{identity: "keycloak"}, "baseUrl", "https://sso.acme.example"},
		"a token URL that nobody knows": {connector{identity: "oauth2"}, "tokenUrl", "https://idp.example/t"},
	} {
		def, set := c.connector.build()
		_, err := load(t).Reach(def, set, maker(nil))
		same(t, title, fault.ReasonOf(err), fault.ReasonOAuthSettingsInvalid)
		same(t, title, fault.From(err).Meta()["setting"], c.setting)
		if !strings.Contains(fault.From(err).Message(), `state "`+c.setting+`" in the settings of the OAuth client`) {
			t.Errorf("%s: got %v", title, err)
		}
		if reach, err := load(t).Reach(def, set, maker(map[string]string{c.setting: c.value})); err != nil || len(reach) == 0 {
			t.Errorf("%s: it was set, and yet %v, %v", title, reach, err)
		}
	}
}

func TestAClientThatTheProviderMayRegister(t *testing.T) {
	t.Parallel()
	const metadata = "https://idp.example/.well-known/openid-configuration"
	for title, c := range map[string]struct {
		connector connector
		missing   bool // with Unregistered
	}{
		"OpenID Connect":                {connector{identity: "openIdConnect", openID: metadata}, false},
		"metadata":                      {connector{identity: "oauth2", metadata: metadata}, false},
		"nothing to ask":                {plain(), true},
		"a grant without any person":    {connector{identity: "oauth2", metadata: metadata, grant: "clientCredentials"}, true},
		"a preset that has no metadata": {connector{identity: "google"}, true},
	} {
		def, set := c.connector.build()
		g := provider.Given{RedirectURL: redirect}
		_, err := load(t).Profile(def, set, g)
		same(t, title, fault.ReasonOf(err), fault.ReasonOAuthClientMissing)
		g.Unregistered = true
		p, err := load(t).Profile(def, set, g)
		if c.missing {
			same(t, title, fault.ReasonOf(err), fault.ReasonOAuthClientMissing)
		} else if err != nil || p.Client.ID != "" || p.Client.Method != oauth.NoSecret {
			t.Errorf("%s: got %+v, %v", title, p, err)
		}
		same(t, title+", in the form", form(t, c.connector).ClientNeeded, c.missing)
	}
}
