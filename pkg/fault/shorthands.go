package fault

// NotFound is [New] with [CodeNotFound].
func NotFound(reason Reason, format string, args ...any) *Error {
	return New(CodeNotFound, reason, format, args...)
}

// Invalid is [New] with [CodeInvalidArgument].
func Invalid(reason Reason, format string, args ...any) *Error {
	return New(CodeInvalidArgument, reason, format, args...)
}

// Exists is [New] with [CodeAlreadyExists].
func Exists(reason Reason, format string, args ...any) *Error {
	return New(CodeAlreadyExists, reason, format, args...)
}

// Denied is [New] with [CodePermissionDenied].
func Denied(reason Reason, format string, args ...any) *Error {
	return New(CodePermissionDenied, reason, format, args...)
}

// Unauthenticated is [New] with [CodeUnauthenticated].
func Unauthenticated(reason Reason, format string, args ...any) *Error {
	return New(CodeUnauthenticated, reason, format, args...)
}

// Precondition is [New] with [CodeFailedPrecondition].
func Precondition(reason Reason, format string, args ...any) *Error {
	return New(CodeFailedPrecondition, reason, format, args...)
}

// Aborted is [New] with [CodeAborted].
func Aborted(reason Reason, format string, args ...any) *Error {
	return New(CodeAborted, reason, format, args...)
}

// Unavailable is [New] with [CodeUnavailable].
func Unavailable(reason Reason, format string, args ...any) *Error {
	return New(CodeUnavailable, reason, format, args...)
}

// Internal is [New] with [CodeInternal].
func Internal(reason Reason, format string, args ...any) *Error {
	return New(CodeInternal, reason, format, args...)
}

// Unimplemented is [New] with [CodeUnimplemented].
func Unimplemented(reason Reason, format string, args ...any) *Error {
	return New(CodeUnimplemented, reason, format, args...)
}

// Exhausted is [New] with [CodeResourceExhausted].
func Exhausted(reason Reason, format string, args ...any) *Error {
	return New(CodeResourceExhausted, reason, format, args...)
}

// Deadline is [New] with [CodeDeadlineExceeded].
func Deadline(reason Reason, format string, args ...any) *Error {
	return New(CodeDeadlineExceeded, reason, format, args...)
}
