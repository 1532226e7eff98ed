package inventorytest

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Server is where the API says that it is.
const Server = "https://inventory.example.com/v1"

// Definition describes the API.
func Definition() *connectorv1.Definition {
	return &connectorv1.Definition{
		Info:    &connectorv1.Info{Title: "Inventory"},
		Servers: []*connectorv1.Server{{UrlTemplate: Server}},
		Operations: []*connectorv1.Operation{
			polling(Polling, "/triggers/items", connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST),
			polling(Native, "/triggers/moves", connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE),
			webhook(Webhook, "/webhooks", Signed()),
			webhook(Unlisted, "/watchers", Signed()),
			webhook(Open, "/open-webhooks", nil),
			numbered(), search(),
			{OperationId: Action, Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "POST", Path: "/items"},
			{OperationId: Hooks, Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/webhooks"},
			{
				OperationId: Unhook, Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "DELETE", Path: "/webhooks/{id}",
				Parameters: []*connectorv1.Parameter{{Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true}},
			},
		},
	}
}

// numbered is a list of which the API answers with a part: from the item on that an
// input names.
func numbered() *connectorv1.Operation {
	op := polling(Numbered, "/triggers/numbers", connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST)
	op.Parameters = []*connectorv1.Parameter{{Name: "since", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY}}
	p := op.GetTrigger().GetPolling()
	p.Order, p.MaxPages = connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST, 3
	p.Cursors = []*connectorv1.PollingCursor{{Parameter: "since", ValuePath: "id", Template: "from {value}"}}
	return op
}

// search is an action that answers with a list.
func search() *connectorv1.Operation {
	return &connectorv1.Operation{
		OperationId: Search, Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/items",
		Parameters: []*connectorv1.Parameter{{Name: "page", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY}},
		Pagination: &connectorv1.Pagination{Style: &connectorv1.Pagination_PageNumber{
			PageNumber: &connectorv1.PageNumberPagination{PageInput: "page", FirstPage: 1},
		}},
	}
}

// Signed is how the API signs.
func Signed() *connectorv1.WebhookSignature {
	return &connectorv1.WebhookSignature{
		Scheme: "hmac-sha256", Header: "X-Inventory-Signature", Prefix: "sha256=", Encoding: "hex",
		SecretPointer: "/body/secret", IdHeader: "X-Inventory-Delivery",
	}
}

func polling(id, path string, protocol connectorv1.PollingProtocol) *connectorv1.Operation {
	order := connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST
	if protocol == connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE {
		order = connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST
	}
	return &connectorv1.Operation{
		OperationId: id, Kind: connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER, Method: "GET", Path: path,
		Trigger: &connectorv1.Trigger{Batch: true, Protocol: &connectorv1.Trigger_Polling{Polling: &connectorv1.PollingTrigger{
			Protocol: protocol, ItemsPath: "items", KeyPath: "id", Order: order,
		}}},
	}
}

func webhook(id, path string, signature *connectorv1.WebhookSignature) *connectorv1.Operation {
	return &connectorv1.Operation{
		OperationId: id, Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER, Method: "POST", Path: path,
		Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
			CallbackPointer: "/body/callbackUrl", Signature: signature,
		}}},
	}
}
