package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/lifetime"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// everyCall lists the steps that all calls pass, in order. The last one goes on
// with the steps of the operation.
func (p *Pipeline) everyCall() Next {
	return chain(
		p.countCall,
		p.limitTime,
		authenticate,
		p.bind, // authorises: the vault decides who may use a connection
		p.findOperation,
	)
}

// operationSteps lists the steps of one operation, in order. It is compiled once
// for each operation of a revision; what an operation does not need is not in
// its chain.
func (p *Pipeline) operationSteps(op *operation) Next {
	return chain(
		validateInput,
		p.once(p.exchangeSteps(op)), // for calls with an idempotency key
		checkAnswer,
		p.diagnose,
	)
}

// exchangeSteps lists what asks the API and prepares its answer. A raw request that
// cannot be passed on as it streams begins here ([Pipeline.Pass]): who calls, and
// with what, is known, and there is no input.
func (p *Pipeline) exchangeSteps(op *operation) Next {
	return chain(
		answerMock,
		hideInErrors,
		when(p.answers != nil, p.forgetAnswers),
		p.withGoodToken(p.attemptSteps(op)), // a second time if the API refuses the token
		when(op.wholeAnswer, refuseEvents),
		tellMade,
		placeLocation,
		when(len(op.policies.Response) > 0, p.applyResponsePolicies),
		when(op.polls, p.settlePoll),
		when(op.script != nil && op.script.Has(after), p.runAfter),
		when(op.linksBody, p.linkBody),
		p.linkAnswer,
		when(op.native, p.checkLocation),
		p.reportState,
		hideSecrets,
	)
}

// attemptSteps lists what makes a request and gets it answered.
func (p *Pipeline) attemptSteps(op *operation) Next {
	return chain(
		p.buildRequest,
		when(op.polls, p.beginPoll),
		when(op.cacheable && p.answers != nil, p.reuseAnswer),
		placeHandles,
		when(len(op.policies.Request) > 0, p.applyRequestPolicies),
		when(op.script != nil && op.script.Has(before), p.runBefore),
		when(op.script != nil && op.script.Has(handle), p.runHandle), // answers: the steps below are for its requests
		dropAlike,
		noteRequest,
		requireProof,
		p.transmit,
	)
}

// transmit is what every request of a call passes on its way to the API, be it
// the call's own, a policy's or one that custom code made: [Pipeline.send] checks
// the destination, makes secrets of handles, proves the request, and sends it, as
// often as is good, through limits and the egress guard.
func (p *Pipeline) transmit(ctx context.Context, c *Call, next Next) error {
	c.goesOut(c.request.Method)
	c.answered = 0 // of an attempt with another token
	resp, err := p.send(ctx, c, &c.request, c.operation.repeatable(c))
	c.request.Header, c.request.Body, c.request.Query = nil, nil, "" // secrets are in it
	if err != nil {
		return err
	}
	c.Response, c.answered = resp, resp.Status
	return next(ctx, c)
}

// countCall records the outcome and the time of a call.
func (p *Pipeline) countCall(ctx context.Context, c *Call, next Next) error {
	start := p.clock.Now()
	err := next(ctx, c)
	c.Elapsed = p.clock.Now().Sub(start)
	series, sample := p.unbound, usage.Sample{Elapsed: c.Elapsed, RequestBytes: c.sent, Replayed: c.Replayed}
	if c.operation != nil {
		series, sample.Connection = c.operation.series, c.Binding.Connection.ID
	}
	if c.Response != nil {
		sample.Status, sample.ResponseBytes = c.Response.Status, int64(len(c.Response.Body))
	}
	if err != nil {
		sample.Status = 0 // whatever the API answered, the caller has no answer
	}
	series.Record(ctx, sample)
	return err
}

// limitTime gives the call its deadline; an earlier one of the caller stays.
func (p *Pipeline) limitTime(ctx context.Context, c *Call, next Next) error {
	limit := p.timeout
	if c.Timeout > 0 {
		limit = min(c.Timeout, MaxTimeout)
	}
	life := new(lifetime.Life) // not in the call, which is copied for each page of a list
	p.lives.Begin(ctx, life, limit)
	defer p.lives.End(life)
	return next(life, c)
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

// findOperation finds the compiled operation, of a link that which it belongs to, and
// goes on with its own steps. A mock follows nothing.
func (p *Pipeline) findOperation(ctx context.Context, c *Call, _ Next) error {
	if c.Link != "" && !c.Binding.Mock {
		var err error
		if c.linked, err = p.Linked(ctx, c.Binding, c.OperationID, c.Link); err != nil {
			return err
		}
		c.OperationID = c.linked.OperationID
	}
	op, err := c.Binding.Revision.operation(ctx, c.OperationID)
	if err != nil {
		return err
	}
	c.operation = op
	return op.steps(ctx, c)
}

// validateInput reads the input and finds everything that is wrong with it. A call
// of a link needs none: the link is what the input was.
func validateInput(ctx context.Context, c *Call, next Next) error {
	if c.raw != nil || (c.follows() && len(c.Input) == 0) {
		return next(ctx, c)
	}
	arguments, err := c.operation.plan.ReadPrescribed(c.Input, c.Constants)
	if err != nil {
		return err
	}
	c.arguments = arguments
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

// dropAlike takes out of a raw request what its caller sent beside a field of the
// credential's, a policy's or the code's, under a name that some servers take for the
// same. What an operation describes is for its author to decide.
func dropAlike(ctx context.Context, c *Call, next Next) error {
	if c.raw != nil {
		request.DropAlike(c.request.Header, c.raw.Header)
	}
	return next(ctx, c)
}

// noteRequest keeps what the request was before secrets come in, for those who
// look at it later.
func noteRequest(ctx context.Context, c *Call, next Next) error {
	c.URL = c.request.URL()
	if c.operation.lookedBackAt {
		c.seen = c.request.Clone()
	}
	return next(ctx, c)
}

// hideSecrets takes secrets out of the answer's header, which an API repeats
// there when it redirects a request whose key was in the query, and what policies and
// code have written of handles out of all of it.
func hideSecrets(ctx context.Context, c *Call, next Next) error {
	c.Binding.Credential.RedactAll(c.Response.Header)
	c.hideHandles()
	return next(ctx, c)
}

// hideHandles takes handles out of the answer. In a body there are none unless
// something works on bodies.
func (c *Call) hideHandles() {
	c.handles.HideAll(c.Response.Header)
	if c.operation.whole && len(c.Response.Body) > 0 {
		if text := string(c.Response.Body); c.handles.Hide(text) != text {
			c.Response.Body = []byte(c.handles.Hide(text))
		}
	}
}

// hideInErrors takes handles out of what is said of a failure.
func hideInErrors(ctx context.Context, c *Call, next Next) error {
	return c.handles.HideError(next(ctx, c))
}

// checkAnswer compares the answer with its description, if the caller wants that.
func checkAnswer(ctx context.Context, c *Call, next Next) error {
	if c.Validation == ValidateNothing {
		return next(ctx, c)
	}
	c.Findings = c.operation.plan.CheckAnswer(c.Response.Status, c.Response.Header.Get("Content-Type"), c.Response.Body)
	if c.Validation == ValidateReport || len(c.Findings) == 0 {
		return next(ctx, c)
	}
	first := c.Findings[0]
	f := fault.Precondition(fault.ReasonResponseInvalid,
		"the call was made, and the API's answer is not what its description says: at %q, %s; ask for a report instead, or have the connector mended", first.Pointer, first.Message).
		With("operation", c.OperationID)
	for _, one := range c.Findings {
		f = f.Field(one.Pointer, one.Message)
	}
	return f
}

// diagnose says what an answer that reports a failure means.
func (p *Pipeline) diagnose(ctx context.Context, c *Call, next Next) error {
	c.Problem = c.operation.rules.Diagnose(c.Response, p.clock.Now(), c.operation.repeatable(c), c.Binding.Credential.Redactor())
	if c.Problem != nil && c.notRenewed != nil {
		c.Problem.TokenNotRenewed(c.notRenewed)
	}
	return next(ctx, c)
}
