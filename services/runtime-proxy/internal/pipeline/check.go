package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Check is the outcome of a connection test.
type Check struct {
	// Succeeded is true if the API accepted the credential or, where there is no
	// test operation, did not refuse it.
	Succeeded bool
	// Message is what was found, one sentence.
	Message string
	// OperationID is what was called; empty if the server was only reached.
	OperationID string
	// Status is the HTTP status of the answer; 0 without one.
	Status int
	// Latency is how long the API took.
	Latency time.Duration
}

// operationOfCheck stands in the audit trail for a test that calls no operation.
const operationOfCheck = "connection:test"

// Check finds out whether a connection works: it calls the connector's test
// operation, where a 2xx is good, or else the root of the server, where anything
// but 401 and 403 is. That the API cannot be reached is an outcome, not an
// error; errors say that the test could not be made.
func (p *Pipeline) Check(ctx context.Context, connection resource.Connection, subject binding.Subject) (*Check, error) {
	principal, ok := authn.FromContext(ctx)
	if !ok {
		return nil, fault.Unauthenticated(fault.ReasonUnauthenticated, "the call was not authenticated; send a valid token")
	}
	ask := binding.Ask{Connection: connection, Principal: principal, Operation: operationOfCheck, Subject: subject}
	bound, err := p.Bind(ctx, ask)
	if err != nil {
		return nil, err
	}
	if bound.Mock {
		return &Check{Succeeded: true, Message: "the connection is a mock: it answers with examples and reaches nobody"}, nil
	}
	if test := bound.Revision.Definition().GetConnectionTest(); test.GetOperationId() != "" {
		return p.checkOperation(ctx, &Call{
			Connection: connection, OperationID: test.GetOperationId(), Input: test.GetInput(), Subject: subject,
		})
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return p.checkServer(ctx, ask, bound)
}

func (p *Pipeline) checkOperation(ctx context.Context, c *Call) (*Check, error) {
	err := p.Invoke(ctx, c)
	check := &Check{OperationID: c.OperationID, Latency: c.Elapsed}
	switch {
	case err != nil:
		return check.failed(err)
	case c.Problem != nil:
		check.Message = c.Problem.Message
	case c.Response.Status >= http.StatusMultipleChoices:
		check.Message = fmt.Sprintf("the API answered with status %d, and only 2xx counts", c.Response.Status)
	default:
		check.Succeeded, check.Message = true, "the API accepted the connection"
	}
	check.Status = c.Response.Status
	return check, nil
}

// failed turns the failure of the way to the API into an outcome.
func (c *Check) failed(err error) (*Check, error) {
	outcomes := []fault.Reason{
		fault.ReasonUpstreamUnreachable, fault.ReasonUpstreamTimeout, fault.ReasonUpstreamReset,
		fault.ReasonUpstreamInvalidResponse, fault.ReasonUpstreamResponseTooLarge, fault.ReasonOutcomeUnknown,
		fault.ReasonEgressRefused, fault.ReasonHostNotAllowed, fault.ReasonConnectionParametersInvalid,
	}
	if !slices.Contains(outcomes, fault.ReasonOf(err)) {
		return nil, err
	}
	c.Message = fault.From(err).Message()
	return c, nil
}

// checkServer calls the root of the server with the credential: HEAD, and GET
// where the server does not know HEAD.
func (p *Pipeline) checkServer(ctx context.Context, ask binding.Ask, bound *Binding) (*Check, error) {
	through, err := bound.Revision.Through(ctx, http.MethodHead, "/")
	switch reason := fault.ReasonOf(err); { // probe says what else is wrong
	case reason == fault.ReasonCustomCodeRequired, reason == fault.ReasonOperationNotSupported, through.Whole():
		return &Check{Succeeded: true, Message: "nothing was tested: the connector names no operation for it, and its requests need more than the server's address; invoke an operation to see, or have its maker name one with x-ferrule-connection-test"}, nil
	}
	var check *Check
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		start := p.clock.Now()
		resp, err := p.probeWithGoodToken(ctx, ask, bound, method)
		check = &Check{Latency: p.clock.Now().Sub(start)}
		if err != nil {
			return check.failed(err)
		}
		check.Status = resp.Status
		if resp.Status != http.StatusMethodNotAllowed && resp.Status != http.StatusNotImplemented {
			break
		}
	}
	if check.Status == http.StatusUnauthorized || check.Status == http.StatusForbidden {
		check.Message = fmt.Sprintf("the API refused the connection's credentials (status %d)", check.Status)
		return check, nil
	}
	check.Succeeded = true
	check.Message = fmt.Sprintf("the server was reached (status %d), which does not prove the credentials: the connector names no operation to test them with; its maker names one with x-ferrule-connection-test", check.Status)
	return check, nil
}

// probeWithGoodToken probes, and again with another token if the API refuses the
// present one.
func (p *Pipeline) probeWithGoodToken(ctx context.Context, ask binding.Ask, bound *Binding, method string) (*upstream.Response, error) {
	resp, carried, err := p.probe(ctx, ask, bound, method)
	if err != nil || bound.TokenVersion == "" || !carried || !upstream.TokenRefused(resp.Status, resp.Header, resp.Body) {
		return resp, err
	}
	renewed, err := p.Renew(ctx, ask, binding.Refusal{TokenVersion: bound.TokenVersion, Status: resp.Status})
	if err != nil {
		return resp, nil //nolint:nilerr // the API's answer says it
	}
	resp, _, err = p.probe(ctx, ask, renewed, method)
	return resp, err
}

// probe calls the root of the server. carried says whether the request had the
// access token of the connection in it. The answer is the outcome of a test and nothing
// else: many servers answer everybody there, so it must not end a refusal.
func (p *Pipeline) probe(ctx context.Context, ask binding.Ask, bound *Binding, method string) (resp *upstream.Response, carried bool, err error) {
	base, err := bound.BaseOf(nil)
	if err != nil {
		return nil, false, err
	}
	req := request.Request{Method: method, Base: base, Header: map[string][]string{"User-Agent": {"Ferrule"}}}
	through, err := bound.Revision.Through(ctx, method, "/")
	if err != nil {
		return nil, false, err
	}
	handles := bound.Credential.Handles()
	handles.Place(&req, bound.Credential.Placements())
	if err := policy.Run(ctx, through.Policies.Request, &policy.Exchange{Request: &req, Parameter: handles.Parameter}); err != nil {
		return nil, false, err
	}
	if err := bound.CheckRequest(&req); err != nil {
		return nil, false, err
	}
	if err := handles.Reveal(&req); err != nil {
		return nil, false, err
	}
	if err := handles.Finish(ctx, &req, p.clock.Now(), false); err != nil {
		return nil, false, err
	}
	resp, err = p.exchange(ctx, ask, bound, &handles, &req, &upstream.Attempt{
		Operation: "test", Host: req.Base.Host, Repeatable: true, Redact: bound.Credential.Redact, Identity: handles.Identity(),
	})
	return resp, handles.CarriesToken(), err
}
