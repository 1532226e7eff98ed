// Package http1 serves ordinary HTTP/1.1 requests, as they come by the thousand, with
// less work than package net/http, and leaves all others to that.
//
// A [Server] reads the head of each request. If it is ordinary, the handler is called
// with what net/http would have called it with, and answers with what net/http would
// have answered: [net/http.ResponseWriter] with all that belongs to it but Hijack. If not,
// the connection goes to an [net/http.Server], with what was read of it in front, and
// belongs to that from then on. Ordinary is what [head.scan] understands: HTTP/1.1, a
// common method, a path, one Host, names and values without anything unusual, no body or
// one with its length, lines that end with CRLF, 8 KiB in all. So what is malformed,
// ambiguous, large or rare (chunks, Expect, Upgrade, HTTP/1.0 and 2) is judged in one
// place, and nothing here has to be lenient.
//
//	server := http1.New(handler, &http.Server{Handler: handler, IdleTimeout: time.Minute}, clock.System())
//	err := server.Serve(listener)
//
// What it saves: the head is one string with parts; the header of an answer is written
// once and not copied before; the context of a request makes a channel only for who asks
// for one; and one ticker looks after all connections, in place of deadlines and of a
// goroutine for every request that watches whether the caller leaves. It watches those
// requests only that take longer than a moment.
//
// What differs from net/http: there is no Hijack; a handler that wraps the body of a
// request and leaves a part of it unread has its connection closed in any case;
// [net/http.MaxBytesReader] does not close the connection by itself; a caller that leaves is
// noticed up to [watchAfter] and a tick later; what is copied from a file or a
// connection takes the way through memory. And there is [Server.Patience], which is
// between two pieces of a body, where net/http has times for all of one only.
package http1

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Server serves the connections of listeners. It is safe for concurrent use.
type Server struct {
	// Patience is how long the server waits for the next piece of a request's body
	// while somebody reads it, and for the caller to take the next piece of an answer;
	// 0 is for ever. Set it before Serve. It counts for the connections of net/http,
	// too. Who reads a body that stays away gets [os.ErrDeadlineExceeded]; a caller that
	// takes nothing is disconnected.
	Patience time.Duration

	handler   http.Handler
	others    *http.Server
	clock     clock.Clock
	prototype *http.Request
	base      context.Context //nolint:containedctx // that the connections have the values of
	of        func(ctx context.Context, conn net.Conn) context.Context

	closing atomic.Bool
	stopped chan struct{} // closed with closing
	drained chan struct{} // closed once it is closing and has no connections
	ticker  ticker

	mu        sync.Mutex
	listeners map[*net.Listener]struct{} // pointers, since not all can be compared
	conns     map[*conn]struct{}
	ticking   bool
}

// New returns a server. Ordinary requests go to handler; the connections of all others
// to others, whose ReadHeaderTimeout, IdleTimeout, ErrorLog and ConnContext count for
// both; zero times are no limits. It belongs to the server now: nobody else may serve
// with it or shut it down. clk is for the times of ordinary requests.
func New(handler http.Handler, others *http.Server, clk clock.Clock) *Server {
	s := &Server{
		handler: handler, others: others, clock: clk, prototype: newPrototype(),
		base: context.WithValue(context.Background(), http.ServerContextKey, others),
		of:   others.ConnContext, stopped: make(chan struct{}), drained: make(chan struct{}),
		listeners: make(map[*net.Listener]struct{}), conns: make(map[*conn]struct{}),
	}
	if s.of == nil {
		s.of = func(ctx context.Context, _ net.Conn) context.Context { return ctx }
	}
	if others.ErrorLog == nil {
		others.ErrorLog = log.Default() //nolint:forbidigo // as net/http does
	}
	others.Handler = s.patient(others.Handler)
	others.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if over, ok := c.(*handedOver); ok {
			c = over.Conn
		}
		return s.of(ctx, c)
	}
	return s
}

// Serve serves the connections of l until it fails or the server is stopped: then the
// error is [http.ErrServerClosed]. It closes l.
func (s *Server) Serve(l net.Listener) error {
	over := newHandover(l.Addr())
	if !s.listen(l) {
		_ = l.Close()
		return http.ErrServerClosed
	}
	others := make(chan error, 1)
	go func() { others <- s.others.Serve(over) }()
	err := s.accept(l, over)
	_ = l.Close()
	_ = over.Close()
	if ended := <-others; !errors.Is(ended, http.ErrServerClosed) && !errors.Is(ended, net.ErrClosed) {
		return errors.Join(err, ended)
	}
	return err
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[&l] = struct{}{}
	return true
}

// accept takes connections. Where there is no room for more, it waits a moment.
func (s *Server) accept(l net.Listener, over *handover) error {
	const shortest, longest = 5 * time.Millisecond, time.Second
	wait := shortest
	for {
		socket, err := l.Accept()
		switch {
		case err == nil:
			wait = shortest
			s.welcome(socket, over)
			continue
		case s.closing.Load():
			return http.ErrServerClosed
		case !passing(err):
			return fmt.Errorf("accept a connection: %w", err)
		}
		s.logf("http: Accept error: %v; retrying in %v", err, wait)
		select {
		case <-s.clock.After(wait):
		case <-s.stopped:
		}
		wait = min(2*wait, longest)
	}
}

// passing reports whether another attempt to accept a connection may do better.
func passing(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

// welcome starts to serve a connection.
func (s *Server) welcome(socket net.Conn, over *handover) {
	c := &conn{server: s, socket: socket, over: over, buf: make([]byte, readSize)}
	c.ctx = context.WithValue(s.of(s.base, socket), http.LocalAddrContextKey, socket.LocalAddr())
	if addr := socket.RemoteAddr(); addr != nil {
		c.remote = addr.String()
	}
	if !s.remember(c) {
		_ = socket.Close()
		return
	}
	go c.serve()
}

// remember adds a connection, and has the ticker look after it.
func (s *Server) remember(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.conns[c] = struct{}{}
	if !s.ticking {
		s.ticking = true
		s.ticker.set(s.clock.Now())
		go s.tick()
	}
	c.phase.set(fresh, s.now())
	return true
}

// forget removes a connection that has ended or was handed over.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.checkDrained()
}

// checkDrained ends the wait of Shutdown. The lock is held.
func (s *Server) checkDrained() {
	if len(s.conns) > 0 || !s.closing.Load() {
		return
	}
	select {
	case <-s.drained:
	default:
		close(s.drained)
	}
}

// stop stops the listeners.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing.Swap(true) {
		close(s.stopped)
	}
	for l := range s.listeners {
		_ = (*l).Close()
	}
	s.checkDrained()
}

// Shutdown takes no more connections, closes those without a request and waits for the
// requests under way, whose connections are closed with their answers. It returns when
// that is done, or with the error of ctx when that ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	s.closeIdle()
	err := s.others.Shutdown(ctx)
	select {
	case <-s.drained:
		return err //nolint:wrapcheck // as net/http: the context's
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close takes no more connections and closes those that are there.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.socket.Close()
	}
	s.mu.Unlock()
	return s.others.Close() //nolint:wrapcheck // as net/http
}

// closeIdle closes connections without a request.
func (s *Server) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.closeIdle()
	}
}

func (s *Server) logf(format string, args ...any) {
	s.others.ErrorLog.Printf(format, args...) //nolint:forbidigo // what net/http says of the same things is there, too
}
