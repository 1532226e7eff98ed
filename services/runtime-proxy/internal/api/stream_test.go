package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// streamServer is the service with one method.
type streamServer struct {
	runtimev1.UnimplementedRuntimeServiceServer

	streams *Streams
	ended   chan error
}

func (s streamServer) InvokeStream(stream invokeStream) error {
	err := s.streams.InvokeStream(stream)
	s.ended <- err
	if err != nil {
		return grpcx.ToStatus(err).Err()
	}
	return nil
}

// dial serves calls that are run by the function, in memory. ended gets what the
// method returned.
func dial(t *testing.T, call StreamCall) (stream runtimev1.RuntimeService_InvokeStreamClient, ended chan error) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	ended = make(chan error, 1)
	runtimev1.RegisterRuntimeServiceServer(server, streamServer{streams: NewStreams(call), ended: ended})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	if stream, err = runtimev1.NewRuntimeServiceClient(conn).InvokeStream(ctx); err != nil {
		t.Fatal(err)
	}
	return stream, ended
}

func start(s *runtimev1.InvokeStreamStart) *runtimev1.InvokeStreamRequest {
	if s.GetConnection() == "" {
		s.Connection = name
	}
	s.OperationId = "Upload"
	return &runtimev1.InvokeStreamRequest{Part: &runtimev1.InvokeStreamRequest_Start{Start: s}}
}

func chunk(text string) *runtimev1.InvokeStreamRequest {
	return &runtimev1.InvokeStreamRequest{Part: &runtimev1.InvokeStreamRequest_Chunk{Chunk: []byte(text)}}
}

// exchange sends messages and collects the answer. The error is what the server
// said.
func exchange(t *testing.T, stream runtimev1.RuntimeService_InvokeStreamClient, messages ...*runtimev1.InvokeStreamRequest) (*runtimev1.InvokeStreamHead, []int, string, error) {
	t.Helper()
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			break // the server ended the call; Recv says why
		}
	}
	_ = stream.CloseSend()
	var first *runtimev1.InvokeStreamHead
	var sizes []int
	var body strings.Builder
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return first, sizes, body.String(), nil
		}
		if err != nil {
			return first, sizes, body.String(), grpcx.FromStatus(err)
		}
		if h := m.GetHead(); h != nil {
			if first != nil {
				t.Error("a second head")
			}
			first = h
			continue
		}
		sizes = append(sizes, len(m.GetChunk()))
		body.Write(m.GetChunk())
	}
}

// echo answers with what was sent.
func echo(_ context.Context, c *pipeline.Call, up *Upload) (*Streamed, error) {
	body, media := io.ReadCloser(http.NoBody), ""
	if up != nil {
		body, media = up.Body, up.ContentType
	}
	sent, err := io.ReadAll(body)
	if err != nil {
		return nil, fault.Unavailable(fault.ReasonUpstreamReset, "the request was broken off: %v", err)
	}
	return &Streamed{
		Status: 201, Revision: "a1", Body: io.NopCloser(bytes.NewReader(sent)),
		Header: http.Header{"X-B": {"2", "1"}, "X-A": {media + "|" + string(c.Input)}},
	}, nil
}

func TestBodiesGoBothWays(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 64<<10)
	for _, row := range []struct {
		name  string
		start *runtimev1.InvokeStreamStart
		sent  []string
		about string // media type and input that arrived
		body  string
	}{
		{"in pieces", &runtimev1.InvokeStreamStart{ContentType: "text/plain", Input: []byte(`{"a":1}`)}, []string{"one ", "", "two"}, `text/plain|{"a":1}`, "one two"},
		{"of a length that is known", &runtimev1.InvokeStreamStart{ContentType: "text/plain", ContentLength: 6}, []string{"abc", "def"}, "text/plain|", "abcdef"},
		{"that are empty", &runtimev1.InvokeStreamStart{ContentType: "text/plain"}, nil, "text/plain|", ""},
		{"that are in the input", &runtimev1.InvokeStreamStart{Input: []byte(`{"body":1}`)}, nil, `|{"body":1}`, ""},
		{"that are long", &runtimev1.InvokeStreamStart{ContentType: "a/b"}, []string{long, long, long}, "a/b|", long + long + long},
	} {
		t.Run(row.name, func(t *testing.T) {
			stream, ended := dial(t, echo)
			messages := []*runtimev1.InvokeStreamRequest{start(row.start)}
			for _, one := range row.sent {
				messages = append(messages, chunk(one))
			}
			head, sizes, body, err := exchange(t, stream, messages...)
			if err != nil || <-ended != nil {
				t.Fatal(err)
			}
			want := &runtimev1.InvokeStreamHead{StatusCode: 201, Revision: "a1", Headers: []*runtimev1.InvokeStreamHeader{
				{Name: "X-A", Value: row.about}, {Name: "X-B", Value: "2"}, {Name: "X-B", Value: "1"},
			}}
			if diff := cmp.Diff(want, head, protocmp.Transform()); diff != "" || body != row.body {
				t.Errorf("%d bytes; head (-want +got):\n%s", len(body), diff)
			}
			for _, size := range sizes {
				if size > maxChunk {
					t.Errorf("a piece of %d bytes", size)
				}
			}
		})
	}
}

func TestStreamsThatAreNotAsTheyShouldBe(t *testing.T) {
	text := func(length int64) *runtimev1.InvokeStreamStart {
		return &runtimev1.InvokeStreamStart{ContentType: "text/plain", ContentLength: length}
	}
	for _, row := range []struct {
		name     string
		messages []*runtimev1.InvokeStreamRequest
		reason   fault.Reason
		field    string
	}{
		{"nothing at all", nil, fault.ReasonInvalidArgument, "start"},
		{"a chunk first", []*runtimev1.InvokeStreamRequest{chunk("a")}, fault.ReasonInvalidArgument, "start"},
		{"a message without anything", []*runtimev1.InvokeStreamRequest{{}}, fault.ReasonInvalidArgument, "start"},
		{"two starts", []*runtimev1.InvokeStreamRequest{start(text(0)), chunk("a"), start(text(0))}, fault.ReasonInvalidArgument, "start"},
		{"more than was announced", []*runtimev1.InvokeStreamRequest{start(text(2)), chunk("abc")}, fault.ReasonInvalidArgument, "start.content_length"},
		{"less than was announced", []*runtimev1.InvokeStreamRequest{start(text(4)), chunk("abc")}, fault.ReasonInvalidArgument, "start.content_length"},
		{"a length without a media type", []*runtimev1.InvokeStreamRequest{start(&runtimev1.InvokeStreamStart{ContentLength: 4}), chunk("abc")}, fault.ReasonInvalidArgument, "start.content_type"},
		{"a name that is none", []*runtimev1.InvokeStreamRequest{start(&runtimev1.InvokeStreamStart{Connection: "crm"})}, fault.ReasonInvalidName, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			stream, _ := dial(t, echo)
			head, _, _, err := exchange(t, stream, row.messages...)
			f := fault.From(err)
			if f.Reason() != row.reason || head != nil {
				t.Fatalf("head %v, error = %v", head, err)
			}
			if row.field != "" && (len(f.Violations()) != 1 || f.Violations()[0].Field != row.field) {
				t.Errorf("violations %v", f.Violations())
			}
		})
	}
}

// broken is a body that fails in the middle.
type broken struct {
	io.Reader
	closed chan struct{}
}

func (b broken) Close() error { close(b.closed); return nil }

func TestAnswersThatBreakOff(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		reason fault.Reason
	}{
		{"with a fault", fault.Deadline(fault.ReasonUpstreamTimeout, "too slow"), fault.ReasonUpstreamTimeout},
		{"with an error of the way", io.ErrUnexpectedEOF, fault.ReasonUpstreamReset},
		{"because the time is over", context.DeadlineExceeded, fault.ReasonDeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := broken{io.MultiReader(strings.NewReader("half"), iotestErr{row.err}), make(chan struct{})}
			stream, _ := dial(t, func(context.Context, *pipeline.Call, *Upload) (*Streamed, error) {
				return &Streamed{Status: 200, Body: body}, nil
			})
			head, _, text, err := exchange(t, stream, start(&runtimev1.InvokeStreamStart{}))
			if head.GetStatusCode() != 200 || text != "half" || fault.ReasonOf(err) != row.reason {
				t.Errorf("head %v, body %q, error = %v", head, text, err)
			}
			<-body.closed
		})
	}
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

func TestCallsThatFail(t *testing.T) {
	stream, _ := dial(t, func(context.Context, *pipeline.Call, *Upload) (*Streamed, error) {
		return nil, fault.Unimplemented(fault.ReasonOperationNotSupported, "policies work on the body")
	})
	head, _, _, err := exchange(t, stream, start(&runtimev1.InvokeStreamStart{ContentType: "a/b"}), chunk("a"))
	if head != nil || fault.ReasonOf(err) != fault.ReasonOperationNotSupported {
		t.Errorf("head %v, error = %v", head, err)
	}
}

// TestAnswersComeBeforeTheBodyEnds: an API may answer what it has heard so far.
func TestAnswersComeBeforeTheBodyEnds(t *testing.T) {
	stream, ended := dial(t, func(_ context.Context, _ *pipeline.Call, up *Upload) (*Streamed, error) {
		return &Streamed{Status: 200, Body: up.Body}, nil // each piece comes back as it arrives
	})
	if err := stream.Send(start(&runtimev1.InvokeStreamStart{ContentType: "a/b"})); err != nil {
		t.Fatal(err)
	}
	if head, err := stream.Recv(); err != nil || head.GetHead().GetStatusCode() != 200 {
		t.Fatalf("head %v, %v", head, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := stream.Send(chunk(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := stream.Recv(); err != nil || string(got.GetChunk()) != text {
			t.Fatalf("piece %v, %v", got, err)
		}
	}
	_ = stream.CloseSend()
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestARefusalNeedNotWaitForTheBody: the rest of the body is not read.
func TestARefusalNeedNotWaitForTheBody(t *testing.T) {
	stream, ended := dial(t, func(context.Context, *pipeline.Call, *Upload) (*Streamed, error) {
		return &Streamed{Status: 413, Body: http.NoBody}, nil
	})
	if err := stream.Send(start(&runtimev1.InvokeStreamStart{ContentType: "a/b"})); err != nil {
		t.Fatal(err)
	}
	if head, err := stream.Recv(); err != nil || head.GetHead().GetStatusCode() != 413 {
		t.Fatalf("head %v, %v", head, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestACallerWhoGoesAwayEndsTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := make(chan struct{})
	var left error
	body := &upload{}
	s := NewStreams(func(ctx context.Context, _ *pipeline.Call, _ *Upload) (*Streamed, error) {
		close(began)
		<-ctx.Done()
		left = context.Cause(ctx)
		return nil, fault.From(left)
	})
	done := make(chan error)
	go func() { done <- s.InvokeStream(one{ctx: ctx, message: start(&runtimev1.InvokeStreamStart{})}) }()
	<-began
	cancel()
	if err := <-done; fault.ReasonOf(err) != fault.ReasonCanceled || !errors.Is(left, context.Canceled) {
		t.Errorf("error = %v, left = %v", err, left)
	}
	_ = body.Close()
	if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a body that was closed: %v", err)
	}
}

func TestStreamsHaveTheirTime(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 15 * time.Minute, time.Minute: time.Minute, 5 * time.Hour: time.Hour} {
		var left, said time.Duration
		s := NewStreams(func(ctx context.Context, c *pipeline.Call, _ *Upload) (*Streamed, error) {
			end, _ := ctx.Deadline()
			left, said = time.Until(end).Round(time.Second), c.Timeout
			return nil, errors.New("enough")
		})
		message := start(&runtimev1.InvokeStreamStart{Timeout: durationpb.New(given)})
		if err := s.InvokeStream(one{ctx: t.Context(), message: message}); err == nil || left != want || said != want {
			t.Errorf("%v became %v and %v, %v", given, left, said, err)
		}
	}
}

// one is a stream with one message.
type one struct {
	grpc.ServerStream

	ctx     context.Context
	message *runtimev1.InvokeStreamRequest
}

func (o one) Context() context.Context                      { return o.ctx }
func (o one) Recv() (*runtimev1.InvokeStreamRequest, error) { return o.message, nil }
func (o one) Send(*runtimev1.InvokeStreamResponse) error    { return nil }
