package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

func TestWhatCannotBeSubscribedToIsRefusedWithoutATrace(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, tc := range []struct {
		name   string
		caller core.Caller
		change func(*core.Draft, *rig)
		reason fault.Reason
		says   string
	}{
		{name: "an environment that does not exist", change: func(d *core.Draft, _ *rig) { d.Environment = "prod" }, reason: fault.ReasonEnvironmentNotFound},
		{name: "a connection of another environment", change: func(d *core.Draft, _ *rig) { d.Connection.Environment = "prod" }, reason: fault.ReasonInvalidArgument},
		{name: "a connection that does not exist, or is not the caller's", change: func(d *core.Draft, _ *rig) { d.Connection.ID = "other" }, reason: fault.ReasonConnectionNotFound},
		{name: "an operation that does not exist", change: func(d *core.Draft, _ *rig) { d.Operation = "Nothing" }, reason: fault.ReasonOperationNotFound, says: "OnItemListed, OnItemMoved"},
		{name: "an action", change: func(d *core.Draft, _ *rig) { d.Operation = inventorytest.Action }, reason: fault.ReasonTriggerNotSupported, says: "its triggers are OnItemListed, OnItemMoved"},
		{
			name: "a polling protocol that is not supported", reason: fault.ReasonTriggerNotSupported, says: "UNSPECIFIED",
			change: func(_ *core.Draft, r *rig) {
				r.definition.GetOperations()[0].GetTrigger().GetPolling().Protocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_UNSPECIFIED
			},
		},
		{name: "a webhook that nobody signs", change: func(d *core.Draft, _ *rig) { d.Operation = inventorytest.Open }, reason: fault.ReasonWebhookSecretRequired, says: "unsigned_accepted"},
		{name: "an interval that is too short", change: func(d *core.Draft, _ *rig) { d.Recurrence.Interval = time.Second - 1 }, reason: fault.ReasonInvalidArgument, says: "interval"},
		{name: "an interval that is too long", change: func(d *core.Draft, _ *rig) { d.Recurrence.Interval = recurrence.MaxInterval + 1 }, reason: fault.ReasonInvalidArgument},
		{name: "a negative interval", change: func(d *core.Draft, _ *rig) { d.Recurrence.Interval = -time.Minute }, reason: fault.ReasonInvalidArgument},
		{name: "an interval for a webhook", change: func(d *core.Draft, _ *rig) { d.Operation, d.Recurrence.Interval = inventorytest.Webhook, time.Minute }, reason: fault.ReasonInvalidArgument},
		{name: "input that is no JSON", change: func(d *core.Draft, _ *rig) { d.Input = "{" }, reason: fault.ReasonInputInvalid},
		{name: "input that is no object", change: func(d *core.Draft, _ *rig) { d.Input = "[]" }, reason: fault.ReasonInputInvalid},
		{name: "input that is null", change: func(d *core.Draft, _ *rig) { d.Input = "null" }, reason: fault.ReasonInputInvalid},
		{name: "two objects as input", change: func(d *core.Draft, _ *rig) { d.Input = "{} {}" }, reason: fault.ReasonInputInvalid},
		{name: "input that is too large", change: func(d *core.Draft, _ *rig) { d.Input = `{"a":"` + strings.Repeat("x", core.MaxInput) + `"}` }, reason: fault.ReasonInputTooLarge},
		{
			name: "input that sets the callback URL", reason: fault.ReasonInputInvalid, says: "/body/callbackUrl",
			change: func(d *core.Draft, _ *rig) {
				d.Operation, d.Input = inventorytest.Webhook, `{"body":{"callbackUrl":"https://evil.example.com"}}`
			},
		},
		{
			name: "input that sets the secret", reason: fault.ReasonInputInvalid,
			change: func(d *core.Draft, _ *rig) {
				d.Operation, d.Input = inventorytest.Webhook, `{"body":{"secret":"1234"}}`
			},
		},
		{
			name: "a body that is no object", reason: fault.ReasonInputInvalid,
			change: func(d *core.Draft, _ *rig) { d.Operation, d.Input = inventorytest.Webhook, `{"body":"x"}` },
		},
		{name: "an id that is not well-formed", change: func(d *core.Draft, _ *rig) { d.ID = "Items" }, reason: fault.ReasonInvalidName},
		{name: "a sink that is no URL", change: func(d *core.Draft, _ *rig) { d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: "ftp://example.com"}}} }, reason: fault.ReasonInvalidArgument, says: "sinks[0]"},
		{name: "a sink without a host", change: func(d *core.Draft, _ *rig) { d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: "https:///x"}}} }, reason: fault.ReasonInvalidArgument},
		{name: "a sink with a password", change: func(d *core.Draft, _ *rig) {
			d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: "https://a:b@example.com/"}}}
		}, reason: fault.ReasonInvalidArgument},
		{name: "a sink that is too long", change: func(d *core.Draft, _ *rig) {
			d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: "https://example.com/" + strings.Repeat("x", 2048)}}}
		}, reason: fault.ReasonInvalidArgument},
		{name: "nine sinks", change: func(d *core.Draft, _ *rig) { d.Sinks = make([]core.Sink, 9) }, reason: fault.ReasonInvalidArgument},
		{name: "a caller who is a service", caller: suite, change: func(*core.Draft, *rig) {}, reason: fault.ReasonPermissionDenied},
		{name: "a caller without a role", caller: core.Caller{}, change: func(*core.Draft, *rig) {}, reason: fault.ReasonPermissionDenied},
		{
			name: "a webhook where nobody knows the public URL", reason: fault.ReasonTriggerSubscribeFailed, says: "--public-url",
			change: func(d *core.Draft, r *rig) {
				d.Operation, r.config.PublicURL = inventorytest.Webhook, ""
				r.restart(r.kv)
			},
		},
		{
			name: "a trigger that needs custom code", reason: fault.ReasonCustomCodeRequired,
			change: func(d *core.Draft, r *rig) {
				d.Operation = inventorytest.Webhook
				r.definition.GetOperations()[2].RequiresScript = true
			},
		},
		{
			name: "a webhook without a place for its callback", reason: fault.ReasonTriggerNotSupported,
			change: func(d *core.Draft, r *rig) {
				d.Operation = inventorytest.Webhook
				r.definition.GetOperations()[2].GetTrigger().GetWebhook().CallbackPointer = ""
			},
		},
		{
			name: "a signature scheme that nobody knows", reason: fault.ReasonWebhookSecretRequired, says: "rot13",
			change: func(d *core.Draft, r *rig) {
				d.Operation = inventorytest.Webhook
				r.definition.GetOperations()[2].GetTrigger().GetWebhook().GetSignature().Scheme = "rot13"
			},
		},
		{
			name: "a signature whose secret the API never learns", reason: fault.ReasonWebhookSecretRequired,
			change: func(d *core.Draft, r *rig) {
				d.Operation = inventorytest.Webhook
				r.definition.GetOperations()[2].GetTrigger().GetWebhook().GetSignature().SecretPointer = ""
			},
		},
		{
			name: "an operation whose name does not fit into a subject", reason: fault.ReasonTriggerNotSupported,
			change: func(d *core.Draft, r *rig) {
				op := r.definition.GetOperations()[0]
				op.OperationId, d.Operation = long, long
				r.api.Refuse = func(core.Call) *core.Answer { return &core.Answer{Status: 204, Revision: inventorytest.Revision} }
			},
		},
		{
			name: "a connector without triggers", reason: fault.ReasonOperationNotFound, says: "no triggers",
			change: func(_ *core.Draft, r *rig) { r.definition = &connectorv1.Definition{} },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", inventorytest.Polling)
			tc.change(&d, r)
			caller := ann
			if strings.HasPrefix(tc.name, "a caller") {
				caller = tc.caller
			}
			_, err := r.Create(t.Context(), caller, d)
			wantReason(t, err, tc.reason)
			if !strings.Contains(fault.From(err).Message(), tc.says) {
				t.Errorf("message %q does not say %q", fault.From(err).Message(), tc.says)
			}
			list, _, err := r.List(t.Context(), admin, "default", "", 10)
			if err != nil || len(list) != 0 || len(r.schedules.due) != 0 || len(r.api.Hooks()) != 0 {
				t.Errorf("left behind: %v %v %v %v", list, r.schedules.due, r.api.Hooks(), err)
			}
		})
	}
}

func TestATakenIDIsRefusedBeforeTheAPIIsAsked(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	asked := len(r.api.Calls(inventorytest.Polling))
	_, err := r.Create(t.Context(), bob, draft("items", inventorytest.Polling))
	wantReason(t, err, fault.ReasonSubscriptionExists)
	if len(r.api.Calls(inventorytest.Polling)) != asked {
		t.Error("the API was asked")
	}
}

func TestAnIDIsMadeOfTheOperationAndNeverTaken(t *testing.T) {
	r := newRig(t)
	first, second := r.create("", inventorytest.Polling), r.create("", inventorytest.Polling)
	if first.Name.ID != "onitemlisted" || !strings.HasPrefix(second.Name.ID, "onitemlisted-") {
		t.Errorf("ids %q and %q", first.Name.ID, second.Name.ID)
	}
}

func TestTheDefaultIntervalIsAMinuteAndASecondIsAllowed(t *testing.T) {
	r := newRig(t)
	if s := r.create("items", inventorytest.Polling); s.Polling.Recurrence.Interval != time.Minute {
		t.Errorf("interval %v", s.Polling.Recurrence.Interval)
	}
	d := draft("fast", inventorytest.Polling)
	d.Recurrence.Interval = time.Second
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Error(err)
	}
}

func TestAConnectionThatPinsARevisionUsesIt(t *testing.T) {
	r := newRig(t)
	r.connection.PinnedRevision = resource.Revision{Environment: "default", Connector: "inventory", ID: "pinned"}.String()
	r.api.Republish("pinned")
	if s := r.create("items", inventorytest.Polling); s.Revision != "pinned" || s.Polling.Cursor.Revision != "pinned" {
		t.Errorf("revision %q, cursor %q", s.Revision, s.Polling.Cursor.Revision)
	}
}

func TestASubscriptionIsSeenByItsOwnerAdministratorsAndTheSuite(t *testing.T) {
	r := newRig(t)
	r.create("a-items", inventorytest.Polling)
	r.create("b-items", inventorytest.Polling)
	if _, err := r.Create(t.Context(), bob, draft("c-items", inventorytest.Polling)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		caller core.Caller
		sees   string
	}{
		{"ann", ann, "[a-items b-items]"},
		{"bob", bob, "[c-items]"},
		{"an administrator", admin, "[a-items b-items c-items]"},
		{"a service", suite, "[a-items b-items c-items]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			after := ""
			for {
				list, next, err := r.List(t.Context(), tc.caller, "default", after, 1)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range list {
					got = append(got, s.Name.ID)
				}
				if next == "" {
					break
				}
				after = next
			}
			if fmt.Sprint(got) != tc.sees {
				t.Errorf("sees %v, want %s", got, tc.sees)
			}
			_, err := r.Get(t.Context(), tc.caller, named("a-items"))
			if visible := strings.Contains(tc.sees, "a-items"); visible != (err == nil) {
				t.Errorf("get: %v", err)
			}
		})
	}
	r.lost = true
	_, err := r.Get(t.Context(), ann, resource.Subscription{Environment: "staging", ID: "x"})
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	_, _, err = r.List(t.Context(), ann, "staging", "", 1)
	wantReason(t, err, fault.ReasonServiceUnavailable)
	r.lost = false
	wantReason(t, r.Delete(t.Context(), bob, named("a-items")), fault.ReasonSubscriptionNotFound)
	_, _, err = r.List(t.Context(), ann, "prod", "", 1)
	wantReason(t, err, fault.ReasonEnvironmentNotFound)
	_, err = r.Get(t.Context(), ann, resource.Subscription{Environment: "prod", ID: "x"})
	wantReason(t, err, fault.ReasonEnvironmentNotFound)
	if err := r.Delete(t.Context(), admin, named("a-items")); err != nil {
		t.Error(err)
	}
}
