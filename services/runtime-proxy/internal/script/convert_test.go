package script_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// before runs the body of a before function on a request.
func (r *rig) before(body string, req *request.Request) (*upstream.Response, error) {
	r.t.Helper()
	r.load("export function before(request, ctx) {\n" + body + "\n}")
	return r.runner.Before(r.t.Context(), r.run, req)
}

func TestARequestBecomesWhatCodeMakesOfIt(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	rows := []struct {
		name, body string
		given      func(*request.Request)
		want       func(*request.Request)
	}{
		{"nothing", `return`, nil, func(*request.Request) {}},
		{
			"a path below that of the API", `const u = new URL(request.url); u.pathname = '/v1/other/%2Fx'; request.url = u`, nil,
			func(r *request.Request) { r.Path = "/other/%2Fx" },
		},
		{
			"the path of the API itself", `request.url = 'https://api.example.com/v1'`, nil,
			func(r *request.Request) { r.Path, r.Query = "", "" },
		},
		{
			"a path that only begins like it", `request.url = 'https://api.example.com/v10/items'`, nil,
			func(r *request.Request) { r.Base.Path, r.Path, r.Query = "", "/v10/items", "" },
		},
		{
			"another host keeps the whole path", `const u = new URL(request.url); u.host = 'EU.example.com:8443'; request.url = u`, nil,
			func(r *request.Request) {
				r.Base, r.Path = request.Base{Scheme: "https", Host: "eu.example.com:8443"}, "/v1/items"
			},
		},
		{
			"the query as it is written", `request.url = request.url + '&b=%2f&c=x+y&d'`, nil,
			func(r *request.Request) { r.Query = "a=1&b=%2f&c=x+y&d" },
		},
		{"a method", `request.method = 'patch'`, nil, func(r *request.Request) { r.Method = "PATCH" }},
		{
			"fields", `request.headers.delete('x-a'); request.headers.append('x-b', '1'); request.headers.append('X-B', '2')`, nil,
			func(r *request.Request) {
				r.Header = map[string][]string{"X-B": {"1", "2"}, "User-Agent": {"Ferrule"}}
			},
		},
		{
			"fields of the transport are left out", `for (const n of ['Connection', 'transfer-encoding', 'Content-Length', 'Upgrade', 'TE', 'Expect', 'Keep-Alive']) request.headers.set(n, '1')`, nil,
			func(*request.Request) {},
		},
		{"a user agent, where there is none", `request.headers.delete('User-Agent')`, nil, func(*request.Request) {}},
		{"a host of its own", `request.headers.set('host', 'Tenant.example.com')`, nil, func(r *request.Request) { r.Host = "tenant.example.com" }},
		{"the host that it has anyway", `request.headers.set('Host', 'api.example.com')`, nil, func(*request.Request) {}},
		{
			"a host that a policy set stays", `request.headers.set('X-C', '1')`, func(r *request.Request) { r.Host = "tenant.example.com" },
			func(r *request.Request) { r.Host, r.Header["X-C"] = "tenant.example.com", []string{"1"} },
		},
		{
			"unless code takes it away", `request.headers.delete('Host')`, func(r *request.Request) { r.Host = "tenant.example.com" },
			func(*request.Request) {},
		},
		{
			"a body", `request.setJson({a: 'ü'})`, nil,
			func(r *request.Request) {
				r.Body, r.Header["Content-Type"] = []byte(`{"a":"ü"}`), []string{"application/json"}
			},
		},
		{"no body", `request.clearBody()`, func(r *request.Request) { r.Body = []byte("x") }, func(*request.Request) {}},
		{"a body that nobody touches", ``, func(r *request.Request) { r.Body = []byte("\x00\xff") }, func(r *request.Request) { r.Body = []byte("\x00\xff") }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, want := item(), item()
			if row.given != nil {
				row.given(&got)
			}
			row.want(&want)
			if answered, err := newRig(t, runner).before(row.body, &got); err != nil || answered != nil {
				t.Fatalf("answered = %v, %v", answered, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsThatCannotBeSentAreRefused(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	for _, row := range []struct{ name, body, part string }{
		{"a way out of the API", `request.url = 'https://api.example.com/v1/../admin'`, "'..'"},
		{"the same, encoded", `request.url = 'https://api.example.com/v1/%2e%2E/admin'`, "'..'"},
		{"a scheme of another kind", `request.url = 'ftp://api.example.com/'`, "not absolute"},
		{"a relative url", `request.url = '/items'`, "not absolute"},
		{"a password", `request.url = 'https://u:p@api.example.com/'`, "user name or password"},
		{"nonsense", `request.url = 'https://api.example.com:port/'`, "cannot be"},
		{"CONNECT", `request.method = 'CONNECT'`, "method"},
		{"TRACE", `request.method = 'trace'`, "method"},
		{"a field with a control character", `request.headers.set('X-A', 'a\x01b')`, "header"},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := item()
			_, err := newRig(t, runner).before(row.body, &req)
			failing(t, err, fault.ReasonScriptFailed, row.part, `"Op"`)
			if diff := cmp.Diff(item(), req); diff != "" {
				t.Errorf("the request was changed (-want +got):\n%s", diff)
			}
			r := newRig(t, runner)
			_, err = r.handle("request.headers = new Headers();" + row.body + "; return send(request)")
			failing(t, err, fault.ReasonScriptFailed, row.part)
			if len(r.sent) != 0 {
				t.Errorf("%v was sent", r.sent)
			}
		})
	}
}

func TestAnswersThatCodeMakes(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	for _, row := range []struct {
		name, body string
		status     int
		header     map[string][]string
		text, part string
	}{
		{"a plain object", `return {status: 201, json: {a: 1}}`, 201, map[string][]string{"Content-Type": {"application/json"}}, `{"a":1}`, ""},
		{"bytes", `const r = new Response(); r.setBytes(new Uint8Array([0, 255]), 'image/x'); return r`, 200, map[string][]string{"Content-Type": {"image/x"}}, "\x00\xff", ""},
		{
			"fields that would act on our origin go", `return new Response({status: 200, headers: {'Set-Cookie': 'a=1', 'X-Own': '2', 'Connection': 'close', 'Content-Length': '9'}})`,
			200,
			map[string][]string{"X-Own": {"2"}},
			"", "",
		},
		{"the last status", `return {status: 599}`, 599, map[string][]string{}, "", ""},
		{"an interim status", `return {status: 101}`, 0, nil, "", "200 to 599"},
		{"no status that there is", `return {status: 600}`, 0, nil, "", "599"},
		{"nothing", `return`, 0, nil, "", "no response"},
		{"a field with a control character", `return {status: 200, headers: {'X-A': '\x01'}}`, 0, nil, "", "header"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := newRig(t, runner).handle(row.body)
			if row.part != "" {
				failing(t, err, fault.ReasonScriptFailed, row.part)
				return
			}
			must(t, err)
			if got.Status != row.status || string(got.Body) != row.text {
				t.Errorf("answer = %d %q", got.Status, got.Body)
			}
			if diff := cmp.Diff(row.header, map[string][]string(got.Header)); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodeAfterTheCallSeesRequestAndAnswer(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	r.load(`export function after(response, ctx, request) {
		response.setJson([request.method, request.url, request.headers.get('x-a'), request.operationId, ctx.operationId, ctx.connection.id, response.status, response.headers.get('X-B'), response.text()])
	}`)
	req := item()
	got, err := r.runner.After(t.Context(), r.run, &req, &upstream.Response{Status: 404, Header: map[string][]string{"X-B": {"b"}}, Body: []byte("none")})
	must(t, err)
	want := `["GET","https://api.example.com/v1/items?a=1","1, 2","Op","Op","crm",404,"b","none"]`
	if got.Status != 404 || string(got.Body) != want {
		t.Errorf("answer = %d %s", got.Status, got.Body)
	}
}

func TestCodeMayAnswerInsteadOfTheRequest(t *testing.T) {
	req := item()
	got, err := newRig(t, newRunner(t, sandbox.Limits{})).before(`return new Response({status: 304})`, &req)
	must(t, err)
	if got.Status != 304 {
		t.Errorf("status = %d", got.Status)
	}
}
