package openapi

import (
	"bytes"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxCallbacks is the number of callbacks of one operation that are read.
const maxCallbacks = 256

// callbacks makes a webhook trigger of an operation that hands a callback URL to
// the API. Several events that go to the same place are one trigger, whose
// notifications are of any of their schemas.
func (d openapi3) callbacks(op *connectorv1.Operation, n *document.Node) {
	var schemas [][]byte
	webhook := &connectorv1.WebhookTrigger{}
	for _, c := range firstOf(n.Get("callbacks").Children(), maxCallbacks) {
		callback := d.resolve(c)
		for _, p := range firstOf(callback.Children(), maxCallbacks) {
			if isExtension(p.Key()) {
				continue
			}
			pointer, suffix := d.callbackPointer(op, p)
			switch {
			case pointer == "":
				continue
			case webhook.GetCallbackPointer() == "":
				webhook.CallbackPointer, webhook.EventName = pointer, c.Key()
			case webhook.GetCallbackPointer() != pointer:
				d.note("CallbackIgnored", p, "the operation takes several callback URLs; only that at %q is supplied", webhook.GetCallbackPointer())
				continue
			}
			if suffix != "" && !slices.Contains(webhook.GetCallbackSuffixes(), suffix) {
				webhook.CallbackSuffixes = append(webhook.CallbackSuffixes, suffix)
			}
			schemas = append(schemas, d.event(webhook, c.Key(), p)...)
		}
	}
	if webhook.GetCallbackPointer() == "" {
		return
	}
	webhook.NotificationSchema = anyOf(schemas)
	webhook.Signature = d.signature(n.Get(signatureExtension))
	op.Kind = connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER
	op.Trigger = &connectorv1.Trigger{
		Hint:     n.Str("x-ms-trigger-hint"),
		Protocol: &connectorv1.Trigger_Webhook{Webhook: webhook},
	}
	d.removals = append(d.removals, removal{webhook: webhook, op: op})
}

// event reads the notifications of one callback URL and returns their schemas.
func (d openapi3) event(webhook *connectorv1.WebhookTrigger, name string, p *document.Node) [][]byte {
	item := d.resolve(p)
	var schemas [][]byte
	for _, c := range item.Children() {
		if !d.isMethod(c.Key()) || !c.Is(document.Object) {
			continue
		}
		m := d.resolve(c)
		if m == nil {
			continue
		}
		one := &connectorv1.WebhookTrigger{}
		d.notification(one, item, m)
		schemas = append(schemas, one.GetNotificationSchema())
		if webhook.GetEventName() != name {
			d.note("CallbackMerged", m, "the event %q goes to the same URL as %q; both are one trigger", name, webhook.GetEventName())
			continue
		}
		webhook.NotificationHeaders = append(webhook.NotificationHeaders, one.GetNotificationHeaders()...)
		webhook.NotificationDescription = firstText(webhook.GetNotificationDescription(), one.GetNotificationDescription())
	}
	return schemas
}

// anyOf joins schemas; any value is valid if one of them is not known.
func anyOf(schemas [][]byte) []byte {
	switch {
	case len(schemas) == 0:
		return nil
	case len(schemas) == 1:
		return schemas[0]
	}
	for _, s := range schemas {
		if len(s) == 0 {
			return nil
		}
	}
	return append(append([]byte(`{"anyOf":[`), bytes.Join(schemas, []byte(","))...), "]}"...)
}

// callbackPointer returns where the URL of a callback stands in the operation's
// input, and what the API adds to its path; "", and reported, if it is not taken from
// there.
func (d openapi3) callbackPointer(op *connectorv1.Operation, p *document.Node) (pointer, suffix string) {
	expression, rest := splitURL(strings.TrimSpace(p.Key()))
	pointer = inputPointer(op, strings.TrimSpace(expression))
	if pointer == "" {
		d.note("CallbackUnsupported", p, "the callback URL %q is not taken from the request as a whole; the callback is ignored", p.Key())
		return "", ""
	}
	suffix, _, _ = strings.Cut(rest, "?") // a query is accepted whatever it is
	if suffix == "" {
		return pointer, ""
	}
	if !definition.IsCallbackSuffix(suffix) {
		d.warn("CallbackSuffix", p, "", "the API adds %q to the callback URL, which is not constant text behind a slash; notifications are accepted at the URL without it", rest)
		return pointer, ""
	}
	return pointer, suffix
}

// splitURL divides the URL of a callback into the runtime expression that it
// starts with, in braces or not, and what the API adds to it.
func splitURL(text string) (expression, rest string) {
	if inner, braced := strings.CutPrefix(text, "{"); braced {
		expression, rest, _ = strings.Cut(inner, "}")
		return expression, rest
	}
	if cut := strings.IndexByte(text, '?'); cut >= 0 {
		return text[:cut], text[cut:]
	}
	return text, ""
}

// inputPointer returns where a runtime expression looks in an operation's input.
func inputPointer(op *connectorv1.Operation, expression string) string {
	if body, ok := strings.CutPrefix(expression, "$request.body"); ok {
		if pointer, inside := strings.CutPrefix(body, "#"); inside && strings.HasPrefix(pointer, "/") {
			return "/body" + pointer
		}
		if body == "" || body == "#" {
			return "/body"
		}
		return ""
	}
	for _, in := range []string{"query", "header", "path"} {
		if name, ok := strings.CutPrefix(expression, "$request."+in+"."); ok && name != "" {
			for _, p := range op.GetParameters() {
				if in == "header" && strings.EqualFold(p.GetName(), name) {
					name = p.GetName() // headers are compared without case, inputs are not
				}
			}
			return "/" + document.EscapeToken(name)
		}
	}
	return ""
}
