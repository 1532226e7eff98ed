package core_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

func TestWhenAPollIsDueAfterTheOneBefore(t *testing.T) {
	minute := recurrence.Options{Interval: time.Minute}
	morning := recurrence.Options{Cron: "0 9 * * *", Zone: "Europe/Berlin"} // start is at 13:00 there
	const hour, day = time.Hour, 24 * time.Hour
	for _, tc := range []struct {
		name       string
		operation  string
		options    recurrence.Options
		retryAfter string
		want       time.Duration
	}{
		{"the interval", inventorytest.Polling, minute, "", time.Minute},
		{"the next time of a cron expression in its zone", inventorytest.Polling, morning, "", 20 * hour},
		{"a list may ask for more", inventorytest.Polling, minute, "300", 5 * time.Minute},
		{"a list may not ask for less", inventorytest.Polling, minute, "5", time.Minute},
		{"an API with links may ask for more", inventorytest.Native, minute, "300", 5 * time.Minute},
		{"an API with links may ask for less", inventorytest.Native, minute, "5", 5 * time.Second},
		{"nothing is polled sooner than after a second", inventorytest.Native, minute, "0", time.Second},
		{"a wish beyond measure is cut at a day", inventorytest.Native, minute, "99999999999999999999", day},
		{"a time", inventorytest.Native, minute, "Sun, 01 Mar 2026 12:10:00 GMT", 10 * time.Minute},
		{"a time that has passed", inventorytest.Native, minute, "Sun, 01 Mar 2026 11:00:00 GMT", time.Second},
		{"a wish that nobody understands", inventorytest.Native, minute, "soon", time.Minute},
		{"a cron expression names times, whatever the API wishes", inventorytest.Native, morning, "5", 20 * hour},
		{"a cron expression waits for the time after the wish", inventorytest.Native, recurrence.Options{Cron: "0 * * * *"}, "4000", 2 * hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			header := http.Header{}
			if tc.retryAfter != "" {
				header.Set("Retry-After", tc.retryAfter)
			}
			status := 202
			if tc.operation == inventorytest.Polling {
				status = 200
			}
			r.tell(told{status, "1", `{"items":[]}`, header})
			d := draft("items", tc.operation)
			d.Recurrence = tc.options
			s := r.subscribe(d)
			if got := s.Polling.Cursor.Next.Sub(start); got != tc.want {
				t.Errorf("after the creation it is due in %v, want %v", got, tc.want)
			}
			if due := r.schedules.due[s.UID]; !due.Equal(s.Polling.Cursor.Next) {
				t.Errorf("scheduled at %v", due)
			}
		})
	}
}

func TestAStartInTheFutureIsWhenTheBaselineIsTaken(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		d.Recurrence.Start = start.Add(time.Hour)
		s := r.subscribe(d)
		if state, _ := s.State(); state != core.StateCreating || !s.Polling.Cursor.Next.Equal(d.Recurrence.Start) {
			t.Fatalf("state %v, due %v", state, s.Polling.Cursor.Next)
		}
		if err := r.Poke(t.Context(), s.UID); err != nil { // a notification cannot hurry it
			t.Fatal(err)
		}
		r.api.Add("before the start")
		r.minute()
		if calls := r.api.Calls(d.Operation); len(calls) != 0 {
			t.Fatalf("asked before the start: %v", calls)
		}
		r.clock.Advance(time.Hour)
		r.fire()
		r.api.Add("c")
		r.minute()
		r.minute()
		equal(t, "events", r.bus.events(), []string{item("c")})
	})
}

func TestAfterTheEndNothingIsAsked(t *testing.T) {
	for name, fail := range map[string]bool{"polls that work": false, "polls that fail": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", inventorytest.Polling)
			d.Recurrence.End = start.Add(150 * time.Second)
			r.subscribe(d)
			if fail {
				r.tell(told{500, "", "", nil})
			}
			for range 10 {
				r.minute()
			}
			if state := r.state("items"); state != core.StateEnded {
				t.Errorf("state %v", state)
			}
			calls := len(r.api.Calls(inventorytest.Polling))
			if err := r.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.minute()
			if len(r.schedules.due) != 0 || len(r.api.Calls(inventorytest.Polling)) != calls || calls > 3 {
				t.Errorf("schedules %v, %d calls", r.schedules.due, calls)
			}
		})
	}
}

func TestAFiringThatComesAfterTheEndAsksNothing(t *testing.T) {
	r := newRig(t)
	d := draft("items", inventorytest.Polling)
	d.Recurrence.End = start.Add(time.Hour)
	r.subscribe(d)
	r.api.Add("c")
	r.clock.Advance(2 * time.Hour) // the service was off
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), nil)
	if state := r.state("items"); state != core.StateEnded || len(r.schedules.due) != 0 {
		t.Errorf("state %v, schedules %v", state, r.schedules.due)
	}
}

func TestTimesThatHavePassedAreRefused(t *testing.T) {
	r := newRig(t)
	for field, change := range map[string]func(*core.Draft){
		"end_time":      func(d *core.Draft) { d.Recurrence.End = start },
		"suspend_after": func(d *core.Draft) { d.SuspendAfter = time.Minute },
		"cron":          func(d *core.Draft) { d.Recurrence.Cron = "* *" },
		"time_zone":     func(d *core.Draft) { d.Recurrence = recurrence.Options{Cron: "0 9 * * *", Zone: "Mars/Base"} },
	} {
		d := draft("items", inventorytest.Polling)
		change(&d)
		_, err := r.Create(t.Context(), ann, d)
		wantReason(t, err, fault.ReasonInvalidArgument)
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAnAPIThatFailsForTooLongSuspendsTheSubscriptionAndTheOwnerIsTold(t *testing.T) {
	for name, bound := range map[string]time.Duration{"after three days": 0, "after what its owner chose": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", inventorytest.Polling)
			d.SuspendAfter = bound
			s := r.subscribe(d)
			r.tell(told{500, "", "", nil})
			r.minute()
			since := r.clock.Now()
			polls := 0
			for ; len(r.schedules.due) > 0; polls++ {
				if polls > 1000 {
					t.Fatal("never suspended")
				}
				r.clock.Advance(r.schedules.due[s.UID].Sub(r.clock.Now()))
				r.fire()
			}
			r.relay()
			want := core.DefaultSuspendAfter
			if bound != 0 {
				want = bound
			}
			if took := r.clock.Now().Sub(since); took != want {
				t.Errorf("suspended after %v, want %v", took, want)
			}
			state, why := r.get("items").State()
			if state != core.StateSuspended || !strings.Contains(why, "status 500") || !strings.Contains(why, since.Format(time.RFC3339)) {
				t.Errorf("state %v %q", state, why)
			}
			var notices []string
			for _, m := range r.bus.messages {
				if m.Subject == "ferrule.subscription.default.inventory.items" {
					notices = append(notices, string(m.Data))
				}
			}
			if len(notices) != 1 || !strings.Contains(notices[0], `"type":"ferrule.subscription.suspended"`) || !strings.Contains(notices[0], `"owner":"ann"`) {
				t.Errorf("notices %q", notices)
			}
		})
	}
}

func TestAServiceThatWasOffSuspendsNothingByThat(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	r.tell(told{500, "", "", nil})
	r.minute()
	r.clock.Advance(30 * 24 * time.Hour)
	r.fire()
	if state := r.state("items"); state != core.StateError {
		t.Fatalf("state %v", state)
	}
	r.api.Set(func(a *inventorytest.API) { a.Refuse = nil })
	r.clock.Advance(time.Hour)
	r.fire()
	if state := r.state("items"); state != core.StateActive {
		t.Errorf("state %v", state)
	}
}

func TestALongIntervalIsNotWaitedForAfterAFailure(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		want   []time.Duration
	}{
		{"of the API, which may heal: pauses double", 500, []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}},
		{"of the credentials: pauses grow fourfold", 401, []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 16 * time.Hour, 24 * time.Hour, 24 * time.Hour}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", inventorytest.Polling)
			d.Recurrence.Interval = 24 * time.Hour
			s := r.subscribe(d)
			r.tell(told{tc.status, "", "", nil})
			var pauses []time.Duration
			for range tc.want {
				r.clock.Advance(r.schedules.due[s.UID].Sub(r.clock.Now()))
				r.fire()
				pauses = append(pauses, r.schedules.due[s.UID].Sub(r.clock.Now()))
			}
			if diff := cmp.Diff(tc.want, pauses); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		})
	}
}
