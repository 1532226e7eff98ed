package core_test

import (
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// poking returns a polling subscription and the webhook that wakes it.
func (r *rig) poking() (polled, hook core.Subscription) {
	r.t.Helper()
	polled, hook = r.create("items", inventorytest.Polling), r.create("hook", inventorytest.Webhook)
	_, err := r.store.Alter(r.t.Context(), hook.UID, func(s *core.Subscription) error {
		s.Webhook.Pokes = polled.UID
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return polled, hook
}

func (r *rig) poke(hook core.Subscription, id string) {
	r.t.Helper()
	if status, err := r.ingest(r.notification(hook, id, `{"ignored":true}`)); err != nil || status != 202 {
		r.t.Fatalf("%d, %v", status, err)
	}
}

func TestANotificationThatMeansPollNowIsNoEventItself(t *testing.T) {
	r := newRig(t)
	polled, hook := r.poking()
	r.clock.Advance(10 * time.Second) // long before the next poll
	r.api.Add("c")
	r.fire()
	if calls := len(r.api.Calls(inventorytest.Polling)); calls != 1 {
		t.Fatalf("%d polls before the notification", calls)
	}
	r.poke(hook, "1")
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})
	now := r.get("items")
	if !now.Polling.Poked.IsZero() || !now.Polling.Cursor.Next.After(r.clock.Now().Add(30*time.Second)) {
		t.Errorf("afterwards %+v", now.Polling)
	}
	if r.get("hook").Activity().IsZero() {
		t.Error("it was notified")
	}
	if next := r.schedules.due[polled.UID]; !next.Equal(now.Polling.Cursor.Next) {
		t.Errorf("the next poll is due at %v, want %v", next, now.Polling.Cursor.Next)
	}
}

func TestANotificationDuringAPollIsFollowedByAnother(t *testing.T) {
	r := newRig(t)
	polled, hook := r.poking()
	r.clock.Advance(10 * time.Second)
	r.poke(hook, "1")
	due := r.schedules.due[polled.UID]
	seen := r.get("items")
	// A poke after the poll has begun: what was stored is newer than what it knows.
	r.clock.Advance(time.Second)
	r.api.Before = func(c core.Call) error {
		if c.Operation == inventorytest.Polling {
			r.api.Before = nil
			if err := r.Poke(t.Context(), polled.UID); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	next, err := r.Poll(t.Context(), polled.UID, due)
	if err != nil || next.After(r.clock.Now().Add(2*time.Second)) {
		t.Errorf("the next poll is due at %v, %v", next, err)
	}
	if now := r.get("items"); !now.Polling.Poked.After(seen.Polling.Poked) {
		t.Errorf("poked at %v, want after %v", now.Polling.Poked, seen.Polling.Poked)
	}
}

func TestAPokeWaitsForWhatTheAPIAskedFor(t *testing.T) {
	r := newRig(t)
	polled, hook := r.poking()
	r.answer("not a list")
	r.clock.Advance(time.Minute)
	r.fire()
	before := r.schedules.due[polled.UID]
	r.poke(hook, "1")
	if after := r.schedules.due[polled.UID]; !after.Equal(before) {
		t.Errorf("due at %v, want %v", after, before)
	}
	r.clock.Advance(500 * time.Millisecond)
	if next, err := r.Poll(t.Context(), polled.UID, r.clock.Now()); err != nil || !next.Equal(before) {
		t.Errorf("polled before the pause was over: %v, %v", next, err)
	}
}

func TestAPokeThatCannotBeScheduledIsNotAccepted(t *testing.T) {
	r := newRig(t)
	polled, hook := r.poking()
	r.clock.Advance(10 * time.Second)
	r.schedules.err = fault.Unavailable(fault.ReasonServiceUnavailable, "the bus is away")
	_, err := r.ingest(r.notification(hook, "1", "{}"))
	wantReason(t, err, fault.ReasonServiceUnavailable)
	r.schedules.err = nil
	r.poke(hook, "1") // the API tries again
	if due := r.schedules.due[polled.UID]; due.After(r.clock.Now()) {
		t.Errorf("due at %v", due)
	}
}

func TestWhatIsNotPolledIsNotPoked(t *testing.T) {
	for name, change := range map[string]func(*core.Subscription){
		"paused":    func(s *core.Subscription) { s.Paused = true },
		"suspended": func(s *core.Subscription) { s.Suspended = "why" },
		"deleting":  func(s *core.Subscription) { s.Deleting = true },
	} {
		r := newRig(t)
		polled, hook := r.poking()
		if _, err := r.store.Alter(t.Context(), polled.UID, func(s *core.Subscription) error { change(s); return nil }); err != nil {
			t.Fatal(err)
		}
		before := r.schedules.due[polled.UID]
		r.clock.Advance(10 * time.Second)
		r.poke(hook, "1")
		if after := r.schedules.due[polled.UID]; !after.Equal(before) {
			t.Errorf("%s: due at %v, want %v", name, after, before)
		}
	}
	r := newRig(t)
	_, hook := r.poking()
	if err := r.Delete(t.Context(), ann, named("items")); err != nil {
		t.Fatal(err)
	}
	r.poke(hook, "1") // what it wakes is gone: that is no failure of the API's
}
