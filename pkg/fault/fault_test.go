package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestShorthandsGiveTheirCode(t *testing.T) {
	type constructor func(fault.Reason, string, ...any) *fault.Error
	tests := []struct {
		name string
		make constructor
		want fault.Code
		grpc int // the canonical number, written out so that a renumbering shows
	}{
		{"NotFound", fault.NotFound, fault.CodeNotFound, 5},
		{"Invalid", fault.Invalid, fault.CodeInvalidArgument, 3},
		{"Exists", fault.Exists, fault.CodeAlreadyExists, 6},
		{"Denied", fault.Denied, fault.CodePermissionDenied, 7},
		{"Unauthenticated", fault.Unauthenticated, fault.CodeUnauthenticated, 16},
		{"Precondition", fault.Precondition, fault.CodeFailedPrecondition, 9},
		{"Aborted", fault.Aborted, fault.CodeAborted, 10},
		{"Unavailable", fault.Unavailable, fault.CodeUnavailable, 14},
		{"Internal", fault.Internal, fault.CodeInternal, 13},
		{"Unimplemented", fault.Unimplemented, fault.CodeUnimplemented, 12},
		{"Exhausted", fault.Exhausted, fault.CodeResourceExhausted, 8},
		{"Deadline", fault.Deadline, fault.CodeDeadlineExceeded, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.make(fault.ReasonLimitReached, "only %d of %q", 3, "things")
			if err.Code() != tt.want || int(err.Code()) != tt.grpc {
				t.Errorf("code = %v (%d), want %v (%d)", err.Code(), int(err.Code()), tt.want, tt.grpc)
			}
			if err.Reason() != fault.ReasonLimitReached {
				t.Errorf("reason = %q", err.Reason())
			}
			if want := `only 3 of "things"`; err.Message() != want {
				t.Errorf("message = %q, want %q", err.Message(), want)
			}
		})
	}
}

func TestCauseIsForTheOperatorOnly(t *testing.T) {
	cause := fmt.Errorf("open /var/lib/x.db: %w", io.ErrUnexpectedEOF)
	err := fault.Unavailable(fault.ReasonServiceUnavailable, "try again later").Because(cause)

	if strings.Contains(err.Message(), "x.db") {
		t.Errorf("message shows the cause: %q", err.Message())
	}
	if want := "try again later: open /var/lib/x.db: unexpected EOF"; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err.Error(), want)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is not in the chain")
	}
	if plain := fault.NotFound(fault.ReasonWebhookUnknown, "gone"); plain.Error() != "gone" || plain.Unwrap() != nil {
		t.Errorf("without a cause: Error() = %q, Unwrap() = %v", plain.Error(), plain.Unwrap())
	}
}

func TestAddingReturnsACopy(t *testing.T) {
	base := fault.Invalid(fault.ReasonInvalidArgument, "bad").With("a", "1").Field("x", "first")
	type snapshot struct {
		Meta       map[string]string
		Violations []fault.Violation
		Retry      time.Duration
		HasRetry   bool
		ID         string
		Cause      error
	}
	look := func(e *fault.Error) snapshot {
		d, ok := e.Retry()
		return snapshot{e.Meta(), e.Violations(), d, ok, e.ID(), e.Unwrap()}
	}
	before := look(base)

	left := base.With("b", "2").Field("y", "left").RetryAfter(time.Second).Identified("id-1").Because(io.EOF)
	right := base.With("a", "3").Field("z", "right")

	if diff := cmp.Diff(before, look(base)); diff != "" {
		t.Errorf("the original changed (-before +after):\n%s", diff)
	}
	wantLeft := snapshot{
		Meta:       map[string]string{"a": "1", "b": "2"},
		Violations: []fault.Violation{{Field: "x", Description: "first"}, {Field: "y", Description: "left"}},
		Retry:      time.Second, HasRetry: true, ID: "id-1",
	}
	got := look(left)
	if !errors.Is(got.Cause, io.EOF) {
		t.Errorf("cause = %v, want EOF", got.Cause)
	}
	got.Cause = nil
	if diff := cmp.Diff(wantLeft, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	wantRight := snapshot{
		Meta:       map[string]string{"a": "3"},
		Violations: []fault.Violation{{Field: "x", Description: "first"}, {Field: "z", Description: "right"}},
	}
	if diff := cmp.Diff(wantRight, look(right)); diff != "" {
		t.Errorf("right (-want +got):\n%s", diff)
	}
}

func TestGettersGiveCopies(t *testing.T) {
	err := fault.Invalid(fault.ReasonInvalidArgument, "bad").With("a", "1").Field("x", "first")
	err.Meta()["a"] = "changed"
	err.Violations()[0].Field = "changed"
	if err.Meta()["a"] != "1" || err.Violations()[0].Field != "x" {
		t.Errorf("a caller changed the fault: %v %v", err.Meta(), err.Violations())
	}
}

func TestSiblingsDoNotShareTheirViolations(t *testing.T) {
	base := fault.Invalid(fault.ReasonInvalidArgument, "bad").Field("a", "").Field("b", "").Field("c", "") // room for a fourth
	left, right := base.Field("left", ""), base.Field("right", "")
	if got := left.Violations()[3].Field; got != "left" {
		t.Errorf("left was overwritten with %q", got)
	}
	if got := right.Violations()[3].Field; got != "right" {
		t.Errorf("right has %q", got)
	}
}

func TestRetry(t *testing.T) {
	tests := []struct {
		name   string
		err    *fault.Error
		want   time.Duration
		wantOK bool
	}{
		{"nothing said", fault.Unavailable(fault.ReasonServiceUnavailable, "x"), 0, false},
		{"after a while", fault.Unavailable(fault.ReasonServiceUnavailable, "x").RetryAfter(3 * time.Second), 3 * time.Second, true},
		{"at once", fault.Unavailable(fault.ReasonServiceUnavailable, "x").RetryAfter(0), 0, true},
		{"a negative wait is at once", fault.Unavailable(fault.ReasonServiceUnavailable, "x").RetryAfter(-time.Second), 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := tt.err.Retry(); got != tt.want || ok != tt.wantOK {
				t.Errorf("Retry() = %v, %v; want %v, %v", got, ok, tt.want, tt.wantOK)
			}
		})
	}
}

func TestFrom(t *testing.T) {
	notFound := fault.NotFound(fault.ReasonConnectorNotFound, "connector does not exist")
	secretive := errors.New("pq: password authentication failed for user root")
	tests := []struct {
		name       string
		err        error
		wantCode   fault.Code
		wantReason fault.Reason
	}{
		{"a fault stays itself", notFound, fault.CodeNotFound, fault.ReasonConnectorNotFound},
		{"a wrapped fault is found", fmt.Errorf("load: %w", notFound), fault.CodeNotFound, fault.ReasonConnectorNotFound},
		{"a joined fault is found", errors.Join(io.EOF, notFound), fault.CodeNotFound, fault.ReasonConnectorNotFound},
		{"the outer of two faults wins", fault.Internal(fault.ReasonCredentialUnreadable, "x").Because(notFound), fault.CodeInternal, fault.ReasonCredentialUnreadable},
		{"a fault caused by a canceled context stays itself", notFound.Because(context.Canceled), fault.CodeNotFound, fault.ReasonConnectorNotFound},
		{"a canceled context", fmt.Errorf("read: %w", context.Canceled), fault.CodeCanceled, fault.ReasonCanceled},
		{"a context past its deadline", fmt.Errorf("read: %w", context.DeadlineExceeded), fault.CodeDeadlineExceeded, fault.ReasonDeadlineExceeded},
		{"anything else is internal", secretive, fault.CodeInternal, fault.ReasonInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fault.From(tt.err)
			if got.Code() != tt.wantCode || got.Reason() != tt.wantReason {
				t.Errorf("From() = %v/%v, want %v/%v", got.Code(), got.Reason(), tt.wantCode, tt.wantReason)
			}
			if fault.CodeOf(tt.err) != tt.wantCode || fault.ReasonOf(tt.err) != tt.wantReason {
				t.Errorf("CodeOf, ReasonOf = %v, %v", fault.CodeOf(tt.err), fault.ReasonOf(tt.err))
			}
		})
	}

	t.Run("an unforeseen error keeps its cause and hides its text", func(t *testing.T) {
		got := fault.From(secretive)
		if !errors.Is(got, secretive) {
			t.Error("the cause is lost")
		}
		if strings.Contains(got.Message(), "password") {
			t.Errorf("the message shows the cause: %q", got.Message())
		}
	})
	t.Run("no error is no fault", func(t *testing.T) {
		if fault.From(nil) != nil || fault.CodeOf(nil) != fault.CodeOK || fault.ReasonOf(nil) != "" {
			t.Error("nil became a fault")
		}
	})
}

func TestCodesPrintTheirName(t *testing.T) {
	want := map[fault.Code]string{
		0: "OK", 1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound",
		6: "AlreadyExists", 7: "PermissionDenied", 8: "ResourceExhausted", 9: "FailedPrecondition", 10: "Aborted",
		11: "OutOfRange", 12: "Unimplemented", 13: "Internal", 14: "Unavailable", 15: "Code(15)", 16: "Unauthenticated",
	}
	for code, name := range want {
		if code.String() != name {
			t.Errorf("Code(%d) = %q, want %q", int(code), code.String(), name)
		}
	}
}

func ExampleError_Field() {
	err := fault.Invalid(fault.ReasonInputInvalid, "the input does not fit the operation; see the violations").
		Field("city", "is required").
		Field("days", "must be at most 14")
	fmt.Println(err.Reason(), err.Message())
	for _, v := range err.Violations() {
		fmt.Println("-", v.Field, v.Description)
	}
	// Output:
	// INPUT_INVALID the input does not fit the operation; see the violations
	// - city is required
	// - days must be at most 14
}
