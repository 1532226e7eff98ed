package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// pause and resume are ann's.
func (r *rig) pause(id string) core.Subscription {
	r.t.Helper()
	s, err := r.Pause(r.t.Context(), ann, named(id))
	if err != nil {
		r.t.Fatalf("pause %s: %v", id, err)
	}
	return s
}

func (r *rig) resume(id string, skipMissed bool) core.Subscription {
	r.t.Helper()
	s, err := r.Resume(r.t.Context(), ann, named(id), skipMissed)
	if err != nil {
		r.t.Fatalf("resume %s: %v", id, err)
	}
	return s
}

// is fails unless a subscription is in a state.
func is(t testing.TB, s core.Subscription, want core.State) {
	t.Helper()
	if state, why := s.State(); state != want {
		t.Fatalf("state %v (%s), want %v", state, why, want)
	}
}

func TestWhatAppearsWhilePollingIsPausedIsAnEventAfterTheResumptionUnlessSkipped(t *testing.T) {
	for _, operation := range protocols {
		for _, tc := range []struct {
			name string
			skip bool
			want []string
		}{
			{name: "missed items are wanted", want: []string{"c", "d", "e"}},
			{name: "missed items are skipped", skip: true, want: []string{"c", "e"}},
		} {
			t.Run(operation+": "+tc.name, func(t *testing.T) {
				r := newRig(t)
				s := r.create("items", operation)
				next := func(items ...string) {
					r.api.Add(items...)
					r.clock.Advance(time.Minute)
					r.fire()
					r.relay()
				}
				next("c")
				is(t, r.pause("items"), core.StatePaused)
				if _, set := r.schedules.due[s.UID]; set {
					t.Error("it has a schedule")
				}
				calls := len(r.api.Calls(operation))
				next("d")
				if asked := len(r.api.Calls(operation)) - calls; asked != 0 {
					t.Fatalf("the API was asked %d times while it was paused", asked)
				}
				r.resume("items", tc.skip)
				r.fire() // at once
				next("e")
				var want []string
				for _, id := range tc.want {
					want = append(want, item(id))
				}
				equal(t, "events", r.bus.events(), want)
				is(t, r.get("items"), core.StateActive)
			})
		}
	}
}

func TestAPollThatIsUnderWayWhenItsSubscriptionIsPausedIsNotCommitted(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.api.Add("c")
	r.clock.Advance(time.Minute)
	paused := false
	r.api.After = func(c core.Call) error {
		if c.Operation == inventorytest.Polling && !paused {
			paused = true
			r.pause("items")
		}
		return nil
	}
	next, err := r.Poll(t.Context(), s.UID, r.clock.Now())
	if err != nil || !next.IsZero() {
		t.Fatalf("next %v, %v", next, err)
	}
	r.relay()
	equal(t, "events", r.bus.events(), nil)
	r.resume("items", false)
	r.fire()
	r.relay()
	equal(t, "events after the resumption", r.bus.events(), []string{item("c")})
}

func TestPausingAndResumingTwiceChangesNothing(t *testing.T) {
	for _, operation := range []string{inventorytest.Polling, inventorytest.Webhook} {
		t.Run(operation, func(t *testing.T) {
			r := newRig(t)
			r.create("it", operation)
			if a, b := r.resume("it", true), r.get("it"); a.Change != b.Change || a.Change > 2 {
				t.Errorf("resuming an active one changed it: %d, %d", a.Change, b.Change)
			}
			a, b := r.pause("it"), r.pause("it")
			if a.Change != b.Change {
				t.Errorf("the second pause changed it: %d, %d", a.Change, b.Change)
			}
			a, b = r.resume("it", false), r.resume("it", false)
			if a.Change != b.Change {
				t.Errorf("the second resumption changed it: %d, %d", a.Change, b.Change)
			}
			is(t, r.get("it"), core.StateActive)
		})
	}
}

func TestAPausedWebhookIsRemovedAtItsAPIAndMadeAgainWithASecretOfItsOwn(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	first := r.api.Hooks()[0]
	is(t, r.pause("hook"), core.StatePaused)
	if left := r.api.Hooks(); len(left) != 0 {
		t.Fatalf("left at the API: %v", left)
	}
	if status, err := r.ingest(r.notification(s, "1", `{}`)); err != nil || status != 202 {
		t.Fatalf("a late notification was answered with %d, %v", status, err)
	}
	equal(t, "events while it is paused", r.bus.events(), nil)
	is(t, r.resume("hook", false), core.StateActive)
	second := r.api.Hooks()
	if len(second) != 1 || second[0].Secret == first.Secret || second[0].Secret == "" {
		t.Fatalf("registered again as %+v", second)
	}
	if _, err := r.ingest(r.notification(s, "3", `{"n":3}`)); err == nil {
		t.Error("after a pause the secret of before still counts")
	}
	n := r.notification(r.get("hook"), "2", `{"n":2}`)
	if _, query, ok := strings.Cut(second[0].CallbackURL, "?"); ok {
		n.Query = query
	}
	if status, err := r.ingest(n); err != nil || status != 202 {
		t.Fatalf("answered with %d, %v", status, err)
	}
	equal(t, "events", r.bus.events(), []string{`{"n":2}`})
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	if left := r.api.Hooks(); len(left) != 0 {
		t.Errorf("left at the API: %v", left)
	}
}

func TestAPausedWebhookThatCannotBeRemovedJustNowIsRemovedLaterAndDeletedCompletely(t *testing.T) {
	for _, tc := range []struct {
		name string
		then func(r *rig)
	}{
		{name: "it stays paused", then: func(*rig) {}},
		{name: "it is resumed meanwhile", then: func(r *rig) { r.resume("hook", false) }},
		{name: "it is deleted meanwhile", then: func(r *rig) {
			if err := r.Delete(r.t.Context(), ann, named("hook")); err != nil {
				r.t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.create("hook", inventorytest.Webhook)
			r.api.Refuse = func(c core.Call) *core.Answer {
				if c.Operation != inventorytest.Unhook {
					return nil
				}
				x := inventorytest.Refusal(503, true)
				return &x
			}
			s := r.pause("hook")
			if _, why := s.State(); why == "" {
				t.Error("nothing says that the API still notifies")
			}
			tc.then(r)
			r.api.Refuse = nil
			for range 3 {
				r.clock.Advance(time.Hour)
				if _, err := r.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := 0
			if tc.name == "it is resumed meanwhile" {
				want = 1
			}
			if left := r.api.Hooks(); len(left) != want || want == 1 && left[0].ID != "2" {
				t.Errorf("at the API: %v", left)
			}
			if next, err := r.Settle(t.Context()); err != nil || !next.IsZero() {
				t.Errorf("something is left to settle: %v %v", next, err)
			}
		})
	}
}

func TestAWebhookThatCannotBeRegisteredAgainStaysPaused(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(*inventorytest.API)
	}{
		{name: "the API refuses", fail: func(a *inventorytest.API) {
			a.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(403, false); return &x }
		}},
		{name: "the answer is lost", fail: func(a *inventorytest.API) {
			a.After = func(c core.Call) error {
				if c.Operation == inventorytest.Webhook {
					return fault.Deadline(fault.ReasonOutcomeUnknown, "the answer was lost")
				}
				return nil
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.create("hook", inventorytest.Webhook)
			r.pause("hook")
			tc.fail(r.api)
			_, err := r.Resume(t.Context(), ann, named("hook"), false)
			wantReason(t, err, fault.ReasonTriggerSubscribeFailed)
			is(t, r.get("hook"), core.StatePaused)
			r.api.Refuse, r.api.After = nil, nil
			if _, err := r.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := r.api.Hooks(); len(left) != 0 {
				t.Errorf("an orphan is left: %v", left)
			}
			is(t, r.resume("hook", false), core.StateActive)
			if hooks := r.api.Hooks(); len(hooks) != 1 {
				t.Errorf("at the API: %v", hooks)
			}
		})
	}
}

func TestAPauseDuringTheResumptionWins(t *testing.T) {
	r := newRig(t)
	r.create("hook", inventorytest.Webhook)
	r.pause("hook")
	done := false
	r.api.Set(func(a *inventorytest.API) {
		a.After = func(c core.Call) error {
			if c.Operation == inventorytest.Webhook && !done {
				done = true
				r.pause("hook")
			}
			return nil
		}
	})
	_, err := r.Resume(t.Context(), ann, named("hook"), false)
	if fault.CodeOf(err) != fault.CodeAborted {
		t.Fatalf("resumed: %v", err)
	}
	is(t, r.get("hook"), core.StatePaused)
	r.clock.Advance(time.Hour)
	if _, err := r.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := r.api.Hooks(); len(left) != 0 {
		t.Errorf("left at the API: %v", left)
	}
}

func TestNothingIsPublishedAfterPauseHasReturned(t *testing.T) {
	for _, tc := range []struct {
		name string
		stop func(ctx context.Context, r *rig) error
	}{
		{name: "paused", stop: func(ctx context.Context, r *rig) error {
			_, err := r.Pause(ctx, ann, named("hook"))
			return err
		}},
		{name: "deleted", stop: func(ctx context.Context, r *rig) error { return r.Delete(ctx, ann, named("hook")) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("hook", inventorytest.Webhook)
			arrived, release := make(chan struct{}), make(chan struct{})
			returned := make(chan struct{})
			r.bus.before = func(m outbox.Message) error {
				if strings.HasPrefix(m.Subject, "ferrule.event.") {
					close(arrived)
					<-release
					select {
					case <-returned:
						return errors.New("published after the return")
					default:
					}
				}
				return nil
			}
			ingested, stopped := make(chan error, 1), make(chan error, 1)
			go func() { _, err := r.ingest(r.notification(s, "1", `{}`)); ingested <- err }()
			<-arrived
			go func() {
				err := tc.stop(t.Context(), r)
				close(returned)
				stopped <- err
			}()
			close(release)
			if err := <-ingested; err != nil {
				t.Error(err)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASuspendedSubscriptionGoesOnOnceItIsResumed(t *testing.T) {
	r := newRig(t)
	d := draft("items", inventorytest.Polling)
	d.SuspendAfter = 5 * time.Minute
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	r.api.Before = func(core.Call) error { return fault.Unavailable(fault.ReasonUpstreamUnreachable, "not reached") }
	for range 30 {
		r.clock.Advance(time.Minute)
		r.fire()
	}
	is(t, r.get("items"), core.StateSuspended)
	is(t, r.pause("items"), core.StateSuspended)
	r.api.Before = nil
	r.api.Add("c")
	s := r.resume("items", false)
	is(t, s, core.StateActive)
	if s.Polling.Cursor.Failures != 0 {
		t.Error("the failures of before are still counted")
	}
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})
}

func TestWhatHasEndedCannotBeResumed(t *testing.T) {
	for _, operation := range []string{inventorytest.Polling, inventorytest.Webhook} {
		for _, paused := range []bool{false, true} {
			t.Run(fmt.Sprint(operation, " paused before: ", paused), func(t *testing.T) {
				r := newRig(t)
				d := draft("it", operation)
				d.Recurrence.End = start.Add(time.Hour)
				s, err := r.Create(t.Context(), ann, d)
				if err != nil {
					t.Fatal(err)
				}
				if paused {
					r.pause("it")
				}
				r.clock.Advance(2 * time.Hour)
				if !paused {
					if operation == inventorytest.Webhook {
						if status, _ := r.ingest(r.notification(s, "1", `{}`)); status != 410 {
							t.Errorf("a notification after the end was answered with %d", status)
						}
					}
					r.fire()
					is(t, r.get("it"), core.StateEnded)
					is(t, r.pause("it"), core.StateEnded)
				}
				if hooks := r.api.Hooks(); len(hooks) != 0 {
					t.Errorf("left at the API: %v", hooks)
				}
				_, err = r.Resume(t.Context(), ann, named("it"), false)
				if fault.CodeOf(err) != fault.CodeFailedPrecondition || !strings.Contains(err.Error(), "end_time") {
					t.Errorf("resumed: %v", err)
				}
			})
		}
	}
}

func TestOnlyWhoSeesASubscriptionCanPauseOrResumeIt(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	_, err := r.Pause(t.Context(), bob, named("items"))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	_, err = r.Resume(t.Context(), bob, named("items"), false)
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	if _, err := r.Pause(t.Context(), admin, named("items")); err != nil {
		t.Errorf("an administrator cannot pause: %v", err)
	}
}

// settled has the background work done until nothing is left.
func (r *rig) settled() {
	r.t.Helper()
	for range 20 {
		next, err := r.Settle(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if next.IsZero() {
			return
		}
		r.clock.Advance(time.Hour)
	}
	r.t.Fatal("it never settles")
}

func TestACrashAtEveryStepOfPausingAndResumingLeavesNoOrphanAndLosesNoSubscription(t *testing.T) {
	pauseIt := func(r *rig) error { _, err := r.Pause(r.t.Context(), ann, named("hook")); return err }
	resumeIt := func(r *rig) error { _, err := r.Resume(r.t.Context(), ann, named("hook"), false); return err }
	for _, tc := range []struct {
		name  string
		begin func(*rig)
		step  func(*rig) error
	}{
		{name: "pause", begin: func(*rig) {}, step: pauseIt},
		{name: "resume", begin: func(r *rig) { r.pause("hook") }, step: resumeIt},
	} {
		for n := 1; ; n++ {
			r := newRig(t)
			r.create("hook", inventorytest.Webhook)
			tc.begin(r)
			f := faultkv.New(r.kv)
			r.restart(f)
			f.Crash(faultkv.Any, n)
			err := tc.step(r)
			if !f.Crashed() {
				if n < 4 {
					t.Fatalf("%s: only %d moments to crash at", tc.name, n)
				}
				break
			}
			t.Run(fmt.Sprint(tc.name, " at moment ", n), func(t *testing.T) {
				r.restart(r.kv)
				r.settled()
				hooks, state := len(r.api.Hooks()), r.state("hook")
				switch {
				case state == core.StateActive && hooks == 1, state == core.StatePaused && hooks == 0:
				default:
					t.Fatalf("state %v with %d registrations (%v)", state, hooks, err)
				}
				// Whoever repeats what the process died of gets what was wanted.
				if err := tc.step(r); err != nil {
					t.Fatal(err)
				}
				r.settled()
				if tc.name == "pause" && (len(r.api.Hooks()) != 0 || r.state("hook") != core.StatePaused) ||
					tc.name == "resume" && (len(r.api.Hooks()) != 1 || r.state("hook") != core.StateActive) {
					t.Fatalf("state %v with %d registrations", r.state("hook"), len(r.api.Hooks()))
				}
			})
		}
	}
}
