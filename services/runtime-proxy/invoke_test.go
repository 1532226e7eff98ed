package runtimeproxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// seen writes down a request for comparison.
func seen(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	return fmt.Sprintf("%s %s key=%q type=%q body=%s", r.Method, r.RequestURI, r.Header.Get("X-Api-Key"), r.Header.Get("Content-Type"), body)
}

func TestInvokeSendsWhatTheOperationSays(t *testing.T) {
	requests := make(chan string, 10)
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- seen(r)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("X-Request-Id", "42")
		_, _ = io.WriteString(w, `{"ok":true}`)
	}), nil)
	tests := []struct {
		name, operation, input, want string
	}{
		{"defaults are filled in", "ListItems", "", `GET /api/items?limit=20 key="` + canary + `" type="" body=`},
		{"arrays are repeated", "ListItems", `{"limit":5,"tag":["a b","c&d"]}`, `GET /api/items?limit=5&tag=a%20b&tag=c%26d key="` + canary + `" type="" body=`},
		{"path values are encoded once", "GetItem", `{"id":"a/b c"}`, `GET /api/items/a%2Fb%20c key="` + canary + `" type="" body=`},
		{
			"the body keeps its numbers, and gets internal defaults", "CreateItem", `{"body":{"name":"x","price":12345678901234567890.10}}`,
			`POST /api/items key="` + canary + `" type="application/json" body={"name":"x","price":12345678901234567890.10,"kind":"part"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.invoke(tt.operation, tt.input)
			if err != nil {
				t.Fatal(err)
			}
			if sent := testkit.Receive(t, "the request", requests); sent != tt.want {
				t.Errorf("sent\n%s\nwant\n%s", sent, tt.want)
			}
			got.Headers = nil
			want := &runtimev1.InvokeResponse{
				StatusCode: 200, Revision: revisionID, Attempts: 1,
				Body: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(`{"ok":true}`)},
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("cookies of the API stay out of the answer, other headers are in it", func(t *testing.T) {
		got, err := s.invoke("ListItems", "")
		must(t, err)
		names := map[string]string{}
		for _, h := range got.GetHeaders() {
			names[h.GetName()] = h.GetValue()
		}
		if names["X-Request-Id"] != "42" || names["Set-Cookie"] != "" || names["Content-Length"] != "" {
			t.Errorf("headers = %v", names)
		}
	})
}

func TestBadCallsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	s := start(t, api(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }), func(d *connectorv1.Definition) {
		d.Operations = append(d.Operations,
			&connectorv1.Operation{OperationId: "Convert", Method: "GET", Path: "/convert", RequiresScript: true},
			&connectorv1.Operation{OperationId: "Reshape", Method: "GET", Path: "/reshape"},
		)
		d.Policies = []*connectorv1.Policy{{TemplateId: "setproperty", OperationIds: []string{"Reshape"}}}
	})
	call := func(user string, req *runtimev1.InvokeRequest) error {
		ctx := s.as(user)
		if user == "" {
			ctx = t.Context()
		}
		_, err := s.runtime.Invoke(ctx, req)
		return err
	}
	input := func(operation, text string) *runtimev1.InvokeRequest {
		return &runtimev1.InvokeRequest{Connection: connection, OperationId: operation, Input: &httpbody.HttpBody{Data: []byte(text)}}
	}
	tests := []struct {
		name, user string
		req        *runtimev1.InvokeRequest
		code       fault.Code
		reason     fault.Reason
		fields     []string
	}{
		{"an unknown environment", "ada", &runtimev1.InvokeRequest{Connection: "environments/prod/connections/crm", OperationId: "X"}, fault.CodeNotFound, fault.ReasonEnvironmentNotFound, nil},
		{"a name that is none", "ada", &runtimev1.InvokeRequest{Connection: "crm", OperationId: "X"}, fault.CodeInvalidArgument, fault.ReasonInvalidName, []string{"name"}},
		{"an unknown connection", "ada", &runtimev1.InvokeRequest{Connection: "environments/default/connections/other", OperationId: "X"}, fault.CodeNotFound, fault.ReasonConnectionNotFound, nil},
		{"somebody else's connection looks like an unknown one", "bob", input("ListItems", ""), fault.CodeNotFound, fault.ReasonConnectionNotFound, nil},
		{"an unknown revision", "ada", &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems", Revision: "feed"}, fault.CodeNotFound, fault.ReasonRevisionNotFound, nil},
		{"an unknown operation", "ada", input("ListItem", ""), fault.CodeNotFound, fault.ReasonOperationNotFound, nil},
		{"an operation of custom code", "ada", input("Convert", ""), fault.CodeUnimplemented, fault.ReasonCustomCodeRequired, nil},
		{"an operation with a policy that cannot be applied", "ada", input("Reshape", ""), fault.CodeUnimplemented, fault.ReasonOperationNotSupported, nil},
		{"a missing path parameter", "ada", input("GetItem", `{}`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{"id"}},
		{"a missing body", "ada", input("CreateItem", ``), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{"body.name"}},
		{"a missing property", "ada", input("CreateItem", `{"body":{"price":1}}`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{"body.name"}},
		{"everything that is wrong at once", "ada", input("ListItems", `{"limit":"five","tag":["a",{}],"colour":"red"}`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{"colour", "limit", "tag[1]"}},
		{"input that is not json", "ada", input("ListItems", `{"limit":`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{""}},
		{"input that is no object", "ada", input("ListItems", `[1]`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{""}},
		{"input with a repeated name", "ada", input("ListItems", `{"limit":1,"limit":2}`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{"limit"}},
		{"input that is not utf-8", "ada", input("GetItem", "{\"id\":\"\xff\"}"), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{""}},
		{"input over the limit", "ada", input("GetItem", `{"id":"`+strings.Repeat("x", 10<<20)+`"}`), fault.CodeResourceExhausted, fault.ReasonInputTooLarge, nil},
		{"a path that would leave the API", "ada", input("GetItem", `{"id":"../../admin"}`), fault.CodeInvalidArgument, fault.ReasonInputInvalid, []string{"id"}},
		{"a timeout over the limit", "ada", &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems", Timeout: durationpb.New(time.Hour)}, fault.CodeInvalidArgument, fault.ReasonInvalidArgument, []string{"timeout"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := call(tt.user, tt.req)
			f := fault.From(err)
			if err == nil || f.Code() != tt.code || f.Reason() != tt.reason {
				t.Fatalf("error = %v (%v %v), want %v %v", err, f.Code(), f.Reason(), tt.code, tt.reason)
			}
			var fields []string
			for _, v := range f.Violations() {
				fields = append(fields, v.Field)
			}
			if diff := cmp.Diff(tt.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%v", diff, f.Violations())
			}
		})
	}
	t.Run("an unknown operation names similar ones", func(t *testing.T) {
		f := fault.From(call("ada", input("listitem", "")))
		if !strings.Contains(f.Message(), "ListItems") {
			t.Errorf("message = %q", f.Message())
		}
	})
	t.Run("a wrong token", func(t *testing.T) {
		s.tokens["eve"] = s.tokens["ada"] + "x"
		if got := fault.ReasonOf(call("eve", input("ListItems", ""))); got != fault.ReasonUnauthenticated {
			t.Errorf("reason = %v", got)
		}
	})
}

func TestFailuresOfAnAPIHaveStableReasons(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	reply := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			defer c.Close()
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, text)
		}
	}
	endless := func(c net.Conn) {
		defer c.Close()
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		block := make([]byte, 1<<20)
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}
	slow := func(c net.Conn) {
		defer c.Close()
		_, _ = io.Copy(io.Discard, c) // until the other end gives up
	}
	tests := []struct {
		name   string
		serve  func(net.Conn)
		read   fault.Reason // of ListItems, which is safe
		create fault.Reason // of CreateItem, which is not
	}{
		{"it closes without an answer", reply(""), fault.ReasonUpstreamReset, fault.ReasonOutcomeUnknown},
		{"it closes in the middle of its body", reply(ok + "Content-Length: 10\r\n\r\nabc"), fault.ReasonUpstreamReset, fault.ReasonOutcomeUnknown},
		{"it answers garbage that repeats the secret", reply("garbage " + canary + "\r\n\r\n"), fault.ReasonUpstreamInvalidResponse, fault.ReasonOutcomeUnknown},
		{"it answers a chunk that is none", reply(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), fault.ReasonUpstreamInvalidResponse, fault.ReasonOutcomeUnknown},
		{"it never answers", slow, fault.ReasonUpstreamTimeout, fault.ReasonOutcomeUnknown},
		{"its answer has no end", endless, fault.ReasonUpstreamResponseTooLarge, fault.ReasonUpstreamResponseTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, tcp(t, tt.serve), nil)
			timeout := 10 * time.Second
			if tt.name == "it never answers" {
				timeout = 300 * time.Millisecond
			}
			for operation, want := range map[string]fault.Reason{"ListItems": tt.read, "CreateItem": tt.create} {
				req := &runtimev1.InvokeRequest{Connection: connection, OperationId: operation, Timeout: durationpb.New(timeout)}
				if operation == "CreateItem" {
					req.Input = &httpbody.HttpBody{Data: []byte(`{"body":{"name":"x"}}`)}
				}
				_, err := s.runtime.Invoke(s.as("ada"), req)
				if got := fault.ReasonOf(err); got != want {
					t.Errorf("%s: %v (%v), want %v", operation, got, err, want)
				}
				if err != nil && leaks(err.Error()) {
					t.Errorf("%s: the error shows the secret: %v", operation, err)
				}
			}
		})
	}
}

func TestAnAPIThatIsDownIsUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := "http://" + l.Addr().String()
	must(t, l.Close())
	s := start(t, address, nil)
	for _, operation := range []string{"ListItems", "CreateItem"} {
		_, err := s.invoke(operation, map[string]string{"CreateItem": `{"body":{"name":"x"}}`}[operation])
		if got := fault.ReasonOf(err); got != fault.ReasonUpstreamUnreachable {
			t.Errorf("%s: %v, want %v", operation, err, fault.ReasonUpstreamUnreachable)
		}
	}
}

func TestACallersDeadlineCounts(t *testing.T) {
	release := make(chan struct{})
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}), nil)
	defer close(release)
	ctx, cancel := context.WithTimeout(s.as("ada"), 300*time.Millisecond)
	defer cancel()
	_, err := s.runtime.Invoke(ctx, &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems"})
	if got := fault.CodeOf(err); got != fault.CodeDeadlineExceeded {
		t.Errorf("error = %v", err)
	}
}

// Failure mode 9, at the last moment: no connection is opened.
func TestCredentialsGoOnlyWhereTheyAreBound(t *testing.T) {
	s := start(t, api(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }), nil)
	s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = []string{"https://api.example.com:443"} })
	_, err := s.invoke("ListItems", "")
	if got := fault.ReasonOf(err); got != fault.ReasonHostNotAllowed {
		t.Errorf("error = %v", err)
	}
	t.Run("and never to a network that is not open", func(t *testing.T) {
		s := start(t, "http://127.0.0.2:9", nil)
		_, err := s.invoke("ListItems", "")
		if got := fault.ReasonOf(err); got != fault.ReasonEgressRefused {
			t.Errorf("error = %v", err)
		}
	})
}

func TestRedirectsAreAnswers(t *testing.T) {
	requests := 0
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Location", "https://elsewhere.example/?key="+strings.ReplaceAll(canary, " ", "%20")+"&again="+canary)
		w.WriteHeader(http.StatusFound)
	}), nil)
	got, err := s.invoke("ListItems", "")
	must(t, err)
	if got.GetStatusCode() != 302 || requests != 1 || got.GetError() != nil {
		t.Errorf("status = %d after %d requests, error %v", got.GetStatusCode(), requests, got.GetError())
	}
	for _, h := range got.GetHeaders() {
		if h.GetName() == "Location" && strings.Contains(h.GetValue(), canary) {
			t.Errorf("the redirect shows the secret: %s", h.GetValue())
		}
	}
}

func TestErrorsOfAnAPIAreExplained(t *testing.T) {
	status, body := 400, ""
	s := start(t, api(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}), nil)
	status, body = 401, `{"error":{"message":"key `+canary+` is not valid"}}`
	got, err := s.invoke("ListItems", "")
	must(t, err)
	want := &runtimev1.UpstreamError{
		Reason:     "UPSTREAM_UNAUTHENTICATED",
		Message:    "the API did not accept the connection's credentials (status 401): key [redacted] is not valid",
		RetryAfter: durationpb.New(7 * time.Second),
	}
	if diff := cmp.Diff(want, got.GetError(), protocmp.Transform()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	status, body = 503, ""
	got, err = s.invoke("ListItems", "")
	must(t, err)
	if e := got.GetError(); e.GetReason() != "UPSTREAM_UNAVAILABLE" || !e.GetRetryable() {
		t.Errorf("error = %v", e)
	}
}

func TestWhatIsRememberedIsDroppedWhenItChanges(t *testing.T) {
	keys := make(chan string, 10)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("X-Api-Key") + r.URL.Query().Get("limit")
	}), nil)
	call := func() string {
		t.Helper()
		_, err := s.invoke("ListItems", "")
		must(t, err)
		return testkit.Receive(t, "the request", keys)
	}
	call()
	call()
	if n := s.vault.resolved.Load(); n != 1 {
		t.Errorf("the vault was asked %d times for two calls", n)
	}

	s.vault.change(func(c *vaultv1.Credential) { c.Secrets[0].Value = []byte("second") })
	if got := call(); got != canary+"20" {
		t.Errorf("key = %q before the change is announced", got)
	}
	must(t, s.env.Bus.Publish(t.Context(), bus.Change{Kind: bus.ChangeConnection, Environment: "default", ID: "crm"}.Message("a")))
	testkit.Await(t, "the new key", func() bool { return call() == "second20" })

	s.registry.mu.Lock()
	s.registry.revision = "fedcba9876543210fedcba9876543210"
	s.registry.definition.Operations[0].Parameters[0].Schema = []byte(`{"type":"integer","default":99}`)
	s.registry.mu.Unlock()
	must(t, s.env.Bus.Publish(t.Context(), bus.Change{Kind: bus.ChangeConnector, Environment: "default", ID: "crm"}.Message("b")))
	testkit.Await(t, "the new revision", func() bool { return call() == "second99" })

	t.Run("and when its time is over, announced or not", func(t *testing.T) {
		s.vault.change(func(c *vaultv1.Credential) {
			c.Secrets[0].Value = []byte("third")
			c.ExpireTime = nil
		})
		s.clock.Advance(61 * time.Second)
		if got := call(); got != "third99" {
			t.Errorf("key = %q", got)
		}
	})
}

func TestWhoMayUseAConnectionIsTheVaultsWord(t *testing.T) {
	s := start(t, api(t, func(http.ResponseWriter, *http.Request) {}), nil)
	req := &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems"}
	for range 2 { // the second time everything is remembered
		for user, allowed := range map[string]bool{"ada": true, "root": true, "bob": false} {
			_, err := s.runtime.Invoke(s.as(user), req)
			if (err == nil) != allowed {
				t.Errorf("%s: %v", user, err)
			}
		}
		if _, err := s.runtime.Invoke(t.Context(), req); err != nil { // a service without a user
			t.Errorf("a service: %v", err)
		}
	}
}

func TestConnectionTests(t *testing.T) {
	status := http.StatusOK
	var asked []string
	handler := func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Api-Key"))
		w.WriteHeader(status)
	}
	withOperation := func(d *connectorv1.Definition) {
		d.ConnectionTest = &connectorv1.ConnectionTest{OperationId: "GetItem", Input: []byte(`{"id":"1"}`)}
	}
	tests := []struct {
		name    string
		change  func(*connectorv1.Definition)
		status  int
		asked   []string
		success bool
	}{
		{"the test operation is called", withOperation, 200, []string{"GET /api/items/1 " + canary}, true},
		{"and fails with anything but 2xx", withOperation, 302, []string{"GET /api/items/1 " + canary}, false},
		{"and fails without permission", withOperation, 401, []string{"GET /api/items/1 " + canary}, false},
		{"without one the server is asked", nil, 200, []string{"HEAD /api " + canary}, true},
		{"and may know nothing", nil, 404, []string{"HEAD /api " + canary}, true},
		{"and may not know HEAD", nil, 405, []string{"HEAD /api " + canary, "GET /api " + canary}, true},
		{"but must not refuse the credential", nil, 403, []string{"HEAD /api " + canary}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked, status = nil, tt.status
			s := start(t, api(t, handler), tt.change)
			got, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
			must(t, err)
			if got.GetSucceeded() != tt.success || got.GetStatusCode() != int32(tt.status) || got.GetMessage() == "" {
				t.Errorf("got %v", got)
			}
			if diff := cmp.Diff(tt.asked, asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			proved := tt.success && tt.change != nil // reaching the server proves no credentials
			if r := s.vault.reports; len(r) != 1 || r[0].GetSucceeded() != tt.success || (r[0].GetReason() == "") != proved {
				t.Errorf("reports = %v", r)
			}
		})
	}
	t.Run("an api that is down is an outcome", func(t *testing.T) {
		s := start(t, tcp(t, func(c net.Conn) { _ = c.Close() }), nil)
		got, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
		must(t, err)
		if got.GetSucceeded() || len(s.vault.reports) != 1 {
			t.Errorf("got %v, reports %v", got, s.vault.reports)
		}
	})
	t.Run("somebody else's connection is not tested", func(t *testing.T) {
		s := start(t, api(t, handler), nil)
		_, err := s.runtime.TestConnection(s.as("bob"), &runtimev1.TestConnectionRequest{Name: connection})
		if fault.ReasonOf(err) != fault.ReasonConnectionNotFound || len(s.vault.reports) != 0 {
			t.Errorf("error = %v, reports %v", err, s.vault.reports)
		}
	})
}

// TestWhatAnAPIHasAgainstFieldsReachesTheCaller by the names that the API uses.
func TestWhatAnAPIHasAgainstFieldsReachesTheCaller(t *testing.T) {
	rec := record(t, always(422, `{"message":"no","errors":[{"field":"title","code":"missing_field"}]}`, "Content-Type", "application/json"))
	answer, err := start(t, rec.url, nil).call("CreateItem", item)
	must(t, err)
	list := answer.GetError().GetViolations()
	if len(list) != 1 || list[0].GetField() != "title" || list[0].GetDescription() != "missing_field" {
		t.Errorf("violations %v", list)
	}
}
