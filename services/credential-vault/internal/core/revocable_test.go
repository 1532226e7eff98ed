package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// signedInBy are sign-ins by clients of every kind, by what binds them.
func signedInBy() map[string]func(*login) {
	all := map[string]func(*login){}
	for title, prepare := range clientsOfOthers {
		all[title] = func(l *login) { prepare(l); l.signIn() }
	}
	for _, grant := range grantsByClient {
		all["a maker's client, by "+string(grant)] = func(l *login) {
			l.presets.grant = grant
			l.client()
			l.signedIn(grant)
		}
	}
	return all
}

const (
	revokeHere  = "https://login.crm.example/revoke"
	revokeThere = "https://login.crm.example/elsewhere"
	revokeEvil  = "https://evil.example/revoke"
)

func TestARevocationEndpointThatNobodyAgreedToStopsNoRenewalAndGetsNothing(t *testing.T) {
	for _, change := range []struct{ before, now string }{
		{"", revokeHere},
		{"", revokeEvil},
		{revokeHere, ""},
		{revokeHere, revokeThere},
		{revokeHere, revokeEvil},
	} {
		for title, prepare := range signedInBy() {
			t.Run(fmt.Sprintf("from %q to %q with %s", change.before, change.now, title), func(t *testing.T) {
				l := newLogin(t)
				l.presets.revoke = change.before
				prepare(l)
				l.presets.revoke = change.now
				for range 2 {
					l.later()
					if err := l.called(); err != nil {
						t.Fatal(err)
					}
				}
				if conn := l.connection(); conn.State != core.StateConnected {
					t.Errorf("got %v, %q", conn.State, conn.StateReason)
				}
				if err := l.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
					t.Fatal(err)
				}
				for _, place := range l.tokens.places {
					if place != change.before {
						t.Errorf("a token went to %s", place)
					}
				}
			})
		}
	}
}

func TestANewSignInWithAConfirmedClientIsRevokedAtTheNewEndpoint(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.signedIn(oauth.AuthorizationCode)
	l.presets.revoke = revokeHere
	if a := l.signIn(); a.State != core.AuthorizationSucceeded {
		t.Fatalf("nobody can sign in before the client is confirmed: %+v", a)
	}
	id := "makers"
	if _, err := l.editClient(core.ClientEdit{ClientID: id, Secrets: texts("client_secret", "canary-of-the-maker")}, core.ClientFieldClientID); err != nil {
		t.Fatal(err)
	}
	l.later()
	if err := l.called(); err != nil {
		t.Fatalf("the grant does not outlive the confirmation: %v", err)
	}
	if _, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil || len(l.tokens.places) != 0 {
		t.Errorf("got %v; tokens of an older sign-in went to %q", err, l.tokens.places)
	}
	l.signIn()
	l.clock.Advance(3 * time.Hour)
	if err := l.called(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil || !cmp.Equal(l.tokens.places, []string{revokeHere}) {
		t.Errorf("got %v; tokens went to %q", err, l.tokens.places)
	}
}

func TestAnEndpointThatWasAgreedToStillGetsTokens(t *testing.T) {
	l := newLogin(t)
	l.presets.revoke = revokeHere
	l.client()
	l.signedIn(oauth.AuthorizationCode)
	l.presets.revoke = revokeThere
	l.later()
	if err := l.called(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil || !cmp.Equal(l.tokens.places, []string{revokeHere}) {
		t.Errorf("got %v; tokens went to %q", err, l.tokens.places)
	}
}

func TestWhereTheAccessTokenIsGivenBackAnEndedOneIsRenewedBefore(t *testing.T) {
	for title, c := range map[string]struct {
		takes   string
		after   time.Duration
		fails   error
		revoked []string
		says    string
	}{
		"it holds":                      {"access", time.Minute, nil, []string{"canary-access-1"}, "was revoked at"},
		"it has ended":                  {"access", 3 * time.Hour, nil, []string{"canary-access-2"}, "was revoked at"},
		"the refresh token is wanted":   {"refresh", 3 * time.Hour, nil, []string{"canary-access-1"}, "was revoked at"},
		"both are":                      {"", 3 * time.Hour, nil, []string{"canary-access-1"}, "was revoked at"},
		"there is no other one":         {"access", 3 * time.Hour, transient(), nil, "was not revoked at the provider (it takes access tokens back, this one has ended"},
		"it holds, and nobody is asked": {"access", time.Minute, transient(), []string{"canary-access-1"}, "was revoked at"},
	} {
		t.Run(title, func(t *testing.T) {
			l := signedIn(t)
			l.presets.takes = c.takes
			l.tokens.set(func(s *scripted) { s.fail = c.fails })
			l.clock.Advance(c.after)
			conn, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1"))
			if err != nil || conn.State != core.StateNeedsAuthorization {
				t.Fatalf("got %v, %v", conn.State, err)
			}
			if !cmp.Equal(l.tokens.revoked, c.revoked) || !strings.Contains(conn.StateReason, c.says) || strings.Contains(conn.StateReason, "try again") {
				t.Errorf("revoked are %v: %s", l.tokens.revoked, conn.StateReason)
			}
		})
	}
}
