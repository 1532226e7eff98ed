package h1

import (
	"crypto/tls"
	"net"
	"syscall"
	"time"
)

// conn is one connection to a server. One exchange at a time uses it, and nobody
// reads it between two: no goroutine belongs to it.
type conn struct {
	net.Conn

	socket net.Conn // below TLS
	look   look
	tls    *tls.ConnectionState // nil without
	hangUp func()               // closes the socket; made once for all exchanges

	host *host
	used bool // it has carried an answer

	// While it is idle:
	since        time.Time
	older, newer *conn
}

func newConn(h *host, socket net.Conn) *conn {
	c := &conn{Conn: socket, socket: socket, host: h}
	c.hangUp = func() { _ = socket.Close() }
	if s, ok := socket.(syscall.Conn); ok {
		c.look.prepare(s)
	}
	return c
}

// silent reports whether nothing has come since the last answer: no end of the
// connection, and nothing that could be taken for an answer to a request that has
// not been sent. Such a connection can be used again.
func (c *conn) silent() bool {
	if !c.look.silent() {
		return false
	}
	if c.tls == nil && c.look.possible() {
		return true
	}
	// Records that TLS has read from the socket and not yet handed out. With a
	// deadline that is over, nothing else is read.
	if c.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	n, err := c.Read(make([]byte, 1))
	e, ok := err.(net.Error) //nolint:errorlint // neither crypto/tls nor net wraps its timeouts
	return n == 0 && ok && e.Timeout() && c.SetReadDeadline(time.Time{}) == nil
}
