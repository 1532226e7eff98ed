package pipeline

import (
	"context"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/idempotency"
)

// Made is what a failure becomes that came after the API had answered: it says that the
// call was made and how it was answered, in the metadata as "outcome" and
// "upstream_status", too. Of what may not be made twice nothing suggests that it be
// sent again: the code of the failure is one that nobody tries again, and there is no
// time to wait for. The reason stays.
func Made(err error, status int, repeatable bool) error {
	f := fault.From(err)
	lead := "the call was made, and the API answered it with " + strconv.Itoa(status)
	if !repeatable {
		lead += ", so look at what it did instead of sending it again"
	}
	return told(f, lead, repeatable).With("outcome", "made").With("upstream_status", strconv.Itoa(status))
}

// tellBegun says of a failure of custom code that it had sent something before that must
// not be sent twice, if it had.
func (c *Call) tellBegun(err error) error {
	if !c.begun {
		return err
	}
	const lead = "custom code had sent something before, and had it answered, so look at what it did instead of calling again"
	return told(fault.From(err), lead, false).With("outcome", "made")
}

// failureOf reads from a failure what [Made] and tellBegun have said: whether the call was
// made, and how it was answered.
func failureOf(err error) (how idempotency.Failure, made bool) {
	f := fault.From(err)
	meta := f.Meta()
	how.Reason = f.Reason()
	how.Status, _ = strconv.Atoi(meta["upstream_status"]) // none of what code sent
	return how, meta["outcome"] == "made"
}

// told repeats a failure with what came before it.
func told(f *fault.Error, lead string, repeatable bool) *fault.Error {
	code, message := f.Code(), f.Message()
	if !repeatable {
		message, _, _ = strings.Cut(message, "; try again")
		switch code {
		case fault.CodeUnavailable, fault.CodeResourceExhausted, fault.CodeAborted, fault.CodeDeadlineExceeded:
			code = fault.CodeFailedPrecondition
		default:
		}
	}
	out := fault.New(code, f.Reason(), "%s; then this failed: %s", lead, message).Because(f.Unwrap())
	for key, value := range f.Meta() {
		out = out.With(key, value)
	}
	for _, v := range f.Violations() {
		out = out.Field(v.Field, v.Description)
	}
	if wait, ok := f.Retry(); ok && repeatable {
		out = out.RetryAfter(wait)
	}
	return out
}

// tellMade says of what fails after the answer that the call was made, unless the
// answer is one that was kept.
func tellMade(ctx context.Context, c *Call, next Next) error {
	status := c.answered
	err := next(ctx, c)
	if err == nil || status == 0 || c.Replayed {
		return err
	}
	return Made(err, status, c.operation.repeatable(c))
}
