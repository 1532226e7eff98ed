package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

func TestExportsAreFoundHoweverTheyAreWritten(t *testing.T) {
	rows := []struct {
		name, source string
		want         sandbox.Exports
	}{
		{"exported", `export function before() {}`, sandbox.Exports{Before: true}},
		{"not exported", `function after() {}`, sandbox.Exports{After: true}},
		{"asynchronous", `export async function handle() {}`, sandbox.Exports{Handle: true}},
		{"an arrow in a constant", `const before = async () => {}; export const after = () => {}`, sandbox.Exports{Before: true, After: true}},
		{"all of them", `function before() {} function after() {} function handle() {}`, sandbox.Exports{Before: true, After: true, Handle: true}},
		{"nothing", `// nothing at all`, sandbox.Exports{}},
		{"something that is no function", `export const before = 1`, sandbox.Exports{}},
		{"a comment at the end", "function before() {}\n// end", sandbox.Exports{Before: true}},
		{"await at the top level", `const n = await Promise.resolve(1); export function before() { return n }`, sandbox.Exports{Before: true}},
		{"text that looks like a function", "`\nfunction before() {}\n`", sandbox.Exports{}},
	}
	p := newPool(t, sandbox.Options{Size: 1})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := p.Check(t.Context(), sandbox.Program{Name: "script.js", Source: row.source})
			if err != nil || got != row.want {
				t.Errorf("got %+v, %v; want %+v", got, err, row.want)
			}
			if got.None() != (row.want == sandbox.Exports{}) {
				t.Errorf("None is %v", got.None())
			}
		})
	}
}

func TestErrorsPointIntoTheMakersSource(t *testing.T) {
	rows := []struct {
		name, source string
		kind         sandbox.Kind
		line, column int
		message      string
		stack        string
	}{
		{"a syntax error", "// one\n\nexport function handle() {\n  let x = ;\n}", sandbox.KindCompile, 4, 11, "unexpected token", ""},
		{"text that does not end", "export function handle() {\n  return `abc\n}", sandbox.KindCompile, 2, 10, "", ""},
		{"an import", "import fs from 'fs'\nexport function handle() {}", sandbox.KindCompile, 0, 0, "fs", ""},
		{"an error at the top level", "\n  undefinedName.x\n", sandbox.KindCompile, 2, 3, "'undefinedName' is not defined", "<anonymous> (script.js:2:3)"},
		{"a host call at the top level", "send('https://api.example/')", sandbox.KindCompile, 1, 5, "within before, after and handle only", ""},
		{"a top level that waits for ever", "await new Promise(() => {})", sandbox.KindCompile, 0, 0, "nothing will settle", ""},
		{"a thrown error", "function inner() {\n  throw new TypeError('wrong kind')\n}\nexport function handle() {\n  inner()\n}", sandbox.KindThrown, 2, 22, "wrong kind", "inner (script.js:2:22)\nhandle (script.js:5:8)"},
		{"an error of the language", "export function handle() {\n  return null.field\n}", sandbox.KindThrown, 2, 14, "cannot read property 'field' of null", "handle (script.js:2:14)"},
		{"an error in a promise", "export async function handle() {\n  await null\n  throw new Error('later')\n}", sandbox.KindThrown, 3, 18, "later", ""},
		{"text that was thrown", "export function handle() { throw 'just text' }", sandbox.KindThrown, 0, 0, "just text", ""},
		{"an object that was thrown", "export function handle() { throw { code: 7 } }", sandbox.KindThrown, 0, 0, `{"code":7}`, ""},
		{"an error within our own code", "export function handle() {\n  return new Headers({ 'a b': 1 })\n}", sandbox.KindThrown, 2, 21, "no name of a header", "handle (script.js:2:21)"},
		{"no response", "export function handle() { return 5 }", sandbox.KindThrown, 0, 0, "handle() returned no response", ""},
		{"a status that is none", "export function handle() { return { status: 'ok' } }", sandbox.KindThrown, 0, 0, "not a number from 100 to 599", ""},
		{"a promise that nothing settles", "export async function handle() { await new Promise(() => {}) }", sandbox.KindThrown, 0, 0, "nothing will settle", ""},
		{"a function that is missing", "export function before() {}", sandbox.KindCompile, 0, 0, "no function handle", ""},
	}
	p := newPool(t, sandbox.Options{Size: 1})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if raceDetector && strings.HasPrefix(row.source, "await new") {
				t.Skip("the race detector checks pointers of the engine")
			}
			_, err := p.Run(t.Context(), handling(row.source))
			e := failure(t, err)
			if e.Kind != row.kind || e.Line != row.line || e.Column != row.column || !strings.Contains(e.Message, row.message) {
				t.Errorf("kind %v at %d:%d: %s", e.Kind, e.Line, e.Column, e.Message)
			}
			if row.stack != "" && e.Stack != row.stack {
				t.Errorf("stack:\n%s", e.Stack)
			}
			if e.Program != "script.js" || !strings.HasPrefix(e.Error(), "script.js") {
				t.Errorf("program %q, text %q", e.Program, e.Error())
			}
		})
	}
}

func TestBeforeChangesARequestOrAnswersIt(t *testing.T) {
	rows := []struct {
		name, source string
		request      *sandbox.Request
		response     *sandbox.Response
	}{
		{
			"in place",
			`export function before(request) { request.headers.set('Authorization', 'Bearer x'); request.method = 'put' }`,
			&sandbox.Request{
				Method: "PUT", URL: "https://api.example/a", OperationID: "op", Body: []byte(`{"a":1}`),
				Header: []sandbox.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Authorization", Value: "Bearer x"}},
			}, nil,
		},
		{
			"by another request",
			`export async function before(request, ctx) { return new Request('https://other.example/', { method: 'DELETE', headers: { 'X-Op': ctx.operationId + ctx.connection.id } }) }`,
			&sandbox.Request{Method: "DELETE", URL: "https://other.example/", Header: []sandbox.Field{{Name: "X-Op", Value: "opc1"}}}, nil,
		},
		{
			"its body",
			`export function before(request) { const b = request.json(); b.b = '€'; request.setJson(b) }`,
			&sandbox.Request{
				Method: "POST", URL: "https://api.example/a", OperationID: "op", Body: []byte(`{"a":1,"b":"€"}`),
				Header: []sandbox.Field{{Name: "Content-Type", Value: "application/json"}},
			}, nil,
		},
		{
			"by a response",
			`export function before(request) { return new Response({ status: 202, headers: [['A', '1'], ['a', '2']], json: { ok: true } }) }`,
			nil,
			&sandbox.Response{
				Status: 202, Body: []byte(`{"ok":true}`),
				Header: []sandbox.Field{{Name: "A", Value: "1"}, {Name: "a", Value: "2"}, {Name: "content-type", Value: "application/json"}},
			},
		},
	}
	p := newPool(t, sandbox.Options{Size: 1})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			result, err := p.Run(t.Context(), sandbox.Invocation{
				Program: sandbox.Program{Name: "s.js", Source: row.source}, Function: sandbox.Before,
				Request: &sandbox.Request{
					Method: "POST", URL: "https://api.example/a", OperationID: "op", Body: []byte(`{"a":1}`),
					Header: []sandbox.Field{{Name: "Content-Type", Value: "application/json"}},
				},
				OperationID: "op", ConnectionID: "c1", Host: &host{},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.request, result.Request); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.response, result.Response); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAfterChangesAResponse(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	binary := []byte{0, 0xff, 0xfe, 'a', 0}
	i := sandbox.Invocation{
		Program: sandbox.Program{Name: "s.js", Source: `
export function after(response, ctx, request) {
  if (request.url.endsWith('/same')) return
  const audio = response.bytes()
  response.setJson({ type: response.headers.get('CONTENT-type'), audio: base64.encode(audio), n: audio.length })
  response.status = 201
}`},
		Function: sandbox.After,
		Request:  &sandbox.Request{Method: "GET", URL: "https://api.example/a"},
		Response: &sandbox.Response{Status: 200, Header: []sandbox.Field{{Name: "Content-Type", Value: "audio/wav"}, {Name: "Content-Length", Value: "5"}}, Body: binary},
		Host:     &host{},
	}
	result, err := p.Run(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	want := &sandbox.Response{
		Status: 201, Header: []sandbox.Field{{Name: "Content-Type", Value: "application/json"}},
		Body: []byte(`{"type":"audio/wav","audio":"AP/+YQA=","n":5}`),
	}
	if diff := cmp.Diff(want, result.Response); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	i.Request.URL = "https://api.example/same"
	result, err = p.Run(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(i.Response, result.Response); diff != "" {
		t.Errorf("an answer that was left alone changed (-want +got):\n%s", diff)
	}
	if &result.Response.Body[0] != &binary[0] {
		t.Error("the body that was left alone was copied")
	}
}

func TestHandleAsksTheHost(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	h := &host{
		parameters: map[string]string{"tenant": "acme", "secret": "handle-7"},
		state:      map[string]json.RawMessage{"cursor": json.RawMessage(`{"n":41}`)},
		respond: func(_ context.Context, r *sandbox.Request) (*sandbox.Response, error) {
			if strings.Contains(r.URL, "broken") {
				return nil, errors.New("the destination is refused")
			}
			return &sandbox.Response{Status: 200, Header: []sandbox.Field{{Name: "ETag", Value: `"1"`}}, Body: append([]byte("got "), r.Body...)}, nil
		},
	}
	i := handling(`
export async function handle(request, ctx) {
  const first = await send({ url: 'https://api.example/upload', method: 'post', body: new Uint8Array([255, 0, 65]), headers: { 'X-Key': ctx.connection.parameter('secret') } })
  let refused
  try { send(new URL('https://broken.example/')) } catch (e) { refused = e.name + ': ' + e.message }
  const n = ctx.state.get('cursor').n + 1
  ctx.state.set('cursor', { n })
  ctx.state.delete('nothing')
  const forwarded = send(request)
  return { json: { tenant: ctx.connection.parameter('tenant'), none: typeof ctx.connection.parameter('none'), empty: typeof ctx.state.get('none'),
    callback: ctx.callbackUrl('/hook'), refused, first: Array.from(first.bytes()), etag: first.headers.get('etag'), ok: first.ok, forwarded: forwarded.text(),
    now: ctx.now() instanceof Date } }
}`)
	i.Host, i.Request.Body = h, []byte("original")
	result, err := p.Run(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"tenant":"acme","none":"undefined","empty":"undefined","callback":"https://ferrule.example/callback/hook",` +
		`"refused":"HostError: the destination is refused","first":[103,111,116,32,255,0,65],"etag":"\"1\"","ok":true,"forwarded":"got original","now":true}`
	if got := string(result.Response.Body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(h.state["cursor"]); got != `{"n":42}` {
		t.Errorf("the state is %s", got)
	}
	if len(h.sent) != 3 || h.sent[0].Method != "POST" || h.sent[0].Header[0].Value != "handle-7" || h.sent[2].OperationID != "ListItems" {
		t.Errorf("sent %+v", h.sent)
	}
	if result.Sends != 3 || result.HostCalls != 11 {
		t.Errorf("%d sends among %d questions", result.Sends, result.HostCalls)
	}
}

func TestNothingLeaksFromOneCallToTheNext(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	source := `
let count = 0
export function handle(request, ctx) {
  const before = [count++, globalThis.leak, [].leak, ''.leak, ({}).polluted, JSON.stringify === globalThis.kept, new Headers().leak, Math.leak]
  globalThis.leak = Array.prototype.leak = String.prototype.leak = Object.prototype.polluted = Math.leak = 'leaked'
  globalThis.kept = JSON.stringify
  try { Headers.prototype.leak = 'leaked' } catch {}
  RegExp.prototype.leak = 'leaked'
  Promise.prototype.then = null
  return new Response({ body: String(before) })
}`
	for n := range 3 {
		result, err := p.Run(t.Context(), handling(source))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(result.Response.Body); got != "0,,,,,false,," {
			t.Errorf("call %d saw %s", n, got)
		}
	}
	if got, err := evaluate(t, p, nil, `return [typeof leak, 'x'.leak === undefined, /a/.test('a')]`); err != nil || got != `["undefined",true,true]` {
		t.Errorf("another program saw %s, %v", got, err)
	}
	if s := p.Status(); s.Started != 1 {
		t.Errorf("%d workers were started: the calls did not share one", s.Started)
	}
}

func TestRandomNumbersDifferFromCallToCall(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	seen := map[string]bool{}
	for range 5 {
		got, err := evaluate(t, p, nil, `return [Math.random(), crypto.randomUUID(), crypto.randomBytes(8).toHex()].join()`)
		if err != nil || seen[got] {
			t.Errorf("got %s, %v", got, err)
		}
		seen[got] = true
	}
}

func TestManyCallsShareFewWorkers(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 2})
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			h := &host{respond: func(_ context.Context, r *sandbox.Request) (*sandbox.Response, error) {
				return &sandbox.Response{Status: 200, Body: r.Body}, nil
			}}
			got, err := evaluate(t, p, h, fmt.Sprintf(`return send({ url: 'https://a.example/', body: 'call %d' }).text()`, n))
			if want := fmt.Sprintf(`"call %d"`, n); err != nil || got != want {
				t.Errorf("got %s, %v; want %s", got, err, want)
			}
		})
	}
	wg.Wait()
	// A call that waits for its answer lets another one begin, up to half of the processes.
	if s := p.Status(); s.Workers != 2 || s.Idle != 2 || s.Started < 2 || s.Started > 16 || s.Killed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestInvocationsThatLackAPartAreRefused(t *testing.T) {
	rows := []struct {
		name   string
		change func(*sandbox.Invocation)
	}{
		{"no request", func(i *sandbox.Invocation) { i.Request = nil }},
		{"no host", func(i *sandbox.Invocation) { i.Host = nil }},
		{"an unknown function", func(i *sandbox.Invocation) { i.Function = "main" }},
		{"after without a response", func(i *sandbox.Invocation) { i.Function = sandbox.After }},
	}
	p := newPool(t, sandbox.Options{Size: 1})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			i := handling(`export function handle() {}`)
			row.change(&i)
			if _, err := p.Run(t.Context(), i); err == nil {
				t.Error("was accepted")
			}
		})
	}
	if s := p.Status(); s.Started != 0 {
		t.Errorf("%+v", s)
	}
}
