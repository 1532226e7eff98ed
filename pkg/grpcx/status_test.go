package grpcx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// seen is everything that a fault shows to its caller.
type seen struct {
	Code       fault.Code
	Reason     fault.Reason
	Message    string
	ID         string
	Meta       map[string]string
	Violations []fault.Violation
	Retry      time.Duration
	HasRetry   bool
}

func show(f *fault.Error) seen {
	wait, ok := f.Retry()
	return seen{f.Code(), f.Reason(), f.Message(), f.ID(), f.Meta(), f.Violations(), wait, ok}
}

func TestFaultsSurviveTheRoundTrip(t *testing.T) {
	tests := []struct {
		name string
		in   *fault.Error
	}{
		{"only code, reason and sentence", fault.NotFound(fault.ReasonConnectorNotFound, "connector %q does not exist", "x")},
		{"a percent sign in the sentence", fault.Invalid(fault.ReasonInvalidArgument, "%s", "100% of %q is %d")},
		{"metadata", fault.Exists(fault.ReasonConnectionExists, "taken").With("connector", "a").With("environment", "b")},
		{"field violations in order", fault.Invalid(fault.ReasonInputInvalid, "bad").Field("b", "second letter").Field("a", "first letter").Field("", "all of it")},
		{"a wait", fault.Unavailable(fault.ReasonUpstreamUnreachable, "later").RetryAfter(1500 * time.Millisecond)},
		{"no wait at all", fault.Unavailable(fault.ReasonUpstreamUnreachable, "now").RetryAfter(0)},
		{"an error id", fault.Internal(fault.ReasonInternal, "oops").Identified("0192-abc")},
		{"everything", fault.Exhausted(fault.ReasonLimitReached, "too many").With("limit", "5").Field("x", "y").RetryAfter(time.Minute).Identified("id-12345")},
		{"a reason that this build does not know", fault.New(fault.CodeAborted, "SOMETHING_NEW", "new")},
		{"umlauts and emoji", fault.Invalid(fault.ReasonInvalidName, "größe 🔧").With("ключ", "значение")},
	}
	for code := fault.CodeCanceled; code <= fault.CodeUnauthenticated; code++ {
		tests = append(tests, struct {
			name string
			in   *fault.Error
		}{"code " + code.String(), fault.New(code, fault.ReasonInternal, "x")})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Over the wire a status is bytes: go through them.
			raw, err := proto.Marshal(grpcx.ToStatus(fmt.Errorf("handler: %w", tt.in)).Proto())
			if err != nil {
				t.Fatal(err)
			}
			received := status.New(codes.OK, "").Proto()
			if err := proto.Unmarshal(raw, received); err != nil {
				t.Fatal(err)
			}
			out := grpcx.FromStatus(status.ErrorProto(received))
			if diff := cmp.Diff(show(tt.in), show(out)); diff != "" {
				t.Errorf("changed on the way (-sent +received):\n%s", diff)
			}
		})
	}
}

func TestStatusHasTheStandardDetails(t *testing.T) {
	f := fault.Invalid(fault.ReasonInvalidArgument, "bad").With("k", "v").Field("a.b", "is required").RetryAfter(time.Second).Identified("id-1")
	st := grpcx.ToStatus(f)
	if st.Code() != codes.InvalidArgument || st.Message() != "bad" {
		t.Errorf("status = %v %q", st.Code(), st.Message())
	}
	want := []proto.Message{
		&errdetails.ErrorInfo{Domain: "ferrule.dev", Reason: "INVALID_ARGUMENT", Metadata: map[string]string{"k": "v", "error_id": "id-1"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "a.b", Description: "is required"}}},
		nil,
		&errdetails.RequestInfo{RequestId: "id-1"},
	}
	got := st.Details()
	if len(got) != len(want) {
		t.Fatalf("details = %v", got)
	}
	for i, w := range want {
		if w != nil && !proto.Equal(w, got[i].(proto.Message)) {
			t.Errorf("detail %d = %v, want %v", i, got[i], w)
		}
	}
	if retry, ok := got[2].(*errdetails.RetryInfo); !ok || retry.GetRetryDelay().AsDuration() != time.Second {
		t.Errorf("detail 2 = %v", got[2])
	}
}

func TestErrorsThatAreNotFaults(t *testing.T) {
	tests := []struct {
		name       string
		err        error
		wantCode   codes.Code
		wantReason fault.Reason
	}{
		{"an unforeseen error", errors.New("pq: password of root wrong"), codes.Internal, fault.ReasonInternal},
		{"a canceled context", fmt.Errorf("x: %w", context.Canceled), codes.Canceled, fault.ReasonCanceled},
		{"a context past its deadline", context.DeadlineExceeded, codes.DeadlineExceeded, fault.ReasonDeadlineExceeded},
		{"a server that cannot be reached", status.Error(codes.Unavailable, "dial tcp 10.0.0.3:443: refused"), codes.Unavailable, fault.ReasonServiceUnavailable},
		{"a deadline that gRPC noticed", status.Error(codes.DeadlineExceeded, "10.0.0.3"), codes.DeadlineExceeded, fault.ReasonDeadlineExceeded},
		{"a cancellation that gRPC noticed", status.Error(codes.Canceled, "10.0.0.3"), codes.Canceled, fault.ReasonCanceled},
		{"a message over gRPC's limit", status.Error(codes.ResourceExhausted, "grpc: received 10.0.0.3"), codes.ResourceExhausted, fault.ReasonLimitReached},
		{"a method that is missing", status.Error(codes.Unimplemented, "10.0.0.3"), codes.Unimplemented, fault.ReasonOperationNotSupported},
		{"a foreign refusal", status.Error(codes.PermissionDenied, "10.0.0.3"), codes.PermissionDenied, fault.ReasonPermissionDenied},
		{"a foreign demand for a token", status.Error(codes.Unauthenticated, "10.0.0.3"), codes.Unauthenticated, fault.ReasonUnauthenticated},
		{"a foreign complaint", status.Error(codes.InvalidArgument, "10.0.0.3"), codes.InvalidArgument, fault.ReasonInvalidArgument},
		{"a foreign failure", status.Error(codes.Internal, "10.0.0.3"), codes.Internal, fault.ReasonInternal},
		{"a wrapped status", fmt.Errorf("call vault: %w", status.Error(codes.Unavailable, "10.0.0.3")), codes.Unavailable, fault.ReasonServiceUnavailable},
		{"a fault that claims success", fault.New(fault.CodeOK, fault.ReasonInternal, "x"), codes.Unknown, fault.ReasonInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := grpcx.ToStatus(tt.err)
			f := grpcx.FromStatus(st.Err())
			if st.Code() != tt.wantCode || f.Reason() != tt.wantReason {
				t.Errorf("status = %v/%v, want %v/%v", st.Code(), f.Reason(), tt.wantCode, tt.wantReason)
			}
			for _, internal := range []string{"10.0.0.3", "password"} {
				if strings.Contains(st.String()+fmt.Sprint(st.Details()), internal) {
					t.Errorf("the status shows internals: %v", st)
				}
			}
			if direct := grpcx.FromStatus(tt.err); direct.Reason() != tt.wantReason {
				t.Errorf("FromStatus without the trip = %v", direct.Reason())
			}
		})
	}
	if st := grpcx.ToStatus(nil); st.Code() != codes.OK || grpcx.FromStatus(nil) != nil {
		t.Error("success became an error")
	}
}

func TestFromStatusKeepsTheCause(t *testing.T) {
	err := status.Error(codes.Unavailable, "dial tcp: refused")
	f := grpcx.FromStatus(err)
	if !errors.Is(f, err) || !strings.Contains(f.Error(), "refused") {
		t.Errorf("the operator cannot see the cause: %v", f)
	}
	inner := fault.NotFound(fault.ReasonWebhookUnknown, "gone").Because(io.EOF)
	if got := grpcx.FromStatus(fmt.Errorf("x: %w", inner)); got != inner {
		t.Errorf("a fault was replaced: %v", got)
	}
}

func TestStatusIsBoundedAndValidText(t *testing.T) {
	broken := "a\xffb" + strings.Repeat("ä", 4000)
	f := fault.Invalid(fault.ReasonInputInvalid, "%s", broken).With("bad\xff", broken)
	for i := range 200 {
		f = f.With(fmt.Sprintf("key-%03d", i), broken).Field(broken, broken)
	}
	st := grpcx.ToStatus(f)
	if len(st.Details()) < 2 {
		t.Fatalf("the details are lost: %v", st)
	}
	if size := proto.Size(st.Proto()); size > 128<<10 {
		t.Errorf("the status has %d bytes", size)
	}
	if !utf8.ValidString(st.Message()) || !strings.HasPrefix(st.Message(), "a\uFFFDb") || !strings.HasSuffix(st.Message(), "ä…") {
		t.Errorf("message = %q", st.Message())
	}
	back := grpcx.FromStatus(st.Err())
	if n := len(back.Violations()); n != 50 {
		t.Errorf("%d violations arrived, want the first 50", n)
	}
	if n := len(back.Meta()); n != 32 {
		t.Errorf("%d metadata pairs arrived, want the first 32 by key", n)
	}
	exact := strings.Repeat("x", 512)
	if got := grpcx.FromStatus(grpcx.ToStatus(f.With("aaa", exact)).Err()).Meta()["aaa"]; got != exact {
		t.Errorf("a value at the limit was cut to %d bytes", len(got))
	}
}
