package core_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func slogNone() *slog.Logger { return slog.New(slog.DiscardHandler) }

func item(id string) string { return fmt.Sprintf(`{"id":%q}`, id) }

func TestWhatIsThereAtFirstIsNoEventAndWhatComesLaterIsOneEach(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	if state, why := s.State(); state != core.StateActive || why != "" {
		t.Fatalf("state %v %q", state, why)
	}
	r.api.Add("c", "d") // between the baseline and the first poll
	r.clock.Advance(time.Minute)
	r.fire()
	r.api.Add("e")
	r.clock.Advance(time.Minute)
	r.fire()
	r.clock.Advance(time.Minute)
	r.fire()
	r.relay()
	equal(t, "events, oldest first", r.bus.events(), []string{item("c"), item("d"), item("e")})
	if calls := r.api.Calls(inventorytest.Polling); len(calls) != 4 {
		t.Errorf("%d calls, want the baseline and three polls", len(calls))
	}
	if got := r.get("items").Activity(); !got.Equal(r.clock.Now()) {
		t.Errorf("activity %v, want now", got)
	}
}

func TestAPollIsMadeOnBehalfOfTheServiceAndTheBaselineOnBehalfOfTheCaller(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	r.clock.Advance(time.Minute)
	r.fire()
	var got []core.Behalf
	for _, c := range r.api.Calls(inventorytest.Polling) {
		got = append(got, c.Behalf)
	}
	if !slices.Equal(got, []core.Behalf{core.BehalfOfCaller, core.BehalfOfService}) {
		t.Errorf("on behalf of %v", got)
	}
}

func TestAFiringThatComesTwicePollsOnce(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.clock.Advance(time.Minute)
	first, err := r.Poll(t.Context(), s.UID, r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Poll(t.Context(), s.UID, r.clock.Now())
	if err != nil || !second.Equal(first) {
		t.Fatalf("the second says %v, %v; the first said %v", second, err, first)
	}
	if calls := r.api.Calls(inventorytest.Polling); len(calls) != 2 {
		t.Errorf("%d calls, want the baseline and one poll", len(calls))
	}
}

func TestTwoPollsAtTheSameTimeMakeEachEventOnce(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.api.Add("c")
	r.clock.Advance(time.Minute)
	var inner time.Time
	nested := false
	// A second process polls while the first one has its answer in hand.
	other := &rig{}
	*other = *r
	other.api = inventorytest.New("a", "b", "c")
	other.restart(r.kv)
	r.api.Set(func(a *inventorytest.API) {
		a.After = func(core.Call) error {
			next, err := other.Poll(t.Context(), s.UID, r.clock.Now())
			inner, nested = next, true
			return err
		}
	})
	outer, err := r.Poll(t.Context(), s.UID, r.clock.Now())
	if err != nil || !nested {
		t.Fatal(err, nested)
	}
	if !outer.Equal(inner) {
		t.Errorf("the slower poll says %v, the stored one %v", outer, inner)
	}
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})
}

func TestALateFiringOfADeletedSubscriptionDoesNothingAndEndsItsSchedule(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	if err := r.Delete(t.Context(), ann, named("items")); err != nil {
		t.Fatal(err)
	}
	if len(r.schedules.due) != 0 {
		t.Errorf("schedules left: %v", r.schedules.due)
	}
	next, err := r.Poll(t.Context(), s.UID, r.clock.Now())
	if err != nil || !next.IsZero() {
		t.Errorf("next = %v, %v", next, err)
	}
	// The same name again is another subscription: the old firing is not its.
	again := r.create("items", inventorytest.Polling)
	if again.UID == s.UID {
		t.Error("the unique id was used again")
	}
	if next, err := r.Poll(t.Context(), s.UID, r.clock.Now()); err != nil || !next.IsZero() {
		t.Errorf("next = %v, %v", next, err)
	}
}

func TestADeletionDuringAPollMakesNoEvents(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.api.Add("c")
	r.clock.Advance(time.Minute)
	r.api.Set(func(a *inventorytest.API) {
		a.After = func(core.Call) error { return r.Delete(t.Context(), ann, named("items")) }
	})
	next, err := r.Poll(t.Context(), s.UID, r.clock.Now())
	if err != nil || !next.IsZero() {
		t.Errorf("next = %v, %v", next, err)
	}
	r.relay()
	equal(t, "events", r.bus.events(), nil)
}

func TestFailuresBackOffAndRecover(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fail   func(*inventorytest.API)
		pauses []time.Duration
		reason string
	}{
		{
			name: "a passing failure doubles the pause up to a quarter of an hour",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer {
					r := inventorytest.Refusal(http.StatusServiceUnavailable, true)
					return &r
				}
			},
			pauses: []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute},
			reason: "the API answered with status 503: the API said 503",
		},
		{
			name: "wrong credentials make it grow faster",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer { r := inventorytest.Refusal(http.StatusUnauthorized, false); return &r }
			},
			pauses: []time.Duration{time.Minute, 4 * time.Minute, 15 * time.Minute, 15 * time.Minute},
			reason: "the API answered with status 401: the API said 401",
		},
		{
			name: "the API's own wish counts when it is longer",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer {
					r := inventorytest.Refusal(http.StatusTooManyRequests, true)
					r.Refusal.RetryAfter = 3 * time.Minute
					return &r
				}
			},
			pauses: []time.Duration{3 * time.Minute, 3 * time.Minute, 4 * time.Minute},
			reason: "the API answered with status 429: the API said 429",
		},
		{
			name: "a wish without measure is cut at a day",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer {
					r := inventorytest.Refusal(http.StatusTooManyRequests, true)
					r.Refusal.RetryAfter = 1000 * time.Hour
					return &r
				}
			},
			pauses: []time.Duration{24 * time.Hour},
			reason: "the API answered with status 429: the API said 429",
		},
		{
			name: "an unreachable runtime",
			fail: func(a *inventorytest.API) {
				a.Before = func(core.Call) error { return fault.Unavailable(fault.ReasonServiceUnavailable, "the runtime is away") }
			},
			pauses: []time.Duration{time.Minute, 2 * time.Minute},
			reason: "the runtime is away",
		},
		{
			name: "a failure that tells its status itself",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer {
					return &core.Answer{Status: 500, Refusal: &core.Refusal{Message: "the API failed (status 500): at home", Retryable: true}}
				}
			},
			pauses: []time.Duration{time.Minute},
			reason: "the API failed (status 500): at home",
		},
		{
			name: "an answer without a list",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer {
					return &core.Answer{Status: 200, Body: []byte(`{"items":{}}`), Revision: inventorytest.Revision}
				}
			},
			pauses: []time.Duration{time.Minute, 4 * time.Minute},
			reason: `the API's answer has no list at "items"`,
		},
		{
			name: "an answer that is no success and no failure",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer { return &core.Answer{Status: 302, Revision: inventorytest.Revision} }
			},
			pauses: []time.Duration{time.Minute},
			reason: "the API answered with status 302, which holds no items",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("items", inventorytest.Polling)
			r.clock.Advance(time.Minute)
			r.api.Set(tc.fail)
			r.api.Add("c")
			for i, want := range tc.pauses {
				next, err := r.Poll(t.Context(), s.UID, r.clock.Now())
				if err != nil {
					t.Fatal(err)
				}
				if got := next.Sub(r.clock.Now()); got != want {
					t.Fatalf("pause %d is %v, want %v", i+1, got, want)
				}
				if state, why := r.get("items").State(); state != core.StateError || why != tc.reason {
					t.Fatalf("state %v %q", state, why)
				}
				r.clock.Advance(want)
			}
			r.api.Set(func(a *inventorytest.API) { a.Refuse, a.Before = nil, nil })
			if _, err := r.Poll(t.Context(), s.UID, r.clock.Now()); err != nil {
				t.Fatal(err)
			}
			if state, why := r.get("items").State(); state != core.StateActive || why != "" {
				t.Errorf("state %v %q after it was well again", state, why)
			}
			r.relay()
			equal(t, "events", r.bus.events(), []string{item("c")})
		})
	}
}

func TestASubscriptionThatBeginsWhileTheAPIIsDownTakesItsBaselineLater(t *testing.T) {
	r := newRig(t)
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(http.StatusBadGateway, true); return &x }
	})
	s := r.create("items", inventorytest.Polling)
	if state, _ := s.State(); state != core.StateError {
		t.Fatalf("state %v", state)
	}
	r.api.Set(func(a *inventorytest.API) { a.Refuse = nil })
	r.clock.Advance(time.Minute)
	r.fire()
	if state := r.state("items"); state != core.StateActive {
		t.Fatalf("state %v", state)
	}
	r.api.Add("c")
	r.clock.Advance(time.Minute)
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})
}

func TestInputThatTheOperationRefusesCreatesNothing(t *testing.T) {
	r := newRig(t)
	r.api.Before = func(core.Call) error { return fault.Invalid(fault.ReasonInputInvalid, "limit must be a number") }
	_, err := r.Create(t.Context(), ann, draft("items", inventorytest.Polling))
	wantReason(t, err, fault.ReasonInputInvalid)
	_, err = r.Get(t.Context(), ann, named("items"))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	if len(r.schedules.due) != 0 {
		t.Errorf("schedules %v", r.schedules.due)
	}
}

func TestANewRevisionBringsItsOwnRules(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	r.api.Republish("second")
	next := inventorytest.Definition()
	next.GetOperations()[0].GetTrigger().GetPolling().ItemsPath = "nowhere"
	r.definition = next
	r.clock.Advance(time.Minute)
	r.api.Add("c")
	r.fire() // the new rules find no list, which is not the same as an empty one
	r.relay()
	equal(t, "events under the new rules", r.bus.events(), nil)
	if state, why := r.get("items").State(); state != core.StateError || !strings.Contains(why, `"nowhere"`) {
		t.Errorf("state %v %q", state, why)
	}
	r.definition = inventorytest.Definition()
	r.api.Republish("third")
	r.clock.Advance(2 * time.Minute)
	r.fire()
	r.relay()
	equal(t, "events when the list is back", r.bus.events(), []string{item("c")})

	without := inventorytest.Definition()
	without.Operations = without.GetOperations()[1:]
	r.definition = without
	r.api.Republish("fourth")
	r.clock.Advance(time.Minute)
	r.fire()
	if state := r.state("items"); state != core.StateError {
		t.Errorf("state %v although the trigger is gone", state)
	}
}

func TestAnAnswerWithoutARevisionIsReadByTheKnownRules(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	r.api.Republish("")
	r.api.Add("c")
	r.clock.Advance(time.Minute)
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})
	if got := r.get("items").Polling.Cursor.Revision; got != inventorytest.Revision {
		t.Errorf("revision %q", got)
	}
}

func TestReconciliationSchedulesWhatADeadProcessLeft(t *testing.T) {
	r := newRig(t)
	r.schedules.err = errBroken // the bus is away in the moment of the creation
	for i := range 3 {
		r.create(fmt.Sprintf("items-%d", i), inventorytest.Polling)
	}
	select {
	case <-r.Unscheduled():
	default:
		t.Error("nobody was told that schedules are missing")
	}
	if err := r.Reconcile(t.Context()); err == nil {
		t.Error("a reconciliation that cannot set schedules succeeded")
	}
	r.schedules.err = nil
	for range 2 { // idempotent
		if err := r.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.schedules.due) != 3 {
		t.Fatalf("%d schedules, want 3", len(r.schedules.due))
	}
	for uid, at := range r.schedules.due {
		if !at.Equal(start.Add(time.Minute)) {
			t.Errorf("%s is due at %v", uid, at)
		}
	}
}

func TestARescueAsksTheBusAboutNothingButWhatIsOverdue(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"a", "b", "c"} {
		r.create(id, inventorytest.Polling)
	}
	lost := r.get("b").UID
	delete(r.schedules.due, lost) // as by a process that died
	r.schedules.asked = 0
	if err := r.Rescue(t.Context()); err != nil || r.schedules.asked != 0 {
		t.Errorf("asked %d times before anything was due, %v", r.schedules.asked, err)
	}
	r.clock.Advance(time.Minute)
	r.fire() // the others
	r.clock.Advance(59 * time.Second)
	r.schedules.asked = 0
	if err := r.Rescue(t.Context()); err != nil || r.schedules.asked != 0 {
		t.Errorf("asked %d times about what may still come, %v", r.schedules.asked, err)
	}
	r.clock.Advance(2 * time.Second)
	if err := r.Rescue(t.Context()); err != nil || r.schedules.asked != 1 {
		t.Errorf("asked %d times, want once for the one that is overdue, %v", r.schedules.asked, err)
	}
	if _, due := r.schedules.due[lost]; !due {
		t.Error("the one that is overdue has no schedule")
	}
}

func TestSubscriptionsOfEveryEnvironmentAreReconciled(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	d := draft("items", inventorytest.Polling)
	d.Environment, d.Connection.Environment = "staging", "staging"
	there, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	clear(r.schedules.due)
	r.lost = true // which environments there are does not matter
	if err := r.Reconcile(t.Context()); err != nil || len(r.schedules.due) != 2 {
		t.Errorf("%d schedules, %v", len(r.schedules.due), err)
	}
	if _, due := r.schedules.due[there.UID]; !due {
		t.Error("the one in staging has none")
	}
}

func TestManySubscriptionsAreReconciledPageByPage(t *testing.T) {
	r := newRig(t)
	r.kv = memkv.New()
	r.restart(r.kv)
	const many = 1203 // more than two pages
	for i := range many {
		r.create(fmt.Sprintf("items-%04d", i), inventorytest.Polling)
	}
	clear(r.schedules.due)
	if err := r.Reconcile(t.Context()); err != nil || len(r.schedules.due) != many {
		t.Errorf("%d schedules, %v", len(r.schedules.due), err)
	}
}

func TestAWholeBatchThatIsTooLargeForTheBusBecomesSeveralEvents(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sizes  []int // of the new items
		events []int // items of each event; 0 if its data was left out
	}{
		{"what fits is one", []int{100_000, 100_000}, []int{2}},
		{"what does not is several, in order", slices.Repeat([]int{300_000}, 7), []int{3, 3, 1}},
		{"one that fits into none says so, and the others are there", []int{1_000, 1_200_000, 1_000}, []int{1, 0, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", inventorytest.Polling)
			d.Split = core.SplitWhole
			if _, err := r.Create(t.Context(), ann, d); err != nil {
				t.Fatal(err)
			}
			var want []string
			for i, size := range tc.sizes {
				id := fmt.Sprint(i, strings.Repeat("x", size))
				want = append(want, item(id))
				r.api.Add(id)
			}
			r.clock.Advance(time.Minute)
			r.fire()
			r.relay()
			var got []string
			var counts []int
			seen := map[string]bool{}
			for _, m := range r.bus.messages {
				var event struct {
					ID           string
					Data         []json.RawMessage
					OmittedBytes int
				}
				if !strings.HasPrefix(m.Subject, "ferrule.event.") {
					continue
				}
				if err := json.Unmarshal(m.Data, &event); err != nil || seen[event.ID] {
					t.Fatalf("event %s: %v", event.ID, err)
				}
				seen[event.ID] = true
				counts = append(counts, len(event.Data))
				if len(event.Data) == 0 && event.OmittedBytes > 0 {
					got = append(got, want[len(got)])
				}
				for _, item := range event.Data {
					got = append(got, string(item))
				}
			}
			if !slices.Equal(counts, tc.events) || !slices.Equal(got, want) {
				t.Errorf("events of %v items, want %v; the items are in order: %t", counts, tc.events, slices.Equal(got, want))
			}
		})
	}
}
