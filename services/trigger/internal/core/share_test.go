package core_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestPollsThatHangLeaveWorkersForOthers(t *testing.T) {
	for _, tc := range []struct {
		name      string
		owner     string // of the other subscription
		connector string
		polled    bool
	}{
		{"of another owner and another connector", "bob", "other", true},
		{"but not of the same owner", "ann", "other", false},
		{"nor of the same connector", "bob", "inventory", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.config.PollWorkers = 8
			r.restart(r.kv)
			var hanging []core.Subscription
			for i := range 8 {
				hanging = append(hanging, r.create(fmt.Sprint("slow-", i), inventorytest.Polling))
			}
			r.connection.Owner, r.connection.Connector = tc.owner, resource.Connector{Environment: "default", ID: tc.connector}
			caller := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: tc.owner, Roles: []authn.Role{authn.RoleUser}}}
			other, err := r.Create(t.Context(), caller, draft("other", inventorytest.Polling))
			if err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(time.Minute)
			h := r.hang()
			h.poll(r, hanging...)
			if h.count() != 2 {
				t.Errorf("%d polls of one owner are made by 8 workers, want a quarter", h.count())
			}
			next, err := r.Poll(t.Context(), other.UID, r.clock.Now())
			made := r.made(other.UID)
			h.end()
			if err != nil || made != tc.polled {
				t.Fatalf("polled: %t, want %t; next %v, %v", made, tc.polled, next, err)
			}
			if wait := next.Sub(r.clock.Now()); !tc.polled && (wait <= 0 || wait > 15*time.Second) {
				t.Errorf("put off by %v", wait)
			}
			if r.clock.Advance(15 * time.Second); !tc.polled {
				if _, err := r.Poll(t.Context(), other.UID, r.clock.Now()); err != nil || !r.made(other.UID) {
					t.Errorf("what was put off is not made later: %v", err)
				}
			}
		})
	}
}

// Six owners have more polls that hang than there are workers, and still others are made.
func TestPollsOfManyOwnersThatHangLeaveWorkersForOthers(t *testing.T) {
	r := newRig(t)
	r.config.PollWorkers = 32
	r.restart(r.kv)
	subscribe := func(owner, id string) core.Subscription {
		t.Helper()
		r.connection.Owner, r.connection.Connector = owner, resource.Connector{Environment: "default", ID: "of-" + owner}
		caller := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: owner, Roles: []authn.Role{authn.RoleUser}}}
		s, err := r.Create(t.Context(), caller, draft(id, inventorytest.Polling))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var hanging []core.Subscription
	for o := range 6 {
		for i := range 16 {
			hanging = append(hanging, subscribe(fmt.Sprint("mallory-", o), fmt.Sprint("slow-", o, "-", i)))
		}
	}
	other := subscribe("ann", "other")
	r.clock.Advance(time.Minute)
	h := r.hang()
	h.poll(r, hanging...)
	n := h.count()
	_, err := r.Poll(t.Context(), other.UID, r.clock.Now())
	made := r.made(other.UID)
	h.end()
	if err != nil || !made || n >= 32 || n < 16 {
		t.Errorf("with %d of 32 workers hanging, the poll of another owner is made: %t, %v", n, made, err)
	}
}

// made reports whether a subscription was polled since its baseline.
func (r *rig) made(uid string) bool {
	r.t.Helper()
	s, err := r.store.ByUID(r.t.Context(), uid)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.Polling.Cursor.Version > 1
}

// hung are polls that hang.
type hung struct {
	release chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	n       int
}

// hang lets the API hang until [hung.poll] has returned: the calls that hang by then go
// on hanging.
func (r *rig) hang() *hung {
	h := &hung{release: make(chan struct{})}
	r.api.Set(func(a *inventorytest.API) {
		a.Before = func(core.Call) error {
			h.mu.Lock()
			h.n++
			h.mu.Unlock()
			<-h.release
			return nil
		}
	})
	return h
}

// poll begins polls and returns when each hangs or was put off.
func (h *hung) poll(r *rig, subs ...core.Subscription) {
	var mu sync.Mutex
	returned := 0
	for _, s := range subs {
		h.running.Go(func() {
			_, err := r.Poll(context.Background(), s.UID, r.clock.Now())
			if err != nil {
				r.t.Errorf("poll: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			returned++
		})
	}
	testkit.Await(r.t, "each poll", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return returned+h.count() == len(subs)
	})
	r.api.Set(func(a *inventorytest.API) { a.Before = nil })
}

func (h *hung) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

func (h *hung) end() {
	close(h.release)
	h.running.Wait()
}
