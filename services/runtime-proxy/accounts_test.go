package runtimeproxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// described gives an operation an answer with a schema.
func described(id, schema string) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		operationOf(d, id).Responses = []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{
			{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(schema)},
		}}}
	}
}

// TestAMockReachesNobody, and answers as the definition says.
func TestAMockReachesNobody(t *testing.T) {
	s := start(t, unreached(t), described("GetItem", `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"price":{"type":"number"}}}`))
	s.vault.change(func(c *vaultv1.Credential) { c.Mock, c.Secrets = true, nil })
	answer, err := s.call("GetItem", `{"id":"7"}`)
	must(t, err)
	if answer.GetStatusCode() != 200 || !strings.Contains(string(answer.GetBody().GetData()), `"id":"7"`) || answer.GetAttempts() != 0 {
		t.Errorf("answer = %v", answer)
	}
	again, err := s.call("GetItem", `{"id":"7"}`, noCache)
	must(t, err)
	if string(again.GetBody().GetData()) != string(answer.GetBody().GetData()) {
		t.Errorf("the same call is answered with %s", again.GetBody().GetData())
	}
	reasonIs(t, second(s.call("GetItem", `{}`)), fault.ReasonInputInvalid)
	tested, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
	if err != nil || !tested.GetSucceeded() {
		t.Errorf("test: %v, %v", tested, err)
	}
	reasonIs(t, second(s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}, nil)), fault.ReasonOperationNotSupported)
	must(t, s.through(s.request("GET", "/items/7", nil)))
	if resp := s.do(s.request("GET", "/nowhere", nil)); resp.StatusCode < 400 {
		t.Errorf("what is not described is answered with %d", resp.StatusCode)
	}
}

// TestSloppyAnswersAreReported, and fatal on request only: APIs do not keep to
// their own descriptions.
func TestSloppyAnswersAreReported(t *testing.T) {
	const schema = `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string"},"price":{"type":"number"}}}`
	for _, tt := range []struct {
		name, body string
		pointers   []string
	}{
		{"as described", `{"id":1,"name":"a","price":1.5}`, nil},
		{"null where nothing says so", `{"id":1,"name":null}`, []string{"/name"}},
		{"a number in quotes", `{"id":"1","price":"1.50"}`, []string{"/id", "/price"}},
		{"a member that is missing", `{"name":"a"}`, []string{"/id"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, always(200, tt.body))
			s := start(t, rec.url, described("GetItem", schema))
			ask := func(v runtimev1.ResponseValidation) (*runtimev1.InvokeResponse, error) {
				return s.call("GetItem", `{"id":"7"}`, func(r *runtimev1.InvokeRequest) { r.ResponseValidation = v })
			}
			plain, err := ask(runtimev1.ResponseValidation_RESPONSE_VALIDATION_UNSPECIFIED)
			must(t, err)
			if len(plain.GetFindings()) != 0 {
				t.Errorf("findings that nobody asked for: %v", plain.GetFindings())
			}
			reported, err := ask(runtimev1.ResponseValidation_RESPONSE_VALIDATION_REPORT)
			must(t, err)
			var pointers []string
			for _, f := range reported.GetFindings() {
				pointers = append(pointers, f.GetPointer())
			}
			if diff := cmp.Diff(tt.pointers, pointers); diff != "" || string(reported.GetBody().GetData()) != tt.body {
				t.Errorf("findings (-want +got):\n%s\nbody %s", diff, reported.GetBody().GetData())
			}
			_, err = ask(runtimev1.ResponseValidation_RESPONSE_VALIDATION_STRICT)
			if (err != nil) != (tt.pointers != nil) {
				t.Errorf("strict: %v", err)
			}
			if err != nil {
				if f := reasonIs(t, err, fault.ReasonResponseInvalid); len(f.Violations()) != len(tt.pointers) {
					t.Errorf("violations = %v", f.Violations())
				}
			}
		})
	}
}

// entries lists what was kept, at the latest when it has arrived.
func (s *suite) entries(want int) []*runtimev1.RequestLogEntry {
	s.t.Helper()
	var out []*runtimev1.RequestLogEntry
	testkit.Await(s.t, "the request log", func() bool {
		resp, err := s.runtime.ListRequestLogEntries(s.as("ada"), &runtimev1.ListRequestLogEntriesRequest{Connection: connection})
		must(s.t, err)
		out = resp.GetEntries()
		return len(out) >= want
	})
	return out
}

// TestARequestLogShowsWhatWasSent without what is secret, while it is on.
func TestARequestLogShowsWhatWasSent(t *testing.T) {
	rec := record(t, always(200, `{"token":"`+canary+`","ok":true}`, "X-Echo", "key "+canary, "Set-Cookie", "session=1"))
	s := start(t, rec.url, nil)
	must(t, second(s.call("CreateItem", `{"body":{"name":"before"}}`)))
	must(t, second(s.runtime.EnableRequestLog(s.as("ada"), &runtimev1.EnableRequestLogRequest{Connection: connection, Bodies: true})))
	testkit.Await(t, "the log to be on", func() bool {
		must(t, second(s.call("CreateItem", item)))
		resp, err := s.runtime.ListRequestLogEntries(s.as("ada"), &runtimev1.ListRequestLogEntriesRequest{Connection: connection})
		must(t, err)
		return len(resp.GetEntries()) > 0
	})
	must(t, s.through(s.request("GET", "/items?x=1", nil)))
	var through, invoked *runtimev1.RequestLogEntry
	testkit.Await(t, "the pass-through call", func() bool {
		for _, e := range s.entries(2) {
			if e.GetOperationId() == "CreateItem" {
				invoked = e
			} else {
				through = e
			}
		}
		return through != nil && invoked != nil
	})
	if invoked.GetMethod() != "POST" || invoked.GetStatusCode() != 200 || invoked.GetPrincipal() != "ada" || invoked.GetAttempt() != 1 || !strings.Contains(invoked.GetRequestBody(), "bolt") {
		t.Errorf("entry = %v", invoked)
	}
	if through.GetOperationId() != "(pass-through)" || !strings.Contains(through.GetUrl(), "/api/items?x=1") {
		t.Errorf("entry = %v", through)
	}
	for _, e := range s.entries(2) {
		if text := e.String(); leaks(text) || strings.Contains(text, "before") || strings.Contains(text, "session=1") {
			t.Errorf("entry = %s", text)
		}
	}
	for _, user := range []string{"bob"} {
		if err := second(s.runtime.ListRequestLogEntries(s.as(user), &runtimev1.ListRequestLogEntriesRequest{Connection: connection})); err == nil {
			t.Errorf("%s sees it", user)
		}
	}
	must(t, second(s.runtime.DisableRequestLog(s.as("ada"), &runtimev1.DisableRequestLogRequest{Connection: connection})))
	if left := s.entries(0); len(left) != 0 {
		t.Errorf("%d entries are left", len(left))
	}
}

// TestUsageCountsEveryCall: those that are answered again too.
func TestUsageCountsEveryCall(t *testing.T) {
	rec := record(t, always(200, `[1,2,3]`, "Cache-Control", "max-age=3600"))
	s := start(t, rec.url, nil)
	for range 3 {
		must(t, second(s.call("ListItems", "")))
	}
	must(t, second(s.call("CreateItem", item)))
	reasonIs(t, second(s.call("GetItem", `{}`)), fault.ReasonInputInvalid)
	must(t, s.through(s.request("GET", "/other", nil)))
	s.counted(map[string]string{
		"ListItems": "3 calls, 2 replayed, 3 of 2xx", "CreateItem": "1 calls, 0 replayed, 1 of 2xx",
		"GetItem": "1 calls, 0 replayed, 0 of 2xx", "(pass-through)": "1 calls, 0 replayed, 1 of 2xx",
	}, func(r *runtimev1.UsageRow) string {
		return fmt.Sprintf("%d calls, %d replayed, %d of 2xx", r.GetCalls(), r.GetReplayed(), r.GetStatusClasses()["2xx"])
	})
	if err := second(s.runtime.GetUsage(s.as("bob"), &runtimev1.GetUsageRequest{Parent: "environments/default", Connection: "crm"})); err == nil {
		t.Error("somebody else sees the usage of the connection")
	}
}

// TestAListOfAMockEnds after its one page, however its pages are asked for: what is
// made up leads nowhere.
func TestAListOfAMockEnds(t *testing.T) {
	for name, p := range map[string]*connectorv1.Pagination{
		"a link that is named":      {NextLinkProperty: "next"},
		"a link that is recognised": {},
		"a cursor":                  {Style: &connectorv1.Pagination_Cursor{Cursor: &connectorv1.CursorPagination{CursorInput: "tag", CursorPath: "next"}}},
		"an offset":                 {Style: &connectorv1.Pagination_Offset{Offset: &connectorv1.OffsetPagination{OffsetInput: "limit"}}},
		"page numbers":              {Style: &connectorv1.Pagination_PageNumber{PageNumber: &connectorv1.PageNumberPagination{PageInput: "limit"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "http://127.0.0.1:1", func(d *connectorv1.Definition) {
				op := operationOf(d, "ListItems")
				op.Pagination = p
				op.Responses = []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
					MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
					Schema: []byte(`{"type":"object","required":["items","next","nextLink"],"properties":{"items":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"}}}},"next":{"type":"string","example":"/next"},"nextLink":{"type":"string"}}}`),
				}}}}
			})
			s.vault.change(func(c *vaultv1.Credential) { c.Mock, c.Secrets = true, nil })
			answer, err := s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.AllPages = &runtimev1.PageLimits{} })
			must(t, err)
			if answer.GetStatusCode() != 200 || answer.GetNextLink() != "" {
				t.Errorf("answer = %v", answer)
			}
		})
	}
}
