package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

const (
	// maxChunk is the largest piece of an answer, in bytes.
	maxChunk = 256 << 10
	// defaultExchange and maxExchange are the times for a streamed call.
	defaultExchange, maxExchange = 15 * time.Minute, time.Hour
)

// Upload is a body that is sent as it arrives. A failure to read it says what the
// caller did wrong, and ends the call.
type Upload = pipeline.Upload

// Streamed is an answer whose body is still on its way.
type Streamed struct {
	// Status is the HTTP status.
	Status int
	// Header holds the fields without those of the single connection and without
	// secrets.
	Header http.Header
	// Revision is the id of the revision that was used.
	Revision string
	// Body is the content as the API sends it. The errors of reading it are faults.
	Body io.ReadCloser
}

// StreamCall runs a call without holding bodies. upload is nil if the body, if any,
// is in the call's input. The call and its body live as long as ctx, which has the
// deadline; it returns as soon as the answer's header is there.
type StreamCall func(ctx context.Context, c *pipeline.Call, upload *Upload) (*Streamed, error)

// Streams implements the method InvokeStream.
type Streams struct{ call StreamCall }

// NewStreams returns the implementation.
func NewStreams(call StreamCall) *Streams { return &Streams{call: call} }

type invokeStream = grpc.BidiStreamingServer[runtimev1.InvokeStreamRequest, runtimev1.InvokeStreamResponse]

// InvokeStream implements the method of that name.
func (s *Streams) InvokeStream(stream invokeStream) error {
	start, err := receiveStart(stream)
	if err != nil {
		return err
	}
	call, err := callOf(stream.Context(), start)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(stream.Context(), call.Timeout)
	defer cancel()
	body := &upload{stream: stream, announced: start.GetContentLength()}
	defer body.Close() //nolint:errcheck // it cannot fail
	streamed, err := s.call(ctx, call, body.of(start.GetContentType()))
	if err != nil {
		return body.reason(err)
	}
	defer streamed.Body.Close() //nolint:errcheck // what was read is what counts
	if err := stream.Send(head(streamed)); err != nil {
		return err
	}
	return body.reason(pass(stream, streamed.Body))
}

func receiveStart(stream invokeStream) (*runtimev1.InvokeStreamStart, error) {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) || (err == nil && first.GetStart() == nil) {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the first message does not say what to call; begin with start, then send chunks").
			Field("start", "must be in the first message")
	}
	if err != nil {
		return nil, err
	}
	start := first.GetStart()
	if start.GetContentType() == "" && start.GetContentLength() > 0 {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "a body is announced without its media type; set content_type, or leave content_length out").
			Field("start.content_type", "is required for a streamed body")
	}
	return start, nil
}

func callOf(ctx context.Context, start *runtimev1.InvokeStreamStart) (*pipeline.Call, error) {
	connection, err := resource.ParseConnection(start.GetConnection())
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(ctx)
	if err != nil {
		return nil, err
	}
	timeout := start.GetTimeout().AsDuration()
	if timeout <= 0 {
		timeout = defaultExchange
	}
	return &pipeline.Call{
		Connection: connection, OperationID: start.GetOperationId(), Revision: start.GetRevision(), OnBehalfOf: start.GetOnBehalfOf(),
		Input: start.GetInput(), Timeout: min(timeout, maxExchange), Subject: subject,
	}, nil
}

func head(s *Streamed) *runtimev1.InvokeStreamResponse {
	out := &runtimev1.InvokeStreamHead{StatusCode: int32(s.Status), Revision: s.Revision}
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		for _, value := range s.Header[name] {
			out.Headers = append(out.Headers, &runtimev1.InvokeStreamHeader{Name: valid(name), Value: valid(value)})
		}
	}
	return &runtimev1.InvokeStreamResponse{Part: &runtimev1.InvokeStreamResponse_Head{Head: out}}
}

// pass sends a body piece by piece, each as soon as it is there. The next one is
// read when the caller has room for it.
func pass(stream invokeStream, body io.Reader) error {
	buffer := make([]byte, maxChunk)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			// A copy: whoever looks at messages may do so after they were sent.
			chunk := &runtimev1.InvokeStreamResponse_Chunk{Chunk: bytes.Clone(buffer[:n])}
			if err := stream.Send(&runtimev1.InvokeStreamResponse{Part: chunk}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return brokenOff(err)
		}
	}
}

// brokenOff says that an answer ended too early, if nobody has said it yet.
func brokenOff(err error) error {
	if f := fault.From(err); f.Reason() != fault.ReasonInternal {
		return f
	}
	return fault.Unavailable(fault.ReasonUpstreamReset, "the API broke off its answer; what was received is not the whole").Because(err)
}

// upload reads the body of a call from the messages of its stream, as fast as it
// is sent on.
type upload struct {
	stream    invokeStream
	announced int64 // 0 if nothing was said
	rest      []byte
	received  int64

	mu     sync.Mutex
	closed bool
	fault  error // what the caller did wrong
}

// of returns the body to send; nil if there is none.
func (u *upload) of(contentType string) *Upload {
	if contentType == "" {
		return nil
	}
	length := u.announced
	if length == 0 {
		length = -1
	}
	return &Upload{ContentType: contentType, Length: length, Body: u}
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if err := u.state(); err != nil {
			return 0, err
		}
		message, err := u.stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return 0, u.end()
		case err != nil:
			return 0, err
		}
		chunk, ok := message.GetPart().(*runtimev1.InvokeStreamRequest_Chunk)
		if !ok {
			return 0, u.fail("what to call was said twice; send nothing but chunks after the first message", "start", "must be in the first message only")
		}
		u.rest = chunk.Chunk
		u.received += int64(len(u.rest))
		if u.announced > 0 && u.received > u.announced {
			return 0, u.fail("the body is longer than was announced; correct content_length, or leave it out", "start.content_length", "is less than what was sent")
		}
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// end is what follows the last chunk.
func (u *upload) end() error {
	if u.announced > 0 && u.received < u.announced {
		return u.fail("the body is shorter than was announced; correct content_length, or leave it out", "start.content_length", "is more than what was sent")
	}
	return io.EOF
}

func (u *upload) fail(sentence, field, description string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault = fault.Invalid(fault.ReasonInvalidArgument, "%s", sentence).Field(field, description)
	return u.fault
}

// state is why nothing more can be read; nil if something can.
func (u *upload) state() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fault == nil && u.closed {
		return io.ErrClosedPipe
	}
	return u.fault
}

// reason returns why a call failed: what the caller did wrong, before what became
// of the request because of it.
func (u *upload) reason(err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil && u.fault != nil {
		return u.fault
	}
	return err
}

// Close implements [io.Closer]. Nothing is read afterwards.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	return nil
}
