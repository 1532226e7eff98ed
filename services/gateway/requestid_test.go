package gateway_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/gateway"
)

// idOf returns the id that an error of ours names.
func idOf(body string) string {
	var s struct{ Details []struct{ RequestID string } }
	_ = json.Unmarshal([]byte(body), &s) // none is no id
	for _, d := range s.Details {
		if d.RequestID != "" {
			return d.RequestID
		}
	}
	return ""
}

// TestEveryAnswerSaysWhichRequestItBelongsTo: successes, failures of services and of the
// edge itself, and whatever else it serves, under the id that the services got.
func TestEveryAnswerSaysWhichRequestItBelongsTo(t *testing.T) {
	var told string // the id that a service got
	away, err := gateway.Remote("http://127.0.0.1:1", &tls.Config{MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	front := start(t, &suite{
		invokeFor: func(ctx context.Context, in *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
			if told = grpcx.RequestID(ctx); strings.HasSuffix(in.GetConnection(), "/gone") {
				return nil, fault.NotFound(fault.ReasonConnectionNotFound, "connection does not exist")
			}
			return &runtimev1.InvokeResponse{
				StatusCode: 404, Body: &httpbody.HttpBody{ContentType: "text/plain", Data: []byte("x")},
				Headers: []*runtimev1.Header{{Name: "X-Request-Id", Value: "the API's own"}, {Name: "Ferrule-Request-Id", Value: "forged-by-an-API"}},
			}, nil
		},
		ingest: func(ctx context.Context, _ *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
			told = grpcx.RequestID(ctx)
			return nil, fault.NotFound(fault.ReasonWebhookUnknown, "nothing listens here")
		},
	}, away)
	gone := strings.ReplaceAll(operation, "/shop/", "/gone/")
	for _, row := range []struct {
		name, method, path, token, body string
		status                          int
		ours, served                    bool // an error of ours; a service got the id
	}{
		{"an answer of an API", "POST", operation + ":invoke", goodToken, "{}", 404, false, true},
		{"a failure of a call", "POST", gone + ":invoke", goodToken, "{}", 404, true, true},
		{"a resource", "GET", "/v1/environments/default/connectors/crm", goodToken, "", 200, false, false},
		{"a resource that is not there", "GET", "/v1/environments/default/connectors/none", goodToken, "", 404, true, false},
		{"nobody that we know", "GET", "/v1/environments/default/connectors/crm", "", "", 401, true, false},
		{"a path of nothing", "GET", "/v1/nothing", goodToken, "", 404, true, false},
		{"a method that is not possible", "PUT", operation + ":invoke", goodToken, "", 405, true, false},
		{"a path that cannot be read", "GET", "/v1/%ff", goodToken, "", 400, true, false},
		{"a body that cannot be read", "POST", "/v1/environments/default/connectors", goodToken, "{", 400, true, false},
		{"events", "GET", "/v1/environments/default/subscriptions/s/events:stream", goodToken, "", 200, false, false},
		{"events that are not there", "GET", "/v1/environments/default/subscriptions/none/events:stream", goodToken, "", 404, true, false},
		{"a webhook of nobody", "POST", "/hooks/abc", "", "{}", 404, true, true},
		{"a callback of nobody", "POST", "/callbacks/", "", "{}", 404, true, false},
		{"a sign-in of nobody", "GET", "/v1/oauth/callback/a/b/c", "", "", 404, false, false},
		{"the description of it all", "GET", "/openapi.json", "", "", 200, false, false},
		{"a data plane that is away", "GET", "/v1/environments/default/connections/shop/proxy/x", goodToken, "", 503, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, sent := range []string{"my-request-0001", "", "bad id"} {
				told = ""
				got := call(t, front, row.method, row.path, row.token, row.body, "X-Request-Id", sent)
				ids := got.header.Values("Ferrule-Request-Id")
				if got.status != row.status || len(ids) != 1 || !grpcx.WellFormedID(ids[0]) || ids[0] == "forged-by-an-API" || (ids[0] == sent) != (sent == "my-request-0001") {
					t.Fatalf("sent %q: %d with %q", sent, got.status, ids)
				}
				if id := idOf(got.body); row.ours && id != ids[0] {
					t.Errorf("sent %q: the error says %q, its header %q: %s", sent, id, ids[0], got.body)
				}
				if row.served && told != ids[0] {
					t.Errorf("sent %q: the service got %q, the caller %q", sent, told, ids[0])
				}
				if own := got.header.Values("X-Request-Id"); row.name == "an answer of an API" && (len(own) != 1 || own[0] != "the API's own") {
					t.Errorf("X-Request-Id of the API: %q", own)
				}
			}
		})
	}
}
