package conformance_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
)

// The notifications that OpenAPI 3.1 lists as "webhooks" are registered by a person,
// who is told the callback URL: nothing is called, and what arrives is an event.
func TestWebhooksOfOpenAPIDescriptionsAreEvents(t *testing.T) {
	root := filepath.Join(corpus, "openapi3")
	w := &webhookTrial{clients: startSuite(t), api: startHooked(t), counts: map[string]int{}}
	for i, name := range documents(t, root) {
		s, err := readOpenAPI3(root, name)
		hooks, _ := s.doc.root["webhooks"].(object)
		if err != nil || len(hooks) == 0 {
			continue
		}
		id := fmt.Sprintf("m-%d", i)
		operations, err := w.clients.connect(t.Context(), id, s.locate(w.api.host))
		if err != nil {
			t.Fatal(err)
		}
		for _, hook := range slices.Sorted(maps.Keys(hooks)) {
			for method, v := range s.doc.resolve(hooks[hook]) {
				w.byHand(t, id, s, v, operations)
				w.counts[method]++
			}
		}
	}
	t.Logf("%v", w.counts)
	if len(w.counts) == 0 || len(w.api.requests()) > 0 {
		t.Errorf("%d notifications, and the API was called %d times", len(w.counts), len(w.api.requests()))
	}
}

// byHand subscribes to what a person registers, and notifies.
func (w *webhookTrial) byHand(t *testing.T, id string, s subject, description any, operations map[string]*connectorv1.Operation) {
	t.Helper()
	described := s.doc.resolve(description)
	op := operations[text(described["operationId"])]
	if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER {
		t.Fatalf("%s: %v is no trigger", s.name, described["operationId"])
	}
	w.nth++
	sub, err := w.clients.triggers.CreateSubscription(t.Context(), &triggerv1.CreateSubscriptionRequest{
		Parent: environment, SubscriptionId: fmt.Sprintf("%s-%d", id, w.nth), Subscription: &triggerv1.Subscription{
			Connection: environment + "/connections/" + id, OperationId: op.GetOperationId(), UnsignedAccepted: true,
		},
	})
	if err != nil {
		t.Fatalf("%s, %s: %v", s.name, op.GetOperationId(), err)
	}
	schema := at(s.doc.resolve(described["requestBody"]), []string{"content", "application/json", "schema"})
	payload, _ := generator{doc: s.doc, mode: tricky}.value(schema, 0, 0)
	if err := w.arrives(t, sub, sub.GetCallbackUrl(), writeJSON(payload)); err != nil {
		t.Errorf("%s, %s: %v", s.name, op.GetOperationId(), err)
	}
	if err := w.remove(t, sub); err != nil {
		t.Errorf("%s, %s: %v", s.name, op.GetOperationId(), err)
	}
}
