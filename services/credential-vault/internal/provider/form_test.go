package provider_test

import (
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestTheFormOfAnUnknownProvider(t *testing.T) {
	t.Parallel()
	f := form(t, plain())
	same(t, "parameter", f.Parameter, "token")
	same(t, "provider", f.Provider, "")
	same(t, "client needed", f.ClientNeeded, true)
	same(t, "grants", f.Grants, []oauth.Grant{oauth.AuthorizationCode, oauth.RefreshToken})
	same(t, "scopes", f.Scopes, []string{"read", "write"})
	same(t, "fields", fields(f), []string{
		"token:grantType", "token:clientId", "token:clientSecret", "token:refreshToken",
		"token:audience", "token:resource", "token:prompt", "token:clientAuthentication",
		"token:authorizationUrl", "token:tokenUrl", "token:refreshUrl", "token:scopes",
	})
	grant := field(t, f, "token:grantType")
	same(t, "choices", grant.Allowed, []string{"authorizationCode", "refreshToken"})
	same(t, "default", grant.Default, "authorizationCode")
	same(t, "secret", field(t, f, "token:clientSecret").Secret, true)
	same(t, "the owner may leave the client to the maker", field(t, f, "token:clientId").Required, false)
	refresh := field(t, f, "token:refreshToken")
	same(t, "only for its grant", refresh.Grants, []oauth.Grant{oauth.RefreshToken})
	same(t, "secret and required", refresh.Secret && refresh.Required, true)
	same(t, "scopes can be replaced", field(t, f, "token:scopes").Default, "")
}

func TestTheFormOfAPreset(t *testing.T) {
	t.Parallel()
	f := form(t, connector{identity: "okta"})
	same(t, "title", f.Title, "Okta (custom authorization server)")
	same(t, "help", strings.HasPrefix(f.DocumentationURL, "https://help.okta.com/"), true)
	same(t, "scopes", f.Scopes, []string{"openid", "profile", "email", "offline_access"})
	domain := field(t, f, "token:domain")
	same(t, "a setting without a default is asked for", domain.Required, true)
	same(t, "other names of it", domain.Aliases, []string{"token:oktadomain", "token:host"})
	same(t, "most fields have one name", field(t, f, "token:clientId").Aliases, []string(nil))
	server := field(t, f, "token:authorizationServer")
	same(t, "one with a default is not", server.Required, false)
	same(t, "default", server.Default, "default")
	same(t, "keys", field(t, f, "token:clientKey").Secret, true)
	same(t, "user name", field(t, f, "token:username").Grants, []oauth.Grant{oauth.Password})
	same(t, "subject", field(t, form(t, connector{identity: "docusign"}), "token:subject").Required, true)
	same(t, "subject of a service account", field(t, form(t, connector{identity: "google"}), "token:subject").Required, false)
	same(t, "no subject without assertions", slices.Contains(fields(f), "token:subject"), false)
	for _, f := range f.Fields {
		if f.Title == "" || f.Description == "" {
			t.Errorf("nobody says what %q is", f.Name)
		}
	}
}

func TestWhatASetDeclaresIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	c := connector{identity: "aad", custom: map[string]string{"loginUri": "https://login.windows.net", "tenantId": "common"}}
	c.declared = []*connectorv1.ConnectionParameter{
		{Name: "TOKEN:tenantId", Type: plainType},
		{Name: "token:ClientId", Type: plainType},
		{Name: "token:resourceUri", Type: plainType},
		{Name: "other:login", Type: plainType},
		{Name: "clientSecret", Type: secretType},
	}
	got := fields(form(t, c))
	for _, name := range []string{"token:tenant", "token:clientId", "token:resource"} {
		if slices.Contains(got, name) {
			t.Errorf("%q is asked for, though the set declares it: %v", name, got)
		}
	}
	for _, name := range []string{"token:login", "token:clientSecret", "token:certificate", "token:certificatePassword"} {
		if !slices.Contains(got, name) {
			t.Errorf("%q is missing: %v", name, got)
		}
	}
	same(t, "what the connector says is the default", field(t, form(t, c), "token:login").Default, "login.windows.net")
}

func TestADefaultThatASetDeclaresCounts(t *testing.T) {
	t.Parallel()
	c := connector{identity: "entra", declared: []*connectorv1.ConnectionParameter{{Name: "token:tenantId", Type: plainType, DefaultValue: "acme"}}}
	p := profile(t, c, given(maker(nil), nil))
	same(t, "token URL", p.Endpoints.Token, "https://login.microsoftonline.com/acme/oauth2/v2.0/token")
}

func TestTheResourceOfEntraIDIsAskedForWhereNobodyKnowsIt(t *testing.T) {
	t.Parallel()
	same(t, "named by the connector", field(t, form(t, connector{identity: "aad", server: "https://api.example"}), "token:resource").Required, true)
	azure := connector{
		identity: "oauth2", grant: "implicit", server: "https://management.azure.com",
		custom: map[string]string{"authorizationUrl": "https://login.microsoftonline.com/common/oauth2/authorize"},
	}
	same(t, "derived from the API's address", field(t, form(t, azure), "token:resource").Required, false)
}

func TestEndpointsThatNobodyKnowsAreAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connector connector
		want      []string
	}{
		"nothing is known":                  {connector{identity: "oauth2"}, []string{"token:authorizationUrl", "token:tokenUrl"}},
		"an implicit flow":                  {connector{identity: "oauth2", grant: "implicit", custom: map[string]string{"authorizationUrl": "https://a.example"}}, []string{"token:tokenUrl"}},
		"client credentials":                {connector{identity: "oauth2", grant: "clientCredentials"}, []string{"token:tokenUrl"}},
		"a device":                          {connector{identity: "oauth2", grant: "deviceAuthorization"}, []string{"token:deviceAuthorizationUrl", "token:tokenUrl"}},
		"metadata know them":                {connector{identity: "oauth2", metadata: "https://a.example/m"}, nil},
		"the API knows them":                {connector{identity: "oauth2pkcewithprm"}, nil},
		"a provider that nobody knows":      {connector{identity: "acme"}, []string{"token:authorizationUrl", "token:tokenUrl"}},
		"a placeholder stands for a secret": {generic(nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			f := form(t, c.connector)
			for _, field := range f.Fields {
				if strings.HasSuffix(field.Name, "Url") && !field.OwnClient {
					got = append(got, field.Name)
					if !field.Required {
						t.Errorf("%q can be left out", field.Name)
					}
				}
			}
			slices.Sort(got)
			same(t, "fields", got, c.want)
		})
	}
}

func TestTheGrantsOfAForm(t *testing.T) {
	t.Parallel()
	flows := []*connectorv1.OAuth2Flow{
		{Grant: "clientCredentials", TokenUrl: "https://a.example/t"},
		{Grant: "authorizationCode", AuthorizationUrl: "https://a.example/a", TokenUrl: "https://a.example/t"},
		{Grant: "unheard of"},
	}
	for name, c := range map[string]struct {
		connector connector
		want      []oauth.Grant
	}{
		"the settings' grant comes first": {
			connector{identity: "oauth2", grant: "authorizationCode", flows: flows},
			[]oauth.Grant{oauth.AuthorizationCode, oauth.ClientCredentials, oauth.RefreshToken},
		},
		"flows in their order": {
			connector{identity: "oauth2", flows: flows}, []oauth.Grant{oauth.ClientCredentials, oauth.AuthorizationCode, oauth.RefreshToken},
		},
		"a setting of the package is stronger": {
			connector{identity: "oauth2", grant: "authorizationCode", custom: map[string]string{"GrantType": "client_credentials"}},
			[]oauth.Grant{oauth.ClientCredentials, oauth.AuthorizationCode, oauth.RefreshToken},
		},
		"a grant that is a placeholder says nothing": {
			connector{identity: "oauth2", custom: map[string]string{"grantType": "{grantType}"}}, []oauth.Grant{oauth.AuthorizationCode, oauth.RefreshToken},
		},
		"a machine alone": {connector{identity: "oauth2", grant: "clientCredentials"}, []oauth.Grant{oauth.ClientCredentials}},
		"a preset": {
			connector{identity: "google"}, []oauth.Grant{oauth.AuthorizationCode, oauth.JWTBearer, oauth.DeviceCode, oauth.RefreshToken},
		},
		"a preset, and on behalf of callers": {
			connector{identity: "entra", custom: map[string]string{"enableOnbehalfOfLogin": "true"}},
			[]oauth.Grant{oauth.AuthorizationCode, oauth.ClientCredentials, oauth.DeviceCode, oauth.Password, oauth.OnBehalfOf, oauth.RefreshToken},
		},
		"templates have their own": {
			connector{identity: "oauth2generic", custom: map[string]string{"tokenUrlTemplate": "https://acme.okta.com/t"}},
			[]oauth.Grant{oauth.AuthorizationCode, oauth.RefreshToken},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := form(t, c.connector)
			same(t, "grants", f.Grants, c.want)
			same(t, "there is a choice only of several", slices.Contains(fields(f), "token:grantType"), len(c.want) > 1)
		})
	}
}

func TestWhoNeedsAClient(t *testing.T) {
	t.Parallel()
	registering := plain()
	registering.custom["registrationUrl"] = "https://idp.example/register"
	for name, c := range map[string]struct {
		connector connector
		want      bool
	}{
		"a person who signs in":              {plain(), true},
		"a preset":                           {connector{identity: "github"}, true},
		"a machine":                          {connector{identity: "oauth2", grant: "clientCredentials"}, true},
		"a password":                         {connector{identity: "oauth2", grant: "password"}, false},
		"a password at a preset":             {connector{identity: "keycloak", grant: "password"}, true},
		"a service account":                  {connector{identity: "google", grant: "jwtBearer"}, false},
		"an assertion that the client signs": {connector{identity: "docusign", grant: "jwtBearer"}, true},
		"an assertion somewhere":             {connector{identity: "oauth2", grant: "jwtBearer"}, false},
		"a provider that registers clients":  {registering, false},
		"a provider that is found by asking": {connector{identity: "oauth2pkcewithprm"}, false},
		"templates that name it":             {generic(map[string]string{"tokenBodyTemplate": "id={clientid}", "authorizationUrlQueryStringTemplate": "a=b"}), true},
		"templates that do not":              {generic(map[string]string{"tokenBodyTemplate": "a=b", "authorizationUrlQueryStringTemplate": "a=b"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, "client needed", form(t, c.connector).ClientNeeded, c.want)
		})
	}
}

func TestAdditionalParametersAreAskedFor(t *testing.T) {
	t.Parallel()
	c := generic(nil)
	c.additional = []*connectorv1.OAuthAdditionalParameter{{Name: "apiUser", Type: plainType}, {Name: "apiKey", Type: secretType}, {Name: "declared", Type: plainType}}
	c.declared = []*connectorv1.ConnectionParameter{{Name: "token:Declared", Type: plainType}}
	f := form(t, c)
	same(t, "plain", field(t, f, "token:apiUser").Secret, false)
	same(t, "secret", field(t, f, "token:apiKey").Secret, true)
	same(t, "declared", slices.Contains(fields(f), "token:declared"), false)
}

func TestCertificatesAreAskedForWhereTheyAreOfUse(t *testing.T) {
	t.Parallel()
	c := plain()
	same(t, "unknown provider", slices.Contains(fields(form(t, c)), "token:certificate"), false)
	c.custom["clientAuthentication"] = "tls_client_auth"
	same(t, "in the handshake", slices.Contains(fields(form(t, c)), "token:certificate"), true)
	c.custom["clientAuthentication"] = "private_key_jwt"
	same(t, "key", field(t, form(t, c), "token:clientKey").Secret, true)
}

func TestEveryPresetHasAFormWithWhichItWorks(t *testing.T) {
	t.Parallel()
	presets := load(t)
	for _, preset := range presets.All() {
		for _, grant := range preset.Grants {
			if grant == oauth.OnBehalfOf {
				continue
			}
			t.Run(preset.ID+" with "+string(grant), func(t *testing.T) {
				t.Parallel()
				def, set := connector{identity: preset.ID}.build()
				f, err := presets.Form(def, set)
				if err != nil {
					t.Fatal(err)
				}
				values := map[string]string{
					"token:grantType": string(grant), "token:clientId": "own-client", "token:clientSecret": "!own-secret-not-real",
				}
				for _, field := range f.Fields {
					switch needed := field.Grants == nil || slices.Contains(field.Grants, grant); {
					case !needed || !field.Required:
					case field.Secret:
						values[field.Name] = "!not-real"
					case field.Name == "token:baseUrl":
						values[field.Name] = "https://sso.acme.example"
					default:
						values[field.Name] = "acme"
					}
				}
				p, err := presets.Profile(def, set, given(nil, values))
				if err != nil {
					t.Fatalf("with %v: %v", values, err)
				}
				same(t, "grant", p.Grant, grant)
				same(t, "token URL", strings.HasPrefix(p.Endpoints.Token, "https://"), true)
			})
		}
	}
}
