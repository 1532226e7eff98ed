package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// generic is a connector with templates.
func generic(change map[string]string) connector {
	c := connector{identity: "oauth2generic", custom: map[string]string{
		"AuthorizationUrlTemplate": "https://{Region}.idp.example/authorize", "tokenUrlTemplate": "https://{region}.idp.example/{Path}/token",
		"refreshUrlTemplate": "https://{REGION}.idp.example/{path}/token",
	}}
	maps.Copy(c.custom, change)
	return c
}

func TestTemplatesOfPackages(t *testing.T) {
	t.Parallel()
	c := generic(map[string]string{
		"authorizationUrlQueryStringTemplate": "?client_id={ClientId}&acr={OrgName}&state={State}&x={Unknown}",
		"tokenUrlQueryStringTemplate":         "?env={region}", "tokenBodyTemplate": "id={AppUserId}&secret={AppUserSecret}&code={Code}",
		"refreshUrlQueryStringTemplate": "?env={region}", "refreshBodyTemplate": `{"r":"{RefreshToken}","s":"{AppUserSecret}"}`,
		"scopeListDelimiter": " ",
	})
	p := profile(t, c, given(maker(nil), map[string]string{
		"token:region": "eu", "token:path": "oauth-v2", "token:orgname": "acme", "token:AppUserId": "u1", "token:appUserSecret": "!not-real",
	}))
	same(t, "authorization URL", p.Endpoints.Authorization, "https://eu.idp.example/authorize")
	same(t, "token URL", p.Endpoints.Token, "https://eu.idp.example/oauth-v2/token")
	same(t, "refresh URL is the token URL", p.Endpoints.Refresh == "" || p.Endpoints.Refresh == p.Endpoints.Token, true)
	same(t, "query", p.Templates.AuthorizeQuery, c.custom["authorizationUrlQueryStringTemplate"])
	same(t, "body", p.Templates.TokenBody, c.custom["tokenBodyTemplate"])
	same(t, "refresh body", p.Templates.RefreshBody, c.custom["refreshBodyTemplate"])
	same(t, "values", p.Templates.Values, map[string]string{"region": "eu", "orgname": "acme", "appuserid": "u1", "unknown": ""})
	same(t, "secrets", slices.Collect(maps.Keys(p.Templates.Secrets)), []string{"appusersecret"})
	same(t, "secret", p.Templates.Secrets["appusersecret"].Equal(secret.FromString("not-real")), true)
	same(t, "delimiter", p.ScopeDelimiter, " ")
}

func TestATemplateWithoutTextsFollowsTheProtocol(t *testing.T) {
	t.Parallel()
	p := profile(t, generic(nil), given(maker(nil), map[string]string{"token:region": "eu", "token:path": "o"}))
	same(t, "query", p.Templates.AuthorizeQuery, "")
	same(t, "body", p.Templates.TokenBody, "")
}

func TestValuesStayInTheirPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting, value string
		fits           bool
	}{
		"one label":                    {"token:region", "eu", true},
		"two labels":                   {"token:region", "a.eu", true},
		"nothing is half a host":       {"token:region", "", false},
		"a host with a path":           {"token:region", "evil.example/", false},
		"a query in the host":          {"token:region", "evil.example?", false},
		"a fragment in the host":       {"token:region", "evil.example#", false},
		"a user in the host":           {"token:region", "evil.example@", false},
		"a backslash in the host":      {"token:region", `evil.example\`, false},
		"an escape in the host":        {"token:region", "evil%2eexample", false},
		"a port in the middle":         {"token:region", "evil.example:443", false},
		"letters that look like dots":  {"token:region", "evil。example", false},
		"a line feed in the host":      {"token:region", "eu\nevil", false},
		"a path with several parts":    {"token:path", "v2/oauth", false},
		"a path that goes up":          {"token:path", "../admin", false},
		"a path with a query":          {"token:path", "a?b=c", false},
		"a path with a fragment":       {"token:path", "a#b", false},
		"a path with an escape":        {"token:path", "%2e%2e", false},
		"a path with an at sign":       {"token:path", "a@b", false},
		"a path with spaces":           {"token:path", "a b", false},
		"a path that is another place": {"token:path", "//evil.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{"token:region": "eu", "token:path": "o"}
			values[c.setting] = c.value
			if !c.fits {
				same(t, "reason", refused(t, generic(nil), given(maker(nil), values)).Reason(), fault.ReasonOAuthSettingsInvalid)
				return
			}
			url := profile(t, generic(nil), given(maker(nil), values)).Endpoints.Token
			if !strings.HasPrefix(url, "https://") || !strings.Contains(url, ".idp.example/") {
				t.Errorf("the URL is %q", url)
			}
		})
	}
}

func TestAWholeURLMayBeAPlaceholder(t *testing.T) {
	t.Parallel()
	c := generic(map[string]string{"AuthorizationUrlTemplate": "{env}/oauth/authorize", "tokenUrlTemplate": "{env}/oauth/token", "refreshUrlTemplate": ""})
	p := profile(t, c, given(maker(nil), map[string]string{"token:env": "https://idp.example/base/"}))
	same(t, "token URL", p.Endpoints.Token, "https://idp.example/base/oauth/token")
	for _, value := range []string{"http://idp.example", "idp.example", "https://a@idp.example", "", "file:///etc"} {
		refused(t, c, given(maker(nil), map[string]string{"token:env": value}))
	}
}

func TestExactlyOneOfManyPlaceholders(t *testing.T) {
	t.Parallel()
	when := func(value string) []*connectorv1.ParameterCondition {
		return []*connectorv1.ParameterCondition{{Parameter: "token:region", Values: []string{value}}}
	}
	c := generic(map[string]string{
		"AuthorizationUrlTemplate": "https://{US}{EU}.idp.example/authorize", "tokenUrlTemplate": "https://{US}{EU}.idp.example/token",
		"refreshUrlTemplate": "", "tokenBodyTemplate": "key={usKey}{euKey}",
	})
	c.additional = []*connectorv1.OAuthAdditionalParameter{
		{Name: "US", Type: plainType, Conditions: when("us")},
		{Name: "EU", Type: plainType, Conditions: when("eu")},
		{Name: "usKey", Type: secretType, Conditions: when("us")},
		{Name: "euKey", Type: secretType, Conditions: when("EU")},
	}
	p := profile(t, c, given(maker(nil), map[string]string{
		"token:region": "eu", "US": "america", "token:EU": "europe", "usKey": "!us-not-real", "token:euKey": "!eu-not-real",
	}))
	same(t, "token URL", p.Endpoints.Token, "https://europe.idp.example/token")
	same(t, "secrets", slices.Collect(maps.Keys(p.Templates.Secrets)), []string{"eukey"})
}

func TestSecretsStandInNoURL(t *testing.T) {
	t.Parallel()
	values := map[string]string{"token:region": "eu", "token:path": "o", "token:key": "!not-real", "deepKey": "!not-real"}
	for name, text := range map[string]string{
		"authorizationUrlQueryStringTemplate": "?key={key}", "tokenUrlQueryStringTemplate": "?secret={ClientSecret}",
		"refreshUrlQueryStringTemplate": "?r={RefreshToken}",
	} {
		err := refused(t, generic(map[string]string{name: text}), given(maker(nil), values))
		same(t, "settings", violated(err), []string{name})
	}
	err := refused(t, generic(map[string]string{"tokenUrlTemplate": "https://idp.example/{key}"}), given(maker(nil), values))
	same(t, "settings", violated(err), []string{"token:tokenUrl"})
	err = refused(t, generic(map[string]string{"tokenUrlTemplate": "https://idp.example/{token:key}"}), given(maker(nil), values))
	same(t, "settings", violated(err), []string{"token:tokenUrl"})
	err = refused(t, generic(map[string]string{"tokenUrlTemplate": "https://idp.example/{deepKey}"}), given(maker(nil), values))
	same(t, "settings", violated(err), []string{"token:tokenUrl"})
	custom := plain()
	custom.custom["TokenURL"] = "https://idp.example/{key}"
	err = refused(t, custom, given(maker(nil), values))
	same(t, "settings", violated(err), []string{"token:key"})
}

func TestTemplatesThatAreTooLong(t *testing.T) {
	t.Parallel()
	err := refused(t, generic(map[string]string{"tokenBodyTemplate": strings.Repeat("a", 16<<10+1)}),
		given(maker(nil), map[string]string{"token:region": "eu", "token:path": "o"}))
	same(t, "settings", violated(err), []string{"tokenBodyTemplate"})
}

func TestPlaceholdersThatReferToEachOther(t *testing.T) {
	t.Parallel()
	c := plain()
	maps.Copy(c.custom, map[string]string{"a": "{b}", "b": "{a}", "self": "{self}", "deep": "{d1}", "d1": "{d2}", "d2": "{d3}", "d3": "{d4}", "d4": "{d5}", "d5": "end"})
	c.scopes = []string{"{a}", "{self}", "x{deep}"}
	same(t, "scopes", profile(t, c, given(maker(nil), nil)).Scopes, []string{"x"})
}

func TestTemplatesOfAPackageAreStrongerThanAPreset(t *testing.T) {
	t.Parallel()
	c := connector{identity: "oauth2generic", custom: map[string]string{
		"authorizationUrlTemplate": "https://{domain}.auth0.com/authorize", "tokenUrlTemplate": "https://{domain}.auth0.com/oauth/token",
		"tokenBodyTemplate": "audience=x&code={Code}", "refreshUrlTemplate": "https://{domain}.auth0.com/oauth/token",
	}}
	p := profile(t, c, given(maker(nil), map[string]string{"token:domain": "acme"}))
	same(t, "provider", p.Provider, "auth0")
	same(t, "token URL", p.Endpoints.Token, "https://acme.auth0.com/oauth/token")
	same(t, "parameters", p.Authorize, []oauth.Parameter(nil))
	same(t, "the template says where the secret stands", p.Client.Method, oauth.Method(""))
	same(t, "scopes", p.Scopes, []string(nil))
}

// Whoever owns a connection may say where his own client's secrets go, and not where
// those of the maker's client do. What the connector or the client states itself is
// the maker's word.
func TestOwnersDoNotChooseThePathForTheSecretsOfTheMakersClient(t *testing.T) {
	t.Parallel()
	path := map[string]string{"token:region": "eu", "token:path": "api/v4/projects/666/issues"}
	same(t, "reason", refused(t, generic(nil), given(maker(nil), path)).Reason(), fault.ReasonOAuthSettingsInvalid)
	same(t, "as the client states it", profile(t, generic(nil), given(maker(map[string]string{"path": "v2/oauth"}), map[string]string{"token:region": "eu"})).Endpoints.Token,
		"https://eu.idp.example/v2/oauth/token")
	path["token:clientId"] = "anns"
	same(t, "with a client of one's own", profile(t, generic(nil), given(maker(nil), path)).Endpoints.Token, "https://eu.idp.example/api/v4/projects/666/issues/token")
}
