package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestAWebhookTriggerIsReadCompletely(t *testing.T) {
	got := importDocument(t, head+`
paths:
  /hooks:
    x-ms-notification-content: {description: An item, schema: {$ref: '#/definitions/Item'}}
    post:
      operationId: OnItem
      x-ms-trigger: single
      x-ms-trigger-hint: Create an item.
      x-ferrule-webhook-signature: {header: X-Signature, prefix: 'sha256=', secretProperty: se/cret, idHeader: X-Id}
      parameters: [{name: hook, in: body, required: true, schema: {$ref: '#/definitions/Hook'}}]
      responses: {201: {description: Created}}
  /hooks/{id}:
    delete: {operationId: DeleteHook, parameters: [{name: id, in: path, required: true, type: string}], responses: {}}
definitions:
  Item: {type: object}
  Hook: {allOf: [{$ref: '#/definitions/Base'}, {properties: {target: {$ref: '#/definitions/Target'}}}]}
  Base: {properties: {again: {$ref: '#/definitions/Hook'}, name: {type: string}}}
  Target: {properties: {'call/back': {type: string, x-ms-notification-url: true}}}
`)
	op := got.operation("OnItem")
	want := &connectorv1.Trigger{
		Hint: "Create an item.",
		Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
			CallbackPointer: "/body/target/call~1back", NotificationSchema: []byte(`{"$ref":"#/$defs/Item"}`), UnsubscribeOperationId: "DeleteHook",
			NotificationDescription: "An item",
			Signature: &connectorv1.WebhookSignature{
				Scheme: "hmac-sha256", Header: "X-Signature", Prefix: "sha256=", Encoding: "hex", SecretPointer: "/body/se~1cret", IdHeader: "X-Id",
			},
		}},
	}
	if diff := cmp.Diff(want, op.GetTrigger(), protocmp.Transform()); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER || len(op.GetExtensions()) != 0 || len(got.findings) != 0 {
		t.Errorf("kind %s, extensions %v, findings %v", op.GetKind(), op.GetExtensions(), got.codes())
	}
	if k := got.operation("DeleteHook").GetKind(); k != connectorv1.OperationKind_OPERATION_KIND_ACTION {
		t.Errorf("the removal is %s", k)
	}
}

func TestWhereTheCallbackURLGoes(t *testing.T) {
	for _, row := range []struct{ name, parameters, want string }{
		{"a property of the body", "[{name: b, in: body, schema: {properties: {url: {x-ms-notification-url: true}}}}]", "/body/url"},
		{"written as text", "[{name: b, in: body, schema: {properties: {url: {x-ms-notification-url: 'true'}}}}]", "/body/url"},
		{"the body itself", "[{name: b, in: body, schema: {type: string, x-ms-notification-url: true}}]", "/body"},
		{"the first mark", "[{name: b, in: body, schema: {properties: {a: {properties: {deep: {x-ms-notification-url: true}}}, b: {x-ms-notification-url: true}}}}]", "/body/a/deep"},
		{"inside a list", "[{name: b, in: body, schema: {properties: {hooks: {type: array, items: {properties: {url: {x-ms-notification-url: true}}}}}}}]", "/body/hooks/0/url"},
		{"a query parameter", "[{name: call/back, in: query, type: string, x-ms-notification-url: true}]", "/call~1back"},
		{"a field of a form", "[{name: url, in: formData, type: string, x-ms-notification-url: true}]", "/body/url"},
		{"a mark that is off", "[{name: b, in: body, schema: {properties: {url: {x-ms-notification-url: false}}}}]", ""},
		{"recursion without a mark", "[{name: b, in: body, schema: {$ref: '#/definitions/R'}}]", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+"definitions: {R: {properties: {r: {$ref: '#/definitions/R'}}}}\npaths:\n  /x:\n    post:\n      operationId: X\n      x-ms-trigger: single\n      responses: {}\n      parameters: "+row.parameters+"\n")
			w := got.operation("X").GetTrigger().GetWebhook()
			if w.GetCallbackPointer() != row.want || (row.want == "") != (len(got.findings) == 1 && got.findings[0].Code == "CallbackMissing") {
				t.Errorf("callback %q, findings %v; want %q", w.GetCallbackPointer(), got.codes(), row.want)
			}
		})
	}
}

func TestHowAWebhookIsRemoved(t *testing.T) {
	const trigger = "  /hooks: {post: {operationId: T, x-ms-trigger: single, responses: {}, parameters: [{name: u, in: query, type: string, x-ms-notification-url: true}, {name: appId, in: query, type: string}]}}\n"
	for _, row := range []struct{ name, paths, want string }{
		{"by the only DELETE below", "  /hooks/{id}: {delete: {operationId: D, responses: {}}}\n", "D"},
		{"not by one with more in its path", "  /hooks/{id}/all: {delete: {operationId: D, responses: {}}}\n", ""},
		{"not by one beside it", "  /hook/{id}: {delete: {operationId: D, responses: {}}}\n", ""},
		{"not by one without a placeholder", "  /hooks/all: {delete: {operationId: D, responses: {}}}\n", ""},
		{"not by another method", "  /hooks/{id}: {post: {operationId: D, responses: {}}}\n", ""},
		{"by the one that is made for it", "  /unhook/{id}: {delete: {operationId: D, x-ms-visibility: internal, responses: {}}}\n", "D"},
		{"by one whose name says so", "  /gone({id})/: {delete: {operationId: DeleteTrigger, x-ms-visibility: internal, responses: {}}}\n", "DeleteTrigger"},
		{"by the only DELETE below rather than that", "  /unhook/{id}: {delete: {operationId: D, x-ms-visibility: internal, responses: {}}}\n  /hooks/{id}: {delete: {operationId: E, responses: {}}}\n", "E"},
		{"by one below that ends with a slash", "  /hooks/{id}/: {delete: {operationId: D, responses: {}}}\n", "D"},
		{"by one that asks for an id in its query", "  /unhook: {delete: {operationId: D, x-ms-visibility: internal, responses: {}, parameters: [{name: hookIds, in: query, type: string}]}}\n", "D"},
		{"not by one that asks for something else", "  /unhook: {delete: {operationId: D, x-ms-visibility: internal, responses: {}, parameters: [{name: mode, in: query, type: string}]}}\n", ""},
		{"not by one that asks for an id that the registration has", "  /unhook: {delete: {operationId: D, x-ms-visibility: internal, responses: {}, parameters: [{name: appId, in: query, type: string}]}}\n", ""},
		{"not by one that people see", "  /unhook/{id}: {delete: {operationId: D, responses: {}}}\n", ""},
		{"not by one of something else", "  /things/{id}: {delete: {operationId: D, x-ms-visibility: internal, responses: {}}}\n", ""},
		{"not by one that might remove all", "  /tenants/{id}/hooks: {delete: {operationId: D, x-ms-visibility: internal, responses: {}}}\n", ""},
		{"not if two are made for it", "  /unhook/{id}: {delete: {operationId: D, x-ms-visibility: internal, responses: {}}}\n  /unsubscribe/{id}: {delete: {operationId: E, x-ms-visibility: internal, responses: {}}}\n", ""},
		{"not if there are two", "  /hooks/{id}: {delete: {operationId: D, responses: {}}}\n  /hooks/{name}: {delete: {operationId: E, responses: {}}}\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+"paths:\n"+trigger+row.paths).operation("T").GetTrigger().GetWebhook()
			if got.GetUnsubscribeOperationId() != row.want {
				t.Errorf("removed by %q, want %q", got.GetUnsubscribeOperationId(), row.want)
			}
		})
	}
}

func TestPollingTriggers(t *testing.T) {
	const (
		native = connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE
		list   = connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST
	)
	for _, row := range []struct {
		name, members string
		batch         bool
		want          *connectorv1.PollingTrigger
		codes         []string
	}{
		{"the API itself says what is new", "x-ms-trigger: batch", true, &connectorv1.PollingTrigger{Protocol: native}, nil},
		{"one at a time", "x-ms-trigger: Single", false, &connectorv1.PollingTrigger{Protocol: native}, nil},
		{"a mode that nobody knows", "x-ms-trigger: many", false, &connectorv1.PollingTrigger{Protocol: native}, []string{"TriggerModeUnknown /paths/~1x/get/x-ms-trigger"}},
		{"a list", "x-ms-trigger: batch\n      x-ferrule-polling: {items: value.items, key: id, order: newestFirst}", true, &connectorv1.PollingTrigger{Protocol: list, ItemsPath: "value.items", KeyPath: "id", Order: connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST}, nil},
		{"a list needs no other mark", "x-ferrule-polling: {order: oldestFirst}", true, &connectorv1.PollingTrigger{Protocol: list, Order: connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST}, nil},
		{"an order that nobody knows", "x-ferrule-polling: {order: up}", true, &connectorv1.PollingTrigger{Protocol: list}, []string{"ListOrderUnknown /paths/~1x/get/x-ferrule-polling/order"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+"paths:\n  /x:\n    get:\n      operationId: X\n      responses: {}\n      "+row.members+"\n")
			op := got.operation("X")
			if diff := cmp.Diff(row.want, op.GetTrigger().GetPolling(), protocmp.Transform()); diff != "" {
				t.Errorf("polling (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" || op.GetTrigger().GetBatch() != row.batch || op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER {
				t.Errorf("kind %s, batch %t, findings (-want +got):\n%s", op.GetKind(), op.GetTrigger().GetBatch(), diff)
			}
		})
	}
}

func TestNotificationsOfActionsStayExtensions(t *testing.T) {
	got := importDocument(t, head+"paths: {/x: {x-ms-notification-content: {schema: {}}, get: {operationId: X, responses: {}}}}\n")
	op := got.operation("X")
	if op.GetTrigger() != nil || len(op.GetExtensions()) != 1 || op.GetExtensions()[0].GetName() != "x-ms-notification-content" {
		t.Errorf("trigger %v, extensions %v", op.GetTrigger(), op.GetExtensions())
	}
}

func TestSignaturesWithoutAHeaderAreNone(t *testing.T) {
	got := importDocument(t, head+"paths: {/x: {post: {operationId: X, x-ms-trigger: single, x-ferrule-webhook-signature: {prefix: v1}, responses: {}, parameters: [{name: u, in: query, type: string, x-ms-notification-url: true}]}}}\n")
	if s := got.operation("X").GetTrigger().GetWebhook().GetSignature(); s != nil || got.codes()[0] != "SignatureInvalid /paths/~1x/post/x-ferrule-webhook-signature" {
		t.Errorf("signature %v, findings %v", s, got.codes())
	}
}
