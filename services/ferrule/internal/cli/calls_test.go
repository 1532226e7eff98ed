package cli

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsOfCalls plays the edge: what calls ask it for, and what they say of
// its answers.
func TestCommandsOfCalls(t *testing.T) {
	const (
		shop = "/v1/environments/default/connections/shop"
		list = "POST " + shop + "/operations/List%2FAll"
	)
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	page := func(status int, rest string, items ...string) string {
		for n := range items {
			items[n] = `"` + encode(items[n]) + `"`
		}
		return fmt.Sprintf(`{"result":{"statusCode":%d,"items":[%s]%s}}`+"\n", status, strings.Join(items, ","), rest)
	}
	invoke := func(args ...string) []string { return append([]string{"invoke", "shop", "List/All"}, args...) }
	entry := `{"time":"2026-01-01T12:00:00Z","operationId":"Get","principal":"ann","method":"GET","url":"https://api.example/x?key=[redacted]",` +
		`"requestHeaders":[{"name":"X-Key","value":"[redacted]"}],"responseBytes":"2048","responseBody":"{}","responseBodyCut":true,"statusCode":200,"latency":"0.0123s","attempt":1,"logs":["warn hello"]}`
	ran := `{"time":"2026-01-01T12:00:00Z","operationId":"Poll","principal":"ann","method":"GET","url":"https://api.example/x","latency":"0.0123s","logs":["warn hello"]}`
	for _, row := range []struct {
		name    string
		args    []string
		answers map[string]string
		code    int
		out     string // all of it, if not empty
		says    []string
		asked   string
		sent    string
	}{
		{
			name: "what a call asks for is in the query", answers: map[string]string{list + ":invoke": `200|{}`},
			args:  invoke("--link", "/v1/next?a=1", "--idempotency-key", "k", "--validate", "--no-cache", "--logs", "--timeout", "1500ms"),
			asked: "idempotency_key=k&include_logs=true&link=%2Fv1%2Fnext%3Fa%3D1&no_cache=true&response_validation=RESPONSE_VALIDATION_REPORT&timeout=1.5s",
		},
		{
			name: "a short time is written as the server reads it", answers: map[string]string{list + ":invoke": `200|{}`},
			args: invoke("--timeout", "50us"), asked: "timeout=0.00005s",
		},
		{
			name: "a list is printed item by item", args: invoke("--all"),
			answers: map[string]string{list + ":invokePages": page(200, `,"nextLink":"/n"`, `{ "a": 1 }`, `"two"`) + page(200, "", "3")},
			out:     "{\"a\":1}\n\"two\"\n3\n", sent: `"maxItems":10000`,
		},
		{
			name: "a limit that ended a list is told, with the link that goes on", args: invoke("--all", "--max-items", "1"),
			answers: map[string]string{list + ":invokePages": page(200, `,"nextLink":"/n","listEnd":"LIST_END_MAX_ITEMS"`, "1")},
			out:     "1\n", says: []string{"stopped at --max-items 1: there may be more; --link '/n' goes on"}, sent: `"maxItems":1`,
		},
		{
			name: "so is one where there is no link", args: invoke("--all", "--max-items", "1"),
			answers: map[string]string{list + ":invokePages": page(200, `,"listEnd":"LIST_END_MAX_ITEMS"`, "1")}, says: []string{"stopped at --max-items 1: there may be more\n"},
		},
		{
			name: "inputs that go on are written for a shell", args: invoke("--all", "--max-pages", "1"),
			answers: map[string]string{list + ":invokePages": page(200, `,"listEnd":"LIST_END_MAX_PAGES","nextInput":"`+encode(`{"after":"it's","n":2}`)+`"`, "1")},
			says:    []string{`stopped at --max-pages 1, after 1 item: there may be more; --param 'after:="it'\''s"' --param 'n:=2' goes on`},
		},
		{
			name: "inputs inside of a body are shown", args: invoke("--all", "--max-pages", "1"),
			answers: map[string]string{list + ":invokePages": page(200, `,"listEnd":"LIST_END_MAX_PAGES","nextInput":"`+encode(`{"body":{"skip":1}}`)+`"`, "1")},
			says:    []string{`there may be more; the same input with {"body":{"skip":1}} goes on`},
		},
		{
			name: "a list that is whole says nothing", args: invoke("--all", "--max-items", "1"),
			answers: map[string]string{list + ":invokePages": page(200, `,"listEnd":"LIST_END_COMPLETE"`, "1")}, out: "1\n", says: []string{""},
		},
		{
			name: "a page that fails ends the list", args: invoke("--all"), code: 1,
			answers: map[string]string{list + ":invokePages": page(200, `,"nextLink":"/n"`, "1") + page(503, `,"error":{"message":"the API is away"}`)},
			out:     "1\n", says: []string{"the API answered 503: the API is away", "1 item came before that; --link '/n' goes on"},
		},
		{
			name: "so does the server", args: invoke("--all"), code: 1,
			answers: map[string]string{list + ":invokePages": page(200, "", "1") + `{"error":{"code":14,"message":"the service is stopping","details":[` +
				`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_UNAVAILABLE","domain":"ferrule.dev"}]}}` + "\n"},
			says: []string{"the service is stopping", "SERVICE_UNAVAILABLE"},
		},
		{name: "a line that is none", args: invoke("--all"), code: 1, answers: map[string]string{list + ":invokePages": "<html>\n"}, says: []string{"read a page"}},
		{name: "limits without a list", args: invoke("--max-pages", "2"), code: 2, says: []string{"--max-pages is a limit of --all"}},
		{name: "a list compared with a schema", args: invoke("--all", "--validate"), code: 2, says: []string{"--validate is for a single call"}},
		{
			name: "a comparison may stand apart from its flag", answers: map[string]string{list + ":invoke": `200|{}`},
			args: invoke("--validate", "strict"), asked: "response_validation=RESPONSE_VALIDATION_STRICT",
		},
		{
			name: "between the arguments too", answers: map[string]string{list + ":invoke": `200|{}`},
			args: []string{"invoke", "--validate", "report", "shop", "List/All"}, asked: "response_validation=RESPONSE_VALIDATION_REPORT",
		},
		{
			name: "and leaves a connection of that name alone", answers: map[string]string{"POST /v1/environments/default/connections/strict/operations/List%2FAll:invoke": `200|{}`},
			args: []string{"invoke", "strict", "List/All", "--validate", "report"}, asked: "response_validation=RESPONSE_VALIDATION_REPORT",
		},
		{name: "three arguments are too many without it", args: invoke("strict"), code: 2, says: []string{"takes 2 argument"}},
		{
			name: "an error says when to try again", args: invoke(), code: 1,
			answers: map[string]string{list + ":invoke": `{"code":8,"message":"too many calls; try again after the given time","details":[` +
				`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMITED","domain":"ferrule.dev"},` +
				`{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"11.2s"}]}`},
			says: []string{"too many calls", "try again after 12 s"},
		},
		{
			name: "an error of code comes with what the code logged", args: invoke("--logs"), code: 1,
			answers: map[string]string{list + ":invoke": `{"code":9,"message":"the code failed","details":[` +
				`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SCRIPT_FAILED","domain":"ferrule.dev","metadata":{"log_02":"error second","log_01":"info first: line","log_lines_left_out":"3"}}]}`},
			says: []string{"3 lines before these were left out\ninfo: first: line\nerror: second\nerror: the code failed"},
		},
		{name: "a comparison that is none", args: invoke("--validate=loosely"), code: 2, says: []string{"report or strict"}},
		{
			name: "choices", args: []string{"choices", "shop", "List/All", "/folder", "-p", "account=a"},
			answers: map[string]string{list + ":resolveDynamicValues": `{"values":[{"value":"` + encode(`"in"`) + `","title":"Inbox","selectable":true},{"value":"` + encode(`"x"`) + `","title":"A heading"}],"truncated":true}`},
			says:    []string{"VALUE", `"in"`, "Inbox", "-      A heading", "more than these"}, sent: `"pointer":"/folder"`,
		},
		{
			name: "branches of a tree come with what opens them", args: []string{"choices", "shop", "List/All", "/id", "--item", `{"id":"root"}`},
			answers: map[string]string{list + ":resolveDynamicValues": `{"values":[{"value":"` + encode(`"d"`) + `","title":"Reports","parent":true,"item":"` + encode(`{"id": "d"}`) + `"}]}`},
			says:    []string{"ITEM", "Reports", `{"id":"d"}`}, sent: encode(`{"id":"root"}`),
		},
		{name: "an item that is no JSON", args: []string{"choices", "shop", "Op", "/id", "--item", "{"}, code: 2, says: []string{"--item is not JSON"}},
		{
			name: "a schema of the answer", args: []string{"schema", "shop", "List/All", "--output-side"},
			answers: map[string]string{list + ":resolveDynamicSchema": `{"schema":"` + encode(`{"type":"object"}`) + `"}`},
			out:     "{\n  \"type\": \"object\"\n}\n", sent: `"side":"DYNAMIC_SIDE_OUTPUT"`,
		},
		{
			name: "usage", args: []string{"usage", "--connector", "shop", "--by", "operation", "--hourly"},
			answers: map[string]string{"GET /v1/environments/default/usage": `{"rows":[{"startTime":"2026-01-01T12:00:00Z","connector":"shop","operationId":"Get","calls":"8",` +
				`"statusClasses":{"2xx":"7","error":"1"},"latencyP50":"0.0021s","latencyP99":"1.234s","requestBytes":"512","responseBytes":"1572864"}],"truncated":true}`},
			says:  []string{"2026-01-01 12:00Z  shop", "Get", "12.5%", "2.1ms", "1.23s", "512 B", "1.5 MiB", "more rows"},
			asked: "connector=shop&dimension=USAGE_DIMENSION_OPERATION&period=USAGE_PERIOD_HOUR",
		},
		{name: "no usage", args: []string{"usage"}, answers: map[string]string{"GET /v1/environments/default/usage": `{}`}, says: []string{"nothing was called"}},
		{
			name: "usage of a week", args: []string{"usage", "--from", "7d"},
			answers: map[string]string{"GET /v1/environments/default/usage": `{}`}, says: []string{"nothing was called"}, asked: "start_time=",
		},
		{name: "usage since never", args: []string{"usage", "--from", "once"}, code: 2, says: []string{`--from takes a time`, `not "once"`}},
		{
			name: "requests are listed", args: []string{"requests", "shop"},
			answers: map[string]string{"GET " + shop + "/requestLog?page_size=50&page_token=": `{"entries":[` + entry + `,{"method":"PUT","error":"UPSTREAM_TIMEOUT"}]}`},
			says:    []string{"GET https://api.example/x?key=[redacted]", "200", "12.3ms", "UPSTREAM_TIMEOUT"},
		},
		{
			name: "the newest is shown in full", args: []string{"requests", "shop", "--bodies"},
			answers: map[string]string{"GET " + shop + "/requestLog?page_size=1&page_token=": `{"entries":[` + entry + `],"nextPageToken":"p"}`},
			says:    []string{"Get by ann, attempt 1", "> X-Key: [redacted]", "< 200 OK", "the beginning of 2.0 KiB", "log: warn hello"},
		},
		{
			name: "what custom code logged is no request", args: []string{"requests", "shop"},
			answers: map[string]string{"GET " + shop + "/requestLog?page_size=50&page_token=": `{"entries":[` + ran + `]}`},
			says:    []string{"(custom code)"},
		},
		{
			name: "in full, it has no answer, and a whole body is not called a beginning", args: []string{"requests", "shop", "--bodies", "--limit", "2"},
			answers: map[string]string{"GET " + shop + "/requestLog?page_size=2&page_token=": `{"entries":[` + ran + `,` + strings.Replace(entry, `"responseBodyCut":true,`, "", 1) + `]}`},
			out: "2026-01-01 12:00:00  Poll by ann, attempt 0, took 12.3ms\n\n> GET https://api.example/x\n>\nlog: warn hello\n\n" +
				"2026-01-01 12:00:00  Get by ann, attempt 1, took 12.3ms\n\n> GET https://api.example/x?key=[redacted]\n> X-Key: [redacted]\n>\n< 200 OK\n<\n{}\nlog: warn hello\n\n",
		},
		{
			name: "requests are kept for a while", args: []string{"requests", "shop", "--on", "--for", "5m", "--bodies"},
			answers: map[string]string{"POST " + shop + "/requestLog:enable": `{"expireTime":"2026-01-01T12:00:00Z","bodies":true}`},
			says:    []string{"requests of shop are kept until", "with bodies"}, sent: `"duration":"300s"`,
		},
		{
			name: "and then no more", args: []string{"requests", "shop", "--off"},
			answers: map[string]string{"POST " + shop + "/requestLog:disable": `{}`}, says: []string{"deleted"},
		},
		{name: "on and off", args: []string{"requests", "shop", "--on", "--off"}, code: 2, says: []string{"exclude each other"}},
		{name: "for a time that does not begin", args: []string{"requests", "shop", "--for", "1h"}, code: 2, says: []string{"give both"}},
		{
			name: "a mock needs nothing and is not tested", args: []string{"connect", "crm", "--mock"},
			answers: map[string]string{"POST /v1/environments/default/connections": `{"name":"environments/default/connections/crm","connector":"environments/default/connectors/crm","state":"CONNECTION_STATE_CONNECTED"}`},
			out:     "connected crm to crm (connected)\n", sent: `"mock":true`,
		},
		{name: "a mock with a secret", args: []string{"connect", "crm", "--mock", "--secret", "a=b"}, code: 2, says: []string{"--mock calls nobody"}},
		{name: "a version that is too old", args: []string{"connect", "crm", "--tls-min", "1.1"}, code: 2, says: []string{"1.2 or 1.3"}},
		{
			name: "a version is changed, and authorities stay", args: []string{"connections", "update", "shop", "--tls-min", "1.3"},
			answers: map[string]string{"GET " + shop: `{"etag":"e","tls":{"caCertificates":"PEM"}}`, "PATCH " + shop: `{"name":"environments/default/connections/shop"}`},
			says:    []string{"changed shop"}, sent: `"tls":{"caCertificates":"PEM","minVersion":"1.3"}`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, row.answers)
			got := run(t, s, "", row.args...)
			if got.code != row.code || row.out != "" && got.out != row.out {
				t.Errorf("exit %d, want %d, want output %q\n%s%s", got.code, row.code, row.out, got.out, got.err)
			}
			for _, text := range row.says {
				if !strings.Contains(got.out+got.err, text) {
					t.Errorf("it does not say %q:\n%s%s", text, got.out, got.err)
				}
			}
			if !strings.Contains(strings.Join(s.asked, "\n"), row.asked) {
				t.Errorf("it did not ask for %q:\n%s", row.asked, strings.Join(s.asked, "\n"))
			}
			if body := strings.NewReplacer(`": "`, `":"`, `, "`, `,"`, `": `, `":`, `":  `, `":`).Replace(string(s.body)); !strings.Contains(body, row.sent) {
				t.Errorf("it sent %s, not %s", s.body, row.sent)
			}
		})
	}
}

func TestFilesOfAuthoritiesHoldCertificatesAndNothingElse(t *testing.T) {
	for name, row := range map[string]struct{ content, want string }{
		"no PEM at all":  {"hello", "no certificate in PEM"},
		"a private key":  {"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "a private key"},
		"too many bytes": {strings.Repeat("x", maxCAFile+1), "at most 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(path, []byte(row.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got := run(t, serve(t, nil), "", "connect", "crm", "--ca-file", path)
			if got.code != 2 || !strings.Contains(got.err, row.want) {
				t.Errorf("exit %d: %s", got.code, got.err)
			}
		})
	}
}

func TestWhatTheServerKnowsOfAnAnswerIsToldToPeople(t *testing.T) {
	header := map[string][]string{
		scriptLogs: {`[{"level":"warn","message":"no tax"}]`}, findings: {`[{"pointer":"","message":"is no object"},{"pointer":"/a","message":"is missing"}]`},
		truncated: {"findings, logs"}, replayed: {"true"}, nextLink: {"/v1/next"},
	}
	var said strings.Builder
	(&app{Streams: Streams{Err: &said}}).printAside(header)
	for _, want := range []string{"warn: no tax", "the whole body: is no object", "  /a: is missing", "more findings and logs", "was not asked", "--link '/v1/next'"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said.String())
		}
	}
}

func TestWhatAnErrorOfTheAPIMeansIsToldToPeople(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		header map[string]string
		fails  bool
		want   string
	}{
		{"a rule of the connector", 418, map[string]string{
			errorReason: "I_AM_TEA", errorMessage: "die Kanne ist 100 %25 Tee %E2%98%95", errorRetryable: "true", "Retry-After": "30",
		}, true, "the API answered 418 I'm a teapot: die Kanne ist 100 % Tee ☕\n  reason: I_AM_TEA\n  try again after 30 s\n"},
		{"a date", 503, map[string]string{
			errorReason: "UPSTREAM_UNAVAILABLE", errorMessage: "away", errorRetryable: "true", "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
		}, true, "the API answered 503 Service Unavailable: away\n  reason: UPSTREAM_UNAVAILABLE\n  try again after Wed, 21 Oct 2026 07:28:00 GMT\n"},
		{"nobody knows when", 503, map[string]string{errorReason: "UPSTREAM_UNAVAILABLE", errorMessage: "away", errorRetryable: "true"}, true, "  the same call may succeed later\n"},
		{"trying again is of no use", 404, map[string]string{errorReason: "UPSTREAM_NOT_FOUND", errorMessage: "gone", errorRetryable: "false", "Retry-After": "5"}, true, "  reason: UPSTREAM_NOT_FOUND\n"},
		{"an answer of 200 that the connector calls a failure", 200, map[string]string{errorReason: "SHOP_CLOSED", errorMessage: "closed", errorRetryable: "false"}, true, "the API answered 200 OK: closed\n  reason: SHOP_CLOSED\n"},
		{"an older server", 404, nil, true, "the API answered 404 Not Found\n"},
		{"no failure", 200, nil, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var said strings.Builder
			res := &http.Response{StatusCode: row.status, Status: fmt.Sprint(row.status, " ", http.StatusText(row.status)), Header: http.Header{upstreamStatus: {"1"}}, Body: http.NoBody}
			for name, value := range row.header {
				res.Header.Set(name, value)
			}
			err := (&app{Streams: Streams{Out: io.Discard, Err: &said}}).printAnswer(res, false)
			if (err != nil) != row.fails || !strings.HasSuffix(said.String(), row.want) {
				t.Errorf("%v, it says\n%s, want\n%s", err, said.String(), row.want)
			}
		})
	}
}

func TestTheCallOfAMockReachesItsServer(t *testing.T) {
	for _, row := range []struct{ name, data, server, want string }{
		{"where everybody looks", ".ferrule", DefaultServer, ""},
		{"elsewhere", ".ferrule", "http://127.0.0.1:9", " --server http://127.0.0.1:9"},
		{"with its data elsewhere", "/srv/ferrule", DefaultServer, " --data /srv/ferrule"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (&app{data: row.data}).reaching(row.server); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestTheMockOfALongConnectorHasAnID(t *testing.T) {
	for _, arg := range []string{"shop", strings.Repeat("a", 63)} {
		if !connectorID.MatchString(arg) || checkMocks([]string{arg}) != nil {
			t.Errorf("%s is no id", arg)
		}
	}
	if err := checkMocks([]string{"./missing.yaml"}); err == nil {
		t.Error("a file that is not there is taken")
	}
}
