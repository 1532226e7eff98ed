package grpcx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// whoami answers with the identities that the handler sees.
func whoami(ctx context.Context, _ string) (string, error) {
	p, ok := authn.FromContext(ctx)
	if !ok {
		return "nobody", nil
	}
	peer, _ := authn.PeerService(ctx)
	return fmt.Sprintf("%s %v via %q", p, p.Roles, peer), nil
}

func TestWhoIsCalling(t *testing.T) {
	r := newRig(t, echo{unary: whoami}, nil)
	ada := r.token("ada", authn.RoleMaker)
	expired, err := r.issuer.Issue(authn.Principal{Kind: authn.KindUser, Name: "old"}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	tests := []struct {
		name    string
		service string   // the calling process
		headers []string // its authorization headers
		want    string   // what the handler sees; "" if it is not reached
	}{
		{"a user with a token, from a process without a name", "", []string{"Bearer " + ada}, `user:ada [maker] via ""`},
		{"the scheme in lower case", "", []string{"bearer " + ada}, `user:ada [maker] via ""`},
		{"a user through a service", "gateway", []string{"Bearer " + ada}, `user:ada [maker] via "gateway"`},
		{"a service without a token", "trigger", nil, `service:trigger [] via "trigger"`},
		{"nobody", "", nil, ""},
		{"a token that is not ours", "", []string{"Bearer x.y.z"}, ""},
		{"a bad token is not forgiven to a service", "gateway", []string{"Bearer x.y.z"}, ""},
		{"an expired token", "", []string{"Bearer " + expired}, ""},
		{"a scheme that is not bearer", "", []string{"Basic YTpi"}, ""},
		{"a scheme without a token", "", []string{"Bearer "}, ""},
		{"a token without a scheme", "", []string{ada}, ""},
		{"two tokens", "", []string{"Bearer " + ada, "Bearer " + ada}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := call(withHeader(t.Context(), tt.headers...), r.as(tt.service), echoMethod, "")
			if tt.want == "" {
				if fault.ReasonOf(err) != fault.ReasonUnauthenticated || fault.CodeOf(err) != fault.CodeUnauthenticated {
					t.Errorf("got %q, %v; want it refused as unauthenticated", got, err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// impostor is a verifier that calls everybody a service.
type impostor struct{}

func (impostor) Verify(context.Context, string) (authn.Principal, error) {
	return authn.Principal{Kind: authn.KindService, Name: "credential-vault"}, nil
}

func TestATokenNeverMakesAService(t *testing.T) {
	r := newRig(t, echo{unary: whoami}, func(cfg *setup) { cfg.Verifier = impostor{} })
	_, err := call(withHeader(t.Context(), "Bearer whatever"), r.as(""), echoMethod, "")
	if fault.ReasonOf(err) != fault.ReasonUnauthenticated {
		t.Errorf("err = %v", err)
	}
}

func TestInternalMethodsAreForTheirServices(t *testing.T) {
	r := newRig(t, echo{unary: whoami}, nil)
	admin := "Bearer " + r.token("root", authn.RoleAdmin)
	tests := []struct {
		name    string
		service string
		headers []string
		allowed bool
	}{
		{"the service it is for", "runtime-proxy", nil, true},
		{"the service it is for, on a user's behalf", "runtime-proxy", []string{admin}, true},
		{"another service", "gateway", nil, false},
		{"an admin through another service", "gateway", []string{admin}, false},
		{"an admin directly", "", []string{admin}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := call(withHeader(t.Context(), tt.headers...), r.as(tt.service), secretMethod, "")
			switch {
			case tt.allowed && err != nil:
				t.Errorf("refused: %v", err)
			case !tt.allowed && (fault.ReasonOf(err) != fault.ReasonServiceOnly || fault.CodeOf(err) != fault.CodePermissionDenied):
				t.Errorf("err = %v, want SERVICE_ONLY", err)
			}
		})
	}
}

func TestCheckRulesFindsMisspelledMethods(t *testing.T) {
	r := newRig(t, echo{}, nil)
	tests := []struct {
		name string
		rule string
		ok   bool
	}{
		{"a method", secretMethod, true},
		{"a stream", talkMethod, true},
		{"another method name", "/ferrule.test.v1.EchoService/internal", false},
		{"another service name", "/ferrule.test.v1.Echo/Internal", false},
		{"no slash in front", strings.TrimPrefix(secretMethod, "/"), false},
		{"no method", "/ferrule.test.v1.EchoService", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := grpcx.CheckRules(r.server, grpcx.Rules{tt.rule: {"x"}})
			if (err == nil) != tt.ok {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestHealthIsAnonymousAndReflectionIsNot(t *testing.T) {
	r := newRig(t, echo{}, nil)
	stranger := r.as("")
	resp, err := healthpb.NewHealthClient(stranger).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health = %v, %v", resp, err)
	}
	// Its errors are part of the health protocol.
	_, err = healthpb.NewHealthClient(stranger).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "nope"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("health of an unknown service: %v", err)
	}
	list := func(ctx context.Context) (string, error) {
		s, err := reflectionpb.NewServerReflectionClient(stranger).ServerReflectionInfo(ctx)
		if err != nil {
			return "", err
		}
		_ = s.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
		answer, err := s.Recv()
		return answer.String(), err
	}
	if _, err := list(t.Context()); fault.ReasonOf(err) != fault.ReasonUnauthenticated {
		t.Errorf("a stranger may look: %v", err)
	}
	if got, err := list(r.asUser("ada")); err != nil || !strings.Contains(got, "ferrule.test.v1.EchoService") {
		t.Errorf("a user may not look: %q, %v", got, err)
	}
	for _, line := range r.log.lines(t) {
		if strings.Contains(fmt.Sprint(line["method"]), "Health") {
			t.Errorf("a health check is in the log: %v", line)
		}
	}
}

func TestErrorsReachTheCallerAndTheLogOnce(t *testing.T) {
	secretive := errors.New("bolt: page 7 of /var/lib/ferrule is broken")
	tests := []struct {
		name      string
		err       error
		want      fault.Reason
		wantLevel string
		wantLog   string
	}{
		{
			"a fault with a cause", fmt.Errorf("get connector: %w", fault.NotFound(fault.ReasonConnectorNotFound, "no such connector").Because(secretive)),
			fault.ReasonConnectorNotFound, "INFO", "get connector: no such connector: bolt: page 7 of /var/lib/ferrule is broken",
		},
		{"an unforeseen error", secretive, fault.ReasonInternal, "ERROR", "bolt: page 7 of /var/lib/ferrule is broken"},
		{"a limit", fault.Exhausted(fault.ReasonLimitReached, "slow down"), fault.ReasonLimitReached, "WARN", "slow down"},
		{"a raw status of another server", status.Error(codes.Unavailable, "dial 10.1.2.3"), fault.ReasonServiceUnavailable, "WARN", "rpc error: code = Unavailable desc = dial 10.1.2.3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, echo{unary: func(context.Context, string) (string, error) { return "", tt.err }}, nil)
			var header metadata.MD
			_, err := call(r.asUser("ada"), r.as("gateway"), echoMethod, "", grpc.Header(&header))
			f := fault.From(err)
			if f.Reason() != tt.want {
				t.Fatalf("err = %v, want %s", err, tt.want)
			}
			if st := status.Convert(err); strings.Contains(fmt.Sprint(st, st.Details()), "page 7") || strings.Contains(fmt.Sprint(st), "10.1.2.3") {
				t.Errorf("the caller sees internals: %v", st)
			}
			if f.ID() == "" || len(header.Get("x-request-id")) != 1 || header.Get("x-request-id")[0] != f.ID() {
				t.Errorf("error id %q, header %v", f.ID(), header)
			}
			lines := r.log.lines(t)
			if len(lines) != 1 {
				t.Fatalf("%d log lines: %v", len(lines), lines)
			}
			line := lines[0]
			if line["level"] != tt.wantLevel || line["error"] != tt.wantLog || line["request_id"] != f.ID() ||
				line["reason"] != string(tt.want) || line["principal"] != "user:ada" || line["peer"] != "gateway" || line["method"] != echoMethod {
				t.Errorf("log line = %v", line)
			}
		})
	}
}

func TestAPanicEndsTheCallNotTheServer(t *testing.T) {
	r := newRig(t, echo{
		unary:  func(_ context.Context, s string) (string, error) { panic("secret " + s) },
		stream: func(grpc.ServerStream) error { panic("stream") },
	}, nil)
	conn := r.as("gateway")
	for range 2 { // the second shows that the server lives
		_, err := call(t.Context(), conn, echoMethod, "x")
		f := fault.From(err)
		if f.Code() != fault.CodeInternal || f.ID() == "" || strings.Contains(f.Message(), "secret") {
			t.Fatalf("err = %v", err)
		}
	}
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, talkMethod)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(new(wrapperspb.StringValue)); fault.CodeOf(err) != fault.CodeInternal {
		t.Errorf("stream: %v", err)
	}
	lines := r.log.lines(t)
	if len(lines) != 3 {
		t.Fatalf("%d log lines, want one for each panic: %v", len(lines), lines)
	}
	if l := lines[0]; l["panic"] != "secret x" || !strings.Contains(fmt.Sprint(l["stack"]), "server_test.go") || l["request_id"] == "" {
		t.Errorf("log line = %v", l)
	}
}

func TestRequestIDs(t *testing.T) {
	r := newRig(t, echo{unary: func(ctx context.Context, _ string) (string, error) { return grpcx.RequestID(ctx), nil }}, nil)
	tests := []struct {
		name string
		sent string
		kept bool
	}{
		{"none", "", false},
		{"a well-formed id is kept", "req-0123.ABC_xyz", true},
		{"the shortest", "12345678", true},
		{"too short", "1234567", false},
		{"the longest", strings.Repeat("a", 64), true},
		{"too long", strings.Repeat("a", 65), false},
		{"characters that spoil a log", "id with spaces", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.sent != "" {
				ctx = grpcx.WithRequestID(ctx, tt.sent)
			}
			got, err := call(ctx, r.as("gateway"), echoMethod, "")
			if err != nil || got == "" || (got == tt.sent) != tt.kept {
				t.Errorf("sent %q, the handler has %q, %v", tt.sent, got, err)
			}
		})
	}
}

func TestWhoHasSentARequestIDIsToldWhichItIs(t *testing.T) {
	r := newRig(t, echo{unary: func(ctx context.Context, _ string) (string, error) { return grpcx.RequestID(ctx), nil }}, nil)
	for _, row := range []struct {
		name, sent string
		told       bool
	}{
		{"none was sent, and the call is good", "", false},
		{"one was sent", "request-1", true},
		{"one was sent that is replaced", "short", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx := t.Context()
			if row.sent != "" {
				ctx = grpcx.WithRequestID(ctx, row.sent)
			}
			var header metadata.MD
			id, err := call(ctx, r.as("gateway"), echoMethod, "", grpc.Header(&header))
			if err != nil || id == "" {
				t.Fatalf("id %q, %v", id, err)
			}
			var want []string
			if row.told {
				want = []string{id}
			}
			if got := header.Get("x-request-id"); !slices.Equal(got, want) {
				t.Errorf("the caller is told %q, the handler has %q", got, id)
			}
		})
	}
}

func TestACallIsTheSameRequestWhoeverAsks(t *testing.T) {
	r := newRig(t, echo{unary: func(ctx context.Context, _ string) (string, error) {
		ids := make(chan string)
		for range 8 {
			go func() { ids <- grpcx.RequestID(ctx) }()
		}
		first := <-ids
		for range 7 {
			if id := <-ids; id != first {
				return "", fmt.Errorf("one is told %q, another %q", first, id)
			}
		}
		return first, nil
	}}, nil)
	if _, err := call(t.Context(), r.as("gateway"), echoMethod, ""); err != nil {
		t.Error(err)
	}
}

func TestDeadlines(t *testing.T) {
	remaining := func(ctx context.Context, _ string) (string, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			return "none", nil
		}
		return time.Until(deadline).Round(time.Second).String(), nil
	}
	r := newRig(t, echo{unary: remaining}, func(cfg *setup) {
		cfg.Timeout, cfg.MaxTimeout = 100*time.Second, 1000*time.Second
	})
	tests := []struct {
		name  string
		asked time.Duration
		want  string
	}{
		{"a caller without a deadline gets the usual", 0, "1m40s"},
		{"a caller's own deadline stays", 500 * time.Second, "8m20s"},
		{"a caller's excessive deadline is cut", 5000 * time.Second, "16m40s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.asked > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.asked)
				defer cancel()
			}
			got, err := call(ctx, r.as("gateway"), echoMethod, "")
			// A second more or less is the machine's.
			want, _ := time.ParseDuration(tt.want)
			if d, perr := time.ParseDuration(got); err != nil || perr != nil || (want-d).Abs() > 2*time.Second {
				t.Errorf("the handler has %s left (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestMessageSizeLimit(t *testing.T) {
	r := newRig(t, echo{}, func(cfg *setup) { cfg.MaxMessage = 1 << 10 })
	conn := r.as("gateway")
	fits := strings.Repeat("x", 1<<10-3) // the field's tag and length take three bytes
	if got, err := call(t.Context(), conn, echoMethod, fits); err != nil || got != fits {
		t.Errorf("at the limit: %v", err)
	}
	_, err := call(t.Context(), conn, echoMethod, fits+"x")
	if fault.CodeOf(err) != fault.CodeResourceExhausted || fault.ReasonOf(err) != fault.ReasonLimitReached {
		t.Errorf("past the limit: %v", err)
	}
}

func TestADocumentOf64MiBPassesByDefault(t *testing.T) {
	r := newRig(t, echo{unary: func(_ context.Context, s string) (string, error) { return fmt.Sprint(len(s)), nil }}, nil)
	got, err := call(t.Context(), r.as("gateway"), echoMethod, strings.Repeat("x", 64<<20))
	if err != nil || got != "67108864" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAServerWithoutItsPartsPanicsAtOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a server without a verifier was built")
		}
	}()
	grpcx.NewServer(grpcx.ServerConfig{})
}

func TestRefusedCallsOfInternalMethodsAreReported(t *testing.T) {
	type refusal struct{ request, who string }
	refused := make(chan refusal, 1)
	r := newRig(t, echo{}, func(s *setup) {
		s.Refused = func(ctx context.Context, request any) {
			who, _ := authn.PeerService(ctx)
			refused <- refusal{request.(*wrapperspb.StringValue).GetValue(), who}
		}
	})
	for _, tt := range []struct {
		name, caller string
		want         []refusal
	}{
		{"a service that may not", "gateway", []refusal{{"x", "gateway"}}},
		{"a service that may", "runtime-proxy", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := r.as(tt.caller)
			err := conn.Invoke(t.Context(), secretMethod, wrapperspb.String("x"), new(wrapperspb.StringValue))
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("err = %v", err)
			}
			var got []refusal
			select {
			case g := <-refused:
				got = append(got, g)
			default:
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("refusals = %v, want %v", got, tt.want)
			}
		})
	}
}
