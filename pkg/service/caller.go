package service

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
)

// Leaver is told when a caller is gone.
type Leaver interface {
	// Left is called once, from a goroutine of the server's own. It must not wait.
	Left()
}

// Caller is the connection of who calls. The server of package net/http notices
// that a caller is gone and ends the context of its request; to be told so by a
// context takes five allocations and more than a microsecond for every request,
// which a proxy does better without. A Caller tells one [Leaver], for nothing.
//
// It is safe for concurrent use.
type Caller struct {
	*net.TCPConn // with all that the server may want of one

	mu   sync.Mutex
	gone bool
	tell Leaver // nil for nobody
}

// callerKey is the key of the caller in the context of its connection.
type callerKey struct{}

// CallerOf returns the connection that a request came on, by its context: over TCP
// and HTTP/1 without TLS, to a server of [ServeHTTP]; nil otherwise. The server ends
// the context of such a request when its caller is gone or when it was served, and
// for no other reason.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// withCaller is for [net/http.Server.ConnContext].
func withCaller(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*Caller); ok {
		return context.WithValue(ctx, callerKey{}, c)
	}
	return ctx // TLS: its end is not that of the connection below
}

// Tell has l told when the caller is gone, at once if that is known already, in
// place of whoever was to be told before; nil is for nobody. After Tell has
// returned, nobody else is told.
func (c *Caller) Tell(l Leaver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone && l != nil {
		l.Left()
		return
	}
	c.tell = l
}

// Read implements [net.Conn]. While a request is served the server reads, if only
// to learn whether somebody is still there.
func (c *Caller) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // that is how the server stops its own reading
		c.leave()
	}
	return n, err
}

// Write implements [net.Conn]. What cannot be written has nobody to read it.
func (c *Caller) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	if err != nil {
		c.leave()
	}
	return n, err
}

func (c *Caller) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.tell != nil {
		c.tell.Left()
		c.tell = nil
	}
}

// callers accepts them.
type callers struct{ net.Listener }

// Accept implements [net.Listener].
func (l callers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &Caller{TCPConn: tcp}, nil
	}
	return conn, nil
}
