package core_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// reject reports that the API refused a token, and returns what is lent instead.
func reject(t *testing.T, v *core.Vault, version string, status int) (string, core.Credential, error) {
	t.Helper()
	lent, err := v.Reject(t.Context(), through("runtime-proxy", ann()), core.Rejection{
		Request: core.Request{Name: name("crm-1"), OperationID: "op"}, TokenVersion: version, Status: status,
	})
	if err != nil {
		return "", lent, err
	}
	return valuesOf(lent)["token"], lent, nil
}

// Failure mode 6.
func TestWhatAnAnswerOfTheAPISaysAboutItsToken(t *testing.T) {
	for title, c := range map[string]struct {
		life, age time.Duration
		status    int
		renews    bool
	}{
		"401 says that it holds no more":                               {time.Hour, time.Minute, 401, true},
		"401 without any life stated":                                  {0, time.Minute, 401, true},
		"403 forbids the call, while the token holds":                  {time.Hour, 50 * time.Minute, 403, false},
		"403 after the end of the token is its end":                    {time.Hour, time.Hour, 403, true},
		"403 to a young token of an unknown life forbids the call":     {0, 4 * time.Minute, 403, false},
		"403 to an older token of an unknown life may well be its end": {0, 5 * time.Minute, 403, true},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				v := r.replica(r.engine)
				r.connect(v, c.life)
				old := r.provider.newest()
				version := r.grant().TokenVersion()
				time.Sleep(c.age)
				token, lent, err := reject(t, v, version, c.status)
				if err != nil {
					t.Fatal(err)
				}
				if renewed := r.provider.asked() == 1; renewed != c.renews || (token != old) != c.renews || (lent.TokenVersion != version) != c.renews {
					t.Errorf("lent %s as %s after %d calls, the old one was %s as %s", token, lent.TokenVersion, r.provider.asked(), old, version)
				}
			})
		})
	}
}

func TestManyWhoReportTheSameTokenGetOneNewOne(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		vaults := []*core.Vault{r.replica(r.engine), r.replica(r.engine)}
		r.connect(vaults[0], time.Hour)
		r.provider.slow = time.Second
		version := r.grant().TokenVersion()
		time.Sleep(time.Minute)
		got := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				token, _, err := reject(t, vaults[i%2], version, 401)
				mu.Lock()
				defer mu.Unlock()
				got[token]++
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[string]int{r.provider.newest(): 64}, got); diff != "" || r.provider.asked() != 1 {
			t.Errorf("after %d calls: %s", r.provider.asked(), diff)
		}
		// Somebody who still had the old one is late.
		if token, _, err := reject(t, vaults[1], version, 401); err != nil || token != r.provider.newest() || r.provider.asked() != 1 {
			t.Errorf("got %s, %v after %d calls", token, err, r.provider.asked())
		}
	})
}

func TestATokenThatIsRefusedRightAfterTheSignInIsRenewedOnce(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		token, lent, err := reject(t, v, r.grant().TokenVersion(), 401)
		if err != nil || token != r.provider.newest() || r.provider.asked() != 1 {
			t.Fatalf("got %s, %v after %d calls", token, err, r.provider.asked())
		}
		_, _, err = reject(t, v, lent.TokenVersion, 401)
		wantReason(t, err, fault.ReasonConnectionNotReady)
		if n := r.provider.asked(); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}

func TestANewTokenThatIsRefusedIsNoReasonForAnother(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		time.Sleep(time.Minute)
		_, lent, err := reject(t, v, r.grant().TokenVersion(), 401)
		if err != nil {
			t.Fatal(err)
		}
		if _, lent, err = reject(t, v, lent.TokenVersion, 401); err != nil {
			t.Fatal(err)
		}
		_, _, err = reject(t, v, lent.TokenVersion, 401)
		wantReason(t, err, fault.ReasonConnectionNotReady)
		if conn := r.state(v); conn.State != core.StateError || conn.StateReason == "" {
			t.Errorf("the connection is %v: %q", conn.State, conn.StateReason)
		}
		// An API that refuses everything for two hours, called every second.
		for range 7200 {
			if _, lent, err := lend(t.Context(), v); err == nil {
				_, _, _ = reject(t, v, lent.TokenVersion, 401)
			}
			time.Sleep(time.Second)
		}
		if n := r.provider.asked(); n > 25 {
			t.Errorf("the provider was asked %d times", n)
		}
		// The API takes tokens again.
		time.Sleep(2 * time.Hour)
		if _, _, err := lend(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if conn := r.state(v); conn.State != core.StateConnected {
			t.Errorf("it has not recovered: %v: %q", conn.State, conn.StateReason)
		}
	})
}

// lasting gives the connection a token that nobody can renew.
func (r *grantRig) lasting(v *core.Vault) (version string) {
	r.t.Helper()
	token := r.provider.issue(0)
	token.Refresh.Clear()
	token.Refresh = secret.Text{}
	if _, err := v.AcceptGrant(r.t.Context(), ann(), r.insert(), r.profile, token); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(time.Minute)
	return r.grant().TokenVersion()
}

func TestATokenThatCannotBeRenewedIsNotGivenUpForOneRefusal(t *testing.T) {
	for title, c := range map[string]struct {
		after time.Duration // until the second refusal
		lost  bool
	}{
		"a second one right after it belongs to it": {9 * time.Second, false},
		"one that comes later confirms it":          {10 * time.Second, true},
		"also after minutes":                        {10 * time.Minute, true},
		"much later it is another first one":        {10*time.Minute + time.Second, false},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				v := r.replica(r.engine)
				version := r.lasting(v)
				token, lent, err := reject(t, v, version, 401)
				if err != nil || token != r.provider.newest() || lent.TokenVersion != version {
					t.Fatalf("got %s as %s, %v", token, lent.TokenVersion, err)
				}
				if conn := r.state(v); conn.State != core.StateError || !strings.Contains(conn.StateReason, "refused the token once") {
					t.Errorf("the connection is %v: %q", conn.State, conn.StateReason)
				}
				time.Sleep(c.after)
				_, _, err = reject(t, v, version, 401)
				want, events := core.StateError, []string{"authorized", "failed"}
				if c.lost {
					wantReason(t, err, fault.ReasonConnectionNotReady)
					want, events = core.StateNeedsAuthorization, append(events, "needs-authorization")
				} else if err != nil {
					t.Error(err)
				}
				if conn := r.state(v); conn.State != want || r.provider.asked() != 0 || (len(r.grant().Access) == 0) != c.lost {
					t.Errorf("the connection is %v after %d calls", conn.State, r.provider.asked())
				}
				if diff := cmp.Diff(events, r.events()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestARefusalThatIsNotRepeatedIsForgotten(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		version := r.lasting(v)
		if _, _, err := reject(t, v, version, 401); err != nil {
			t.Fatal(err)
		}
		for range 11 {
			time.Sleep(time.Minute)
			if values, _, err := lend(t.Context(), v); err != nil || values["token"] != r.provider.newest() {
				t.Fatalf("got %v, %v", values, err)
			}
		}
		if conn := r.state(v); conn.State != core.StateConnected || conn.StateReason != "" {
			t.Errorf("the connection is %v: %q", conn.State, conn.StateReason)
		}
		if _, _, err := reject(t, v, version, 401); err != nil {
			t.Errorf("another first one: %v", err)
		}
	})
}

func TestManyRefusalsAtOnceAreOne(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		vaults := []*core.Vault{r.replica(r.engine), r.replica(r.engine)}
		version := r.lasting(vaults[0])
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				if token, _, err := reject(t, vaults[i%2], version, 401); err != nil || token != r.provider.newest() {
					t.Errorf("got %s, %v", token, err)
				}
			})
		}
		wg.Wait()
		if conn := r.state(vaults[0]); conn.State != core.StateError {
			t.Errorf("the connection is %v", conn.State)
		}
	})
}

// Failure mode 8: who may not have a credential may not have it renewed either.
func TestOnlyWhoMayUseAConnectionMayRejectItsToken(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		want   fault.Reason
	}{
		"somebody else":        {through("runtime-proxy", bob()), fault.ReasonConnectionNotFound},
		"the owner directly":   {ann(), fault.ReasonServiceOnly},
		"the runtime for none": {itself("runtime-proxy"), fault.ReasonConnectionNotFound},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				v := r.replica(r.engine)
				r.connect(v, time.Hour)
				time.Sleep(time.Minute)
				_, err := v.Reject(t.Context(), c.caller, core.Rejection{
					Request: core.Request{Name: name("crm-1")}, TokenVersion: r.grant().TokenVersion(), Status: 401,
				})
				wantReason(t, err, c.want)
				if n := r.provider.asked(); n != 0 {
					t.Errorf("the provider was asked %d times", n)
				}
			})
		})
	}
}
