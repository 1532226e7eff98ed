package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// mallory has the role maker, and has made nothing of what she goes for.
func mallory() core.Caller { return user("mallory", authn.RoleMaker, authn.RoleUser) }

// moveAPI is what somebody publishes who wants the tokens of others.
func (l *login) moveAPI(servers ...string) {
	def := loginDefinition()
	def.Servers = nil
	for _, s := range servers {
		def.Servers = append(def.Servers, &connectorv1.Server{UrlTemplate: s})
	}
	l.locked.mu.Lock()
	defer l.locked.mu.Unlock()
	l.defs.definitions["crm"] = def
}

const evilAPI = "https://api.evil.example/v1"

// clientsOfOthers are the ways in which a sign-in has a client that no maker vouches
// for.
var clientsOfOthers = map[string]func(*login){
	"a public client of one's own": func(l *login) {
		l.connect(func(d *core.Draft) { d.Parameters["token:clientId"] = "anns" })
	},
	"a client of one's own with a secret": func(l *login) {
		l.connect(func(d *core.Draft) {
			d.Parameters["token:clientId"], d.Secrets = "anns", texts("token:clientSecret", "canary-of-ann")
		})
	},
	"a registered client": func(l *login) {
		l.presets.register = true
		l.connect()
	},
}

func wantNothingLent(t *testing.T, l *login) {
	t.Helper()
	lent, err := l.vault.Resolve(t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op"})
	for _, host := range lent.Origins {
		if err == nil && strings.Contains(host, "evil") {
			t.Errorf("%v was lent for %v", valuesOf(lent), lent.Origins)
		}
	}
}

func TestNoTokenGoesToAnAPIThatItsOwnerHasNotNamed(t *testing.T) {
	for client, prepare := range clientsOfOthers {
		for _, grant := range []oauth.Grant{oauth.AuthorizationCode, oauth.DeviceCode} {
			t.Run(fmt.Sprintf("moved before a sign-in (%s) with %s", grant, client), func(t *testing.T) {
				l := newLogin(t)
				l.presets.grant = grant
				prepare(l)
				l.moveAPI(evilAPI)
				_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
				wantReason(t, err, fault.ReasonHostNotAllowed)
				for _, part := range []string{"https://api.crm.example", "https://api.evil.example", "--server-url " + evilAPI} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not say %q", err, part)
					}
				}
				wantNothingLent(t, l)
			})
		}
		t.Run("moved while somebody is at the provider, with "+client, func(t *testing.T) {
			l := newLogin(t)
			prepare(l)
			a := l.start()
			l.moveAPI(evilAPI)
			if got := l.receive(stateOf(t, a)); got.Confirmation != "" || !strings.Contains(got.Reason, "address of the API") || len(l.tokens.exchanges) != 0 {
				t.Errorf("got %+v, %q were exchanged", got, l.tokens.exchanges)
			}
			wantNothingLent(t, l)
		})
		t.Run("moved between code and confirmation, with "+client, func(t *testing.T) {
			l := newLogin(t)
			prepare(l)
			a := l.start()
			got := l.receive(stateOf(t, a))
			l.moveAPI(evilAPI)
			wantFailed(t, l.complete(a, got.Confirmation), "address of the API")
			wantNothingLent(t, l)
		})
		t.Run("moved while a device is waited for, with "+client, func(t *testing.T) {
			l := newLogin(t)
			l.presets.grant = oauth.DeviceCode
			prepare(l)
			a := l.start()
			l.moveAPI(evilAPI)
			l.clock.Advance(10 * time.Second)
			wantFailed(t, l.complete(a, ""), "address of the API")
			wantNothingLent(t, l)
		})
		t.Run("moved after a sign-in, which is repeated, with "+client, func(t *testing.T) {
			l := newLogin(t)
			prepare(l)
			l.signIn()
			l.moveAPI("https://api.crm.example/v1", evilAPI)
			_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
			wantReason(t, err, fault.ReasonHostNotAllowed)
			wantNothingLent(t, l)
			if _, err := l.lent(); err != nil {
				t.Errorf("the token does not go to the host that it was for: %v", err)
			}
		})
	}
}

func TestNoOtherEditLetsTokensGoElsewhere(t *testing.T) {
	regional := func(domain string) *connectorv1.Definition {
		def := loginDefinition()
		def.Servers = []*connectorv1.Server{{
			UrlTemplate: "https://{region}." + domain + "/v1", Variables: []*connectorv1.ServerVariable{{Name: "region", DefaultValue: "eu"}},
		}}
		return def
	}
	for what, edit := range map[string]struct {
		change core.Edit
		fields []core.Field
	}{
		"a new client secret":        {core.Edit{Secrets: texts("token:clientSecret", "newer")}, nil},
		"another title":              {core.Edit{DisplayName: "x"}, []core.Field{core.FieldDisplayName}},
		"another part of the host":   {core.Edit{Parameters: map[string]string{"token:tenant": "contoso", "token:clientId": "anns", "region": "us"}}, []core.Field{core.FieldParameters}},
		"a value that nobody places": {core.Edit{Parameters: map[string]string{"token:tenant": "contoso", "token:clientId": "anns", "locale": "de"}}, []core.Field{core.FieldParameters}},
	} {
		t.Run(what, func(t *testing.T) {
			l := newLogin(t)
			l.defs.definitions["crm"] = regional("crm.example")
			clientsOfOthers["a client of one's own with a secret"](l)
			l.signIn()
			l.defs.definitions["crm"] = regional("evil.example")
			conn, err := l.edited(edit.change, edit.fields...)
			for _, o := range conn.Origins {
				if err == nil && strings.Contains(o.Host, "evil") {
					t.Errorf("it leads to %v", conn.Origins)
				}
			}
			_, err = l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
			wantReason(t, err, fault.ReasonHostNotAllowed)
			wantNothingLent(t, l)
		})
	}
}

func TestTheOwnerSaysThatTokensMayGoElsewhere(t *testing.T) {
	l := newLogin(t)
	l.presets.register = true
	l.connect()
	before := redirectOf(t, l.start())
	l.moveAPI("https://api.crm.example/v2", "https://eu.crm.example/v2")
	conn, err := l.edited(core.Edit{ServerURL: "https://eu.crm.example/v2"}, core.FieldServerURL)
	if err != nil || conn.Origins[0].Host != "eu.crm.example:443" {
		t.Fatalf("got %+v, %v", conn.Origins, err)
	}
	a := l.start()
	if redirectOf(t, a) == before {
		t.Error("a sign-in for another API has the same redirect URL")
	}
	l.complete(a, l.receive(stateOf(t, a)).Confirmation)
	lent, err := l.vault.Resolve(t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op"})
	if err != nil || len(lent.Origins) != 1 || lent.Origins[0] != "https://eu.crm.example" {
		t.Errorf("got %v, %v", lent.Origins, err)
	}
}

// What a publication can change about a sign-in without leaving the provider's host.
var detours = map[string]func(*presets){
	"another path of the token endpoint": func(p *presets) {
		p.token = "https://login.crm.example/api/v4/projects/666/issues?private_token=mallorys"
	},
	"another body of the token request": func(p *presets) { p.body = "title=leak&description={ClientSecret}+{Code}+{RefreshToken}" },
	"another page to sign in":           func(p *presets) { p.page = "https://login.evil.example/authorize" },
	"another path of the page":          func(p *presets) { p.page = "https://login.crm.example/redirect?to=evil" },
}

func TestASignInThatGoesAboutInAnotherWayIsNotBegun(t *testing.T) {
	clients := map[string]func(*login){"a maker's client": func(l *login) { l.client(); l.connect() }}
	for title, prepare := range clientsOfOthers {
		if title != "a registered client" { // which gets another one; see below
			clients[title] = prepare
		}
	}
	for what, change := range detours {
		for client, prepare := range clients {
			t.Run(what+" with "+client, func(t *testing.T) {
				l := newLogin(t)
				prepare(l)
				a := l.start()
				change(l.presets)
				_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
				wantReason(t, err, fault.ReasonHostNotAllowed)
				if got := l.receive(stateOf(t, a)); got.Confirmation != "" || len(l.tokens.exchanges) != 0 {
					t.Errorf("the code of the sign-in before was sent: %+v", got)
				}
			})
		}
		t.Run(what+" with a registered client", func(t *testing.T) {
			l := newLogin(t)
			clientsOfOthers["a registered client"](l)
			a := l.start()
			change(l.presets)
			other := l.start()
			if redirectOf(t, a) == redirectOf(t, other) || strings.Contains(other.URL, "client_id=registered-1") {
				t.Errorf("the other sign-in has the client or the redirect URL of the honest one: %s", other.URL)
			}
			if got := l.receive(stateOf(t, a)); got.Confirmation != "" || len(l.tokens.exchanges) != 0 {
				t.Errorf("the code of the sign-in before was sent: %+v", got)
			}
		})
	}
}

func TestASignInIsConfirmedOnlyIfItStillGoesAboutAsItBegan(t *testing.T) {
	for what, change := range detours {
		t.Run(what, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			a := l.start()
			got := l.receive(stateOf(t, a))
			change(l.presets)
			if done := l.complete(a, got.Confirmation); done.State != core.AuthorizationFailed || done.Reason == "" {
				t.Errorf("got %v, %q", done.State, done.Reason)
			}
		})
	}
}

func TestRefreshTokensAreSentAsWhenSomebodySignedIn(t *testing.T) {
	for _, confirmed := range []bool{false, true} { // the other way, for the secrets of the connection
		in(t, func(t *testing.T, r *grantRig) {
			v := r.replica(r.engine)
			changed := *r.profile
			changed.Endpoints.Refresh = "https://login.crm.example/api/v4/projects/666/issues?private_token=mallorys"
			changed.Endpoints.Revocation = "https://login.crm.example/api/v4/projects/666/issues"
			conn := r.connect(v, time.Minute)
			if confirmed {
				conn.Profile = outlineOf(&changed)
				conn.Change++
				if err := proved(r.engine).Replace(t.Context(), core.Write{Connection: conn}); err != nil {
					t.Fatal(err)
				}
			}
			r.mu.Lock()
			r.profile = &changed
			r.mu.Unlock()
			time.Sleep(2 * time.Minute)
			if lent, _, err := lend(t.Context(), v); err == nil {
				t.Errorf("%v was lent", lent)
			}
			conn = r.state(v)
			if conn.State != core.StateError || conn.StateReason == "" || r.provider.calls != 0 {
				t.Errorf("got %v, %q; the provider was asked %d times", conn.State, conn.StateReason, r.provider.calls)
			}
			if _, err := v.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil {
				t.Fatal(err)
			}
			if r.provider.calls != 0 {
				t.Error("the token was given back in another way than it came")
			}
		})
	}
}

func TestOnlyItsCreatorOrAnAdministratorWritesAClient(t *testing.T) {
	edits := map[string]core.ClientEdit{
		"the secret":                 {Secrets: texts("client_secret", "mallorys")},
		"the very secret":            {Secrets: texts("client_secret", "canary-of-the-maker"), Fields: []core.ClientField{core.ClientFieldSettings}, Settings: map[string]string{"tokenUrl": "https://evil.example/token"}},
		"no secret any more":         {Secrets: texts("client_secret", "")},
		"the client id":              {ClientID: "mallorys", Fields: []core.ClientField{core.ClientFieldClientID}},
		"the endpoints":              {Fields: []core.ClientField{core.ClientFieldSettings}, Settings: map[string]string{"tokenUrl": "https://login.crm.example/token"}},
		"nothing, for a new API":     {},
		"the way of proving oneself": {Method: oauth.SecretPost, Fields: []core.ClientField{core.ClientFieldAuthentication}},
	}
	for what, edit := range edits {
		for _, public := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, public %v", what, public), func(t *testing.T) {
				l := newLogin(t)
				made := l.client(func(d *core.ClientDraft) {
					if public {
						d.Secrets = nil
					}
				})
				edit.Name = made.Name
				_, err := l.vault.UpdateClient(t.Context(), mallory(), edit)
				wantReason(t, err, fault.ReasonPermissionDenied)
				now, err := l.vault.GetClient(t.Context(), maker(), made.Name)
				if err != nil || now.Etag() != made.Etag() {
					t.Errorf("got %+v, %v", now, err)
				}
			})
		}
	}
	l := newLogin(t)
	made := l.client()
	for who, caller := range map[string]core.Caller{"its creator": maker(), "an administrator": admin()} {
		if _, err := l.vault.UpdateClient(t.Context(), caller, core.ClientEdit{Name: made.Name, Secrets: texts("client_secret", "newer")}); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// TestNobodyPutsAClientInFrontOfAnotherMakers: the more specific one would serve at
// once, also those who are signed in already.
func TestNobodyPutsAClientInFrontOfAnotherMakers(t *testing.T) {
	front := core.ClientDraft{Environment: "default", ID: "front", Connector: crmConnector(), ParameterSet: "oauth", ClientID: "front"}
	for who, c := range map[string]struct {
		caller core.Caller
		first  bool // there is a client already, made by the maker
		want   fault.Reason
	}{
		"another maker":              {mallory(), true, fault.ReasonPermissionDenied},
		"the same maker":             {maker(), true, ""},
		"an administrator":           {admin(), true, ""},
		"a maker who is there first": {mallory(), false, ""},
	} {
		t.Run(who, func(t *testing.T) {
			l := newLogin(t)
			if c.first {
				l.client()
			}
			if _, err := l.vault.CreateClient(t.Context(), c.caller, front); fault.ReasonOf(err) != c.want || (err == nil) != (c.want == "") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARedirectURLStandsForTheAPIAndForWhoVouches(t *testing.T) {
	clientOf := func(t *testing.T, who core.Caller, change func(*login, *core.ClientDraft)) string {
		l := newLogin(t)
		d := core.ClientDraft{Environment: "default", ID: "crm", Connector: crmConnector(), ClientID: "public"}
		change(l, &d)
		c, err := l.vault.CreateClient(t.Context(), who, d)
		if err != nil {
			t.Fatal(err)
		}
		return l.vault.RedirectURL(c)
	}
	honest := clientOf(t, maker(), func(*login, *core.ClientDraft) {})
	for what, got := range map[string]string{
		"another creator":                clientOf(t, mallory(), func(*login, *core.ClientDraft) {}),
		"another API":                    clientOf(t, maker(), func(l *login, _ *core.ClientDraft) { l.moveAPI(evilAPI) }),
		"a further API":                  clientOf(t, maker(), func(l *login, _ *core.ClientDraft) { l.moveAPI("https://api.crm.example/v1", evilAPI) }),
		"the API in clear":               clientOf(t, maker(), func(l *login, _ *core.ClientDraft) { l.moveAPI("http://api.crm.example:443") }),
		"a parameter set":                clientOf(t, maker(), func(_ *login, d *core.ClientDraft) { d.ParameterSet = "oauth" }),
		"another path of its endpoint":   clientOf(t, maker(), func(l *login, _ *core.ClientDraft) { l.presets.token = "https://login.crm.example/x/token" }),
		"another body of token requests": clientOf(t, maker(), func(l *login, _ *core.ClientDraft) { l.presets.body = "x={Code}" }),
		"another page to sign in":        clientOf(t, maker(), func(l *login, _ *core.ClientDraft) { l.presets.page = "https://evil.example" }),
	} {
		if got == honest {
			t.Errorf("a client with %s has the redirect URL of the honest one", what)
		}
	}
	if again := clientOf(t, maker(), func(_ *login, d *core.ClientDraft) { d.Secrets = texts("client_secret", "s") }); again != honest {
		t.Error("a client that gets a secret needs another redirect URL")
	}
}

func TestARegisteredClientServesOneAPI(t *testing.T) {
	l := newLogin(t)
	l.presets.register = true
	l.connect()
	first := l.start()
	l.moveAPI(evilAPI)
	l.connect(func(d *core.Draft) { d.ID = "crm-2" })
	second := l.start(func(s *core.SignIn) { s.Connection = name("crm-2") })
	if redirectOf(t, first) == redirectOf(t, second) || strings.Contains(second.URL, "client_id=registered-1") {
		t.Errorf("the sign-in for another API uses the client of the first: %s", second.URL)
	}
	if third := l.start(func(s *core.SignIn) { s.Connection = name("crm-2") }); redirectOf(t, third) != redirectOf(t, second) {
		t.Error("the same sign-in once more registers another client")
	}
	l.moveAPI("https://api.crm.example/v1")
	if again := l.start(); redirectOf(t, again) != redirectOf(t, first) {
		t.Error("the first client is not found again")
	}
}

func TestAnAnswerThatDoesNotNameItsIssuerIsRefusedWhereMetadataSaySo(t *testing.T) {
	for title, c := range map[string]struct {
		named  bool
		answer string
		want   string
	}{
		"named, and the right one":      {true, "https://login.crm.example", ""},
		"not named":                     {true, "", "does not say which authorization server"},
		"not named, and nobody said so": {false, "", ""},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.presets.issuer, l.presets.named = "https://login.crm.example", c.named
			l.client()
			l.connect()
			a := l.start()
			l.presets.named = false // metadata that cannot be had now
			got := l.receive(stateOf(t, a), func(cb *core.Callback) { cb.Issuer = c.answer })
			if (got.Confirmation == "") != (c.want != "") || !strings.Contains(got.Reason, c.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
