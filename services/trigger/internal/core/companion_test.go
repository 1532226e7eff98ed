package core_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// newPokedRig is a rig whose polling trigger names a webhook that says when to ask.
func newPokedRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.operation(inventorytest.Polling).GetTrigger().GetPolling().NotificationOperationId = inventorytest.Webhook
	hook := r.operation(inventorytest.Webhook)
	hook.Parameters = []*connectorv1.Parameter{{Name: "tenant", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY}}
	return r
}

// companionOf returns what makes a subscription poll; false if there is nothing.
func (r *rig) companionOf(s core.Subscription) (core.Subscription, bool) {
	companion, err := r.store.ByUID(r.t.Context(), s.Polling.Companion)
	return companion, err == nil
}

func TestANotificationMakesAPollingTriggerPollAtOnce(t *testing.T) {
	r := newPokedRig(t)
	d := draft("items", inventorytest.Polling)
	d.Input = `{"tenant":"north","other":1}`
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	companion, ok := r.companionOf(s)
	if state, why := s.State(); !ok || why != "" || state != core.StateActive {
		t.Fatalf("state %v %q, companion %v", state, why, ok)
	}
	if companion.Input != `{"tenant":"north"}` || companion.Owner != "ann" || companion.Webhook.Pokes != s.UID {
		t.Errorf("companion %+v", companion)
	}
	r.api.Add("c")
	r.clock.Advance(5 * time.Second)
	r.fire()
	equal(t, "events before the notification", r.bus.events(), nil)
	if status, err := r.ingest(r.notification(companion, "1", `{}`)); err != nil || status != http.StatusAccepted {
		t.Fatalf("answered with %d, %v", status, err)
	}
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})
}

func TestACompanionLivesAndDiesWithItsSubscription(t *testing.T) {
	r := newPokedRig(t)
	s := r.create("items", inventorytest.Polling)
	hooks := func(want int) {
		t.Helper()
		if got := r.api.Hooks(); len(got) != want {
			t.Fatalf("%d registrations, want %d", len(got), want)
		}
	}
	hooks(1)
	r.pause("items")
	hooks(0)
	r.resume("items", false)
	hooks(1)
	r.update("items", inputTo(`{"tenant":"south"}`))
	hooks(1)
	if companion, _ := r.companionOf(s); companion.Input != `{"tenant":"south"}` {
		t.Errorf("the companion has the input %s", companion.Input)
	}
	if err := r.Delete(t.Context(), ann, named("items")); err != nil {
		t.Fatal(err)
	}
	hooks(0)
	if _, ok := r.companionOf(s); ok {
		t.Error("the companion is left")
	}
}

func TestWithoutNotificationsATriggerIsPolledAndSaysWhy(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(*rig)
		why     string
	}{
		{name: "the API refuses", why: "403", prepare: func(r *rig) {
			r.api.Refuse = func(c core.Call) *core.Answer {
				if c.Operation != inventorytest.Webhook {
					return nil
				}
				x := inventorytest.Refusal(403, false)
				return &x
			}
		}},
		{name: "nobody can reach us", why: "--public-url", prepare: func(r *rig) { r.config.PublicURL = ""; r.restart(r.kv) }},
		{name: "the connector names nothing that exists", why: "Nothing", prepare: func(r *rig) {
			r.operation(inventorytest.Polling).GetTrigger().GetPolling().NotificationOperationId = "Nothing"
		}},
		{name: "nobody signs", why: "unsigned_accepted", prepare: func(r *rig) {
			r.operation(inventorytest.Polling).GetTrigger().GetPolling().NotificationOperationId = inventorytest.Open
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newPokedRig(t)
			tc.prepare(r)
			r.create("items", inventorytest.Polling)
			if state, why := r.get("items").State(); state != core.StateActive || !strings.Contains(why, tc.why) {
				t.Errorf("state %v, %q", state, why)
			}
			r.api.Add("c")
			r.clock.Advance(time.Minute)
			r.fire()
			r.relay()
			equal(t, "events", r.bus.events(), []string{item("c")})
			if err := r.Delete(t.Context(), ann, named("items")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACrashAtEveryStepOfADeletionLeavesNoCompanion(t *testing.T) {
	for n := 1; ; n++ {
		r := newPokedRig(t)
		s := r.create("items", inventorytest.Polling)
		f := faultkv.New(r.kv)
		r.restart(f)
		f.Crash(faultkv.Any, n)
		_ = r.Delete(t.Context(), ann, named("items"))
		if !f.Crashed() {
			if n < 4 {
				t.Fatalf("only %d moments to crash at", n)
			}
			return
		}
		t.Run(fmt.Sprint("moment ", n), func(t *testing.T) {
			r.restart(r.kv)
			if _, err := r.store.ByUID(t.Context(), s.UID); err == nil {
				if err := r.Delete(t.Context(), ann, named("items")); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.settled()
			if _, ok := r.companionOf(s); ok || len(r.api.Hooks()) != 0 {
				t.Errorf("left: companion %v, at the API %v", ok, r.api.Hooks())
			}
		})
	}
}
