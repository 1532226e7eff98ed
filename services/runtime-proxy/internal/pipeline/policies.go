package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// applied is the call as policies see it, the same for both sections.
func (p *Pipeline) applied(c *Call) *policy.Exchange {
	if c.policies == nil {
		c.policies = &policy.Exchange{}
	}
	e := c.policies
	e.Request, e.Response, e.Parameter = &c.request, c.Response, c.handles.Parameter
	e.Argument = func(name string) (string, bool) {
		if c.raw != nil {
			return c.operation.plan.PathValue(c.raw.Path, name)
		}
		return c.operation.plan.PathArgument(c.arguments, name)
	}
	if !c.operation.policies.Calls {
		return e
	}
	e.Fetch = p.fetch(c)
	e.Diagnose = func(answer *upstream.Response, repeatable bool) *upstream.Problem {
		return c.operation.rules.Diagnose(answer, p.clock.Now(), repeatable, c.Binding.Credential.Redact)
	}
	e.Link = func(absolute string) (string, bool) {
		maker, err := p.linksOf(c.Binding, c.operation)
		if err != nil {
			return "", false
		}
		return maker.Make(absoluteLink(c.URL, absolute))
	}
	e.Unauthenticated = func(status int) { c.unauthenticated = status }
	return e
}

// applyRequestPolicies lets the connector's policies change the request.
func (p *Pipeline) applyRequestPolicies(ctx context.Context, c *Call, next Next) error {
	if c.operation.policies.NeedsRequestBody {
		c.handles.Spread()
	}
	if err := policy.Run(ctx, c.operation.policies.Request, p.applied(c)); err != nil {
		return err
	}
	return next(ctx, c)
}

// applyResponsePolicies lets the connector's policies change the answer. They see
// the request as it was before secrets came in.
func (p *Pipeline) applyResponsePolicies(ctx context.Context, c *Call, next Next) error {
	e := p.applied(c)
	e.Request = &c.seen
	if err := policy.Run(ctx, c.operation.policies.Response, e); err != nil {
		return err
	}
	return next(ctx, c)
}

// reportState tells that the API wants the connection's owner to sign in again, if
// a policy says that this is what the answer of the test operation means.
func (p *Pipeline) reportState(ctx context.Context, c *Call, next Next) error {
	if c.unauthenticated != 0 && p.needs != nil && c.OperationID == c.Binding.Revision.Definition().GetConnectionTest().GetOperationId() {
		p.needs(ctx, c.Connection, c.unauthenticated)
	}
	return next(ctx, c)
}

// beginPoll makes a poll of the call. The state travels in the query of the link
// that the last poll answered with.
func (p *Pipeline) beginPoll(ctx context.Context, c *Call, next Next) error {
	if err := c.operation.policies.Trigger.Before(p.applied(c), ""); err != nil {
		return err
	}
	return next(ctx, c)
}

// settlePoll turns the answer into that of a poll.
func (p *Pipeline) settlePoll(ctx context.Context, c *Call, next Next) error {
	e := p.applied(c)
	e.Request = &c.seen
	if err := c.operation.policies.Trigger.After(ctx, e); err != nil {
		return err
	}
	return next(ctx, c)
}
