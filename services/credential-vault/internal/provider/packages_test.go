package provider_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// declare makes sub-parameters; a leading "!" makes a secret.
func declare(names ...string) []*connectorv1.ConnectionParameter {
	var list []*connectorv1.ConnectionParameter
	for _, name := range names {
		p := &connectorv1.ConnectionParameter{Name: name, Type: plainType}
		if name[0] == '!' {
			p.Name, p.Type = name[1:], secretType
		}
		list = append(list, p)
	}
	return list
}

// The redirect URL says where tokens come from.
func TestNoEndpointDependsOnTheRedirectURL(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"tokenUrlTemplate", "refreshUrlTemplate"} {
		c := connector{identity: "oauth2generic", custom: map[string]string{
			"authorizationUrlTemplate": "https://idp.example/auth", "tokenUrlTemplate": "https://idp.example/token", "refreshUrlTemplate": "https://idp.example/refresh",
		}}
		c.custom[setting] = "https://idp.example/{redirectURL}"
		same(t, setting, refused(t, c, given(maker(nil), nil)).Reason(), fault.ReasonOAuthSettingsInvalid)
	}
}

// TestTheWaysInWhichPackagesAreWritten has one row for each style that published
// packages have, with made-up names.
func TestTheWaysInWhichPackagesAreWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connector        connector
		values           map[string]string
		authorize, token string
		scopes           []string
		values2          map[string]string // of the templates
	}{
		"a suffix of the host, from a list": {
			connector: connector{identity: "oauth2generic", custom: map[string]string{
				"authorizationUrlTemplate": "https://account{CustomHost}/connect/authorize", "tokenUrlTemplate": "https://account{CustomHost}/connect/token",
				"refreshUrlTemplate": "https://account{CustomHost}/connect/token",
			}, declared: declare("token:customHost"), scopes: []string{"openid"}},
			values:    map[string]string{"token:customHost": "-eu.idp.example"},
			authorize: "https://account-eu.idp.example/connect/authorize", token: "https://account-eu.idp.example/connect/token", scopes: []string{"openid"},
		},
		"a top-level domain of the owner's": {
			connector: connector{identity: "oauth2generic", custom: map[string]string{
				"authorizationUrlTemplate":            "https://accounts.idp{CustomHost}/oauth/v2/auth",
				"authorizationUrlQueryStringTemplate": "?response_type=code&client_id={clientId}&redirect_uri={redirectUrl}&state={State}&scope={Scopes}&access_type=offline",
				"tokenUrlTemplate":                    "https://accounts.idp{CustomHost}/oauth/v2/token",
				"tokenBodyTemplate":                   "code={code}&grant_type=authorization_code&client_id={clientId}&client_secret={clientSecret}",
				"refreshUrlTemplate":                  "https://accounts.idp{CustomHost}/oauth/v2/token",
				"refreshBodyTemplate":                 "grant_type=refresh_token&refresh_token={refreshToken}&client_id={clientId}&client_secret={clientSecret}",
			}, declared: declare("token:customHost"), scopes: []string{"mail.READ"}},
			values:    map[string]string{"token:customHost": ".example.eu"},
			authorize: "https://accounts.idp.example.eu/oauth/v2/auth", token: "https://accounts.idp.example.eu/oauth/v2/token", scopes: []string{"mail.READ"},
		},
		"a whole URL of the owner's, and secrets of a user": {
			connector: connector{identity: "oauth2generic", custom: map[string]string{
				"authorizationUrlTemplate": "{env}/oauth/authorize", "tokenUrlTemplate": "{env}/oauth/token", "refreshUrlTemplate": "{env}/oauth/token",
				"tokenUrlQueryStringTemplate": "?x-env={HostName}", "refreshUrlQueryStringTemplate": "?x-env={HostName}",
				"tokenBodyTemplate":   "client_id={AppUserId}&code={Code}&grant_type=client_credentials&client_secret={AppUserSecret}",
				"refreshBodyTemplate": "client_id={AppUserId}&grant_type=client_credentials&client_secret={AppUserSecret}",
				"scopeListDelimiter":  " ",
			}, declared: declare("token:env", "token:AppUserId", "!token:AppUserSecret", "token:HostName", "token:notes")},
			values: map[string]string{
				"token:env": "https://api.idp.example", "token:AppUserId": "user-1", "token:AppUserSecret": "!not-real", "token:HostName": "acme.idp.example",
			},
			authorize: "https://api.idp.example/oauth/authorize", token: "https://api.idp.example/oauth/token",
			values2: map[string]string{"hostname": "acme.idp.example", "appuserid": "user-1"},
		},
		"a value of the owner's in the query": {
			connector: connector{identity: "oauth2generic", custom: map[string]string{
				"authorizationUrlTemplate":            "https://idp.example/connect/authorize",
				"authorizationUrlQueryStringTemplate": "?client_id={ClientId}&state={state}&acr_values=tenantName:{OrgName}&scope={scopes}",
				"tokenUrlTemplate":                    "https://idp.example/connect/token",
				"tokenBodyTemplate":                   "client_id={ClientId}&code={Code}&acr_values=tenantName:{OrgName}",
			}, declared: declare("token:orgName", "tenantName"), scopes: []string{"a", "offline_access"}},
			values:    map[string]string{"token:orgName": "Acme & Sons", "tenantName": "x"},
			authorize: "https://idp.example/connect/authorize", token: "https://idp.example/connect/token", scopes: []string{"a", "offline_access"},
			values2: map[string]string{"orgname": "Acme & Sons"},
		},
		"a prefix of the host, and a client of the owner's": {
			connector: connector{identity: "oauth2generic", clientID: "{ClientId}", custom: map[string]string{
				"authorizationUrlTemplate": "https://{HostnamePrefix}.idp.example/s/oauth/authorize",
				"tokenUrlTemplate":         "https://{HostnamePrefix}.idp.example/s/oauth/token", "refreshUrlTemplate": "https://{HostnamePrefix}.idp.example/s/oauth/token",
			}, declared: declare("token:HostnamePrefix", "token:ClientId", "token:ClientSecret"), scopes: []string{"api", "offline_access"}},
			values:    map[string]string{"token:HostnamePrefix": "acme", "token:ClientId": "own", "token:ClientSecret": "not-real"},
			authorize: "https://acme.idp.example/s/oauth/authorize", token: "https://acme.idp.example/s/oauth/token", scopes: []string{"api", "offline_access"},
		},
		"several placeholders in the path, one of which nobody fills in": {
			connector: connector{identity: "oauth2generic", custom: map[string]string{
				"authorizationUrlTemplate": "https://identity{environment}/{region}/ids/{tenantId}/connect/authorize",
				"tokenUrlTemplate":         "https://identity{environment}/{region}/ids/{tenantId}/connect/token",
			}, declared: declare("token:environment", "token:region", "token:TenantId")},
			values:    map[string]string{"token:environment": ".idp.example", "token:region": "eu"},
			authorize: "https://identity.idp.example/eu/ids//connect/authorize", token: "https://identity.idp.example/eu/ids//connect/token",
		},
		"a page with a fragment": {
			connector: connector{identity: "oauth2", custom: map[string]string{
				"authorizationUrl": "https://go.idp.example/#/authorize", "tokenUrl": "https://api.idp.example/token", "refreshUrl": "https://api.idp.example/token",
			}},
			authorize: "https://go.idp.example/#/authorize", token: "https://api.idp.example/token",
		},
		"a token URL with a query": {
			connector: connector{identity: "oauth2", custom: map[string]string{
				"authorizationUrl": "https://idp.example/login?name=flow&", "tokenUrl": "https://idp.example/main?op=token", "refreshUrl": "https://idp.example/main?op=refresh",
			}},
			authorize: "https://idp.example/login?name=flow&", token: "https://idp.example/main?op=token",
		},
		"Entra ID with everything from the owner": {
			connector: connector{
				identity: "aad", scopes: []string{"{Scope}"}, declared: declare("token:ClientId", "!token:ClientSecret", "token:Scope", "token:ResourceUri"),
				custom:     map[string]string{"loginUri": "https://login.microsoftonline.com", "tenantId": "common", "enableOnbehalfOfLogin": "false"},
				properties: map[string]string{"AzureActiveDirectoryResourceId": "{ResourceUri}", "IsOnbehalfofLoginSupported": "true"},
			},
			values: map[string]string{
				"token:ClientId": "own", "token:ClientSecret": "!not-real", "token:Scope": "api://acme/.default", "token:ResourceUri": "api://acme",
			},
			authorize: "https://login.microsoftonline.com/common/oauth2/authorize", token: "https://login.microsoftonline.com/common/oauth2/token",
			scopes: []string{"api://acme/.default"},
		},
		"PKCE with a hint and an audience": {
			connector: connector{identity: "oauth2pkce", custom: map[string]string{
				"authorizationUrl": "https://idp.example/a", "tokenUrl": "https://idp.example/t", "idpHint": "acme", "audience": "https://api.example",
			}},
			authorize: "https://idp.example/a", token: "https://idp.example/t",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := profile(t, c.connector, given(maker(nil), c.values))
			same(t, "grant", p.Grant, oauth.AuthorizationCode)
			same(t, "authorization URL", p.Endpoints.Authorization, c.authorize)
			same(t, "token URL", p.Endpoints.Token, c.token)
			same(t, "scopes", p.Scopes, c.scopes)
			if c.values2 != nil {
				same(t, "values of templates", p.Templates.Values, c.values2)
			}
			same(t, "templates only where there are some", p.Templates != nil, c.connector.identity == "oauth2generic")
		})
	}
}

// TestTheRedirectModeHasNoEffect takes a setting that means something on another
// platform.
func TestTheRedirectModeHasNoEffect(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "Global", "GlobalPerConnector", "Direct", "GlobalListener", "None", "unheard of"} {
		def, set := plain().build()
		set.Parameters[0].Oauth.RedirectMode, set.Parameters[0].Oauth.RedirectUrl = mode, "https://elsewhere.example/redirect"
		p, err := load(t).Profile(def, set, given(maker(nil), nil))
		if err != nil {
			t.Fatalf("%q: %v", mode, err)
		}
		same(t, mode, p.RedirectURL, redirect)
	}
}

// TestAParameterWithAnotherName shows that settings follow the name of the OAuth
// parameter.
func TestAParameterWithAnotherName(t *testing.T) {
	t.Parallel()
	def, set := connector{identity: "shopify"}.build()
	set.Parameters[0].Name = "Sign-In"
	f, err := load(t).Form(def, set)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "parameter", f.Parameter, "Sign-In")
	same(t, "field", field(t, f, "Sign-In:shop").Required, true)
	p, err := load(t).Profile(def, set, given(maker(nil), map[string]string{"sign-in:SHOP": "acme", "token:shop": "wrong"}))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "token URL", p.Endpoints.Token, "https://acme.myshopify.com/admin/oauth/access_token")
}
