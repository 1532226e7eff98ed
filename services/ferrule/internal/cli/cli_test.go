package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// server is an edge that answers from a table and remembers what it was asked.
type server struct {
	*httptest.Server
	asked []string
	body  []byte
	token string
}

// serve answers "METHOD /path?query" from answers: a body, or a status and a
// body.
func serve(t *testing.T, answers map[string]string) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.RequestURI()
		s.asked = append(s.asked, key)
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			s.body = body
		}
		s.token = r.Header.Get("Authorization")
		answer, ok := answers[key]
		if !ok {
			answer, ok = answers[r.Method+" "+r.URL.EscapedPath()]
		}
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":5,"message":"there is nothing","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONNECTOR_NOT_FOUND","domain":"ferrule.dev"}]}`)
			return
		}
		if head, rest, mirrored := strings.Cut(answer, "|"); mirrored {
			w.Header().Set(upstreamStatus, head)
			w.Header().Set("Content-Type", "application/json")
			if head == "404" {
				w.WriteHeader(http.StatusNotFound)
			}
			answer = rest
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

type result struct {
	code     int
	out, err string
}

func run(t *testing.T, s *server, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	if s != nil {
		args = append([]string{"--server", s.URL, "--token", "token-of-ann"}, args...)
	}
	code := Run(context.Background(), args, Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	return result{code, out.String(), errs.String()}
}

func TestWhoeverStopsACommandIsToldNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	waiting := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(waiting.Close)
	var out, errs bytes.Buffer
	code := Run(ctx, []string{"--server", waiting.URL, "--token", "x", "connectors"}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != exitStopped || errs.String() != "stopped; what the server has begun goes on there\n" {
		t.Errorf("exit status %d, said %q", code, errs.String())
	}
}

func TestRowsThatEndEarlyKeepTheColumnsBelowInTheirPlaces(t *testing.T) {
	var out bytes.Buffer
	err := writeTable(&out, [][]string{{"A", "B", "C"}, {"1", "", ""}, {"2", "", "why"}})
	if want := "A  B  C\n1\n2     why\n"; err != nil || out.String() != want {
		t.Errorf("%v, got\n%swant\n%s", err, out.String(), want)
	}
}

const connectorJSON = `{"name":"environments/default/connectors/crm","title":"CRM","actionCount":12,"triggerCount":1,` +
	`"publishedRevision":"environments/default/connectors/crm/revisions/0123456789abcdef0123456789abcdef"}`

func TestCommandsAskTheEdgeAndPrintForPeople(t *testing.T) {
	const connectors = "GET /v1/environments/default/connectors"
	revision := "/v1/environments/default/connectors/crm/revisions/0123456789abcdef0123456789abcdef"
	for _, row := range []commandRow{
		{
			name: "connectors follow all pages", args: []string{"connectors"},
			answers: map[string]string{
				connectors + "?filter=&page_size=1000&page_token=":   `{"connectors":[` + connectorJSON + `],"nextPageToken":"p2"}`,
				connectors + "?filter=&page_size=1000&page_token=p2": `{"connectors":[{"name":"environments/default/connectors/erp"}]}`,
			},
			out: []string{"CONNECTOR", "crm", "CRM", "12", "0123456789ab", "erp", "no"},
		},
		{
			name: "an empty list says what to do", args: []string{"connectors"},
			answers: map[string]string{connectors: `{}`}, err: []string{"ferrule import"},
		},
		{
			name: "errors name the command that helps", args: []string{"describe", "crn"}, code: 1,
			answers: map[string]string{}, err: []string{"error: there is nothing\n  `ferrule connectors` lists them\n  reason: CONNECTOR_NOT_FOUND\n"},
		},
		{
			name: "machines get one form of them", args: []string{"describe", "crn", "-o", "json"}, code: 1,
			answers: map[string]string{}, err: []string{`{"code":5,"message":"there is nothing","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONNECTOR_NOT_FOUND","domain":"ferrule.dev"}]}` + "\n"},
		},
		{
			name: "an operation that is nearly right is meant", args: []string{"describe", "crm", "listitems"}, code: 1,
			answers: map[string]string{connectors + "/crm": connectorJSON, "GET " + revision + "/operations": `{"operations":[{"operationId":"ListItems"}]}`},
			err:     []string{`connector "crm" has no operation "listitems"; did you mean "ListItems"?`, "`ferrule operations crm` lists them"},
		},
		{
			name: "a filter that nothing passes is named", args: []string{"connectors", "--filter", "crm"},
			answers: map[string]string{connectors: `{}`}, err: []string{`no connector has all of "crm"`},
		},
		{
			name: "json is one resource a line", args: []string{"connectors", "-o", "json"},
			answers: map[string]string{connectors: `{"connectors":[` + connectorJSON + `]}`},
			out:     []string{`{"name":"environments/default/connectors/crm","title":"CRM",`},
		},
		{
			name: "internal operations are counted, not listed", args: []string{"operations", "crm"},
			answers: map[string]string{
				connectors + "/crm": connectorJSON,
				"GET " + revision + "/operations": `{"operations":[{"operationId":"ListItems","kind":"OPERATION_KIND_ACTION","method":"GET","path":"/items"},
					{"operationId":"Hidden","visibility":"VISIBILITY_INTERNAL"}]}`,
			},
			out: []string{"ListItems", "action", "GET /items"}, err: []string{"1 internal operation not shown"},
		},
		{
			name: "an operation's inputs are shown with their types", args: []string{"describe", "crm", "ListItems"},
			answers: map[string]string{
				connectors + "/crm": connectorJSON,
				"GET " + revision + "/operations": `{"operations":[{"operationId":"ListItems","method":"GET","path":"/items","parameters":[
					{"name":"limit","location":"PARAMETER_LOCATION_QUERY","schema":"` + "eyJ0eXBlIjoiaW50ZWdlciIsImZvcm1hdCI6ImludDMyIn0=" + `"}]}]}`,
			},
			out: []string{"limit", "query", "integer (int32)"},
		},
		{
			name: "inputs are shown with defaults and choices, and what the connector fills in is not required", args: []string{"describe", "crm", "ListItems"},
			answers: map[string]string{
				connectors + "/crm": connectorJSON,
				"GET " + revision + "/operations": `{"operations":[{"operationId":"ListItems","method":"GET","path":"/items","parameters":[
					{"name":"limit","required":true,"location":"PARAMETER_LOCATION_QUERY","description":"how many","schema":"` + encode(`{"type":"integer","default":20}`) + `"},
					{"name":"state","required":true,"location":"PARAMETER_LOCATION_QUERY","schema":"` + encode(`{"type":"string","enum":["open","closed"]}`) + `"},
					{"name":"version","required":true,"visibility":"VISIBILITY_INTERNAL","location":"PARAMETER_LOCATION_QUERY","schema":"` + encode(`{"type":"string","default":"v2"}`) + `"}],
					"requestBody":{"contents":[{"mediaType":"application/json","schema":"` +
					encode(`{"required":["kind","secret"],"properties":{"kind":{"type":"string","enum":["a"],"default":"a"},"secret":{"type":"string","x-ms-visibility":"internal"}}}`) + `"}]}}]}`,
				"GET " + revision + "?view=REVISION_VIEW_FULL": `{"definition":{}}`,
			},
			out: []string{
				"limit      query  integer                     how many (default 20)\n", "state      query  string            yes       (one of \"open\", \"closed\")\n",
				"version    query  string            internal  (default \"v2\")\n", ".kind           string                      (one of \"a\"; default \"a\")\n",
				".secret         string            internal\n",
			},
		},
		{
			name: "errors of code are shown with their place when it is imported", args: []string{"import", "https://api.example/crm.json"},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"connector":{"name":"environments/default/connectors/crm","title":"CRM"},"created":true,
				"revision":{"name":"environments/default/connectors/crm/revisions/abc","findings":[
				{"severity":"SEVERITY_ERROR","code":"ScriptInvalid","path":"script.js","line":3,"column":7,"message":"the custom code cannot run: unexpected token","remedy":"correct the code"},
				{"severity":"SEVERITY_ERROR","code":"ScriptInvalid","pointer":"/scripts/0/source","message":"the custom code cannot run: script.js:1:2: no","remedy":"correct the code"},
				{"severity":"SEVERITY_ERROR","code":"PolicyInvalid","pointer":"/policies/0","message":"the policy cannot be applied","remedy":"correct the policy or remove it"},
				{"severity":"SEVERITY_WARNING","code":"SummaryMissing","message":"an operation has no summary"}]}}`},
			out: []string{
				"  script.js:3:7: the custom code cannot run: unexpected token; correct the code\n",
				"  /scripts/0/source: the custom code cannot run: script.js:1:2: no; correct the code\n",
				"  /policies/0: the policy cannot be applied; correct the policy or remove it\n", "3 errors, 1 warning",
			},
		},
		{
			name: "an import says which calls its policies refuse", args: []string{"import", "https://api.example/crm.json"},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"connector":{"name":"environments/default/connectors/crm","title":"CRM"},"created":true,
				"revision":{"name":"environments/default/connectors/crm/revisions/abc","state":"REVISION_STATE_DRAFT","findings":[` + policyFindings + `]}}`},
			out: []string{
				"  warning: 7 policies cannot be applied; calls of 4 of 9 operations will be refused: A, B, C, D\n",
				"  line 3, column 7: it is wrong; correct it\n", "  … and 2 more like these\n",
				"  it is a draft; correct the policies, or publish it as it is: `ferrule publish crm abc --allow-breaking`\n",
			},
		},
		{
			name: "so it does where programs read its output", args: []string{"import", "-o", "json", "https://api.example/crm.json"},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"connector":{"name":"environments/default/connectors/crm","title":"CRM"},"created":true,
				"revision":{"name":"environments/default/connectors/crm/revisions/abc","state":"REVISION_STATE_DRAFT","findings":[` + policyFindings + `]}}`},
			out: []string{`"title":"CRM"`},
			err: []string{"warning: crm: 7 policies cannot be applied; calls of 4 of 9 operations will be refused"},
		},
		{
			name: "code that cannot run keeps a draft from being published", args: []string{"import", "https://api.example/crm.json"},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"connector":{"name":"environments/default/connectors/crm","title":"CRM"},"created":true,
				"revision":{"name":"environments/default/connectors/crm/revisions/abc","state":"REVISION_STATE_DRAFT","findings":[
				{"severity":"SEVERITY_ERROR","code":"ScriptInvalid","path":"script.js","line":3,"column":7,"message":"no","remedy":"correct the code"}]}}`},
			out: []string{"  it stays a draft until the custom code is corrected\n"},
		},
		{
			name: "the members of a body are shown in their order", args: []string{"describe", "crm", "Create"},
			answers: map[string]string{
				connectors + "/crm": connectorJSON,
				"GET " + revision + "/operations": `{"operations":[{"operationId":"Create","requestBody":{"required":true,"contents":[
					{"mediaType":"application/json","schema":"` + encode(`{"$ref":"#/$defs/a~1b"}`) + `"}]}}]}`,
				"GET " + revision + "?view=REVISION_VIEW_FULL": `{"definition":{"schemas":[{"name":"a/b","json":"` +
					encode(`{"required":["name"],"properties":{"zeta":{"type":"string","x-ms-summary":"Last"},"name":{"type":"string"}}}`) + `"}]}}`,
			},
			out: []string{"body", ".zeta", "Last\n  .name"},
		},
		{
			name: "an unknown operation is an error with a remedy", args: []string{"describe", "crm", "Nope"}, code: 1,
			answers: map[string]string{connectors + "/crm": connectorJSON, "GET " + revision + "/operations": `{}`},
			err:     []string{`no operation "Nope"`, "ferrule operations crm", "OPERATION_NOT_FOUND"},
		},
		{
			name: "connect sends secrets apart and tests", args: []string{"connect", "crm", "--id", "mine", "--set", "region=eu", "--secret", "api_key=-"},
			stdin: "s3cret\n",
			answers: map[string]string{
				connectors + "/crm/connectionForm":                    `{"apiOrigins":["https://api.crm.example","https://*.crm.example:443"]}`,
				"POST /v1/environments/default/connections":           `{"name":"environments/default/connections/mine","connector":"environments/default/connectors/crm","state":"CONNECTION_STATE_CONNECTED","secretNames":["api_key"],"apiOrigins":["https://api.crm.example"]}`,
				"POST /v1/environments/default/connections/mine:test": `{"succeeded":true,"message":"the API accepted the credentials","operationId":"Me"}`,
			},
			out: []string{"connected mine to crm (connected, untested)\n", "\ntested mine: the API accepted the credentials"},
			err: []string{"the connection will be for https://api.crm.example, https://*.crm.example:443\n", "mine is for https://api.crm.example: its secrets for the API go there and nowhere else"},
		},
		{
			name: "connect does not call a server that was reached a test", args: []string{"connect", "crm", "--secret", "api_key=-"}, stdin: "wrong\n",
			answers: map[string]string{
				connectors + "/crm/connectionForm":                     `{}`,
				"POST /v1/environments/default/connections":            `{"name":"environments/default/connections/crm-2","connector":"environments/default/connectors/crm","state":"CONNECTION_STATE_CONNECTED","secretNames":["api_key"]}`,
				"POST /v1/environments/default/connections/crm-2:test": `{"succeeded":true,"message":"the server was reached (status 404)","statusCode":404}`,
			},
			out: []string{"connected crm-2 to crm (connected, untested)", "\nuntested crm-2: the server was reached (status 404)"},
		},
		{
			name: "a connection whose first test fails is named, with what can be done about it", args: []string{"connect", "crm", "--secret", "api_key=-"}, stdin: "wrong\n", code: 1,
			answers: map[string]string{
				connectors + "/crm/connectionForm":                     `{}`,
				"POST /v1/environments/default/connections":            `{"name":"environments/default/connections/crm-2","connector":"environments/default/connectors/crm","state":"CONNECTION_STATE_CONNECTED","secretNames":["api_key"]}`,
				"POST /v1/environments/default/connections/crm-2:test": `{"message":"the API refused the key"}`,
			},
			err: []string{"the connection crm-2 stays", "`ferrule connections update crm-2 --secret api_key=-`", "`ferrule delete connection crm-2`"},
		},
		{
			name: "secrets that no test has proved are listed as untested", args: []string{"connections"},
			answers: map[string]string{"GET /v1/environments/default/connections": `{"connections":[` +
				`{"name":"environments/default/connections/new","state":"CONNECTION_STATE_CONNECTED","secretNames":["k"]},` +
				`{"name":"environments/default/connections/open","state":"CONNECTION_STATE_CONNECTED"},` +
				`{"name":"environments/default/connections/good","state":"CONNECTION_STATE_CONNECTED","secretNames":["k"],"testTime":"2026-01-01T12:00:00Z"},` +
				`{"name":"environments/default/connections/mail","state":"CONNECTION_STATE_CONNECTED","secretNames":["k"],"tokenExpireTime":"2026-01-01T12:00:00Z"}]}`},
			out: []string{"new                    connected, untested", "open                   connected   ", "good                   connected   ", "mail                   connected   "},
		},
		{
			name: "a failed test is a failure", args: []string{"test", "mine"}, code: 1,
			answers: map[string]string{"POST /v1/environments/default/connections/mine:test": `{"message":"the API refused the key"}`},
			err:     []string{"the API refused the key"},
		},
		{
			name: "invoke prints the API's JSON and keeps its numbers", args: []string{"invoke", "mine", "Get Items/All", "-p", "limit=5", "-p", "q=007x", "-p", "id:=9007199254740993"},
			answers: map[string]string{"POST /v1/environments/default/connections/mine/operations/Get%20Items%2FAll:invoke": `200|{"n":9007199254740993}`},
			out:     []string{`"n": 9007199254740993`}, sent: `{"id":9007199254740993,"limit":5,"q":"007x"}`,
		},
		{
			name: "an answer of 400 or more is printed and fails", args: []string{"invoke", "mine", "Get"}, code: 1,
			answers: map[string]string{"POST /v1/environments/default/connections/mine/operations/Get:invoke": `404|{"error":"gone"}`},
			out:     []string{"gone"}, err: []string{"the API answered 404"},
		},
		{
			name: "a failure of ours shows its reason", args: []string{"invoke", "mine", "Get"}, code: 1, err: []string{"there is nothing", "CONNECTOR_NOT_FOUND"},
		},
		{
			name: "subscribe sends interval, input and sinks", args: []string{"subscribe", "mine", "OnItem", "--every", "10s", "-p", "tag=new", "--to", "https://example.com/e"},
			answers: map[string]string{"POST /v1/environments/default/subscriptions": `{"name":"environments/default/subscriptions/onitem","state":"SUBSCRIPTION_STATE_ACTIVE"}`},
			out:     []string{"subscribed onitem to OnItem of mine (active)", "ferrule events onitem --follow"},
			sent: `{"connection":"environments/default/connections/mine","operationId":"OnItem","input":"{\"tag\":\"new\"}","interval":"10s",` +
				`"sinks":[{"http":{"url":"https://example.com/e"}}]}`,
		},
		{
			name: "an interval of nothing is sent, so that it is refused", args: []string{"subscribe", "mine", "OnItem", "--every", "0s"},
			answers: map[string]string{"POST /v1/environments/default/subscriptions": `{}`}, sent: `{"connection":"environments/default/connections/mine","operationId":"OnItem","interval":"0s"}`,
		},
		{
			name: "text of strangers cannot command the terminal", args: []string{"connectors"},
			answers: map[string]string{connectors: `{"connectors":[{"name":"environments/default/connectors/x","title":"E\u001b[31mRED\u202etxt"}]}`},
			out:     []string{`E\u001b[31mRED\u202etxt`},
		},
		{
			name: "a connection in use is not deleted", args: []string{"delete", "connection", "mine"}, code: 1,
			answers: map[string]string{"GET /v1/environments/default/subscriptions": `{"subscriptions":[{"name":"environments/default/subscriptions/new","connection":"environments/default/connections/mine"}]}`},
			err:     []string{"subscription new", "--force"},
		},
		{
			name: "unless it is forced", args: []string{"delete", "connection", "mine", "--force"},
			answers: map[string]string{"DELETE /v1/environments/default/connections/mine": `{}`}, err: []string{"deleted connection mine"},
		},
		{
			name: "a connector in use is not deleted", args: []string{"delete", "connector", "crm"}, code: 1,
			answers: map[string]string{"GET /v1/environments/default/connections": `{"connections":[{"name":"environments/default/connections/mine"}]}`},
			err:     []string{"connection mine", "--force"},
		},
		{
			name: "a revision is published", args: []string{"publish", "crm", "latest"},
			answers: map[string]string{"POST /v1/environments/default/connectors/crm/revisions/latest:publish": `{"name":"environments/default/connectors/crm/revisions/abc"}`},
			out:     []string{"published abc of crm"},
		},
		{
			name: "revisions are listed", args: []string{"revisions", "crm"},
			answers: map[string]string{
				"GET /v1/environments/default/connectors/crm": connectorJSON,
				"GET /v1/environments/default/connectors/crm/revisions": `{"revisions":[{"name":"environments/default/connectors/crm/revisions/abc","state":"REVISION_STATE_DRAFT"},
					{"name":"environments/default/connectors/crm/revisions/0123456789abcdef0123456789abcdef","state":"REVISION_STATE_PUBLISHED"}]}`,
			},
			out: []string{"abc", "draft  ", "published, in use"},
		},
		{
			name: "errors are JSON for machines", args: []string{"test", "mine", "-o", "json"}, code: 1, err: []string{`"reason":`, `CONNECTOR_NOT_FOUND`},
		},
		{
			name: "events stop after a count", args: []string{"events", "onitem", "-n", "1"},
			answers: map[string]string{"GET /v1/environments/default/subscriptions/onitem/events": `{"events":[{"id":"e1","data":"{\"a\": 1}","sequence":"7"},{"id":"e2","data":"{}"}]}`},
			out:     []string{`e1  {"a":1}`},
		},
		{
			name: "follow goes on after the last event seen", args: []string{"events", "onitem", "-f", "-n", "2"},
			answers: map[string]string{
				"GET /v1/environments/default/subscriptions/onitem/events":                         `{"events":[{"id":"e1","data":"1","sequence":"7"}]}`,
				"GET /v1/environments/default/subscriptions/onitem/events:stream?after_sequence=7": `{"result":{"id":"e2","data":"2","sequence":"8"}}` + "\n",
			},
			out: []string{"e1  1", "e2  2"},
		},
	} {
		t.Run(row.name, row.check)
	}
}

// commandRow is a command with what the edge answers and what is expected.
type commandRow struct {
	name    string
	answers map[string]string
	stdin   string
	args    []string
	code    int
	out     []string // all of these
	err     []string
	sent    string // JSON that the last request carried
}

// check runs the command.
func (row commandRow) check(t *testing.T) {
	s := serve(t, row.answers)
	got := run(t, s, row.stdin, row.args...)
	if got.code != row.code {
		t.Fatalf("exit code = %d, want %d\nasked: %q\n%s%s", got.code, row.code, s.asked, got.out, got.err)
	}
	for _, want := range row.out {
		if !strings.Contains(got.out, want) {
			t.Errorf("output lacks %q:\n%s", want, got.out)
		}
	}
	for _, want := range row.err {
		if !strings.Contains(got.err, want) {
			t.Errorf("errors lack %q:\n%s", want, got.err)
		}
	}
	if row.sent != "" && !sameJSON(t, s.body, []byte(row.sent)) {
		t.Errorf("sent %s, want %s", s.body, row.sent)
	}
	if s.token != "Bearer token-of-ann" {
		t.Errorf("Authorization = %q", s.token)
	}
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y bytes.Buffer
	decode := func(data []byte, into *bytes.Buffer) {
		var v any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		sorted, _ := json.Marshal(v)
		into.Write(sorted)
	}
	decode(a, &x)
	decode(b, &y)
	return x.String() == y.String()
}

func TestWrongUsageExitsWithTwoAndSaysWhatIsRight(t *testing.T) {
	s := serve(t, nil)
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown flag", []string{"connectors", "--colour"}, "unknown flag"},
		{"too few arguments", []string{"describe"}, "ferrule describe CONNECTOR"},
		{"the name of a connection for a command", []string{"connections", "crm"}, "`ferrule connections show crm` shows one"},
		{"the name of a connector for a command", []string{"connectors", "crm"}, `connectors has no command "crm", it has`},
		{"too many arguments", []string{"operations", "a", "b"}, "ferrule operations CONNECTOR"},
		{"an unknown output", []string{"connectors", "-o", "xml"}, "text or json"},
		{"input that is not an object", []string{"invoke", "a", "b", "-i", "[1]"}, `--input is not a JSON object; write one, such as '{"limit": 5}'`},
		{"input that is nothing, and a parameter", []string{"invoke", "a", "b", "-i", "null", "-p", "limit=5"}, "not a JSON object"},
		{"input that is not JSON", []string{"invoke", "a", "b", "-i", `{"limit": }`}, "not JSON: invalid character '}' looking for beginning of value (byte 11)"},
		{"input without end", []string{"invoke", "a", "b", "-i", "@/dev/zero"}, "at most 10 MiB"},
		{"a time that is over", []string{"invoke", "a", "b", "--timeout", "-5s"}, "--timeout must be more than 0"},
		{"samples twice from standard input", []string{"infer", "--curl", "-", "--response", "-"}, "read once"},
		{"kinds of connectors", []string{"search", "--kind", "action"}, "add --operations"},
		{"operations of a publisher", []string{"search", "--operations", "--publisher", "x"}, "leave out --operations"},
		{"operations of no kind", []string{"search", "--operations", "--kind", "webhook"}, "action, polling_trigger or webhook_trigger"},
		{"a parameter without a value", []string{"invoke", "a", "b", "-p", "limit"}, "name=value"},
		{"a parameter that is not JSON", []string{"invoke", "a", "b", "-p", "limit:=x"}, "not JSON"},
		{"a secret without a name", []string{"connect", "a", "--secret", "=x"}, "name=value"},
		{"a secret given twice", []string{"connect", "a", "--secret", "k=1", "--secret", "k=2"}, "twice"},
		{"a bad time", []string{"events", "a", "--from", "yesterday"}, "RFC 3339"},
		{"one id for two descriptions", []string{"import", "a", "b", "--id", "x"}, "--id names one connector"},
		{"an unknown command", []string{"bogus"}, "`ferrule --help` lists the commands"},
		{"a command that is nearly one", []string{"importt", "x"}, `unknown command "importt" for "ferrule"; did you mean import?`},
		{"a bad log level", []string{"up", "--log-level", "loud"}, "--log-level"},
		{"a bad address", []string{"up", "--http", "nonsense"}, "--http"},
		{"an unknown kind", []string{"delete", "planet", "x"}, "cannot be deleted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "a bad time" {
				row.want = "such as 2026"
			}
			got := run(t, s, "", row.args...)
			if got.code != 2 || !strings.Contains(got.err, row.want) {
				t.Errorf("exit %d, errors %q, want 2 and %q", got.code, got.err, row.want)
			}
		})
	}
	if len(s.asked) > 0 {
		t.Errorf("the server was asked %q", s.asked)
	}
}

func TestTheTokenIsFoundWhereALocalServerLeavesIt(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, map[string]string{"GET /v1/environments/default/connectors": `{}`})
	var out, errs bytes.Buffer
	streams := Streams{In: strings.NewReader(""), Out: &out, Err: &errs}
	if code := Run(t.Context(), []string{"connectors", "--server", s.URL, "--data", dir}, streams); code != 2 || !strings.Contains(errs.String(), "ferrule up") {
		t.Errorf("without a token file: exit %d, %q", code, errs.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "admin.token"), []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := Run(t.Context(), []string{"connectors", "--server", s.URL, "--data", dir}, streams); code != 0 || s.token != "Bearer from-file" {
		t.Errorf("with a token file: exit %d, Authorization %q", code, s.token)
	}
	errs.Reset()
	if code := Run(t.Context(), []string{"connectors", "--server", "https://ferrule.example.com", "--data", dir}, streams); code != 2 || !strings.Contains(errs.String(), "FERRULE_TOKEN") {
		t.Errorf("a local token must not go to another host: exit %d, %q", code, errs.String())
	}
}

func TestAServerThatIsNotThereIsExplained(t *testing.T) {
	s := serve(t, nil)
	s.Close()
	got := run(t, s, "", "connectors")
	if got.code != 1 || !strings.Contains(got.err, "ferrule up") || strings.Contains(got.err, "token-of-ann") {
		t.Errorf("exit %d, %q", got.code, got.err)
	}
}

func TestSomethingElseThanAFerruleServerIsExplained(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<html>no</html>")
	}))
	t.Cleanup(other.Close)
	got := run(t, &server{Server: other}, "", "connectors")
	if got.code != 1 || !strings.Contains(got.err, "403") {
		t.Errorf("exit %d, %q", got.code, got.err)
	}
}

func TestEveryCommandTeaches(t *testing.T) {
	root := newRoot(&app{Streams: Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}})
	for _, cmd := range root.Commands() {
		if cmd.Short == "" || cmd.Args == nil && cmd.Runnable() && cmd.Name() != "help" {
			t.Errorf("%s has no summary or does not check its arguments", cmd.Name())
		}
	}
	got := run(t, nil, "", "invoke", "--help")
	if got.code != 0 || !strings.Contains(got.out, "Examples:") || !strings.Contains(got.out, "FERRULE_SERVER") {
		t.Errorf("help of invoke = %s", got.out)
	}
}

func TestCompletionIsOffered(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		got := run(t, nil, "", "completion", shell)
		if got.code != 0 || len(got.out) < 500 {
			t.Errorf("completion %s: exit %d, %d bytes", shell, got.code, len(got.out))
		}
	}
}

func TestDirectoriesBecomeConnectorsOfTheirOwnNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/ID Analyzer", "b/ID Analyzer", "a/Snow Flake"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "api.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{filepath.Join(dir, "a/ID Analyzer"), file, "https://example.com/x", filepath.Join(dir, "b/ID Analyzer"), filepath.Join(dir, "a/Snow Flake") + "/"}
	want := []string{"id-analyzer", "", "", "id-analyzer-2", "snow-flake"}
	if got := idsOf(args); !slices.Equal(got, want) {
		t.Errorf("ids = %q, want %q", got, want)
	}
}

// policyFindings are those of seven policies that cannot be applied.
const policyFindings = `{"severity":"SEVERITY_ERROR","code":"CallsRefused","message":"7 policies cannot be applied; calls of 4 of 9 operations will be refused: A, B, C, D"}` +
	aPolicy + aPolicy + aPolicy + aPolicy + aPolicy + aPolicy + aPolicy

const aPolicy = `,{"severity":"SEVERITY_ERROR","code":"PolicyInvalid","pointer":"/policies/0","line":3,"column":7,"message":"it is wrong","remedy":"correct it"}`
