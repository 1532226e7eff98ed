package derive_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/derive"
)

// hooks is an API with registrations at /hooks, on a server, whose bodies and
// notifications have these schemas.
func hooks(server, body, notification string) *connectorv1.Definition {
	action := connectorv1.OperationKind_OPERATION_KIND_ACTION
	id := []*connectorv1.Parameter{{Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true}}
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: server}},
		Operations: []*connectorv1.Operation{
			{
				OperationId: "On", Method: "POST", Path: "/hooks", Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER,
				RequestBody: &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(body)}}},
				Trigger: &connectorv1.Trigger{Batch: true, Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
					UnsubscribeOperationId: "Remove", NotificationSchema: []byte(notification),
				}}},
			},
			{OperationId: "List", Method: "GET", Path: "/hooks", Kind: action},
			{OperationId: "Get", Method: "GET", Path: "/hooks/{id}", Kind: action, Parameters: id},
			{OperationId: "Remove", Method: "DELETE", Path: "/hooks/{id}", Kind: action, Parameters: id},
		},
	}
}

func webhookOf(def *connectorv1.Definition) *connectorv1.WebhookTrigger {
	derive.Operations(def)
	return def.GetOperations()[0].GetTrigger().GetWebhook()
}

func TestWhatAnAPIShowsOfItsWebhooks(t *testing.T) {
	const notification = `{"properties":{"value":{"type":"array"},"more":{"type":"boolean"}}}`
	got := webhookOf(hooks("https://api.github.com", `{"properties":{"config":{"properties":{"url":{"type":"string"},"secret":{"type":"string"}}}}}`, notification))
	want := &connectorv1.WebhookTrigger{
		UnsubscribeOperationId: "Remove", ListOperationId: "List", GetOperationId: "Get", ItemsPath: "value", NotificationSchema: []byte(notification),
		Signature: &connectorv1.WebhookSignature{Scheme: "github", SecretPointer: "/body/config/secret"},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("webhook (-want +got):\n%s", diff)
	}
}

func TestWhatIsSaidOrNotSureIsNotDerived(t *testing.T) {
	def := hooks("https://api.github.com", `{"properties":{"secret":{"type":"string"},"config":{"properties":{"secret":{"type":"string"}}}}}`, `{"properties":{"a":{"type":"array"},"b":{"type":"array"}}}`)
	ops := def.GetOperations()
	ops[1].Parameters = []*connectorv1.Parameter{{Name: "owner", Location: query, Required: true}}
	ops[2].Path = "/hook/{id}"
	got := webhookOf(def)
	if got.GetListOperationId() != "" || got.GetGetOperationId() != "" || got.GetItemsPath() != "" || got.GetSignature().GetSecretPointer() != "" {
		t.Errorf("derived is %v", got)
	}
	def = hooks("https://api.github.com", "{}", "{}")
	said := &connectorv1.WebhookSignature{Scheme: "token", Header: "X-Token"}
	def.GetOperations()[0].GetTrigger().GetWebhook().Signature = said
	if got := webhookOf(def).GetSignature(); got.GetScheme() != "token" {
		t.Errorf("the signature is %v", got)
	}
}

func TestProvidersAreKnownByTheirHosts(t *testing.T) {
	for _, row := range []struct{ name, server, want string }{
		{"a host", "https://API.Stripe.com/v1", "stripe"},
		{"a shop of its own", "https://{shop}.myshopify.com/admin", "shopify"},
		{"another host", "https://api.example.com", ""},
		{"a host that only ends like it", "https://notapi.github.com.example", ""},
		{"a host inside the path", "https://example.com/api.github.com", ""},
		{"a host that is chosen", "https://{host}", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := webhookOf(hooks(row.server, "{}", "{}")).GetSignature().GetScheme(); got != row.want {
				t.Errorf("the preset is %q, want %q", got, row.want)
			}
		})
	}
	def := hooks("https://api.github.com", "{}", "{}")
	def.Servers = append(def.Servers, &connectorv1.Server{UrlTemplate: "https://github.example.com"})
	if got := webhookOf(def).GetSignature(); got != nil {
		t.Errorf("one of two servers is GitHub: %v", got)
	}
}
