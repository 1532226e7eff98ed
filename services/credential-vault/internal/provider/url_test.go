package provider_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestSettingsOfPresetsAreJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ preset, setting, value, token string }{
		"a shop":                             {"shopify", "shop", "acme", "https://acme.myshopify.com/admin/oauth/access_token"},
		"a shop with its host":               {"shopify", "shop", "ACME.myshopify.com", "https://acme.myshopify.com/admin/oauth/access_token"},
		"a shop with its address":            {"shopify", "shop", "https://acme.myshopify.com/", "https://acme.myshopify.com/admin/oauth/access_token"},
		"a shop by another name":             {"shopify", "Store", "acme", "https://acme.myshopify.com/admin/oauth/access_token"},
		"a shop below another host":          {"shopify", "shop", "acme.evil.example", ""},
		"a shop with a path":                 {"shopify", "shop", "acme/x", ""},
		"a shop with a fragment":             {"shopify", "shop", "evil.example#", ""},
		"a shop with a user":                 {"shopify", "shop", "evil.example@x", ""},
		"a shop that begins with a hyphen":   {"shopify", "shop", "-acme", ""},
		"a shop that is too long":            {"shopify", "shop", strings.Repeat("a", 64), ""},
		"a shop with a null":                 {"shopify", "shop", "ac\x00me", ""},
		"a shop in another alphabet":         {"shopify", "shop", "аcme", ""},
		"a host":                             {"salesforce", "login", "acme.my.salesforce.com", "https://acme.my.salesforce.com/services/oauth2/token"},
		"a host with a port":                 {"salesforce", "login", "acme.example:8443", "https://acme.example:8443/services/oauth2/token"},
		"a host as a URL":                    {"salesforce", "loginUri", "https://Test.salesforce.com/", "https://test.salesforce.com/services/oauth2/token"},
		"a host with a path":                 {"salesforce", "login", "https://acme.example/path", ""},
		"a host with a user":                 {"salesforce", "login", "login.salesforce.com@evil.example", ""},
		"a host with a port that is none":    {"salesforce", "login", "acme.example:port", ""},
		"a host with a space":                {"salesforce", "login", "acme example", ""},
		"a host that is not among those":     {"docusign", "login", "evil.example", ""},
		"a tenant":                           {"entra", "tenant", "acme.onmicrosoft.com", "https://login.microsoftonline.com/acme.onmicrosoft.com/oauth2/v2.0/token"},
		"a tenant that goes up":              {"entra", "tenant", "..", ""},
		"a tenant with a slash":              {"entra", "tenant", "a/b", ""},
		"a tenant with an escape":            {"entra", "tenant", "a%2fb", ""},
		"a tenant with a question mark":      {"entra", "tenant", "a?b", ""},
		"an address":                         {"gitlab", "baseUrl", "https://git.acme.example/sub/", "https://git.acme.example/sub/oauth/token"},
		"an address without a scheme":        {"gitlab", "baseUrl", "git.acme.example", "https://git.acme.example/oauth/token"},
		"an address on this machine":         {"gitlab", "baseUrl", "http://127.0.0.1:3000", "http://127.0.0.1:3000/oauth/token"},
		"an address that anybody can read":   {"gitlab", "baseUrl", "http://git.acme.example", ""},
		"an address with a query":            {"gitlab", "baseUrl", "https://git.acme.example?x=", ""},
		"an address with a fragment":         {"gitlab", "baseUrl", "https://git.acme.example#", ""},
		"an address with a user":             {"gitlab", "baseUrl", "https://u:p@git.acme.example", ""},
		"an address with a placeholder":      {"gitlab", "baseUrl", "https://{evil}.example", ""},
		"a header value with a line feed":    {"notion", "version", "1\r\nX-Evil: 1", ""},
		"a parameter's value with a newline": {"slack", "userScopes", "a\nb", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := given(maker(nil), map[string]string{"token:" + c.setting: c.value})
			if c.token == "" {
				err := refused(t, connector{identity: c.preset}, g)
				same(t, "reason", err.Reason(), fault.ReasonOAuthSettingsInvalid)
				return
			}
			same(t, "token URL", profile(t, connector{identity: c.preset}, g).Endpoints.Token, c.token)
		})
	}
}

// FuzzPlaceholders puts anything into the places of a template: either it is
// refused, or the URL still is below the host that the template fixes, and is one
// that others understand alike.
func FuzzPlaceholders(f *testing.F) {
	for _, seed := range []string{
		"eu", "", ".", "..", "a.b", "evil.example/", "evil.example#", "evil.example?", "evil.example@", "@evil.example", `\evil`, "%2e", "a:1",
		"{path}", "{{region}}", "{", "}", "\x00", "é", "a\nb", "//", "/../", "::1", "[::1]", "xn--a", strings.Repeat("a.", 200), "-a", "a-",
	} {
		f.Add(seed, seed)
		f.Add("eu", seed)
	}
	presets := load(f)
	def, set := generic(map[string]string{
		"tokenUrlQueryStringTemplate": "?r={region}", "AuthorizationUrlTemplate": "https://{region}.idp.example/{path}/authorize?x={path}",
	}).build()
	f.Fuzz(func(t *testing.T, region, path string) {
		p, err := presets.Profile(def, set, given(maker(nil), map[string]string{"token:region": plainly(region), "token:path": plainly(path)}))
		if err != nil {
			if fault.ReasonOf(err) != fault.ReasonOAuthSettingsInvalid {
				t.Fatalf("another failure: %v", err)
			}
			return
		}
		for _, text := range []string{p.Endpoints.Authorization, p.Endpoints.Token} {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatalf("%q is no URL: %v", text, err)
			}
			if u.Scheme != "https" || u.User != nil || !strings.HasSuffix(u.Hostname(), ".idp.example") || u.Fragment != "" || len(text) > 2048 {
				t.Fatalf("%q has left its place", text)
			}
			for part := range strings.SplitSeq(u.Path, "/") {
				if part == ".." {
					t.Fatalf("%q goes up", text)
				}
			}
		}
	})
}

// plainly keeps the mark of secrets out of made-up values.
func plainly(s string) string { return strings.TrimPrefix(s, "!") }

// FuzzSettings gives presets anything: there is never a panic, and no value leaves
// its place.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"acme", "acme.okta.com", "https://acme.okta.com/", "evil.example/x", "a@b", "a:b", "", "..", "acme.okta.com:443", "\u2025", "ACME"} {
		f.Add(seed, seed)
	}
	presets := load(f)
	f.Fuzz(func(t *testing.T, domain, server string) {
		def, set := connector{identity: "okta"}.build()
		values := map[string]string{"token:domain": plainly(domain), "token:authorizationServer": plainly(server)}
		p, err := presets.Profile(def, set, given(maker(nil), values))
		if err != nil {
			return
		}
		for _, text := range []string{p.Endpoints.Token, p.Endpoints.Authorization, p.Endpoints.Revocation, p.Identity.URL} {
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				t.Fatalf("%q, error %v", text, err)
			}
			if parts := strings.Split(u.Path, "/"); len(parts) != 5 || parts[1] != "oauth2" || parts[3] != "v1" {
				t.Fatalf("%q has left its place", text)
			}
		}
	})
}

// FuzzDefinitions makes connectors of anything: form, profile and reach agree on
// whether they can be.
func FuzzDefinitions(f *testing.F) {
	f.Add("oauth2", "https://idp.example/a", "https://idp.example/t", "code", "a b")
	f.Add("oauth2generic", "https://{x}/a", "{x}/t", "", "{x}")
	f.Add("google", "https://accounts.google.com/o/oauth2/auth", "", "implicit", "")
	f.Add("aad", "{{ x }}", "https://login.microsoftonline.com/{tenant}/oauth2/token", "{grantType}", "@@id@@")
	f.Add("oauth2pkcewithprm", "/a", "//t", "password", "{x}{x}{x}")
	f.Add("entra", "https://login.microsoftonline.com//oauth2/v2.0/authorize", "https://[::1]/t", "client_credentials", "\x00")
	presets := load(f)
	f.Fuzz(func(t *testing.T, identity, authorize, token, grant, scope string) {
		c := connector{identity: identity, scopes: []string{scope}, custom: map[string]string{
			"authorizationUrl": authorize, "tokenUrl": token, "grantType": grant, "tokenUrlTemplate": token, "x": scope, "tokenBodyTemplate": scope,
		}, declared: choices("token:x")}
		def, set := c.build()
		form, err := presets.Form(def, set)
		if err != nil || len(form.Grants) == 0 {
			t.Fatalf("no form: %v", err)
		}
		if _, err := presets.Reach(def, set, maker(nil)); err != nil && fault.ReasonOf(err) != fault.ReasonOAuthSettingsInvalid {
			t.Fatalf("another failure of reach: %v", err)
		}
		p, err := presets.Profile(def, set, given(maker(nil), map[string]string{"token:x": plainly(scope)}))
		if err == nil && p.Grant != form.Grants[0] {
			t.Fatalf("the form begins with %q, the profile has %q", form.Grants[0], p.Grant)
		}
		if err == nil && p.Grant == oauth.AuthorizationCode && p.Endpoints.Metadata+p.Endpoints.Resource == "" && p.Endpoints.Authorization == "" {
			t.Fatalf("nobody can sign in: %+v", p.Endpoints)
		}
	})
}
