package openapi

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// webhookExtension says of a webhook trigger what the sources have no words for: a
// WebhookTrigger in the readable form of our own format, whose members replace what
// the document says otherwise. It makes a webhook trigger of any operation.
const webhookExtension = "x-ferrule-webhook"

// pollingWords are the short names of x-ferrule-polling. Its other members are
// those of PollingTrigger.
var pollingWords = []string{"items", "key", "order"} //nolint:gochecknoglobals // a constant

// signatureWords are the members of x-ferrule-webhook-signature.
var signatureWords = []string{"scheme", "header", "prefix", "encoding", "idHeader", "secretProperty"} //nolint:gochecknoglobals // a constant

// texts reports an extension that is no object, and those of the named members that are
// no text.
func (t *translation) texts(n *document.Node, names []string) {
	if n != nil && !n.Is(document.Object) && !n.Is(document.Null) {
		t.warn("ExtensionInvalid", n, "write an object", "the extension %q is %s and no object; it is ignored", n.Key(), n.Kind())
		return
	}
	for _, name := range names {
		if c := n.Get(name); c != nil && !c.Is(document.String) {
			t.warn("ExtensionInvalid", c, "write text in quotes", "the member %q of %q is %s instead of text; it is ignored", name, n.Key(), c.Kind())
		}
	}
}

// unknown reports the members of an extension that are none of the known ones.
func (t *translation) unknown(n *document.Node, known []string) {
	for _, c := range n.Children() {
		if slices.Contains(known, c.Key()) {
			continue
		}
		remedy := "use one of " + strings.Join(known, ", ")
		if meant := nearest.To(c.Key(), known); len(meant) > 0 {
			remedy = "did you mean \"" + meant[0] + "\"?"
		}
		t.warn("ExtensionInvalid", c, remedy, "%q has no member %q; it is ignored", n.Key(), c.Key())
	}
}

// triggerForm reads one protocol of a trigger in the readable form, without the
// members that are left out. It is nil, and reported, if it cannot be read.
func (t *translation) triggerForm(n *document.Node, protocol string, without ...string) *connectorv1.Trigger {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(t.json(n), &members); err != nil {
		t.warn("ExtensionInvalid", n, "write an object", "the extension %q is no object; it is ignored", n.Key())
		return nil
	}
	for _, name := range without {
		delete(members, name)
	}
	text, err := json.Marshal(map[string]any{
		definition.VersionKey: definition.Version,
		"operations":          []any{map[string]any{"trigger": map[string]any{protocol: members}}},
	})
	if err == nil {
		var read *connectorv1.Definition
		if read, err = definition.Unmarshal(text); err == nil {
			return read.GetOperations()[0].GetTrigger()
		}
	}
	wrong := overlay.Explain(n, "/operations/0/trigger/"+protocol, err, without...)
	ignored := "it is ignored"
	if len(without) > 0 {
		ignored = "all of it but " + strings.Join(without, ", ") + " is ignored"
	}
	t.warn("ExtensionInvalid", wrong.At, wrong.Remedy, "the extension %q is wrong, and %s: %s", n.Key(), ignored, wrong.Message)
	return nil
}

// pollingRules adds the members of x-ferrule-polling that have no short names.
func (t *translation) pollingRules(p *connectorv1.PollingTrigger, n *document.Node) {
	if !slices.ContainsFunc(n.Children(), func(c *document.Node) bool { return !slices.Contains(pollingWords, c.Key()) }) {
		return
	}
	if more := t.triggerForm(n, "polling", pollingWords...).GetPolling(); more != nil {
		proto.Merge(p, more)
	}
}

// webhookRules reads x-ferrule-webhook.
func (t *translation) webhookRules(op *connectorv1.Operation, n *document.Node) {
	ext := n.Get(webhookExtension)
	if ext == nil {
		return
	}
	more := t.triggerForm(ext, "webhook").GetWebhook()
	if more == nil {
		return
	}
	webhook := op.GetTrigger().GetWebhook()
	switch {
	case webhook == nil && op.GetTrigger() != nil:
		t.warn("ExtensionInvalid", ext, "remove it", "the operation is a polling trigger; the extension %q is ignored", ext.Key())
		return
	case webhook == nil:
		webhook = &connectorv1.WebhookTrigger{}
		op.Kind = connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER
		op.Trigger = &connectorv1.Trigger{Hint: n.Str("x-ms-trigger-hint"), Protocol: &connectorv1.Trigger_Webhook{Webhook: webhook}}
		t.removals = append(t.removals, removal{webhook: webhook, op: op})
		if more.GetCallbackPointer() == "" {
			t.warn("CallbackMissing", ext, "name the place in \"callbackPointer\"",
				"the webhook trigger has no place for the callback URL; it cannot be subscribed to")
		}
	}
	if len(more.GetNotificationHeaders()) > 0 {
		webhook.NotificationHeaders = nil
	}
	if more.GetItemsPath() != "" {
		op.GetTrigger().Batch = true
	}
	proto.Merge(webhook, more)
}
