package openapi

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// orders are the values of "order" of x-ferrule-polling.
var orders = map[connectorv1.ListOrder]string{
	connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST: "newestFirst",
	connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST: "oldestFirst",
}

// triggerExtensions says how a trigger works.
func (r *rendering) triggerExtensions(v vendor, op *connectorv1.Operation, at place) {
	t := op.GetTrigger()
	if t == nil {
		return
	}
	mode := "single"
	if t.GetBatch() {
		mode = "batch"
	}
	v.set("x-ms-trigger", tree.String(mode))
	v.set("x-ms-trigger-hint", text(t.GetHint()))
	if c := t.GetSimulation(); c != nil {
		v.set("x-ms-operation-context", tree.New().Set("simulate", constantCall(c)))
	}
	if p := t.GetPolling(); p != nil {
		r.polling(v, p, at)
	}
	r.signature(v, t.GetWebhook().GetSignature(), at)
}

func (r *rendering) polling(v vendor, p *connectorv1.PollingTrigger, at place) {
	if id := p.GetNotificationOperationId(); id != "" {
		v.set("x-ms-notification", tree.New().Text("operationId", id))
	}
	if p.GetProtocol() != connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST {
		return
	}
	if r.version == vendorV2 {
		r.lost(at, "%s has no triggers that compare lists; write a polling policy", r.version)
		return
	}
	v.set("x-ferrule-polling", tree.New().Text("items", p.GetItemsPath()).Text("key", p.GetKeyPath()).Text("order", orders[p.GetOrder()]))
}

func (r *rendering) signature(v vendor, s *connectorv1.WebhookSignature, at place) {
	if s == nil {
		return
	}
	if r.version == vendorV2 {
		r.lost(at, "%s has no signatures of notifications; they are accepted unsigned", r.version)
		return
	}
	o := tree.New().Text("scheme", s.GetScheme()).Text("header", s.GetHeader()).Text("prefix", s.GetPrefix()).Text("encoding", s.GetEncoding())
	if property, ok := strings.CutPrefix(s.GetSecretPointer(), "/body/"); ok {
		o.Text("secretProperty", document.UnescapeToken(property))
	}
	v.set("x-ferrule-webhook-signature", o.Text("idHeader", s.GetIdHeader()))
}

// constantCall writes a call whose arguments are constants.
func constantCall(c *connectorv1.DynamicCall) *tree.Object {
	o := tree.New().Text("operationId", c.GetOperationId())
	arguments := tree.New()
	for _, a := range c.GetArguments() {
		if len(a.GetJson()) > 0 {
			arguments.Set(strings.TrimPrefix(a.GetPointer(), "/"), tree.Raw(a.GetJson()))
		}
	}
	return o.Some("parameters", arguments)
}

// notification says what a webhook sends. The vendor keeps it beside the
// operations of a path. It is the body of an operation that is a webhook itself.
func (r *rendering) notification(item, o *tree.Object, op *connectorv1.Operation, at place) {
	w := op.GetTrigger().GetWebhook()
	if w == nil || isWebhook(op) {
		return
	}
	content := tree.New().Text("description", w.GetNotificationDescription())
	headers := tree.New()
	for _, h := range w.GetNotificationHeaders() {
		headers.Set(h.GetName(), r.header(h, at))
	}
	if len(w.GetNotificationSchema()) > 0 {
		content.Set("schema", r.schema(w.GetNotificationSchema(), at))
	}
	content.Some("headers", headers)
	if content.Len() == 0 || has(op.GetExtensions(), "x-ms-notification-content") {
		return
	}
	if item.Has("x-ms-notification-content") {
		o.Set("x-ms-notification-content", content)
		return
	}
	item.Set("x-ms-notification-content", content)
}

// callbacks says the same in the words of OpenAPI 3: the notification is a
// request to the URL that the subscription holds.
func (r *rendering) callbacks(o *tree.Object, op *connectorv1.Operation, at place) {
	w := op.GetTrigger().GetWebhook()
	expression := r.expression(op)
	if w == nil || expression == "" {
		return
	}
	name := w.GetEventName()
	if name == "" {
		name = "notification"
	}
	request := tree.New()
	r.request(request, w, at)
	callback := tree.New()
	for _, suffix := range w.GetCallbackSuffixes() {
		callback.Set(expression+suffix, tree.New().Set("post", request))
	}
	if len(w.GetCallbackSuffixes()) == 0 {
		callback.Set(expression, tree.New().Set("post", request))
	}
	o.Set("callbacks", tree.New().Set(name, callback))
}

// request describes a notification as the request that the API sends.
func (r *rendering) request(o *tree.Object, w *connectorv1.WebhookTrigger, at place) {
	var headers tree.List
	for _, h := range w.GetNotificationHeaders() {
		header := tree.New().Set("name", tree.String(h.GetName())).Text("in", "header")
		written := r.header(h, at)
		for _, key := range written.Keys() {
			header.Set(key, written.Get(key))
		}
		headers = append(headers, header)
	}
	if len(headers) > 0 {
		o.Set("parameters", headers)
	}
	body := tree.New().Text("description", w.GetNotificationDescription())
	if len(w.GetNotificationSchema()) > 0 {
		media := tree.New().Set("schema", r.schema(w.GetNotificationSchema(), at))
		body.Set("content", tree.New().Set(mediaJSON, media))
	}
	if body.Has("content") {
		o.Set("requestBody", body)
	}
	o.Set("responses", tree.New().Set("2XX", tree.New().Text("description", "The notification was received.")))
}

// expression returns the runtime expression of the callback URL, "" if there is
// none.
func (r *rendering) expression(op *connectorv1.Operation) string {
	pointer := op.GetTrigger().GetWebhook().GetCallbackPointer()
	if inner, ok := strings.CutPrefix(pointer, "/body"); ok && op.GetRequestBody() != nil {
		return "{$request.body#" + inner + "}"
	}
	name := document.UnescapeToken(strings.TrimPrefix(pointer, "/"))
	for _, p := range op.GetParameters() {
		if pointer != "" && p.GetName() == name {
			return "{$request." + parameterLocations[p.GetLocation()] + "." + name + "}"
		}
	}
	return ""
}
