package fault

import "strconv"

// Code is the class of a failure: what a caller can do about it without
// knowing the reason. Its numbers are those of the canonical gRPC codes.
type Code int

// The codes, with what they mean to a caller.
const (
	// CodeOK is not a failure. No fault has it.
	CodeOK Code = 0
	// CodeCanceled means that the caller went away.
	CodeCanceled Code = 1
	// CodeUnknown means that the failure has no known class.
	CodeUnknown Code = 2
	// CodeInvalidArgument means that the request is wrong whatever the state
	// of the system: change it before sending it again.
	CodeInvalidArgument Code = 3
	// CodeDeadlineExceeded means that the time was over before the work was
	// done. The work may have happened.
	CodeDeadlineExceeded Code = 4
	// CodeNotFound means that something the request names does not exist.
	CodeNotFound Code = 5
	// CodeAlreadyExists means that what the request creates is there already.
	CodeAlreadyExists Code = 6
	// CodePermissionDenied means that this caller may not do this.
	CodePermissionDenied Code = 7
	// CodeResourceExhausted means that a limit or a quota is reached.
	CodeResourceExhausted Code = 8
	// CodeFailedPrecondition means that the system is not in the state that the
	// request needs: change that state first.
	CodeFailedPrecondition Code = 9
	// CodeAborted means that somebody else was faster: read again, then retry.
	CodeAborted Code = 10
	// CodeOutOfRange means that the request reached past the end of something.
	CodeOutOfRange Code = 11
	// CodeUnimplemented means that this server does not do this.
	CodeUnimplemented Code = 12
	// CodeInternal means that the fault is ours.
	CodeInternal Code = 13
	// CodeUnavailable means that the same request may succeed soon.
	CodeUnavailable Code = 14
	// CodeUnauthenticated means that the caller did not prove who they are.
	CodeUnauthenticated Code = 16
)

// String returns the canonical name of the code, such as "NotFound".
func (c Code) String() string {
	switch c {
	case CodeOK:
		return "OK"
	case CodeCanceled:
		return "Canceled"
	case CodeUnknown:
		return "Unknown"
	case CodeInvalidArgument:
		return "InvalidArgument"
	case CodeDeadlineExceeded:
		return "DeadlineExceeded"
	case CodeNotFound:
		return "NotFound"
	case CodeAlreadyExists:
		return "AlreadyExists"
	case CodePermissionDenied:
		return "PermissionDenied"
	case CodeResourceExhausted:
		return "ResourceExhausted"
	case CodeFailedPrecondition:
		return "FailedPrecondition"
	case CodeAborted:
		return "Aborted"
	case CodeOutOfRange:
		return "OutOfRange"
	case CodeUnimplemented:
		return "Unimplemented"
	case CodeInternal:
		return "Internal"
	case CodeUnavailable:
		return "Unavailable"
	case CodeUnauthenticated:
		return "Unauthenticated"
	}
	return "Code(" + strconv.Itoa(int(c)) + ")"
}
