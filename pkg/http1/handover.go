package http1

import (
	"bytes"
	"io"
	"net"
	"sync"
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
	c.over.give(&handedOver{Conn: c.socket, read: read})
	s.forget(c)
}

// handedOver is a connection that something was read of.
type handedOver struct {
	net.Conn

	read []byte
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

// ReadFrom implements [io.ReaderFrom], by which net/http sends files.
func (h *handedOver) ReadFrom(src io.Reader) (int64, error) {
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
