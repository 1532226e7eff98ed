package binding_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
)

// renewing is a vault whose tokens have versions.
type renewing struct {
	source

	version atomic.Int64
	rejects atomic.Int64
	reject  func(ctx context.Context) error
	keeps   int // a status that is no reason to renew
}

func (r *renewing) lend() *binding.Lease {
	l := lease()
	l.TokenVersion = fmt.Sprint(r.version.Load())
	return l
}

func (r *renewing) Reject(ctx context.Context, _ binding.Ask, refusal binding.Refusal) (*binding.Lease, error) {
	r.rejects.Add(1)
	if r.reject != nil {
		if err := r.reject(ctx); err != nil {
			return nil, err
		}
	}
	if refusal.TokenVersion == fmt.Sprint(r.version.Load()) && refusal.Status != r.keeps {
		r.version.Add(1)
	}
	return r.lend(), nil
}

// setUpRenewing returns a store on a vault that has lent version 1.
func setUpRenewing(t *testing.T) (*renewing, *binding.Store[compiled], func(time.Duration)) {
	t.Helper()
	r := &renewing{}
	r.version.Store(1)
	r.lease = func(context.Context, authn.Principal) (*binding.Lease, error) { return r.lend(), nil }
	_, clk := setUp(t, &r.source)
	store := newStoreAt(t, r, clk)
	return r, store, clk.Advance
}

var (
	adas = binding.Ask{Connection: name, Principal: ada}
	bobs = binding.Ask{Connection: name, Principal: bob}
)

func refused(version string) binding.Refusal {
	return binding.Refusal{TokenVersion: version, Status: 401}
}

func TestOneRejectionForAllWhoReportAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store, _ := setUpRenewing(t)
		release := make(chan struct{})
		r.reject = func(context.Context) error { <-release; return nil }
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				ask := adas
				if i%2 == 1 {
					ask = bobs
				}
				b, err := store.Renew(t.Context(), ask, refused("1"))
				if err != nil || b.TokenVersion != "2" {
					t.Errorf("%v, %v", b, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		late, err := store.Renew(t.Context(), bobs, refused("1")) // was under way for long
		if err != nil || late.TokenVersion != "2" || r.rejects.Load() != 1 {
			t.Errorf("%v, %v, %d rejections", late, err, r.rejects.Load())
		}
	})
}

func TestAllCallersGetTheNewToken(t *testing.T) {
	r, store, _ := setUpRenewing(t)
	for _, ask := range []binding.Ask{adas, bobs} {
		if b, err := store.Bind(t.Context(), ask); err != nil || b.TokenVersion != "1" {
			t.Fatalf("%v, %v", b, err)
		}
	}
	asked := r.leases.Load()
	if _, err := store.Renew(t.Context(), adas, refused("1")); err != nil {
		t.Fatal(err)
	}
	for _, ask := range []binding.Ask{adas, bobs} {
		if b, err := store.Bind(t.Context(), ask); err != nil || b.TokenVersion != "2" {
			t.Errorf("%v, %v", b, err)
		}
	}
	if r.leases.Load() != asked+1 {
		t.Errorf("%d further leases; the one who renewed has one already", r.leases.Load()-asked)
	}
}

func TestWhoGivesUpLeavesTheRejectionToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store, _ := setUpRenewing(t)
		var first atomic.Bool
		r.reject = func(ctx context.Context) error {
			if first.CompareAndSwap(false, true) {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		giving, up := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := store.Renew(giving, adas, refused("1")); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if b, err := store.Renew(t.Context(), bobs, refused("1")); err != nil || b.TokenVersion != "2" {
				t.Errorf("the one who waited: %v, %v", b, err)
			}
		})
		waiting, stop := context.WithCancel(t.Context())
		stop()
		all.Go(func() {
			if _, err := store.Renew(waiting, bobs, refused("1")); fault.CodeOf(err) != fault.CodeCanceled {
				t.Errorf("the one who gave up waiting: %v", err)
			}
		})
		synctest.Wait()
		up()
		all.Wait()
	})
}

func TestAFailureIsSharedForAWhile(t *testing.T) {
	r, store, advance := setUpRenewing(t)
	r.reject = func(context.Context) error {
		return fault.Precondition(fault.ReasonConnectionNotReady, "sign in again")
	}
	for range 3 {
		if _, err := store.Renew(t.Context(), adas, refused("1")); fault.ReasonOf(err) != fault.ReasonConnectionNotReady {
			t.Errorf("error = %v", err)
		}
	}
	if r.rejects.Load() != 1 {
		t.Errorf("%d rejections", r.rejects.Load())
	}
	advance(time.Second)
	r.reject = nil
	if b, err := store.Renew(t.Context(), adas, refused("1")); err != nil || b.TokenVersion != "2" || r.rejects.Load() != 2 {
		t.Errorf("%v, %v, %d rejections", b, err, r.rejects.Load())
	}
}

func TestTheVaultDecidesAboutFreshTokens(t *testing.T) {
	r, store, _ := setUpRenewing(t)
	for i, version := range []string{"1", "2"} {
		if _, err := store.Renew(t.Context(), adas, refused(version)); err != nil || r.rejects.Load() != int64(i+1) {
			t.Fatalf("token %s: %v, %d rejections", version, err, r.rejects.Load())
		}
	}
	if b, err := store.Renew(t.Context(), adas, refused("1")); err != nil || b.TokenVersion != "3" || r.rejects.Load() != 2 {
		t.Errorf("a token of long ago: %v, %v, %d rejections", b, err, r.rejects.Load())
	}
}

func TestAVaultThatLendsTheSameTokenAgain(t *testing.T) {
	_, store, _ := setUpRenewing(t)
	if _, err := store.Renew(t.Context(), adas, refused("1")); err != nil {
		t.Fatal(err)
	}
	stuck := &renewing{}
	stuck.lease = func(context.Context, authn.Principal) (*binding.Lease, error) { return stuck.lend(), nil }
	stuck.reject = func(context.Context) error { stuck.version.Store(0); return nil }
	_, clk := setUp(t, &stuck.source)
	store = newStoreAt(t, stubborn{stuck}, clk)
	if _, err := store.Renew(t.Context(), adas, refused("0")); fault.CodeOf(err) != fault.CodeUnavailable {
		t.Errorf("error = %v", err)
	}
}

func TestATokenThatTheVaultLentAgainIsReportedAgain(t *testing.T) {
	r, store, advance := setUpRenewing(t)
	r.keeps = 403
	forbidden := binding.Refusal{TokenVersion: "1", Status: 403}
	for range 3 { // the vault is not asked with every call
		if _, err := store.Renew(t.Context(), adas, forbidden); fault.CodeOf(err) != fault.CodeUnavailable {
			t.Errorf("error = %v", err)
		}
	}
	if r.rejects.Load() != 1 {
		t.Fatalf("%d rejections within a second", r.rejects.Load())
	}
	advance(time.Second)
	if b, err := store.Renew(t.Context(), adas, refused("1")); err != nil || b.TokenVersion != "2" || r.rejects.Load() != 2 {
		t.Errorf("%v, %v, %d rejections", b, err, r.rejects.Load())
	}
	advance(time.Hour)
	if b, err := store.Renew(t.Context(), adas, refused("1")); err != nil || b.TokenVersion != "2" || r.rejects.Load() != 2 {
		t.Errorf("once it is replaced: %v, %v, %d rejections", b, err, r.rejects.Load())
	}
}

// stubborn lends the refused token once more.
type stubborn struct{ *renewing }

func (s stubborn) Reject(context.Context, binding.Ask, binding.Refusal) (*binding.Lease, error) {
	return s.lend(), nil
}

func TestSubjectsHaveLeasesOfTheirOwn(t *testing.T) {
	src := &source{}
	store, _ := setUp(t, src)
	for range 2 {
		for i := range 5 {
			subject, err := binding.NewSubject([]string{fmt.Sprint("obviously-fake-", i)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada, Subject: subject}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if src.leases.Load() != 5 {
		t.Errorf("%d leases for 5 subjects", src.leases.Load())
	}
	for i := range 1000 { // bounded: past the bound they are asked for again, nothing else
		subject, _ := binding.NewSubject([]string{fmt.Sprint("many-", i)})
		if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada, Subject: subject}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSubjects(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		token  string
		ok     bool
	}{
		{"none", nil, "", true},
		{"an empty one", []string{""}, "", true},
		{"one", []string{"obviously-fake"}, "obviously-fake", true},
		{"two", []string{"obviously-fake", "obviously-fake"}, "", false},
		{"one that is too long", []string{strings.Repeat("obviously-fake", 2000)}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := binding.NewSubject(tt.values)
			if (err == nil) != tt.ok || s.Token() != tt.token {
				t.Errorf("got %v, %v", s, err)
			}
			if text := fmt.Sprintf("%v %+v %#v %s %q %v", s, s, s, s, &s, err); strings.Contains(text, "fake") {
				t.Errorf("the token shows: %s", text)
			}
			if text := fmt.Sprintf("%+v", binding.Ask{Subject: s}); strings.Contains(text, "fake") {
				t.Errorf("the token shows: %s", text)
			}
		})
	}
}
