package delivery

import (
	"context"
	"errors"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

const kindAction = "action"

var _ Sender = (*Action)(nil)

// Action calls an action of a connector for each event, with the rights of the
// subscription's owner. It is safe for concurrent use.
type Action struct {
	runtime   core.Runtime
	templates *compiled[*mapping.Template]
}

// NewAction returns a sender that calls actions through a runtime.
func NewAction(runtime core.Runtime) *Action {
	return &Action{runtime: runtime, templates: newCompiled(mapping.CompileTemplate)}
}

// Kind implements [Sender].
func (*Action) Kind() string { return kindAction }

// Serves implements [Sender].
func (*Action) Serves(sink core.Sink) bool { return sink.Action != nil }

// Send implements [Sender]. What is sent twice is done once: the job's id is the
// idempotency key of the call.
func (a *Action) Send(ctx context.Context, job Job) Result {
	sink := job.Sink.Action
	input, err := a.input(ctx, job)
	if problem, ok := errors.AsType[*mapping.Error](err); ok {
		return Result{Outcome: Refused, Reason: "the input could not be made: " + problem.Error()}
	}
	if err != nil {
		return Result{Reason: "the input could not be made now"}
	}
	answer, err := a.runtime.Invoke(ctx, core.Call{
		Behalf: core.BehalfOfService, Owner: job.Subscription.Owner, Connection: sink.Connection, Operation: sink.Operation,
		Input: string(input), IdempotencyKey: job.ID,
	})
	if err != nil {
		return notCalled(err)
	}
	return answered(answer)
}

func (a *Action) input(ctx context.Context, job Job) ([]byte, error) {
	template, err := a.templates.get(job.Sink.Action.Input)
	if err != nil {
		return nil, err
	}
	event, err := mapping.Parse(job.Event)
	if err != nil {
		return nil, &mapping.Error{Problem: "the event cannot be read"}
	}
	return template.Render(ctx, event)
}

// answered decides by the API's answer.
func answered(answer core.Answer) Result {
	if answer.Status < http.StatusBadRequest {
		return Result{Outcome: Accepted, Status: answer.Status}
	}
	result := Result{Status: answer.Status, Reason: "the API refused the call"}
	if r := answer.Refusal; r != nil {
		result.RetryAfter = min(max(r.RetryAfter, 0), maxRetryAfter)
		if r.Message != "" {
			result.Reason += ": " + r.Message
		}
	}
	// Credentials can be repaired, and then the same call succeeds.
	credentials := answer.Status == http.StatusUnauthorized
	if answer.Refusal != nil && !answer.Refusal.Retryable && !credentials {
		result.Outcome = Refused
	}
	return result
}

// notCalled decides by why there is no answer.
func notCalled(err error) Result {
	f := fault.From(err)
	result := Result{Reason: "the action could not be called: " + f.Message()}
	if wait, ok := f.Retry(); ok {
		result.RetryAfter = min(max(wait, 0), maxRetryAfter)
	}
	switch f.Code() {
	case fault.CodeInvalidArgument, fault.CodeNotFound, fault.CodePermissionDenied, fault.CodeUnimplemented, fault.CodeOutOfRange:
		result.Outcome = Refused
	case fault.CodeFailedPrecondition:
		// A connection that has to be authorized again, and so on, can be repaired.
		if f.Reason() == fault.ReasonIdempotencyKeyInUse { // it was answered
			result.Outcome = Refused
		}
	default:
	}
	if unclear(f) {
		result.Outcome = Unclear
	}
	return result
}

// unclear reports whether a call may or may not have been made. One with another
// input, from before the mapping was changed, is such a call too.
func unclear(f *fault.Error) bool {
	switch f.Reason() {
	case fault.ReasonOutcomeUnknown, fault.ReasonIdempotencyKeyReused:
		return true
	case fault.ReasonIdempotencyKeyInUse:
		return f.Meta()["outcome"] == "unknown"
	default:
		return false
	}
}
