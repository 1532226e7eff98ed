// Package memnet connects services that run in one process.
//
// A [Listener] is a net.Listener without an address. Each service gets its own
// dialer from it, and a connection carries the name of the service that dialed
// it. With [ServerCredentials] and [ClientCredentials] that name is the peer
// identity of every gRPC call, as a certificate is over TLS:
//
//	l := memnet.Listen("registry")
//	go registry.Serve(l)
//	conn, err := grpc.NewClient("passthrough:///registry",
//		grpc.WithContextDialer(l.Dialer("gateway")),
//		grpc.WithTransportCredentials(memnet.ClientCredentials()))
//
// Nobody outside the process can reach such a listener, and what goes through
// it says nothing about who dialed: the name is not in the bytes.
package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc/test/bufconn"
)

// bufferSize is how many bytes each direction of a connection holds before
// its writer waits. It is a few of gRPC's 16 KiB frames.
const bufferSize = 256 << 10

// Listener accepts connections from within the process. It is safe for
// concurrent use.
type Listener struct {
	service string
	conns   chan *conn
	done    chan struct{}
	once    sync.Once
}

var _ net.Listener = (*Listener)(nil)

// Listen returns the listener of the named service.
func Listen(service string) *Listener {
	return &Listener{service: service, conns: make(chan *conn), done: make(chan struct{})}
}

// Dialer returns a function that connects the named service to the listener.
// Handing it to a service is what gives that service its name. It ignores the
// address, waits until the connection is accepted, and fails when ctx ends or
// the listener closes (net.ErrClosed). The caller closes the connection.
func (l *Listener) Dialer(caller string) func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		if err := errors.Join(l.closed(), ctx.Err()); err != nil { // not left to chance by select
			return nil, fmt.Errorf("dial %s: %w", l.service, err)
		}
		near, far := pair()
		select {
		case <-l.done:
			return nil, fmt.Errorf("dial %s: %w", l.service, net.ErrClosed)
		case <-ctx.Done():
			return nil, fmt.Errorf("dial %s: %w", l.service, ctx.Err())
		case l.conns <- &conn{Conn: far, peer: caller}:
			return &conn{Conn: near, peer: l.service}, nil
		}
	}
}

// Accept waits for the next connection. After Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	if err := l.closed(); err != nil {
		return nil, fmt.Errorf("accept for %s: %w", l.service, err)
	}
	select {
	case <-l.done:
		return nil, fmt.Errorf("accept for %s: %w", l.service, net.ErrClosed)
	case c := <-l.conns:
		return c, nil
	}
}

// closed returns net.ErrClosed after Close.
func (l *Listener) closed() error {
	select {
	case <-l.done:
		return net.ErrClosed
	default:
		return nil
	}
}

// Close ends Accept and all dialing; connections that exist stay. It is
// idempotent and returns nil.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr returns the service's name on the network "memory".
func (l *Listener) Addr() net.Addr { return addr(l.service) }

type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

// conn is a connection that knows which service is at its other end.
type conn struct {
	net.Conn

	peer string
}

// RemoteAddr returns the name of the service at the other end.
func (c *conn) RemoteAddr() net.Addr { return addr(c.peer) }

// pair returns both ends of a new buffered connection.
func pair() (near, far net.Conn) {
	l := bufconn.Listen(bufferSize)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept() // cannot fail: nobody closes l
		accepted <- c
	}()
	near, _ = l.Dial() // the same
	return near, <-accepted
}
