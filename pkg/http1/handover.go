package http1

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// handover is the listener from which net/http takes the connections that were handed
// over.
type handover struct {
	addr   net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newHandover(addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements [net.Listener].
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements [net.Listener].
func (h *handover) Addr() net.Addr { return h.addr }

// give waits until net/http has a connection, or closes it if that takes no more.
func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		_ = c.Close()
	}
}

// handOver gives a connection to net/http. It is nothing of the server's any more.
func (s *Server) handOver(c *conn) {
	read := bytes.Clone(c.buf[c.from:c.to])
	c.over.give(&handedOver{Conn: c.socket, read: read, patience: s.Patience})
	s.forget(c)
}

// handedOver is a connection that something was read of.
type handedOver struct {
	net.Conn

	read     []byte
	patience time.Duration // for each piece that is written; 0 is for ever

	mu    sync.Mutex
	until time.Time // the handler's own deadline for what it writes; zero for none
}

// Read implements [net.Conn].
func (h *handedOver) Read(p []byte) (int, error) {
	if len(h.read) == 0 {
		return h.Conn.Read(p) //nolint:wrapcheck // it is the connection
	}
	n := copy(p, h.read)
	if h.read = h.read[n:]; len(h.read) == 0 {
		h.read = nil
	}
	return n, nil
}

// Write implements [net.Conn].
func (h *handedOver) Write(p []byte) (n int, err error) {
	if h.patience <= 0 {
		return h.Conn.Write(p) //nolint:wrapcheck // it is the connection
	}
	for more := true; more && err == nil; more = n < len(p) {
		var written int
		h.extend()
		written, err = h.Conn.Write(p[n:min(n+pieceSize, len(p))])
		n += written
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		dropUnsent(h.Conn)
	}
	return n, err //nolint:wrapcheck // it is the connection
}

// extend gives the next piece its time.
func (h *handedOver) extend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := soon(h.patience)
	if !h.until.IsZero() && h.until.Before(end) {
		end = h.until
	}
	_ = h.Conn.SetWriteDeadline(end)
}

// SetWriteDeadline implements [net.Conn].
func (h *handedOver) SetWriteDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = t
	return h.Conn.SetWriteDeadline(t) //nolint:wrapcheck // it is the connection
}

// SetDeadline implements [net.Conn].
func (h *handedOver) SetDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = t
	return h.Conn.SetDeadline(t) //nolint:wrapcheck // it is the connection
}

// ReadFrom implements [io.ReaderFrom], by which net/http sends files.
func (h *handedOver) ReadFrom(src io.Reader) (int64, error) {
	if h.patience > 0 {
		return io.Copy(struct{ io.Writer }{h}, src) //nolint:wrapcheck // it is the connection
	}
	return io.Copy(h.Conn, src) //nolint:wrapcheck // it is the connection
}

// CloseWrite is what net/http does before it closes a connection that it has not read
// to its end.
func (h *handedOver) CloseWrite() error {
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() //nolint:wrapcheck // it is the connection
	}
	return nil
}
