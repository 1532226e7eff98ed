package core_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// to is a change of one field.
func to(field core.Field, set func(*core.Draft)) core.Change {
	c := core.Change{Fields: []core.Field{field}}
	set(&c.Values)
	return c
}

// inputTo changes the input.
func inputTo(text string) core.Change {
	return to(core.FieldInput, func(d *core.Draft) { d.Input = text })
}

// update is ann's.
func (r *rig) update(id string, c core.Change) core.Subscription {
	r.t.Helper()
	s, err := r.Update(r.t.Context(), ann, named(id), c)
	if err != nil {
		r.t.Fatalf("update %s: %v", id, err)
	}
	return s
}

func TestWhatAChangeMayNotDo(t *testing.T) {
	other := draft("", "").Connection
	other.ID = "elsewhere"
	for _, tc := range []struct {
		name      string
		operation string
		change    core.Change
		field     string
	}{
		{
			name: "another connection", operation: inventorytest.Polling, field: "subscription.connection",
			change: to(core.FieldConnection, func(d *core.Draft) { d.Connection = other }),
		},
		{
			name: "another operation", operation: inventorytest.Polling, field: "subscription.operation_id",
			change: to(core.FieldOperation, func(d *core.Draft) { d.Operation = inventorytest.Native }),
		},
		{
			name: "an input that is no object", operation: inventorytest.Polling, field: "subscription.input",
			change: inputTo(`[1]`),
		},
		{
			name: "an interval that is too short", operation: inventorytest.Polling, field: "subscription.interval",
			change: to(core.FieldInterval, func(d *core.Draft) { d.Recurrence.Interval = time.Millisecond }),
		},
		{
			name: "an end that has passed", operation: inventorytest.Polling, field: "subscription.end_time",
			change: to(core.FieldEnd, func(d *core.Draft) { d.Recurrence.End = start.Add(-time.Hour) }),
		},
		{
			name: "an interval of a webhook", operation: inventorytest.Webhook, field: "subscription.interval",
			change: to(core.FieldInterval, func(d *core.Draft) { d.Recurrence.Interval = time.Hour }),
		},
		{
			name: "a secret of what is polled", operation: inventorytest.Polling, field: "subscription.signature",
			change: to(core.FieldSecret, func(d *core.Draft) { d.Secret = []byte("secret") }),
		},
		{
			name: "a sink to nowhere", operation: inventorytest.Polling, field: "subscription.sinks[0].http.url",
			change: to(core.FieldSinks, func(d *core.Draft) { d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: "nowhere"}}} }),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			before := r.create("it", tc.operation)
			_, err := r.Update(t.Context(), ann, named("it"), tc.change)
			if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != tc.field {
				t.Errorf("refused with %v %v, want the field %s", err, v, tc.field)
			}
			if after := r.get("it"); after.Change != before.Change {
				t.Error("it has changed")
			}
		})
	}
}

func TestWhatWasReadCanBeSentBackAndOnlyTheOwnerCanChange(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	same := core.Change{
		Etag: s.Etag(), Fields: []core.Field{core.FieldConnection, core.FieldOperation, core.FieldPolling, core.FieldDescription},
		Values: core.Draft{Connection: s.Connection, Operation: s.Operation, Description: "for the shop"},
	}
	if got := r.update("items", same); got.Description != "for the shop" || !got.UpdateTime.Equal(start) {
		t.Errorf("changed to %+v", got)
	}
	_, err := r.Update(t.Context(), ann, named("items"), same)
	wantReason(t, err, fault.ReasonEtagMismatch)
	same.Etag = ""
	_, err = r.Update(t.Context(), bob, named("items"), same)
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	_, err = r.Update(t.Context(), admin, named("items"), same)
	wantReason(t, err, fault.ReasonPermissionDenied)
}

func TestAPollDoesNotMakeAnEtagOutOfDate(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	r.clock.Advance(time.Minute)
	r.fire()
	if r.get("items").Etag() == s.Etag() {
		t.Fatal("the etag is the same after a poll")
	}
	c := to(core.FieldDescription, func(d *core.Draft) { d.Description = "still mine" })
	c.Etag = s.Etag()
	r.update("items", c)
}

func TestAnotherRecurrenceCountsAtOnce(t *testing.T) {
	ten := 10 * time.Second
	for _, tc := range []struct {
		name   string
		change core.Change
		want   time.Time
	}{
		{
			name:   "a shorter interval counts from the last poll on",
			change: to(core.FieldInterval, func(d *core.Draft) { d.Recurrence.Interval = 40 * time.Second }), want: start.Add(40 * time.Second),
		},
		{
			name:   "one that is over is due now",
			change: to(core.FieldInterval, func(d *core.Draft) { d.Recurrence.Interval = ten }), want: start.Add(30 * time.Second),
		},
		{
			name:   "a longer one too",
			change: to(core.FieldInterval, func(d *core.Draft) { d.Recurrence.Interval = time.Hour }), want: start.Add(time.Hour),
		},
		{
			name:   "a cron expression takes the interval's place",
			change: to(core.FieldCron, func(d *core.Draft) { d.Recurrence.Cron = "15 * * * *" }), want: start.Add(15 * time.Minute),
		},
		{
			name:   "nothing is due before the start",
			change: to(core.FieldStart, func(d *core.Draft) { d.Recurrence.Start = start.Add(2 * time.Hour) }), want: start.Add(2 * time.Hour),
		},
		{
			name:   "a description changes nothing",
			change: to(core.FieldDescription, func(d *core.Draft) { d.Description = "x" }), want: start.Add(time.Minute),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("items", inventorytest.Polling)
			r.clock.Advance(30 * time.Second)
			got := r.update("items", tc.change)
			if due := r.schedules.due[s.UID]; !due.Equal(tc.want) || !got.Polling.Cursor.Next.Equal(tc.want) {
				t.Errorf("due %v, scheduled %v, want %v", got.Polling.Cursor.Next, due, tc.want)
			}
		})
	}
}

func TestAnotherInputKeepsWhatWasSeenUnlessTheOwnerWantsANewBaseline(t *testing.T) {
	for _, tc := range []struct {
		name      string
		operation string
		reset     bool
		want      []string
	}{
		{name: "a list keeps", operation: inventorytest.Polling, want: []string{"c", "d"}},
		{name: "a list is reset", operation: inventorytest.Polling, reset: true, want: []string{"d"}},
		{name: "what the API itself remembers is reset in any case", operation: inventorytest.Native, want: []string{"d"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.create("items", tc.operation)
			r.api.Add("c")
			c := inputTo(`{"filter":"x"}`)
			c.Reset = tc.reset
			r.update("items", c)
			r.fire() // at once
			r.api.Add("d")
			r.clock.Advance(time.Minute)
			r.fire()
			r.relay()
			var want []string
			for _, id := range tc.want {
				want = append(want, item(id))
			}
			equal(t, "events", r.bus.events(), want)
			calls := r.api.Calls(tc.operation)
			if last := calls[len(calls)-1]; last.Input != `{"filter":"x"}` {
				t.Errorf("called with %s", last.Input)
			}
		})
	}
}

func TestMovingTheEndLetsASubscriptionGoOnThatHadEnded(t *testing.T) {
	for _, operation := range []string{inventorytest.Polling, inventorytest.Webhook} {
		t.Run(operation, func(t *testing.T) {
			r := newRig(t)
			d := draft("it", operation)
			d.Recurrence.End = start.Add(time.Hour)
			if _, err := r.Create(t.Context(), ann, d); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(2 * time.Hour)
			r.fire()
			is(t, r.get("it"), core.StateEnded)
			is(t, r.update("it", to(core.FieldDescription, func(d *core.Draft) { d.Description = "over" })), core.StateEnded)
			s := r.update("it", to(core.FieldEnd, func(d *core.Draft) { d.Recurrence = recurrence.Options{End: start.Add(4 * time.Hour)} }))
			is(t, s, core.StateActive)
			if _, set := r.schedules.due[s.UID]; !set {
				t.Error("nothing is scheduled")
			}
			if operation == inventorytest.Webhook && len(r.api.Hooks()) != 1 {
				t.Errorf("at the API: %v", r.api.Hooks())
			}
		})
	}
}

func TestSinksKeepTheirSecretsByTheirIDs(t *testing.T) {
	r := newRig(t)
	sink := func(id, url string) core.Sink { return core.Sink{ID: id, HTTP: &core.HTTPSink{URL: url}} }
	d := draft("items", inventorytest.Polling)
	d.Sinks = []core.Sink{sink("one", "https://one.example.com/a"), sink("two", "https://two.example.com")}
	d.Authorizations = []string{"Bearer 1", "Bearer 2"}
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	rotated, err := r.RotateSinkSecret(t.Context(), ann, named("items"), "one")
	if err != nil {
		t.Fatal(err)
	}
	before := r.get("items").Sinks
	s := r.update("items", to(core.FieldSinks, func(d *core.Draft) {
		d.Sinks = []core.Sink{sink("two", "https://elsewhere.example.com"), sink("one", "https://one.example.com/b"), sink("", "https://new.example.com")}
	}))
	if len(s.Sinks) != 3 || s.Sinks[2].ID == "" {
		t.Fatalf("sinks %+v", s.Sinks)
	}
	if s.Sinks[0].HTTP.Authorization != nil {
		t.Error("the authorization would be sent to another host")
	}
	if string(s.Sinks[1].HTTP.Authorization) != string(before[0].HTTP.Authorization) || s.Sinks[1].HTTP.URL != "https://one.example.com/b" {
		t.Errorf("the first is now %+v", s.Sinks[1].HTTP)
	}
	if now, err := r.SinkSecret(t.Context(), ann, named("items"), "one"); err != nil || now != rotated {
		t.Errorf("its secret is %v, want %v (%v)", now, rotated, err)
	}
}

func TestAWebhookWithAnotherInputIsRegisteredAnewWithoutAGap(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	during := 0
	r.api.Before = func(c core.Call) error {
		switch c.Operation {
		case inventorytest.Webhook:
			during++ // the old one counts while the new one is made
			if status, err := r.ingest(r.notification(s, "during", `{"n":1}`)); err != nil || status != http.StatusAccepted {
				t.Errorf("a notification meanwhile was answered with %d, %v", status, err)
			}
		case inventorytest.Unhook:
			during++ // and until it is removed
			if status, err := r.ingest(r.notification(s, "before the removal", `{"n":2}`)); err != nil || status != http.StatusAccepted {
				t.Errorf("a notification before the removal was answered with %d, %v", status, err)
			}
		}
		return nil
	}
	got := r.update("hook", inputTo(`{"body":{"events":["item.deleted"]}}`))
	is(t, got, core.StateActive)
	if during != 2 {
		t.Fatalf("%d calls, want the registration and the removal", during)
	}
	hooks := r.api.Hooks()
	if len(hooks) != 1 || hooks[0].ID != "2" || hooks[0].CallbackURL == "https://ferrule.example.com/hooks/"+r.keys.Token(s.UID) {
		t.Fatalf("at the API: %v", hooks)
	}
	if got.Input != `{"body":{"events":["item.deleted"]}}` || len(got.Webhook.Old) != 0 || got.Webhook.Next != nil {
		t.Errorf("stored: %+v", got.Webhook)
	}
	equal(t, "events", r.bus.events(), []string{`{"n":1}`, `{"n":2}`})
	r.update("hook", inputTo(` { "body": {"events":["item.deleted"]} } `))
	if again := r.api.Hooks(); again[0].ID != "2" {
		t.Error("the same input in other words was registered anew")
	}
}

func TestAChangeThatTheAPIDoesNotTakeLeavesEverythingAsItWas(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(*inventorytest.API)
	}{
		{name: "refused", fail: func(a *inventorytest.API) {
			a.Refuse = func(c core.Call) *core.Answer { x := inventorytest.Refusal(422, false); return &x }
		}},
		{name: "lost", fail: func(a *inventorytest.API) {
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
			s := r.create("hook", inventorytest.Webhook)
			tc.fail(r.api)
			_, err := r.Update(t.Context(), ann, named("hook"), inputTo(`{"body":{"events":["x"]}}`))
			wantReason(t, err, fault.ReasonTriggerSubscribeFailed)
			r.api.Refuse, r.api.After = nil, nil
			r.settled()
			if hooks := r.api.Hooks(); len(hooks) != 1 || hooks[0].ID != "1" {
				t.Errorf("at the API: %v", hooks)
			}
			now := r.get("hook")
			is(t, now, core.StateActive)
			if now.Input != "" || now.Webhook.Generation != 0 {
				t.Errorf("it has changed: %q", now.Input)
			}
			if status, err := r.ingest(r.notification(s, "1", `{}`)); err != nil || status != http.StatusAccepted {
				t.Errorf("answered with %d, %v", status, err)
			}
		})
	}
}

// signedWith is a notification that was signed with a secret.
func (r *rig) signedWith(s core.Subscription, id, secret string) core.Notification {
	n := r.notification(s, id, `{}`)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(n.Body)
	n.Header.Set("X-Inventory-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return n
}

func TestAnotherSecretIsToldToTheAPIAndTheOneBeforeCountsForADay(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	r.update("hook", to(core.FieldSecret, func(d *core.Draft) { d.Secret = []byte("the new one") }))
	if hooks := r.api.Hooks(); len(hooks) != 1 || hooks[0].Secret != "the new one" {
		t.Fatalf("at the API: %+v", hooks)
	}
	old := r.keys.Secret(s.UID, 0)
	for i, tc := range []struct {
		secret string
		after  time.Duration
		ok     bool
	}{
		{"the new one", 0, true},
		{old, 0, true},
		{"neither", 0, false},
		{"the new one", 25 * time.Hour, true},
		{old, 0, false},
	} {
		r.clock.Advance(tc.after)
		if _, err := r.ingest(r.signedWith(s, fmt.Sprint(i), tc.secret)); (err == nil) != tc.ok {
			t.Errorf("signed with %q: %v", tc.secret, err)
		}
	}
	kept := r.update("hook", core.Change{Fields: []core.Field{core.FieldSecret, core.FieldDescription}, Values: core.Draft{Description: "x"}})
	if kept.Secret == nil || len(r.api.Calls(inventorytest.Webhook)) != 2 {
		t.Error("an empty secret changed the one that is there")
	}
}

func TestHowNotificationsAreSignedCanBeChanged(t *testing.T) {
	r := newRig(t)
	d := draft("open", inventorytest.Open)
	d.UnsignedAccepted = true
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	_, err := r.Update(t.Context(), ann, named("open"), to(core.FieldUnsigned, func(d *core.Draft) { d.UnsignedAccepted = false }))
	wantReason(t, err, fault.ReasonWebhookSecretRequired)
	c := core.Change{
		Fields: []core.Field{core.FieldUnsigned, core.FieldSignature, core.FieldSecret},
		Values: core.Draft{Signature: &signature.Rule{Scheme: "github"}, Secret: []byte("geheim")},
	}
	s := r.update("open", c)
	if s.UnsignedAccepted || s.Signature == nil || s.Secret == nil {
		t.Fatalf("stored %+v", s)
	}
	_, err = r.Ingest(t.Context(), core.Notification{Token: r.keys.Token(s.UID), Method: http.MethodPost, Body: []byte(`{}`)})
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
}

func TestAPausedWebhookIsRegisteredWithItsNewInputWhenItIsResumed(t *testing.T) {
	r := newRig(t)
	r.create("hook", inventorytest.Webhook)
	r.pause("hook")
	is(t, r.update("hook", inputTo(`{"body":{"events":["x"]}}`)), core.StatePaused)
	if hooks := r.api.Hooks(); len(hooks) != 0 {
		t.Fatalf("registered while it is paused: %v", hooks)
	}
	r.resume("hook", false)
	calls := r.api.Calls(inventorytest.Webhook)
	if !strings.Contains(calls[len(calls)-1].Input, `"events":["x"]`) {
		t.Errorf("registered with %s", calls[len(calls)-1].Input)
	}
}

func TestACrashAtEveryStepOfAChangeOfAWebhookLeavesTheOldOrTheNewAndNoOrphan(t *testing.T) {
	input := `{"body":{"events":["x"]}}`
	for n := 1; ; n++ {
		r := newRig(t)
		s := r.create("hook", inventorytest.Webhook)
		f := faultkv.New(r.kv)
		r.restart(f)
		f.Crash(faultkv.Any, n)
		_, err := r.Update(t.Context(), ann, named("hook"), inputTo(input))
		if !f.Crashed() {
			if n < 6 {
				t.Fatalf("only %d moments to crash at", n)
			}
			return
		}
		t.Run(fmt.Sprint("moment ", n), func(t *testing.T) {
			r.restart(r.kv)
			if status, err := r.ingest(r.notification(s, "between", `{}`)); err != nil || status != http.StatusAccepted {
				t.Errorf("a notification after the crash was answered with %d, %v", status, err)
			}
			r.settled()
			is(t, r.get("hook"), core.StateActive)
			hooks, now := r.api.Hooks(), r.get("hook")
			if len(hooks) != 1 || (hooks[0].ID == "2") != (now.Input == input) {
				t.Fatalf("at the API %v, input %q (%v)", hooks, now.Input, err)
			}
			r.update("hook", inputTo(input))
			r.settled()
			if hooks := r.api.Hooks(); len(hooks) != 1 || r.get("hook").Input != input {
				t.Fatalf("at the API %v after the repetition", hooks)
			}
		})
	}
}

func TestAChangeOfAPollingTriggerIsStoredWhollyOrNotAtAll(t *testing.T) {
	for n := 1; ; n++ {
		r := newRig(t)
		s := r.create("items", inventorytest.Polling)
		f := faultkv.New(r.kv)
		r.restart(f)
		f.Crash(faultkv.Any, n)
		_, _ = r.Update(t.Context(), ann, named("items"), to(core.FieldInterval, func(d *core.Draft) { d.Recurrence.Interval = 5 * time.Second }))
		if !f.Crashed() {
			return
		}
		r.restart(r.kv)
		r.clock.Advance(10 * time.Second)
		now := r.get("items")
		if changed := now.Change > s.Change; changed != (now.Polling.Recurrence.Interval == 5*time.Second) {
			t.Errorf("moment %d: change %d with the interval %v", n, now.Change, now.Polling.Recurrence.Interval)
		}
		// A schedule that is too late is the old one; the poll it makes sets the right one.
		next, err := r.Poll(t.Context(), now.UID, later(r.schedules.due[now.UID], r.clock.Now()))
		if err != nil || next.IsZero() {
			t.Errorf("moment %d: %v %v", n, next, err)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
