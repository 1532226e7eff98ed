package pipeline

import (
	"context"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// send makes secrets of the handles in a request and sends it. Nothing changes the
// request in between, and whoever made it must not look at it afterwards.
func (p *Pipeline) send(ctx context.Context, c *Call, req *request.Request, repeatable bool) (*upstream.Response, error) {
	if err := c.Binding.CheckRequest(req); err != nil {
		return nil, err
	}
	if err := c.handles.Reveal(req); err != nil {
		return nil, err
	}
	key := resilience.Key{Connection: c.Connection, Host: c.Binding.Endpoint(req.Base)}
	resp, _, err := p.guard.Do(ctx, key, resilience.Rules{Repeatable: repeatable}, func(ctx context.Context, attempt int) (*upstream.Response, error) {
		return p.attempt(ctx, c, req, repeatable, attempt)
	})
	return resp, err
}

// attempt pays for a request, proves it and sends it, once more if the API answers
// with a challenge.
func (p *Pipeline) attempt(ctx context.Context, c *Call, req *request.Request, repeatable bool, number int) (*upstream.Response, error) {
	if err := p.pay(ctx, c.Binding, c.operation.rates, c.operation.cost); err != nil {
		return nil, err
	}
	// A signature holds the time, and may have grown old while we waited.
	if err := c.handles.Finish(ctx, req, p.clock.Now(), false); err != nil {
		return nil, err
	}
	var leave func(*http.Response) bool
	if req == &c.request { // what policies and code ask for is read at once
		leave = c.leave
	}
	c.Attempts++
	c.sent += int64(len(req.Body))
	start := p.clock.Now()
	resp, err := p.exchange(ctx, c.ask(), c.Binding, &c.handles, req, &upstream.Attempt{
		Operation: c.OperationID, Host: req.Base.Host,
		Repeatable: repeatable, Redact: c.Binding.Credential.Redactor(), Identity: c.handles.Identity(), Leave: leave,
	})
	if err == nil {
		p.NoteAnswer(ctx, &c.handles, c.ask(), c.Binding, Heard{req.Base, resp.Status})
	}
	if tap := p.tap(c.Connection); tap != nil {
		entry := requestlog.Exchange{
			Time: start, Operation: c.OperationID, Principal: c.principal.Name, Method: req.Method, URL: req.URL(),
			RequestHeader: req.Header, RequestBody: req.Body, RequestBytes: int64(len(req.Body)), Err: err,
			Latency: p.clock.Now().Sub(start), Attempt: number, Redact: c.handles.Conceal, Secret: c.Binding.Credential.Names(),
			Logs: c.Logged(len(c.Logs) + 1),
		}
		if resp != nil {
			entry.Status, entry.ResponseHeader, entry.ResponseBody = resp.Status, resp.Header, resp.Body
			entry.ResponseBytes = int64(len(resp.Body))
		}
		tap.Exchange(ctx, &entry)
	}
	return resp, err
}

// tap returns where to tell what is sent for a connection; nil if nobody looks.
func (p *Pipeline) tap(connection resource.Connection) *requestlog.Tap {
	if p.log == nil {
		return nil
	}
	return p.log.For(connection)
}

// pay takes a request out of the budgets that it counts in.
func (p *Pipeline) pay(ctx context.Context, bound *Binding, rules []rate.Rule, cost int64) error {
	if p.limits == nil || !p.limits.Limits(rules) {
		return nil
	}
	who := rate.Who{Environment: bound.Connection.Environment, Connector: bound.Connector.ID, Connection: bound.Connection.ID}
	return p.limits.Take(ctx, who, rules, cost)
}

// fetch sends a request of a policy's own, with the credential of the call.
func (p *Pipeline) fetch(c *Call) func(context.Context, *request.Request) (*upstream.Response, error) {
	return func(ctx context.Context, made *request.Request) (*upstream.Response, error) {
		req := made.Clone() // the policy's own keeps its handles
		c.handles.PlaceQuery(&req, c.Binding.Credential.Placements())
		c.goesOut(req.Method)
		return p.send(ctx, c, &req, safeMethod(req.Method))
	}
}

// refused reports whether an answer says that the token of the call is not good.
func refused(handles *inject.Handles, resp *upstream.Response) bool {
	return resp != nil && handles.CarriesToken() && upstream.TokenRefused(resp.Status, resp.Header, resp.Body)
}
