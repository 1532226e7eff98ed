package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const operation = "/v1/environments/default/connections/shop/operations/List%2FAll"

func TestWhatACallCanAskForIsInTheQuery(t *testing.T) {
	var seen *runtimev1.InvokeRequest
	front := start(t, &suite{invoke: func(in *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
		seen = in
		return &runtimev1.InvokeResponse{StatusCode: 200}, nil
	}}, nil)
	got := call(t, front, "POST", operation+":invoke?link=%2Fv1%2Fnext%3Fa%3D1&idempotency_key=k1&response_validation=RESPONSE_VALIDATION_STRICT"+
		"&no_cache=true&include_logs=true&all_pages.max_items=7", goodToken, "")
	if got.status != 200 {
		t.Fatalf("answer = %d %s", got.status, got.body)
	}
	seen.Input = nil
	want := &runtimev1.InvokeRequest{
		Connection: "environments/default/connections/shop", OperationId: "List/All", Link: "/v1/next?a=1", IdempotencyKey: "k1",
		ResponseValidation: runtimev1.ResponseValidation_RESPONSE_VALIDATION_STRICT, NoCache: true, IncludeLogs: true,
		AllPages: &runtimev1.PageLimits{MaxItems: 7},
	}
	if diff := cmp.Diff(want, seen, protocmp.Transform()); diff != "" {
		t.Errorf("the runtime was asked (-want +got):\n%s", diff)
	}
}

func TestWhatAnAnswerSaysBesideItsBodyIsInHeaders(t *testing.T) {
	long := strings.Repeat("x", 6000)
	for _, row := range []struct {
		name   string
		answer *runtimev1.InvokeResponse
		want   map[string]string
	}{
		{
			"an answer like any other has none of them", &runtimev1.InvokeResponse{Attempts: 1},
			map[string]string{"Ferrule-Attempts": "1"},
		},
		{
			"a page of a list, given again", &runtimev1.InvokeResponse{NextLink: "/v1/next?a=1", Replayed: true},
			map[string]string{"Ferrule-Next-Link": "/v1/next?a=1", "Ferrule-Replayed": "true"},
		},
		{
			"a list that a limit cut, and what goes on there", &runtimev1.InvokeResponse{
				ListEnd: runtimev1.ListEnd_LIST_END_MAX_ITEMS, NextInput: []byte(`{"after":"größe"}`),
			},
			map[string]string{"Ferrule-List-End": "MAX_ITEMS", "Ferrule-Next-Input": `{"after":"gr\u00f6\u00dfe"}`},
		},
		{
			"a cursor that fits into no header", &runtimev1.InvokeResponse{
				ListEnd: runtimev1.ListEnd_LIST_END_MAX_PAGES, NextInput: []byte(`{"after":"` + long + long + `"}`), Findings: []*runtimev1.ResponseFinding{{Message: "a"}},
			},
			map[string]string{"Ferrule-List-End": "MAX_PAGES", "Ferrule-Truncated": "next input", "Ferrule-Findings": `[{"pointer":"","message":"a"}]`},
		},
		{
			"a list that is whole", &runtimev1.InvokeResponse{ListEnd: runtimev1.ListEnd_LIST_END_COMPLETE},
			map[string]string{"Ferrule-List-End": "COMPLETE"},
		},
		{
			"findings and logs are ASCII, and the same JSON", &runtimev1.InvokeResponse{
				Findings: []*runtimev1.ResponseFinding{{Message: "is no object"}, {Pointer: "/größe", Message: "must be \"a\" or 𝄞"}},
				Logs:     []*runtimev1.LogLine{{Level: "warn", Message: "two\nlines"}},
			},
			map[string]string{
				"Ferrule-Findings": `[{"pointer":"","message":"is no object"},{"pointer":"/gr\u00f6\u00dfe","message":"must be \"a\" or \ud834\udd1e"}]`,
				"Ferrule-Logs":     `[{"level":"warn","message":"two\nlines"}]`,
			},
		},
		{
			"what is too much ends with the last whole entry", &runtimev1.InvokeResponse{
				Logs: []*runtimev1.LogLine{{Level: "info", Message: "one"}, {Level: "info", Message: long}, {Level: "info", Message: long}, {Level: "info", Message: long}},
			},
			map[string]string{
				"Ferrule-Logs":      `[{"level":"info","message":"one"},{"level":"info","message":"` + long + `"}]`,
				"Ferrule-Truncated": "logs",
			},
		},
		{
			"what an API's error means", &runtimev1.InvokeResponse{Error: &runtimev1.UpstreamError{
				Reason: "I_AM_TEA", Message: "die Kanne ist 100 % Tee ☕\nund heiß", Retryable: true, RetryAfter: durationpb.New(1500 * time.Millisecond),
			}},
			map[string]string{
				"Ferrule-Error-Reason": "I_AM_TEA", "Ferrule-Error-Message": "die Kanne ist 100 %25 Tee %E2%98%95%0Aund hei%C3%9F",
				"Ferrule-Error-Retryable": "true", "Retry-After": "2",
			},
		},
		{
			"the API's own word on when to try again stays", &runtimev1.InvokeResponse{
				Headers: []*runtimev1.Header{{Name: "Retry-After", Value: "Wed, 21 Oct 2026 07:28:00 GMT"}},
				Error:   &runtimev1.UpstreamError{Reason: "UPSTREAM_UNAVAILABLE", Message: "busy", RetryAfter: durationpb.New(time.Second)},
			},
			map[string]string{
				"Ferrule-Error-Reason": "UPSTREAM_UNAVAILABLE", "Ferrule-Error-Message": "busy", "Ferrule-Error-Retryable": "false",
				"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
			},
		},
		{
			"a long sentence ends with a whole character", &runtimev1.InvokeResponse{Error: &runtimev1.UpstreamError{
				Reason: "UPSTREAM_ERROR", Message: "a" + strings.Repeat("é", 2000),
			}},
			map[string]string{
				"Ferrule-Error-Reason": "UPSTREAM_ERROR", "Ferrule-Error-Message": "a" + strings.Repeat("%C3%A9", 341),
				"Ferrule-Error-Retryable": "false",
			},
		},
		{
			"an API cannot speak in our name", &runtimev1.InvokeResponse{Headers: []*runtimev1.Header{
				{Name: "ferrule-next-link", Value: "/v1/elsewhere"},
				{Name: "Ferrule-Findings", Value: "[]"},
				{Name: "Ferrule-Anything", Value: "x"},
				{Name: "Ferrule-Error-Reason", Value: "CONNECTION_DELETED"},
				{Name: "ferrule-error-message", Value: "x"},
			}},
			map[string]string{},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.answer.StatusCode = 200
			front := start(t, &suite{invoke: func(*runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) { return row.answer, nil }}, nil)
			header := call(t, front, "POST", operation+":invoke", goodToken, "{}").header
			got := map[string]string{}
			header.Del("Ferrule-Request-Id") // every answer has one
			for name := range header {
				if name == "Retry-After" || strings.HasPrefix(name, "Ferrule-") && name != "Ferrule-Upstream-Status" && name != "Ferrule-Revision" {
					got[name] = header.Get(name)
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			for _, name := range []string{"Ferrule-Findings", "Ferrule-Logs"} {
				if text := got[name]; text != "" && !json.Valid([]byte(text)) {
					t.Errorf("%s is no JSON: %s", name, text)
				}
			}
		})
	}
}

func TestAListThatFailsAtOnceSaysWhyInItsHeadersToo(t *testing.T) {
	front := start(t, &suite{pages: func(_ *runtimev1.InvokePagesRequest, out grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error {
		return out.Send(&runtimev1.InvokePagesResponse{StatusCode: 418, Error: &runtimev1.UpstreamError{Reason: "I_AM_TEA", Message: "no coffee", Retryable: true}})
	}}, nil)
	got := call(t, front, "POST", operation+":invokePages", goodToken, "{}")
	if got.status != 200 || got.header.Get("Ferrule-Error-Reason") != "I_AM_TEA" || got.header.Get("Ferrule-Error-Message") != "no coffee" ||
		got.header.Get("Ferrule-Error-Retryable") != "true" || !strings.Contains(got.body, "I_AM_TEA") {
		t.Errorf("answer = %d %v %s", got.status, got.header, got.body)
	}
}

func TestErrorsOfOursNameTheirReasonInAHeader(t *testing.T) {
	front := start(t, &suite{invoke: func(*runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
		return nil, fault.NotFound(fault.ReasonConnectionNotFound, "the connection does not exist; list them")
	}}, nil)
	got := call(t, front, "POST", operation+":invoke", goodToken, "{}")
	if got.status != 404 || got.header.Get("Ferrule-Error-Reason") != "CONNECTION_NOT_FOUND" || got.header.Get("Ferrule-Upstream-Status") != "" {
		t.Errorf("answer = %d %v", got.status, got.header)
	}
}

func TestPagesStreamAsLinesOfJSON(t *testing.T) {
	for _, row := range []struct {
		name, token, body string
		ends              error
		pages             int
		status            int
		want              []string
		reason            fault.Reason
	}{
		{
			name: "a list of two pages", token: goodToken, body: `{"input": "e30=", "limits": {"maxItems": 5}, "link": "/v1/next"}`, pages: 2, status: 200,
			want: []string{`"items":["MQ=="]`, `"items":["MQ=="]`},
		},
		{name: "no body at all", token: goodToken, pages: 1, status: 200, want: []string{`"items":["MQ=="]`}},
		{
			name: "a list that breaks", token: goodToken, body: `{}`, pages: 1, status: 200,
			ends: fault.Unavailable(fault.ReasonServiceUnavailable, "the service is stopping"), want: []string{`"items"`, "SERVICE_UNAVAILABLE"},
		},
		{
			name: "one that is refused answers like everything else", token: goodToken, body: `{}`, status: 404,
			ends: fault.NotFound(fault.ReasonConnectionNotFound, "the connection does not exist"), reason: fault.ReasonConnectionNotFound,
		},
		{name: "no token", body: `{}`, status: 401, reason: fault.ReasonUnauthenticated},
		{name: "a body that cannot be read", token: goodToken, body: `{"limits": 5}`, status: 400, reason: fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen *runtimev1.InvokePagesRequest
			front := start(t, &suite{pages: func(in *runtimev1.InvokePagesRequest, out grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error {
				seen = in
				for range row.pages {
					if err := out.Send(&runtimev1.InvokePagesResponse{StatusCode: 200, Items: [][]byte{[]byte("1")}}); err != nil {
						return err
					}
				}
				return row.ends
			}}, nil)
			got := call(t, front, "POST", operation+":invokePages", row.token, row.body)
			if got.status != row.status {
				t.Fatalf("answer = %d %s, want %d", got.status, got.body, row.status)
			}
			if row.status != 200 {
				if reason(t, got.body) != string(row.reason) {
					t.Errorf("answer = %s, want %s", got.body, row.reason)
				}
				return
			}
			if seen.GetConnection() != "environments/default/connections/shop" || seen.GetOperationId() != "List/All" {
				t.Errorf("the runtime was asked %v", seen)
			}
			lines := strings.Split(strings.TrimSpace(got.body), "\n")
			if len(lines) != len(row.want) {
				t.Fatalf("stream = %q", got.body)
			}
			for n, text := range row.want {
				if !strings.Contains(lines[n], text) {
					t.Errorf("line %d is %q, want %q", n, lines[n], text)
				}
			}
		})
	}
}

func TestEventsAreServerSentToWhoAsksForThem(t *testing.T) {
	front := start(t, &suite{}, nil)
	for _, row := range []struct {
		name, subscription, last string
		status                   int
		holds                    []string
	}{
		{"from the beginning", "new", "", 200, []string{"retry: 3000\n\n", "id: 1\n", "id: 3\n", `"sequence":"2"`}},
		{"broken after an event", "broken", "7", 200, []string{"id: 8\n", "event: error\n", "SERVICE_UNAVAILABLE"}},
		{"with an id that is none", "new", "last", 400, []string{"INVALID_ARGUMENT"}},
		{"of no subscription", "none", "", 404, []string{"SUBSCRIPTION_NOT_FOUND"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/v1/environments/default/subscriptions/"+row.subscription+"/events:stream?after_sequence=2", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+goodToken)
			req.Header.Set("Accept", "text/event-stream")
			if row.last != "" {
				req.Header.Set("Last-Event-Id", row.last)
			}
			res, err := front.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != row.status {
				t.Fatalf("%d %s, %v", res.StatusCode, body, err)
			}
			for _, part := range row.holds {
				if !strings.Contains(string(body), part) && !strings.Contains(strings.ReplaceAll(string(body), " ", ""), part) {
					t.Errorf("%q is not in %q", part, body)
				}
			}
		})
	}
}
