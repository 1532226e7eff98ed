package core_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestOnlyTheGatewayBringsCallbacks(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	for _, caller := range []core.Caller{itself("runtime-proxy"), ann(), through("", ann()), through("trigger", admin())} {
		if caller.Service == "gateway" {
			caller.Service = "runtime-proxy"
		}
		_, err := l.vault.ReceiveAuthorization(t.Context(), caller, core.Callback{State: stateOf(t, a), Code: secret.FromString("c"), Path: a.Callback})
		wantReason(t, err, fault.ReasonServiceOnly)
	}
	if len(l.tokens.exchanges) != 0 {
		t.Error("a code was exchanged all the same")
	}
}

func TestCallbacksThatBringNoGrant(t *testing.T) {
	for title, c := range map[string]struct {
		change func(*core.Callback)
		before func(*login)
		want   string
		state  core.AuthorizationState
	}{
		"a state that is made up":       {func(c *core.Callback) { c.State = "made up" }, nil, "unknown", core.AuthorizationPending},
		"no state":                      {func(c *core.Callback) { c.State = "" }, nil, "unknown", core.AuthorizationPending},
		"consent was denied":            {func(c *core.Callback) { c.Error, c.Description = "access_denied", "no <b>thanks</b>\x00" }, nil, "denied at the provider (no <b>thanks</b>)", core.AuthorizationFailed},
		"the provider has no time":      {func(c *core.Callback) { c.Error = "temporarily_unavailable" }, nil, "refused the sign-in (temporarily_unavailable)", core.AuthorizationFailed},
		"a very long story":             {func(c *core.Callback) { c.Error, c.Description = "e", strings.Repeat("é", 4000) }, nil, "…", core.AuthorizationFailed},
		"another authorization server":  {func(c *core.Callback) { c.Issuer = "https://evil.example" }, func(l *login) { l.presets.issuer = "https://login.crm.example" }, "another authorization server", core.AuthorizationFailed},
		"another server, and an error":  {func(c *core.Callback) { c.Issuer, c.Error = "https://evil.example", "x" }, func(l *login) { l.presets.issuer = "https://login.crm.example" }, "another authorization server", core.AuthorizationFailed},
		"neither code nor error":        {func(c *core.Callback) { c.Code = secret.Text{} }, nil, "neither a code nor an error", core.AuthorizationFailed},
		"a code that was used before":   {func(*core.Callback) {}, func(l *login) { l.tokens.fail = errOfProvider }, "invalid_grant", core.AuthorizationFailed},
		"a provider that is not there":  {func(*core.Callback) {}, func(l *login) { l.tokens.fail = transient() }, "try again later", core.AuthorizationFailed},
		"an error of our own":           {func(*core.Callback) {}, func(l *login) { l.tokens.fail = errors.New("canary-inside") }, "could not be asked", core.AuthorizationFailed},
		"a state that has expired":      {func(*core.Callback) {}, func(l *login) { l.clock.Advance(10 * time.Minute) }, "has expired", core.AuthorizationFailed},
		"a provider that has moved":     {func(*core.Callback) {}, func(l *login) { l.presets.token = "https://evil.example/token" }, "for which the secrets of its OAuth client", core.AuthorizationFailed},
		"a client that was exchanged":   {func(*core.Callback) {}, func(l *login) { l.exchangeClient() }, "has changed since", core.AuthorizationFailed},
		"settings that make no sign-in": {func(*core.Callback) {}, func(l *login) { l.presets.broken = fault.Invalid(fault.ReasonOAuthSettingsInvalid, "no tenant") }, "no tenant", core.AuthorizationFailed},
		"a connection that was moved": {func(*core.Callback) {}, func(l *login) {
			if _, err := l.edited(core.Edit{ServerURL: "https://eu.sandbox.example"}, core.FieldServerURL); err != nil {
				l.t.Fatal(err)
			}
		}, "has changed since", core.AuthorizationFailed},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			l.presets.issuer = "https://login.crm.example"
			a := l.start(func(s *core.SignIn) { s.ReturnURL = "http://127.0.0.1:9/done?x=1" })
			if c.before != nil {
				c.before(l)
			}
			got := l.receive(stateOf(t, a), c.change)
			if !strings.Contains(got.Reason, c.want) || got.Confirmation != "" || len(got.Reason) > 700 {
				t.Fatalf("got %+v, want %q", got, c.want)
			}
			if strings.Contains(got.Reason, "canary") || strings.ContainsAny(got.Reason, "\x00\n") {
				t.Errorf("the reason is not fit to be shown: %q", got.Reason)
			}
			if after := l.get(a); after.State != c.state || c.state == core.AuthorizationFailed && after.Reason == "" {
				t.Errorf("the sign-in is %v %q", after.State, after.Reason)
			}
			if c.state == core.AuthorizationFailed && title != "a state that has expired" {
				if u, err := url.Parse(got.ReturnURL); err != nil || u.Query().Get("error") != got.Reason || u.Query().Get("x") != "1" || u.Query().Get("confirmation") != "" {
					t.Errorf("the browser goes to %q", got.ReturnURL)
				}
			}
			if l.connection().State != core.StateNeedsAuthorization {
				t.Error("the connection has a grant")
			}
		})
	}
}

// exchangeClient gives the connector another OAuth client.
func (l *login) exchangeClient() {
	_, err := l.vault.UpdateClient(l.t.Context(), maker(), core.ClientEdit{
		Name: clientName("crm"), Fields: []core.ClientField{core.ClientFieldClientID}, ClientID: "another",
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func TestACallbackThatComesTwiceIsExchangedOnce(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start(func(s *core.SignIn) { s.ReturnURL = "http://127.0.0.1:9/" })
	first := l.receive(stateOf(t, a))
	second := l.receive(stateOf(t, a))
	if !strings.Contains(second.Reason, "used already") || second.ReturnURL != "" || second.Confirmation != "" {
		t.Errorf("the second browser is shown %+v", second)
	}
	if u, err := url.Parse(first.ReturnURL); err != nil || u.Query().Get("confirmation") != first.Confirmation || u.Query().Get("authorization") != a.Name.String() {
		t.Errorf("the first goes to %q", first.ReturnURL)
	}
	if done := l.complete(a, first.Confirmation); done.State != core.AuthorizationSucceeded {
		t.Errorf("the second has spoilt the first: %+v", done)
	}
	if third := l.receive(stateOf(t, a)); !strings.Contains(third.Reason, "used already") || len(l.tokens.exchanges) != 1 {
		t.Errorf("got %+v after %d exchanges", third, len(l.tokens.exchanges))
	}
}

func TestOfManyCallbacksAtOnceOneIsExchanged(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	state := stateOf(t, a)
	other, _ := l.replica()
	var all sync.WaitGroup
	got := make([]core.Received, 8)
	for i := range got {
		all.Go(func() {
			v := l.vault
			if i%2 == 1 {
				v = other
			}
			got[i], _ = v.ReceiveAuthorization(t.Context(), itself("gateway"), core.Callback{State: state, Code: secret.FromString("code"), Path: a.Callback})
		})
	}
	all.Wait()
	confirmed := 0
	for _, r := range got {
		if r.Confirmation != "" {
			confirmed++
		}
	}
	if confirmed != 1 || len(l.tokens.exchanges) != 1 {
		t.Errorf("%d confirmations, %d exchanges", confirmed, len(l.tokens.exchanges))
	}
}

func TestAConnectionThatGoesDuringTheExchangeLeavesNothing(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	l.tokens.during = func() {
		l.tokens.set(func(s *scripted) { s.during = nil })
		if err := l.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
			t.Error(err)
		}
	}
	got := l.receive(stateOf(t, a))
	if !strings.Contains(got.Reason, "deleted meanwhile") || !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) {
		t.Errorf("got %+v, revoked %v", got, l.tokens.revoked)
	}
	if _, stored := l.authorization(a); stored {
		t.Error("the sign-in outlives its connection")
	}
	// Another connection of the same name has nothing to do with it.
	l.connect()
	if again := l.receive(stateOf(t, a)); !strings.Contains(again.Reason, "unknown") {
		t.Errorf("got %+v", again)
	}
}

func TestATokenThatCannotBeStoredIsGivenBack(t *testing.T) {
	for title, mode := range map[string]faultkv.Point{"before the commit": faultkv.BeforeCommit, "after the commit": faultkv.AfterCommit} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			a := l.start()
			l.tokens.during = func() { l.faults.Fail(mode, 1, errors.New("the disk is full")) }
			got := l.receive(stateOf(t, a))
			l.tokens.set(func(s *scripted) { s.during = nil })
			if !strings.Contains(got.Reason, "could not be stored") || len(l.tokens.revoked) == 0 {
				t.Fatalf("got %+v, revoked %v", got, l.tokens.revoked)
			}
			l.clock.Advance(time.Hour)
			after := l.get(a)
			if after.State != core.AuthorizationFailed || after.Reason == "" || l.connection().State != core.StateNeedsAuthorization {
				t.Errorf("it is %v %q", after.State, after.Reason)
			}
		})
	}
}

func TestACrashBetweenExchangeAndCommitEndsTheSignIn(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	l.tokens.during = func() { panic("the process ends here") }
	func() {
		defer func() { _ = recover() }()
		l.receive(stateOf(t, a))
	}()
	l.tokens.set(func(s *scripted) { s.during = nil })
	if again := l.receive(stateOf(t, a)); !strings.Contains(again.Reason, "used already") {
		t.Errorf("the code would be exchanged again: %+v", again)
	}
	if got := l.get(a); got.State != core.AuthorizationPending {
		t.Errorf("it is given up while the call may be under way: %v", got.State)
	}
	l.clock.Advance(61 * time.Second)
	wantFailed(t, l.get(a), "interrupted")
	wantFailed(t, l.complete(a, "00000-00000"), "interrupted")
	if l.connection().State != core.StateNeedsAuthorization {
		t.Error("the connection is half connected")
	}
	if done := l.signIn(); done.State != core.AuthorizationSucceeded {
		t.Errorf("another sign-in ends in %+v", done)
	}
}

func TestABrowserThatLeavesLosesNothing(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	ctx, leave := withCancel(t)
	l.tokens.during = leave
	r, err := l.vault.ReceiveAuthorization(ctx, itself("gateway"), core.Callback{State: stateOf(t, a), Code: secret.FromString("c"), Path: a.Callback})
	if err != nil || r.Confirmation == "" {
		t.Fatalf("got %+v, %v", r, err)
	}
	if l.get(a).State != core.AuthorizationReceived {
		t.Error("the answer of the provider is lost")
	}
}

func TestASignInThatWasSentToSomebodyElseGivesTheSenderNothing(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start() // ann sends the address to victor, who signs in
	shown := l.receive(stateOf(t, a))
	for range 4 {
		_, err := l.vault.CompleteAuthorization(t.Context(), ann(), a.Name, "guess-guess")
		wantReason(t, err, fault.ReasonAuthorizationFailed)
	}
	if got := l.complete(a, "guess-guess"); got.State != core.AuthorizationFailed {
		t.Errorf("after five guesses it is %v", got.State)
	}
	wantFailed(t, l.complete(a, shown.Confirmation), "5 wrong confirmations")
	if !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) || l.connection().State != core.StateNeedsAuthorization {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
	// Nor can victor use what he was shown: the sign-in is not his.
	_, err := l.vault.CompleteAuthorization(t.Context(), user("victor"), a.Name, shown.Confirmation)
	wantReason(t, err, fault.ReasonAuthorizationNotFound)
}

func TestTheIssuerThatAnswersIsComparedLikeThatOfMetadata(t *testing.T) {
	for title, c := range map[string]struct {
		asked, answers string
		accepted       bool
	}{
		"the same":                           {"https://login.crm.example", "https://login.crm.example", true},
		"a slash more":                       {"https://login.crm.example", "https://login.crm.example/", true},
		"a slash less":                       {"https://login.crm.example/", "https://login.crm.example", true},
		"a tenant where any may answer":      {"https://login.crm.example/{tenantid}/v2.0", "https://login.crm.example/1f3e/v2.0", true},
		"more than a tenant":                 {"https://login.crm.example/{tenantid}/v2.0", "https://login.crm.example/1f3e/x/v2.0", false},
		"a tenant where another was asked":   {"https://login.crm.example/1f3e/v2.0", "https://login.crm.example/2a4b/v2.0", false},
		"a tenant left open by who answers":  {"https://login.crm.example/1f3e/v2.0", "https://login.crm.example/{tenantid}/v2.0", false},
		"another path":                       {"https://login.crm.example", "https://login.crm.example/a", false},
		"another server with the same start": {"https://login.crm.example", "https://login.crm.example.evil.example", false},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			l.presets.issuer = c.asked
			a := l.start()
			got := l.receive(stateOf(t, a), func(cb *core.Callback) { cb.Issuer = c.answers })
			if accepted := got.Confirmation != ""; accepted != c.accepted || len(l.tokens.exchanges) > 0 != c.accepted {
				t.Errorf("accepted is %v: %q, after %d exchanges", accepted, got.Reason, len(l.tokens.exchanges))
			}
		})
	}
}
