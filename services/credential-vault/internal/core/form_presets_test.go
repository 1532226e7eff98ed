package core_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// withPresets returns a vault that has the real presets, and a connector that
// signs in as settings say.
func withPresets(t *testing.T, settings *connectorv1.OAuthSettings, declared ...*connectorv1.ConnectionParameter) *login {
	t.Helper()
	l := newLogin(t)
	known, err := provider.Load()
	if err != nil {
		t.Fatal(err)
	}
	def := loginDefinition()
	set := def.GetParameterSets()[0]
	set.Parameters = append(set.Parameters, declared...)
	set.Parameters[0].Oauth = settings
	l.defs.definitions["crm"] = def
	l.vault = core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy", Gateway: "gateway", PublicURL: "https://ferrule.example.com"}, core.Ports{
		Store: l.records, Sealer: &safeSealer{}, Connectors: l.locked, Owners: l.owners, Environments: &environments{}, Tokens: l.tokens, Presets: known,
		Clock: l.clock, NewID: func() string { n := loginIDs.Add(1); return fmt.Sprintf("%016x%016x", n, n) },
	})
	return l
}

// attempt tries to make ann's connection with values, those of secrets marked
// with a leading "!".
func (l *login) attempt(values map[string]string) (core.Connection, error) {
	l.t.Helper()
	plain, hidden := map[string]string{}, []string{}
	for name, value := range values {
		if text, ok := strings.CutPrefix(value, "!"); ok {
			hidden = append(hidden, name, text)
		} else {
			plain[name] = value
		}
	}
	return l.vault.Create(l.t.Context(), ann(), core.Draft{
		Environment: "default", ID: "crm-1", Connector: crmConnector(), ParameterSet: "oauth", Parameters: plain, Secrets: texts(hidden...),
	})
}

// unknownProvider is one that no preset knows.
func unknownProvider() *connectorv1.OAuthSettings {
	return &connectorv1.OAuthSettings{IdentityProvider: "oauth2", CustomParameters: map[string]string{
		"authorizationUrl": "https://idp.example/authorize", "tokenUrl": "https://idp.example/token",
	}}
}

func identity(name string) *connectorv1.OAuthSettings {
	return &connectorv1.OAuthSettings{IdentityProvider: name}
}

func TestValuesAreJudgedAsTheSignInTakesThem(t *testing.T) {
	for title, c := range map[string]struct {
		settings *connectorv1.OAuthSettings
		values   map[string]string
		field    string // that is wrong; empty if none is
	}{
		"a grant as a vendor spells it": {
			identity("entra"), map[string]string{
				"token:grantType": "client_credentials", "token:resource": "https://api.example", "token:clientId": "own", "token:clientSecret": "!canary",
			}, "",
		},
		"a grant that is not offered":       {identity("entra"), map[string]string{"token:grantType": "jwt_bearer"}, "token:grantType"},
		"a host as it is copied":            {identity("docusign"), map[string]string{"token:login": "https://account-d.docusign.com/"}, ""},
		"another name of a setting":         {identity("docusign"), map[string]string{"token:loginUri": "account-d.docusign.com"}, ""},
		"a host that is none of the known":  {identity("docusign"), map[string]string{"token:login": "https://canary.example"}, "token:login"},
		"what the connector leaves open":    {unknownProvider(), map[string]string{"token:audience": "api", "token:resource": "https://r.example", "token:prompt": "login"}, ""},
		"client authentication":             {unknownProvider(), map[string]string{"token:clientAuthentication": "Basic"}, ""},
		"client authentication of no kind":  {unknownProvider(), map[string]string{"token:clientAuthentication": "canary"}, "token:clientAuthentication"},
		"what the preset says already":      {identity("atlassian"), map[string]string{"token:audience": "canary"}, "token:audience"},
		"what is the maker's to say":        {unknownProvider(), map[string]string{"token:pkce": "none"}, "token:pkce"},
		"an endpoint with the maker's":      {unknownProvider(), map[string]string{"token:tokenUrl": "https://canary.example/token"}, "token:tokenUrl"},
		"an endpoint with a client of ones": {unknownProvider(), map[string]string{"token:tokenUrl": "https://own.example/token", "token:clientId": "own"}, ""},
		"an endpoint that nobody knows": {identity("oauth2"), map[string]string{
			"token:tokenUrl": "https://idp.example/token", "token:authorizationUrl": "https://idp.example/authorize",
		}, ""},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := withPresets(t, c.settings).attempt(c.values)
			if c.field == "" {
				if err != nil {
					t.Fatalf("%v: %v", err, fault.From(err).Violations())
				}
				return
			}
			wantReason(t, err, fault.ReasonConnectionParametersInvalid)
			if v := fault.From(err).Violations(); len(v) != 1 || !strings.Contains(v[0].Field, c.field) || strings.Contains(err.Error()+v[0].Description, "canary") {
				t.Errorf("violations are %v", v)
			}
		})
	}
}

func TestWhatASetDeclaresHasItsOtherNames(t *testing.T) {
	l := withPresets(t, identity("entra"), &connectorv1.ConnectionParameter{Name: "token:TenantId", Type: typeString})
	conn, err := l.attempt(map[string]string{"TOKEN:tenant": "contoso"})
	if err != nil || !cmp.Equal(conn.Parameters, map[string]string{"token:TenantId": "contoso", "locale": "en"}) {
		t.Errorf("got %v, %v", conn.Parameters, err)
	}
}

func TestAChoiceOfAGrantIsKeptAsItsConditionsHaveIt(t *testing.T) {
	l := withPresets(t, identity("entra"),
		&connectorv1.ConnectionParameter{Name: "token:grantType", Type: typeString, DefaultValue: "code", AllowedValues: []*connectorv1.AllowedValue{{Value: "code"}, {Value: "client_credentials"}}},
		&connectorv1.ConnectionParameter{Name: "token:resourceUri", Type: typeString, Required: true, Conditions: []*connectorv1.ParameterCondition{
			{Parameter: "token:grantType", Values: []string{"client_credentials"}},
		}})
	own := map[string]string{"token:grantType": "clientCredentials", "token:clientId": "own", "token:clientSecret": "!canary"}
	_, err := l.attempt(own)
	if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != `connection.parameters["token:resourceUri"]` {
		t.Fatalf("the condition does not hold: %v", err)
	}
	own["token:resourceUri"] = "https://api.example"
	conn, err := l.attempt(own)
	if err != nil || conn.Parameters["token:grantType"] != "client_credentials" || conn.State != core.StateConnected {
		t.Errorf("got %+v, %v", conn, err)
	}
}

func TestADeclaredDefaultIsTheWeakestWord(t *testing.T) {
	declared := &connectorv1.ConnectionParameter{Name: "token:TenantId", Type: typeString, DefaultValue: "common", Hidden: true, Required: true}
	for title, c := range map[string]struct {
		client, own, want string
	}{
		"nobody says more":     {want: "/common/"},
		"the OAuth client":     {client: "contoso", want: "/contoso/"},
		"the owner":            {own: "fabrikam", want: "/fabrikam/"},
		"the owner above both": {client: "contoso", own: "fabrikam", want: "/fabrikam/"},
	} {
		t.Run(title, func(t *testing.T) {
			l := withPresets(t, identity("entra"), declared)
			l.client(func(d *core.ClientDraft) { d.Settings = map[string]string{"tenant": c.client} })
			conn, err := l.attempt(map[string]string{"token:TenantId": c.own})
			if err != nil || conn.Parameters["token:TenantId"] != c.own {
				t.Fatalf("got %v, %v", conn.Parameters, err)
			}
			if a := l.start(); !strings.Contains(a.URL, c.want) {
				t.Errorf("the sign-in is at %s", a.URL)
			}
		})
	}
}

func TestTheRuntimeKnowsTheDefaultsOfSettings(t *testing.T) {
	l := withPresets(t, identity("entra"), &connectorv1.ConnectionParameter{Name: "token:TenantId", Type: typeString, DefaultValue: "common"})
	l.client()
	if _, err := l.attempt(nil); err != nil {
		t.Fatal(err)
	}
	l.signIn()
	lent, err := l.vault.Resolve(t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op"})
	if err != nil {
		t.Fatal(err)
	}
	defer lent.Clear()
	if got := lent.Connection.Parameters["token:TenantId"]; got != "common" {
		t.Errorf("the runtime gets %q", got)
	}
}

func TestTheGrantOfTheOAuthClient(t *testing.T) {
	l := withPresets(t, identity("entra"))
	l.client(func(d *core.ClientDraft) {
		d.Settings = map[string]string{"GrantType": "client_credentials", "tenant": "contoso", "resource": "https://api.example"}
	})
	conn, err := l.attempt(nil)
	if err != nil || conn.State != core.StateConnected {
		t.Errorf("got %v, %v", conn.State, err)
	}
}

func TestASecretThatTheMakerForgot(t *testing.T) {
	bare := func(d *core.ClientDraft) { d.Secrets = nil }
	t.Run("is told at once where the provider wants one of all clients", func(t *testing.T) {
		for _, provider := range []string{"notion", "google"} {
			l := withPresets(t, identity(provider))
			d := core.ClientDraft{Environment: "default", ID: "crm", Connector: crmConnector(), ClientID: "makers"}
			_, err := l.vault.CreateClient(t.Context(), maker(), d)
			wantReason(t, err, fault.ReasonConnectionParametersInvalid)
			if diff := cmp.Diff([]string{`secrets["client_secret"]`}, fieldsOf(err)); diff != "" {
				t.Errorf("%s: %v %s", provider, err, diff)
			}
			d.ValidateOnly = true
			if _, err := l.vault.CreateClient(t.Context(), maker(), d); err != nil {
				t.Errorf("%s: a client that is only looked at: %v", provider, err)
			}
			d.ValidateOnly, d.Secrets = false, texts("private_key", privateKey())
			if _, err := l.vault.CreateClient(t.Context(), maker(), d); err != nil {
				t.Errorf("%s: a client with a key: %v", provider, err)
			}
		}
	})
	t.Run("is asked of owners where the connector declares it", func(t *testing.T) {
		l := withPresets(t, identity("notion"))
		set := l.defs.definitions["crm"].GetParameterSets()[0]
		set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: "token:clientSecret", Type: typeSecret})
		l.client(bare)
	})
	t.Run("is not missing where the provider has public clients", func(t *testing.T) {
		withPresets(t, identity("github")).client(bare)
	})
	t.Run("is told to whoever makes a connection that nobody signs in for", func(t *testing.T) {
		settings := unknownProvider()
		settings.Grant = "clientCredentials"
		l := withPresets(t, settings)
		c := l.client(bare)
		_, err := l.attempt(nil)
		wantReason(t, err, fault.ReasonOAuthSettingsInvalid)
		if _, err := l.vault.UpdateClient(t.Context(), maker(), core.ClientEdit{Name: c.Name, Secrets: texts("client_secret", "canary-late")}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.attempt(nil); err != nil {
			t.Errorf("with the secret: %v", err)
		}
	})
	t.Run("and a public client has none", func(t *testing.T) {
		l := withPresets(t, unknownProvider())
		l.client(bare)
		if _, err := l.attempt(nil); err != nil {
			t.Fatal(err)
		}
		l.start()
	})
}

func TestAnAuthorizationServerOfItsOwn(t *testing.T) {
	l := newLogin(t)
	l.presets.register = true
	l.connect()
	first := l.start()
	l.presets.token = "https://login.other.example/token"
	second, err := l.vault.Create(t.Context(), ann(), core.Draft{
		Environment: "default", ID: "crm-2", Connector: crmConnector(), ParameterSet: "oauth", Parameters: map[string]string{"token:tenant": "contoso"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nobody is registered any more
		a, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: second.Name})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(first.URL, "client_id=registered-1") || !strings.Contains(a.URL, "client_id=registered-2") {
			t.Errorf("the clients are those of %s and %s", first.URL, a.URL)
		}
	}
	clients, _, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default"})
	if err != nil || len(clients) != 2 || !strings.HasPrefix(clients[1].ParameterSet, "oauth at https://login.other.example:443 ") {
		t.Fatalf("got %+v, %v", clients, err)
	}
	l.presets.token = "" // the first server still has its client
	if a := l.start(); !strings.Contains(a.URL, "client_id=registered-1") {
		t.Errorf("the client is that of %s", a.URL)
	}
	_, err = l.vault.UpdateClient(t.Context(), admin(), core.ClientEdit{Name: clients[1].Name, Fields: []core.ClientField{core.ClientFieldSettings}, Settings: map[string]string{"a": "b"}})
	if err != nil {
		t.Errorf("the second client cannot be changed: %v", err)
	}
}

func TestAnAuthorizationServerThatRegistersNobody(t *testing.T) {
	l := newLogin(t)
	l.presets.register = true
	l.connect()
	l.start()
	l.presets.register, l.presets.token = false, "https://login.other.example/token"
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if !strings.Contains(err.Error(), "bring a client id of your own") {
		t.Errorf("got %v", err)
	}
	l.presets.register, l.tokens.fail = true, errors.New("closed today")
	if _, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")}); err == nil {
		t.Error("a client that could not be registered signs in")
	}
}

func TestTheFlowThatIsChosen(t *testing.T) {
	settings := unknownProvider()
	settings.Grant, settings.Scopes = "authorizationCode", []string{"me"}
	l := withPresets(t, settings)
	def := l.defs.definitions["crm"]
	def.SecuritySchemes = []*connectorv1.SecurityScheme{{Id: "auth", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{
		{Grant: "authorizationCode", AuthorizationUrl: "https://idp.example/authorize", TokenUrl: "https://idp.example/token", Scopes: []*connectorv1.OAuth2Scope{{Name: "me"}}},
		{Grant: "clientCredentials", TokenUrl: "https://machines.example/token", Scopes: []*connectorv1.OAuth2Scope{{Name: "all"}}},
	}}}}}
	def.GetParameterSets()[0].GetPlacements()[0].SchemeId = "auth"
	conn, err := l.attempt(map[string]string{"token:grantType": "client_credentials", "token:clientId": "own", "token:clientSecret": "!canary"})
	if err != nil || !cmp.Equal(conn.TokenOrigins, []string{"https://machines.example:443"}) {
		t.Errorf("the token comes from %v, %v", conn.TokenOrigins, err)
	}
	if c := l.client(); !cmp.Equal(c.TokenOrigins, []string{"https://idp.example:443", "https://machines.example:443"}) {
		t.Errorf("the maker's secret may go to %v", c.TokenOrigins)
	}
}

func crmConnector() resource.Connector { return resource.Connector{Environment: "default", ID: "crm"} }
