package core_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

func TestWhereASubscriptionStandsAndWhy(t *testing.T) {
	done := core.Cursor{Baseline: true}
	for _, tc := range []struct {
		name  string
		sub   core.Subscription
		state core.State
		why   string
	}{
		{"a poll that works", core.Subscription{Polling: &core.Polling{Cursor: done}}, core.StateActive, ""},
		{"a poll without a baseline", core.Subscription{Polling: &core.Polling{}}, core.StateCreating, ""},
		{"a poll that failed", core.Subscription{Polling: &core.Polling{Cursor: core.Cursor{Failures: 1, Reason: "down"}}}, core.StateError, "down"},
		{"a poll that is being removed", core.Subscription{Deleting: true, Polling: &core.Polling{Cursor: done}}, core.StateDeleting, ""},
		{"a webhook that works", core.Subscription{Webhook: &core.Webhook{Registered: true}}, core.StateActive, ""},
		{"a webhook that is being set up", core.Subscription{Webhook: &core.Webhook{}}, core.StateCreating, ""},
		{"a webhook that is being removed", core.Subscription{Deleting: true, Webhook: &core.Webhook{Reason: "why"}}, core.StateDeleting, "why"},
		{
			"a sink that is gone",
			core.Subscription{Webhook: &core.Webhook{Registered: true}, Sinks: []core.Sink{{HTTP: &core.HTTPSink{URL: "a"}}, {HTTP: &core.HTTPSink{URL: "b"}, Disabled: true, DisabledReason: "the endpoint answered 410 Gone"}}},
			core.StateActive, "a sink gets no more events, the endpoint answered 410 Gone: b",
		},
		{
			"a sink of a poll that is gone",
			core.Subscription{Polling: &core.Polling{Cursor: done}, Sinks: []core.Sink{{HTTP: &core.HTTPSink{URL: "b"}, Disabled: true, DisabledReason: "the endpoint answered 410 Gone"}}},
			core.StateActive, "a sink gets no more events, the endpoint answered 410 Gone: b",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if state, why := tc.sub.State(); state != tc.state || why != tc.why {
				t.Errorf("%v %q, want %v %q", state, why, tc.state, tc.why)
			}
		})
	}
	if !(core.Subscription{}).Activity().IsZero() {
		t.Error("a subscription of no kind was active")
	}
}

func TestWhoFollowsASubscriptionLearnsOfItsEnd(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	exists := func(want bool) {
		t.Helper()
		if got, err := r.Exists(t.Context(), s.UID); err != nil || got != want {
			t.Errorf("exists: %v, %v", got, err)
		}
	}
	exists(true)
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(http.StatusBadGateway, true); return &x }
	})
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	exists(false) // being removed is the end, whatever the API says
	select {
	case <-r.Unsettled():
	default:
		t.Error("nobody was told that something is left to do")
	}
	store := faultkv.New(r.kv)
	store.Fail(faultkv.OnView, 1, errBroken)
	r.restart(store)
	if _, err := r.Exists(t.Context(), s.UID); !errors.Is(err, errBroken) {
		t.Errorf("err = %v: a store that fails says nothing about the subscription", err)
	}
}

func TestAScheduleThatCannotBeCancelledEndsByItself(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.schedules.err = errBroken
	if err := r.Delete(t.Context(), ann, named("items")); err != nil {
		t.Fatal(err)
	}
	if len(r.troubles) != 1 {
		t.Errorf("troubles %q", r.troubles)
	}
	if next, err := r.Poll(t.Context(), s.UID, r.clock.Now()); err != nil || !next.IsZero() {
		t.Errorf("%v, %v", next, err)
	}
}

func TestTimesOfNotificationsThatCannotBeStoredAreKept(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	store := faultkv.New(r.kv)
	r.restart(store)
	if _, err := r.Ingest(t.Context(), r.notification(s, "1", "{}")); err != nil {
		t.Fatal(err)
	}
	store.Fail(faultkv.OnUpdate, 1, errBroken)
	if err := r.FlushActivity(t.Context()); !errors.Is(err, errBroken) {
		t.Fatalf("err = %v", err)
	}
	if got := r.get("hook").Activity(); !got.Equal(start) {
		t.Errorf("activity %v", got)
	}
	for range 2 { // the second has nothing to do
		if err := r.FlushActivity(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.restart(r.kv)
	if got := r.get("hook").Activity(); !got.Equal(start) {
		t.Errorf("activity %v after a restart", got)
	}
}

func TestEveryReadThatFailsIsAnErrorAndNoAnswer(t *testing.T) {
	for name, call := range map[string]func(r *rig, uid string) error{
		"get":    func(r *rig, _ string) error { _, err := r.Get(t.Context(), ann, named("items")); return err },
		"list":   func(r *rig, _ string) error { _, _, err := r.List(t.Context(), ann, "default", "", 1); return err },
		"delete": func(r *rig, _ string) error { return r.Delete(t.Context(), ann, named("items")) },
		"create": func(r *rig, _ string) error {
			_, err := r.Create(t.Context(), ann, draft("more", inventorytest.Polling))
			return err
		},
		"poll":      func(r *rig, uid string) error { _, err := r.Poll(t.Context(), uid, r.clock.Now()); return err },
		"reconcile": func(r *rig, _ string) error { return r.Reconcile(t.Context()) },
		"ingest": func(r *rig, uid string) error {
			_, err := r.Ingest(t.Context(), core.Notification{Token: r.keys.Token(uid), Method: "POST"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("items", inventorytest.Polling)
			store := faultkv.New(r.kv)
			store.Fail(faultkv.OnView, 1, errBroken)
			r.restart(store)
			if err := call(r, s.UID); !errors.Is(err, errBroken) || fault.CodeOf(err) != fault.CodeInternal {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestAPollThatIsToldToStopBlamesNobody(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.clock.Advance(time.Minute)
	ctx, stop := contextWithStop(t)
	r.api.Before = func(core.Call) error { stop(); return errBroken }
	if _, err := r.Poll(ctx, s.UID, r.clock.Now()); err == nil {
		t.Error("a poll that was stopped succeeded")
	}
	if state := r.state("items"); state != core.StateActive {
		t.Errorf("state %v", state)
	}
}

func TestAnAnswerThatIsTooLongIsSaidSo(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	r.api.Refuse = func(core.Call) *core.Answer {
		return &core.Answer{Status: 200, Body: make([]byte, polling.MaxAnswer+1), Revision: inventorytest.Revision}
	}
	r.clock.Advance(time.Minute)
	r.fire()
	if state, why := r.get("items").State(); state != core.StateError || !strings.Contains(why, fmt.Sprint(polling.MaxAnswer)) {
		t.Errorf("state %v %q", state, why)
	}
}

func TestRegistrationsAreFoundInWhateverShapeTheListHas(t *testing.T) {
	for _, tc := range []struct {
		name string
		list func(url string) string
		want string // input of the removal; empty for none
	}{
		{"a list of objects", func(u string) string { return `[{"id":"7","url":"` + u + `"},{"id":"8","url":"https://other"}]` }, `{"id":"7"}`},
		{"numbers as ids", func(u string) string { return `{"value":[{"id":12345678901234567890,"target":"` + u + `"}]}` }, `{"id":"12345678901234567890"}`},
		{"deep inside", func(u string) string { return `{"a":{"b":[{"x":[]},{"c":{"id":"7","callback":"` + u + `?x=1"}}]}}` }, `{"id":"7"}`},
		{"no id", func(u string) string { return `[{"name":"7","url":"` + u + `"}]` }, ""},
		{"nothing of ours", func(string) string { return `[{"id":"7","url":"https://other"}]` }, ""},
		{"no JSON", func(string) string { return `<html>` }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.api.Location = func(string) string { return "-" }
			s := r.create("hook", inventorytest.Webhook)
			r.api.Set(func(a *inventorytest.API) {
				a.Refuse = func(c core.Call) *core.Answer {
					if c.Operation != inventorytest.Hooks {
						return nil
					}
					return &core.Answer{Status: 200, Body: []byte(tc.list("https://ferrule.example.com/hooks/" + r.keys.Token(s.UID)))}
				}
			})
			if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, c := range r.api.Calls(inventorytest.Unhook) {
				got += c.Input
			}
			if got != tc.want {
				t.Errorf("removed by %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRegistrationsBelowAParentAreLookedForThere(t *testing.T) {
	r := newRig(t)
	team := &connectorv1.Parameter{Name: "team", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH}
	for _, op := range r.definition.GetOperations() {
		switch op.GetOperationId() {
		case inventorytest.Webhook, inventorytest.Hooks:
			op.Path, op.Parameters = "/teams/{team}/webhooks", []*connectorv1.Parameter{team}
		case inventorytest.Unhook:
			op.Path = "/teams/{team}/webhooks/{id}"
			op.Parameters = append(op.Parameters, team)
		}
	}
	r.api.Location = func(string) string { return "-" }
	d := draft("hook", inventorytest.Webhook)
	d.Input = `{"team":"red"}`
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	list, remove := r.api.Calls(inventorytest.Hooks), r.api.Calls(inventorytest.Unhook)
	if len(list) != 1 || list[0].Input != `{"team":"red"}` || len(remove) != 1 || remove[0].Input != `{"id":"1","team":"red"}` {
		t.Errorf("listed by %+v, removed by %+v", list, remove)
	}
}

func TestAListThatFailsIsAskedAgain(t *testing.T) {
	r := newRig(t)
	r.api.Location = func(string) string { return "-" }
	r.create("hook", inventorytest.Webhook)
	failures := 2
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(c core.Call) *core.Answer {
			if c.Operation != inventorytest.Hooks || failures == 0 {
				return nil
			}
			failures--
			x := inventorytest.Refusal(http.StatusBadGateway, true)
			return &x
		}
	})
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.clock.Advance(time.Minute)
		if _, err := r.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.api.Hooks()) != 0 {
		t.Errorf("left at the API: %v", r.api.Hooks())
	}
}
