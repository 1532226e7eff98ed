package core_test

import (
	"net/url"
	"regexp"
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

func TestARedirectURLIsOneFlatSegment(t *testing.T) {
	l := newLogin(t)
	made := l.client()
	l.connect()
	shared, own := l.start(), l.own("makers")
	if redirectOf(t, shared) != l.vault.RedirectURL(made) || shared.RedirectURL != "" {
		t.Errorf("the maker's client: %q, registered %q, to register %q", redirectOf(t, shared), l.vault.RedirectURL(made), shared.RedirectURL)
	}
	if redirectOf(t, own) != own.RedirectURL {
		t.Errorf("a client of its own: %q, to register %q", redirectOf(t, own), own.RedirectURL)
	}
	segment := regexp.MustCompile(`^[a-z2-7]{26}$`)
	for _, a := range []core.Authorization{shared, own} {
		if rest, ok := strings.CutPrefix(redirectOf(t, a), callbacks); !ok || !segment.MatchString(rest) {
			t.Errorf("%q is not flat", redirectOf(t, a))
		}
	}
}

// What the provider has registered is one of these URLs. Whoever could have codes
// sent elsewhere has another one.
func TestARedirectURLStandsForWhereCodesGo(t *testing.T) {
	plain := func(*login) {}
	urlOf := func(t *testing.T, own bool, prepare func(*login)) string {
		l := newLogin(t)
		prepare(l)
		if own {
			return redirectOf(t, l.own("makers"))
		}
		l.client()
		l.connect()
		return redirectOf(t, l.start())
	}
	honest, honestOwn := urlOf(t, false, plain), urlOf(t, true, plain)
	if again := urlOf(t, false, plain); again != honest {
		t.Errorf("the same client has %q after %q when it is made once more", again, honest)
	}
	if again := urlOf(t, true, plain); again != honestOwn {
		t.Errorf("the same connection has %q after %q when it is made once more", again, honestOwn)
	}
	for what, change := range map[string]func(*login){
		"another token endpoint":      func(l *login) { l.presets.token = "https://evil.example/token" },
		"another revocation endpoint": func(l *login) { l.presets.revoke = "https://evil.example/revoke" },
		"endpoints that metadata name": func(l *login) {
			l.presets.metadata = "https://login.crm.example/evil/metadata"
			l.tokens.found = &oauth.Endpoints{Metadata: l.presets.metadata, Authorization: "https://login.crm.example/authorize", Token: "https://evil.example/token"}
		},
	} {
		if got := urlOf(t, true, change); got == honest || got == honestOwn {
			t.Errorf("a connection with %s has the honest redirect URL", what)
		}
	}
	if got := urlOf(t, false, func(l *login) { l.presets.token = "https://evil.example/token" }); got == honest || got == honestOwn {
		t.Error("a client with another token endpoint has the honest redirect URL")
	}
}

func TestAClientThatIsMadeAnewWithOtherEndpointsHasAnotherRedirectURL(t *testing.T) {
	l := newLogin(t)
	first := l.client()
	other := func(id string) string {
		c := first
		c.ClientID = id
		return l.vault.RedirectURL(c)
	}
	if l.vault.RedirectURL(first) == other("others") {
		t.Error("two client ids have one redirect URL")
	}
	if err := l.vault.DeleteClient(t.Context(), maker(), first.Name, ""); err != nil {
		t.Fatal(err)
	}
	if l.vault.RedirectURL(l.client()) != l.vault.RedirectURL(first) {
		t.Error("the same client once more has another redirect URL")
	}
	if err := l.vault.DeleteClient(t.Context(), maker(), first.Name, ""); err != nil {
		t.Fatal(err)
	}
	l.presets.token = "https://evil.example/token"
	if l.vault.RedirectURL(l.client()) == l.vault.RedirectURL(first) {
		t.Error("a client of the same name with another token endpoint has the redirect URL of the honest one")
	}
}

func TestMetadataOfAnAllowedOriginDoNotLeadCodesElsewhere(t *testing.T) {
	l := newLogin(t)
	l.presets.metadata = "https://login.crm.example/metadata"
	honest := oauth.Endpoints{Metadata: l.presets.metadata, Authorization: "https://login.crm.example/authorize", Token: "https://login.crm.example/token"}
	evil := honest
	evil.Token = "https://evil.example/token"
	l.tokens.found = &honest
	l.client()
	l.connect()
	a := l.start()
	l.tokens.set(func(s *scripted) { s.found = &evil })
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if got := l.receive(stateOf(t, a)); got.Confirmation != "" || len(l.tokens.exchanges) != 0 {
		t.Errorf("the code went to another origin: %+v", got)
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
		first := l.start()
		got := redirectOf(t, first)
		if urls[got] || got != redirectOf(t, l.start()) || got != l.tokens.registered || first.RedirectURL != "" {
			t.Errorf("got %q, registered %q, to register %q, besides %v", got, l.tokens.registered, first.RedirectURL, urls)
		}
		urls[got] = true
	}
}

func TestWhatTheOwnerHasToRegisterIsSaidBeforeTheSignIn(t *testing.T) {
	l := newLogin(t)
	a := l.own("anns")
	conn, err := l.vault.Get(t.Context(), ann(), name("crm-2"))
	if err != nil {
		t.Fatal(err)
	}
	if got := l.vault.OwnRedirectURL(t.Context(), conn); got == "" || got != a.RedirectURL {
		t.Errorf("got %q, the sign-in has %q", got, a.RedirectURL)
	}
	l.client()
	if got := l.vault.OwnRedirectURL(t.Context(), l.connect()); got != "" {
		t.Errorf("for the maker's client the owner is told to register %q", got)
	}
	l.presets.broken = errNoPart
	if got := l.vault.OwnRedirectURL(t.Context(), conn); got != "" {
		t.Errorf("without knowing, it says %q", got)
	}
}

func TestACodeThatComesToTheRedirectURLOfAnotherSignInIsNotExchanged(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	shared, own := l.start(), l.own("makers")
	ofShared, ofOwn := strings.TrimPrefix(redirectOf(t, shared), callbacks), strings.TrimPrefix(redirectOf(t, own), callbacks)
	const stranger = "abcdefghijklmnopqrstuvwxyz"
	for _, row := range []struct {
		name, path string
		a          core.Authorization
	}{
		{"the path of another connector", stranger, shared},
		{"the path of the connector's client, with the state of a client of one's own", ofShared, own},
		{"the path of a client of one's own, with the state of the connector's", ofOwn, shared},
		{"trailing junk", ofShared + "/", shared},
		{"more trailing junk", ofShared + "/x", shared},
		{"a beginning", ofShared[:25], shared},
		{"other letters", strings.ToUpper(ofShared), shared},
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
	honest := l.start()
	l.presets.token = "https://evil.example/token"
	evil := l.own("makers")
	l.presets.token = ""
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
		{"another maker who knows the secret", user("mona", authn.RoleMaker), false, texts("client_secret", "canary-of-the-maker"), fault.ReasonPermissionDenied},
		{"another maker with a made-up secret", user("mallory", authn.RoleMaker), false, secrets, fault.ReasonPermissionDenied},
		{"who created it, with a secret of the new provider", maker(), false, secrets, ""},
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

func TestWhoMayDeleteAClient(t *testing.T) {
	for _, row := range []struct {
		name    string
		caller  core.Caller
		refused fault.Reason
	}{
		{"who created it", maker(), ""},
		{"an administrator", user("root", authn.RoleAdmin, authn.RoleMaker), ""},
		{"another maker", user("mallory", authn.RoleMaker), fault.ReasonPermissionDenied},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			if err := l.vault.DeleteClient(t.Context(), row.caller, clientName("crm"), ""); fault.ReasonOf(err) != row.refused && (err != nil || row.refused != "") {
				t.Errorf("got %v, want %q", err, row.refused)
			}
		})
	}
}
