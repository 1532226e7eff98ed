package provider_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

func TestOtherGrants(t *testing.T) {
	t.Parallel()
	t.Run("password, without a client", func(t *testing.T) {
		t.Parallel()
		c := connector{identity: "oauth2", grant: "password", custom: map[string]string{"tokenUrl": "https://idp.example/token"}}
		p := profile(t, c, given(nil, map[string]string{"token:username": "ada", "token:password": "!not-real"}))
		same(t, "user name", p.Username, "ada")
		same(t, "password", p.Password.Equal(secret.FromString("not-real")), true)
		same(t, "client authentication", p.Client.Method, oauth.NoSecret)
		same(t, "settings", violated(refused(t, c, given(nil, nil))), []string{"token:password", "token:username"})
	})
	t.Run("a refresh token of the owner's", func(t *testing.T) {
		t.Parallel()
		g := given(maker(nil), map[string]string{"token:grantType": "refresh_token", "token:refreshToken": "!not-real"})
		p := profile(t, plain(), g)
		same(t, "grant", p.Grant, oauth.RefreshToken)
		same(t, "refresh token", p.Refreshing.Equal(secret.FromString("not-real")), true)
		delete(g.Secrets, "token:refreshToken")
		same(t, "settings", violated(refused(t, plain(), g)), []string{"token:refreshToken"})
	})
	t.Run("a service account of Google", func(t *testing.T) {
		t.Parallel()
		g := given(nil, map[string]string{
			"token:grantType": "jwtBearer", "token:privateKey": "!not a key", "token:assertionIssuer": "robot@acme.example", "token:keyId": "k1",
		})
		p := profile(t, connector{identity: "google", scopes: []string{"calendar"}}, g)
		same(t, "issuer", p.Assertion.Issuer, "robot@acme.example")
		same(t, "audience", p.Assertion.Audience, "https://oauth2.googleapis.com/token")
		same(t, "scopes as claim", p.Assertion.ScopesAsClaim, true)
		same(t, "key id", p.Assertion.KeyID, "k1")
		same(t, "scopes", p.Scopes, []string{"calendar"})
		same(t, "client", p.Client.Method, oauth.NoSecret)
	})
	t.Run("a person at DocuSign", func(t *testing.T) {
		t.Parallel()
		g := given(maker(nil), map[string]string{"token:grantType": "jwtBearer", "token:privateKey": "!not a key", "token:subject": "user-1"})
		p := profile(t, connector{identity: "docusign"}, g)
		same(t, "issuer", p.Assertion.Issuer, "maker-client")
		same(t, "audience", p.Assertion.Audience, "account.docusign.com")
		same(t, "subject", p.Assertion.Subject, "user-1")
		same(t, "scopes", p.Scopes, []string{"signature", "impersonation"})
		same(t, "the client's secret stays here", p.Client.Secret.Empty(), true)
		delete(g.Plain, "token:subject")
		delete(g.Secrets, "token:privateKey")
		same(t, "settings", violated(refused(t, connector{identity: "docusign"}, g)), []string{"token:privateKey", "token:subject"})
	})
	t.Run("an account at Zoom", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "zoom"}, given(maker(map[string]string{"grantType": "account_credentials", "Account_Id": "acc"}), nil))
		same(t, "grant", p.Grant, oauth.ClientCredentials)
		same(t, "parameters", p.Token, []oauth.Parameter{{Name: "account_id", Value: "acc"}, {Name: "grant_type", Value: "account_credentials"}})
	})
	t.Run("a device", func(t *testing.T) {
		t.Parallel()
		p := profile(t, connector{identity: "github"}, given(maker(nil), map[string]string{"token:grantType": "device_code"}))
		same(t, "device URL", p.Endpoints.Device, "https://github.com/login/device/code")
	})
	t.Run("a device at a provider without device codes", func(t *testing.T) {
		t.Parallel()
		c := connector{identity: "oauth2", grant: "deviceAuthorization", custom: map[string]string{"tokenUrl": "https://idp.example/token"}}
		same(t, "settings", violated(refused(t, c, given(maker(nil), nil))), []string{"token:deviceAuthorizationUrl"})
	})
	t.Run("a provider that offers something else", func(t *testing.T) {
		t.Parallel()
		err := refused(t, plain(), given(maker(nil), map[string]string{"token:grantType": "client_credentials"}))
		if !strings.Contains(err.Message(), "authorizationCode, refreshToken") {
			t.Errorf("the message does not say what is offered: %s", err.Message())
		}
	})
	t.Run("the OAuth client chooses", func(t *testing.T) {
		t.Parallel()
		p := profile(t, plain(), given(maker(map[string]string{"grantType": "client_credentials"}), nil))
		same(t, "grant", p.Grant, oauth.ClientCredentials)
	})
}

// TestAConnectorsClientActsAloneOnlyAsItsMakerWants keeps owners from using the
// permissions that a shared client has by itself.
func TestAConnectorsClientActsAloneOnlyAsItsMakerWants(t *testing.T) {
	t.Parallel()
	alone := map[string]string{"grantType": "client_credentials", "tenant": "acme", "resource": "https://api.example"}
	for name, c := range map[string]struct {
		identity string
		declared []*connectorv1.ConnectionParameter
		client   *provider.Client
		values   map[string]string
		want     []string
	}{
		"as the maker says": {identity: "entra", client: maker(alone)},
		"the owner chooses the grant": {
			identity: "entra", client: maker(map[string]string{"tenant": "acme", "resource": "https://api.example"}),
			values: map[string]string{"token:grantType": "client_credentials"}, want: []string{"token:grantType"},
		},
		"the owner chooses the grant with a client of their own": {
			identity: "entra", client: maker(nil), values: map[string]string{
				"token:grantType": "client_credentials", "token:tenant": "other", "token:resource": "https://api.example",
				"token:clientId": "own", "token:clientSecret": "!not-real",
			},
		},
		"the owner chooses another tenant": {
			identity: "entra", client: maker(alone), values: map[string]string{"token:tenantId": "victim"}, want: []string{"token:tenantid"},
		},
		"the owner chooses another permission": {
			identity: "entra", client: maker(alone), values: map[string]string{"token:scopes": "all", "token:audience": "x"},
			want: []string{"token:audience", "token:scopes"},
		},
		"the connector asks for the tenant": {
			identity: "entra", client: maker(alone), values: map[string]string{"token:tenant": "other"},
			declared: []*connectorv1.ConnectionParameter{{Name: "token:tenantId", Type: plainType}},
		},
		"a token of the caller's": {
			identity: "keycloak", client: maker(map[string]string{"baseUrl": "https://sso.example", "realm": "staff"}),
			values: map[string]string{"token:grantType": "token_exchange"}, want: []string{"token:grantType"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connector{identity: c.identity, declared: c.declared}
			if c.want == nil {
				same(t, "grant", profile(t, conn, given(c.client, c.values)).Grant, oauth.ClientCredentials)
				return
			}
			same(t, "settings", violated(refused(t, conn, given(c.client, c.values))), c.want)
		})
	}
}

func TestOpenIDConnectAsksForWhatOperationsNeed(t *testing.T) {
	t.Parallel()
	def, set := connector{identity: "openidconnect", openID: "https://idp.example/d"}.build()
	for _, scopes := range [][]string{{"read"}, {"read", "write"}} {
		def.Operations = append(def.Operations, &connectorv1.Operation{Security: []*connectorv1.SecurityRequirement{{
			Schemes: []*connectorv1.SchemeReference{{SchemeId: "auth", Scopes: scopes}, {SchemeId: "other", Scopes: []string{"else"}}},
		}}})
	}
	p, err := load(t).Profile(def, set, given(maker(nil), nil))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "scopes", p.Scopes, []string{"openid", "read", "write"})
}

func TestTheFiveTupleOffersClientCredentials(t *testing.T) {
	t.Parallel()
	c := connector{identity: "oauth2", custom: plain().custom}
	for _, name := range []string{"clientId", "clientSecret", "resourceUri", "grantType", "tenantId"} {
		c.declared = append(c.declared, &connectorv1.ConnectionParameter{Name: "token:" + name, Type: plainType})
	}
	values := map[string]string{"token:clientId": "own", "token:clientSecret": "!not-real", "token:grantType": "client_credentials"}
	same(t, "grant", profile(t, c, given(nil, values)).Grant, oauth.ClientCredentials)
	c.declared = c.declared[1:]
	same(t, "four are too few", violated(refused(t, c, given(nil, values))), []string{"token:grantType"})
}
