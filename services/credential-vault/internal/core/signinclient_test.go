package core_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// called is a call through ann's connection, with her own token of the provider.
func (l *login) called() error {
	_, err := l.vault.Resolve(l.t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op", Subject: subjectOf("anns")})
	return err
}

// The ways in which the sign-in of a connection gets another OAuth client.
var otherClients = map[string]func(*login, core.OAuthClient){
	"one of the same name and id, made anew": func(l *login, c core.OAuthClient) {
		l.removed(c)
		l.client()
	},
	"a more specific one": func(l *login, _ core.OAuthClient) {
		l.client(func(d *core.ClientDraft) { d.ID, d.ParameterSet, d.ClientID = "front", "oauth", "others" })
	},
	"a more specific one with the same client id": func(l *login, _ core.OAuthClient) {
		l.client(func(d *core.ClientDraft) { d.ID, d.ParameterSet = "front", "oauth" })
	},
}

func (l *login) removed(c core.OAuthClient) {
	l.t.Helper()
	if err := l.vault.DeleteClient(l.t.Context(), maker(), c.Name, ""); err != nil {
		l.t.Fatal(err)
	}
}

// signedIn makes a connection whose tokens come about by a grant, and uses it once.
func (l *login) signedIn(grant oauth.Grant) {
	l.t.Helper()
	l.presets.grant = grant
	l.connect(func(d *core.Draft) {
		if grant == oauth.Password {
			d.Parameters["token:username"], d.Secrets = "ann", texts("token:password", "canary")
		}
	})
	if grant.Interactive() {
		l.signIn()
	}
	if err := l.called(); err != nil {
		l.t.Fatal(err)
	}
}

// later is when every token has ended, and nobody remembers one.
func (l *login) later() {
	l.clock.Advance(3 * time.Hour)
	l.tokens.set(func(s *scripted) { s.asked, s.revoked = nil, nil })
}

var grantsByClient = []oauth.Grant{oauth.AuthorizationCode, oauth.ClientCredentials, oauth.TokenExchange, oauth.Password}

func TestAConnectionKeepsToTheOAuthClientThatItsOwnerAgreedTo(t *testing.T) {
	for what, change := range otherClients {
		for _, grant := range grantsByClient {
			t.Run(string(grant)+" and "+what, func(t *testing.T) {
				l := newLogin(t)
				l.presets.grant = grant
				first := l.client()
				l.signedIn(grant)
				l.later()
				change(l, first)
				err := l.called()
				wantReason(t, err, fault.ReasonHostNotAllowed)
				if !strings.Contains(err.Error(), "ferrule authorize crm-1") {
					t.Errorf("%q does not say what to do", err)
				}
				if len(l.tokens.asked) != 0 {
					t.Errorf("the provider was asked for %q", l.tokens.asked)
				}
				if conn := l.connection(); conn.State == core.StateNeedsAuthorization {
					t.Errorf("the sign-in was given up: %q", conn.StateReason)
				}
			})
		}
	}
}

func TestTheOwnerAgreesToAnotherOAuthClientBySigningIn(t *testing.T) {
	for _, grant := range grantsByClient {
		t.Run(string(grant), func(t *testing.T) {
			l := newLogin(t)
			l.presets.grant = grant
			first := l.client()
			l.signedIn(grant)
			l.later()
			l.removed(first)
			l.client(func(d *core.ClientDraft) { d.ClientID = "others" })
			if err := l.called(); err == nil {
				t.Fatal("the other client serves without consent")
			}
			if grant.Interactive() {
				l.signIn()
			} else if a := l.start(); a.State != core.AuthorizationSucceeded {
				t.Fatalf("got %+v", a)
			}
			l.clock.Advance(3 * time.Hour)
			if err := l.called(); err != nil {
				t.Errorf("the connection does not work with the client that its owner agreed to: %v", err)
			}
			if len(l.tokens.asked) == 0 || !strings.HasSuffix(l.tokens.asked[len(l.tokens.asked)-1], " as others") {
				t.Errorf("the provider was asked for %q", l.tokens.asked)
			}
			if conn := l.connection(); conn.State != core.StateConnected {
				t.Errorf("got %v, %q", conn.State, conn.StateReason)
			}
		})
	}
}

func TestANewSecretOfAnOAuthClientChangesNothingForItsConnections(t *testing.T) {
	for _, grant := range grantsByClient {
		t.Run(string(grant), func(t *testing.T) {
			l := newLogin(t)
			l.presets.grant = grant
			c := l.client()
			l.signedIn(grant)
			l.later()
			if _, err := l.vault.UpdateClient(t.Context(), maker(), core.ClientEdit{Name: c.Name, Secrets: texts("client_secret", "newer")}); err != nil {
				t.Fatal(err)
			}
			if err := l.called(); err != nil || len(l.tokens.asked) != 1 {
				t.Errorf("got %v; the provider was asked for %q", err, l.tokens.asked)
			}
		})
	}
}

func TestAClientThatComesLaterServesNobodyUnasked(t *testing.T) {
	for _, grant := range []oauth.Grant{oauth.ClientCredentials, oauth.TokenExchange} {
		t.Run(string(grant), func(t *testing.T) {
			l := newLogin(t)
			l.presets.grant = grant
			l.connect()
			l.client()
			if err := l.called(); err == nil || len(l.tokens.asked) != 0 {
				t.Fatalf("got %v; the provider was asked for %q", err, l.tokens.asked)
			}
			l.start()
			if err := l.called(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASignInEndsWhenItsClientBecomesAnother(t *testing.T) {
	l := newLogin(t)
	first := l.client()
	l.connect()
	a := l.start()
	l.removed(first)
	l.client()
	if got := l.receive(stateOf(t, a)); got.Confirmation != "" || len(l.tokens.exchanges) != 0 {
		t.Errorf("the code was sent: %+v", got)
	}
}

func TestATokenIsGivenBackByTheClientThatGotIt(t *testing.T) {
	l := newLogin(t)
	l.presets.revoke = "https://login.crm.example/revoke"
	first := l.client()
	l.signedIn(oauth.AuthorizationCode)
	l.removed(first)
	l.client()
	if _, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil {
		t.Fatal(err)
	}
	if len(l.tokens.revoked) != 0 {
		t.Errorf("%q were given back by another client", l.tokens.revoked)
	}
}

// TestTheKindOfASignInDoesNotChangeByItself: a publication with one more flow made a
// renewal fetch the token of somebody else.
func TestTheKindOfASignInDoesNotChangeByItself(t *testing.T) {
	for _, before := range grantsByClient {
		for _, after := range grantsByClient {
			if before == after {
				continue
			}
			t.Run(string(before)+" becomes "+string(after), func(t *testing.T) {
				l := newLogin(t)
				l.presets.grant, l.presets.every = before, true
				l.client()
				l.signedIn(before)
				l.later()
				l.presets.grant = after
				if err := l.called(); err == nil || len(l.tokens.asked) != 0 {
					t.Fatalf("got %v; the provider was asked for %q", err, l.tokens.asked)
				}
				l.presets.grant = before
				l.clock.Advance(time.Minute)
				if err := l.called(); err != nil {
					t.Errorf("it does not work as before: %v", err)
				}
			})
		}
	}
}

// TestAPublicationDestroysNoSignIn: whatever is published, once a revision as before
// is published everything works again.
func TestAPublicationDestroysNoSignIn(t *testing.T) {
	changes := map[string]func(*presets){
		"endpoints from nowhere": func(p *presets) { p.metadata = "https://evil.example/metadata" },
		"what cannot be read": func(p *presets) {
			p.broken = fault.Invalid(fault.ReasonDefinitionInvalid, "the sign-in has no token endpoint")
		},
		"another provider": func(p *presets) { p.token = "https://login.evil.example/token" },
	}
	maps.Copy(changes, detours)
	for what, change := range changes {
		for _, grant := range grantsByClient {
			t.Run(string(grant)+" and "+what, func(t *testing.T) {
				l := newLogin(t)
				l.presets.grant = grant
				l.client()
				l.signedIn(grant)
				l.later()
				honest := l.presets.grant
				change(l.presets)
				for range 3 {
					if err := l.called(); err == nil || len(l.tokens.asked) != 0 {
						t.Fatalf("got %v; the provider was asked for %q", err, l.tokens.asked)
					}
					l.clock.Advance(time.Minute)
				}
				if conn := l.connection(); conn.State == core.StateNeedsAuthorization {
					t.Errorf("the sign-in was given up: %q", conn.StateReason)
				}
				l.presets.set(&presets{grant: honest})
				l.clock.Advance(10 * time.Second)
				if err := l.called(); err != nil {
					t.Errorf("it does not work as before: %v", err)
				}
				if conn := l.connection(); conn.State != core.StateConnected || len(l.tokens.revoked) != 0 {
					t.Errorf("got %v, %q", conn.State, conn.StateReason)
				}
			})
		}
	}
}

// set makes them others.
func (p *presets) set(other *presets) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grant, p.token, p.revoke, p.broken, p.metadata, p.page, p.body = other.grant, other.token, other.revoke, other.broken, other.metadata, other.page, other.body
}

// TestWhoMadeTheClientGetsNoTokenOfACaller: he confirms what he has published, which
// for the secrets of his client is enough.
func TestWhoMadeTheClientGetsNoTokenOfACaller(t *testing.T) {
	changes := maps.Clone(detours)
	changes["another provider"] = func(p *presets) { p.token = "https://login.evil.example/token" }
	for what, change := range changes {
		t.Run(what, func(t *testing.T) {
			l := newLogin(t)
			l.presets.grant = oauth.TokenExchange
			c := l.client()
			l.signedIn(oauth.TokenExchange)
			l.later()
			change(l.presets)
			confirm := core.ClientEdit{
				Name: c.Name, Secrets: texts("client_secret", "canary-of-the-maker"), Fields: []core.ClientField{core.ClientFieldClientID}, ClientID: "makers",
			}
			if _, err := l.vault.UpdateClient(t.Context(), maker(), confirm); err != nil {
				t.Fatal(err)
			}
			err := l.called()
			if err == nil || len(l.tokens.asked) != 0 || !strings.Contains(err.Error(), "ferrule authorize crm-1") {
				t.Fatalf("got %v; the provider was asked for %q", err, l.tokens.asked)
			}
			l.start() // its owner wants that
			if err := l.called(); err != nil || len(l.tokens.asked) != 1 {
				t.Errorf("got %v; the provider was asked for %q", err, l.tokens.asked)
			}
		})
	}
}
