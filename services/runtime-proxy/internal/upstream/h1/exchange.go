package h1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// bufferSize is how much is read from a connection at once, at the least:
	// enough for most answers of APIs.
	bufferSize = 8 << 10
	// maxInformational bounds the 1xx answers before the one that counts, if
	// nobody listens to them; maxHeard if somebody does, who may have a limit of
	// their own.
	maxInformational, maxHeard = 100, 1000
)

// buffers are what an exchange reads through. They belong to it alone: idle
// connections have none.
type buffers struct {
	in   *bufio.Reader
	head []byte
}

// spare are buffers that nobody uses.
var spare = sync.Pool{New: func() any { return &buffers{in: bufio.NewReaderSize(nil, bufferSize)} }}

// exchange is one request and its answer on one connection. It is one piece of
// memory with both the answer and its body.
type exchange struct {
	response http.Response
	body     body

	ctx       context.Context //nolint:containedctx // it is the request's, and lives as long
	hooks     Hooks           // may be nil
	pool      *pool
	conn      *conn
	buffers   *buffers
	ending    Ending      // hangs up at the end of the context; nil if stop does
	stop      func() bool // stops hanging up at the end of the context; nil if it has none
	sending   *sending    // nil if the body went out with the header
	maxHeader int
	wait      time.Duration // for the answer to begin
	wrote     bool          // something of the request
	heard     bool          // something of an answer
}

// run sends a request and reads the header of its answer. If it fails, the
// connection is closed. The answer's body has to be closed.
func (x *exchange) run(req *http.Request, m *message) (*http.Response, error) {
	x.attach()
	x.buffers = spare.Get().(*buffers) //nolint:errcheck // nothing else is in the pool
	x.buffers.in.Reset(x.conn)
	err := x.write(req, m)
	if err == nil {
		err = x.read(req)
	}
	if err != nil {
		err = x.reason(err)
		x.finish(false)
		return nil, err
	}
	return x.answer(m), nil
}

// attach has the connection hung up at the end of the context.
func (x *exchange) attach() {
	if ending := endingOf(x.ctx); ending != nil && ending.Attach(x.conn.hangUp) {
		x.ending = ending
		return
	}
	if x.ctx.Done() != nil {
		x.stop = context.AfterFunc(x.ctx, x.conn.hangUp)
	}
}

// endingOf returns the Ending that a context is, or that it ends with: one with values
// in between. Whatever ends earlier has a channel of its own.
func endingOf(ctx context.Context) Ending {
	if ending, ok := ctx.(Ending); ok {
		return ending
	}
	if ending, ok := ctx.Value(EndingKey{}).(Ending); ok && ending.Done() == ctx.Done() {
		return ending
	}
	return nil
}

// detach undoes it, and reports whether the connection was not hung up.
func (x *exchange) detach() bool {
	switch {
	case x.ending != nil:
		return x.ending.Detach()
	case x.stop != nil:
		return x.stop()
	}
	return true
}

// write sends the header, and starts sending the body if that is not with it.
func (x *exchange) write(req *http.Request, m *message) error {
	n, err := x.conn.Write(m.text)
	x.wrote = n > 0
	if x.wrote && x.hooks != nil {
		x.hooks.WroteHeaders()
	}
	if err != nil && (!x.wrote || !broken(err)) {
		return fmt.Errorf("write request: %w", err)
	}
	if !m.streamed {
		return x.conn.SetReadDeadline(x.pool.clock.Now().Add(x.wait))
	}
	if err := x.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("allow time for the request: %w", err)
	}
	x.sending = &sending{
		conn: x.conn, body: req.Body, length: m.length, trailer: req.Trailer,
		clock: x.pool.clock, wait: x.wait, done: make(chan struct{}),
	}
	go x.sending.run()
	return nil
}

// broken reports whether an error is that of a connection that the server has
// closed. What it said before can still be read.
func broken(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && !op.Timeout() && !errors.Is(err, net.ErrClosed)
}

// read reads the header of the answer that counts.
func (x *exchange) read(req *http.Request) error {
	if _, err := x.buffers.in.Peek(1); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	x.heard = true
	left := maxInformational
	if x.hooks != nil {
		left = maxHeard
	}
	for ; left >= 0; left-- {
		var err error
		if x.buffers.head, err = readHead(x.buffers.in, x.buffers.head[:0], x.maxHeader); err != nil {
			return err
		}
		if err := parseHead(string(x.buffers.head), &x.response); err != nil {
			return err
		}
		switch status := x.response.StatusCode; {
		case status == http.StatusSwitchingProtocols:
			return errSwitched
		case status >= http.StatusOK:
			return x.frame(req)
		case x.hooks != nil:
			if err := x.hooks.Informational(status, x.response.Header); err != nil {
				return err
			}
		}
	}
	return errInformational
}

// frame prepares the reading of the body.
func (x *exchange) frame(req *http.Request) (err error) {
	resp := &x.response
	if x.body.framing, err = frame(resp, req.Method); err != nil {
		return err
	}
	if req.Close || hasToken(req.Header["Connection"], "close") {
		resp.Close = true
	}
	resp.Request, resp.TLS = req, x.conn.tls
	x.body.x, x.body.left = x, resp.ContentLength
	if x.body.framing == byChunks {
		x.body.chunks = httputil.NewChunkedReader(x.buffers.in)
	}
	if x.sending != nil {
		x.sending.answer()
	}
	// From here on the caller decides how long to wait.
	if whole := x.body.framing == byLength && x.body.left <= int64(x.buffers.in.Buffered()); whole || x.body.framing == noBody {
		return nil
	}
	return x.conn.SetReadDeadline(time.Time{})
}

// answer returns the answer whose header was read. If there is no body, the
// connection is free at once.
func (x *exchange) answer(m *message) *http.Response {
	resp := &x.response
	if x.body.framing == noBody {
		resp.Body = http.NoBody
		x.finish(!promises(resp))
		return resp
	}
	resp.Body = &x.body
	if m.gzip && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		unzip(resp)
	}
	return resp
}

// promises reports whether an answer of 204 says that a body follows, which it must not
// (RFC 9110, section 8.6). Servers that do so may send it, in a packet of its own, and it
// would be taken for the next answer. A length in an answer to HEAD, or of 304, is in order.
func promises(resp *http.Response) bool {
	if resp.StatusCode != http.StatusNoContent {
		return false
	}
	length := resp.Header["Content-Length"]
	return len(resp.TransferEncoding) > 0 || len(length) > 0 && strings.Trim(length[0], "0") != ""
}

// reason finds the cause of a failure: a connection may have been closed on our
// side.
func (x *exchange) reason(err error) error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	if x.sending != nil {
		if failed := x.sending.failure(); failed != nil {
			return failed
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errHeaderTimeout
	}
	return err
}

// repeatable reports whether a request that failed may be sent again on another
// connection: the server has closed this one, which was idle before, and either
// it got nothing of the request or the method promises that it does not matter.
// No field of the request changes that: who sets Idempotency-Key decides.
func (x *exchange) repeatable(req *http.Request, err error) bool {
	if !x.conn.used || x.heard || x.ctx.Err() != nil || errors.Is(err, errHeaderTimeout) {
		return false
	}
	if !x.wrote {
		return true
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return x.sending == nil || req.GetBody != nil
	}
	return false
}

// finish gives up the connection: to the next exchange if that is possible. It is
// called once.
func (x *exchange) finish(whole bool) {
	reusable := whole && !x.response.Close && x.buffers.in.Buffered() == 0
	if x.sending != nil && reusable {
		reusable = x.sending.complete()
	}
	x.buffers.in.Reset(nothing{})
	if cap(x.buffers.head) <= bufferSize {
		spare.Put(x.buffers)
	}
	x.buffers = nil
	if !x.detach() {
		reusable = false // it is being hung up
	}
	if reusable {
		x.pool.put(x.conn)
		return
	}
	x.pool.discard(x.conn)
}

// nothing is what buffers read that nobody uses.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
