package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestWebhooksAreTriggers(t *testing.T) {
	got := import3(t, `
openapi: 3.1.0
info: {title: T}
servers: [{url: https://a.example}]
webhooks:
  item created:
    parameters: [{name: X-Event, in: header, required: true, description: E, schema: {type: string}}, {name: q, in: query, schema: {}}]
    post:
      summary: S
      description: D
      tags: [hooks]
      deprecated: true
      x-own: 1
      x-ferrule-webhook-signature: {header: X-Signature}
      parameters: [{name: Content-Type, in: header, schema: {}}]
      requestBody:
        description: An item
        content: {text/plain: {schema: {type: string}}, application/json: {schema: {$ref: '#/components/schemas/Item'}}}
      responses: {200: {description: OK}}
  other: {$ref: '#/components/pathItems/Other'}
  x-own: 1
components:
  schemas: {Item: {type: object}}
  pathItems: {Other: {put: {operationId: OnOther}}}
`)
	want := &connectorv1.Operation{
		OperationId: "PostItemCreated", Summary: "S", Description: "D", Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER,
		Method: "POST", Tags: []string{"hooks"}, Deprecated: true, Safety: &connectorv1.Safety{},
		Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
			Registration: connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL, EventName: "item created",
			NotificationSchema:      []byte(`{"$ref":"#/$defs/Item"}`),
			NotificationDescription: "An item",
			NotificationHeaders: []*connectorv1.ResponseHeader{
				{Name: "X-Event", Required: true, Description: "E", Schema: []byte(`{"type":"string"}`)}, {Name: "Content-Type", Schema: []byte("{}")},
			},
			Signature: &connectorv1.WebhookSignature{Scheme: "hmac-sha256", Header: "X-Signature", Encoding: "hex"},
		}}},
		Extensions:    []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}},
		SourcePointer: "/webhooks/item created/post",
	}
	if diff := cmp.Diff(want, got.operation("PostItemCreated"), protocmp.Transform()); diff != "" {
		t.Errorf("webhook (-want +got):\n%s", diff)
	}
	if other := got.operation("OnOther"); other.GetMethod() != "PUT" || other.GetSourcePointer() != "/components/pathItems/Other/put" || other.GetTrigger().GetWebhook().GetEventName() != "other" {
		t.Errorf("other webhook %v", other)
	}
	if diff := cmp.Diff([]string{"OperationIdMissing /webhooks/item created/post"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestCallbacksMakeTriggers(t *testing.T) {
	got := import3(t, head3+`
paths:
  /hooks:
    post:
      operationId: Subscribe
      x-ms-trigger-hint: H
      x-ferrule-webhook-signature: {header: X-Signature}
      requestBody: {content: {application/json: {schema: {properties: {url: {type: string}}}}}}
      responses: {201: {description: Created}}
      callbacks:
        onItem:
          '{$request.body#/url}':
            post:
              description: An item
              parameters: [{name: X-Id, in: header, schema: {type: string}}]
              requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}
  /hooks/{id}: {delete: {operationId: Unsubscribe, parameters: [{name: id, in: path, required: true, schema: {}}]}}
components: {schemas: {Item: {type: object}}}
`)
	want := &connectorv1.Trigger{Hint: "H", Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
		CallbackPointer: "/body/url", EventName: "onItem", NotificationSchema: []byte(`{"$ref":"#/$defs/Item"}`), NotificationDescription: "An item",
		NotificationHeaders:    []*connectorv1.ResponseHeader{{Name: "X-Id", Schema: []byte(`{"type":"string"}`)}},
		Signature:              &connectorv1.WebhookSignature{Scheme: "hmac-sha256", Header: "X-Signature", Encoding: "hex"},
		UnsubscribeOperationId: "Unsubscribe",
	}}}
	op := got.operation("Subscribe")
	if diff := cmp.Diff(want, op.GetTrigger(), protocmp.Transform()); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER || op.GetPath() != "/hooks" || op.GetRequestBody() == nil || len(got.findings) != 0 {
		t.Errorf("kind %s, path %q, body %v, findings %v", op.GetKind(), op.GetPath(), op.GetRequestBody(), got.codes())
	}
}

func TestWhereCallbacksTakeTheirURL(t *testing.T) {
	for _, row := range []struct {
		name, callbacks, want string
		codes                 []string
	}{
		{"a property of the body", "{e: {'{$request.body#/a/b~1c}': {post: {}}}}", "/body/a/b~1c", nil},
		{"without braces", "{e: {$request.body#/url: {post: {}}}}", "/body/url", nil},
		{"the body as a whole", "{e: {'{$request.body}': {post: {}}}}", "/body", nil},
		{"a query parameter", "{e: {'{$request.query.cb/url}': {post: {}}}}", "/cb~1url", nil},
		{"a header, in another case", "{e: {'{$request.header.x-callback}': {post: {}}}}", "/X-Callback", nil},
		{"a path parameter", "{e: {'{$request.path.p}': {post: {}}}}", "/p", nil},
		{"with more behind it", "{e: {'{$request.query.url}/data': {post: {}}}}", "/url", nil},
		{"with a path and a query behind it", "{e: {'{$request.query.url}/data/x?a=1': {post: {}}}}", "/url", nil},
		{"with another expression behind it", "{e: {'{$request.query.url}/{$request.body#/id}': {post: {}}}}", "/url", []string{"CallbackSuffix"}},
		{"with more of the last name behind it", "{e: {'{$request.query.url}data': {post: {}}}}", "/url", []string{"CallbackSuffix"}},
		{"with a way up behind it", "{e: {'{$request.query.url}/../x': {post: {}}}}", "/url", []string{"CallbackSuffix"}},
		{"with a query behind it", "{e: {'$request.query.url?a=1': {post: {}}}}", "/url", nil},
		{"a callback elsewhere", "{e: {$ref: '#/components/callbacks/C'}}", "/shared", nil},
		{"a part of a URL", "{e: {'https://a.example/{$request.body#/id}': {post: {}}}}", "", []string{"CallbackUnsupported"}},
		{"a part of an answer", "{e: {'{$response.body#/url}': {post: {}}}}", "", []string{"CallbackUnsupported"}},
		{"an unknown place", "{e: {'{$request.body.url}': {post: {}}, x-own: 1}}", "", []string{"CallbackUnsupported"}},
		{"two places", "{e: {'{$request.query.a}': {post: {}}}, f: {'{$request.query.b}': {post: {}}}}", "/a", []string{"CallbackIgnored"}},
		{"a callback that is none", "{e: text}", "", []string{"ObjectExpected"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+"paths:\n  /x:\n    post:\n      operationId: X\n      parameters: [{name: X-Callback, in: header, schema: {}}]\n      callbacks: "+row.callbacks+"\ncomponents: {callbacks: {C: {'{$request.query.shared}': {post: {}}}}}\n")
			var codes []string
			for _, f := range got.findings {
				codes = append(codes, f.Code)
			}
			op := got.operation("X")
			if pointer := op.GetTrigger().GetWebhook().GetCallbackPointer(); pointer != row.want || (row.want == "") != (op.GetKind() == connectorv1.OperationKind_OPERATION_KIND_ACTION) {
				t.Errorf("callback %q, kind %s", pointer, op.GetKind())
			}
			if diff := cmp.Diff(row.codes, codes); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatAnAPIAddsToItsCallbackURLIsKnown(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x:
    post:
      operationId: X
      callbacks:
        made: {'{$request.query.url}/made': {post: {}}}
        gone: {'{$request.query.url}/gone?hard=true': {post: {}}, '{$request.query.url}/made': {put: {}}}
        plain: {'{$request.query.url}': {post: {}}}
`)
	if diff := cmp.Diff([]string{"/made", "/gone"}, got.operation("X").GetTrigger().GetWebhook().GetCallbackSuffixes()); diff != "" {
		t.Errorf("suffixes (-want +got):\n%s", diff)
	}
}

func TestSeveralEventsOfOneURLAreOneTrigger(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x:
    post:
      operationId: X
      callbacks:
        made: {'{$request.query.url}': {post: {requestBody: {content: {application/json: {schema: {title: A}}}}}}}
        gone: {'{$request.query.url}': {post: {requestBody: {content: {text/xml: {schema: {title: B}}}}}}}
  /y:
    post:
      operationId: Y
      callbacks:
        made: {'{$request.query.url}': {post: {requestBody: {content: {application/json: {schema: {title: A}}}}}, put: {}}}
`)
	w := got.operation("X").GetTrigger().GetWebhook()
	if schema := string(w.GetNotificationSchema()); schema != `{"anyOf":[{"title":"A"},{"title":"B"}]}` || w.GetEventName() != "made" {
		t.Errorf("event %q, schema %s", w.GetEventName(), schema)
	}
	if schema := got.operation("Y").GetTrigger().GetWebhook().GetNotificationSchema(); schema != nil {
		t.Errorf("schema %s, though one event has none", schema)
	}
	if diff := cmp.Diff([]string{"CallbackMerged /paths/~1x/post/callbacks/gone/{$request.query.url}/post"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestMarkedPropertiesOfOpenAPI3TakeTheCallbackURL(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x:
    x-ms-notification-content: {schema: {type: object}}
    post:
      operationId: X
      x-ms-trigger: single
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Hook'}}}}
  /y:
    post: {operationId: Y, x-ms-trigger: batch, parameters: [{name: url, in: query, schema: {type: string, x-ms-notification-url: true}}]}
  /z:
    post: {operationId: Z, x-ms-trigger: batch, callbacks: {e: {'{$request.query.cb}': {post: {requestBody: {content: {application/json: {schema: {type: array}}}}}}}}}
  /w:
    get: {operationId: W, x-ms-trigger: batch}
components: {schemas: {Hook: {allOf: [{properties: {url: {type: string, x-ms-notification-url: true}}}]}}}
`)
	for id, want := range map[string]string{"X": `/body/url {"type":"object"}`, "Y": "/url ", "Z": `/cb {"type":"array"}`} {
		w := got.operation(id).GetTrigger().GetWebhook()
		if text := w.GetCallbackPointer() + " " + string(w.GetNotificationSchema()); text != want {
			t.Errorf("%s: %s, want %s", id, text, want)
		}
	}
	if got.operation("Z").GetTrigger().GetWebhook().GetEventName() != "e" || !got.operation("Z").GetTrigger().GetBatch() || got.operation("W").GetTrigger().GetPolling() == nil {
		t.Errorf("triggers %v, %v", got.operation("Z").GetTrigger(), got.operation("W").GetTrigger())
	}
}
