package core_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// privateKey returns a key that was made for these tests, as PEM.
var privateKey = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

func fieldsOf(err error) []string {
	var names []string
	for _, v := range fault.From(err).Violations() {
		names = append(names, v.Field)
	}
	slices.Sort(names)
	return names
}

func TestClientsThatCouldNotBeUsed(t *testing.T) {
	for title, c := range map[string]struct {
		method   oauth.Method
		secrets  []string
		settings map[string]string
		want     []string // fields; none if it is taken
	}{
		"a secret that is not there":               {oauth.SecretBasic, nil, nil, []string{`secrets["client_secret"]`}},
		"a key instead of a secret":                {oauth.SecretPost, []string{"private_key", privateKey()}, nil, []string{`secrets["client_secret"]`}},
		"a secret that was emptied":                {oauth.SecretJWT, []string{"client_secret", ""}, nil, []string{`secrets["client_secret"]`}},
		"a secret instead of a key":                {oauth.PrivateKeyJWT, []string{"client_secret", "x"}, nil, []string{`secrets["private_key"]`}},
		"a secret instead of a certificate":        {oauth.TLSClientAuth, []string{"client_secret", "x"}, nil, []string{`secrets["certificate"]`}},
		"a key that is none":                       {oauth.PrivateKeyJWT, []string{"private_key", "canary"}, nil, []string{`secrets["private_key"]`}},
		"half a key":                               {"", []string{"private_key", privateKey()[:90]}, nil, []string{`secrets["private_key"]`}},
		"a certificate without its key":            {oauth.TLSClientAuth, []string{"certificate", "canary"}, nil, []string{`secrets["certificate"]`}},
		"a setting that nobody looks at":           {"", nil, map[string]string{"tenent": "x"}, []string{`oauth_client.settings["tenent"]`}},
		"settings written like those of an owner":  {"", nil, map[string]string{"token2:tenant": "x"}, []string{`oauth_client.settings["token2:tenant"]`}},
		"a value that leaves its place":            {"", nil, map[string]string{"TenantId": "a/../../x?y"}, []string{`oauth_client.settings["TenantId"]`}},
		"a host that is not to choose from":        {"", nil, map[string]string{"login": "evil.example"}, []string{`oauth_client.settings["login"]`}},
		"a secret among the settings":              {"", nil, map[string]string{"clientSecret": "canary"}, []string{`oauth_client.settings["clientSecret"]`}},
		"a method with its secret":                 {oauth.SecretPost, []string{"client_secret", "x"}, nil, nil},
		"a method with its key":                    {oauth.PrivateKeyJWT, []string{"private_key", privateKey()}, nil, nil},
		"no secret, where owners may bring theirs": {"", nil, nil, nil},
		"a public client":                          {oauth.NoSecret, nil, nil, nil},
		"settings in any case":                     {"", nil, map[string]string{"TENANTID": "contoso", "granttype": "client_credentials", "authorize:prompt": "login"}, nil},
	} {
		t.Run(title, func(t *testing.T) {
			l := withPresets(t, identity("entra"))
			d := core.ClientDraft{
				Environment: "default", ID: "crm", Connector: crmConnector(), ClientID: "makers", Method: c.method, Settings: c.settings,
				Secrets: texts(c.secrets...),
			}
			_, err := l.vault.CreateClient(t.Context(), maker(), d)
			if c.want == nil {
				if err != nil {
					t.Fatalf("%v %v", err, fault.From(err).Violations())
				}
				return
			}
			wantReason(t, err, fault.ReasonConnectionParametersInvalid)
			if diff := cmp.Diff(c.want, fieldsOf(err)); diff != "" || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestAnEditLeavesAClientThatCanBeUsed(t *testing.T) {
	l := withPresets(t, identity("entra"))
	l.client(func(d *core.ClientDraft) { d.Method = oauth.SecretPost })
	for title, c := range map[string]struct {
		edit   core.ClientEdit
		fields []core.ClientField
	}{
		"its secret removed":  {core.ClientEdit{Secrets: texts("client_secret", "")}, nil},
		"another method":      {core.ClientEdit{Method: oauth.TLSClientAuth}, []core.ClientField{core.ClientFieldAuthentication}},
		"an unknown setting":  {core.ClientEdit{Settings: map[string]string{"x": "y"}}, []core.ClientField{core.ClientFieldSettings}},
		"an unreadable key":   {core.ClientEdit{Secrets: texts("private_key", "canary")}, nil},
		"a key that is a URL": {core.ClientEdit{Secrets: texts("private_key", "https://keys.example")}, nil},
	} {
		if _, err := l.editClient(c.edit, c.fields...); fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid {
			t.Errorf("%s: got %v", title, err)
		}
	}
	if _, err := l.editClient(core.ClientEdit{Method: oauth.PrivateKeyJWT, Secrets: texts("private_key", privateKey(), "client_secret", "")},
		core.ClientFieldAuthentication); err != nil {
		t.Errorf("a method and its key at once: %v", err)
	}
}

func TestConnectionsTryAgainOnceAMakerHasRepairedTheirClient(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.ClientCredentials
	l.client()
	l.connect()
	for _, repair := range []func() error{
		func() error {
			_, err := l.editClient(core.ClientEdit{Secrets: texts("client_secret", "canary-repaired")})
			return err
		},
		func() error {
			if err := l.vault.DeleteClient(t.Context(), maker(), clientName("crm"), ""); err != nil {
				return err
			}
			l.client()
			l.start() // the owner agrees to it
			return nil
		},
	} {
		l.tokens.set(func(s *scripted) {
			s.fail = &oauth.Error{Verdict: oauth.Misconfigured, Code: "invalid_client", Host: "login.crm.example", Status: 401, Sent: true}
		})
		if conn, err := l.edited(core.Edit{Parameters: map[string]string{"token:tenant": l.clock.Now().Format("150405")}}, core.FieldParameters); err != nil {
			t.Fatal(conn, err)
		}
		if _, err := l.lent(); err == nil {
			t.Fatal("a refused client gets a token")
		}
		asked := len(l.tokens.secrets)
		if _, err := l.lent(); err == nil || len(l.tokens.secrets) != asked {
			t.Fatalf("the provider is asked again at once: %v", err)
		}
		l.tokens.set(func(s *scripted) { s.fail = nil })
		if err := repair(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.lent(); err != nil || len(l.tokens.secrets) != asked+1 {
			t.Errorf("repaired, and yet %v", err)
		}
		if conn := l.connection(); conn.State != core.StateConnected {
			t.Errorf("the connection is %v: %s", conn.State, conn.StateReason)
		}
		l.clock.Advance(time.Hour)
	}
}

// discoverable makes the sign-in of a connector one whose provider is known by its
// metadata.
func discoverable(scheme *connectorv1.SecurityScheme) func(*connectorv1.Definition) {
	return func(def *connectorv1.Definition) {
		scheme.Id = "auth"
		def.SecuritySchemes = []*connectorv1.SecurityScheme{scheme}
		def.ParameterSets[0].Placements[0].SchemeId = "auth"
	}
}

// withTokens returns a vault with the real presets, and another way to ask
// providers.
func withTokens(t *testing.T, l *login, tokens core.Tokens) *core.Vault {
	t.Helper()
	known, err := provider.Load()
	if err != nil {
		t.Fatal(err)
	}
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy", Gateway: "gateway", PublicURL: "https://ferrule.example.com"}, core.Ports{
		Store: l.records, Sealer: &safeSealer{}, Connectors: l.locked, Owners: l.owners, Environments: &environments{}, Tokens: tokens, Presets: known,
		Clock: l.clock, NewID: func() string { n := loginIDs.Add(1); return fmt.Sprintf("%016x%016x", n, n) },
	})
}

// thrifty asks for metadata only if the profile lacks what a sign-in needs, like
// the real client.
type thrifty struct{ *scripted }

func (s thrifty) Discover(ctx context.Context, p *oauth.Profile) (*oauth.Profile, error) {
	if p.Endpoints.Authorization != "" && p.Endpoints.Token != "" {
		return p, nil
	}
	return s.scripted.Discover(ctx, p)
}

func TestNobodyHasToRegisterWhereTheProviderTakesClients(t *testing.T) {
	const metadata = "https://idp.example/.well-known/openid-configuration"
	flow := &connectorv1.OAuth2Flow{Grant: "authorizationCode", AuthorizationUrl: "https://idp.example/a", TokenUrl: "https://idp.example/t"}
	schemes := map[string]*connectorv1.SecurityScheme{
		"OpenID Connect": {Kind: &connectorv1.SecurityScheme_OpenIdConnect{OpenIdConnect: &connectorv1.OpenIdConnectScheme{Url: metadata}}},
		"no flows":       {Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{MetadataUrl: metadata}}},
		"a flow":         {Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{MetadataUrl: metadata, Flows: []*connectorv1.OAuth2Flow{flow}}}},
	}
	for _, title := range slices.Sorted(maps.Keys(schemes)) {
		t.Run(title, func(t *testing.T) {
			l := withPresets(t, identity("oauth2"))
			l.vault = withTokens(t, l, thrifty{l.tokens})
			discoverable(schemes[title])(l.defs.definitions["crm"])
			l.tokens.found = &oauth.Endpoints{
				Authorization: "https://idp.example/a", Token: "https://idp.example/t", Registration: "https://idp.example/r",
			}
			if _, err := l.attempt(nil); err != nil {
				t.Fatal(err)
			}
			asked, err := l.vault.Form(t.Context(), crmConnector())
			if err != nil || asked.Sets[0].SignIn.ClientMissing {
				t.Errorf("a client is said to be missing: %v", err)
			}
			l.tokens.found.Registration = ""
			_, err = l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
			wantReason(t, err, fault.ReasonOAuthClientMissing)
			if !strings.Contains(err.Error(), "ferrule oauth-clients create") || !strings.Contains(err.Error(), "token:clientId") {
				t.Errorf("no remedy: %v", err)
			}
			l.tokens.found.Registration = "https://idp.example/r"
			for range 2 {
				if a := l.start(); !strings.Contains(a.URL, "client_id=registered-1") {
					t.Errorf("got %s", a.URL)
				}
			}
		})
	}
}

func TestWhereNobodySignsInNothingIsRegistered(t *testing.T) {
	l := withPresets(t, &connectorv1.OAuthSettings{IdentityProvider: "oauth2", Grant: "clientCredentials"})
	discoverable(&connectorv1.SecurityScheme{Kind: &connectorv1.SecurityScheme_Oauth2{
		Oauth2: &connectorv1.OAuth2Scheme{MetadataUrl: "https://idp.example/.well-known/oauth-authorization-server"},
	}})(l.defs.definitions["crm"])
	l.tokens.found = &oauth.Endpoints{Token: "https://idp.example/t", Registration: "https://idp.example/r"}
	if _, err := l.attempt(nil); err != nil {
		t.Fatal(err)
	}
	_, err := l.lent()
	wantReason(t, err, fault.ReasonOAuthClientMissing)
}

func TestTwoAuthorizationServersOnOneHostHaveClientsOfTheirOwn(t *testing.T) {
	l := newLogin(t)
	l.presets.register, l.presets.issuer = true, "https://login.crm.example/one"
	l.connect()
	client := func() string {
		u, err := url.Parse(l.start().URL)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("client_id")
	}
	first := client()
	l.presets.issuer = "https://login.crm.example/two"
	second := client()
	if first == second || client() != second {
		t.Errorf("clients are %s, %s, %s", first, second, client())
	}
	l.presets.issuer = "https://login.crm.example/one"
	if client() != first {
		t.Error("the first one is lost")
	}
	l.presets.issuer = "" // its metadata cannot be had now
	if client() != first {
		t.Error("a server that does not say who it is gets another client")
	}
}

func TestAConnectorWithoutServersAsksForOneInAWholeSentence(t *testing.T) {
	r := newRig(t)
	r.connectors.definitions["crm"].Servers = nil
	_, err := r.vault.Create(t.Context(), ann(), draft())
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if !strings.Contains(err.Error(), "the connector names no server of its own, so the connection needs a server URL") || strings.Contains(err.Error(), "it the") {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"connection.server_url"}, fieldsOf(err)); diff != "" {
		t.Error(diff)
	}
}
