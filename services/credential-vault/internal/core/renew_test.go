package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// in runs a test of renewals in a bubble, in which waiting takes no time.
func in(t *testing.T, test func(t *testing.T, r *grantRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newGrantRig(t)) })
}

// hammer lets many callers of each vault resolve the connection at once, and
// returns what each was lent, or the error it got.
func hammer(t *testing.T, callers int, vaults ...*core.Vault) (got map[string]int) {
	t.Helper()
	got = map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, v := range vaults {
		for range callers {
			wg.Go(func() {
				values, _, err := lend(t.Context(), v)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					got[string(fault.ReasonOf(err))]++
					return
				}
				got[values["token"]]++
			})
		}
	}
	wg.Wait()
	return got
}

// Failure mode 1.
func TestReplicasThatRefreshOneSingleUseTokenAskTheProviderOnce(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second, 29 * time.Second} {
		t.Run("a provider that takes "+slow.String(), func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				one, two, three := r.replica(r.engine), r.replica(r.engine), r.replica(r.engine)
				r.connect(one, time.Hour)
				r.provider.slow = slow
				time.Sleep(2 * time.Hour)
				got := hammer(t, 64, one, two, three)
				if diff := cmp.Diff(map[string]int{r.provider.newest(): 192}, got); diff != "" {
					t.Error(diff)
				}
				if n := r.provider.asked(); n != 1 {
					t.Errorf("the provider was asked %d times", n)
				}
			})
		})
	}
}

// Failure mode 2.
func TestARefreshResponseWithoutARefreshTokenKeepsTheOldOne(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		r.provider.lasting = true
		for range 3 {
			time.Sleep(2 * time.Hour)
			values, _, err := lend(t.Context(), v)
			if err != nil || values["token"] != r.provider.newest() {
				t.Fatalf("got %v, %v, want %s", values, err, r.provider.newest())
			}
		}
		if n := r.provider.asked(); n != 3 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}

// Failure mode 3: the time that a call may take is shorter than the attempt, so
// that there is only one call at a time, whatever the provider does.
func TestATokenEndpointSlowerThanItsTimeIsNotAskedAgainMeanwhile(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		one, two := r.replica(r.engine), r.replica(r.engine)
		r.connect(one, time.Hour)
		r.provider.slow = 5 * time.Minute
		time.Sleep(2 * time.Hour)
		got := hammer(t, 8, one, two)
		if diff := cmp.Diff(map[string]int{"PROVIDER_UNAVAILABLE": 16}, got); diff != "" {
			t.Error(diff)
		}
		if n := r.provider.asked(); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}

// Failure mode 3, with a process that does not keep its time.
func TestAnAnswerThatComesAfterItsAttemptHasExpired(t *testing.T) {
	for title, lasting := range map[string]bool{
		"is thrown away if another process has a newer token":                  true,
		"repairs what another process took for a lost grant: it is the newest": false,
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				late, quick := r.replica(r.engine), r.replica(r.engine)
				r.connect(late, time.Hour)
				r.provider.set(func(s *tokenServer) { s.lasting, s.slow, s.deaf = lasting, 90*time.Second, true })
				time.Sleep(2 * time.Hour)
				go func() { _, _, _ = lend(t.Context(), late) }()
				synctest.Wait()
				first := r.provider.newest()
				r.provider.set(func(s *tokenServer) { s.slow = 0 })
				values, _, err := lend(t.Context(), quick)
				if lasting {
					if err != nil || values["token"] == first {
						t.Fatalf("the second process got %v, %v", values, err)
					}
				} else {
					wantReason(t, err, fault.ReasonConnectionNotReady)
				}
				late.Drain()
				conn := r.state(quick)
				values, _, err = lend(t.Context(), quick)
				if err != nil || conn.State != core.StateConnected || values["token"] != map[bool]string{true: r.provider.newest(), false: first}[lasting] {
					t.Errorf("in the end it is %v, and lends %v, %v", conn.State, values, err)
				}
				if n := r.provider.asked(); n != 2 {
					t.Errorf("the provider was asked %d times", n)
				}
			})
		})
	}
}

// Failure mode 4, at every step of a renewal.
func TestACrashBetweenTheProvidersAnswerAndTheCommitEndsInATokenOrASignIn(t *testing.T) {
	steps := 0
	in(t, func(t *testing.T, r *grantRig) {
		faults := faultkv.New(r.engine)
		r.connect(r.replica(r.engine), time.Hour)
		time.Sleep(2 * time.Hour)
		if _, _, err := lend(t.Context(), r.replica(faults)); err != nil {
			t.Fatal(err)
		}
		steps = faults.Passed(faultkv.Any)
	})
	if steps < 20 {
		t.Fatalf("a renewal has %d steps; it should be more", steps)
	}
	outcomes := map[string]int{}
	for n := 1; n <= steps; n++ {
		in(t, func(t *testing.T, r *grantRig) { outcomes[crashAt(t, r, n)]++ })
	}
	t.Log(outcomes)
	if outcomes["token"] == 0 || outcomes["sign-in"] == 0 {
		t.Errorf("every crash ends alike: %v", outcomes)
	}
}

// crashAt crashes a renewal at its nth step, lets another process go on, and
// returns how that ends.
func crashAt(t *testing.T, r *grantRig, n int) string {
	t.Helper()
	r.connect(r.replica(r.engine), time.Hour)
	time.Sleep(2 * time.Hour)
	faults := faultkv.New(r.engine)
	faults.Crash(faultkv.Any, n)
	dead := r.replica(faults)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _, _ = lend(ctx, dead)

	alive := r.replica(r.engine)
	values, _, err := lend(t.Context(), alive)
	how := "token"
	switch {
	case err == nil && values["token"] == r.provider.newest():
	case fault.ReasonOf(err) == fault.ReasonConnectionNotReady:
		how = "sign-in"
		conn := r.state(alive)
		if conn.State != core.StateNeedsAuthorization || !strings.Contains(conn.StateReason, "interrupted") {
			t.Errorf("step %d: the connection is %v: %s", n, conn.State, conn.StateReason)
		}
		if diff := cmp.Diff([]string{"authorized", "needs-authorization"}, r.events()); diff != "" {
			t.Errorf("step %d: %s", n, diff)
		}
	default:
		t.Errorf("step %d: got %v, %v", n, values, err)
	}
	asked := r.provider.asked()
	if asked > 2 {
		t.Errorf("step %d: the provider was asked %d times", n, asked)
	}
	for range 60 { // never a loop
		time.Sleep(time.Minute / 2)
		_, _, _ = lend(t.Context(), alive)
	}
	if more := r.provider.asked(); more > asked && how == "sign-in" || more > asked+1 {
		t.Errorf("step %d: the provider was asked %d more times in half an hour", n, more-asked)
	}
	dead.Drain()
	return how
}

// Failure mode 4, with a store that fails and a process that lives.
func TestAnAnswerIsNotLostWhenTheCommitFails(t *testing.T) {
	for title, fail := range map[string]func(f *faultkv.Store){
		"once":                           func(f *faultkv.Store) { f.Fail(faultkv.BeforeCommit, 1, errDisk) },
		"once, after it has happened":    func(f *faultkv.Store) { f.Fail(faultkv.AfterCommit, 1, errDisk) },
		"many times":                     func(f *faultkv.Store) { failTimes(f, faultkv.BeforeCommit, 12) },
		"when it reads what is there":    func(f *faultkv.Store) { failTimes(f, faultkv.OnView, 3) },
		"first this way, then the other": func(f *faultkv.Store) { f.Fail(faultkv.OnPut, 1, errDisk); f.Fail(faultkv.AfterCommit, 1, errDisk) },
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				faults := faultkv.New(r.engine)
				v := r.replica(faults)
				r.connect(v, time.Hour)
				time.Sleep(2 * time.Hour)
				var once sync.Once
				r.provider.acted = func() { once.Do(func() { fail(faults) }) }
				values, _, err := lend(t.Context(), v)
				if err != nil || values["token"] != r.provider.newest() {
					t.Errorf("got %v, %v", values, err)
				}
				if n := r.provider.asked(); n != 1 {
					t.Errorf("the provider was asked %d times", n)
				}
			})
		})
	}
}

var errDisk = errors.New("the disk is full")

func failTimes(f *faultkv.Store, at faultkv.Point, times int) {
	for n := range times {
		f.Fail(at, n+1, errDisk)
	}
}

func TestACallerThatLeavesLosesNoAnswer(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		r.provider.slow = 10 * time.Second
		time.Sleep(2 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := lend(ctx, v); fault.CodeOf(err) != fault.CodeDeadlineExceeded {
			t.Errorf("got %v", err)
		}
		v.Drain()
		values, _, err := lend(t.Context(), r.replica(r.engine))
		if err != nil || values["token"] != r.provider.newest() || r.provider.asked() != 1 {
			t.Errorf("got %v, %v after %d calls", values, err, r.provider.asked())
		}
	})
}

// Failure mode 5.
func TestLaterCallsSeeTheNewTokenInEveryReplica(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		one, two := r.replica(r.engine), r.replica(r.engine)
		r.connect(one, time.Hour)
		_, before, _ := lend(t.Context(), two)
		time.Sleep(2 * time.Hour)
		_, renewed, _ := lend(t.Context(), one)
		_, after, _ := lend(t.Context(), two)
		if renewed.TokenVersion == before.TokenVersion || after.TokenVersion != renewed.TokenVersion {
			t.Errorf("versions %q, %q, %q", before.TokenVersion, renewed.TokenVersion, after.TokenVersion)
		}
	})
}

func TestTheLifeOfALentToken(t *testing.T) {
	for title, c := range map[string]struct {
		life, after time.Duration
		lease       time.Duration // what is left of the loan
		asked       int           // in the end
		waited      bool          // the new one was lent
	}{
		"one with a long life is lent for the lease":        {time.Hour, time.Minute, time.Minute, 0, false},
		"one that ends soon is lent, and renewed behind it": {time.Hour, 55 * time.Minute, time.Minute, 1, false},
		"its loan ends before it does":                      {time.Hour, 59*time.Minute + 20*time.Second, 35 * time.Second, 1, false},
		"one that is about to end is not lent any more":     {time.Hour, 59*time.Minute + 46*time.Second, time.Minute, 1, true},
		"one that has ended is not lent":                    {time.Hour, 2 * time.Hour, time.Minute, 1, true},
		"a short life is renewed at half of it":             {40 * time.Second, 21 * time.Second, 14 * time.Second, 1, false},
		"and not before":                                    {40 * time.Second, 10 * time.Second, 25 * time.Second, 0, false},
		"a token without a stated end is lent for ever":     {0, 10000 * time.Hour, time.Minute, 0, false},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				v := r.replica(r.engine)
				r.connect(v, c.life)
				old := r.provider.newest()
				time.Sleep(c.after)
				values, lent, err := lend(t.Context(), v)
				if err != nil {
					t.Fatal(err)
				}
				if left := time.Until(lent.ExpireTime); left != c.lease {
					t.Errorf("the loan ends in %v, want %v", left, c.lease)
				}
				if (values["token"] != old) != c.waited {
					t.Errorf("lent %s, the old one was %s", values["token"], old)
				}
				v.Drain()
				if n := r.provider.asked(); n != c.asked {
					t.Errorf("the provider was asked %d times, want %d", n, c.asked)
				}
			})
		})
	}
}

func TestASignInRepairsALostGrant(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		r.provider.fail = []error{gone("invalid_grant")}
		time.Sleep(2 * time.Hour)
		_, _, _ = lend(t.Context(), v)
		lost := r.state(v)
		if lost.Identity != "ann@crm.example" || !lost.TokenExpireTime.IsZero() {
			t.Errorf("of the lost grant is shown: %q, %v", lost.Identity, lost.TokenExpireTime)
		}
		conn, err := v.AcceptGrant(t.Context(), ann(), lost, r.profile, r.provider.issue(time.Hour))
		if err != nil || conn.State != core.StateConnected || conn.Etag() == lost.Etag() {
			t.Fatalf("got %+v, %v", conn, err)
		}
		if values, _, err := lend(t.Context(), v); err != nil || values["token"] != r.provider.newest() {
			t.Errorf("got %v, %v", values, err)
		}
		if diff := cmp.Diff(conn, r.state(v)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAGrantThatWasTakenAwayDuringARenewalStaysAway(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		conn := r.connect(v, time.Hour)
		r.provider.slow = 10 * time.Second
		time.Sleep(2 * time.Hour)
		done := make(chan error, 1)
		go func() { _, _, err := lend(t.Context(), v); done <- err }()
		synctest.Wait()
		if _, err := v.DropGrant(t.Context(), ann(), conn, "its owner gave it back"); err != nil {
			t.Fatal(err)
		}
		wantReason(t, <-done, fault.ReasonConnectionNotReady)
		if conn := r.state(v); conn.State != core.StateNeedsAuthorization || conn.StateReason != "its owner gave it back" {
			t.Errorf("the connection is %v: %s", conn.State, conn.StateReason)
		}
		if r.provider.revokes != 1 {
			t.Errorf("the new token was given back %d times", r.provider.revokes)
		}
		_, token, err := v.OpenGrant(t.Context(), r.state(v))
		if err != nil || !token.Access.Empty() || !token.Refresh.Empty() {
			t.Errorf("a token is left: %v, %v", token, err)
		}
	})
}

func TestAConnectionThatIsDeletedDuringARenewalGetsNoGrant(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		conn := r.connect(v, time.Hour)
		r.provider.slow = 10 * time.Second
		time.Sleep(2 * time.Hour)
		done := make(chan error, 1)
		go func() { _, _, err := lend(t.Context(), v); done <- err }()
		synctest.Wait()
		if err := v.Delete(t.Context(), ann(), conn.Name, ""); err != nil {
			t.Fatal(err)
		}
		r.insert(func(c *core.Connection) { c.UID = "00000000000000bb" })
		wantReason(t, <-done, fault.ReasonConnectionNotFound)
		if g := r.grant(); g.Change != 0 {
			t.Errorf("the connection that came after it has the grant %+v", g)
		}
	})
}

func TestRepliesOfManyConnectionsDoNotMix(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		want := map[string]bool{}
		for i := range 20 {
			r.connect(v, time.Hour, func(c *core.Connection) {
				c.Name, c.UID = name(fmt.Sprintf("crm-%d", i)), fmt.Sprintf("%016x", i)
			})
		}
		time.Sleep(2 * time.Hour)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 20 {
			for range 4 {
				wg.Go(func() {
					lent, err := v.Resolve(t.Context(), through("runtime-proxy", ann()), core.Request{Name: name(fmt.Sprintf("crm-%d", i))})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
						return
					}
					want[valuesOf(lent)["token"]+" of "+lent.Connection.Name.ID] = true
				})
			}
		}
		wg.Wait()
		if len(want) != 20 || r.provider.asked() != 20 {
			t.Errorf("%d pairs of token and connection after %d calls: %v", len(want), r.provider.asked(), want)
		}
	})
}

func TestNoRenewalBeginsInAProcessThatEnds(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		r.provider.slow = 10 * time.Second
		time.Sleep(time.Hour - 20*time.Second)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = v.RenewDue(ctx); close(ended) }()
		synctest.Wait()
		_, _, _ = lend(t.Context(), v) // begins one
		synctest.Wait()
		end()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("it ends while a renewal is under way")
		default:
		}
		<-ended
		if g := r.grant(); g.Version != 2 || r.provider.asked() != 1 {
			t.Errorf("version %d is stored after %d calls", g.Version, r.provider.asked())
		}
		if values, _, err := lend(t.Context(), v); err != nil || values["token"] != r.provider.newest() {
			t.Errorf("a token that holds: %v, %v", values, err)
		}
		time.Sleep(2 * time.Hour)
		_, _, err := lend(t.Context(), v)
		wantReason(t, err, fault.ReasonServiceUnavailable)
		if r.provider.asked() != 1 {
			t.Errorf("the provider was asked %d times", r.provider.asked())
		}
	})
}
