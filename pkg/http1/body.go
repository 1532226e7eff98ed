package http1

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// maxDrained is how much of a body that nobody has read the server reads, to answer
// a caller that sends all of it first, and to go on with the connection. It is that of
// net/http.
const maxDrained = 256 << 10

// drainFor is how long the server does so: what nobody wants must not hold a
// connection, nor an answer.
const drainFor = 5 * time.Second

// errBodyLate is for bodies of which nothing came for too long.
var errBodyLate = fmt.Errorf("http1: the caller did not send the rest of the body in time: %w", os.ErrDeadlineExceeded)

// body is that of a request, with a length. Somebody may still read it when the
// handler has returned: it never takes more than its length, and nothing at all of the
// connection once it is closed.
type body struct {
	conn    *conn
	closing bool // the caller wants no other request on the connection

	mu     sync.Mutex // held while it is read, too
	left   int64      // still to come; 0 at its end
	cut    bool       // the caller left before; as in net/http, one read says so and the next that this is the end
	closed bool
	late   bool   // no more of it came in time
	drain  uint64 // until when it is read that nobody wants; 0 while somebody may
	early  bool   // closed before its end, with the rest still to come
}

// Read implements [io.Reader]. Its errors are [io.ErrUnexpectedEOF] if the caller left
// in the middle, [os.ErrDeadlineExceeded] if it sent nothing for too long,
// [http.ErrBodyReadAfterClose], and those of the connection.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// read is Read, with the lock held.
func (b *body) read(p []byte) (int, error) {
	switch {
	case b.over():
		return 0, io.EOF
	case b.late:
		return 0, errBodyLate
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if len(p) == 0 {
		return 0, nil
	}
	until := b.drain
	if until == 0 {
		until = b.conn.server.patienceEnds()
	}
	n, err := b.conn.readBody(p, until)
	b.left -= int64(n)
	switch {
	case errors.Is(err, errBodyLate):
		b.late = true
	case b.left == 0:
		b.conn.bodyEnded()
		return n, io.EOF
	case errors.Is(err, io.EOF):
		b.cut = true
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// over reports whether nothing more will come. The lock is held.
func (b *body) over() bool { return b.left == 0 || b.cut }

// Close implements [io.Closer]. It reads what little is left of the body.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	err := b.drop()
	b.closed = true
	return err
}

// drop reads the rest if it is little. The lock is held.
func (b *body) drop() error {
	switch {
	case b.over() || b.closing:
		return nil
	case b.left > maxDrained:
		b.early = true
		return nil
	}
	before := b.left
	_, err := b.discard(maxDrained)
	b.early = before-b.left == maxDrained // as in net/http; there may be more
	return err
}

// discard reads up to most bytes, for a moment, and reports whether that was all. The
// lock is held.
func (b *body) discard(most int64) (whole bool, err error) {
	if b.drain == 0 {
		b.drain = b.conn.server.in(drainFor)
	}
	room := copies.Get().(*[copySize]byte) //nolint:errcheck // nothing else is in the pool
	defer copies.Put(room)
	for !b.over() && most > 0 && err == nil {
		var n int
		n, err = b.read(room[:min(most, copySize)])
		most -= int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b.over(), err
}

// beforeAnswer reads what nobody has read of the body before the answer goes out, since
// many callers send all of a request before they read. Its result is whether the
// connection can go on, and whether that is because too much is left.
func (b *body) beforeAnswer() (on, tooMuch bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return b.over(), false
	case b.left > maxDrained-1:
		return false, true
	}
	whole, err := b.discard(maxDrained)
	b.closed = err == nil && whole
	return b.closed, false
}

// end closes it when its request is served. Who still reads it is stopped.
func (b *body) end() {
	if !b.mu.TryLock() {
		stop := b.conn.interruptReading()
		b.mu.Lock()
		stop()
		b.early = b.left > 0
		b.closed = true
	}
	b.mu.Unlock()
	_ = b.Close()
}
