package grpcx_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// local returns a Local of the gateway and its log.
func local() (*grpcx.Local, *logLines) {
	log := &logLines{}
	return grpcx.NewLocal(grpcx.LocalConfig{
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: clocktest.New(rigStart), Peer: "gateway",
	}), log
}

func TestALocalCallFailsAsOneOverAConnectionDoes(t *testing.T) {
	broken := &triggerv1.IngestWebhookRequest{Token: ""} // has at least one character, by the rules of its fields
	for _, row := range []struct {
		name    string
		handler func(context.Context) error
		request any
		code    fault.Code
		reason  fault.Reason
		level   string
	}{
		{"an error with a cause", func(context.Context) error {
			return fault.Unavailable(fault.ReasonServiceUnavailable, "later").Because(errors.New("secret"))
		}, nil, fault.CodeUnavailable, fault.ReasonServiceUnavailable, "WARN"},
		{"an error of nobody's", func(context.Context) error { return errors.New("secret") }, nil, fault.CodeInternal, fault.ReasonInternal, "ERROR"},
		{"a panic", func(context.Context) error { panic("secret") }, nil, fault.CodeInternal, fault.ReasonInternal, "ERROR"},
		{"a request that breaks its rules", func(context.Context) error { return nil }, broken, fault.CodeInvalidArgument, fault.ReasonInvalidArgument, "INFO"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, log := local()
			if row.request == nil {
				row.request = wrapperspb.String("x")
			}
			_, err := l.Call(t.Context(), echoMethod, row.request, func(ctx context.Context, _ any) (any, error) { return nil, row.handler(ctx) })
			f := fault.From(err)
			if f.Code() != row.code || f.Reason() != row.reason || f.ID() == "" || f.Unwrap() != nil && f.Unwrap().Error() == "secret" {
				t.Errorf("Call() = %v", err)
			}
			lines := log.lines(t)
			if len(lines) != 1 || lines[0]["level"] != row.level || lines[0]["request_id"] != f.ID() {
				t.Errorf("logged %v", lines)
			}
			if over := grpcx.ToStatus(err); grpcx.FromStatus(over.Err()).ID() != f.ID() {
				t.Errorf("the error's id is lost on its way to the caller: %v", over)
			}
		})
	}
}

func TestALocalCallIsThatOfItsService(t *testing.T) {
	l, log := local()
	ctx := grpcx.WithRequestID(t.Context(), "request-1")
	got, err := l.Call(ctx, echoMethod, wrapperspb.String("x"), func(ctx context.Context, request any) (any, error) {
		who, _ := authn.FromContext(ctx)
		peer, _ := authn.PeerService(ctx)
		_, limited := ctx.Deadline()
		return []any{request.(*wrapperspb.StringValue).GetValue(), who.String(), peer, grpcx.RequestID(ctx), limited}, nil
	})
	want := []any{"x", authn.Principal{Kind: authn.KindService, Name: "gateway"}.String(), "gateway", "request-1", true}
	if diff := cmp.Diff(any(want), got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if lines := log.lines(t); len(lines) != 1 || lines[0]["peer"] != "gateway" || lines[0]["request_id"] != "request-1" {
		t.Errorf("logged %v", lines)
	}
}

// What a request says about its time counts where its caller has set no deadline.
func TestACallLastsAsLongAsItsRequestSays(t *testing.T) {
	for _, row := range []struct {
		name  string
		asked *durationpb.Duration
		want  time.Duration
	}{
		{"nothing is said", nil, grpcx.DefaultTimeout},
		{"less than usual", durationpb.New(time.Second), grpcx.DefaultTimeout},
		{"more than usual", durationpb.New(5 * time.Minute), 5*time.Minute + 5*time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, _ := local()
			request := &runtimev1.InvokeRequest{Connection: "environments/e/connections/c", OperationId: "Get", Timeout: row.asked}
			_, err := l.Call(t.Context(), echoMethod, request, func(ctx context.Context, _ any) (any, error) {
				deadline, _ := ctx.Deadline()
				if left := time.Until(deadline); left > row.want || left < row.want-time.Minute {
					t.Errorf("%s are left, want %s", left, row.want)
				}
				return nil, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
