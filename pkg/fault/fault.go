// Package fault is the error that Ferrule's services show to the world.
//
// A fault has three readers. A program reads the [Code], the stable [Reason]
// and the metadata. A person reads the message: one lower-case sentence that
// says what to do about it. The operator reads the cause, which never leaves
// the process that met it.
//
//	return fault.NotFound(fault.ReasonConnectorNotFound,
//		"connector %q does not exist in environment %q", id, env).
//		With("connector", id).Because(err)
//
// The package knows nothing of transports: grpcx carries faults over gRPC and
// back without loss. Errors that are not faults become one at the edge, in
// [From], with a sentence that gives nothing away.
package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// internalSentence is all that callers learn about a failure that nobody
// foresaw; the rest is in the log, under the error's id.
const internalSentence = "the server failed in a way it did not expect; try again, and give the error id to the operator if it happens again"

// Violation is one thing that is wrong with one field of a request.
type Violation struct {
	// Field is the path of the field in the request, as in
	// "connector.operations[3].path". Empty means the request as a whole.
	Field string
	// Description says what is wrong and what is accepted instead.
	Description string
}

// Error is a fault. It is immutable and safe for concurrent use: every method
// that adds something returns a copy. A nil *Error must not be used as an
// error; only [From] returns one, for a nil error.
type Error struct {
	code       Code
	reason     Reason
	message    string
	id         string
	meta       map[string]string
	violations []Violation
	retry      time.Duration
	hasRetry   bool
	cause      error
}

// New returns a fault. The message, made as by [fmt.Sprintf], travels to the
// caller: one lower-case sentence with the remedy, without internals and
// without secrets, user text quoted with %q. What is variable in it belongs in
// the metadata too, see [Error.With].
func New(code Code, reason Reason, format string, args ...any) *Error {
	return &Error{code: code, reason: reason, message: fmt.Sprintf(format, args...)}
}

// With returns a copy that carries one more metadata pair for programs. A key
// given twice keeps the last value. Keys are lower_snake_case.
func (e *Error) With(key, value string) *Error {
	c := *e
	c.meta = make(map[string]string, len(e.meta)+1)
	maps.Copy(c.meta, e.meta)
	c.meta[key] = value
	return &c
}

// Field returns a copy that names one more field as wrong. Violations keep the
// order in which they were added.
func (e *Error) Field(path, description string) *Error {
	c := *e
	c.violations = append(slices.Clip(e.violations), Violation{Field: path, Description: description})
	return &c
}

// RetryAfter returns a copy that tells the caller that the same request may
// succeed after d. A negative d counts as zero, which means at once.
func (e *Error) RetryAfter(d time.Duration) *Error {
	c := *e
	c.retry, c.hasRetry = max(d, 0), true
	return &c
}

// Because returns a copy that keeps cause for the operator. It is part of
// [Error.Error] and of the chain that errors.Is and errors.As walk, and is
// never shown to callers.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Identified returns a copy with the id under which the operator finds this
// failure in the log.
func (e *Error) Identified(id string) *Error {
	c := *e
	c.id = id
	return &c
}

// Code returns the class of the failure.
func (e *Error) Code() Code { return e.code }

// Reason returns the stable name of the failure.
func (e *Error) Reason() Reason { return e.reason }

// Message returns the sentence for the caller. It never includes the cause.
func (e *Error) Message() string { return e.message }

// ID returns the id under which the operator finds the failure, or "" as long
// as none was given.
func (e *Error) ID() string { return e.id }

// Meta returns a copy of the metadata; nil when there is none.
func (e *Error) Meta() map[string]string { return maps.Clone(e.meta) }

// Violations returns a copy of the field violations, in the order in which
// they were added.
func (e *Error) Violations() []Violation { return slices.Clone(e.violations) }

// Retry returns how long to wait before the same request may succeed. The
// second result is false when waiting was not said to help.
func (e *Error) Retry() (time.Duration, bool) { return e.retry, e.hasRetry }

// Error returns the message followed by the cause. It is text for operators:
// what callers may see is [Error.Message].
func (e *Error) Error() string {
	if e.cause == nil {
		return e.message
	}
	return e.message + ": " + e.cause.Error()
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// From returns the first fault in err's chain. Without one, the end of a
// context becomes Canceled or DeadlineExceeded, and everything else becomes
// Internal with [ReasonInternal] and a fixed sentence; err is kept as the
// cause. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Deadline(ReasonDeadlineExceeded, "the request was not finished before its deadline; allow it more time").Because(err)
	case errors.Is(err, context.Canceled):
		return New(CodeCanceled, ReasonCanceled, "the request was canceled before it was finished").Because(err)
	}
	return Internal(ReasonInternal, internalSentence).Because(err)
}

// ReasonOf returns the reason that [From] finds for err, "" for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	return From(err).reason
}

// CodeOf returns the code that [From] finds for err, [CodeOK] for nil.
func CodeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	return From(err).code
}
