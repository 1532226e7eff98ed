package openapi

import (
	"context"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// webhooksKey is the member of OpenAPI 3.1 that holds the notifications for which
// a person enters the callback URL at the API.
const webhooksKey = "webhooks"

// webhooks makes a trigger of each notification.
func (t *translation) webhooks(ctx context.Context) error {
	if minorOf(t.root) < 0 {
		return nil
	}
	if n := t.root.Get("x-" + webhooksKey); n.Is(document.Object) {
		t.note("WebhooksExtension", n, "the notifications in \"x-webhooks\" are not read; OpenAPI 3.1 has \"webhooks\" for them")
	}
	for _, w := range t.root.Get(webhooksKey).Children() {
		if err := canceled(ctx, "import webhooks"); err != nil {
			return err
		}
		if isExtension(w.Key()) {
			continue
		}
		item := t.resolve(w)
		if item == nil {
			continue
		}
		err := t.each(item, func(method string, n *document.Node) error {
			op := t.webhook(w.Key(), method, item, n)
			op.SourcePointer = t.sourcePointer(w, item, n)
			t.def.Operations = append(t.def.Operations, op)
			return t.budget.check(n, t.def.GetOperations())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// webhook reads one notification. It is no call, so that it has neither inputs
// nor answers.
func (t *translation) webhook(name, method string, item, n *document.Node) *connectorv1.Operation {
	webhook := &connectorv1.WebhookTrigger{
		Registration: connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL, EventName: name,
		Signature: t.signature(n.Get(signatureExtension)),
	}
	t.notification(webhook, item, n)
	op := &connectorv1.Operation{
		OperationId:      t.operationID(method, name, n),
		Summary:          n.Str("summary"),
		Description:      n.Str("description"),
		Kind:             connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER,
		Method:           method,
		Tags:             t.tagsOf(n),
		Visibility:       t.visibility(n),
		Safety:           &connectorv1.Safety{},
		DocumentationUrl: n.Get("externalDocs").Str("url"),
		Trigger:          &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: webhook}},
	}
	op.Trigger.Hint = n.Str("x-ms-trigger-hint")
	op.Deprecated = n.True("deprecated")
	t.operationExtensions(op, item, n)
	return op
}

// notification reads what the API sends: the operation n of a webhook or
// callback describes a call of the API.
func (t *translation) notification(webhook *connectorv1.WebhookTrigger, item, n *document.Node) {
	body := t.resolveOptional(n.Get("requestBody"))
	webhook.NotificationSchema = t.notificationSchema(body)
	webhook.NotificationDescription = firstText(body.Str("description"), n.Str("description"), n.Str("summary"))
	for _, p := range t.inputs(item, n) {
		if p.Str("in") != "header" {
			continue
		}
		h := &connectorv1.ResponseHeader{Name: p.Str("name"), Description: p.Str("description"), Summary: p.Str("x-ms-summary")}
		t.dialect.readHeader(h, p)
		webhook.NotificationHeaders = append(webhook.NotificationHeaders, h)
	}
}

// notificationSchema returns the schema of the JSON representation, or else of
// the first.
func (t *translation) notificationSchema(body *document.Node) []byte {
	contents := firstOf(body.Get("content").Children(), maxMediaTypes)
	for _, c := range contents {
		if isJSON(c.Key()) {
			return t.schemaOf(t.peek(c).Get("schema"))
		}
	}
	if len(contents) == 0 {
		return nil
	}
	return t.schemaOf(t.peek(contents[0]).Get("schema"))
}

func firstText(texts ...string) string {
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			return text
		}
	}
	return ""
}
