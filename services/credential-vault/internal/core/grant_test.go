package core_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// byItself are sign-ins that need no person.
func byItself() *oauth.Profile {
	return &oauth.Profile{Grant: oauth.ClientCredentials, Endpoints: oauth.Endpoints{Token: "https://login.crm.example/token"}}
}

func TestTheFirstCallObtainsATokenThatNeedsNoPerson(t *testing.T) {
	for _, kind := range []oauth.Grant{oauth.ClientCredentials, oauth.Password, oauth.JWTBearer, oauth.RefreshToken} {
		t.Run(string(kind), func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				r.profile = byItself()
				r.profile.Grant, r.profile.Placement = kind, oauth.Placement{Header: "X-Token"}
				r.provider.slow = time.Second
				r.insert()
				one, two := r.replica(r.engine), r.replica(r.engine)
				got := hammer(t, 64, one, two)
				if diff := cmp.Diff(map[string]int{r.provider.newest(): 128}, got); diff != "" || r.provider.asked() != 1 {
					t.Errorf("after %d calls: %s", r.provider.asked(), diff)
				}
				if _, lent, _ := lend(t.Context(), one); lent.Placement.Header != "X-Token" || lent.TokenVersion == "" {
					t.Errorf("lent as %q in %+v", lent.TokenVersion, lent.Placement)
				}
				time.Sleep(2 * time.Hour)
				if got := hammer(t, 4, one, two); got[r.provider.newest()] != 8 || r.provider.asked() != 2 {
					t.Errorf("after its end: %v after %d calls", got, r.provider.asked())
				}
			})
		})
	}
}

func TestATokenThatNeedsNoPersonFollowsTheValuesOfItsConnection(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile = byItself()
		v := r.replica(r.engine)
		r.insert()
		_, _, _ = lend(t.Context(), v)
		conn := r.state(v)
		conn.Change++
		conn.Edits++
		if err := proved(r.engine).Replace(t.Context(), core.Write{Connection: conn}); err != nil {
			t.Fatal(err)
		}
		values, _, err := lend(t.Context(), v)
		if err != nil || values["token"] != r.provider.newest() || r.provider.asked() != 2 {
			t.Errorf("got %v, %v after %d calls", values, err, r.provider.asked())
		}
	})
}

func TestAClientThatIsNotAcceptedIsAnErrorThatAnEditEnds(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile = byItself()
		v := r.replica(r.engine)
		r.insert()
		r.provider.fail = []error{&oauth.Error{Verdict: oauth.Misconfigured, Code: "invalid_client", Host: "login.crm.example"}}
		_, _, err := lend(t.Context(), v)
		wantReason(t, err, fault.ReasonProviderRefused)
		_, _, err = lend(t.Context(), v)
		wantReason(t, err, fault.ReasonConnectionNotReady)
		conn := r.state(v)
		if conn.State != core.StateError || !slices.Equal(r.events(), []string{"failed"}) {
			t.Errorf("the connection is %v, events %v", conn.State, r.events())
		}
		conn.Change++
		conn.Edits++
		if err := proved(r.engine).Replace(t.Context(), core.Write{Connection: conn}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := lend(t.Context(), v); err != nil {
			t.Errorf("after the edit: %v", err)
		}
	})
}

func TestSomebodyWhoAsksForATokenNeedNotWaitAfterAFailure(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile = byItself()
		v := r.replica(r.engine)
		conn := r.insert(func(c *core.Connection) { c.State = core.StateNeedsAuthorization })
		r.provider.fail = []error{transient()}
		if _, err := v.Obtain(t.Context(), conn); fault.ReasonOf(err) != fault.ReasonProviderUnavailable {
			t.Fatalf("got %v", err)
		}
		conn, err := v.Obtain(t.Context(), conn)
		if err != nil || conn.State != core.StateConnected || conn.TokenExpireTime.IsZero() {
			t.Errorf("got %+v, %v", conn, err)
		}
	})
}

func TestWhatTheRuntimeGetsOfAConnectionWithASignIn(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		conn := r.insert(func(c *core.Connection) { c.TokenOrigins = []string{"https://login.crm.example:443"} })
		sealer := &safeSealer{}
		w := core.Write{Connection: conn}
		w.Connection.Change++
		for _, secretName := range []string{"clientSecret", "subscription-key", "token:clientSecret"} {
			version := "1"
			if secretName != "subscription-key" {
				version += "+sign-in"
			}
			at := core.Place{Environment: "default", Resource: conn.Name.String(), Key: conn.Key, Parameter: secretName, Version: version}
			blob, _ := sealer.Seal(t.Context(), at, secret.FromString("value of "+secretName))
			w.Secrets = append(w.Secrets, core.Sealed{Parameter: secretName, Version: version, Blob: blob})
			w.Connection.SecretNames = append(w.Connection.SecretNames, secretName)
		}
		if err := proved(r.engine).Replace(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		conn, err := v.AcceptGrant(t.Context(), ann(), w.Connection, r.profile, r.provider.issue(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		values, lent, err := lend(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"subscription-key": "value of subscription-key", "token": r.provider.newest()}
		if diff := cmp.Diff(want, values); diff != "" {
			t.Error(diff)
		}
		if !slices.IsSortedFunc(lent.Secrets, func(a, b core.NamedSecret) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) }) {
			t.Error("the secrets are not sorted")
		}
		records, _, err := v.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}})
		if err != nil || len(records) != 2 {
			t.Fatalf("the trail is %v, %v", records, err)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), records[0].SecretNames); diff != "" || records[1].Action != core.ActionAuthorized {
			t.Errorf("the trail is %+v: %s", records, diff)
		}
		if diff := cmp.Diff(conn.Name, lent.Connection.Name); diff != "" {
			t.Error(diff)
		}
	})
}

// Failure mode 9.
func TestATokenGoesOnlyWhereItsConnectionLedAtTheSignIn(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		if _, lent, err := lend(t.Context(), v); err != nil || !cmp.Equal(lent.Origins, []string{"https://api.crm.example"}) {
			t.Fatalf("got %v, %v", lent.Origins, err)
		}
		r.mu.Lock()
		r.def = signInDefinition()
		r.def.Servers = []*connectorv1.Server{{UrlTemplate: "https://evil.example"}}
		r.mu.Unlock()
		_, _, err := lend(t.Context(), v)
		wantReason(t, err, fault.ReasonHostNotAllowed)
		// Even if the connection itself was bound to the other host meanwhile.
		conn := r.state(v)
		conn.Change++
		conn.Origins = append(conn.Origins, core.Origin{Scheme: "https", Host: "evil.example:443"})
		if err := proved(r.engine).Replace(t.Context(), core.Write{Connection: conn}); err != nil {
			t.Fatal(err)
		}
		_, _, err = lend(t.Context(), v)
		wantReason(t, err, fault.ReasonHostNotAllowed)
		if _, err = v.AcceptGrant(t.Context(), ann(), conn, r.profile, r.provider.issue(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, lent, err := lend(t.Context(), v); err != nil || !cmp.Equal(lent.Origins, []string{"https://evil.example"}) {
			t.Errorf("after a sign-in for the new host: %v, %v", lent.Origins, err)
		}
	})
}

func TestATokenOfTheCallerIsExchangedOnce(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile = byItself()
		r.profile.Grant = oauth.OnBehalfOf
		v := r.replica(r.engine)
		r.insert()
		r.provider.slow = time.Second
		r.provider.subject = func(subject secret.Text) (oauth.Token, error) {
			var text string
			_ = subject.Use(reveal.Grant(), func(b []byte) error { text = string(b); return nil })
			return oauth.Token{Access: secret.FromString("for " + text), ExpireTime: time.Now().Add(10 * time.Minute)}, nil
		}
		ask := func(subject core.Subject, version string) (core.Credential, error) {
			req := core.Request{Name: name("crm-1"), Subject: subject}
			if version != "" {
				return v.Reject(t.Context(), through("runtime-proxy", ann()), core.Rejection{Request: req, TokenVersion: version, Status: 401})
			}
			return v.Resolve(t.Context(), through("runtime-proxy", ann()), req)
		}
		_, err := ask(core.Subject{}, "")
		wantReason(t, err, fault.ReasonConnectionNotReady)
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				who := fmt.Sprintf("caller-%d", i%2)
				lent, err := ask(subjectOf(who), "")
				if err != nil || valuesOf(lent)["token"] != "for "+who {
					t.Errorf("got %v, %v", valuesOf(lent), err)
				}
			})
		}
		wg.Wait()
		if n := r.provider.asked(); n != 2 {
			t.Errorf("two callers made %d calls", n)
		}
		lent, _ := ask(subjectOf("caller-0"), "")
		_, err = ask(subjectOf("caller-0"), lent.TokenVersion)
		wantReason(t, err, fault.ReasonConnectionNotReady) // too new to be blamed
		time.Sleep(time.Minute)
		again, err := ask(subjectOf("caller-0"), lent.TokenVersion)
		if err != nil || again.TokenVersion == lent.TokenVersion || r.provider.asked() != 3 {
			t.Errorf("got %q, %v after %d calls", again.TokenVersion, err, r.provider.asked())
		}
		time.Sleep(time.Hour)
		if _, err := ask(subjectOf("caller-1"), ""); err != nil || r.provider.asked() != 4 {
			t.Errorf("after its end: %v after %d calls", err, r.provider.asked())
		}
	})
}

// background runs RenewDue of some vaults, and returns what ends it.
func background(t *testing.T, vaults ...*core.Vault) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, v := range vaults {
		wg.Go(func() {
			if err := v.RenewDue(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

func TestTokensInUseAreRenewedBeforeAnybodyAsks(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		one, two := r.replica(r.engine), r.replica(r.engine)
		r.connect(one, time.Hour)
		stop := background(t, one, two)
		time.Sleep(23 * time.Hour)
		asked := r.provider.asked()
		if asked < 23 || asked > 29 { // every 49 to 51 minutes
			t.Errorf("a token of one hour was renewed %d times in 23 hours", asked)
		}
		values, _, err := lend(t.Context(), two)
		if err != nil || values["token"] != r.provider.newest() || r.provider.asked() != asked {
			t.Errorf("got %v, %v after %d calls", values, err, r.provider.asked())
		}
		// Nobody uses it any more: two days later it is left alone.
		time.Sleep(48 * time.Hour)
		asked = r.provider.asked()
		time.Sleep(48 * time.Hour)
		if n := r.provider.asked() - asked; n != 0 {
			t.Errorf("a token that nobody uses was renewed %d times in two days", n)
		}
		// Until somebody does.
		if _, _, err := lend(t.Context(), one); err != nil {
			t.Error(err)
		}
		asked = r.provider.asked()
		time.Sleep(3 * time.Hour)
		if n := r.provider.asked() - asked; n < 3 {
			t.Errorf("a token that is in use again was renewed %d times in three hours", n)
		}
		stop()
	})
}

func TestASlowProviderHoldsUpNobodyElse(t *testing.T) {
	for _, slow := range []int{20, 1200} { // more than are looked at together
		t.Run(fmt.Sprintf("with %d tokens", slow), func(t *testing.T) { slowProvider(t, slow) })
	}
}

func slowProvider(t *testing.T, slow int) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.slow = &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Token: "https://slow.example/token"}}
		connect := func(i int, p *oauth.Profile, which string, life time.Duration) {
			conn := r.insert(func(c *core.Connection) {
				c.Name, c.UID, c.Parameters = name(fmt.Sprintf("crm-%d", i)), fmt.Sprintf("%016x", i), map[string]string{"provider": which}
			})
			if _, err := v.AcceptGrant(t.Context(), ann(), conn, p, r.provider.issue(life)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range slow {
			connect(i, r.slow, "slow", 30*time.Minute)
		}
		connect(slow, r.profile, "usual", time.Hour)
		r.provider.set(func(s *tokenServer) { s.slow = 25 * time.Second })
		time.Sleep(55 * time.Minute) // all are due, the slow ones first
		stop := background(t, v)
		time.Sleep(13 * time.Second) // one tick
		r.provider.set(func(s *tokenServer) { s.slow = 0 })
		synctest.Wait()
		if n := r.provider.asked(); n != 5 {
			t.Errorf("%d calls at once, want four at the slow provider and one at the other", n)
		}
		time.Sleep(5 * time.Minute)
		if n := r.provider.asked(); n != slow+1 && (slow < 1000 || n < 80) { // four with each tick
			t.Errorf("in the end there were %d calls", n)
		}
		stop()
	})
}

func TestTheEndOfTheBackgroundWaitsForAnswers(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		r.provider.slow = 20 * time.Second
		time.Sleep(55 * time.Minute)
		stop := background(t, v)
		time.Sleep(13 * time.Second)
		if r.provider.asked() != 1 {
			t.Fatalf("the provider was asked %d times", r.provider.asked())
		}
		stop()
		if g := r.grant(); g.Version != 2 || g.Attempt.ID != "" {
			t.Errorf("the answer was lost: %+v", g)
		}
	})
}

func TestAConnectionThatNeverGotATokenSaysWhy(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile = byItself()
		v := r.replica(r.engine)
		r.insert()
		first, second := fault.Unavailable(fault.ReasonProviderUnavailable, "the provider answered with status 500"), transient()
		r.provider.fail = []error{first, second}
		for _, why := range []string{first.Message(), fault.From(second).Message()} {
			if _, _, err := lend(t.Context(), v); err == nil {
				t.Fatal("a token was lent")
			}
			if conn := r.state(v); conn.State != core.StateError || conn.StateReason != why || conn.StateTime.IsZero() {
				t.Errorf("it is %v because of %q, want %q", conn.State, conn.StateReason, why)
			}
			time.Sleep(time.Hour)
		}
		if _, _, err := lend(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if conn := r.state(v); conn.State != core.StateConnected || conn.StateReason != "" {
			t.Errorf("with a token it is %v because of %q", conn.State, conn.StateReason)
		}
		records, _, err := v.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default", Action: core.ActionAuthorized}})
		if err != nil || len(records) != 1 || records[0].Principal != "ann" || records[0].OperationID != "oauth:token" {
			t.Errorf("on record: %+v, %v", records, err)
		}
	})
}
