package core_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestWhatBecomesOfAConnectionWhoseTokenCannotBeRenewed(t *testing.T) {
	misconfigured := &oauth.Error{Verdict: oauth.Misconfigured, Code: "invalid_client", Host: "login.crm.example", Status: 401}
	busy := &oauth.Error{Verdict: oauth.Transient, Host: "login.crm.example", Status: 429, RetryAfter: 3 * time.Minute}
	for title, c := range map[string]struct {
		answer error
		want   fault.Reason
		state  core.State
		quiet  time.Duration // how long the provider is left alone
		events []string
	}{
		"the grant is gone":                     {gone("invalid_grant"), fault.ReasonConnectionNotReady, core.StateNeedsAuthorization, 1000 * time.Hour, []string{"authorized", "needs-authorization"}},
		"the provider does not take our client": {misconfigured, fault.ReasonProviderRefused, core.StateError, 4 * time.Second, []string{"authorized", "failed"}},
		"the provider is down":                  {transient(), fault.ReasonProviderUnavailable, core.StateConnected, 4 * time.Second, []string{"authorized"}},
		"the provider asks for some time":       {busy, fault.ReasonProviderUnavailable, core.StateConnected, 179 * time.Second, []string{"authorized"}},
		"something else has failed":             {errDisk, fault.ReasonInternal, core.StateConnected, 4 * time.Second, []string{"authorized"}},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				v := r.replica(r.engine)
				r.connect(v, time.Hour)
				r.provider.fail = []error{c.answer}
				time.Sleep(2 * time.Hour)
				_, _, err := lend(t.Context(), v)
				wantReason(t, err, c.want)
				conn := r.state(v)
				if conn.State != c.state || (conn.StateReason == "") != (c.state == core.StateConnected) {
					t.Errorf("the connection is %v: %q", conn.State, conn.StateReason)
				}
				if diff := cmp.Diff(c.events, r.events()); diff != "" {
					t.Error(diff)
				}
				time.Sleep(c.quiet)
				if _, _, err := lend(t.Context(), v); err == nil || r.provider.asked() != 1 {
					t.Errorf("the provider was asked %d times, the last answer is %v", r.provider.asked(), err)
				}
				if c.state == core.StateNeedsAuthorization {
					return
				}
				time.Sleep(2 * time.Second)
				values, _, err := lend(t.Context(), v)
				if err != nil || values["token"] != r.provider.newest() {
					t.Errorf("it has not recovered: %v, %v", values, err)
				}
				if conn := r.state(v); conn.State != core.StateConnected || conn.StateReason != "" {
					t.Errorf("the connection is %v: %q", conn.State, conn.StateReason)
				}
			})
		})
	}
}

func TestAProviderThatIsDownIsAskedLessAndLess(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		for range 100 {
			r.provider.fail = append(r.provider.fail, transient())
		}
		time.Sleep(2 * time.Hour)
		for range 3600 {
			_, _, _ = lend(t.Context(), v)
			time.Sleep(time.Second)
		}
		// 0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035
		if n := r.provider.asked(); n != 12 {
			t.Errorf("the provider was asked %d times in an hour", n)
		}
	})
}

func TestATokenThatStillHoldsIsLentWhileTheProviderIsDown(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		old := r.provider.newest()
		r.provider.fail = []error{transient(), transient(), transient()}
		time.Sleep(time.Hour - 12*time.Second)
		values, lent, err := lend(t.Context(), v)
		if err != nil || values["token"] != old {
			t.Fatalf("got %v, %v", values, err)
		}
		if left := time.Until(lent.ExpireTime); left != 7*time.Second {
			t.Errorf("the loan ends in %v", left)
		}
	})
}

func TestARefreshTokenGoesOnlyWhereItCameFrom(t *testing.T) {
	for title, endpoints := range map[string]oauth.Endpoints{
		"the token endpoint moved":        {Token: "https://evil.example/token"},
		"a refresh endpoint appeared":     {Token: "https://login.crm.example/token", Refresh: "https://evil.example/refresh"},
		"it lost its encryption":          {Token: "http://login.crm.example/token"},
		"it moved to another port":        {Token: "https://login.crm.example:8443/token"},
		"the endpoint is no URL any more": {Token: "::"},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				v := r.replica(r.engine)
				r.connect(v, time.Hour)
				r.profile = &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: endpoints}
				time.Sleep(2 * time.Hour)
				_, _, err := lend(t.Context(), v)
				wantReason(t, err, fault.ReasonHostNotAllowed)
				if n := r.provider.asked(); n != 0 {
					t.Errorf("the provider was asked %d times", n)
				}
				if conn := r.state(v); conn.State != core.StateError || conn.StateReason == "" {
					t.Errorf("the connection is %v", conn.State)
				}
			})
		})
	}
}
