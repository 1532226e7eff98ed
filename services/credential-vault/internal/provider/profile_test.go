package provider_test

import (
	"maps"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// plain is a connector with URLs that nobody knows.
func plain() connector {
	return connector{identity: "oauth2", custom: map[string]string{
		"AuthorizationUrl": "https://idp.example/authorize", "TokenURL": "https://idp.example/token",
		"refreshUrl": "https://idp.example/renew",
	}, scopes: []string{"read", "write"}}
}

func TestTheStrongestWordCounts(t *testing.T) {
	t.Parallel()
	flow := []*connectorv1.OAuth2Flow{{Grant: "authorizationCode", AuthorizationUrl: "https://flow.example/a", TokenUrl: "https://flow.example/t"}}
	for name, c := range map[string]struct {
		connector connector
		client    map[string]string
		values    map[string]string
		want      string
	}{
		"the flow of the scheme, if nobody says more": {
			connector: connector{identity: "oauth2", flows: flow}, want: "https://flow.example/t",
		},
		"the connector before its scheme": {
			connector: connector{identity: "oauth2", flows: flow, custom: map[string]string{"tokenUrl": "https://custom.example/t"}},
			want:      "https://custom.example/t",
		},
		"names are compared without case": {
			connector: connector{identity: "oauth2", flows: flow, custom: map[string]string{"TOKENURL": "https://custom.example/t"}},
			want:      "https://custom.example/t",
		},
		"the OAuth client before the connector": {
			connector: connector{identity: "oauth2", flows: flow, custom: map[string]string{"tokenUrl": "https://custom.example/t"}},
			client:    map[string]string{"TokenUrl": "https://client.example/t"}, want: "https://client.example/t",
		},
		"the connection before the OAuth client": {
			connector: connector{identity: "oauth2", flows: flow},
			client:    map[string]string{"tokenUrl": "https://client.example/t"},
			values:    map[string]string{"TOKEN:tokenurl": "https://own.example/t", "token:clientId": "own"}, want: "https://own.example/t",
		},
		"UNUSED is how packages leave a URL out": {
			connector: connector{identity: "oauth2", flows: flow, custom: map[string]string{"tokenUrl": "UNUSED"}},
			want:      "https://flow.example/t",
		},
		"a path is below the API's own host": {
			connector: connector{identity: "oauth2", grant: "password", server: "https://api.example/v2", custom: map[string]string{"tokenUrl": "/token"}},
			values:    map[string]string{"token:username": "ada", "token:password": "!not-real"},
			want:      "https://api.example/token",
		},
		"a preset knows the token URL of an implicit flow": {
			connector: connector{identity: "oauth2", grant: "implicit", custom: map[string]string{
				"authorizationUrl": "https://accounts.google.com/o/oauth2/auth",
			}},
			want: "https://oauth2.googleapis.com/token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := profile(t, c.connector, given(maker(c.client), c.values))
			same(t, "token URL", p.Endpoints.Token, c.want)
		})
	}
}

func TestARefreshURLThatIsTheTokenURLIsLeftOut(t *testing.T) {
	t.Parallel()
	c := plain()
	same(t, "refresh URL", profile(t, c, given(maker(nil), nil)).Endpoints.Refresh, "https://idp.example/renew")
	c.custom["refreshUrl"] = "https://idp.example/token"
	same(t, "refresh URL", profile(t, c, given(maker(nil), nil)).Endpoints.Refresh, "")
}

func TestAHostThatIsKnownBringsThePresetsQuirks(t *testing.T) {
	t.Parallel()
	c := connector{identity: "oauth2", custom: map[string]string{
		"authorizationUrl": "https://accounts.google.com/o/oauth2/auth", "tokenUrl": "https://accounts.google.com/o/oauth2/token",
	}, scopes: []string{"https://www.googleapis.com/auth/calendar"}}
	p := profile(t, c, given(maker(nil), nil))
	same(t, "provider", p.Provider, "google")
	same(t, "the connector's own URL", p.Endpoints.Authorization, "https://accounts.google.com/o/oauth2/auth")
	same(t, "the connector's own URL", p.Endpoints.Token, "https://accounts.google.com/o/oauth2/token")
	same(t, "offline", parameter(p.Authorize, "access_type"), "offline")
	same(t, "revocation", p.Endpoints.Revocation, "https://oauth2.googleapis.com/revoke")
	same(t, "scopes", p.Scopes, []string{"https://www.googleapis.com/auth/calendar"})
}

func TestTheTenantInAURLCanBeReplaced(t *testing.T) {
	t.Parallel()
	c := connector{identity: "oauth2", custom: map[string]string{
		"authorizationUrl": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
		"tokenUrl":         "https://login.microsoftonline.com/common/oauth2/v2.0/token",
	}}
	p := profile(t, c, given(maker(nil), nil))
	same(t, "provider", p.Provider, "entra")
	same(t, "token URL", p.Endpoints.Token, "https://login.microsoftonline.com/common/oauth2/v2.0/token")
	same(t, "device URL", p.Endpoints.Device, "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode")
	p = profile(t, c, given(maker(map[string]string{"tenantId": "acme.example"}), nil))
	same(t, "token URL", p.Endpoints.Token, "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token")
	p = profile(t, c, given(maker(map[string]string{"tenantId": "acme.example"}), map[string]string{"token:tenant": "other.example"}))
	same(t, "authorization URL", p.Endpoints.Authorization, "https://login.microsoftonline.com/other.example/oauth2/v2.0/authorize")
}

func TestURLsThatContradictEachOtherStayAsTheyAre(t *testing.T) {
	t.Parallel()
	c := connector{identity: "oauth2", custom: map[string]string{
		"authorizationUrl": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
		"tokenUrl":         "https://login.microsoftonline.com/acme/oauth2/v2.0/token",
	}}
	p := profile(t, c, given(maker(nil), map[string]string{"token:tenant": "ignored"}))
	same(t, "authorization URL", p.Endpoints.Authorization, "https://login.microsoftonline.com/common/oauth2/v2.0/authorize")
	same(t, "token URL", p.Endpoints.Token, "https://login.microsoftonline.com/acme/oauth2/v2.0/token")
}

func TestPackagesWithEntraID(t *testing.T) {
	t.Parallel()
	aad := func(change map[string]string) connector {
		c := connector{identity: "aad", custom: map[string]string{
			"loginUri": "https://login.windows.net", "tenantId": "common", "resourceUri": "https://api.example",
		}}
		maps.Copy(c.custom, change)
		return c
	}
	for name, c := range map[string]struct {
		connector connector
		values    map[string]string
		host      string
		resource  string
	}{
		"the classic": {connector: aad(nil), host: "https://login.windows.net/common/", resource: "https://api.example"},
		"a tenant of the owner's": {
			connector: aad(nil), values: map[string]string{"token:TenantId": "acme"}, host: "https://login.windows.net/acme/", resource: "https://api.example",
		},
		"the resource is that of the owner, in double braces": {
			connector: connector{identity: "aad", custom: map[string]string{"resourceUri": "{{ resourceUri }}"}, properties: map[string]string{
				"AzureActiveDirectoryResourceId": "{{ resourceUri }}",
			}},
			values: map[string]string{"token:resourceUri": "https://own.example"}, host: "https://login.microsoftonline.com/common/", resource: "https://own.example",
		},
		"the resource is a property with a placeholder": {
			connector: connector{identity: "aad", properties: map[string]string{"AzureActiveDirectoryResourceId": "{ResourceUri}"}},
			values:    map[string]string{"token:ResourceUri": "https://own.example"}, host: "https://login.microsoftonline.com/common/", resource: "https://own.example",
		},
		"the resource is a property": {
			connector: connector{identity: "aad", properties: map[string]string{"AzureActiveDirectoryResourceId": "abc"}},
			host:      "https://login.microsoftonline.com/common/", resource: "abc",
		},
		"a document of Azure calls the API of its server": {
			connector: connector{
				identity: "oauth2", grant: "implicit", server: "https://management.azure.com",
				custom: map[string]string{"authorizationUrl": "https://login.microsoftonline.com/common/oauth2/authorize"},
			},
			host: "https://login.microsoftonline.com/common/", resource: "https://management.azure.com/",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := profile(t, c.connector, given(maker(nil), c.values))
			same(t, "authorization URL", p.Endpoints.Authorization, c.host+"oauth2/authorize")
			same(t, "token URL", p.Endpoints.Token, c.host+"oauth2/token")
			same(t, "resource", parameter(p.Authorize, "resource"), c.resource)
			same(t, "resource of tokens", parameter(p.Token, "resource"), c.resource)
		})
	}
}

func TestAResourceThatTheVendorFillsInIsMissing(t *testing.T) {
	t.Parallel()
	c := connector{identity: "aad", properties: map[string]string{"AzureActiveDirectoryResourceId": "@@id@@"}}
	err := refused(t, c, given(maker(nil), nil))
	same(t, "reason", err.Reason(), fault.ReasonOAuthSettingsInvalid)
	same(t, "settings", violated(err), []string{"token:resource"})
	same(t, "metadata", err.Meta()["setting"], "token:resource")
}

func TestServicePrincipalsWithEntraID(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"token:clientId": "own-client", "token:clientSecret": "!own-secret-not-real", "token:tenant": "acme",
		"token:grantType": "client_credentials", "token:resource": "https://graph.example",
	}
	p := profile(t, connector{identity: "entra", scopes: []string{"https://graph.example/User.Read"}}, given(nil, values))
	same(t, "grant", p.Grant, oauth.ClientCredentials)
	same(t, "scopes", p.Scopes, []string{"https://graph.example/.default"})
	same(t, "client authentication", p.Client.Method, oauth.SecretPost)
	t.Run("a default scope of the connector is what is asked for", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "entra", scopes: []string{"https://other.example/.default"}}, given(nil, map[string]string{
			"token:clientId": "own-client", "token:clientSecret": "!own-secret-not-real", "token:tenant": "acme", "token:grantType": "clientCredentials",
		}))
		same(t, "scopes", p.Scopes, []string{"https://other.example/.default"})
	})
	t.Run("without a resource nobody knows the API", func(t *testing.T) {
		t.Parallel()
		err := refused(t, connector{identity: "entra"}, given(maker(map[string]string{"grantType": "client_credentials"}), nil))
		same(t, "settings", violated(err), []string{"token:resource"})
	})
	t.Run("a certificate instead of a secret", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "aadcertificate"}, given(nil, map[string]string{
			"token:clientId": "own-client", "token:certificate": "!PEM not real", "token:resourceUri": "abc", "token:grantType": "client_credentials",
		}))
		same(t, "client authentication", p.Client.Method, oauth.PrivateKeyJWT)
		same(t, "thumbprint", p.Client.Thumbprint, true)
		same(t, "certificate", p.Client.Certificate.Equal(secret.FromString("PEM not real")), true)
		same(t, "key", p.Client.PrivateKey.Equal(p.Client.Certificate), true)
	})
}

func TestOnBehalfOfHasToBeTurnedOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		custom, properties map[string]string
		want               bool
	}{
		"nobody says so":           {},
		"it could be":              {properties: map[string]string{"IsOnbehalfofLoginSupported": "true"}},
		"it is turned off":         {custom: map[string]string{"enableOnbehalfOfLogin": "false"}},
		"it is turned on":          {custom: map[string]string{"EnableOnBehalfOfLogin": "true"}, want: true},
		"turned on and impossible": {custom: map[string]string{"enableOnbehalfOfLogin": "true"}, properties: map[string]string{"IsOnbehalfofLoginSupported": "False"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connector{identity: "aad", custom: c.custom, properties: c.properties}
			g := given(maker(nil), map[string]string{"token:resourceUri": "abc", "token:grantType": "onBehalfOf"})
			if c.want {
				same(t, "grant", profile(t, conn, g).Grant, oauth.OnBehalfOf)
				return
			}
			same(t, "settings", violated(refused(t, conn, g)), []string{"token:grantType"})
		})
	}
}

func TestImplicitFlowsWithoutATokenURLSayWhy(t *testing.T) {
	t.Parallel()
	err := refused(t, connector{
		identity: "oauth2", grant: "implicit", custom: map[string]string{"authorizationUrl": "https://idp.example/authorize"},
	}, given(maker(nil), nil))
	same(t, "settings", violated(err), []string{"token:tokenUrl"})
	if !strings.Contains(err.Message(), "implicit") {
		t.Errorf("the message does not say why: %s", err.Message())
	}
	t.Run("and the owner can name one", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{
			identity: "oauth2", grant: "implicit", custom: map[string]string{"authorizationUrl": "https://idp.example/authorize"},
		}, given(maker(nil), map[string]string{"token:tokenUrl": "https://idp.example/token"}))
		same(t, "grant", p.Grant, oauth.AuthorizationCode)
	})
	t.Run("and metadata know one", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{
			identity: "oauth2", grant: "implicit", metadata: "https://idp.example/.well-known/oauth-authorization-server",
			flows: []*connectorv1.OAuth2Flow{{Grant: "implicit", AuthorizationUrl: "https://idp.example/authorize"}},
		}, given(maker(nil), nil))
		same(t, "metadata", p.Endpoints.Metadata, "https://idp.example/.well-known/oauth-authorization-server")
	})
}

func TestProvidersThatAreFoundByAsking(t *testing.T) {
	t.Parallel()
	t.Run("OpenID Connect discovery", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "openidconnect", openID: "https://idp.example/.well-known/openid-configuration"}, given(maker(nil), nil))
		same(t, "endpoints", p.Endpoints, oauth.Endpoints{Metadata: "https://idp.example/.well-known/openid-configuration"})
		same(t, "the method is for the metadata to say", p.Client.Method, oauth.Method(""))
	})
	t.Run("discovery as a setting", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "openidconnect", custom: map[string]string{"discoveryUrl": "https://idp.example/d"}}, given(maker(nil), nil))
		same(t, "metadata", p.Endpoints.Metadata, "https://idp.example/d")
	})
	t.Run("the API names its provider, and registers clients", func(t *testing.T) {
		t.Parallel()
		g := given(nil, nil)
		g.ServerURL = "https://mcp.example/sse"
		p := profile(t, connector{identity: "oauth2pkcewithprm", server: "https://api.example"}, g)
		same(t, "endpoints", p.Endpoints, oauth.Endpoints{Resource: "https://mcp.example/sse"})
		same(t, "client", p.Client.ID, "")
		same(t, "form", form(t, connector{identity: "oauth2pkcewithprm"}).ClientNeeded, false)
	})
	t.Run("the connector's own address is the next best", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "oauth2pkcewithprm", server: "https://api.example"}, given(nil, nil))
		same(t, "resource", p.Endpoints.Resource, "https://api.example")
	})
	t.Run("without an address there is nobody to ask", func(t *testing.T) {
		t.Parallel()
		same(t, "settings", violated(refused(t, connector{identity: "oauth2pkcewithprm"}, given(nil, nil))), []string{"token:serverUrl"})
	})
	t.Run("a registration endpoint makes a client unnecessary", func(t *testing.T) {
		t.Parallel()
		c := plain()
		c.custom["registrationUrl"] = "https://idp.example/register"
		p := profile(t, c, given(nil, nil))
		same(t, "registration", p.Endpoints.Registration, "https://idp.example/register")
	})
}

func TestWhatIsWrongIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	c := connector{identity: "okta"}
	err := refused(t, c, given(maker(nil), map[string]string{
		"token:domain": "acme.okta.com/evil", "token:authorizationServer": "../admin", "token:pkce": "true", "token:grantType": "carrier pigeon",
	}))
	same(t, "code", err.Code(), fault.CodeFailedPrecondition)
	same(t, "settings", violated(err), []string{"token:authorizationServer", "token:domain", "token:grantType"})
	if strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "pigeon") {
		t.Errorf("the error repeats what was given: %v", err)
	}
}

func TestURLsAreJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, wrong string }{
		"plain HTTP":                  {"http://idp.example/token", "https://"},
		"no scheme":                   {"idp.example/token", "https://"},
		"another scheme":              {"ftp://idp.example/token", "https://"},
		"script":                      {"javascript:alert(1)", "https://"},
		"credentials":                 {"https://user:password@idp.example/token", "user name"},
		"a user alone":                {"https://user@idp.example/token", "user name"},
		"no host":                     {"https:///token", "host"},
		"a host that is none":         {"https://-idp-.example/token", "host"},
		"an underscore":               {"https://i_dp.example/token", "host"},
		"spaces":                      {"https://idp.example/to ken", "not a URL"},
		"a line feed":                 {"https://idp.example/token\nHost: evil", "not a URL"},
		"a backslash":                 {"https://idp.example\\@evil.example/token", "not a URL"},
		"dots":                        {"https://idp.example/a/../token", ".."},
		"encoded dots are kept apart": {"https://idp.example/a/%zz/token", "not a URL"},
		"a fragment":                  {"https://idp.example/token#here", "fragment"},
		"too long":                    {"https://idp.example/" + strings.Repeat("a", 2048), "long"},
		"a port that is none":         {"https://idp.example:999999/token", "host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := plain()
			conn.custom["tokenUrl"], conn.custom["TokenURL"] = "", c.url
			err := refused(t, conn, given(maker(nil), nil))
			same(t, "settings", violated(err), []string{"token:tokenUrl"})
			if !strings.Contains(err.Message(), c.wrong) {
				t.Errorf("the message is %q, without %q", err.Message(), c.wrong)
			}
		})
	}
	for name, url := range map[string]string{
		"a port": "https://idp.example:8443/token", "a query": "https://idp.example/token?op=token", "this machine": "http://127.0.0.1:8080/token",
		"this machine by name": "http://localhost/token", "this machine, IPv6": "http://[::1]:8080/token", "an address": "https://192.0.2.1/token",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := plain()
			conn.custom["TokenURL"] = url
			same(t, "token URL", profile(t, conn, given(maker(nil), nil)).Endpoints.Token, url)
		})
	}
}

func TestSetsThatCannotSignIn(t *testing.T) {
	t.Parallel()
	presets := load(t)
	t.Run("two sign-ins at once", func(t *testing.T) {
		t.Parallel()
		def, set := plain().build()
		set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: "other", Type: oauthType})
		_, err := presets.Profile(def, set, given(maker(nil), nil))
		same(t, "reason", fault.ReasonOf(err), fault.ReasonAuthKindNotSupported)
		_, err = presets.Form(def, set)
		same(t, "reason", fault.ReasonOf(err), fault.ReasonAuthKindNotSupported)
		_, err = presets.Reach(def, set, maker(nil))
		same(t, "reason", fault.ReasonOf(err), fault.ReasonAuthKindNotSupported)
	})
	t.Run("no sign-in", func(t *testing.T) {
		t.Parallel()
		set := &connectorv1.ParameterSet{Name: "key"}
		_, err := presets.Profile(&connectorv1.Definition{}, set, provider.Given{})
		same(t, "reason", fault.ReasonOf(err), fault.ReasonOAuthSettingsInvalid)
		f, err := presets.Form(&connectorv1.Definition{}, set)
		if err != nil || f.Parameter != "" {
			t.Errorf("form %+v, error %v", f, err)
		}
		reach, err := presets.Reach(&connectorv1.Definition{}, set, nil)
		if err != nil || reach != nil {
			t.Errorf("reach %v, error %v", reach, err)
		}
	})
	t.Run("an OAuth parameter without settings", func(t *testing.T) {
		t.Parallel()
		set := &connectorv1.ParameterSet{Parameters: []*connectorv1.ConnectionParameter{{Name: "token", Type: oauthType}}}
		_, err := presets.Profile(&connectorv1.Definition{}, set, given(maker(nil), nil))
		same(t, "settings", violated(fault.From(err)), []string{"token:authorizationUrl", "token:tokenUrl"})
	})
}

func TestValuesThatAreTooLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 8193)
	err := refused(t, plain(), given(maker(nil), map[string]string{"token:anything": long}))
	same(t, "settings", violated(err), []string{"token:anything"})
	c := plain()
	c.scopes = []string{strings.Repeat("s", 1025)}
	same(t, "settings", violated(refused(t, c, given(maker(nil), nil))), []string{"token:scopes"})
	c = plain()
	c.custom["prompt"] = "a\r\nb"
	same(t, "settings", violated(refused(t, c, given(maker(nil), nil))), []string{"token:prompt"})
}
