package script_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

func TestProgramsThatCannotBeUsed(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	for _, row := range []struct{ name, path, source, part, line string }{
		{"not JavaScript", "api.js", "export function before() {}\nfunction (", "api.js:2", "2"},
		{"a top level that throws", "", "const a = null;\n\na.b", "script.js:3", "3"},
		{"a namespace of state with a space", "api.js", "\n//# state = a\nexport function before() {}", "api.js:2: a namespace", "2"},
		{"a namespace of state that is empty", "api.js", "//# state=\nexport function before() {}", "api.js:1: a namespace", "1"},
		{"a namespace of state in another spelling", "api.js", "// #State: a\nexport function before() {}", "api.js:1: a namespace", "1"},
		{"two namespaces of state", "api.js", "//# state=a\nexport function before() {}\n//# state=b", "api.js:3: a namespace", "3"},
		{"none of the functions", "api.js", "function befor() {}", "none of the functions", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := runner.Program(t.Context(), &connectorv1.Script{Path: row.path, Source: row.source})
			if f := failing(t, err, fault.ReasonScriptInvalid, row.part); f.Meta()["line"] != row.line {
				t.Errorf("metadata = %v", f.Meta())
			}
		})
	}
}

// counting is a pool that counts checks.
type counting struct {
	*sandbox.Pool

	checks int
}

func (c *counting) Check(ctx context.Context, p sandbox.Program) (sandbox.Exports, error) {
	c.checks++
	return c.Pool.Check(ctx, p)
}

func TestAProgramIsCheckedOnce(t *testing.T) {
	pool := &counting{Pool: sandbox.New(sandbox.Options{Size: 1})}
	t.Cleanup(func() { must(t, pool.Close()) })
	runner, err := newRunnerOf(t, pool)
	must(t, err)
	for _, source := range []string{"function before() {}", "function before() {}", "function after() {}", "function before() {}"} {
		p, err := runner.Program(t.Context(), &connectorv1.Script{Source: source})
		must(t, err)
		if p.Has(sandbox.Before) != (source == "function before() {}") || p.Has(sandbox.Handle) {
			t.Errorf("%s has the wrong functions", source)
		}
	}
	if pool.checks != 2 {
		t.Errorf("checked %d times", pool.checks)
	}
}

// busy is a pool that has no turn for anybody.
type busy struct{ *sandbox.Pool }

func (busy) Run(context.Context, sandbox.Invocation) (sandbox.Result, error) {
	return sandbox.Result{}, fmt.Errorf("wait: %w", sandbox.ErrBusy)
}

func TestACallWhoseCodeHasNoTurnSaysWhenToTryAgain(t *testing.T) {
	pool := sandbox.New(sandbox.Options{Size: 1})
	t.Cleanup(func() { must(t, pool.Close()) })
	runner, err := newRunnerOf(t, busy{pool})
	must(t, err)
	_, err = newRig(t, runner).handle("return send(request)")
	f := failing(t, err, fault.ReasonConcurrencyLimited, "try again in a moment")
	if wait, ok := f.Retry(); f.Code() != fault.CodeResourceExhausted || !ok || wait != time.Second || f.Meta()["operation"] != "Op" {
		t.Errorf("fault = %v %v, again after %v", f.Code(), f.Meta(), wait)
	}
}

// noting is a pool that notes for whom it runs code.
type noting struct {
	*sandbox.Pool

	share sandbox.Share
}

func (n *noting) Run(ctx context.Context, i sandbox.Invocation) (sandbox.Result, error) {
	n.share = i.Share
	return n.Pool.Run(ctx, i)
}

func TestCodeCountsForItsConnectionAndConnector(t *testing.T) {
	pool := &noting{Pool: sandbox.New(sandbox.Options{Size: 1})}
	t.Cleanup(func() { must(t, pool.Close()) })
	runner, err := newRunnerOf(t, pool)
	must(t, err)
	if _, err := newRig(t, runner).value("return 1"); err != nil {
		t.Fatal(err)
	}
	want := sandbox.Share{Group: "environments/default/connectors/crm", Member: "environments/default/connections/crm"}
	if pool.share != want {
		t.Errorf("share = %+v, want %+v", pool.share, want)
	}
}

func TestWhyCodeFailed(t *testing.T) {
	unreachable := fault.Unavailable(fault.ReasonUpstreamUnreachable, "no connection to the API could be made").Because(errors.New("refused"))
	runner := newRunner(t, sandbox.Limits{})
	for _, row := range []struct {
		name, body string
		reason     fault.Reason
		code       fault.Code
		part, line string
	}{
		{"it threw", "let a = 1;\nthrow new Error('no such item')", fault.ReasonScriptFailed, fault.CodeFailedPrecondition, "no such item", "3"},
		{"it stumbled", "return request.nothing.more", fault.ReasonScriptFailed, fault.CodeFailedPrecondition, "TypeError", "2"},
		{"it rejected", "await null;\nreturn Promise.reject(new RangeError('far'))", fault.ReasonScriptFailed, fault.CodeFailedPrecondition, "RangeError: far", "3"},
		{"the API was not reached, and nothing caught it", "return send(request)", fault.ReasonUpstreamUnreachable, fault.CodeUnavailable, "no connection to the API could be made", "2"},
		{"it was caught and thrown again", "try { send(request) } catch (e) { throw e }", fault.ReasonUpstreamUnreachable, fault.CodeUnavailable, "no connection", "2"},
		{"it was caught, and something else thrown", "try { send(request) } catch (e) { throw new Error('my own') }", fault.ReasonScriptFailed, fault.CodeFailedPrecondition, "my own", "2"},
		{"a url for callbacks that there is none of", "ctx.callbackUrl('/hook')", fault.ReasonOperationNotSupported, fault.CodeFailedPrecondition, "callback", "2"},
		{"a state with a key that is too long", "ctx.state.set('k'.repeat(200), 1)", fault.ReasonScriptFailed, fault.CodeInvalidArgument, "1 to 128 bytes", "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, runner)
			r.respond = func(*request.Request) (*upstream.Response, error) { return nil, unreachable }
			_, err := r.handle(row.body)
			f := failing(t, err, row.reason, row.part)
			if f.Code() != row.code || f.Meta()["operation"] != "Op" || f.Meta()["line"] != row.line {
				t.Errorf("fault = %v %v, want line %s", f.Code(), f.Meta(), row.line)
			}
		})
	}
	t.Run("what is caught is no failure", func(t *testing.T) {
		r := newRig(t, runner)
		r.respond = func(*request.Request) (*upstream.Response, error) { return nil, unreachable }
		got, err := r.value(`try { send(request) } catch (e) { return [e.name, e.message] }`)
		if want := `["HostError","no connection to the API could be made"]`; err != nil || got != want {
			t.Errorf("code saw %s, %v", got, err)
		}
	})
}

func TestLimitsStopCode(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{Time: time.Second, Memory: 16 << 20, Sends: 3, HostCalls: 20, Output: 64 << 10})
	for _, row := range []struct{ name, body, limit, allowed string }{
		{"a loop without end", "for (;;) {}", "time", "1s"},
		{"a promise in circles", "for (;;) await null", "time", "1s"},
		{"a gigabyte", "const a = []; for (;;) a.push(new Uint8Array(1 << 20))", "memory", "16777216"},
		{"one send too many", "for (;;) send(request)", "sends", "3"},
		{"too many questions", "for (;;) ctx.connection.parameter('region')", "host calls", "20"},
		{"a body that is too long", "return {status: 200, body: 'x'.repeat(128 << 10)}", "output", "65536"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, runner)
			_, err := r.handle("console.info('begun');\n" + row.body)
			f := failing(t, err, fault.ReasonScriptLimitExceeded, `"Op"`)
			want := map[string]string{"limit": row.limit, "allowed": row.allowed, "operation": "Op"}
			meta := maps.Clone(f.Meta())
			delete(meta, "line")
			delete(meta, "column")
			if !maps.Equal(meta, want) || f.Code() != fault.CodeFailedPrecondition {
				t.Errorf("fault = %v %v, want %v", f.Code(), f.Meta(), want)
			}
			if got, err := newRig(t, runner).value(`return 1`); err != nil || got != "1" {
				t.Errorf("the next call gave %s, %v", got, err)
			}
		})
	}
}

func TestWhatTheCallSentIsCounted(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	_, err := r.handle(`send(request); console.debug('a', {b: 1}); send(request); console.error('c'); return {status: 200}`)
	must(t, err)
	want := []sandbox.Line{{Level: sandbox.LevelDebug, Text: `a {"b":1}`}, {Level: sandbox.LevelError, Text: "c"}}
	if r.run.Sent != 2 || len(r.run.Logs) != 2 || r.run.Logs[0] != want[0] || r.run.Logs[1] != want[1] {
		t.Errorf("sent %d, logged %v", r.run.Sent, r.run.Logs)
	}
}

func TestALeavingCallerStopsCode(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	r.load(`export function handle(request) { send(request); for (;;) {} }`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.respond = func(*request.Request) (*upstream.Response, error) {
		cancel()
		return &upstream.Response{Status: 200}, nil
	}
	req := item()
	_, err := r.runner.Handle(ctx, r.run, &req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

func TestCallbackURLs(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	r.run.Callback = func(_ context.Context, path string) (string, error) {
		if path == "bad" {
			return "", fault.Invalid(fault.ReasonInvalidArgument, "the path must begin with a slash")
		}
		return "https://ferrule.example/callbacks/x" + path, nil
	}
	if got, err := r.value(`return ctx.callbackUrl('/hook?a=1')`); err != nil || got != `"https://ferrule.example/callbacks/x/hook?a=1"` {
		t.Errorf("url = %s, %v", got, err)
	}
	_, err := r.value(`return ctx.callbackUrl('bad')`)
	failing(t, err, fault.ReasonInvalidArgument, "begin with a slash")
}
