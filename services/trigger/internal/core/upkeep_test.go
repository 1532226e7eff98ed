package core_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// Operations of an API whose registrations expire.
const (
	renewHook = "RenewWebhook"
	getHook   = "GetWebhook"
)

// mortal is a rig whose API forgets registrations: by their time, or by accident.
type mortal struct {
	*rig

	declared *connectorv1.WebhookTrigger
	expires  func(now time.Time) any // what the API answers; nil for nothing
	lost     bool                    // the API has forgotten the registration
	broken   bool                    // it fails
	keeps    bool                    // registrations are those of the inventory, which keeps them
}

// newMortal has a webhook that is renewed by an operation, and read by another.
func newMortal(t *testing.T) *mortal {
	t.Helper()
	m := &mortal{rig: newRig(t)}
	m.expires = func(now time.Time) any { return now.Add(time.Hour).Format(time.RFC3339) }
	byID := func(id, method string) *connectorv1.Operation {
		return &connectorv1.Operation{
			OperationId: id, Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: method, Path: "/webhooks/{id}",
			Parameters: []*connectorv1.Parameter{{Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true}},
		}
	}
	m.definition.Operations = append(m.definition.Operations, byID(renewHook, "PATCH"), byID(getHook, "GET"))
	i := slices.IndexFunc(m.definition.Operations, func(o *connectorv1.Operation) bool { return o.GetOperationId() == inventorytest.Webhook })
	m.declared = m.definition.Operations[i].GetTrigger().GetWebhook()
	m.declared.Renewal = &connectorv1.WebhookRenewal{
		OperationId: renewHook, ExpirePointer: "/life/until", InputExpirePointer: "/body/until", Lifetime: durationpb.New(2 * time.Hour),
		Inputs: []*connectorv1.AnswerValue{{InputPointer: "/id", AnswerPointer: "/life/id"}},
	}
	m.api.Refuse = m.answer
	return m
}

func (m *mortal) answer(c core.Call) *core.Answer {
	life := map[string]any{"id": 7}
	if m.expires != nil {
		life["until"] = m.expires(m.clock.Now())
	}
	body, _ := json.Marshal(map[string]any{"id": "7", "life": life})
	ok := &core.Answer{Status: http.StatusOK, Header: http.Header{}, Body: body}
	failed := inventorytest.Refusal(503, true)
	gone := inventorytest.Refusal(404, false)
	switch {
	case m.broken:
		return &failed
	case m.keeps && c.Operation == inventorytest.Webhook:
		return nil
	case c.Operation != renewHook && c.Operation != getHook && c.Operation != inventorytest.Webhook:
		return nil
	case m.lost && c.Operation != inventorytest.Webhook:
		return &gone
	}
	m.lost = false
	return ok
}

// wake does what the scheduler does when the next thing is due, and returns when the
// one after that is.
func (m *mortal) wake(s core.Subscription) time.Time {
	m.t.Helper()
	due := m.schedules.due[s.UID]
	m.clock.Advance(due.Sub(m.clock.Now()))
	next, err := m.Poll(m.t.Context(), s.UID, due)
	if err != nil {
		m.t.Fatal(err)
	}
	m.schedules.due[s.UID] = next
	return next
}

func TestWhenARegistrationExpiresIsReadAsTheAPISaysIt(t *testing.T) {
	for _, tc := range []struct {
		name    string
		expires any
		want    time.Duration // from now; the lifetime of the connector is two hours
	}{
		{name: "a time", expires: start.Add(40 * time.Minute).Format(time.RFC3339), want: 40 * time.Minute},
		{name: "a time in another zone", expires: start.Add(40 * time.Minute).In(time.FixedZone("", 3600)).Format(time.RFC3339), want: 40 * time.Minute},
		{name: "seconds from now", expires: 600, want: 10 * time.Minute},
		{name: "seconds from now as a text", expires: "600", want: 10 * time.Minute},
		{name: "seconds since 1970", expires: start.Add(time.Minute).Unix(), want: time.Minute},
		{name: "nothing", want: 2 * time.Hour},
		{name: "something else", expires: "soon", want: 2 * time.Hour},
		{name: "less than nothing", expires: -5, want: 2 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMortal(t)
			m.expires = func(time.Time) any { return tc.expires }
			u := m.create("hook", inventorytest.Webhook).Webhook.Upkeep
			if got := u.Expires.Sub(start); got != tc.want {
				t.Errorf("expires after %v, want %v", got, tc.want)
			}
			if got := u.RenewAt.Sub(start); got != tc.want*3/4 {
				t.Errorf("renewed after %v, want three quarters of %v", got, tc.want)
			}
		})
	}
}

func TestARegistrationIsRenewedAgainAndAgainBeforeItExpires(t *testing.T) {
	m := newMortal(t)
	s := m.create("hook", inventorytest.Webhook)
	if made := m.api.Calls(inventorytest.Webhook)[0]; !strings.Contains(made.Input, `"until":"2026-03-01T14:00:00Z"`) {
		t.Errorf("the wanted life was not asked for: %s", made.Input)
	}
	for i := range 3 {
		next := m.wake(s)
		u := m.get("hook").Webhook.Upkeep
		if !u.Expires.Equal(m.clock.Now().Add(time.Hour)) || !next.Equal(u.RenewAt) || next.Sub(m.clock.Now()) != 45*time.Minute {
			t.Fatalf("renewal %d: expires %v, next %v", i, u.Expires, next)
		}
	}
	renewals := m.api.Calls(renewHook)
	if len(renewals) != 3 || renewals[0].Input != `{"body":{"until":"2026-03-01T14:45:00Z"},"id":7}` {
		t.Errorf("renewed by %+v", renewals)
	}
	if made := m.api.Calls(inventorytest.Webhook); len(made) != 1 {
		t.Errorf("registered %d times", len(made))
	}
}

func TestARenewalThatFailsIsRepeatedAndShownAndOneThatIsTooLateRegistersAnew(t *testing.T) {
	m := newMortal(t)
	s := m.create("hook", inventorytest.Webhook)
	m.broken = true
	m.wake(s)
	now := m.get("hook")
	if state, why := now.State(); state != core.StateError || !strings.Contains(why, "renewed") {
		t.Fatalf("state %v %q", state, why)
	}
	var pauses []time.Duration
	for range 3 {
		pauses = append(pauses, m.wake(s).Sub(m.clock.Now()))
	}
	if pauses[0] >= pauses[1] || pauses[1] >= pauses[2] {
		t.Errorf("the pauses %v do not grow", pauses)
	}
	for m.clock.Now().Before(start.Add(2 * time.Hour)) {
		m.wake(s)
	}
	m.broken = false
	m.wake(s)
	is(t, m.get("hook"), core.StateActive)
	made := m.api.Calls(inventorytest.Webhook)
	if m.get("hook").Webhook.Generation == 0 || len(made) < 2 {
		t.Error("it was not registered anew after it had expired")
	}
}

// The API's clock is not ours, and a connector may know the life of a registration only
// roughly: what is over by our clock may still be there, and would notify twice.
func TestARegistrationThatHasExpiredIsRemovedWhenAnotherTakesItsPlace(t *testing.T) {
	m := newMortal(t)
	m.keeps, m.declared.Renewal = true, &connectorv1.WebhookRenewal{Lifetime: durationpb.New(2 * time.Hour)}
	s := m.create("hook", inventorytest.Webhook)
	before := m.api.Hooks()
	m.broken = true
	for m.clock.Now().Before(start.Add(2 * time.Hour)) {
		m.wake(s)
	}
	m.broken = false
	m.wake(s)
	if _, err := m.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	is(t, m.get("hook"), core.StateActive)
	if after := m.api.Hooks(); len(before) != 1 || len(after) != 1 || cmp.Equal(before, after) {
		t.Errorf("registrations %v, before %v", after, before)
	}
}

func TestARegistrationThatTheAPIHasLostIsMadeAnew(t *testing.T) {
	for _, tc := range []struct {
		name    string
		declare func(*connectorv1.WebhookTrigger)
	}{
		{name: "noticed at the renewal", declare: func(*connectorv1.WebhookTrigger) {}},
		{name: "noticed by looking once a day", declare: func(w *connectorv1.WebhookTrigger) {
			w.Renewal, w.GetOperationId = nil, getHook
			w.UnsubscribeInputs = []*connectorv1.AnswerValue{{InputPointer: "/id", AnswerPointer: "/life/id"}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMortal(t)
			tc.declare(m.declared)
			s := m.create("hook", inventorytest.Webhook)
			m.lost = true
			if next := m.wake(s); next.IsZero() {
				t.Fatal("nothing is due any more")
			}
			now := m.get("hook")
			is(t, now, core.StateActive)
			if len(m.api.Calls(inventorytest.Webhook)) != 2 || now.Webhook.Generation != 1 || len(now.Webhook.Old) != 0 {
				t.Fatalf("not registered anew: %+v", now.Webhook)
			}
			if removed := m.api.Calls(inventorytest.Unhook); len(removed) != 0 {
				t.Errorf("what is lost was removed: %+v", removed)
			}
		})
	}
}

func TestWithoutAnOperationForItARegistrationIsRenewedByANewOne(t *testing.T) {
	r := newRig(t)
	i := slices.IndexFunc(r.definition.Operations, func(o *connectorv1.Operation) bool { return o.GetOperationId() == inventorytest.Webhook })
	r.definition.Operations[i].GetTrigger().GetWebhook().Renewal = &connectorv1.WebhookRenewal{Lifetime: durationpb.New(4 * time.Hour)}
	m := &mortal{rig: r}
	s := r.create("hook", inventorytest.Webhook)
	m.wake(s)
	if hooks := r.api.Hooks(); len(hooks) != 1 || hooks[0].ID != "2" {
		t.Fatalf("at the API: %v", hooks)
	}
	if u := r.get("hook").Webhook.Upkeep; !u.Expires.Equal(start.Add(7 * time.Hour)) {
		t.Errorf("expires %v", u.Expires)
	}
}

func TestLookingOnceADayFindsARegistrationInOrder(t *testing.T) {
	m := newMortal(t)
	m.declared.Renewal, m.declared.GetOperationId = nil, getHook
	s := m.create("hook", inventorytest.Webhook)
	if next := m.wake(s); next.Sub(start) != 48*time.Hour {
		t.Errorf("next %v, want a day later", next)
	}
	m.broken = true // nobody knows: that is no reason to register anew
	if next := m.wake(s); next.Sub(start) != 49*time.Hour || len(m.api.Calls(inventorytest.Webhook)) != 1 {
		t.Errorf("next %v", next)
	}
	is(t, m.get("hook"), core.StateActive)
}

func TestTheRemovalIsToldWhatTheConnectorSaysOfTheAnswer(t *testing.T) {
	m := newMortal(t)
	m.declared.Renewal, m.declared.UnsubscribeOperationId = nil, inventorytest.Unhook
	m.declared.UnsubscribeInputs = []*connectorv1.AnswerValue{{InputPointer: "/id", AnswerPointer: "/life/id"}}
	s := m.create("hook", inventorytest.Webhook)
	if u := s.Webhook.Unsubscribe; u == nil || u.Input != `{"id":7}` {
		t.Errorf("removed by %+v", u)
	}
}

func TestOrphansAreLookedForInTheListThatTheConnectorNames(t *testing.T) {
	r := newRig(t)
	for _, o := range r.definition.Operations {
		if o.GetOperationId() == inventorytest.Unlisted {
			w := o.GetTrigger().GetWebhook()
			w.ListOperationId, w.UnsubscribeOperationId = inventorytest.Hooks, inventorytest.Unhook
		}
	}
	r.api.After = func(c core.Call) error {
		if c.Operation == inventorytest.Unlisted {
			return fault.Deadline(fault.ReasonOutcomeUnknown, "the answer was lost")
		}
		return nil
	}
	_, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Unlisted))
	wantReason(t, err, fault.ReasonTriggerSubscribeFailed)
	r.settled()
	if hooks := r.api.Hooks(); len(hooks) != 0 {
		t.Errorf("an orphan is left: %v", hooks)
	}
}

func TestACrashAtEveryStepOfARenewalKeepsOneRegistration(t *testing.T) {
	for n := 1; ; n++ {
		r := newRig(t)
		i := slices.IndexFunc(r.definition.Operations, func(o *connectorv1.Operation) bool { return o.GetOperationId() == inventorytest.Webhook })
		r.definition.Operations[i].GetTrigger().GetWebhook().Renewal = &connectorv1.WebhookRenewal{Lifetime: durationpb.New(4 * time.Hour)}
		m := &mortal{rig: r}
		s := r.create("hook", inventorytest.Webhook)
		due := r.schedules.due[s.UID]
		r.clock.Advance(due.Sub(r.clock.Now()))
		f := faultkv.New(r.kv)
		r.restart(f)
		f.Crash(faultkv.Any, n)
		_, err := r.Poll(t.Context(), s.UID, due)
		if !f.Crashed() {
			if n < 6 {
				t.Fatalf("only %d moments to crash at", n)
			}
			return
		}
		t.Run(fmt.Sprint("moment ", n), func(t *testing.T) {
			r.restart(r.kv)
			if _, err := r.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(2 * time.Minute) // whoever was making it is given up
			if _, err := r.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.schedules.due[s.UID] = r.clock.Now()
			m.wake(s)
			r.settled()
			hooks, now := r.api.Hooks(), r.get("hook")
			if len(hooks) != 1 || now.Webhook.Unsubscribe == nil || now.Webhook.Unsubscribe.Input != fmt.Sprintf(`{"id":%q}`, hooks[0].ID) {
				t.Fatalf("at the API %v, known %+v (%v)", hooks, now.Webhook.Unsubscribe, err)
			}
			is(t, now, core.StateActive)
		})
	}
}
