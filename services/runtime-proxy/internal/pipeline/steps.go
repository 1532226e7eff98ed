package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// everyCall lists the steps that all calls pass, in order. The last one goes on
// with the steps of the operation.
func (p *Pipeline) everyCall() Next {
	return chain(
		p.countCall,
		p.limitTime,
		authenticate,
		p.bind, // authorises: the vault decides who may use a connection
		findOperation,
	)
}

// operationSteps lists the steps of one operation, in order. It is compiled once
// for each operation of a revision; what an operation does not need is not in
// its chain.
func (p *Pipeline) operationSteps(op *operation) Next {
	return chain(
		validateInput,
		p.withGoodToken(p.attemptSteps(op)), // a second time if the API refuses the token
		when(len(op.policies.Response) > 0, applyResponsePolicies),
		hideSecrets,
		p.diagnose,
	)
}

// attemptSteps lists what makes a request and sends it.
func (p *Pipeline) attemptSteps(op *operation) Next {
	return chain(
		buildRequest,
		placeHandles,
		when(len(op.policies.Request) > 0, applyRequestPolicies),
		requireProof,
		checkDestination,
		revealSecrets,
		p.proveRequest, // nothing changes the request after this
		p.send,
	)
}

// countCall records the outcome and the time of a call.
func (p *Pipeline) countCall(ctx context.Context, c *Call, next Next) error {
	start := p.clock.Now()
	err := next(ctx, c)
	c.Elapsed = p.clock.Now().Sub(start)
	series, status := p.unbound, 0
	if c.operation != nil {
		series = c.operation.series
	}
	if c.Response != nil {
		status = c.Response.Status
	}
	series.Record(ctx, status, c.Elapsed)
	return err
}

// limitTime gives the call its deadline; an earlier one of the caller stays.
func (p *Pipeline) limitTime(ctx context.Context, c *Call, next Next) error {
	limit := p.timeout
	if c.Timeout > 0 {
		limit = min(c.Timeout, MaxTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return next(ctx, c)
}

// authenticate finds out on whose behalf the call is made.
func authenticate(ctx context.Context, c *Call, next Next) error {
	principal, ok := authn.FromContext(ctx)
	if !ok {
		return fault.Unauthenticated(fault.ReasonUnauthenticated, "the call was not authenticated; send a valid token")
	}
	if principal.Kind == authn.KindService && c.OnBehalfOf != "" {
		// Still a service, so that a user of that name is lent nothing that was
		// asked for by a service, nor the other way round.
		principal = authn.Principal{Kind: authn.KindService, Name: c.OnBehalfOf}
	}
	c.principal = principal
	return next(ctx, c)
}

// bind loads the connection with its credential and the revision to use.
func (p *Pipeline) bind(ctx context.Context, c *Call, next Next) error {
	bound, err := p.Bind(ctx, c.ask())
	if err != nil {
		return err
	}
	c.Binding = bound
	return next(ctx, c)
}

// findOperation finds the compiled operation and goes on with its own steps.
func findOperation(ctx context.Context, c *Call, _ Next) error {
	op, err := c.Binding.Revision.operation(c.OperationID)
	if err != nil {
		return err
	}
	c.operation = op
	return op.steps(ctx, c)
}

// validateInput reads the input and finds everything that is wrong with it.
func validateInput(ctx context.Context, c *Call, next Next) error {
	arguments, err := c.operation.plan.Read(c.Input)
	if err != nil {
		return err
	}
	c.arguments = arguments
	return next(ctx, c)
}

// buildRequest writes the request, still without credentials.
func buildRequest(ctx context.Context, c *Call, next Next) error {
	base, err := c.Binding.BaseOf(c.operation.plan.Source())
	if err != nil {
		return err
	}
	c.request.Base = base
	if err := c.operation.plan.Build(c.arguments, &c.request); err != nil {
		return err
	}
	return next(ctx, c)
}

// placeHandles puts what stands for the credential where the operation needs it.
// A credential that has nothing for the operation's security schemes ends the call,
// unless its parameter set leaves the schemes alone: then its own placements and
// the policies have their turn before requireProof.
func placeHandles(ctx context.Context, c *Call, next Next) error {
	credential := c.Binding.Credential
	c.handles = credential.Handles()
	placements, err := credential.Choose(c.OperationID, c.operation.plan.Source().GetSecurity())
	if err != nil {
		if credential.Declares() {
			return err
		}
		c.unmet, placements = err, credential.Placements()
	}
	c.handles.Place(&c.request, placements)
	return next(ctx, c)
}

// requireProof ends a call of an operation that has to be authenticated if the
// request carries nothing of the connection, neither from a placement nor from a
// policy.
func requireProof(ctx context.Context, c *Call, next Next) error {
	if c.unmet != nil && !c.handles.Used() {
		return c.unmet
	}
	return next(ctx, c)
}

// applyRequestPolicies lets the connector's policies change the request.
func applyRequestPolicies(ctx context.Context, c *Call, next Next) error {
	if err := policy.Run(ctx, c.operation.policies.Request, c.exchange()); err != nil {
		return err
	}
	return next(ctx, c)
}

// checkDestination refuses hosts that the credential is not bound to. Nothing
// changes the host after this step.
func checkDestination(ctx context.Context, c *Call, next Next) error {
	if err := c.Binding.CheckRequest(&c.request); err != nil {
		return err
	}
	return next(ctx, c)
}

// revealSecrets makes secrets of handles.
func revealSecrets(ctx context.Context, c *Call, next Next) error {
	if err := c.handles.Reveal(&c.request); err != nil {
		return err
	}
	return next(ctx, c)
}

// proveRequest adds what is worked out of the finished request: signatures, and
// the answer to a challenge that is known.
func (p *Pipeline) proveRequest(ctx context.Context, c *Call, next Next) error {
	if err := c.handles.Finish(ctx, &c.request, p.clock.Now(), false); err != nil {
		return err
	}
	return next(ctx, c)
}

// send sends the request through the egress guard and reads the answer, once
// more if that is a challenge. What was sent is forgotten at once.
func (p *Pipeline) send(ctx context.Context, c *Call, next Next) error {
	resp, err := p.exchange(ctx, c.ask(), c.Binding, &c.handles, &c.request, &upstream.Attempt{
		Operation: c.OperationID, Host: c.request.Base.Host,
		Repeatable: c.operation.plan.Idempotent(), Redact: c.Binding.Credential.Redact, Identity: c.handles.Identity(),
	})
	c.request = request.Request{}
	if err != nil {
		return err
	}
	c.Response = resp
	return next(ctx, c)
}

// applyResponsePolicies lets the connector's policies change the answer.
func applyResponsePolicies(ctx context.Context, c *Call, next Next) error {
	if err := policy.Run(ctx, c.operation.policies.Response, c.exchange()); err != nil {
		return err
	}
	return next(ctx, c)
}

// hideSecrets takes secrets out of the answer's header, which an API repeats
// there when it redirects a request whose key was in the query.
func hideSecrets(ctx context.Context, c *Call, next Next) error {
	c.Binding.Credential.RedactAll(c.Response.Header)
	return next(ctx, c)
}

// diagnose says what an answer of 400 or more means.
func (p *Pipeline) diagnose(ctx context.Context, c *Call, next Next) error {
	c.Problem = upstream.Diagnose(c.Response, p.clock.Now(), c.operation.plan.Idempotent(), c.Binding.Credential.Redact)
	if c.Problem != nil && c.notRenewed != nil {
		c.Problem.TokenNotRenewed(c.notRenewed)
	}
	return next(ctx, c)
}
