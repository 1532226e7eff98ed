package runtimeproxy_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// scripted is an API that keeps what it got, one line for each request.
type scripted struct {
	url string

	mu    sync.Mutex
	lines []string
}

// newScripted starts an API that answers as the handler says. A line is method,
// URL, the named fields and the body.
func newScripted(t testing.TB, handler func(http.ResponseWriter, *http.Request, string), names ...string) *scripted {
	t.Helper()
	a := &scripted{}
	a.url = api(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := r.Method + " " + r.RequestURI
		for _, name := range names {
			for _, value := range r.Header.Values(name) {
				line += " | " + name + ": " + value
			}
		}
		if len(body) > 0 {
			line += " | " + string(body)
		}
		a.mu.Lock()
		a.lines = append(a.lines, line)
		a.mu.Unlock()
		if handler == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"ok":true}`)
			return
		}
		handler(w, r, string(body))
	})
	return a
}

func (a *scripted) host() string { return strings.TrimPrefix(a.url, "http://") }

// sent returns the lines so far.
func (a *scripted) sent() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.lines)
}

// withCode returns a change that gives the connector custom code, for the named
// operations or for all.
func withCode(source string, operations ...string) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		d.Scripts = append(d.Scripts, &connectorv1.Script{Language: "javascript", Path: "script.js", Source: source, OperationIds: operations})
		d.Operations = append(d.Operations, &connectorv1.Operation{
			OperationId: "Search", Method: "GET", Path: "/search",
			Parameters: []*connectorv1.Parameter{
				{Name: "state", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(`{"type":"string"}`)},
				{Name: "label", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(`{"type":"string"}`)},
			},
		})
	}
}

// startCode starts the runtime with custom code, and a connection that has a key
// for what code keeps.
func startCode(t testing.TB, url, source string, operations ...string) *suite {
	t.Helper()
	s := start(t, url, withCode(source, operations...))
	s.vault.change(func(c *vaultv1.Credential) { c.LinkKey = []byte("a link key of thirty-two bytes..") })
	return s
}

// file returns one of the scripts of connectors.
func file(t testing.TB, name string) string {
	t.Helper()
	source, err := os.ReadFile("testdata/scripts/" + name + ".js")
	must(t, err)
	return string(source)
}

// shown is an answer in one line: status, the named fields, body.
func shown(r *runtimev1.InvokeResponse, names ...string) string {
	out := fmt.Sprint(r.GetStatusCode())
	for _, h := range r.GetHeaders() {
		if slices.Contains(names, h.GetName()) {
			out += " | " + h.GetName() + ": " + h.GetValue()
		}
	}
	return out + " | " + string(r.GetBody().GetData())
}

// reply writes a status, a body, and fields in the order of name and value.
func reply(w http.ResponseWriter, status int, body string, header ...string) {
	for i := 0; i < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// turns returns an API that gives one answer after the other, and then the last.
func turns(answers ...func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request, string) {
	var mu sync.Mutex
	next := 0
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		mu.Lock()
		answer := answers[min(next, len(answers)-1)]
		next++
		mu.Unlock()
		answer(w)
	}
}

func gives(status int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { reply(w, status, body, header...) }
}

// TestScriptsOfRealConnectors: what makers of connectors write code for, each kind
// of it once, from the call of the operation to what the API gets.
func TestScriptsOfRealConnectors(t *testing.T) {
	key := canary
	basic := base64.StdEncoding.EncodeToString([]byte("ferrule:" + key))
	type call struct{ operation, input, want string }
	rows := []struct {
		file   string
		lend   func(*vaultv1.Credential)
		answer func(http.ResponseWriter, *http.Request, string)
		fields []string // of requests
		shown  []string // of answers
		calls  []call
		sent   []string
	}{
		{
			file: "auth-prefix", fields: []string{"X-Api-Key", "Authorization"},
			calls: []call{{"ListItems", `{"limit":1}`, `200 | {"ok":true}`}},
			sent:  []string{"GET /api/items?limit=1 | Authorization: Bearer " + key},
		},
		{
			file: "reshape-body", fields: []string{"X-Api-Key", "Content-Type"},
			calls: []call{{"CreateItem", `{"body":{"name":"Bolt","price":1.25,"kind":"steel","size":8}}`, `200 | {"ok":true}`}},
			sent: []string{"POST /api/items | X-Api-Key: " + key +
				` | Content-Type: application/json | {"item":{"title":"Bolt","cost":{"amount":125,"currency":"EUR"},"fields":[{"field":"kind","value":"steel"},{"field":"size","value":"8"}]}}`},
		},
		{
			file: "unwrap-response",
			answer: turns(
				gives(200, `{"status":"ok","response":{"rows":[{"id":1,"columns":[{"name":"a","value":"x"}]},{"id":2,"columns":[]}]}}`),
				gives(200, `{"status":"error","message":"no such table"}`),
				gives(500, `broken`),
			),
			calls: []call{
				{"ListItems", ``, `200 | {"value":[{"id":1,"a":"x"},{"id":2}]}`},
				{"ListItems", ``, `422 | {"error":{"message":"no such table"}}`},
				{"GetItem", `{"id":"1"}`, `500 | broken`},
			},
			sent: []string{"GET /api/items?limit=20", "GET /api/items?limit=20", "GET /api/items/1"},
		},
		{
			file:  "query-array",
			calls: []call{{"Search", `{"state":"open, closed,","label":"a&b"}`, `200 | {"ok":true}`}, {"Search", `{}`, `200 | {"ok":true}`}},
			sent:  []string{"GET /api/search?state=open&state=closed&label=a%26b", "GET /api/search"},
		},
		{
			file: "token-fetch", fields: []string{"X-Api-Key", "Authorization", "Content-Type"},
			lend: func(c *vaultv1.Credential) { c.Parameters["client_id"] = "ferrule" },
			answer: turns(
				gives(200, `{"access_token":"T1","expires_in":3600}`), gives(200, `[1]`), // login, call
				gives(200, `[2]`), gives(401, `{}`), // with the same token, until it is refused
				gives(200, `{"access_token":"T2","expires_in":30}`), gives(200, `[3]`), // a token that is as good as gone
				gives(200, `{"access_token":"T3","expires_in":3600}`), gives(200, `[4]`),
			),
			calls: []call{
				{"ListItems", ``, `200 | [1]`},
				{"ListItems", ``, `200 | [2]`},
				{"GetItem", `{"id":"1"}`, `401 | {}`},
				{"ListItems", ``, `200 | [3]`},
				{"ListItems", ``, `200 | [4]`},
			},
			sent: []string{
				"POST /oauth/token | Authorization: Basic " + basic + " | Content-Type: application/x-www-form-urlencoded | grant_type=client_credentials&scope=items",
				"GET /api/items?limit=20 | Authorization: Bearer T1", "GET /api/items?limit=20 | Authorization: Bearer T1", "GET /api/items/1 | Authorization: Bearer T1",
				"POST /oauth/token | Authorization: Basic " + basic + " | Content-Type: application/x-www-form-urlencoded | grant_type=client_credentials&scope=items",
				"GET /api/items?limit=20 | Authorization: Bearer T2",
				"POST /oauth/token | Authorization: Basic " + basic + " | Content-Type: application/x-www-form-urlencoded | grant_type=client_credentials&scope=items",
				"GET /api/items?limit=20 | Authorization: Bearer T3",
			},
		},
		{
			file: "binary-to-json", shown: []string{"Content-Type", "Content-Disposition"},
			answer: turns(
				gives(200, "\x89PNG\x00\xff", "Content-Type", "image/png", "Content-Disposition", `attachment; filename="a b.png"`),
				gives(404, "none", "Content-Type", "text/plain"),
			),
			calls: []call{
				{"GetItem", `{"id":"1"}`, `200 | Content-Type: application/json | {"name":"a b.png","contentType":"image/png","size":6,"content":"iVBORwD/"}`},
				{"GetItem", `{"id":"2"}`, `404 | Content-Type: text/plain | none`},
			},
			sent: []string{"GET /api/items/1", "GET /api/items/2"},
		},
		{
			file: "transaction", fields: []string{"X-Api-Key"},
			answer: turns(
				gives(201, `{"id":"o/1"}`), gives(201, `{"id":"p1"}`),
				gives(201, `{"id":"o2"}`), gives(402, `{}`), gives(204, ``),
				gives(400, `{"message":"no name"}`),
			),
			calls: []call{
				{"CreateItem", `{"body":{"name":"Bolt","price":3}}`, `201 | {"order":"o/1","payment":"p1"}`},
				{"CreateItem", `{"body":{"name":"Nut","price":4}}`, `409 | {"message":"the payment was refused","paid":false,"orderLeft":false}`},
				{"CreateItem", `{"body":{"name":"","price":5}}`, `400 | {"message":"no name"}`},
			},
			sent: []string{
				`POST /api/orders | X-Api-Key: ` + key + ` | {"name":"Bolt"}`, `POST /api/orders/o%2F1/payment | X-Api-Key: ` + key + ` | {"amount":3}`,
				`POST /api/orders | X-Api-Key: ` + key + ` | {"name":"Nut"}`, `POST /api/orders/o2/payment | X-Api-Key: ` + key + ` | {"amount":4}`, `DELETE /api/orders/o2 | X-Api-Key: ` + key,
				`POST /api/orders | X-Api-Key: ` + key + ` | {"name":""}`,
			},
		},
		{
			file: "polling-state", fields: []string{"X-Api-Key"}, shown: []string{"Retry-After"},
			answer: turns(
				gives(202, ``, "Location", "/api/jobs/7", "Retry-After", "10"), gives(202, ``), gives(200, `{"rows":3}`),
				gives(202, ``, "Location", "/api/jobs/8"),
			),
			calls: []call{
				{"Search", `{"state":"open"}`, `202 | Retry-After: 10 | {"status":"running","asked":1}`},
				{"Search", `{"state":"open"}`, `202 | Retry-After: 5 | {"status":"running","asked":2}`},
				{"Search", `{"state":"open"}`, `200 | {"rows":3}`},
				{"Search", `{"state":"open"}`, `202 | Retry-After: 5 | {"status":"running","asked":1}`},
			},
			sent: []string{
				"POST /api/search?state=open | X-Api-Key: " + key, "GET /api/jobs/7 | X-Api-Key: " + key, "GET /api/jobs/7 | X-Api-Key: " + key,
				"POST /api/search?state=open | X-Api-Key: " + key,
			},
		},
	}
	for _, row := range rows {
		t.Run(row.file, func(t *testing.T) {
			a := newScripted(t, row.answer, row.fields...)
			s := startCode(t, a.url, file(t, row.file))
			if row.lend != nil {
				s.vault.change(row.lend)
			}
			for i, c := range row.calls {
				got, err := s.invoke(c.operation, c.input)
				if err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
				if answer := shown(got, row.shown...); answer != c.want {
					t.Errorf("call %d is answered with\n%s\nwant\n%s", i, answer, c.want)
				}
			}
			if diff := cmp.Diff(row.sent, a.sent()); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScriptThatChoosesTheHost(t *testing.T) {
	usual, tenant := newScripted(t, nil, "X-Api-Key"), newScripted(t, nil, "X-Api-Key")
	stranger := newScripted(t, nil, "X-Api-Key")
	s := startCode(t, usual.url, file(t, "host-rewrite"))
	s.vault.change(func(c *vaultv1.Credential) {
		c.Parameters["tenant_host"] = tenant.host()
		c.AllowedHosts = append(c.AllowedHosts, "http://"+tenant.host())
	})
	must(t, second(s.invoke("ListItems", "")))
	if diff := cmp.Diff([]string{"GET /api/items?limit=20 | X-Api-Key: " + canary}, tenant.sent()); diff != "" {
		t.Errorf("sent to the tenant (-want +got):\n%s", diff)
	}

	other := startCode(t, usual.url, file(t, "host-rewrite"))
	other.vault.change(func(c *vaultv1.Credential) { c.Parameters["tenant_host"] = stranger.host() })
	checkFault(t, other, second(other.invoke("ListItems", "")), fault.ReasonHostNotAllowed)
	if len(usual.sent())+len(stranger.sent()) != 0 {
		t.Errorf("sent %q and %q", usual.sent(), stranger.sent())
	}
}

func TestScriptThatSigns(t *testing.T) {
	rawKey := []byte("\x00\x01 signing key \xff")
	var problem string
	a := newScripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		digest := sha256.Sum256([]byte(body))
		h := hmac.New(sha256.New, rawKey)
		_, _ = fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("X-Date"), base64.StdEncoding.EncodeToString(digest[:]))
		want := "HMAC-SHA256 Signature=" + base64.StdEncoding.EncodeToString(h.Sum(nil))
		if got := r.Header.Get("Authorization"); got != want || r.Header.Get("X-Api-Key") != "" {
			problem = fmt.Sprintf("Authorization = %q, want %q", got, want)
		}
		// An API that explains what it expected.
		reply(w, 200, "signed with "+base64.StdEncoding.EncodeToString(rawKey)+": "+want)
	})
	s := startCode(t, a.url, file(t, "sign-request")+"\nexport function after(response) { console.info(response.text()) }")
	s.vault.change(func(c *vaultv1.Credential) {
		c.Secrets = append(c.Secrets, &vaultv1.SecretValue{Name: "signing_key", Value: []byte(base64.StdEncoding.EncodeToString(rawKey))})
	})
	req := &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems", IncludeLogs: true}
	for _, operation := range []string{"ListItems", "Search"} {
		req.OperationId = operation
		got, err := s.runtime.Invoke(s.as("ada"), req)
		must(t, err)
		if problem != "" {
			t.Error(problem)
		}
		if log := got.GetLogs()[0].GetMessage(); log != "signed with [redacted]: HMAC-SHA256 Signature=[redacted]" {
			t.Errorf("code saw %q", log)
		}
	}
	must(t, second(s.invoke("CreateItem", `{"body":{"name":"ü"}}`)))
	if problem != "" || !bytes.Contains([]byte(a.sent()[2]), []byte(`"ü"`)) {
		t.Errorf("%s: %s", problem, a.sent()[2])
	}
}
