package delivery

import (
	"context"
	"errors"
	"net/http"
	"strconv"

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
// idempotency key of the call. An answer that the runtime remembers under that key is
// told again without asking the API, so that another attempt takes another key.
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
	return answered(answer, sink.AtMostOnce)
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
func answered(answer core.Answer, atMostOnce bool) Result {
	if answer.Status < http.StatusBadRequest && answer.Refusal == nil {
		return Result{Outcome: Accepted, Status: answer.Status}
	}
	result := Result{Status: answer.Status, Reason: "the API refused the call"}
	retryable := answer.Status >= http.StatusInternalServerError
	if r := answer.Refusal; r != nil {
		result.RetryAfter = min(max(r.RetryAfter, 0), maxRetryAfter)
		retryable = r.Retryable
		if r.Message != "" {
			result.Reason += ": " + r.Message
		}
	}
	switch {
	case retryable || repairable(answer.Status):
		// Failed: it may succeed as it is.
	case answer.Status < http.StatusInternalServerError:
		result.Outcome = Refused
		return result
	case lost(answer.Status):
		result.Outcome = Unclear
		return result
	}
	switch {
	case !answer.Replayed:
	case atMostOnce && answer.Status >= http.StatusInternalServerError:
		// It is remembered because the API may have done a part of it.
		result.Outcome = Unclear
	default:
		result.Spent = true
	}
	return result
}

// repairable reports whether an answer of 4xx says something that passes without a
// change of the input: credentials, rights and payment can be put right, and what is
// locked is released.
func repairable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusLocked:
		return true
	}
	return false
}

// lost reports whether a failure is that of somebody between us and the API, who cannot
// know what the API has done. Where repeating the call does no harm the runtime says
// that it may be.
func lost(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusGatewayTimeout
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
	default: // a connection that has to be authorized again, and so on, can be repaired
	}
	switch f.Reason() {
	case fault.ReasonOutcomeUnknown:
		result.Outcome = Unclear
	case fault.ReasonIdempotencyKeyReused: // with another input, from before the mapping was changed
		result.Outcome, result.Earlier = Unclear, true
	case fault.ReasonIdempotencyKeyInUse:
		result.Outcome, result.Earlier = earlier(f), true
	default:
	}
	return result
}

// earlier is the outcome of the call that has the key already.
func earlier(f *fault.Error) Outcome {
	status, _ := strconv.Atoi(f.Meta()["upstream_status"])
	switch {
	case f.Meta()["outcome"] == "unknown":
		return Unclear
	case f.Meta()["outcome"] == "made" && (status == 0 || status >= http.StatusBadRequest): // it is not known to have arrived
		return Unclear
	case f.Code() == fault.CodeFailedPrecondition: // it was answered
		return Refused
	}
	return Pending
}
