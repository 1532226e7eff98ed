package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestAWebhookIsRegisteredWithItsCallbackAndSecretAndRemovedWithTheConnection(t *testing.T) {
	r := newRig(t)
	d := draft("hook", inventorytest.Webhook)
	d.Input = `{"body":{"events":["item.created"]}}`
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	if state, why := s.State(); state != core.StateActive || why != "" {
		t.Fatalf("state %v %q", state, why)
	}
	call := r.api.Calls(inventorytest.Webhook)[0]
	var in struct {
		Body struct {
			CallbackURL, Secret string
			Events              []string
		}
	}
	if err := json.Unmarshal([]byte(call.Input), &in); err != nil {
		t.Fatal(err)
	}
	if in.Body.CallbackURL != "https://ferrule.example.com/hooks/"+r.keys.Token(s.UID) || in.Body.Secret != r.keys.Secret(s.UID, 0) || len(in.Body.Events) != 1 {
		t.Errorf("the API was told %+v", in.Body)
	}
	if call.Behalf != core.BehalfOfCaller {
		t.Error("it was registered on behalf of the service, not of its creator")
	}
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	if hooks := r.api.Hooks(); len(hooks) != 0 {
		t.Errorf("left at the API: %v", hooks)
	}
	unhook := r.api.Calls(inventorytest.Unhook)
	if len(unhook) != 1 || unhook[0].Input != `{"id":"1"}` || unhook[0].Behalf != core.BehalfOfService {
		t.Errorf("removed by %+v", unhook)
	}
	_, err = r.Get(t.Context(), ann, named("hook"))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	_, err = r.Ingest(t.Context(), r.notification(s, "1", `{}`))
	wantReason(t, err, fault.ReasonWebhookUnknown)
}

func TestTheStoreHoldsNeitherTokenNorSecret(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	err := r.kv.View(t.Context(), func(tx kv.Reader) error {
		for pair, err := range kv.All(tx, nil, 100) {
			if err != nil {
				return err
			}
			for what, secret := range map[string]string{"token": r.keys.Token(s.UID), "secret": r.keys.Secret(s.UID, 0)} {
				if strings.Contains(string(pair.Value), secret) {
					t.Errorf("the %s is stored under %q", what, pair.Key)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWebhookThatTheAPIRefusesLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.api.Refuse = func(c core.Call) *core.Answer {
		x := inventorytest.Refusal(http.StatusForbidden, false)
		x.Refusal.Message = "not with " + c.Input // APIs do quote what they were sent
		return &x
	}
	_, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
	wantReason(t, err, fault.ReasonTriggerSubscribeFailed)
	f := fault.From(err)
	if f.Meta()["status"] != "403" || f.Code() != fault.CodeFailedPrecondition {
		t.Errorf("fault %v %v", f.Code(), f.Meta())
	}
	uid := fmt.Sprintf("%032x", r.uids)
	if strings.Contains(f.Message(), r.keys.Secret(uid, 0)) || strings.Contains(f.Message(), r.keys.Token(uid)) {
		t.Errorf("the message tells a secret: %s", f.Message())
	}
	_, err = r.Get(t.Context(), ann, named("hook"))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	if next, err := r.Settle(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("something is left to settle: %v %v", next, err)
	}
}

func TestAWebhookWhoseRegistrationIsUncertainIsRemovedAtTheAPIToo(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(*inventorytest.API)
	}{
		{
			name: "the answer was lost",
			fail: func(a *inventorytest.API) {
				a.After = func(core.Call) error { return fault.Deadline(fault.ReasonOutcomeUnknown, "the answer was lost") }
			},
		},
		{
			name: "the API failed after it had registered",
			fail: func(a *inventorytest.API) {
				a.After = func(core.Call) error { return fault.Unavailable(fault.ReasonUpstreamReset, "cut off") }
			},
		},
		{
			name: "the API never saw it",
			fail: func(a *inventorytest.API) {
				a.Before = func(core.Call) error { return fault.Unavailable(fault.ReasonUpstreamUnreachable, "not reached") }
			},
		},
		{
			name: "the API answered with a failure of its own",
			fail: func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer {
					x := inventorytest.Refusal(http.StatusInternalServerError, true)
					return &x
				}
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.api.Set(tc.fail)
			_, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
			wantReason(t, err, fault.ReasonTriggerSubscribeFailed)
			if fault.CodeOf(err) != fault.CodeUnavailable {
				t.Errorf("code %v", fault.CodeOf(err))
			}
			if state := r.state("hook"); state != core.StateDeleting {
				t.Fatalf("state %v", state)
			}
			r.api.Set(func(a *inventorytest.API) { a.Before, a.After, a.Refuse = nil, nil, nil })
			// Not before the request can no longer be on its way.
			next, err := r.Settle(t.Context())
			if err != nil || !next.Equal(start.Add(core.DefaultSetupTime)) {
				t.Fatalf("to be settled at %v, %v", next, err)
			}
			r.clock.Advance(core.DefaultSetupTime)
			if next, err := r.Settle(t.Context()); err != nil || !next.IsZero() {
				t.Fatalf("still to be settled: %v %v", next, err)
			}
			if hooks := r.api.Hooks(); len(hooks) != 0 {
				t.Errorf("left at the API: %v", hooks)
			}
			r.create("hook", inventorytest.Webhook) // the name is free again
		})
	}
}

func TestACallerWhoLeavesDoesNotInterruptARegistration(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.api.Before = func(core.Call) error { cancel(); return nil }
	if _, err := r.Create(ctx, ann, draft("hook", inventorytest.Webhook)); err != nil {
		t.Fatal(err)
	}
	if state := r.state("hook"); state != core.StateActive {
		t.Errorf("state %v", state)
	}
}

// hooking are the steps in which a webhook comes and goes.
func hooking(r *rig) error {
	if _, err := r.Create(r.t.Context(), ann, draft("hook", inventorytest.Webhook)); err != nil {
		return err
	}
	return r.Delete(r.t.Context(), ann, named("hook"))
}

func TestACrashAtEveryStepOfAWebhooksLifeLeavesNothingBehind(t *testing.T) {
	calm := newRig(t)
	store := faultkv.New(calm.kv)
	calm.restart(store)
	if err := hooking(calm); err != nil {
		t.Fatal(err)
	}
	passed := store.Passed(faultkv.Any)
	if passed < 25 {
		t.Fatalf("only %d moments to crash at", passed)
	}
	crash := func(t *testing.T, plan func(r *rig, store *faultkv.Store)) {
		r := newRig(t)
		store := faultkv.New(r.kv)
		r.restart(store)
		plan(r, store)
		_ = hooking(r) // dies somewhere
		r.restart(r.kv)
		r.api.Set(func(a *inventorytest.API) { a.Before, a.After = nil, nil })
		s, err := r.Get(t.Context(), ann, named("hook"))
		if err == nil && !s.Deleting && s.Webhook.Registered {
			// It is there and works: its creator may not know, so it is deleted.
			if len(r.api.Hooks()) != 1 {
				t.Errorf("it is active, with %d registrations", len(r.api.Hooks()))
			}
			if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			if _, err := r.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(time.Minute)
		}
		if hooks := r.api.Hooks(); len(hooks) != 0 {
			t.Errorf("left at the API: %v", hooks)
		}
		_, err = r.Get(t.Context(), ann, named("hook"))
		wantReason(t, err, fault.ReasonSubscriptionNotFound)
	}
	for n := 1; n <= passed; n++ {
		t.Run(fmt.Sprint("of the store, at moment ", n), func(t *testing.T) {
			crash(t, func(_ *rig, store *faultkv.Store) { store.Crash(faultkv.Any, n) })
		})
	}
	for _, op := range []string{inventorytest.Webhook, inventorytest.Unhook} {
		t.Run("before the API sees "+op, func(t *testing.T) {
			crash(t, func(r *rig, store *faultkv.Store) {
				r.api.Before = func(c core.Call) error {
					if c.Operation == op {
						kill(store)
						return errBroken
					}
					return nil
				}
			})
		})
		t.Run("after the API has done "+op, func(t *testing.T) {
			crash(t, func(r *rig, store *faultkv.Store) {
				r.api.After = func(c core.Call) error {
					if c.Operation == op {
						kill(store)
						return errBroken
					}
					return nil
				}
			})
		})
	}
}

func TestADeletionDuringTheRegistrationRemovesWhatWasRegistered(t *testing.T) {
	r := newRig(t)
	unlocked := make(chan struct{})
	r.api.Before = func(c core.Call) error {
		if c.Operation == inventorytest.Webhook {
			if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
				t.Error(err)
			}
			close(unlocked)
		}
		return nil
	}
	_, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	if _, err := r.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if hooks := r.api.Hooks(); len(hooks) != 0 {
		t.Errorf("left at the API: %v", hooks)
	}
}

func TestARemovalThatFailsIsRepeatedAndMeanwhileTheCallbackIsGone(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(core.Call) *core.Answer {
			x := inventorytest.Refusal(http.StatusServiceUnavailable, true)
			return &x
		}
	})
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	state, why := r.get("hook").State()
	if state != core.StateDeleting || !strings.Contains(why, "503") {
		t.Errorf("state %v %q", state, why)
	}
	if status, err := r.ingest(r.notification(s, "1", `{}`)); err != nil || status != http.StatusGone {
		t.Errorf("a notification is answered with %d, %v", status, err)
	}
	var pauses []time.Duration
	for range 4 {
		next, err := r.Settle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pauses = append(pauses, next.Sub(r.clock.Now()))
		r.clock.Advance(next.Sub(r.clock.Now()))
	}
	if want := "[2s 4s 8s 16s]"; fmt.Sprint(pauses) != want {
		t.Errorf("pauses %v, want %s", pauses, want)
	}
	r.api.Set(func(a *inventorytest.API) { a.Refuse = nil })
	if _, err := r.Settle(t.Context()); err != nil || len(r.api.Hooks()) != 0 {
		t.Errorf("left at the API: %v, %v", r.api.Hooks(), err)
	}
}

func TestARemovalThatCanNeverSucceedIsGivenUp(t *testing.T) {
	t.Run("at once when the connection is gone", func(t *testing.T) {
		r := newRig(t)
		r.create("hook", inventorytest.Webhook)
		r.api.Set(func(a *inventorytest.API) {
			a.Before = func(core.Call) error { return fault.NotFound(fault.ReasonConnectionNotFound, "no such connection") }
		})
		if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
			t.Fatal(err)
		}
		_, err := r.Get(t.Context(), ann, named("hook"))
		wantReason(t, err, fault.ReasonSubscriptionNotFound)
		if len(r.troubles) == 0 {
			t.Error("nobody was told of the registration that remains")
		}
	})
	t.Run("after three days when the API is down", func(t *testing.T) {
		r := newRig(t)
		r.create("hook", inventorytest.Webhook)
		r.api.Set(func(a *inventorytest.API) {
			a.Before = func(core.Call) error { return fault.Unavailable(fault.ReasonUpstreamUnreachable, "down") }
		})
		if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
			t.Fatal(err)
		}
		began := r.clock.Now()
		for {
			next, err := r.Settle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if next.IsZero() {
				break
			}
			r.clock.Advance(next.Sub(r.clock.Now()))
		}
		if took := r.clock.Now().Sub(began); took < 70*time.Hour || took > 80*time.Hour {
			t.Errorf("given up after %v", took)
		}
	})
	t.Run("when the registration is gone already", func(t *testing.T) {
		r := newRig(t)
		r.create("hook", inventorytest.Webhook)
		r.api.Set(func(a *inventorytest.API) {
			a.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(http.StatusNotFound, false); return &x }
		})
		if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
			t.Fatal(err)
		}
		_, err := r.Get(t.Context(), ann, named("hook"))
		wantReason(t, err, fault.ReasonSubscriptionNotFound)
	})
}

func TestAnOperationThatOnlyTheOldRevisionHasStillRemovesTheRegistration(t *testing.T) {
	r := newRig(t)
	r.create("hook", inventorytest.Webhook)
	r.api.Set(func(a *inventorytest.API) {
		a.Before = func(c core.Call) error {
			if c.Operation == inventorytest.Unhook && c.Revision == "" {
				return fault.NotFound(fault.ReasonOperationNotFound, "not in the present revision")
			}
			return nil
		}
	})
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil || len(r.api.Hooks()) != 0 {
		t.Errorf("left at the API: %v, %v", r.api.Hooks(), err)
	}
}

func TestWithoutALocationTheRegistrationIsFoundByItsCallback(t *testing.T) {
	r := newRig(t)
	r.api.Location = func(string) string { return "-" }
	r.create("other", inventorytest.Webhook)
	r.create("hook", inventorytest.Webhook)
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	hooks := r.api.Hooks()
	if len(hooks) != 1 || !strings.HasSuffix(hooks[0].CallbackURL, r.keys.Token(r.get("other").UID)) {
		t.Errorf("left at the API: %v, want only the other's", hooks)
	}
}

func TestTheSearchGoesOnWithThePresentRevisionWhereTheOldOneIsGone(t *testing.T) {
	r := newRig(t)
	r.api.Location = func(string) string { return "-" }
	r.api.Republish("old")
	r.create("hook", inventorytest.Webhook)
	r.deleted = "old"
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil || len(r.api.Hooks()) != 0 {
		t.Errorf("left at the API: %v, %v", r.api.Hooks(), err)
	}
}

func TestWhereRegistrationsCannotBeListedTheyRemainAndTheOperatorIsTold(t *testing.T) {
	r := newRig(t)
	r.api.Location = func(string) string { return "https://elsewhere.example.com/webhooks/1" }
	r.create("hook", inventorytest.Unlisted)
	if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
		t.Fatal(err)
	}
	_, err := r.Get(t.Context(), ann, named("hook"))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	if len(r.troubles) != 2 {
		t.Errorf("the operator was told %q", r.troubles)
	}
}

func TestASettlementThatCannotReadTheStoreSaysSo(t *testing.T) {
	r := newRig(t)
	store := faultkv.New(r.kv)
	store.Fail(faultkv.OnView, 1, errBroken)
	r.restart(store)
	if _, err := r.Settle(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("err = %v", err)
	}
}

// manual is a trigger whose callback a person enters at the API.
func manual(signature *connectorv1.WebhookSignature) *connectorv1.Operation {
	return &connectorv1.Operation{
		OperationId: "OnPing", Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER, Method: "POST",
		Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
			Registration: connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL, Signature: signature,
		}}},
	}
}

func TestACallbackThatAPersonRegistersIsNeitherAnnouncedNorRemovedByUs(t *testing.T) {
	r := newRig(t)
	r.definition.Operations = append(r.definition.Operations, manual(nil))
	d := draft("ping", "OnPing")
	_, err := r.Create(t.Context(), ann, d)
	wantReason(t, err, fault.ReasonWebhookSecretRequired)
	d.UnsignedAccepted = true
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	if state, why := s.State(); state != core.StateActive || why != "" {
		t.Errorf("state %v %q", state, why)
	}
	if want := "https://ferrule.example.com/hooks/" + r.keys.Token(s.UID); r.CallbackURL(s) != want {
		t.Errorf("callback URL %q, want %q", r.CallbackURL(s), want)
	}
	if calls := r.api.Calls("OnPing"); len(calls) != 0 {
		t.Errorf("the API was called: %+v", calls)
	}
	if _, err := r.Ingest(t.Context(), r.notification(s, "1", `{"ping":1}`)); err != nil {
		t.Errorf("a notification: %v", err)
	}
	if err := r.Delete(t.Context(), ann, named("ping")); err != nil {
		t.Fatal(err)
	}
	_, err = r.Ingest(t.Context(), r.notification(s, "2", `{}`))
	wantReason(t, err, fault.ReasonWebhookUnknown)
}

func TestASignatureThatNobodyCanAgreeOnIsNoneAtAll(t *testing.T) {
	r := newRig(t)
	r.definition.Operations = append(r.definition.Operations, manual(inventorytest.Signed()))
	_, err := r.Create(t.Context(), ann, draft("ping", "OnPing"))
	wantReason(t, err, fault.ReasonWebhookSecretRequired)
}

func TestOnlyACallbackThatAPersonRegistersIsShown(t *testing.T) {
	r := newRig(t)
	s, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
	if err != nil {
		t.Fatal(err)
	}
	if url := r.CallbackURL(s); url != "" {
		t.Errorf("the callback %q is shown", url)
	}
}

func TestANotificationIsTakenAtWhatTheAPIAddsToTheCallbackURL(t *testing.T) {
	for _, tc := range []struct {
		name, suffix string
		want         fault.Reason
	}{
		{"what the connector declares", "/data", ""},
		{"another of what it declares", "/data/more", ""},
		{"nothing", "", ""},
		{"something else", "/other", fault.ReasonWebhookUnknown},
		{"more than it declares", "/data/x", fault.ReasonWebhookUnknown},
		{"less", "/dat", fault.ReasonWebhookUnknown},
		{"a slash", "/", fault.ReasonWebhookUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.GetWebhook().CallbackSuffixes = []string{"/data", "/data/more"} })
			s := r.create("hook", inventorytest.Webhook)
			r.restart(r.kv) // it is stored
			n := r.notification(s, "1", `{"a":1}`)
			n.Suffix = tc.suffix
			_, err := r.ingest(n)
			wantReason(t, err, tc.want)
			if got := len(r.bus.events()); (got == 1) != (tc.want == "") {
				t.Errorf("%d events", got)
			}
		})
	}
}
