package diff

import (
	"slices"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// trigger compares how a trigger works. What notifications hold is compared by
// the differ.
func (o about) trigger(old, fresh *connectorv1.Trigger) {
	if old == nil || fresh == nil {
		return // the kind of the operation changed, or it is none
	}
	if old.GetBatch() != fresh.GetBatch() {
		o.add(Breaking, "trigger-batch-changed", "trigger", "events come %s, not %s", inBatches(fresh.GetBatch()), inBatches(old.GetBatch()))
	}
	if old.GetHint() != fresh.GetHint() {
		o.add(None, "operation-texts-changed", "texts", "texts of the operation changed")
	}
	o.differ(old.GetSimulation(), fresh.GetSimulation(), None, "trigger-simulation-changed", "trigger", "tests get their sample event in another way")
	if old.GetPolling() != nil && fresh.GetPolling() != nil {
		o.polling(old.GetPolling(), fresh.GetPolling())
	}
	if old.GetWebhook() != nil && fresh.GetWebhook() != nil {
		o.webhook(old.GetWebhook(), fresh.GetWebhook())
	}
}

func inBatches(batch bool) string {
	if batch {
		return "several at once"
	}
	return "one by one"
}

func (o about) polling(old, fresh *connectorv1.PollingTrigger) {
	if old.GetItemsPath() != fresh.GetItemsPath() {
		o.add(Breaking, "trigger-items-changed", "trigger", "events are other parts of the answer: %q, not %q", fresh.GetItemsPath(), old.GetItemsPath())
	}
	a, b := shallow(old), shallow(fresh)
	a.ItemsPath, b.ItemsPath = "", ""
	o.differ(a, b, Risky, "trigger-polling-changed", "trigger", "new things are told from old in another way; some may be missed or come twice")
}

func (o about) webhook(old, fresh *connectorv1.WebhookTrigger) {
	if old.GetRegistration() != fresh.GetRegistration() {
		o.add(Breaking, "trigger-registration-changed", "trigger", "the API learns the callback URL in another way; subscriptions must be made again")
	}
	if old.GetCallbackPointer() != fresh.GetCallbackPointer() {
		o.add(Risky, "trigger-callback-changed", "trigger", "the callback URL is sent at %q, not at %q", fresh.GetCallbackPointer(), old.GetCallbackPointer())
	}
	if !proto.Equal(old.GetSignature(), fresh.GetSignature()) {
		o.add(Risky, "trigger-signature-changed", "trigger", "notifications are signed in another way; those of existing subscriptions may be refused")
	}
	if old.GetUnsubscribeOperationId() != fresh.GetUnsubscribeOperationId() {
		o.add(Risky, "trigger-unsubscribe-changed", "trigger", "registrations are removed in another way")
	}
	if old.GetEventName() != fresh.GetEventName() {
		o.add(None, "operation-details-changed", "details", "details of the operation changed that do not matter for calls")
	}
	if old.GetNotificationDescription() != fresh.GetNotificationDescription() {
		o.add(None, "operation-texts-changed", "texts", "texts of the operation changed")
	}
	a, b := shallow(old), shallow(fresh)
	for _, w := range []*connectorv1.WebhookTrigger{a, b} {
		w.Registration, w.CallbackPointer, w.Signature = 0, "", nil
		w.UnsubscribeOperationId, w.EventName, w.NotificationDescription = "", "", ""
	}
	o.differ(a, b, Risky, "trigger-webhook-changed", "trigger",
		"registrations are found, renewed or checked in another way, or notifications are split into other events")
}

// servers compares where an API, or one operation, is reached. Connections are
// bound to origins: their credentials go nowhere else.
func (c *comparison) servers(operation string, old, fresh []*connectorv1.Server) {
	before, after := origins(old), origins(fresh)
	for _, origin := range before {
		if !slices.Contains(after, origin) {
			c.add(Breaking, "server-removed", operation, "server "+origin, "the API is not reached at %q any more; connections are bound to it", origin)
		}
	}
	for _, origin := range after {
		switch {
		case slices.Contains(before, origin):
		case len(before) == 0 && operation != "":
			c.add(Breaking, "server-added", operation, "server "+origin, "the operation is reached at %q now, where connections may not send credentials", origin)
		default:
			c.add(Compatible, "server-added", operation, "server "+origin, "the API is also reached at %q", origin)
		}
	}
	each(old, fresh, (*connectorv1.Server).GetUrlTemplate, func(url string, a, b *connectorv1.Server) {
		switch {
		case a != nil && b != nil:
			c.variables(operation, url, a.GetVariables(), b.GetVariables())
		case a != nil && slices.Contains(after, originOf(url)):
			c.add(Risky, "server-path-changed", operation, "server "+originOf(url), "requests to %q go to another path", originOf(url))
		}
	})
	if len(old) > 0 && len(fresh) > 0 && old[0].GetUrlTemplate() != fresh[0].GetUrlTemplate() && slices.Contains(after, originOf(old[0].GetUrlTemplate())) {
		c.add(Risky, "server-default-changed", operation, "server "+originOf(fresh[0].GetUrlTemplate()), "connections that choose no server use %q", fresh[0].GetUrlTemplate())
	}
}

func (c *comparison) variables(operation, url string, old, fresh []*connectorv1.ServerVariable) {
	each(old, fresh, (*connectorv1.ServerVariable).GetName, func(name string, a, b *connectorv1.ServerVariable) {
		subject := "server variable " + name
		switch {
		case a == nil && b.GetDefaultValue() == "":
			c.add(Breaking, "server-variable-added", operation, subject, "connections to %q must give the variable %q", url, name)
		case a == nil:
			c.add(Compatible, "server-variable-added", operation, subject, "connections to %q can give the variable %q", url, name)
		case b == nil:
			c.add(Risky, "server-variable-removed", operation, subject, "the variable %q of %q is gone", name, url)
		case lost(a.GetAllowedValues(), b.GetAllowedValues()):
			c.add(Breaking, "server-variable-narrowed", operation, subject, "the variable %q of %q takes fewer values", name, url)
		case lost(b.GetAllowedValues(), a.GetAllowedValues()):
			c.add(Compatible, "server-variable-widened", operation, subject, "the variable %q of %q takes more values", name, url)
		case a.GetDefaultValue() != b.GetDefaultValue():
			c.add(Risky, "server-variable-default-changed", operation, subject, "the variable %q of %q has another default", name, url)
		}
	})
}

// lost reports whether some value was allowed and is not any more. No values at
// all means that all are allowed.
func lost(old, fresh []string) bool {
	if len(fresh) == 0 {
		return false
	}
	have := make(map[string]bool, len(fresh))
	for _, v := range fresh {
		have[v] = true
	}
	return len(old) == 0 || slices.ContainsFunc(old, func(v string) bool { return !have[v] })
}
