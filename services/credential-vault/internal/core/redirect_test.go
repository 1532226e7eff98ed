package core_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// redirectOf returns the redirect URL that a sign-in sends to the provider.
func redirectOf(t *testing.T, a core.Authorization) string {
	t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("redirect_uri")
}

// own makes ann's connection crm-2, with a client id of its own.
func (l *login) own(clientID string) core.Authorization {
	l.t.Helper()
	l.connect(func(d *core.Draft) {
		d.ID = "crm-2"
		d.Parameters["token:clientId"] = clientID
	})
	return l.start(func(s *core.SignIn) { s.Connection = name("crm-2") })
}

const callbacks = "https://ferrule.example.com/v1/oauth/callback/"

func TestWhoseClientSaysWhichRedirectURL(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	if a := l.start(); redirectOf(t, a) != callbacks+"default/crm" || a.RedirectURL != "" {
		t.Errorf("the maker's client: %q, to register %q", redirectOf(t, a), a.RedirectURL)
	}
	// Even with the maker's public client id it is not the maker's redirect URL.
	if a := l.own("makers"); redirectOf(t, a) != callbacks+"default/crm/crm-2" || a.RedirectURL != callbacks+"default/crm/crm-2" {
		t.Errorf("a client of its own: %q, to register %q", redirectOf(t, a), a.RedirectURL)
	}
}

func TestRegisteredClientsHaveARedirectURLForEachAuthorizationServer(t *testing.T) {
	urls := map[string]bool{}
	for _, change := range []func(*presets){
		func(*presets) {},
		func(p *presets) { p.token = "https://evil.example/token" },
		func(p *presets) { p.issuer = "https://login.crm.example/realms/b" },
	} {
		l := newLogin(t)
		l.presets.register = true
		change(l.presets)
		l.connect()
		got := redirectOf(t, l.start())
		if !strings.HasPrefix(got, callbacks+"default/crm/as_") || urls[got] || got != redirectOf(t, l.start()) {
			t.Errorf("got %q, besides %v", got, urls)
		}
		urls[got] = true
	}
}

func TestACodeThatComesToTheRedirectURLOfAnotherSignInIsNotExchanged(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	shared, own := l.start(), l.own("makers")
	const ofShared, ofOwn = "default/crm", "default/crm/crm-2"
	for _, row := range []struct {
		name, path string
		a          core.Authorization
	}{
		{"the path of another connector", "default/nice", shared},
		{"the path of the connector, with the state of a client of one's own", ofShared, own},
		{"the path of a client of one's own, with the state of the connector's", ofOwn, shared},
		{"another connection", "default/crm/crm-1", own},
		{"another environment", "prod/crm", shared},
		{"trailing junk", ofShared + "/", shared},
		{"more trailing junk", ofShared + "/x", shared},
		{"an escaped letter", "default/cr%6d", shared},
		{"other letters", "default/CRM", shared},
		{"no path", "", shared},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := l.receive(stateOf(t, row.a), func(c *core.Callback) { c.Path = row.path })
			if !strings.Contains(got.Reason, "redirect URL of another sign-in") || got.Confirmation != "" || got.ReturnURL != "" || got.Principal != "" {
				t.Errorf("the browser is shown %+v", got)
			}
			if len(l.tokens.exchanges) != 0 {
				t.Fatal("the code was sent to a provider")
			}
		})
	}
	if got := l.receive(stateOf(t, shared)); got.Confirmation == "" {
		t.Errorf("what others brought has cost the honest sign-in something: %+v", got)
	}
	if got := l.receive(stateOf(t, own)); got.Confirmation == "" {
		t.Errorf("what others brought has cost the honest sign-in something: %+v", got)
	}
}

// The attack by which one link took over an account: the page of the honest
// provider, for the maker's client, with the state of a connection whose codes go
// to the attacker.
func TestTheMakersClientIdAndATokenEndpointOfOnesOwnGetNobodysCode(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	honest, evil := l.start(), l.own("makers")
	sentTo := strings.TrimPrefix(redirectOf(t, honest), callbacks) // the provider takes no other for this client
	got := l.receive(stateOf(t, evil), func(c *core.Callback) { c.Path = sentTo })
	if got.Confirmation != "" || len(l.tokens.exchanges) != 0 {
		t.Fatalf("the code went to the attacker: %+v", got)
	}
	if redirectOf(t, honest) == redirectOf(t, evil) {
		t.Error("both have one redirect URL")
	}
}

func TestAClientWithoutSecretsIsBoundToItsProvider(t *testing.T) {
	l := newLogin(t)
	l.client(func(d *core.ClientDraft) { d.Secrets, d.Method = nil, oauth.NoSecret })
	l.connect()
	a := l.start()
	l.presets.token = "https://evil.example/token" // a new revision is published
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if got := l.receive(stateOf(t, a)); got.Confirmation != "" || len(l.tokens.exchanges) != 0 {
		t.Errorf("code and verifier went to %+v", l.tokens.exchanges)
	}
}

func TestAConnectionsOwnClientWithoutSecretsIsBoundToItsProvider(t *testing.T) {
	l := newLogin(t)
	l.own("anns")
	l.presets.token = "https://evil.example/token"
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-2")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
}

func TestWhoMaySayWhereAClientsCodesGo(t *testing.T) {
	secrets := texts("client_secret", "again")
	for _, row := range []struct {
		name    string
		caller  core.Caller
		public  bool
		sent    map[string]secret.Text
		refused fault.Reason
	}{
		{"who created it", maker(), true, nil, ""},
		{"an administrator", user("root", authn.RoleAdmin, authn.RoleMaker), true, nil, ""},
		{"another maker", user("mallory", authn.RoleMaker), true, nil, fault.ReasonPermissionDenied},
		{"another maker with a secret that it never had", user("mallory", authn.RoleMaker), true, secrets, fault.ReasonPermissionDenied},
		{"another maker who knows the secret", user("mona", authn.RoleMaker), false, secrets, ""},
		{"another maker who takes the secret away", user("mallory", authn.RoleMaker), false, texts("client_secret", ""), fault.ReasonPermissionDenied},
		{"who created it, without the secret", maker(), false, nil, fault.ReasonConnectionParametersInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLogin(t)
			l.client(func(d *core.ClientDraft) {
				if row.public {
					d.Secrets, d.Method = nil, oauth.NoSecret
				}
			})
			l.presets.token = "https://evil.example/token"
			_, err := l.vault.UpdateClient(t.Context(), row.caller, core.ClientEdit{
				Name: clientName("crm"), Fields: []core.ClientField{core.ClientFieldClientID}, ClientID: "makers", Secrets: row.sent,
			})
			if got := fault.ReasonOf(err); err != nil && got != row.refused || err == nil && row.refused != "" {
				t.Errorf("got %v, want %q", err, row.refused)
			}
		})
	}
}
