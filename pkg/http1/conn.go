package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// readSize bounds the head of an ordinary request, and is how much of a small body is
// read at once. An idle connection keeps that much memory, as one of net/http does.
const readSize = 8 << 10

// longAgo is a deadline that ends a read that is under way; never is none.
var (
	longAgo = time.Unix(1, 0)
	never   time.Time
)

// conn is a connection with the goroutine that serves it.
type conn struct {
	server *Server
	socket net.Conn
	ctx    context.Context //nolint:containedctx // that its requests have the values of
	remote string
	over   *handover // where it goes if it is not ordinary
	phase  phaseSince

	// Of the serving goroutine, or of who reads the body while a request is served, or
	// of the watcher.
	buf         []byte
	from, to    int // what was read and not taken
	head        head
	served      bool  // something was
	posted      bool  // the last request was a POST
	begun       bool  // there was enough of the next request to look at
	writeFailed error // the first failure
	now         *exchange
	watching    watcher
	lingers     bool

	wait      wait        // for more of a body
	stuck     wait        // for the caller to take an answer
	gone      atomic.Bool // the caller has left
	deadlines atomic.Bool // a handler has set one
}

// serve serves requests until the connection ends or is handed over.
func (c *conn) serve() {
	defer c.end()
	for c.next() {
		x := c.now
		c.server.handler.ServeHTTP(x, x.request)
		if !x.finish() {
			return
		}
		c.now = nil
		c.phase.set(idle, c.server.now())
		if c.server.closing.Load() {
			return
		}
	}
}

// next waits for the next request, which is c.now then. There is none if the
// connection has ended, or belongs to net/http now.
func (c *conn) next() bool {
	for {
		if c.anything() {
			switch c.head.scan(c.buf[c.from:c.to]) {
			case ordinary:
				return c.begin()
			case odd:
				c.handOver()
				return false
			case incomplete:
			}
			if !c.phase.arriving(c.server.now()) || c.server.closing.Load() {
				return false
			}
		}
		if c.makeRoom(); c.to == len(c.buf) {
			c.handOver()
			return false
		}
		n, err := c.socket.Read(c.buf[c.to:])
		c.to += n
		if err != nil {
			c.cutOff(err)
			return false
		}
	}
}

// fewest is how many octets net/http waits for before it looks at a request that is not
// the first one of its connection.
const fewest = 4

// anything reports whether there is something to look at. Behind a POST, line ends among
// the first octets are skipped, as in net/http: some old callers send one too many.
func (c *conn) anything() bool {
	b := c.buf[c.from:c.to]
	if c.served && !c.begun && len(b) < fewest {
		return false
	}
	c.begun = true
	if c.posted {
		c.posted = false
		c.from += fewest - len(bytes.TrimLeft(b[:fewest], "\r\n"))
	}
	return c.from < c.to
}

// cutOff is for a connection of which no more can be read. What came of a head is for
// net/http to answer.
func (c *conn) cutOff(err error) {
	if n := c.to - c.from; errors.Is(err, io.EOF) && n > 0 && (c.begun || !c.served) {
		c.handOver()
	}
}

// makeRoom makes room for what is read next.
func (c *conn) makeRoom() {
	if c.from > 0 {
		c.to = copy(c.buf, c.buf[c.from:c.to])
		c.from = 0
	}
}

// handOver gives the connection to net/http, with what was read of it.
func (c *conn) handOver() {
	if c.phase.become(handed, c.server.now()) {
		c.server.handOver(c)
	}
}

// readBody reads something of the body of the request that is served, and waits for it
// until a time of the server.
func (c *conn) readBody(p []byte, until uint64) (int, error) {
	if c.from == c.to {
		if len(p) >= len(c.buf)/2 {
			return c.readSocket(p, until)
		}
		n, err := c.readSocket(c.buf, until)
		c.from, c.to = 0, n
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.from:c.to])
	c.from += n
	return n, nil
}

// readSocket reads a part of a body. Where it ends, or fails, but for its time, the
// caller has left.
func (c *conn) readSocket(p []byte, until uint64) (int, error) {
	c.wait.begin(until)
	n, err := c.socket.Read(p)
	if c.wait.end() {
		return 0, errBodyLate // with what may have come in the last moment
	}
	if err != nil {
		c.callerLeft()
	}
	return n, err
}

// bodyEnded notes that nobody reads from the connection any more, so that it can be
// watched.
func (c *conn) bodyEnded() {
	if c.deadlines.Load() {
		_ = c.socket.SetReadDeadline(never)
	}
	c.phase.quieten()
}

// interruptReading ends a read that is under way. Once nobody reads any more, stop
// makes it possible again.
func (c *conn) interruptReading() (stop func()) {
	_ = c.socket.SetReadDeadline(longAgo)
	return func() { _ = c.socket.SetReadDeadline(never) }
}

// callerLeft ends the context of the request that is served.
func (c *conn) callerLeft() {
	c.gone.Store(true)
	c.now.ctx.Finish(context.Canceled)
}

// Write implements [io.Writer]. What cannot be written, or is not taken, has nobody to
// read it.
func (c *conn) Write(p []byte) (n int, err error) {
	for more := true; more && err == nil; more = n < len(p) {
		var written int
		c.stuck.begin(c.server.patienceEnds())
		written, err = c.socket.Write(p[n:min(n+pieceSize, len(p))])
		c.stuck.end()
		n += written
	}
	if err != nil && c.writeFailed == nil {
		c.writeFailed = err
		c.callerLeft()
	}
	return n, err
}

// end ends the connection, unless it was handed over. Where a handler has panicked, or
// ended its goroutine, what it has flushed goes out.
func (c *conn) end() {
	if reason := recover(); reason != nil && reason != http.ErrAbortHandler { //nolint:errorlint // as net/http: no other error that has it inside
		const size = 64 << 10
		stack := make([]byte, size)
		stack = stack[:runtime.Stack(stack, false)]
		c.server.logf("http: panic serving %v: %v\n%s", c.remote, reason, stack)
	}
	if x := c.now; x != nil {
		x.abandon()
	}
	switch {
	case c.phase.is(handed):
	case c.lingers:
		c.linger()
	default:
		_ = c.socket.Close()
		c.server.forget(c)
	}
}

// linger says that nothing more will be written, and leaves the connection open for a
// moment: closed at once while the caller sends, it might take the answer with it
// (RFC 9112, section 9.6).
func (c *conn) linger() {
	if half, ok := c.socket.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	c.phase.set(lingering, c.server.now())
}

// watcher reads from a connection while a request is served, to learn whether the
// caller leaves.
type watcher struct {
	mu   sync.Mutex
	done chan struct{} // closed when it reads no more; nil while there is none
	stop atomic.Bool
}

// watch starts the watcher, unless the request of that time has ended.
func (c *conn) watch(since uint64) {
	c.watching.mu.Lock()
	defer c.watching.mu.Unlock()
	if c.phase.watched(since) {
		done := make(chan struct{})
		c.watching.done = done
		go c.readOn(done)
	}
}

// readOn waits for the caller to leave, or to send something, which is kept for the
// next request.
func (c *conn) readOn(done chan struct{}) {
	defer close(done)
	if c.makeRoom(); c.to == len(c.buf) {
		return
	}
	n, err := c.socket.Read(c.buf[c.to:])
	c.to += n
	var timeout net.Error
	if err != nil && (!c.watching.stop.Load() || !errors.As(err, &timeout) || !timeout.Timeout()) {
		c.callerLeft()
	}
}

// stopWatching waits until nobody watches, or ever will in this request.
func (c *conn) stopWatching() {
	if !c.phase.finish() {
		return
	}
	c.watching.mu.Lock()
	done := c.watching.done
	c.watching.mu.Unlock()
	c.watching.stop.Store(true)
	stop := c.interruptReading()
	<-done
	stop()
	c.watching.stop.Store(false)
}
