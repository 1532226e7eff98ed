package openapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const items = `openapi: 3.1.0
info: {title: Test, version: '1'}
servers: [{url: 'https://api.example.com'}]
paths:
  /hooks/{id}: {delete: {operationId: Remove, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {'204': {description: Done}}}}
`

func TestAWebhookTriggerIsMadeOfAnyOperation(t *testing.T) {
	got := importAny(t, items+`
  /hooks:
    post:
      operationId: OnItem
      x-ferrule-webhook:
        callbackPointer: /body/url
        itemsPath: value
        handshakes: [slack]
        signature: {scheme: github, tolerance: 60s, secretPointer: /body/secret}
        renewal: {expirePointer: /expires, lifetime: 3600s}
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'201': {description: Created}}
`)
	want := &connectorv1.Trigger{Batch: true, Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
		CallbackPointer: "/body/url", ItemsPath: "value", Handshakes: []string{"slack"}, UnsubscribeOperationId: "Remove",
		Signature: &connectorv1.WebhookSignature{Scheme: "github", SecretPointer: "/body/secret", Tolerance: durationpb.New(time.Minute)},
		Renewal:   &connectorv1.WebhookRenewal{ExpirePointer: "/expires", Lifetime: durationpb.New(time.Hour)},
	}}}
	op := got.operation("OnItem")
	if diff := cmp.Diff(want, op.GetTrigger(), protocmp.Transform()); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER || len(op.GetExtensions()) > 0 || len(got.findings) > 0 {
		t.Errorf("kind %s, extensions %v, findings %v", op.GetKind(), op.GetExtensions(), got.codes())
	}
}

func TestWhatCallbacksSayStaysUnlessTheExtensionReplacesIt(t *testing.T) {
	got := importAny(t, items+`
  /hooks:
    post:
      operationId: OnItem
      x-ferrule-webhook: {handshakes: [meta], unsubscribeOperationId: Other}
      requestBody: {content: {application/json: {schema: {type: object, properties: {target: {type: string}}}}}}
      responses: {'201': {description: Created}}
      callbacks: {created: {'{$request.body#/target}': {post: {requestBody: {content: {application/json: {schema: {type: integer}}}}, responses: {'200': {description: Done}}}}}}
  /other: {delete: {operationId: Other, responses: {'204': {description: Done}}}}
`)
	w := got.operation("OnItem").GetTrigger().GetWebhook()
	if w.GetCallbackPointer() != "/body/target" || w.GetEventName() != "created" || string(w.GetNotificationSchema()) != `{"type":"integer"}` {
		t.Errorf("the callback's own values are %v", w)
	}
	if !slices.Equal(w.GetHandshakes(), []string{"meta"}) || w.GetUnsubscribeOperationId() != "Other" {
		t.Errorf("the extension's values are %v", w)
	}
}

func TestAPollingTriggerHasCursorsAndReportsChanges(t *testing.T) {
	got := importAny(t, items+`
  /items:
    get:
      operationId: OnItem
      x-ferrule-polling: {items: data, key: id, order: oldestFirst, report: CREATED_OR_CHANGED, versionPath: t, maxPages: 3, cursors: [{parameter: since, valuePath: t, value: LARGEST}]}
      responses: {'200': {description: Done}}
`)
	want := &connectorv1.PollingTrigger{
		Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST, ItemsPath: "data", KeyPath: "id", Order: connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST,
		Report: connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED, VersionPath: "t", MaxPages: 3,
		Cursors: []*connectorv1.PollingCursor{{Parameter: "since", ValuePath: "t", Value: connectorv1.CursorValue_CURSOR_VALUE_LARGEST}},
	}
	if diff := cmp.Diff(want, got.operation("OnItem").GetTrigger().GetPolling(), protocmp.Transform()); diff != "" || len(got.findings) > 0 {
		t.Errorf("polling (-want +got):\n%s\nfindings %v", diff, got.codes())
	}
}

func TestExtensionsOfTriggersThatCannotBeRead(t *testing.T) {
	for _, row := range []struct{ name, member, want string }{
		{"a member that nobody knows", "x-ferrule-webhook: {callback: /body/url}", "ExtensionInvalid"},
		{"no object", "x-ferrule-webhook: slack", "ExtensionInvalid"},
		{"no place for the callback URL", "x-ferrule-webhook: {handshakes: [slack]}", "CallbackMissing"},
		{"a polling trigger", "x-ferrule-polling: {items: data}\n      x-ferrule-webhook: {callbackPointer: /url}", "ExtensionInvalid"},
		{"a rule of polling that nobody knows", "x-ferrule-polling: {items: data, changed: true}", "ExtensionInvalid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importAny(t, items+"  /a:\n    get:\n      operationId: A\n      "+row.member+"\n      responses: {'200': {description: Done}}\n")
			if len(got.findings) != 1 || !strings.HasPrefix(got.codes()[0], row.want) {
				t.Errorf("findings %v, want %s", got.codes(), row.want)
			}
		})
	}
}
