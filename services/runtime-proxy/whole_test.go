package runtimeproxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// passed is an answer to a raw request.
type passed struct {
	status int
	header http.Header
	length int64
	body   string
}

// pass makes a raw request as ada; headers are names and values. The client does
// not decompress.
func (s *suite) pass(method, path, body string, headers ...string) passed {
	s.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req := s.request(method, path, content)
	req.Header.Set("Accept-Encoding", "identity")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp := s.do(req)
	answer, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return passed{resp.StatusCode, resp.Header, resp.ContentLength, string(answer)}
}

func zipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}

// property is a policy that sets a property of a body.
func property(section connectorv1.PolicySection, name, value string) *connectorv1.Policy {
	return policyOf("setproperty", section, "newPropertyParentPathTemplate", "@body()", "newPropertySubPathTemplate", name, "propertyValuePathTemplate", value)
}

func policies(list ...*connectorv1.Policy) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) { d.Policies = append(d.Policies, list...) }
}

// TestRawRequestsPassWhatWorksOnBodies: the same connector behaves the same in
// whatever way it is called.
func TestRawRequestsPassWhatWorksOnBodies(t *testing.T) {
	tests := []struct {
		name               string
		change             func(*connectorv1.Definition)
		method, path, body string
		headers            []string
		answer             func(http.ResponseWriter)
		sent               []string // requests with their bodies; nil for not looked at
		field, value       string   // of the last request
		status             int
		want               string
		answered, answerIs string // a field of the answer
	}{
		{
			name: "a property of a body that goes out", change: policies(property(requestSection, "region", "@connectionParameters('region')")),
			method: "POST", path: "/items", body: `{"name":"bolt"}`,
			sent: []string{`POST /api/items {"name":"bolt","region":"eu"}`}, status: 200, want: `{"ok":true}`,
		},
		{
			name: "a secret in a body that goes out", change: policies(property(requestSection, "key", "@connectionParameters('api_key')")),
			method: "POST", path: "/items", body: `{}`,
			sent: []string{`POST /api/items {"key":"` + canary + `"}`}, status: 200, want: `{"ok":true}`,
		},
		{
			name: "a body that comes compressed", change: policies(property(requestSection, "region", "eu")),
			method: "POST", path: "/items", body: zipped(`{"name":"bolt"}`), headers: []string{"Content-Encoding", "gzip", "Content-Md5", "xyz"},
			sent: []string{`POST /api/items {"name":"bolt","region":"eu"}`}, field: "Content-Encoding", status: 200, want: `{"ok":true}`,
		},
		{
			name: "a property of an answer, whose length changes", change: policies(property(answerSection, "source", "crm")),
			method: "GET", path: "/items/7", sent: []string{"GET /api/items/7 "}, status: 200, want: `{"ok":true,"source":"crm"}`,
			answered: "Content-Length", answerIs: "26",
		},
		{
			name: "an answer that comes compressed, since the caller takes that", change: policies(property(answerSection, "source", "crm")),
			method: "GET", path: "/items/7", headers: []string{"Accept-Encoding", "br, gzip"},
			answer: gives(200, zipped(`{"ok":true}`), "Content-Type", "application/json", "Content-Encoding", "gzip"),
			field:  "Accept-Encoding", value: "gzip", status: 200, want: `{"ok":true,"source":"crm"}`, answered: "Content-Encoding",
		},
		{
			name: "an answer that is no JSON stays as it is", change: policies(property(answerSection, "source", "crm")),
			method: "GET", path: "/items/7", answer: gives(200, "\x00\x01\x02", "Content-Type", "application/octet-stream"),
			status: 200, want: "\x00\x01\x02", answered: "Content-Type", answerIs: "application/octet-stream",
		},
		{
			name: "a part of an answer is nothing to work on", change: policies(property(answerSection, "source", "crm")),
			method: "GET", path: "/items/7", headers: []string{"Range", "bytes=0-3"}, field: "Range", status: 200, want: `{"ok":true,"source":"crm"}`,
		},
		{
			name: "HEAD says what GET would", change: policies(property(answerSection, "source", "crm")),
			method: "HEAD", path: "/items/7", sent: []string{"GET /api/items/7 "}, status: 200, answered: "Content-Length", answerIs: "26",
		},
		{
			name: "an answer without content", change: policies(property(answerSection, "source", "crm")),
			method: "DELETE", path: "/items/7", answer: gives(204, ""), status: 204, answered: "Content-Length",
		},
		{
			name: "a failure of the API", change: policies(property(answerSection, "hint", "ask crm"), policyOf("setheader", failureSection, "name", "X-Failure", "value", "yes")),
			method: "GET", path: "/items/7", answer: gives(404, `{"error":"none"}`, "Content-Type", "application/json"),
			status: 404, want: `{"error":"none","hint":"ask crm"}`, answered: "X-Failure", answerIs: "yes",
		},
		{
			name: "what the caller has is not sent again", change: policies(property(answerSection, "source", "crm")),
			method: "GET", path: "/items/7", headers: []string{"If-None-Match", `W/"v1"`},
			answer: gives(200, `{"ok":true}`, "Content-Type", "application/json", "Etag", `"v1"`),
			field:  "If-None-Match", status: 304, answered: "Etag", answerIs: `"v1"`,
		},
		{
			name:   "a path that takes a value of the raw one",
			change: policies(only(policyOf("routerequesttoendpoint", requestSection, "newPath", "/v2/things/{id}/x"), "GetItem")),
			method: "GET", path: "/items/a%20b", sent: []string{"GET /api/v2/things/a%20b/x "}, status: 200, want: `{"ok":true}`,
		},
		{
			name: "a value that the API has to be asked for",
			change: policies(policyOf("setvaluefromurl", requestSection, "parameterTemplate", "@headers('If-Match')", "parameterValueUrl", "/tags/1",
				"parameterValuePathTemplate", "@body().ok")),
			method: "PUT", path: "/items/7", body: `{}`,
			sent: []string{"GET /api/tags/1 ", "PUT /api/items/7 {}"}, field: "If-Match", value: "true", status: 200, want: `{"ok":true}`,
		},
		{
			name: "a path that no operation describes has the policies for all", change: policies(property(requestSection, "region", "eu"), only(property(requestSection, "not", "here"), "CreateItem")),
			method: "PATCH", path: "/else/where", body: `{"a":1}`, sent: []string{`PATCH /api/else/where {"a":1,"region":"eu"}`}, status: 200, want: `{"ok":true}`,
		},
		{
			name: "policies of one operation are for it alone", change: policies(only(property(requestSection, "region", "eu"), "CreateItem")),
			method: "PUT", path: "/items/7", body: `{"a":1}`, sent: []string{`PUT /api/items/7 {"a":1}`}, status: 200, want: `{"ok":true}`,
		},
		{
			name: "code after the answer sees all of it, whatever the caller has", change: withCode(`export function after(response) { response.setJson({ status: response.status, ...response.json() }) }`),
			method: "GET", path: "/items/7", headers: []string{"If-None-Match", `"v1"`, "If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"},
			status: 200, want: `{"status":200,"ok":true}`,
		},
		{
			name: "code before the request", change: withCode(`export function before(request) { request.setJson({ ...request.json(), n: 1 }); request.headers.set("X-Code", "ran") }`),
			method: "POST", path: "/items", body: `{"name":"bolt"}`,
			sent: []string{`POST /api/items {"name":"bolt","n":1}`}, field: "X-Code", value: "ran", status: 200, want: `{"ok":true}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, orOK(tt.answer))
			s := start(t, rec.url, tt.change)
			answer := s.pass(tt.method, tt.path, tt.body, tt.headers...)
			if answer.status != tt.status || answer.body != tt.want {
				t.Errorf("answer = %d %q, want %d %q", answer.status, answer.body, tt.status, tt.want)
			}
			if tt.answered != "" && answer.header.Get(tt.answered) != tt.answerIs {
				t.Errorf("%s = %q, want %q", tt.answered, answer.header.Get(tt.answered), tt.answerIs)
			}
			var sent []string
			all := rec.all()
			for _, r := range all {
				sent = append(sent, r.Method+" "+r.RequestURI+" "+r.body)
				if r.Header.Get("X-Api-Key") != canary {
					t.Errorf("%s came without the credential", r.RequestURI)
				}
			}
			if tt.sent != nil {
				if diff := cmp.Diff(tt.sent, sent); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			}
			if len(all) == 0 {
				t.Fatal("no request was sent")
			}
			if last := all[len(all)-1]; tt.field != "" && last.Header.Get(tt.field) != tt.value {
				t.Errorf("the API got %s = %q, want %q", tt.field, last.Header.Get(tt.field), tt.value)
			}
		})
	}
}

// TestTrailersEndWhereBodiesAreWorkedOn: what comes after a body is not for those who work on it.
func TestTrailersEndWhereBodiesAreWorkedOn(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
		w.Header().Set("Trailer", "X-Sum")
		say(w, 200, `{"ok":true}`)
		w.Header().Set("X-Sum", "9")
	})
	s := start(t, rec.url, policies(property(answerSection, "source", "crm"), property(requestSection, "a", "b")))
	answer := s.raw("POST " + proxyPath + "/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n" +
		"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 7\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK") || !strings.HasSuffix(answer, "\r\n\r\n"+`{"ok":true,"source":"crm"}`) || strings.Contains(answer, "X-Sum") {
		t.Errorf("answer = %q", answer)
	}
	sent := rec.all()[0]
	if sent.body != `{"a":"b"}` || sent.ContentLength != 9 || len(sent.Trailer) > 0 || sent.Header.Get("Expect") != "" {
		t.Errorf("request = %q, length %d, trailer %v", sent.body, sent.ContentLength, sent.Trailer)
	}
}

// TestACallerThatLeavesEndsWhatIsWorkedOn.
func TestACallerThatLeavesEndsWhatIsWorkedOn(t *testing.T) {
	ended, started := make(chan struct{}), make(chan struct{})
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(started)
		<-r.Context().Done()
		close(ended)
	}), policies(property(requestSection, "a", "b")))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	req := s.request("POST", "/items", strings.NewReader("{}")).WithContext(ctx)
	req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
	if resp, err := s.data.Client().Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("the request succeeded")
	}
	testkit.Receive(t, "the API to notice", closed(ended))
}

// TestAnswersThatNothingWorksOnStream: a changed request is no reason to hold its
// answer, and events have nothing in them for policies.
func TestAnswersThatNothingWorksOnStream(t *testing.T) {
	tests := []struct {
		name, kind string
		change     func(*connectorv1.Definition)
	}{
		{"any answer to a request that was changed", "application/x-ndjson", policies(property(requestSection, "a", "b"))},
		{"any answer to a request of code", "application/x-ndjson", withCode(`export function before(request) { request.headers.set("X-Code", "1") }`)},
		{"events, whatever policies work on bodies", "text/event-stream; charset=utf-8", policies(property(answerSection, "a", "b"), policyOf("setheader", answerSection, "name", "X-Policy", "value", "yes"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			more := make(chan string)
			s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", tt.kind)
				w.Header().Set("X-Echo", r.Header.Get("X-Api-Key"))
				for text := range more {
					_, _ = io.WriteString(w, text)
					_ = http.NewResponseController(w).Flush()
				}
			}), tt.change)
			req := s.request("POST", "/items", strings.NewReader("{}"))
			req.Header.Set("Content-Type", "application/json")
			go func() { more <- "data: 1\n" }()
			resp := s.do(req)
			lines := bufio.NewReader(resp.Body)
			for i := 1; i <= 3; i++ {
				if i > 1 {
					more <- "data: " + strconv.Itoa(i) + "\n"
				}
				if line, err := lines.ReadString('\n'); err != nil || line != "data: "+strconv.Itoa(i)+"\n" {
					t.Fatalf("line = %q, %v", line, err)
				}
			}
			close(more)
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				t.Errorf("rest = %q, %v", rest, err)
			}
			if leaks(resp.Header.Get("X-Echo")) || (strings.HasPrefix(tt.kind, "text/event") && resp.Header.Get("X-Policy") != "yes") {
				t.Errorf("header = %v", resp.Header)
			}
		})
	}
}

// TestCodeAnswersRawRequests: instead of the API, with its state and its links.
func TestCodeAnswersRawRequests(t *testing.T) {
	rec := record(t, always(200, `{"n":2}`, "Location", "/api/items/8"))
	s := startCode(t, rec.url, `
export async function handle(request, ctx) {
  const asked = await send({ url: "`+rec.url+`/api/inner", headers: { "X-Api-Key": request.headers.get("X-Api-Key") } })
  return new Response({
    status: 201,
    headers: { "Content-Type": "text/plain", Location: "/api/items/9", "Set-Cookie": "a=b" },
    body: [request.method, ctx.operationId, asked.text()].join(" "),
  })
}`)
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/items/7", "", `GET GetItem {"n":2}`},
		{"POST", "/items", `{}`, `POST CreateItem {"n":2}`},
	} {
		answer := s.pass(tt.method, tt.path, tt.body)
		if answer.status != 201 || answer.body != tt.want || answer.header.Get("Content-Type") != "text/plain" || answer.header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s = %+v", tt.method, tt.path, answer)
		}
		if got := answer.header.Get("Location"); got != proxyPath+"/items/9" {
			t.Errorf("Location = %q", got)
		}
	}
	if diff := cmp.Diff([]string{"GET /api/inner", "GET /api/inner"}, rec.lines()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestAWholeRequestIsMadeAgainWithAnotherToken.
func TestAWholeRequestIsMadeAgainWithAnotherToken(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if r.Header.Get("X-Api-Key") != "canary-7f3a-new" {
			say(w, 401, `{}`)
			return
		}
		say(w, 200, r.body)
	})
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Name: "api_key", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}}
		policies(property(requestSection, "a", "b"))(d)
	})
	s.vault.change(func(c *vaultv1.Credential) { c.TokenVersion = "1" })
	s.vault.renew = func(c *vaultv1.Credential) error {
		c.Secrets, c.TokenVersion = values("api_key", "canary-7f3a-new"), "2"
		return nil
	}
	answer := s.pass("POST", "/items", `{"n":1}`)
	if answer.status != 200 || answer.body != `{"n":1,"a":"b"}` || len(rec.all()) != 2 || s.vault.rejected() != 1 {
		t.Errorf("answer = %d %s after %d requests", answer.status, answer.body, len(rec.all()))
	}
}

// TestAPollOfARawRequest goes on at the Location that it answers with.
func TestAPollOfARawRequest(t *testing.T) {
	news := `{"value":[{"id":3},{"id":2}]}`
	rec := record(t, func(w http.ResponseWriter, _ got, _ int) { say(w, 200, news) })
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		operationOf(d, "ListItems").Kind = connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
		policies(only(policyOf("pollingtrigger", answerSection, "triggerConfig", `{"after":"@{triggerBody().value[0].id}"}`, "triggerDataPath", "@triggerBody().value"), "ListItems"))(d)
	})
	path := "/items"
	for i, step := range []struct {
		news   string
		status int
	}{{`{"value":[{"id":3},{"id":2}]}`, 202}, {`{"value":[]}`, 202}, {`{"value":[{"id":5}]}`, 200}} {
		news = step.news
		answer := s.pass("GET", path, "")
		location, ours := strings.CutPrefix(answer.header.Get("Location"), proxyPath)
		if answer.status != step.status || !ours {
			t.Fatalf("poll %d = %d %s, on at %q", i+1, answer.status, answer.body, answer.header.Get("Location"))
		}
		path = location
	}
	if lines := rec.lines(); lines[2] != "GET /api/items?after=3" {
		t.Errorf("requests = %v", lines)
	}
}

// orOK is an API that answers as it is told, or that all is well.
func orOK(answer func(http.ResponseWriter)) func(http.ResponseWriter, got, int) {
	if answer == nil {
		return always(200, `{"ok":true}`)
	}
	return func(w http.ResponseWriter, _ got, _ int) { answer(w) }
}
