package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestAConnectionThatNeedsAPersonWaitsForOne(t *testing.T) {
	l := newLogin(t)
	conn := l.connect()
	if conn.State != core.StateNeedsAuthorization || conn.StateReason == "" {
		t.Errorf("got %v %q", conn.State, conn.StateReason)
	}
	_, err := l.lent()
	wantReason(t, err, fault.ReasonConnectionNotReady)
}

func TestASignInFromBeginningToEnd(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start(func(s *core.SignIn) { s.LoginHint, s.ExtraScopes = "ann@crm.example", []string{"write"} })
	if a.State != core.AuthorizationPending || !strings.HasPrefix(a.URL, "https://login.crm.example/authorize?") {
		t.Fatalf("got %v %q", a.State, a.URL)
	}
	if got := l.tokens.attempt; got.LoginHint != "ann@crm.example" || !cmp.Equal(got.ExtraScopes, []string{"write"}) || len(textOf(got.Verifier)) != 43 || got.Nonce == "" {
		t.Errorf("the provider was told %+v, %d", got, len(textOf(got.Verifier)))
	}
	if again := l.get(a); again.URL != "" || again.State != core.AuthorizationPending {
		t.Errorf("the address is kept: %+v", again)
	}
	r := l.receive(stateOf(t, a))
	if r.Reason != "" || len(r.Confirmation) != 11 || r.ConnectionID != "crm-1" || r.Principal != "ann" || r.ReturnURL != "" {
		t.Fatalf("the browser is shown %+v", r)
	}
	if l.tokens.verifier != textOf(l.tokens.attempt.Verifier) || l.tokens.nonce != l.tokens.attempt.Nonce {
		t.Error("the exchange has another verifier or nonce than the sign-in")
	}
	if l.get(a).State != core.AuthorizationReceived || l.connection().State != core.StateNeedsAuthorization {
		t.Error("without a confirmation the connection has its grant")
	}
	done := l.complete(a, r.Confirmation)
	if done.State != core.AuthorizationSucceeded || done.Identity != "victor@crm.example" {
		t.Fatalf("got %+v", done)
	}
	conn := l.connection()
	if conn.State != core.StateConnected || conn.Identity != "victor@crm.example" || !cmp.Equal(conn.GrantedScopes, []string{"read"}) {
		t.Errorf("got %+v", conn)
	}
	lent, err := l.lent()
	if err != nil || !cmp.Equal(lent, map[string]string{"token": "canary-access-1"}) {
		t.Errorf("got %v, %v", lent, err)
	}
	if again := l.complete(a, r.Confirmation); again.State != core.AuthorizationSucceeded {
		t.Errorf("a repeated confirmation gets %v", again.State)
	}
	if len(l.tokens.revoked) != 0 || len(l.tokens.exchanges) != 1 {
		t.Errorf("%d exchanges, %v revoked", len(l.tokens.exchanges), l.tokens.revoked)
	}
}

func TestNothingThatIsKeptOfASignInIsOfUseToAReader(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	state := stateOf(t, a)
	verifier := textOf(l.tokens.attempt.Verifier)
	r := l.receive(state)
	// The double of the sealer leaves values as they are behind its marker, so what
	// was sealed is cut out.
	stored, _ := l.authorization(a)
	sealed := map[string]bool{}
	for _, s := range stored.Secrets {
		sealed[s.Parameter] = true
	}
	if len(sealed) != 3 {
		t.Errorf("sealed are %v", sealed)
	}
	stored.Secrets = nil
	text := strings.Join([]string{stored.StateHash, fmt.Sprint(stored.Profile), stored.ReturnURL, stored.Reason, stored.Identity, stored.Seal, stored.URL}, " ")
	for what, value := range map[string]string{"state": state, "verifier": verifier, "confirmation": strings.ReplaceAll(r.Confirmation, "-", ""), "token": "canary-access"} {
		if strings.Contains(text, value) {
			t.Errorf("the %s is stored in clear", what)
		}
	}
}

func TestWhoMaySignIn(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		want   fault.Reason
	}{
		"somebody else":    {bob(), fault.ReasonConnectionNotFound},
		"an administrator": {admin(), fault.ReasonPermissionDenied},
		"a service":        {itself("trigger"), fault.ReasonPermissionDenied},
		"without a role":   {core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "ann"}}, fault.ReasonPermissionDenied},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			_, err := l.vault.StartAuthorization(t.Context(), c.caller, core.SignIn{Connection: name("crm-1")})
			wantReason(t, err, c.want)
		})
	}
}

func TestSignInsThatCannotBegin(t *testing.T) {
	for title, c := range map[string]struct {
		prepare func(l *login)
		signIn  core.SignIn
		want    fault.Reason
	}{
		"no client anywhere": {func(*login) {}, core.SignIn{}, fault.ReasonOAuthClientMissing},
		"a set without a sign-in": {func(l *login) {
			if err := l.vault.Delete(l.t.Context(), ann(), name("crm-1"), ""); err != nil {
				l.t.Fatal(err)
			}
			l.connect(func(d *core.Draft) { d.ParameterSet, d.Parameters, d.Secrets = "key", nil, texts("api_key", "k") })
		}, core.SignIn{}, fault.ReasonAuthorizationFailed},
		"a token per caller":            {func(l *login) { l.client(); l.presets.grant = oauth.OnBehalfOf; l.start() }, core.SignIn{}, fault.ReasonAuthorizationFailed},
		"a strange scope":               {func(l *login) { l.client() }, core.SignIn{ExtraScopes: []string{"a b"}}, fault.ReasonInvalidArgument},
		"a login hint of several lines": {func(l *login) { l.client() }, core.SignIn{LoginHint: "a\nb"}, fault.ReasonInvalidArgument},
		"a device that is refused":      {func(l *login) { l.presets.grant = oauth.DeviceCode; l.client(); l.tokens.fail = errOfProvider }, core.SignIn{}, fault.ReasonProviderRefused},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.connect()
			c.prepare(l)
			c.signIn.Connection = name("crm-1")
			_, err := l.vault.StartAuthorization(t.Context(), ann(), c.signIn)
			wantReason(t, err, c.want)
		})
	}
}

func TestWhereABrowserMayBeSentBack(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	for raw, ok := range map[string]bool{
		"":                                          true,
		"http://127.0.0.1:49152/done":               true,
		"http://localhost:1/":                       true,
		"http://[::1]:8080/x?a=b":                   true,
		"https://ferrule.example.com/app":           false,
		"https://portal.example.com/back":           true,
		"https://portal.example.com:8443/back":      false,
		"http://portal.example.com/back":            false,
		"https://evil.example/":                     false,
		"https://ferrule.example.com.evil.example/": false,
		"https://ferrule.example.com@evil.example/": false,
		"http://127.0.0.1.evil.example/":            false,
		"http://127.0.0.2/":                         false,
		"https://127.0.0.1/":                        false,
		"http://ann:pw@127.0.0.1/":                  false,
		"http://127.0.0.1/#x":                       false,
		"javascript:alert(1)":                       false,
		"//evil.example":                            false,
		"/done":                                     false,
		"http://[::1":                               false,
	} {
		_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1"), ReturnURL: raw})
		if (err == nil) != ok || err != nil && fault.ReasonOf(err) != fault.ReasonInvalidArgument {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}

// Callback URLs of custom code, webhooks and the interface hand a query to others.
func TestABrowserIsNotSentToWhatTheSuiteServes(t *testing.T) {
	const refused, fine = false, true
	for title, row := range map[string]struct {
		public string
		named  []core.Origin
		urls   map[string]bool
	}{
		"the suite on the person's own machine": {"http://127.0.0.1:8080", nil, map[string]bool{
			"http://127.0.0.1:8080/callbacks/abc": refused, "http://localhost:8080/callbacks/abc": refused, "http://[::1]:8080/": refused,
			"http://127.0.0.1:8080/app": refused, "http://127.0.0.1:49152/": fine,
			"http://127.0.0.1:49152/callbacks/abc": refused, "http://127.0.0.1:49152/x/..%2Fcallbacks/abc": refused,
			"http://127.0.0.1:49152/%2e/callbacks/abc": refused, "http://127.0.0.1:49152/x%5C..%5Chooks%5Cabc": refused, "http://localhost:1//v1/x": refused,
			"http://127.0.0.1:49152/callbacks-of-mine": fine,
		}},
		"the suite named by its operator": {"https://ferrule.example.com", []core.Origin{{Scheme: "https", Host: "ferrule.example.com:443"}}, map[string]bool{
			"https://ferrule.example.com/app": fine, "https://ferrule.example.com/": fine, "https://ferrule.example.com/callbacks/abc": refused,
			"https://ferrule.example.com/Callbacks/abc": refused, "https://ferrule.example.com/x/../hooks/abc": refused, "https://ferrule.example.com/v1": refused,
			"https://ferrule.example.com:8443/app": refused,
		}},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.public, l.named = row.public, row.named
			l.vault, l.records = l.replica()
			l.client()
			l.connect()
			for raw, ok := range row.urls {
				_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1"), ReturnURL: raw})
				if (err == nil) != ok || err != nil && fault.ReasonOf(err) != fault.ReasonInvalidArgument {
					t.Errorf("%q: got %v", raw, err)
				}
			}
		})
	}
}

func TestTheOldestOfTooManySignInsMakesRoom(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	first := l.start()
	got := l.receive(stateOf(t, first))
	for range 5 {
		l.clock.Advance(1)
		l.start()
	}
	wantFailed(t, l.get(first), "newer sign-ins")
	if !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) {
		t.Errorf("what it had brought is still valid: %v", l.tokens.revoked)
	}
	wantFailed(t, l.complete(first, got.Confirmation), "newer sign-ins")
	if stored, _ := l.authorization(first); len(stored.Secrets) != 0 {
		t.Error("its token is still stored")
	}
}

func TestAPrincipalHasAThousandSignInsAndNoMore(t *testing.T) {
	l := newLogin(t)
	l.client()
	for i := range 201 {
		id := "c-" + strings.Repeat("x", i%50) + string(rune('a'+i/50))
		l.connect(func(d *core.Draft) { d.ID = id })
		for n := range 5 {
			_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name(id)})
			if i == 200 && n == 0 {
				wantReason(t, err, fault.ReasonLimitReached)
				return
			}
			if err != nil {
				t.Fatal(i, n, err)
			}
		}
	}
}

func TestAGrantThatNeedsNobodyIsObtainedAtOnce(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.presets.grant = oauth.ClientCredentials
	if conn := l.connect(); conn.State != core.StateConnected {
		t.Errorf("it waits for somebody: %v", conn.State)
	}
	a := l.start()
	if a.State != core.AuthorizationSucceeded || a.URL != "" || l.get(a).State != core.AuthorizationSucceeded {
		t.Errorf("got %+v", a)
	}
	if lent, err := l.lent(); err != nil || lent["token"] != "canary-access-1" {
		t.Errorf("got %v, %v", lent, err)
	}
}

func TestAClientIsRegisteredWhereThatIsPossible(t *testing.T) {
	l := newLogin(t)
	l.presets.register = true
	l.connect()
	if a := l.start(); !strings.Contains(a.URL, "client_id=registered-1") {
		t.Errorf("got %s", a.URL)
	}
	l.start()
	clients, _, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default"})
	if err != nil || len(clients) != 1 || !clients[0].Registered || clients[0].ParameterSet != "oauth" ||
		!cmp.Equal(clients[0].TokenOrigins, []string{"https://login.crm.example:443"}) {
		t.Errorf("got %+v, %v", clients, err)
	}
}

func TestWithoutAPublicAddressNobodySignsInWithABrowser(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	v := core.New(core.Config{Runtime: "runtime-proxy"}, core.Ports{
		Store: l.records, Sealer: &safeSealer{}, Connectors: l.defs, Environments: &environments{}, Tokens: l.tokens, Presets: l.presets,
		Clock: l.clock, NewID: func() string { return "0123456789abcdef0123456789abcdef" },
	})
	_, err := v.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonAuthorizationFailed)
	if !strings.Contains(err.Error(), "--public-url") {
		t.Errorf("got %v", err)
	}
}

func TestWhoeverBeginsManySignInsFillsNoStore(t *testing.T) {
	l := newLogin(t)
	l.client()
	conn := l.connect()
	for range 200 {
		l.start()
	}
	all, err := l.records.Authorizations(t.Context(), conn.Name)
	if err != nil || len(all) != core.MaxEndedSignIns+5 {
		t.Errorf("%d sign-ins are kept, %v", len(all), err)
	}
	a := l.start()
	if done := l.complete(a, l.receive(stateOf(t, a)).Confirmation); done.State != core.AuthorizationSucceeded {
		t.Errorf("got %v, %s", done.State, done.Reason)
	}
}

func TestWhatWasAskedForBesidesIsKnownWhenTheAnswerComes(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start(func(s *core.SignIn) { s.ExtraScopes = []string{"openid", "write"} })
	l.receive(stateOf(t, a))
	if !cmp.Equal(l.tokens.extra, []string{"openid", "write"}) {
		t.Errorf("the code was exchanged as if %v had been asked for", l.tokens.extra)
	}
}
