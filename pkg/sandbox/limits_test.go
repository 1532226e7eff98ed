package sandbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

// patient is time for whatever ends by itself, on any machine.
const patient = 30 * time.Second

// tight is what hostile scripts get: little time, so that the tests are quick.
func tight() sandbox.Limits {
	return sandbox.Limits{Time: 300 * time.Millisecond, Memory: 32 << 20, Output: 64 << 10, HostCalls: 50, Sends: 3, LogLines: 5, LogBytes: 100}
}

func TestHostileScriptsAreStoppedAndTheNextCallWorks(t *testing.T) {
	rows := []struct {
		name  string
		body  string
		limit string // one of several, separated by "|"; empty: an exception of any kind
	}{
		{"an endless loop", `for (;;) {}`, "time"},
		{"an endless loop that catches everything", `for (;;) { try { for (;;) {} } catch {} finally {} }`, "time"},
		{"an endless chain of promises", `const again = () => Promise.resolve().then(again); await again()`, "time"},
		{"an endless loop in a getter of the result", `return { get a() { for (;;) {} } }`, "time"},
		{"a catastrophic regular expression", `return /^(a+)+$/.test('a'.repeat(40) + 'b')`, "time"},
		{"a catastrophic regular expression with a backreference", `return /^(a*)*\1$/.test('a'.repeat(40) + 'b')`, "time"},
		{"replacing everything in a large text", `let s = 'a'.repeat(4e6); for (let i = 0; i < 100; i++) s.replaceAll('a', 'bb'); return 1`, "time|memory"},
		{"sorting in the engine's own loop", `const a = Array.from({length: 1e6}, (_, i) => (i * 7919) % 1e6); for (let i = 0; i < 50; i++) a.toSorted().reverse(); return 1`, "time|memory"},
		{"a string of a gigabyte", `let s = 'x'; while (s.length < 1e9) s += s; return s.charCodeAt(5e8)`, "memory"},
		{"an array of a gigabyte", `const a = []; for (;;) a.push(new Array(1000).fill(1.5))`, "memory|time"},
		{"a buffer of a gigabyte", `return new ArrayBuffer(1 << 30).byteLength`, "memory"},
		{"a wide shared buffer", `return new SharedArrayBuffer(1 << 30).byteLength`, "memory"},
		{"many small objects", `const a = []; for (;;) a.push({ a: {}, b: [] })`, "memory|time"},
		{"deep recursion", `const f = () => f() + 1; return f()`, "stack"},
		{"deep recursion through the engine", `const f = () => [1].map(f); return f()`, "stack"},
		{"deep nesting of JSON", `return JSON.parse('['.repeat(1e6) + ']'.repeat(1e6)).length`, "stack"},
		{"a deeply nested regular expression", `return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('')`, ""},
		{"a body of the answer that is too long", `return 'x'.repeat(100e3)`, "output"},
		{"a request that is too long", `send({ url: 'https://api.example/', method: 'POST', body: 'x'.repeat(100e3) })`, "output"},
		{"bodies that are answered and kept", `const kept = []; for (let i = 0; i < 40; i++) kept.push(send({ url: 'https://api.example/' + i }))`, "memory"},
		{"too many questions", `for (;;) { try { ctx.state.get('a') } catch {} }`, "host calls"},
		{"too many requests", `for (;;) { try { send('https://api.example/') } catch {} }`, "sends"},
	}
	large := func(_ context.Context, r *sandbox.Request) (*sandbox.Response, error) {
		if r.URL == "https://api.example/" {
			return nil, errors.New("refused")
		}
		return &sandbox.Response{Status: 200, Body: make([]byte, 20<<20)}, nil
	}
	limits := tight()
	limits.Input = 20 << 20
	p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			within := limits
			if !strings.Contains(row.limit, "time") {
				within.Time = patient
			}
			_, err := evaluateWithin(t, p, &host{respond: large}, within, row.body)
			e := failure(t, err)
			found := false
			for name := range strings.SplitSeq(row.limit, "|") {
				found = found || e.Limit == name
			}
			if !found {
				t.Errorf("stopped by the limit %q (kind %v): %v; want %q", e.Limit, e.Kind, e, row.limit)
			}
			if e.Kind == sandbox.KindWorker {
				t.Errorf("the worker died: %v", e)
			}
			if got, err := evaluateWithin(t, p, nil, sandbox.Limits{Time: patient}, `return 6 * 7`); err != nil || got != "42" {
				t.Errorf("the next call gave %q, %v", got, err)
			}
		})
	}
}

func TestManyLargeDigestsDoNotAddUp(t *testing.T) {
	limits := tight()
	limits.Output, limits.Time = 4<<20, patient
	p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
	got, err := evaluate(t, p, nil, `const block = new Uint8Array(3 << 20); let last; for (let i = 0; i < 20; i++) last = crypto.hash('md5', block); return last`)
	if err != nil || got != `"d1dd210d6b1312cb342b56d02bd5e651"` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestTheTopLevelIsUnderTheSameLimits(t *testing.T) {
	rows := []struct{ name, source, limit string }{
		{"an endless loop", `for (;;) {}`, "time"},
		{"too much memory", `const b = []; for (;;) b.push(new Uint8Array(1 << 20))`, "memory"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			limits := tight()
			if row.limit != sandbox.LimitTime {
				limits.Time = patient
			}
			p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
			_, err := p.Check(t.Context(), sandbox.Program{Name: "top.js", Source: row.source})
			if e := failure(t, err); e.Kind != sandbox.KindLimit || e.Limit != row.limit {
				t.Errorf("kind %v, limit %q: %v", e.Kind, e.Limit, e)
			}
		})
	}
}

func TestALimitSaysWhatWasAllowed(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1, Limits: tight()})
	_, err := evaluate(t, p, nil, `for (;;) ctx.now()`)
	if e := failure(t, err); e.Limit != sandbox.LimitTime || e.Allowed != 300 {
		t.Errorf("limit %q of %d", e.Limit, e.Allowed)
	}
	i := handling(`export function handle() { for (;;) {} }`)
	i.Limits.Time = 50 * time.Millisecond
	_, err = p.Run(t.Context(), i)
	if e := failure(t, err); e.Allowed != 50 {
		t.Errorf("the invocation's own limit became %d ms", e.Allowed)
	}
}

func TestALogIsCutAtItsLimitsAndKeptWhenTheCallFails(t *testing.T) {
	limits := tight()
	limits.Time = 2 * time.Second
	p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
	i := handling(`export function handle() {
		console.warn('first', { a: 1 }, new TypeError('no'))
		for (let i = 0; i < 1000; i++) console.info('line ' + i)
		console.error('ä'.repeat(1e6))
		for (;;) {}
	}`)
	result, err := p.Run(t.Context(), i)
	if e := failure(t, err); e.Limit != sandbox.LimitTime {
		t.Fatalf("%v", e)
	}
	if len(result.Logs) != 5 || result.LogsDropped != 997 {
		t.Errorf("%d lines, %d dropped", len(result.Logs), result.LogsDropped)
	}
	if want := (sandbox.Line{Level: sandbox.LevelWarn, Text: `first {"a":1} TypeError: no`}); len(result.Logs) == 0 || result.Logs[0] != want {
		t.Errorf("logged %v", result.Logs)
	}
}

func TestALineOfTheLogIsCutBetweenCharacters(t *testing.T) {
	limits := tight()
	limits.Time = patient
	p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
	result, err := p.Run(t.Context(), handling(`export function handle() { console.debug('x' + 'ä'.repeat(1000)); return { status: 204 } }`))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Logs) != 1 || result.Logs[0].Text != "x"+strings.Repeat("ä", 45)+"… [cut]" {
		t.Errorf("logged %v", result.Logs)
	}
}

func TestALongLineOfTheLogLeavesRoomForTheNext(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	result, err := p.Run(t.Context(), handling(`export function handle() { console.log('x'.repeat(70000)); console.error('second'); return { status: 204 } }`))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Logs) != 2 || !strings.HasSuffix(result.Logs[0].Text, "x… [cut]") || len(result.Logs[0].Text) != 8<<10 || result.Logs[1].Text != "second" {
		t.Errorf("logged %d lines", len(result.Logs))
	}
}

func TestTimeStandsStillWhileTheHostAnswers(t *testing.T) {
	limits := tight()
	limits.Time = time.Second
	p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
	release := make(chan struct{})
	time.AfterFunc(2*time.Second, func() { close(release) })
	h := &host{respond: func(context.Context, *sandbox.Request) (*sandbox.Response, error) {
		<-release
		return &sandbox.Response{Status: 200, Body: []byte("late")}, nil
	}}
	got, err := evaluate(t, p, h, `return (await send('https://api.example/slow')).text()`)
	if err != nil || got != `"late"` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBodiesThatAreTooLongAreNotGivenToScripts(t *testing.T) {
	limits := tight()
	limits.Input, limits.Time = 1000, patient
	p := newPool(t, sandbox.Options{Size: 1, Limits: limits})
	i := handling(`export function handle() { return { status: 204 } }`)
	i.Request.Body = make([]byte, 1001)
	_, err := p.Run(t.Context(), i)
	if e := failure(t, err); e.Limit != sandbox.LimitInput || e.Allowed != 1000 {
		t.Errorf("limit %q of %d", e.Limit, e.Allowed)
	}
	h := &host{respond: func(context.Context, *sandbox.Request) (*sandbox.Response, error) {
		return &sandbox.Response{Status: 200, Body: make([]byte, 1001)}, nil
	}}
	got, err := evaluate(t, p, h, `try { send('https://api.example/') } catch (e) { return e.message }`)
	if err != nil || !strings.Contains(got, "1001 bytes") {
		t.Errorf("got %s, %v", got, err)
	}
	long := sandbox.Program{Name: "long.js", Source: strings.Repeat(" ", sandbox.MaxSource+1)}
	_, err = p.Check(t.Context(), long)
	if e := failure(t, err); e.Limit != sandbox.LimitSource {
		t.Errorf("%v", e)
	}
	_, err = p.Check(t.Context(), sandbox.Program{Name: "long.js", Source: strings.Repeat("\n", sandbox.MaxLines)})
	if e := failure(t, err); e.Limit != sandbox.LimitSource || e.Allowed != sandbox.MaxLines {
		t.Errorf("%v", e)
	}
}
