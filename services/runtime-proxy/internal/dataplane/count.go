package dataplane

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// countedWriter counts the bytes of an answer.
type countedWriter struct {
	http.ResponseWriter

	written int64
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.written += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (c *countedWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// countedBody counts the bytes of a request, and notes whether it broke off. A transport may still read it when
// the call has ended.
type countedBody struct {
	io.ReadCloser

	read   atomic.Int64
	broken atomic.Bool // by its sender: its end did not come
	late   atomic.Bool // its sender may be there, and sends no more
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) {
		c.broken.Store(true)
		c.late.Store(errors.Is(err, os.ErrDeadlineExceeded))
	}
	return n, err
}

// countBodies makes both bodies countable.
func (x *exchange) countBodies(w http.ResponseWriter) {
	x.answers.ResponseWriter = w
	x.out = &x.answers
	if x.in.ContentLength != 0 && x.in.Body != nil {
		x.uploaded.ReadCloser = x.in.Body
		x.upload = &x.uploaded
		x.in.Body = x.upload
	}
}

// unreadable refuses a body whose end did not come. Nobody may be there any more to
// be told.
func unreadable() error {
	return fault.Invalid(fault.ReasonInvalidArgument,
		"the body of the request cannot be read to its end: its chunks are not well-formed, or it broke off; the API has got a part of it at most, send it again").
		Field("body", "must be as long as its header or its chunks say")
}

// late refuses a body of which nothing came for too long.
func late() error {
	return fault.Invalid(fault.ReasonInvalidArgument,
		"the rest of the request's body did not come in time; the API has got a part of it at most, send it again").
		Field("body", "must come without long breaks")
}

// blame says whose fault the failure of a request is: that of who sent the body, if
// its end did not come.
func (x *exchange) blame(ctx context.Context, err error) error {
	switch {
	case err == nil || x.upload == nil:
	case x.upload.late.Load():
		return late()
	case ctx.Err() == nil && x.upload.broken.Load():
		return unreadable()
	}
	return err
}

// count records the outcome of an exchange. If it is an error of ours, the call has
// failed, whatever the API answered; an answer that broke off keeps its status.
func (h *Handler) count(ctx context.Context, x *exchange, err error, elapsed time.Duration) {
	series := h.unbound
	sample := usage.Sample{Status: x.status, Elapsed: elapsed, ResponseBytes: x.answers.written, Replayed: x.kept.replayed}
	if err != nil && !errors.Is(err, errBroken) {
		sample.Status = 0
	}
	if x.through.Series != nil {
		series, sample.Connection = x.through.Series, x.target.connection.ID
	}
	switch {
	case x.upload != nil && x.in.ContentLength < 0:
		sample.RequestBytes = x.upload.read.Load()
	case x.body.sent || x.body.buffered:
		sample.RequestBytes = x.in.ContentLength
	}
	series.Record(ctx, sample)
}
