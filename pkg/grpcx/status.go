package grpcx

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Domain is the domain of our ErrorInfo details.
const Domain = "ferrule.dev"

// errorIDKey is the metadata key of the error's id, for readers who only look at
// ErrorInfo.
const errorIDKey = "error_id"

// An error travels in HTTP/2 trailers, which proxies limit to tens of KiB. What
// is over these limits is cut.
const (
	maxSentence   = 2 << 10
	maxValue      = 512
	maxMeta       = 32
	maxViolations = 50
)

// ToStatus returns the status in which err goes to a caller. A fault becomes
// its code and message with the details ErrorInfo (always), BadRequest,
// RetryInfo and RequestInfo (if it has violations, a wait, an id; the id is also
// the metadata "error_id"). Any other
// error becomes what [fault.From] or, for a status of somebody else,
// [FromStatus] makes of it. Causes stay here. Text is made valid UTF-8 and cut
// to 2 KiB for the message and 512 bytes for each other value; at most 32
// metadata pairs (by key) and 50 violations go along. ToStatus(nil) is OK.
func ToStatus(err error) *status.Status {
	f := toFault(err)
	if f == nil {
		return status.New(codes.OK, "")
	}
	code := codes.Code(f.Code())
	if code == codes.OK { // an error must not pass for success
		code = codes.Unknown
	}
	plain := status.New(code, clean(f.Message(), maxSentence))
	full, detailErr := plain.WithDetails(details(f)...)
	if detailErr != nil { // not with valid UTF-8 and a code that is not OK
		return plain
	}
	return full
}

func details(f *fault.Error) []protoadapt.MessageV1 {
	out := []protoadapt.MessageV1{errorInfo(f)}
	if violations := f.Violations(); len(violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range violations[:min(len(violations), maxViolations)] {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: clean(v.Field, maxValue), Description: clean(v.Description, maxValue),
			})
		}
		out = append(out, bad)
	}
	if wait, ok := f.Retry(); ok {
		out = append(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	if f.ID() != "" {
		out = append(out, &errdetails.RequestInfo{RequestId: clean(f.ID(), maxValue)})
	}
	return out
}

func errorInfo(f *fault.Error) *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{Domain: Domain, Reason: clean(string(f.Reason()), maxValue), Metadata: map[string]string{}}
	meta := f.Meta()
	for n, key := range slices.Sorted(maps.Keys(meta)) {
		if n == maxMeta {
			break
		}
		info.Metadata[clean(key, maxValue)] = clean(meta[key], maxValue)
	}
	if f.ID() != "" {
		info.Metadata[errorIDKey] = clean(f.ID(), maxValue)
	}
	return info
}

// clean makes s valid UTF-8 of at most limit bytes, which is what protobuf
// needs.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

// FromStatus returns the fault that err, the result of a gRPC call, stands for:
// the one that [ToStatus] sent, or for a status that is not ours one with the
// same code and a fixed sentence, because gRPC's own texts name addresses. err
// is kept as the cause. A fault that is in err's chain is returned as it is,
// and an error without a status as by [fault.From]. FromStatus(nil) is nil.
func FromStatus(err error) *fault.Error { return toFault(err) }

func toFault(err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return decode(st).Because(err)
	}
	return fault.From(err)
}

func decode(st *status.Status) *fault.Error {
	var ours *errdetails.ErrorInfo
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			ours = info
		}
	}
	if ours == nil {
		return foreign(st.Code())
	}
	f := fault.New(fault.Code(st.Code()), fault.Reason(ours.GetReason()), "%s", st.Message())
	for k, v := range ours.GetMetadata() {
		if k != errorIDKey {
			f = f.With(k, v)
		}
	}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				f = f.Field(v.GetField(), v.GetDescription())
			}
		case *errdetails.RetryInfo:
			f = f.RetryAfter(d.GetRetryDelay().AsDuration())
		case *errdetails.RequestInfo:
			f = f.Identified(d.GetRequestId())
		}
	}
	return f
}

// foreign is for statuses that gRPC itself makes.
func foreign(code codes.Code) *fault.Error {
	switch code {
	case codes.Unavailable:
		return fault.Unavailable(fault.ReasonServiceUnavailable, "a service that is needed for this cannot be reached; try again soon").
			RetryAfter(time.Second)
	case codes.DeadlineExceeded:
		return fault.From(context.DeadlineExceeded)
	case codes.Canceled:
		return fault.From(context.Canceled)
	case codes.ResourceExhausted:
		return fault.Exhausted(fault.ReasonLimitReached, "the request or its answer is over the size limit; ask for less at once")
	case codes.InvalidArgument:
		return fault.Invalid(fault.ReasonInvalidArgument, "the request is not valid")
	case codes.Unauthenticated:
		return fault.Unauthenticated(fault.ReasonUnauthenticated, "the call was not authenticated; send a valid token")
	case codes.PermissionDenied:
		return fault.Denied(fault.ReasonPermissionDenied, "the call is not allowed to this caller")
	case codes.Unimplemented:
		return fault.Unimplemented(fault.ReasonOperationNotSupported, "the server does not have this method; it may be of another version")
	default:
		return fault.New(fault.Code(code), fault.ReasonInternal, "a service that is needed for this failed; try again, and tell the operator if it happens again")
	}
}

// wireError is an error with the status that callers get of it. The log still
// finds the cause in it.
type wireError struct {
	status *status.Status
	cause  error
}

// onWire gives err its status, with id as the error's id unless it has one from
// another service already.
func onWire(err error, id string) error {
	f := toFault(err)
	if f.ID() == "" {
		f = f.Identified(id)
	}
	return &wireError{status: ToStatus(f), cause: err}
}

// Error returns the text for operators.
func (e *wireError) Error() string { return e.cause.Error() }

// Unwrap returns the error that was mapped.
func (e *wireError) Unwrap() error { return e.cause }

// GRPCStatus is where gRPC finds the status.
func (e *wireError) GRPCStatus() *status.Status { return e.status }

// mapErrors gives the handler's error its status.
func mapErrors(c *call, next next) error {
	err := next(c)
	if err == nil || c.plumbing() {
		return err
	}
	return onWire(err, c.requestID())
}
