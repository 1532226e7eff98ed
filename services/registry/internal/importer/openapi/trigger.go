package openapi

import (
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// Extensions of our own, for documents written for this platform.
const (
	// pollingExtension makes a trigger of any list operation:
	// {"items": dot path, "key": dot path, "order": "newestFirst"|"oldestFirst"}, and
	// the other members of PollingTrigger.
	pollingExtension = "x-ferrule-polling"
	// signatureExtension says how notifications are signed: {"scheme", "header",
	// "prefix", "encoding", "secretProperty" (of the body), "idHeader"}.
	signatureExtension = "x-ferrule-webhook-signature"
)

// removal is a webhook trigger whose unsubscribe operation is still to be found.
type removal struct {
	webhook *connectorv1.WebhookTrigger
	op      *connectorv1.Operation
}

// trigger finds out whether the operation is a trigger, and of which kind.
func (t *translation) trigger(op *connectorv1.Operation, places []place, item, n *document.Node) {
	mode := n.Get("x-ms-trigger")
	polling := n.Get(pollingExtension)
	if mode == nil && !polling.Is(document.Object) {
		return
	}
	callback := t.callback(places)
	known := op.GetTrigger().GetWebhook() // from the callbacks of OpenAPI 3
	if callback == "" {
		callback = known.GetCallbackPointer()
	}
	if callback == "" {
		callback = n.Get(webhookExtension).Str("callbackPointer")
	}
	trigger := &connectorv1.Trigger{Batch: t.batch(mode), Hint: n.Str("x-ms-trigger-hint")}
	op.Trigger = trigger
	if polling.Is(document.Object) || (callback == "" && op.GetMethod() == "GET") {
		op.Kind = connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
		trigger.Protocol = &connectorv1.Trigger_Polling{Polling: t.polling(polling)}
		return
	}
	if callback == "" {
		t.warn("CallbackMissing", n, "mark the property that takes the callback URL with \"x-ms-notification-url\": true",
			"the webhook trigger has no place for the callback URL; it cannot be subscribed to")
	}
	op.Kind = connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER
	webhook := &connectorv1.WebhookTrigger{
		CallbackPointer:    callback,
		NotificationSchema: t.schemaOf(item.Get("x-ms-notification-content").Get("schema")),
		Signature:          t.signature(n.Get(signatureExtension)),
	}
	if known != nil {
		webhook.EventName, webhook.NotificationHeaders = known.GetEventName(), known.GetNotificationHeaders()
		webhook.NotificationDescription = known.GetNotificationDescription()
		if webhook.GetNotificationSchema() == nil {
			webhook.NotificationSchema = known.GetNotificationSchema()
		}
	}
	trigger.Protocol = &connectorv1.Trigger_Webhook{Webhook: webhook}
	t.removals = append(t.removals, removal{webhook: webhook, op: op})
}

// batch reads whether several things come at once. Lists do unless told
// otherwise.
func (t *translation) batch(mode *document.Node) bool {
	switch strings.ToLower(mode.Text()) {
	case "", "batch":
		return true
	case "single":
		return false
	}
	t.warn("TriggerModeUnknown", mode, "write \"single\" or \"batch\"",
		"the trigger mode %q is not known; it is taken as single", mode.Text())
	return false
}

// polling reads our own extension; without it the API itself says what is new.
func (t *translation) polling(n *document.Node) *connectorv1.PollingTrigger {
	t.texts(n, pollingWords)
	if !n.Is(document.Object) {
		return &connectorv1.PollingTrigger{Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE}
	}
	p := &connectorv1.PollingTrigger{
		Protocol:  connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST,
		ItemsPath: n.Str("items"),
		KeyPath:   n.Str("key"),
	}
	switch order := n.Get("order"); order.Text() {
	case "":
	case "newestFirst":
		p.Order = connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST
	case "oldestFirst":
		p.Order = connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST
	default:
		t.warn("ListOrderUnknown", order, "write \"newestFirst\" or \"oldestFirst\"",
			"the order %q is not known; every page is looked at", order.Text())
	}
	t.pollingRules(p, n)
	return p
}

// signature reads our own extension. Without a header there is nothing to check,
// unless a preset names it.
func (t *translation) signature(n *document.Node) *connectorv1.WebhookSignature {
	if n == nil {
		return nil
	}
	t.texts(n, signatureWords)
	t.unknown(n, signatureWords)
	s := &connectorv1.WebhookSignature{
		Scheme: n.Str("scheme"), Header: n.Str("header"), Prefix: n.Str("prefix"),
		Encoding: n.Str("encoding"), IdHeader: n.Str("idHeader"),
	}
	preset := slices.Contains(definition.WebhookPresets(), s.GetScheme())
	switch {
	case s.GetHeader() == "" && !preset:
		t.warn("SignatureInvalid", n, "name the header that carries the signature, or a preset in \"scheme\"",
			"the webhook signature names no header; notifications are treated as unsigned")
		return nil
	case s.GetScheme() == "":
		s.Scheme = "hmac-sha256"
	case !slices.Contains(definition.WebhookSchemes(), s.GetScheme()):
		t.warn("SignatureInvalid", n.Get("scheme"), "write a scheme such as \"hmac\", or a preset such as \"github\"",
			"the scheme %q is not known; notifications are treated as unsigned", s.GetScheme())
		return nil
	}
	if s.GetEncoding() == "" && !preset {
		s.Encoding = "hex"
	}
	if property := n.Str("secretProperty"); property != "" {
		s.SecretPointer = "/body/" + document.EscapeToken(property)
	}
	return s
}

// linkRemovals finds the operation that removes each webhook: a DELETE of what the
// trigger's path holds, or else the one that is made for it. Only one that is beyond
// doubt counts.
func (t *translation) linkRemovals() {
	if len(t.removals) == 0 {
		return
	}
	deletes := map[string][]string{}
	var made []*connectorv1.Operation
	for _, op := range t.def.GetOperations() {
		if op.GetMethod() != "DELETE" {
			continue
		}
		if collection, ok := collectionOf(op.GetPath()); ok {
			deletes[collection] = append(deletes[collection], op.GetOperationId())
		}
		if madeForRemoval(op) {
			made = append(made, op)
		}
	}
	for _, r := range t.removals {
		if r.webhook.GetUnsubscribeOperationId() != "" {
			continue // x-ferrule-webhook says it
		}
		found := deletes[anyNames(r.op.GetPath())]
		if len(found) == 1 {
			r.webhook.UnsubscribeOperationId = found[0]
		} else if len(found) == 0 && len(made) == 1 && namesOne(made[0], r.op) {
			r.webhook.UnsubscribeOperationId = made[0].GetOperationId()
		}
	}
}

// collectionOf returns the path, with any names, of what holds an entry; false if a
// path does not end with the id of one.
func collectionOf(path string) (string, bool) {
	path = strings.TrimSuffix(path, "/")
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || slash == len(path)-1 || placeholder.FindString(path[slash+1:]) != path[slash+1:] {
		return "", false
	}
	return anyNames(path[:slash]), true
}

// anyNames returns a path in which placeholders have no names: operations may call the
// same thing differently.
func anyNames(path string) string {
	return placeholder.ReplaceAllString(strings.TrimSuffix(path, "/"), "{}")
}

// removalWords are what operations are called that remove registrations.
var removalWords = regexp.MustCompile(`(?i)hook|subscri|trigger|regist`)

// madeForRemoval reports whether an operation exists for removing registrations: a
// DELETE that is not shown to people, and is called so.
func madeForRemoval(op *connectorv1.Operation) bool {
	return op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL &&
		removalWords.MatchString(op.GetPath()+" "+op.GetOperationId())
}

// idName is how parameters are called that hold ids.
var idName = regexp.MustCompile(`(?i)(id|ids|uuid|guid)$`)

// namesOne reports whether a removal asks for an id that the registration does not
// have, at the end of its path or in its query: without one it might remove the
// registrations of others.
func namesOne(remove, register *connectorv1.Operation) bool {
	path := strings.TrimSuffix(remove.GetPath(), "/")
	if id := placeholder.FindString(path[strings.LastIndexByte(path, '/')+1:]); id != "" {
		return !strings.Contains(register.GetPath(), id)
	}
	return slices.ContainsFunc(remove.GetParameters(), func(p *connectorv1.Parameter) bool {
		return p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY && idName.MatchString(p.GetName()) &&
			!slices.ContainsFunc(register.GetParameters(), func(q *connectorv1.Parameter) bool { return q.GetName() == p.GetName() })
	})
}
