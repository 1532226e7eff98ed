package dataplane

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

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

// countedBody counts the bytes of a request. A transport may still read it when
// the call has ended.
type countedBody struct {
	io.ReadCloser

	read atomic.Int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// countBodies makes both bodies countable: a request's only if it does not say
// how long it is.
func (x *exchange) countBodies(w http.ResponseWriter) {
	x.answers.ResponseWriter = w
	x.out = &x.answers
	if x.in.ContentLength < 0 && x.in.Body != nil {
		x.upload = &countedBody{ReadCloser: x.in.Body}
		x.in.Body = x.upload
	}
}

// count records the outcome of an exchange. Errors of ours are not part of an
// answer, and not counted as such.
func (h *Handler) count(ctx context.Context, x *exchange, elapsed time.Duration) {
	series := h.unbound
	sample := usage.Sample{Status: x.status, Elapsed: elapsed, ResponseBytes: x.answers.written, Replayed: x.kept.replayed}
	if x.through.Series != nil {
		series, sample.Connection = x.through.Series, x.target.connection.ID
	}
	switch {
	case x.upload != nil:
		sample.RequestBytes = x.upload.read.Load()
	case x.body.sent || x.body.buffered:
		sample.RequestBytes = x.in.ContentLength
	}
	series.Record(ctx, sample)
}
