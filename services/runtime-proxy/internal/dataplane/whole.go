package dataplane

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// passOn passes the request on: as it streams, or with its whole body through the
// steps of a call where something works on bodies.
func (h *Handler) passOn(ctx context.Context, x *exchange) error {
	if x.through.Whole() {
		return h.forwardWhole(ctx, x)
	}
	return h.forward(ctx, x)
}

// forwardWhole has a whole request answered and passes the answer on: whole, or as
// it streams where nothing works on its body.
func (h *Handler) forwardWhole(ctx context.Context, x *exchange) error {
	req, err := h.wholeRequest(ctx, x)
	if err != nil {
		return err
	}
	call, err := h.deps.Pipeline.Pass(x.asCaller(ctx), &pipeline.Passed{
		Ask: x.ask, Binding: x.binding, Through: &x.through, Request: req,
	})
	if err != nil {
		return err
	}
	answer := call.Response
	defer answer.Close()
	x.binding, x.kept.replayed = call.Binding, call.Replayed // perhaps with another token
	x.clean(answer.Header)
	h.lead(ctx, x, answer.Header, call.NextLink)
	x.status = answer.Status
	return x.write(answer)
}

// write answers with a whole answer, or with one that still streams.
func (x *exchange) write(answer *upstream.Response) error {
	resp := whole(x.in, answer) //nolint:bodyclose // it is in memory, or that of answer
	if answer.Rest != nil && resp.StatusCode == answer.Status {
		stream(x.in, resp, answer)
	}
	header := x.out.Header()
	maps.Copy(header, resp.Header)
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // or net/http makes a guess, and a page out of text
	}
	control := http.NewResponseController(x.out)
	x.out.WriteHeader(resp.StatusCode)
	if answer.Rest != nil {
		_ = control.Flush() // the first event of a stream can be hours away
	}
	return copyBody(x.out, control, resp)
}

// stream puts an answer that was not read into the place of one that was.
func stream(in *http.Request, resp *http.Response, answer *upstream.Response) {
	resp.Header.Del("Content-Length")
	if answer.RestLength >= 0 {
		resp.Header.Set("Content-Length", strconv.FormatInt(answer.RestLength, 10))
	}
	if in.Method != http.MethodHead {
		resp.Body, resp.ContentLength = answer.Rest, answer.RestLength
	}
}

// wholeRequest is what the caller sent, with all of its body, decoded if anything
// looks into it.
func (h *Handler) wholeRequest(ctx context.Context, x *exchange) (*request.Request, error) {
	if err := buildRequest(ctx, x); err != nil {
		return nil, err
	}
	req := x.request
	x.request, x.base = request.Request{}, req.Base
	header := http.Header(req.Header)
	// What is left of these would make an answer that nobody here can read, or say
	// of the body what is not true any more.
	for _, name := range [...]string{"Accept-Encoding", "Expect", "Te"} {
		header.Del(name)
	}
	ofRequest, ofAnswer := x.through.NeedsBodies()
	if ofAnswer && (req.Method == http.MethodGet || req.Method == http.MethodHead) {
		// Neither a part of an answer nor none at all is anything to work on. A server
		// may leave out the one, and the other is found out here at the end.
		for _, name := range [...]string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
			header.Del(name)
		}
	}
	body, err := x.wholeBody(ctx)
	if err != nil {
		return nil, err
	}
	if ofRequest && len(body) > 0 {
		if body, err = decoded(header, body); err != nil {
			return nil, err
		}
		for _, name := range [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
			header.Del(name)
		}
	}
	req.Body = body
	return &req, nil
}

// wholeBody reads the body of the request, nil for none, within the time of the
// exchange.
func (x *exchange) wholeBody(ctx context.Context) ([]byte, error) {
	if x.in.Body == nil || x.in.ContentLength == 0 {
		x.body.empty = true
		return nil, nil
	}
	defer func() { _ = x.in.Body.Close() }()
	if x.in.ContentLength > plan.MaxInput {
		return nil, tooLong()
	}
	control := http.NewResponseController(x.out)
	stop := context.AfterFunc(ctx, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) }) // long ago
	defer stop()
	body, err := io.ReadAll(io.LimitReader(x.in.Body, plan.MaxInput+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fault.From(ctx.Err())
	case err != nil:
		return nil, unreadable()
	case len(body) > plan.MaxInput:
		return nil, tooLong()
	}
	x.body.buffered, x.body.content = true, body
	return body, nil
}

// tooLong refuses a body that does not fit.
func tooLong() error {
	return fault.Invalid(fault.ReasonInputTooLarge,
		"policies or custom code of this operation work on the body, which is longer than the limit of %d bytes; send less at once", plan.MaxInput).
		With("limit", strconv.Itoa(plan.MaxInput))
}

// decoded takes the content codings off a body. The length of what comes out is
// bounded too.
func decoded(header http.Header, body []byte) ([]byte, error) {
	codings := strings.Split(strings.Join(header["Content-Encoding"], ","), ",")
	for _, coding := range slices.Backward(codings) { // the last was put on last
		var from io.Reader
		var err error
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "", "identity":
			continue
		case "gzip", "x-gzip":
			from, err = gzip.NewReader(bytes.NewReader(body))
		case "deflate":
			from, err = zlib.NewReader(bytes.NewReader(body))
		default:
			return nil, fault.Invalid(fault.ReasonInvalidArgument,
				"policies or custom code of this operation work on the body, whose content coding is not known here; send it with gzip, deflate or none").
				Field("Content-Encoding", "must be gzip, deflate or nothing")
		}
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(from, plan.MaxInput+1))
		}
		if err != nil {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the body is not what its Content-Encoding says; send it as it is").Because(err).
				Field("Content-Encoding", "must be that of the body")
		}
		if len(body) > plan.MaxInput {
			return nil, tooLong()
		}
	}
	header.Del("Content-Encoding")
	return body, nil
}
