package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// inventoryActions and inventoryTriggers are the operations of the
// demonstration's API.
var (
	inventoryActions = []string{
		"CreateItem", "DeleteItem", "DeleteWebhook", "GetItem", "GetStatus", "ListItems", "ListWebhooks",
		"ReplaceItem", "SearchItems", "UpdateItem",
	}
	inventoryTriggers = []string{"OnItemCreated", "OnItemListed"}
)

// journey is one user's way from a description to events and back.
type journey struct {
	clients
	t    *testing.T
	shop *inventory
	id   string // of the connector and of the connection
}

//nolint:tparallel // both journeys look at the same API, which counts what is registered
func TestTheWholeJourney(t *testing.T) {
	t.Parallel()
	shop := startInventory(t, apiKey)
	s := up(t, suiteOptions{data: t.TempDir()})
	for _, row := range []struct {
		name string
		clients
	}{
		{"rest", s.overREST()},
		{"grpc", s.overGRPC(t, s.token)},
	} {
		t.Run("over "+row.name, func(t *testing.T) {
			j := &journey{t: t, clients: row.clients, shop: shop, id: "shop-" + row.name}
			j.importDescription()
			j.lookAround()
			j.connectAndTest()
			j.invokeActions()
			j.subscribeAndReceive()
			j.leave()
		})
	}
}

func (j *journey) importDescription() {
	j.t.Helper()
	req := &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: j.id, Source: &registryv1.ImportConnectorRequest_Url{Url: j.shop.url + "/swagger.json"},
	}
	first := must[*registryv1.ImportConnectorResponse](j.t, "import")(j.registry.ImportConnector(j.t.Context(), req))
	if !first.GetCreated() || first.GetConnector().GetName() != connectorName(j.id) ||
		first.GetConnector().GetPublishedRevision() != first.GetRevision().GetName() ||
		first.GetRevision().GetState() != registryv1.RevisionState_REVISION_STATE_PUBLISHED {
		j.t.Errorf("the first revision is not created and published: %v", first)
	}
	second := must[*registryv1.ImportConnectorResponse](j.t, "import again")(j.registry.ImportConnector(j.t.Context(), req))
	if second.GetCreated() || second.GetRevision().GetName() != first.GetRevision().GetName() {
		j.t.Errorf("importing the same again made %v", second)
	}
}

// lookAround reads back what the import made.
func (j *journey) lookAround() {
	j.t.Helper()
	ctx := j.t.Context()
	connector := must[*registryv1.Connector](j.t, "get connector")(j.registry.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: connectorName(j.id)}))
	if connector.GetTitle() != "Inventory" || connector.GetActionCount() != int32(len(inventoryActions)) || connector.GetTriggerCount() != int32(len(inventoryTriggers)) {
		j.t.Errorf("connector = %v", connector)
	}
	list := must[*registryv1.ListConnectorsResponse](j.t, "list connectors")(j.registry.ListConnectors(ctx,
		&registryv1.ListConnectorsRequest{Parent: environment, Filter: j.id}))
	if len(list.GetConnectors()) != 1 || list.GetConnectors()[0].GetEtag() != connector.GetEtag() {
		j.t.Errorf("connectors = %v", list)
	}
	revision := connector.GetPublishedRevision()
	operations := must[*registryv1.ListOperationsResponse](j.t, "list operations")(j.registry.ListOperations(ctx,
		&registryv1.ListOperationsRequest{Parent: revision}))
	var ids []string
	for _, o := range operations.GetOperations() {
		ids = append(ids, o.GetOperationId())
	}
	slices.Sort(ids)
	if diff := cmp.Diff(slices.Sorted(slices.Values(slices.Concat(inventoryActions, inventoryTriggers))), ids); diff != "" {
		j.t.Errorf("operations (-want +got):\n%s", diff)
	}
	source := must[*registryv1.Source](j.t, "get source")(j.registry.GetSource(ctx, &registryv1.GetSourceRequest{Name: revision}))
	var kept struct{ Host string }
	if len(source.GetFiles()) != 1 || json.Unmarshal(source.GetFiles()[0].GetContent(), &kept) != nil || "http://"+kept.Host != j.shop.url {
		j.t.Errorf("the source is not what was imported: %.200v", source)
	}
}

func (j *journey) connectAndTest() {
	j.t.Helper()
	ctx := j.t.Context()
	made := must[*vaultv1.Connection](j.t, "connect")(j.vault.CreateConnection(ctx, &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: j.id, Secrets: map[string]string{"api_key": "wrong at first"},
		Connection: &vaultv1.Connection{Connector: connectorName(j.id)},
	}))
	test := func() *runtimev1.TestConnectionResponse {
		return must[*runtimev1.TestConnectionResponse](j.t, "test")(j.runtime.TestConnection(ctx, &runtimev1.TestConnectionRequest{Name: made.GetName()}))
	}
	if got := test(); got.GetSucceeded() || got.GetStatusCode() != http.StatusUnauthorized || got.GetOperationId() != "GetStatus" {
		j.t.Errorf("a wrong key was tested with the outcome %v", got)
	}
	must[*vaultv1.Connection](j.t, "update")(j.vault.UpdateConnection(ctx, &vaultv1.UpdateConnectionRequest{
		Connection: &vaultv1.Connection{Name: made.GetName()}, Secrets: map[string]string{"api_key": j.shop.key},
	}))
	// The new key is used at once: the change ends the loan of the old one.
	testkit.Await(j.t, "the new key to be used", func() bool { return test().GetSucceeded() })
	got := must[*vaultv1.Connection](j.t, "get connection")(j.vault.GetConnection(ctx, &vaultv1.GetConnectionRequest{Name: made.GetName()}))
	if got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED || got.GetTestTime() == nil || !slices.Equal(got.GetSecretNames(), []string{"api_key"}) {
		j.t.Errorf("connection = %v", got)
	}
}

// invokeActions calls every action of the API.
func (j *journey) invokeActions() {
	j.t.Helper()
	call := func(operation string, status int32, input map[string]any) item {
		j.t.Helper()
		text, err := json.Marshal(input)
		if err != nil {
			j.t.Fatal(err)
		}
		answer := must[*runtimev1.InvokeResponse](j.t, operation)(j.invoke(j.t, j.id, operation, string(text)))
		if answer.GetStatusCode() != status {
			j.t.Fatalf("%s answered %d, want %d: %s", operation, answer.GetStatusCode(), status, answer.GetBody().GetData())
		}
		var page struct {
			item
			Items []item
		}
		_ = json.Unmarshal(answer.GetBody().GetData(), &page) // deletion answers nothing
		if len(page.Items) > 0 {
			return page.Items[0]
		}
		return page.item
	}
	name := "Hex bolt " + j.id
	made := call("CreateItem", 201, map[string]any{"body": map[string]any{"name": name, "quantity": 250}})
	for _, row := range []struct {
		operation string
		input     map[string]any
		want      item
	}{
		{"ListItems", map[string]any{"limit": 1}, item{made.ID, name, 250}},
		{"SearchItems", map[string]any{"q": j.id}, item{made.ID, name, 250}},
		{"GetItem", map[string]any{"id": made.ID}, item{made.ID, name, 250}},
		{"UpdateItem", map[string]any{"id": made.ID, "body": map[string]any{"quantity": 7}}, item{made.ID, name, 7}},
		{"ReplaceItem", map[string]any{"id": made.ID, "body": map[string]any{"name": "Nut"}}, item{made.ID, "Nut", 0}},
	} {
		if diff := cmp.Diff(row.want, call(row.operation, 200, row.input)); diff != "" {
			j.t.Errorf("%s (-want +got):\n%s", row.operation, diff)
		}
	}
	call("GetStatus", 200, map[string]any{})
	call("ListWebhooks", 200, map[string]any{})
	call("DeleteWebhook", 404, map[string]any{"id": "whk_of_nobody"})
	call("DeleteItem", 204, map[string]any{"id": made.ID})
	// What the API refuses is an answer, not an error of ours.
	call("GetItem", 404, map[string]any{"id": made.ID})
}

func (j *journey) subscribeAndReceive() {
	j.t.Helper()
	ctx := j.t.Context()
	started := timestamppb.New(time.Now().Add(-time.Minute))
	for _, s := range []*triggerv1.Subscription{
		{OperationId: "OnItemListed", Interval: durationpb.New(time.Second)},
		{OperationId: "OnItemCreated"},
	} {
		s.Connection = connectionName(j.id)
		made := must[*triggerv1.Subscription](j.t, "subscribe")(j.trigger.CreateSubscription(ctx, &triggerv1.CreateSubscriptionRequest{
			Parent: environment, SubscriptionId: j.subscription(s.GetOperationId()), Subscription: s,
		}))
		if made.GetState() != triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE {
			j.t.Errorf("subscription = %v", made)
		}
	}
	made, err := j.shop.create(ctx, "Wing nut "+j.id)
	if err != nil {
		j.t.Fatal(err)
	}
	for _, operation := range inventoryTriggers {
		id := j.subscription(operation)
		var events []*triggerv1.Event
		testkit.Await(j.t, "an event of "+operation, func() bool {
			events = must[[]*triggerv1.Event](j.t, "list events")(j.events(ctx, id))
			return len(events) > 0
		})
		j.checkEvent(operation, events, made)
		stream, err := j.trigger.StreamEvents(ctx, &triggerv1.StreamEventsRequest{Parent: subscriptionName(id), StartTime: started})
		if err != nil {
			j.t.Fatal(err)
		}
		streamed, err := stream.Recv()
		if err != nil || streamed.GetId() != events[0].GetId() || streamed.GetSequence() != events[0].GetSequence() {
			j.t.Errorf("streamed %v, %v, want %v", streamed, err, events[0])
		}
	}
}

// subscription is the id of the journey's subscription to an operation.
func (j *journey) subscription(operation string) string {
	return j.id + "-" + strings.ToLower(operation)
}

func (j *journey) checkEvent(operation string, events []*triggerv1.Event, made item) {
	j.t.Helper()
	e := events[0]
	if len(events) != 1 || itemOf(e.GetData()) != made.ID || e.GetDataContentType() != "application/json" ||
		e.GetSource() != connectionName(j.id) || e.GetType() != "dev.ferrule."+j.id+"."+operation ||
		!strings.HasPrefix(e.GetName(), subscriptionName(j.subscription(operation))+"/events/") {
		j.t.Errorf("the events of %s are %v, want one for item %s", operation, events, made.ID)
	}
}

// itemOf returns the id of the item that an event is about: the event of the
// polling trigger is the item itself, that of the webhook has it in "data".
func itemOf(data string) string {
	var e struct {
		ID   string
		Data struct{ ID string }
	}
	if json.Unmarshal([]byte(data), &e) != nil {
		return ""
	}
	if e.Data.ID != "" {
		return e.Data.ID
	}
	return e.ID
}

// leave removes everything, and sees that it is gone.
func (j *journey) leave() {
	j.t.Helper()
	ctx := j.t.Context()
	for _, operation := range inventoryTriggers {
		must[*emptypb.Empty](j.t, "unsubscribe")(j.trigger.DeleteSubscription(ctx,
			&triggerv1.DeleteSubscriptionRequest{Name: subscriptionName(j.subscription(operation))}))
	}
	testkit.Await(j.t, "the webhook to be removed at the API", func() bool { return j.shop.webhooks(j.t) == 0 })
	must[*emptypb.Empty](j.t, "disconnect")(j.vault.DeleteConnection(ctx, &vaultv1.DeleteConnectionRequest{Name: connectionName(j.id)}))
	must[*emptypb.Empty](j.t, "delete connector")(j.registry.DeleteConnector(ctx, &registryv1.DeleteConnectorRequest{Name: connectorName(j.id)}))

	_, connection := j.vault.GetConnection(ctx, &vaultv1.GetConnectionRequest{Name: connectionName(j.id)})
	_, connector := j.registry.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: connectorName(j.id)})
	for reason, err := range map[fault.Reason]error{fault.ReasonConnectionNotFound: connection, fault.ReasonConnectorNotFound: connector} {
		if status.Code(err) != codes.NotFound || grpcx.FromStatus(err).Reason() != reason {
			j.t.Errorf("after deletion: %v, want %s", err, reason)
		}
	}
	testkit.Await(j.t, "the subscriptions to be gone", func() bool {
		for _, operation := range inventoryTriggers {
			_, err := j.trigger.GetSubscription(ctx, &triggerv1.GetSubscriptionRequest{Name: subscriptionName(j.subscription(operation))})
			if status.Code(err) != codes.NotFound {
				return false
			}
		}
		return true
	})
	if _, err := j.invoke(j.t, j.id, "ListItems", "{}"); grpcx.FromStatus(err).Reason() != fault.ReasonConnectionNotFound {
		j.t.Errorf("a call through the deleted connection: %v", err)
	}
}

//nolint:tparallel // each row sees what the one before it has done
func TestRequestsPassThroughWithTheCredential(t *testing.T) {
	t.Parallel()
	shop := startInventory(t, apiKey)
	s := up(t, suiteOptions{data: t.TempDir()})
	s.overREST().connect(t, "shop", shop.url, shop.key)
	const proxy = "/v1/environments/default/connections/shop/proxy"
	for _, row := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"create", "POST", "/items", `{"name": "Washer"}`, 201, `"name":"Washer"`},
		{"list", "GET", "/items?limit=1", "", 200, `"total":1`},
		{"what the API does not have", "GET", "/nothing/here", "", 404, "there is nothing at this path"},
		{"what the API refuses", "POST", "/items", `{"name": ""}`, 400, `"field":"name"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := s.request(t, row.method, proxy+row.path, s.token, row.body)
			if got.status != row.status || !strings.Contains(got.body, row.want) || got.reason() != "" {
				t.Errorf("answer = %d %s, want the API's %d with %s", got.status, got.body, row.status, row.want)
			}
		})
	}
}

func TestTheEdgeDescribesItself(t *testing.T) {
	t.Parallel()
	s := up(t, suiteOptions{data: t.TempDir()})
	var document struct {
		Swagger string
		Paths   map[string]any
	}
	got := s.request(t, http.MethodGet, "/openapi.json", "", "")
	if err := json.Unmarshal([]byte(got.body), &document); err != nil || document.Swagger != "2.0" || len(document.Paths) < 15 {
		t.Errorf("/openapi.json answers %d, %v: %.200s", got.status, err, got.body)
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if got := s.request(t, http.MethodGet, path, "", ""); got.status != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, got.status, got.body)
		}
	}
}
