package pipeline

import "net/http"

// What a request may do is judged by the method that goes out: policies and custom
// code send other requests than the one that an operation is described with. What
// the description says about its own method counts for that one alone, so that the
// stricter of both decides.

// trusts reports whether the description's word holds for a request of this method,
// or else the method itself promises it.
func (op *operation) trusts(method string, promises func(method string) bool) bool {
	return method == op.plan.Method() || promises(method)
}

// goesOut notes that a request of this method is being sent for the call.
func (c *Call) goesOut(method string) {
	op := c.operation
	c.changes = c.changes || !op.safe || !op.trusts(method, safeMethod)
	c.unrepeatable = c.unrepeatable || !op.repeats(c, method)
}

// repeats reports whether a request of this method may be sent twice. Whoever calls what
// is described as safe does not expect it to do anything, let alone twice, even if that
// has the effect of once: it is repeated as something else only for those who have sent an
// idempotency key.
func (op *operation) repeats(c *Call, method string) bool {
	if op.asksOnly && c.IdempotencyKey == "" {
		return op.trusts(method, safeMethod)
	}
	return op.trusts(method, idempotentMethod)
}

func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// idempotentMethod is as in RFC 9110, section 9.2.2.
func idempotentMethod(method string) bool {
	return safeMethod(method) || method == http.MethodPut || method == http.MethodDelete
}
