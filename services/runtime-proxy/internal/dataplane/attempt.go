package dataplane

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// body is the content of a request on its way.
type body struct {
	buffered bool
	content  []byte
	rest     io.ReadCloser // with what was read in vain in front of it; nil for the caller's own
	sent     bool          // a stream was handed over, which can be done once
	empty    bool
}

// streamed reports whether the content passes by without being kept.
func (b *body) streamed() bool { return !b.buffered && !b.empty }

// repeatable reports whether the request can be sent (again).
func (b *body) repeatable() bool { return !b.streamed() || !b.sent }

// takeBody reads the body if the proof of the connection is made of it, or may
// need to be sent twice.
func takeBody(_ context.Context, x *exchange) error {
	b := &x.body
	if b.empty = x.in.ContentLength == 0 || x.in.Body == nil; b.empty {
		return nil
	}
	use := x.handles.Body(&x.request)
	if use != inject.BodyFree && !b.buffered && !b.sent {
		if err := b.read(x.in, use); err != nil {
			return err
		}
	}
	if b.buffered {
		x.request.Body = b.content
	}
	return nil
}

// read buffers what fits.
func (b *body) read(in *http.Request, use inject.BodyUse) error {
	if in.ContentLength > inject.MaxBody {
		if use == inject.BodyNeeded {
			return inject.TooLong()
		}
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(in.Body, inject.MaxBody+1))
	switch {
	case err != nil:
		return unreadable()
	case len(content) <= inject.MaxBody:
		b.buffered, b.content = true, content
		return nil
	case use == inject.BodyNeeded:
		return inject.TooLong()
	}
	b.rest = joined{io.MultiReader(bytes.NewReader(content), in.Body), in.Body}
	return nil
}

// joined is a body that was begun to be read.
type joined struct {
	io.Reader
	io.Closer
}

// attempts sends the request, and a second time with another token if the API
// refuses the present one and the body was not passed by. If there is no other
// token, the API's answer stands.
func (h *Handler) attempts(ctx context.Context, x *exchange) error {
	if err := h.attempt(ctx, x); err != nil {
		return err
	}
	if x.binding.TokenVersion == "" || !x.handles.CarriesToken() || !x.refused() {
		return nil
	}
	bound, err := h.deps.Pipeline.Renew(x.asCaller(ctx), x.ask, binding.Refusal{
		TokenVersion: x.binding.TokenVersion, Status: x.answer.StatusCode,
	})
	if err != nil || !x.body.repeatable() {
		return nil //nolint:nilerr // the API's answer says it
	}
	_ = x.answer.Body.Close()
	x.answer, x.binding = nil, bound
	x.interim.protect(bound.Credential)
	return h.attempt(ctx, x)
}

// refused reports whether the answer says that the token is not good. What it
// reads of the body for that is put back.
func (x *exchange) refused() bool {
	resp := x.answer
	var begun []byte
	if resp.StatusCode == http.StatusForbidden && wordy(resp) {
		begun, _ = io.ReadAll(io.LimitReader(resp.Body, upstream.MaxRefusal+1))
		resp.Body = joined{io.MultiReader(bytes.NewReader(begun), resp.Body), resp.Body}
	}
	return upstream.TokenRefused(resp.StatusCode, resp.Header, begun)
}

// wordy reports whether an answer is text of a length that is known and short.
func wordy(resp *http.Response) bool {
	kind := resp.Header.Get("Content-Type")
	return resp.ContentLength >= 0 && resp.ContentLength <= upstream.MaxRefusal && resp.Header.Get("Content-Encoding") == "" &&
		(strings.Contains(kind, "json") || strings.HasPrefix(kind, "text/") || strings.Contains(kind, "xml"))
}

// send sends the request, once more if the API answers with a challenge. What was
// sent is forgotten at once.
func (h *Handler) send(ctx context.Context, x *exchange) error {
	defer func() { x.request = request.Request{} }()
	x.base, x.method = x.request.Base, x.request.Method
	h.log(x)
	defer func() { x.record.answered(x.answer) }()
	attempt := x.newAttempt()
	h.deps.Pipeline.NoteUse(&x.handles, x.ask, x.binding.Endpoint(x.request.Base))
	var err error
	x.answer, err = h.deps.Client.Stream(ctx, &x.request, x.streaming(), attempt) //nolint:bodyclose // forward closes it
	if err != nil {
		return x.blame(ctx, err)
	}
	again, err := x.handles.Challenged(ctx, &x.request, h.deps.Clock.Now(), inject.Answered{
		Status: x.answer.StatusCode, Header: x.answer.Header, Streamed: x.body.streamed(),
	})
	if !again && err == nil {
		h.noteAnswer(ctx, x)
		return nil
	}
	_ = x.answer.Body.Close()
	x.answer = nil
	if err != nil {
		return err
	}
	h.deps.Pipeline.NoteUse(&x.handles, x.ask, x.binding.Endpoint(x.request.Base))
	x.answer, err = h.deps.Client.Stream(ctx, &x.request, x.streaming(), attempt) //nolint:bodyclose // forward closes it
	if err != nil {
		return x.blame(ctx, err)
	}
	h.noteAnswer(ctx, x)
	return nil
}

// noteAnswer notes how the API took the secrets.
func (h *Handler) noteAnswer(ctx context.Context, x *exchange) {
	h.deps.Pipeline.NoteAnswer(x.asCaller(ctx), &x.handles, x.ask, x.binding,
		pipeline.Heard{Base: x.base, Status: x.answer.StatusCode})
}

// newAttempt describes the request for its failures. The first description is a part
// of the exchange; whoever still sends something of the first request must not meet
// the second.
func (x *exchange) newAttempt() *upstream.Attempt {
	attempt := &x.first
	if x.tried {
		attempt = &upstream.Attempt{}
	}
	x.tried = true
	attempt.Operation, attempt.Host = usage.PassThrough, x.request.Base.Host
	attempt.Repeatable, attempt.Redact, attempt.Identity = repeatable(x.in.Method, x.request.Method), x.binding.Credential.Redactor(), x.handles.Identity()
	return attempt
}

// streaming is the body as it is sent.
func (x *exchange) streaming() upstream.Streaming {
	in := upstream.Streaming{Body: x.in.Body, Length: x.in.ContentLength, Listener: &x.interim}
	trailer := x.outgoingTrailer()
	switch {
	case x.body.empty:
		in.Body, in.Length = http.NoBody, 0
		return in
	case x.body.buffered:
		in.Body, in.Length = nil, int64(len(x.body.content))
		if len(trailer) > 0 { // they are known by now, and need chunks
			in.Body, in.Length = io.NopCloser(bytes.NewReader(x.body.content)), -1
			for name := range trailer {
				trailer[name] = x.in.Trailer[name]
			}
			in.Trailer = trailer
		}
		return in
	case x.body.rest != nil:
		in.Body = x.body.rest
	}
	x.body.sent = true
	if len(trailer) > 0 {
		in.Body, in.Trailer = &trailing{in.Body, x.in, trailer}, trailer
	}
	return in
}
