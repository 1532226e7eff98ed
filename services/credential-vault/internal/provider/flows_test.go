package provider_test

import (
	"maps"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// twoFlows is a scheme as importers read it: the settings are those of the first
// flow.
func twoFlows() connector {
	return connector{
		identity: "oauth2", grant: "authorizationCode", scopes: []string{"me"},
		custom: map[string]string{"authorizationUrl": "https://people.example/a", "tokenUrl": "https://people.example/t", "refreshUrl": "https://people.example/t"},
		flows: []*connectorv1.OAuth2Flow{
			{
				Grant: "authorizationCode", AuthorizationUrl: "https://people.example/a", TokenUrl: "https://people.example/t",
				Scopes: []*connectorv1.OAuth2Scope{{Name: "me"}},
			},
			{Grant: "clientCredentials", TokenUrl: "https://machines.example/t", Scopes: []*connectorv1.OAuth2Scope{{Name: "all"}, {Name: "audit"}}},
			{Grant: "password", TokenUrl: "/t"},
		},
	}
}

func TestAnotherFlowBringsItsOwn(t *testing.T) {
	t.Parallel()
	own := map[string]string{"token:clientId": "own", "token:clientSecret": "!not-real"}
	for name, c := range map[string]struct {
		values map[string]string
		token  string
		scopes []string
	}{
		"the connector's own":         {nil, "https://people.example/t", []string{"me"}},
		"the same by name":            {map[string]string{"token:grantType": "code"}, "https://people.example/t", []string{"me"}},
		"that of machines":            {map[string]string{"token:grantType": "client_credentials"}, "https://machines.example/t", []string{"all", "audit"}},
		"with scopes of the owner":    {map[string]string{"token:grantType": "client_credentials", "token:scopes": "one"}, "https://machines.example/t", []string{"one"}},
		"with an address of his":      {map[string]string{"token:grantType": "client_credentials", "token:tokenUrl": "https://o.example/t"}, "https://o.example/t", []string{"all", "audit"}},
		"a path, and no scopes":       {map[string]string{"token:grantType": "password", "token:username": "ada", "token:password": "!no"}, "https://api.example/t", []string{"me"}},
		"a refresh token has no flow": {map[string]string{"token:grantType": "refresh_token", "token:refreshToken": "!no"}, "https://people.example/t", []string{"me"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := twoFlows()
			conn.server = "https://api.example/v1"
			values := map[string]string{}
			for _, m := range []map[string]string{own, c.values} {
				maps.Copy(values, m)
			}
			p := profile(t, conn, given(nil, values))
			same(t, "token URL", p.Endpoints.Token, c.token)
			same(t, "scopes", p.Scopes, c.scopes)
			same(t, "refresh URL", p.Endpoints.Refresh, "")
		})
	}
}

func TestTheSecretReachesAllFlowsThatCanBeChosen(t *testing.T) {
	t.Parallel()
	conn := twoFlows()
	conn.server = "https://api.example"
	def, set := conn.build()
	reach, err := load(t).Reach(def, set, maker(nil))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "reach", reach, []string{"https://api.example:443", "https://machines.example:443", "https://people.example:443"})
}

func TestAFlowOfAPresetTakesTheOwnersSettings(t *testing.T) {
	t.Parallel()
	conn := connector{identity: "oauth2", grant: "authorizationCode", flows: []*connectorv1.OAuth2Flow{
		{Grant: "authorizationCode", AuthorizationUrl: "https://idp.example/a", TokenUrl: "https://idp.example/t"},
		{Grant: "clientCredentials", TokenUrl: "https://idp.example/machines"},
	}}
	p := profile(t, conn, given(nil, map[string]string{"token:grantType": "clientCredentials", "token:clientId": "own", "token:clientSecret": "!no"}))
	same(t, "grant", p.Grant, oauth.ClientCredentials)
	same(t, "token URL", p.Endpoints.Token, "https://idp.example/machines")
}

func TestEndpointsAreMovedOnlyWithAClientOfOnesOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connector connector
		client    *provider.Client
		values    map[string]string
		wrong     []string
	}{
		"the connector's token URL":       {plain(), maker(nil), map[string]string{"token:tokenUrl": "https://evil.example/t"}, []string{"token:tokenUrl"}},
		"in other letters":                {plain(), maker(nil), map[string]string{"TOKEN:TOKENURL": "https://evil.example/t"}, []string{"token:tokenUrl"}},
		"the preset's revocation URL":     {connector{identity: "google"}, maker(nil), map[string]string{"token:revocationUrl": "https://evil.example/t"}, []string{"token:revocationUrl"}},
		"where to sign in":                {plain(), maker(nil), map[string]string{"token:authorizationUrl": "https://evil.example/a"}, []string{"token:authorizationUrl"}},
		"with a client of one's own":      {plain(), maker(nil), map[string]string{"token:tokenUrl": "https://own.example/t", "token:clientId": "own"}, nil},
		"what nobody knows":               {connector{identity: "oauth2"}, maker(nil), map[string]string{"token:tokenUrl": "https://idp.example/t", "token:authorizationUrl": "https://idp.example/a"}, nil},
		"what the OAuth client has fixed": {connector{identity: "oauth2"}, maker(map[string]string{"tokenUrl": "https://idp.example/t", "authorizationUrl": "https://idp.example/a"}), map[string]string{"token:tokenUrl": "https://evil.example/t"}, []string{"token:tokenUrl"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.wrong == nil {
				profile(t, c.connector, given(c.client, c.values))
				return
			}
			same(t, "settings", violated(refused(t, c.connector, given(c.client, c.values))), c.wrong)
		})
	}
}

func TestASecretThatTheClientLacksIsTheMakers(t *testing.T) {
	t.Parallel()
	err := refused(t, connector{identity: "notion"}, given(&provider.Client{Registration: oauth.Registration{ID: "c"}}, nil))
	same(t, "reason", err.Reason(), fault.ReasonOAuthSettingsInvalid)
	same(t, "who does what", strings.Contains(err.Message(), "a maker adds it to the OAuth client"), true)
	public := &provider.Client{Registration: oauth.Registration{ID: "c", Method: oauth.NoSecret}}
	same(t, "a maker may say that there is none", profile(t, connector{identity: "notion"}, given(public, nil)).Client.Method, oauth.NoSecret)
}

func TestWhatAFieldTakes(t *testing.T) {
	t.Parallel()
	entra, docusign, unknown := form(t, connector{identity: "entra"}), form(t, connector{identity: "docusign"}), form(t, plain())
	for name, c := range map[string]struct {
		field  provider.Field
		values map[string]bool
	}{
		"a grant in all its spellings": {
			field(t, entra, "token:grantType"), map[string]bool{"": true, "code": true, "Client_Credentials": true, "onBehalfOf": false, "jwt_bearer": false, "x": false},
		},
		"one of some hosts": {
			field(t, docusign, "token:login"), map[string]bool{"https://account-d.docusign.com/": true, "Account.DocuSign.com": true, "evil.example": false},
		},
		"a part of a path":      {field(t, entra, "token:tenant"), map[string]bool{"contoso.example": true, "a/b": false, "..": false}},
		"client authentication": {field(t, unknown, "token:clientAuthentication"), map[string]bool{"Basic": true, "private_key_jwt": true, "mtls": true, "x": false}},
		"any text":              {field(t, unknown, "token:audience"), map[string]bool{"https://api.example": true, "a\nb": false}},
	} {
		for value, want := range c.values {
			if wrong := c.field.Wrong(value); (wrong == "") != want {
				t.Errorf("%s: %q is %q", name, value, wrong)
			}
		}
	}
}

func TestADeclaredDefaultOfAGrantCounts(t *testing.T) {
	t.Parallel()
	conn := plain()
	conn.declared = []*connectorv1.ConnectionParameter{{Name: "token:grantType", Type: plainType, DefaultValue: "client_credentials"}}
	same(t, "the first grant", form(t, conn).Grants[0], oauth.ClientCredentials)
	code := maker(map[string]string{"grantType": "code"})
	same(t, "the OAuth client before it", profile(t, conn, given(code, nil)).Grant, oauth.AuthorizationCode)
}

func TestADeclaredDefaultIsNoClientOfTheOwners(t *testing.T) {
	t.Parallel()
	conn := plain()
	conn.declared = []*connectorv1.ConnectionParameter{{Name: "token:clientId", Type: plainType, DefaultValue: "declared"}}
	same(t, "the maker's", profile(t, conn, given(maker(nil), nil)).Client.ID, "maker-client")
	same(t, "the declared one with a secret", profile(t, conn, given(nil, map[string]string{"token:clientSecret": "!no"})).Client.ID, "declared")
}
