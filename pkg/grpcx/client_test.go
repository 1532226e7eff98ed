package grpcx_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// chain is a front service that hands every call to a back service, which
// answers with whom it sees.
func chain(t *testing.T, delegation grpcx.Delegation, change func(context.Context) context.Context) *rig {
	t.Helper()
	var toBack *grpc.ClientConn
	front := newRig(t, echo{unary: func(ctx context.Context, s string) (string, error) {
		return call(change(ctx), toBack, echoMethod, s)
	}}, nil)
	back := newRig(t, echo{unary: whoami}, func(cfg *setup) {
		cfg.Verifier = front.verifier // the same users
	})
	toBack = back.client(grpcx.ClientConfig{Dialer: back.memory.Dialer("front"), Delegation: delegation})
	return front
}

func TestOnWhoseBehalfTheNextServiceIsCalled(t *testing.T) {
	same := func(ctx context.Context) context.Context { return ctx }
	tests := []struct {
		name       string
		delegation grpcx.Delegation
		user       bool // whether the front is called with a user's token
		change     func(context.Context) context.Context
		want       string // "" means refused as unauthenticated
	}{
		{"a user's token is passed on", grpcx.ForwardOrSelf, true, same, `user:ada [maker] via "front"`},
		{"an edge passes on a user's token", grpcx.ForwardOnly, true, same, `user:ada [maker] via "front"`},
		{"a service without a user acts for itself", grpcx.ForwardOrSelf, false, same, `service:front [] via "front"`},
		{"an edge does not lend its rights", grpcx.ForwardOnly, false, same, ""},
		{"a service acts for itself when it says so", grpcx.ForwardOrSelf, true, grpcx.AsService, `service:front [] via "front"`},
		{"an edge acts for itself when it says so", grpcx.ForwardOnly, false, grpcx.AsService, `service:front [] via "front"`},
		{
			"acting for itself also drops a header set for the call", grpcx.ForwardOrSelf, true,
			func(ctx context.Context) context.Context { return grpcx.AsService(withHeader(ctx, "Bearer x")) },
			`service:front [] via "front"`,
		},
		{
			"a header set for the call goes first", grpcx.ForwardOrSelf, true,
			func(ctx context.Context) context.Context { return withHeader(ctx, "Bearer broken") },
			"",
		},
		{
			"a user whose token is lost does not become the service", grpcx.ForwardOrSelf, true,
			func(ctx context.Context) context.Context { return metadata.NewIncomingContext(ctx, nil) },
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			front := chain(t, tt.delegation, tt.change)
			ctx := t.Context()
			if tt.user {
				ctx = front.asUser("ada", authn.RoleMaker)
			}
			got, err := call(ctx, front.as("caller"), echoMethod, "")
			if tt.want == "" {
				if fault.ReasonOf(err) != fault.ReasonUnauthenticated {
					t.Errorf("got %q, %v; want it refused", got, err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestTokensStayOffConnectionsThatAreNotPrivate(t *testing.T) {
	_, err := grpcx.NewClient(grpcx.ClientConfig{Target: "passthrough:///x", Creds: insecure.NewCredentials()})
	if err == nil {
		t.Error("a client without transport security was made")
	}
	if _, err := grpcx.NewClient(grpcx.ClientConfig{Target: "passthrough:///x"}); err == nil {
		t.Error("a client without credentials was made")
	}
	if _, err := grpcx.NewClient(grpcx.ClientConfig{Creds: memnet.ClientCredentials()}); err == nil {
		t.Error("a client without a target was made")
	}
}

func TestErrorsKeepTheirIDAcrossServices(t *testing.T) {
	var toBack *grpc.ClientConn
	front := newRig(t, echo{unary: func(ctx context.Context, s string) (string, error) {
		return call(ctx, toBack, echoMethod, s)
	}}, nil)
	back := newRig(t, echo{unary: func(context.Context, string) (string, error) {
		return "", fault.Precondition(fault.ReasonConnectionNotReady, "authorize the connection").
			With("connection", "c1").Field("name", "names it").Because(io.ErrUnexpectedEOF)
	}}, nil)
	toBack = back.as("front")

	_, err := call(t.Context(), front.as("caller"), echoMethod, "")
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Reason() != fault.ReasonConnectionNotReady || f.Code() != fault.CodeFailedPrecondition ||
		f.Meta()["connection"] != "c1" || len(f.Violations()) != 1 || f.Message() != "authorize the connection" {
		t.Fatalf("err = %#v", err)
	}
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("those who look for a status find %v", status.Code(err))
	}
	for name, r := range map[string]*rig{"front": front, "back": back} {
		lines := r.log.lines(t)
		if len(lines) != 1 || lines[0]["request_id"] != f.ID() {
			t.Errorf("%s logged %v, want one line with the id %q", name, lines, f.ID())
		}
	}
}

func TestAnErrorThatHasAnIDKeepsIt(t *testing.T) {
	r := newRig(t, echo{unary: func(context.Context, string) (string, error) {
		return "", fault.Internal(fault.ReasonInternal, "it failed an hour ago").Identified("earlier-id")
	}}, nil)
	_, err := call(t.Context(), r.as("gateway"), echoMethod, "")
	if id := fault.From(err).ID(); id != "earlier-id" {
		t.Errorf("id = %q", id)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	r := newRig(t, echo{}, nil)
	gone := memnet.Listen("gone")
	_ = gone.Close()
	_, err := call(t.Context(), r.client(grpcx.ClientConfig{Dialer: gone.Dialer("gateway")}), echoMethod, "")
	f := fault.From(err)
	if f.Reason() != fault.ReasonServiceUnavailable || f.Code() != fault.CodeUnavailable {
		t.Errorf("err = %v", err)
	}
	if _, ok := f.Retry(); !ok {
		t.Error("the caller is not told that waiting helps")
	}
}

func TestStreams(t *testing.T) {
	bidi := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	parrot := echo{stream: func(ss grpc.ServerStream) error {
		for {
			in := new(wrapperspb.StringValue)
			if err := ss.RecvMsg(in); errors.Is(err, io.EOF) {
				return fault.Exhausted(fault.ReasonLimitReached, "that is all")
			} else if err != nil {
				return err
			}
			who, err := whoami(ss.Context(), "")
			if err != nil {
				return err
			}
			if err := ss.SendMsg(wrapperspb.String(in.GetValue() + " from " + who)); err != nil {
				return err
			}
		}
	}}
	r := newRig(t, parrot, nil)
	t.Run("carry identity, messages and faults", func(t *testing.T) {
		s, err := r.as("gateway").NewStream(r.asUser("ada"), bidi, talkMethod)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"one", "two"} {
			out := new(wrapperspb.StringValue)
			if err := errors.Join(s.SendMsg(wrapperspb.String(word)), s.RecvMsg(out)); err != nil {
				t.Fatal(err)
			}
			if want := word + ` from user:ada [] via "gateway"`; out.GetValue() != want {
				t.Errorf("got %q, want %q", out.GetValue(), want)
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(new(wrapperspb.StringValue)); fault.ReasonOf(err) != fault.ReasonLimitReached || fault.From(err).ID() == "" {
			t.Errorf("end = %v", err)
		}
	})
	t.Run("are refused to strangers", func(t *testing.T) {
		s, err := r.as("").NewStream(t.Context(), bidi, talkMethod)
		if err == nil {
			err = s.RecvMsg(new(wrapperspb.StringValue))
		}
		if fault.ReasonOf(err) != fault.ReasonUnauthenticated {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("end with io.EOF when all is well", func(t *testing.T) {
		quiet := newRig(t, echo{stream: func(grpc.ServerStream) error { return nil }}, nil)
		s, err := quiet.as("gateway").NewStream(t.Context(), bidi, talkMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(new(wrapperspb.StringValue)); err != io.EOF { //nolint:errorlint // callers compare it like this
			t.Errorf("end = %v", err)
		}
	})
}
