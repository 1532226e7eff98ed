package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
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
			return p.send(ctx, c, req, safeMethod(req.Method))
		},
		Callback: func(ctx context.Context, path string) (string, error) { return p.callbackURL(ctx, c, path) },
	}
}

// runBefore lets custom code change the request, or answer it.
func (p *Pipeline) runBefore(ctx context.Context, c *Call, next Next) error {
	run := p.running(c)
	answered, err := p.scripts.Before(ctx, run, &c.request)
	c.Logs = append(c.Logs, run.Logs...)
	if err != nil {
		return err
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
	run := p.running(c)
	answered, err := p.scripts.Handle(ctx, run, &c.request)
	c.Logs = append(c.Logs, run.Logs...)
	if err != nil {
		return err
	}
	c.Response = answered
	return nil
}

// runAfter lets custom code change the answer.
func (p *Pipeline) runAfter(ctx context.Context, c *Call, next Next) error {
	run := p.running(c)
	made, err := p.scripts.After(ctx, run, &c.seen, c.Response)
	c.Logs = append(c.Logs, run.Logs...)
	if err != nil {
		return err
	}
	c.Response = made
	return next(ctx, c)
}
