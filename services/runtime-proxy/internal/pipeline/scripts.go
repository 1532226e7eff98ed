package pipeline

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/script"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// The functions of custom code.
const (
	before = sandbox.Before
	after  = sandbox.After
	handle = sandbox.Handle
)

// running is what the call gives its custom code.
func (p *Pipeline) running(c *Call) *script.Run {
	return &script.Run{
		Program: c.operation.script, Connection: c.Connection, Connector: c.Binding.Connector, Operation: c.OperationID,
		Handles: &c.handles, StateKey: c.Binding.LinkKey,
		Send: func(ctx context.Context, req *request.Request) (*upstream.Response, error) {
			c.goesOut(req.Method)
			once := !safeMethod(req.Method) && !c.operation.repeatable(c)
			resp, err := p.send(ctx, c, req, safeMethod(req.Method))
			c.begun = c.begun || (once && err == nil)
			return resp, err
		},
		Callback: func(ctx context.Context, path string) (string, error) { return p.callbackURL(ctx, c, path) },
	}
}

// codeRun is one run of custom code that has ended.
type codeRun struct {
	start   time.Time
	request *request.Request // what it was given, with handles
	follows bool             // a request comes after it, whose entry has what was logged
	err     error
}

// noteCode keeps what code logged. A run that failed, or logged something that is in the
// entry of no request, gets an entry of its own in the request log: calls of triggers have
// nobody who asks for their logs. What was logged before the failure is in it, too.
func (p *Pipeline) noteCode(ctx context.Context, c *Call, run *script.Run, r codeRun) {
	c.Logs, c.Dropped = append(c.Logs, run.Logs...), c.Dropped+run.Dropped
	tap := p.tap(c.Connection)
	logs := logged(run.Logs, run.Dropped, len(run.Logs)+1)
	switch {
	case tap == nil, r.err == nil && (r.follows || len(logs) == 0):
		return
	case r.err != nil:
		logs = c.Logged(len(c.Logs) + 1)
	}
	entry := requestlog.Exchange{
		Time: r.start, Operation: c.OperationID, Principal: c.principal.Name, Method: r.request.Method, URL: r.request.URL(),
		Err: r.err, Latency: p.clock.Now().Sub(r.start), Redact: c.handles.Conceal, Secret: c.Binding.Credential.Names(),
		Logs: logs,
	}
	tap.Exchange(ctx, &entry)
}

// Logged returns what custom code logged, at most so many lines. If there were more, the
// last line says how many.
func (c *Call) Logged(most int) []sandbox.Line { return logged(c.Logs, c.Dropped, most) }

func logged(lines []sandbox.Line, dropped, most int) []sandbox.Line {
	if dropped == 0 && len(lines) <= most {
		return lines
	}
	kept := min(len(lines), most-1)
	dropped += len(lines) - kept
	return append(slices.Clip(lines[:kept]), sandbox.Line{Level: sandbox.LevelWarn, Text: strconv.Itoa(dropped) + " more lines were dropped"})
}

// runBefore lets custom code change the request, or answer it.
func (p *Pipeline) runBefore(ctx context.Context, c *Call, next Next) error {
	run, start := p.running(c), p.clock.Now()
	answered, err := p.scripts.Before(ctx, run, &c.request)
	p.noteCode(ctx, c, run, codeRun{start: start, request: &c.request, follows: answered == nil, err: err})
	if err != nil {
		return c.tellBegun(err)
	}
	if answered != nil {
		c.Response = answered
		return noteRequest(ctx, c, func(context.Context, *Call) error { return nil })
	}
	return next(ctx, c)
}

// runHandle lets custom code answer the call. What it sends passes the steps of
// [Pipeline.send] like the call's own request.
func (p *Pipeline) runHandle(ctx context.Context, c *Call, _ Next) error {
	c.URL = c.request.URL()
	if c.operation.lookedBackAt {
		c.seen = c.request.Clone()
	}
	run, start := p.running(c), p.clock.Now()
	answered, err := p.scripts.Handle(ctx, run, &c.request)
	p.noteCode(ctx, c, run, codeRun{start: start, request: &c.request, err: err})
	if err != nil {
		return c.tellBegun(err)
	}
	c.Response = answered
	return nil
}

// runAfter lets custom code change the answer.
func (p *Pipeline) runAfter(ctx context.Context, c *Call, next Next) error {
	run, start := p.running(c), p.clock.Now()
	made, err := p.scripts.After(ctx, run, &c.seen, c.Response)
	p.noteCode(ctx, c, run, codeRun{start: start, request: &c.seen, err: err})
	if err != nil {
		return err
	}
	c.Response = made
	return next(ctx, c)
}
