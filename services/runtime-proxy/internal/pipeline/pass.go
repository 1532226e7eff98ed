package pipeline

import (
	"context"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Passed is a raw request, with its whole body, of which [Through.Whole] is true.
type Passed struct {
	// Ask is who calls, and with what; Binding what that means.
	Ask     binding.Ask
	Binding *Binding
	// Through is how the request is treated.
	Through *Through
	// Request is what the caller sent, without what was between the caller and us.
	// Its base is where it goes. It is not changed.
	Request *request.Request
}

// Pass runs the steps of an exchange for a raw request (steps.go): those of a call
// of the operation, but for its input. HEAD is made as GET where the operation is
// described so. The body of an answer that no step works on is left to be read
// ([upstream.Response.Rest]); the caller closes it. Time is the context's.
func (p *Pipeline) Pass(ctx context.Context, in *Passed) (*Call, error) {
	op, raw := in.Through.operation, *in.Request
	if in.Through.asGet {
		raw.Method = http.MethodGet
	}
	if err := op.readRawBody(&raw); err != nil {
		return nil, err
	}
	c := &Call{
		Connection: in.Ask.Connection, OperationID: op.plan.ID(), Subject: in.Ask.Subject, Binding: in.Binding,
		principal: in.Ask.Principal, operation: op, raw: &raw, wish: cache.WishOf(raw.Header), leave: op.leave,
	}
	if err := op.raw(ctx, c); err != nil {
		c.Response.Close()
		return c, err
	}
	return c, nil
}

// NeedsBodies says which bodies of a raw request are worked on.
func (t *Through) NeedsBodies() (ofRequest, ofAnswer bool) {
	op := t.operation
	return op.script != nil || op.policies.NeedsRequestBody, op.script != nil || op.wholeAnswer
}

// leaves reports whether the body of an answer to a raw request is passed on as it
// arrives: if nothing works on it, or nobody could wait for its end. Failures are
// read, since they are looked at before they are passed on.
func (op *operation) leaves(resp *http.Response) bool {
	if resp.StatusCode >= http.StatusBadRequest || resp.Body == http.NoBody {
		return false
	}
	if upstream.EventStream(resp.Header) {
		return true
	}
	kept := op.cacheable && resp.ContentLength >= 0 && resp.ContentLength <= cache.MaxAnswer && op.cache.Storable(resp.StatusCode, resp.Header)
	return !op.wholeAnswer && !kept
}

// refuseEvents ends a call whose answer would have to be waited for for ever.
// Policies that work on bodies have nothing to do with it, they are about JSON;
// custom code and polls would.
func refuseEvents(ctx context.Context, c *Call, next Next) error {
	op := c.operation
	if c.Response.Rest == nil || !(op.polls || (op.script != nil && op.script.Has(after))) {
		return next(ctx, c)
	}
	c.Response.Close()
	return fault.Unimplemented(fault.ReasonOperationNotSupported,
		"the request was made, and the API answers it with a stream of events, while the custom code or the polling of operation %q works on whole answers; ask the API for one", c.OperationID).
		With("operation", c.OperationID)
}
