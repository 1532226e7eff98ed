package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// pendingSize is how much a handler may write before the header goes out without
	// its length. It is that of net/http, so that answers come in the same chunks.
	pendingSize = 2 << 10
	// outSize is how much is collected for one system call.
	outSize = 8 << 10
)

// errServed is for handlers that go on with an answer after they have returned.
var errServed = errors.New("http1: the handler has returned; write the answer before")

// buffers are what an answer goes through. They are used again.
type buffers struct {
	pending *bufio.Writer // to the exchange, in chunks
	out     *bufio.Writer // to the connection
	head    []byte
	names   []string
}

// bufferPool has those that no answer uses.
var bufferPool = sync.Pool{New: func() any {
	return &buffers{pending: bufio.NewWriterSize(nil, pendingSize), out: bufio.NewWriterSize(nil, outSize)}
}}

// answer is the answer of an exchange on its way.
type answer struct {
	header     http.Header // nil until somebody wants it
	buf        *buffers    // nil once the exchange is over
	fields     answerFields
	status     int
	length     int64 // that was declared; -1 if none
	written    int64
	decided    bool // a final status is there, and the fields are taken
	sent       bool // the head is on its way
	chunked    bool
	complete   bool // the handler has returned
	fullDuplex bool
	last       bool // no other request follows
	tooMuch    bool // of the body is left
}

// begin makes the exchange ready to be answered.
func (x *exchange) begin() {
	x.length = -1
	x.last = x.request.Close
	x.buf = bufferPool.Get().(*buffers) //nolint:errcheck // nothing else is in the pool
	x.buf.pending.Reset(framer{x})
	x.buf.out.Reset(x.conn)
}

// release gives the buffers back.
func (a *answer) release() {
	b := a.buf
	a.buf = nil
	b.pending.Reset(nil)
	b.out.Reset(nil)
	clear(b.names)
	if cap(b.head) <= 2*outSize {
		bufferPool.Put(b)
	}
}

// Header implements [http.ResponseWriter].
func (x *exchange) Header() http.Header {
	if x.header == nil {
		x.header = make(http.Header)
	}
	return x.header
}

// WriteHeader implements [http.ResponseWriter]. The header is taken now: what is set
// later is for trailers.
func (x *exchange) WriteHeader(status int) {
	if x.buf == nil {
		return
	}
	if x.decided {
		caller := callerOutside()
		x.conn.server.logf("http: superfluous response.WriteHeader call from %s (%s:%d)", caller.Function, path.Base(caller.File), caller.Line)
		return
	}
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		x.writeInterim(status)
		return
	}
	x.decided, x.status = true, status
	x.takeFields()
	length := first(x.header["Content-Length"])
	if length == "" {
		return
	}
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < 0 {
		x.conn.server.logf("http: invalid Content-Length of %q", length)
		delete(x.header, "Content-Length")
		return
	}
	x.length = n
}

// writeInterim sends an answer that comes before the final one.
func (x *exchange) writeInterim(status int) {
	out := x.buf.out
	_, _ = out.Write(appendStatusLine(x.buf.head[:0], status))
	_ = x.header.WriteSubset(out, map[string]bool{"Content-Length": true, "Transfer-Encoding": true})
	_, _ = out.WriteString("\r\n")
	_ = out.Flush()
}

// Write implements [http.ResponseWriter].
func (x *exchange) Write(p []byte) (int, error) {
	if err := x.allow(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	return x.buf.pending.Write(p)
}

// WriteString implements [io.StringWriter].
func (x *exchange) WriteString(s string) (int, error) {
	if err := x.allow(len(s)); err != nil || s == "" {
		return 0, err
	}
	return x.buf.pending.WriteString(s)
}

// allow judges whether n bytes of a body may be written.
func (x *exchange) allow(n int) error {
	if x.buf == nil {
		return errServed
	}
	if !x.decided {
		x.WriteHeader(http.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !bodyAllowed(x.status) {
		return http.ErrBodyNotAllowed
	}
	x.written += int64(n)
	if x.length >= 0 && x.written > x.length {
		return http.ErrContentLength
	}
	return nil
}

// ReadFrom implements [io.ReaderFrom], with a buffer that is used again.
func (x *exchange) ReadFrom(src io.Reader) (int64, error) {
	room := copies.Get().(*[copySize]byte) //nolint:errcheck // nothing else is in the pool
	defer copies.Put(room)
	return io.CopyBuffer(struct{ io.Writer }{x}, src, room[:])
}

// Flush implements [http.Flusher].
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is for [http.ResponseController].
func (x *exchange) FlushError() error {
	if x.buf == nil {
		return errServed
	}
	if !x.decided {
		x.WriteHeader(http.StatusOK)
	}
	err := x.buf.pending.Flush()
	if !x.sent {
		x.sendHead(nil)
	}
	if failed := x.buf.out.Flush(); err == nil {
		err = failed
	}
	return err
}

// SetReadDeadline is for [http.ResponseController].
func (x *exchange) SetReadDeadline(t time.Time) error {
	x.conn.deadlines.Store(true)
	return x.conn.socket.SetReadDeadline(t)
}

// SetWriteDeadline is for [http.ResponseController].
func (x *exchange) SetWriteDeadline(t time.Time) error {
	x.conn.deadlines.Store(true)
	return x.conn.socket.SetWriteDeadline(t)
}

// EnableFullDuplex is for [http.ResponseController].
func (x *exchange) EnableFullDuplex() error {
	x.fullDuplex = true
	return nil
}

// finish ends an exchange whose handler has returned, and reports whether another may
// follow.
func (x *exchange) finish() bool {
	c := x.conn
	x.ctx.Finish(context.Canceled)
	x.complete = true
	if !x.decided {
		x.WriteHeader(http.StatusOK)
	}
	_ = x.buf.pending.Flush()
	x.endFrames()
	_ = x.buf.out.Flush()
	x.release()
	c.stopWatching()
	whole := true
	if x.hasBody {
		x.body.end()
		whole = x.body.left == 0
		c.lingers = x.tooMuch || x.body.early || x.body.late
	}
	if x.request.MultipartForm != nil {
		_ = x.request.MultipartForm.RemoveAll()
	}
	if c.deadlines.Swap(false) {
		_ = c.socket.SetDeadline(never)
	}
	short := x.length >= 0 && x.length != x.written && !x.isHead && bodyAllowed(x.status)
	return whole && !c.lingers && !x.last && !short && c.writeFailed == nil
}

// abandon ends an exchange whose handler has not returned. What it has flushed, or
// written beyond the buffers, goes out.
func (x *exchange) abandon() {
	x.ctx.Finish(context.Canceled)
	if x.buf == nil {
		return // it was finish that failed
	}
	_ = x.buf.out.Flush()
	x.release()
	x.conn.stopWatching()
	if x.hasBody {
		x.body.end()
	}
}

// callerOutside returns the frame of who called this package.
func callerOutside() runtime.Frame {
	of := make([]uintptr, 16)
	frames := runtime.CallersFrames(of[:runtime.Callers(2, of)])
	for {
		frame, more := frames.Next()
		if !more || !strings.Contains(frame.Function, "/pkg/http1.(*") {
			return frame
		}
	}
}
