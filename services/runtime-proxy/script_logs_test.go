package runtimeproxy_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// loggedIn returns the lines that a fault holds, in their order.
func loggedIn(f *fault.Error) (lines []string) {
	meta := f.Meta()
	for n := 1; ; n++ {
		key := "log_" + strconv.Itoa(n)
		if n < 10 {
			key = "log_0" + strconv.Itoa(n)
		}
		line, ok := meta[key]
		if !ok {
			return lines
		}
		lines = append(lines, line)
	}
}

const logsAndFails = `
	export function before(request, ctx) {
		console.info('before', new URL(request.url).searchParams.get('state'))
		ctx.log.warn('key', request.headers.get('X-Api-Key'))
		if (new URL(request.url).searchParams.get('state') === 'throw') throw new Error('early')
	}
	export function after(response) { console.error('after', response.status); response.nothing.more }`

func TestLogsOfCodeThatFailsAreForThoseWhoAsk(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, logsAndFails)
	for _, row := range []struct {
		name, state string
		asked       bool
		want        []string
	}{
		{"before threw", "throw", true, []string{"info before throw", "warn key [redacted]"}},
		{"after stumbled", "fine", true, []string{"info before fine", "warn key [redacted]", "error after 200"}},
		{"nobody asked", "fine", false, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search", Input: body(`{"state":"` + row.state + `"}`), IncludeLogs: row.asked}
			got := loggedIn(checkReason(t, second(s.runtime.Invoke(s.as("ada"), req)), fault.ReasonScriptFailed))
			if !slices.EqualFunc(got, row.want, strings.HasPrefix) {
				t.Errorf("logs = %q, want %q", got, row.want)
			}
		})
	}
}

func TestLongLogsOfCodeThatFailsAreCutAtTheirBeginning(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function handle() { for (let i = 0; i < 60; i++) console.log(i, 'é'.repeat(300)); throw new Error('late') }`)
	req := &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search", IncludeLogs: true}
	f := checkReason(t, second(s.runtime.Invoke(s.as("ada"), req)), fault.ReasonScriptFailed)
	got := loggedIn(f)
	if len(got) != 16 || !strings.HasPrefix(got[15], "info 59 é") || len(got[15]) > 512 || f.Meta()["log_lines_left_out"] == "" {
		t.Errorf("%d lines, the last %q, left out %q", len(got), got[len(got)-1], f.Meta()["log_lines_left_out"])
	}
	if f.Meta()["operation"] != "Search" {
		t.Errorf("metadata = %v", f.Meta())
	}
}

// TestARequestLogHasWhatCodeLogged: also where nobody asks for it with the call, as of
// triggers, and where it belongs to no request.
func TestARequestLogHasWhatCodeLogged(t *testing.T) {
	a := newScripted(t, nil)
	for _, row := range []struct {
		name, source string
		attempt      int32 // of the entry that has the lines
		status       int32
		lines        []string
	}{
		{"instead of the call", `export function handle(request) { console.info('one'); const r = send(request); console.warn('two'); return r }`, 0, 0, []string{"info one", "warn two"}},
		{"after the call", `export function after(response) { console.error('after', response.status) }`, 0, 0, []string{"error after 200"}},
		{"before the call", `export function before() { console.debug('before') }`, 1, 200, []string{"debug before"}},
		{"before, in place of the call", `export function before() { console.debug('no'); return new Response({json: {}}) }`, 0, 0, []string{"debug no"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := startCode(t, a.url, row.source, "Search")
			must(t, second(s.runtime.EnableRequestLog(s.as("ada"), &runtimev1.EnableRequestLogRequest{Connection: connection})))
			var found *runtimev1.RequestLogEntry
			testkit.Await(t, "the entry of what was logged", func() bool {
				must(t, second(s.call("Search", `{}`)))
				for _, e := range s.entries(0) {
					if len(e.GetLogs()) > 0 {
						found = e
					}
				}
				return found != nil
			})
			if !slices.Equal(found.GetLogs(), row.lines) || found.GetAttempt() != row.attempt || found.GetStatusCode() != row.status || found.GetError() != "" {
				t.Errorf("entry = %v", found)
			}
		})
	}
}

func TestARequestLogHasTheFailuresOfCode(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, logsAndFails)
	must(t, second(s.runtime.EnableRequestLog(s.as("ada"), &runtimev1.EnableRequestLogRequest{Connection: connection})))
	call := func(state string) {
		checkReason(t, second(s.call("Search", `{"state":"`+state+`"}`)), fault.ReasonScriptFailed)
	}
	// found calls until something is kept, and returns an entry of code that is.
	found := func(state string) (entry *runtimev1.RequestLogEntry) {
		testkit.Await(t, "the entry of code with "+state, func() bool {
			call(state)
			for _, e := range s.entries(0) {
				if e.GetError() == "SCRIPT_FAILED" && strings.Contains(e.GetUrl(), "state="+state) {
					entry = e
				}
			}
			return entry != nil
		})
		return entry
	}
	for _, row := range []struct {
		state string
		lines []string
	}{
		{"throw", []string{"info before throw", "warn key [redacted]"}},
		{"fine", []string{"info before fine", "warn key [redacted]", "error after 200"}},
	} {
		e := found(row.state)
		if e.GetOperationId() != "Search" || e.GetPrincipal() != "ada" || e.GetMethod() != "GET" || e.GetStatusCode() != 0 || e.GetAttempt() != 0 || !slices.Equal(e.GetLogs(), row.lines) || leaks(e.String()) {
			t.Errorf("entry = %v", e)
		}
	}
}

// TestLinesThatWereDroppedAreCounted: who looks for the line that matters has to know that
// it may be one of them.
func TestLinesThatWereDroppedAreCounted(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function handle() { for (let i = 0; i < 250; i++) console.log(i); console.log('x'.repeat(70000)); return new Response({ json: 1 }) }`)
	answer, err := s.runtime.Invoke(s.as("ada"), &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search", IncludeLogs: true})
	must(t, err)
	lines := answer.GetLogs()
	if len(lines) != 200 || lines[198].GetMessage() != "198" || lines[199].GetMessage() != "52 more lines were dropped" {
		t.Errorf("%d lines, the last: %v", len(lines), lines[len(lines)-1])
	}
}

func TestALineThatWasCutSaysSo(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function handle() { console.log('x'.repeat(70000)); console.log('second'); return new Response({ json: 1 }) }`)
	answer, err := s.runtime.Invoke(s.as("ada"), &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search", IncludeLogs: true})
	must(t, err)
	lines := answer.GetLogs()
	if len(lines) != 2 || len(lines[0].GetMessage()) != 4<<10 || !strings.HasSuffix(lines[0].GetMessage(), "x… [cut]") || lines[1].GetMessage() != "second" {
		t.Errorf("%d lines", len(lines))
	}
}
