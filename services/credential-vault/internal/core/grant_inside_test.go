package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/run"
)

func TestTheTokenThatWasNotUsedForLongestMakesRoom(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newSubjectCache(3)
	key := func(i int) subjectKey { return subjectKey{etag: fmt.Sprint(i)} }
	for i := range 3 {
		c.put(key(i), subjectToken{version: fmt.Sprint(i), expireTime: now.Add(time.Minute)})
	}
	c.get(key(0), now)
	c.put(key(3), subjectToken{version: "3", expireTime: now.Add(time.Minute)})
	c.put(key(3), subjectToken{version: "4", expireTime: now.Add(10 * time.Second)})
	for i, want := range []string{"0", "", "2", "4"} {
		if got, _ := c.get(key(i), now); got.version != want {
			t.Errorf("key %d has the token %q, want %q", i, got.version, want)
		}
	}
	if _, ok := c.get(key(3), now.Add(5*time.Second+1)); ok || len(c.byKey) != 2 || c.recent.Len() != 2 {
		t.Errorf("a token that is about to end is kept among %d", len(c.byKey))
	}
	c.drop(key(0), "another version")
	c.drop(key(2), "2")
	if len(c.byKey) != 1 || c.recent.Len() != 1 {
		t.Errorf("%d tokens are left", len(c.byKey))
	}
}

func TestAPanicIsAnErrorOfThoseWhoWait(t *testing.T) {
	f := newFlights[string, int](0)
	begun, err := f.start(t.Context(), "k", func(context.Context) (int, error) { panic("boom") })
	if err != nil {
		t.Fatal(err)
	}
	_, err = begun.wait(t.Context())
	if p, ok := errors.AsType[*run.PanicError](err); !ok || !strings.Contains(p.Error(), "boom") {
		t.Errorf("got %v", err)
	}
	f.drain()
	if f.count() != 0 {
		t.Error("it is still under way")
	}
}

func TestHowManyRenewalsThereMayBeAndUntilWhen(t *testing.T) {
	f := newFlights[int, int](2)
	landing := make(chan struct{})
	start := func(key int) error {
		_, err := f.start(t.Context(), key, func(context.Context) (int, error) { <-landing; return key, nil })
		return err
	}
	if err := errors.Join(start(1), start(2), start(2)); err != nil {
		t.Fatal(err)
	}
	if err := start(3); fault.ReasonOf(err) != fault.ReasonLimitReached {
		t.Errorf("the third: %v", err)
	}
	f.close()
	if err := start(2); err != nil {
		t.Errorf("one that is under way can still be waited for: %v", err)
	}
	close(landing)
	f.drain()
	if err := start(4); fault.ReasonOf(err) != fault.ReasonServiceUnavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestAConnectionThatIsChangedAllTheTimeIsGivenUpAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(Config{}, Ports{Clock: clock.System()})
		begun, tries := time.Now(), 0
		_, err := persist(t.Context(), v, 10*time.Second, func() (int, error) { tries++; return 0, ErrChanged })
		if took := time.Since(begun); !errors.Is(err, ErrChanged) || took != 10*time.Second || tries > 2001 {
			t.Errorf("%d tries in %v, then %v", tries, took, err)
		}
	})
}

func TestHowLongNothingIsTriedAfterAFailure(t *testing.T) {
	for n, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 7: 320 * time.Second, 8: 10 * time.Minute, 1 << 40: 10 * time.Minute,
	} {
		if got := backoff(n); got != want {
			t.Errorf("after %d failures: %v, want %v", n, got, want)
		}
	}
}

func TestHowFarAheadATokenIsRenewed(t *testing.T) {
	now := time.Unix(1000, 0)
	for life, want := range map[time.Duration]time.Duration{
		-time.Hour: 0, 0: 0, 10 * time.Second: 5 * time.Second, 90 * time.Second: 45 * time.Second, 5 * time.Minute: time.Minute,
		10 * time.Minute: 2 * time.Minute, time.Hour: 10 * time.Minute, 1000 * time.Hour: 10 * time.Minute,
	} {
		g := Grant{ObtainTime: now, ExpireTime: now.Add(life), Access: []byte("a"), Refresh: []byte("r"), UseTime: now}
		if got := g.ahead(); got != want {
			t.Errorf("a life of %v: %v, want %v", life, got, want)
		}
		g.schedule(now)
		if early := g.ExpireTime.Sub(g.Due); early < want || early > want+want/8 {
			t.Errorf("a life of %v is renewed %v ahead", life, early)
		}
	}
}
