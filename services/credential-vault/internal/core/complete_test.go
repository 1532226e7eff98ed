package core_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func withCancel(t *testing.T) (context.Context, func()) {
	t.Helper()
	return context.WithCancel(t.Context())
}

func clientName(id string) resource.OAuthClient {
	return resource.OAuthClient{Environment: "default", ID: id}
}

func TestConfirmationsAreReadAsPeopleWriteThem(t *testing.T) {
	for title, write := range map[string]func(string) string{
		"as it is":            func(c string) string { return c },
		"in small letters":    strings.ToLower,
		"without the hyphen":  func(c string) string { return strings.ReplaceAll(c, "-", "") },
		"with spaces":         func(c string) string { return " " + strings.ReplaceAll(c, "-", " ") + "\n" },
		"with letters for 01": func(c string) string { return strings.NewReplacer("0", "o", "1", "l").Replace(c) },
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			a := l.start()
			if got := l.complete(a, write(l.receive(stateOf(t, a)).Confirmation)); got.State != core.AuthorizationSucceeded {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAnEmptyConfirmationIsNoTry(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	r := l.receive(stateOf(t, a))
	for range 6 {
		_, err := l.vault.CompleteAuthorization(t.Context(), ann(), a.Name, " - ")
		wantReason(t, err, fault.ReasonInvalidArgument)
	}
	if got := l.complete(a, r.Confirmation); got.State != core.AuthorizationSucceeded {
		t.Errorf("got %+v", got)
	}
}

func TestNothingIsCompletedBeforeTheProviderHasAnswered(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	for range 6 {
		if got := l.complete(a, "AAAAA-AAAAA"); got.State != core.AuthorizationPending {
			t.Fatalf("got %+v", got)
		}
	}
	if got := l.complete(a, l.receive(stateOf(t, a)).Confirmation); got.State != core.AuthorizationSucceeded {
		t.Errorf("got %+v", got)
	}
}

func TestOfManyConfirmationsAtOnceOneGivesTheGrant(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	confirmation := l.receive(stateOf(t, a)).Confirmation
	other, _ := l.replica()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			v := l.vault
			if i%2 == 1 {
				v = other
			}
			got, err := v.CompleteAuthorization(t.Context(), ann(), a.Name, confirmation)
			if err != nil && fault.CodeOf(err) != fault.CodeAborted || err == nil && got.State != core.AuthorizationSucceeded {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	all.Wait()
	held, err := l.records.Held(t.Context(), name("crm-1"))
	if err != nil || held.Grant.Version != 1 || len(l.tokens.revoked) != 0 {
		t.Errorf("the grant was given %d times, %v revoked, %v", held.Grant.Version, l.tokens.revoked, err)
	}
}

func TestASignInAndItsGrantAreStoredTogether(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	r := l.receive(stateOf(t, a))
	l.faults.Fail(faultkv.BeforeCommit, 1, errors.New("the disk is full"))
	if _, err := l.vault.CompleteAuthorization(t.Context(), ann(), a.Name, r.Confirmation); err == nil {
		t.Fatal("it was stored")
	}
	if l.get(a).State != core.AuthorizationReceived || l.connection().State != core.StateNeedsAuthorization {
		t.Errorf("half of it was stored: %v, %v", l.get(a).State, l.connection().State)
	}
	if got := l.complete(a, r.Confirmation); got.State != core.AuthorizationSucceeded {
		t.Errorf("it cannot be repeated: %+v", got)
	}
	l.clock.Advance(2 * time.Hour)
	l.sweep()
	if lent, err := l.lentAfterRenewal(); err != nil || lent == "" {
		t.Errorf("the grant is gone with its sign-in: %v", err)
	}
}

// lentAfterRenewal says whether the connection still has its grant.
func (l *login) lentAfterRenewal() (string, error) {
	held, err := l.records.Held(l.t.Context(), name("crm-1"))
	return string(held.Grant.Access), err
}

func TestWhatChangesBeforeTheConfirmationEndsTheSignIn(t *testing.T) {
	for title, change := range map[string]func(l *login) error{
		"another provider": func(l *login) error { l.presets.token = "https://evil.example/token"; return nil },
		"another client":   func(l *login) error { l.exchangeClient(); return nil },
		"another server": func(l *login) error {
			_, err := l.edited(core.Edit{ServerURL: "https://eu.sandbox.example"}, core.FieldServerURL)
			return err
		},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			l.connect()
			a := l.start()
			r := l.receive(stateOf(t, a))
			if err := change(l); err != nil {
				t.Fatal(err)
			}
			got := l.complete(a, r.Confirmation)
			if got.State != core.AuthorizationFailed || got.Reason == "" || l.connection().State != core.StateNeedsAuthorization {
				t.Errorf("got %+v", got)
			}
			if stored, _ := l.authorization(a); len(stored.Secrets) != 0 {
				t.Error("its token is still stored")
			}
			if title == "another provider" && len(l.tokens.revoked) != 0 {
				t.Error("the token went to the other provider")
			}
		})
	}
}

func TestADeviceFlow(t *testing.T) {
	l := newLogin(t)
	l.presets.grant, l.tokens.interval = oauth.DeviceCode, 5*time.Second
	l.client()
	l.connect()
	a := l.start()
	if a.UserCode != "WDJB-MJHT" || a.URL != "https://login.crm.example/device" || a.CompleteURL == "" || a.PollInterval != 5*time.Second {
		t.Fatalf("got %+v", a)
	}
	pending := func(polls int) {
		t.Helper()
		if got := l.complete(a, ""); got.State != core.AuthorizationPending || l.tokens.polls != polls {
			t.Fatalf("got %v after %d polls, want %d", got.State, l.tokens.polls, polls)
		}
	}
	say := func(v oauth.Verdict) {
		l.tokens.set(func(s *scripted) { s.poll = &oauth.Error{Verdict: v, Host: "login.crm.example"} })
	}
	say(oauth.Pending)
	pending(0) // too soon
	l.clock.Advance(5 * time.Second)
	pending(1)
	pending(1) // too soon again
	l.clock.Advance(5 * time.Second)
	say(oauth.SlowDown)
	pending(2)
	l.clock.Advance(9 * time.Second)
	pending(2)
	l.clock.Advance(time.Second)
	say(oauth.Transient)
	pending(3)
	l.clock.Advance(10 * time.Second)
	l.tokens.set(func(s *scripted) { s.poll = nil })
	got := l.complete(a, "")
	if got.State != core.AuthorizationSucceeded || got.PollInterval != 10*time.Second || l.connection().State != core.StateConnected {
		t.Errorf("got %+v", got)
	}
}

func TestADeviceFlowThatEnds(t *testing.T) {
	for title, c := range map[string]struct {
		act  func(l *login)
		want string
	}{
		"the person says no": {func(l *login) { l.tokens.poll = &oauth.Error{Verdict: oauth.Gone, Code: "access_denied", Host: "h"} }, "access_denied"},
		"the client is not known": {func(l *login) {
			l.tokens.poll = &oauth.Error{Verdict: oauth.Misconfigured, Code: "invalid_client", Host: "h"}
		}, "invalid_client"},
		"nobody comes":       {func(l *login) { l.clock.Advance(5 * time.Minute) }, "has expired"},
		"the provider moves": {func(l *login) { l.presets.token = "https://evil.example/token" }, "OAuth client"},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.presets.grant = oauth.DeviceCode
			l.client()
			l.connect()
			a := l.start()
			l.clock.Advance(time.Second)
			c.act(l)
			wantFailed(t, l.complete(a, ""), c.want)
			wantFailed(t, l.get(a), c.want)
		})
	}
}

func TestOnlyOneProcessPollsAtATime(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.DeviceCode
	l.client()
	l.connect()
	a := l.start()
	l.clock.Advance(time.Second)
	other, _ := l.replica()
	l.tokens.during = func() {
		l.tokens.set(func(s *scripted) { s.during = nil })
		l.clock.Advance(30 * time.Second)
		if got, err := other.CompleteAuthorization(t.Context(), ann(), a.Name, ""); err != nil || got.State != core.AuthorizationPending {
			t.Errorf("the other got %+v, %v", got, err)
		}
	}
	if got := l.complete(a, ""); got.State != core.AuthorizationSucceeded || l.tokens.polls != 1 {
		t.Errorf("got %+v after %d polls", got, l.tokens.polls)
	}
}

func TestADeviceTokenThatMeetsAnotherChangeIsNotLost(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.DeviceCode
	l.client()
	l.connect()
	a := l.start()
	l.clock.Advance(time.Second)
	l.tokens.during = func() {
		l.tokens.set(func(s *scripted) { s.during = nil })
		if _, err := l.edited(core.Edit{DisplayName: "renamed"}, core.FieldDisplayName); err != nil {
			t.Error(err)
		}
	}
	if got := l.complete(a, ""); got.State != core.AuthorizationSucceeded || l.connection().DisplayName != "renamed" {
		t.Errorf("got %+v", got)
	}
}

func TestADeviceTokenThatCannotBeStoredIsGivenBack(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.DeviceCode
	l.client()
	l.connect()
	a := l.start()
	l.clock.Advance(time.Second)
	l.tokens.during = func() { l.faults.Fail(faultkv.BeforeCommit, 1, errors.New("the disk is full")) }
	wantFailed(t, l.complete(a, ""), "could not be stored")
	if !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
}

// sweep runs the sweep once.
func (l *login) sweep() {
	l.t.Helper()
	if err := l.vault.SweepOnce(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

func TestTheSweepIsRepeatedUntilItIsStopped(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	ctx, stop := withCancel(t)
	done := make(chan error, 1)
	go func() { done <- l.vault.SweepAuthorizations(ctx) }()
	testkit.Await(t, "the first sweep", func() bool { return l.clock.Waiting() > 0 })
	l.faults.Fail(faultkv.BeforeCommit, 1, errors.New("the disk is full"))
	l.clock.Advance(11 * time.Minute) // this one fails, which stops nothing
	testkit.Await(t, "the second sweep", func() bool { return l.clock.Waiting() > 0 })
	l.clock.Advance(time.Minute)
	testkit.Await(t, "the end of the sign-in", func() bool {
		stored, _ := l.authorization(a)
		return stored.State == core.AuthorizationFailed
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSignInsThatNobodyGoesOnWithAreSweptUp(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	waiting, received := l.start(), l.start()
	r := l.receive(stateOf(t, received))
	l.clock.Advance(9 * time.Minute)
	l.sweep()
	if l.get(waiting).State != core.AuthorizationPending || l.get(received).State != core.AuthorizationReceived {
		t.Fatal("they were ended too soon")
	}
	l.clock.Advance(61 * time.Second)
	l.sweep()
	wantFailed(t, l.get(waiting), "expired")
	wantFailed(t, l.get(received), "not confirmed in time")
	if !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
	wantFailed(t, l.complete(received, r.Confirmation), "not confirmed in time")
	for _, a := range []core.Authorization{waiting, received} {
		if stored, _ := l.authorization(a); len(stored.Secrets) != 0 || stored.State != core.AuthorizationFailed {
			t.Errorf("stored is %+v", stored)
		}
	}
	l.clock.Advance(time.Hour)
	l.sweep()
	for _, a := range []core.Authorization{waiting, received} {
		if _, stored := l.authorization(a); stored {
			t.Error("it is never forgotten")
		}
	}
	if _, err := l.vault.GetAuthorization(t.Context(), ann(), waiting.Name); fault.ReasonOf(err) != fault.ReasonAuthorizationNotFound {
		t.Errorf("got %v", err)
	}
}

func TestATokenOfAProcessThatEndedIsGivenBackByTheNextSweep(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	l.receive(stateOf(t, a))
	stored, _ := l.authorization(a)
	// The process that ended the sign-in has not come to giving its token back.
	stored.State, stored.Reason = core.AuthorizationFailed, "ended"
	stored.Change++
	if err := l.records.ReplaceAuthorization(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	l.clock.Advance(11 * time.Minute)
	l.sweep()
	if got, _ := l.authorization(a); len(got.Secrets) != 0 || len(l.tokens.revoked) != 1 {
		t.Errorf("%d secrets are left, %v revoked", len(got.Secrets), l.tokens.revoked)
	}
}

func TestGetShowsASignInToItsOwnerOnly(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	for _, caller := range []core.Caller{bob(), admin(), itself("trigger")} {
		_, err := l.vault.GetAuthorization(t.Context(), caller, a.Name)
		wantReason(t, err, fault.ReasonAuthorizationNotFound)
		_, err = l.vault.CompleteAuthorization(t.Context(), caller, a.Name, "x")
		wantReason(t, err, fault.ReasonAuthorizationNotFound)
	}
	nowhere := a.Name
	nowhere.Environment = "prod"
	_, err := l.vault.GetAuthorization(t.Context(), ann(), nowhere)
	wantReason(t, err, fault.ReasonEnvironmentNotFound)
}
