package http1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// record is what a server logs, without what no two servers have in common.
type record struct {
	mu    sync.Mutex
	lines []string
}

var (
	addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	dates     = regexp.MustCompile(`(?m)^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r$`)
)

func (r *record) Write(p []byte) (int, error) {
	line, _, _ := strings.Cut(string(p), "\n") // the rest is a stack
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, addresses.ReplaceAllString(line, "ADDRESS"))
	return len(p), nil
}

func (r *record) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// served is a server with its address.
type served struct {
	addr   string
	log    *record
	others atomic.Int64 // the requests that net/http has served
	server interface {
		Shutdown(ctx context.Context) error
		Close() error
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *served) http(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.others.Add(1)
			handler.ServeHTTP(w, r)
		}),
		ErrorLog: log.New(s.log, "", 0), ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
}

// run serves until the test is over.
func (s *served) run(t testing.TB, l net.Listener, serve func(net.Listener) error) {
	s.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	t.Cleanup(func() {
		_ = s.server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
}

// plain serves with net/http alone.
func plain(t testing.TB, handler http.Handler) *served {
	t.Helper()
	s := &served{log: &record{}}
	server := s.http(handler)
	s.server = server
	s.run(t, listen(t), server.Serve)
	return s
}

// ours serves with this package.
func ours(t testing.TB, handler http.Handler) *served {
	t.Helper()
	return oursOn(t, listen(t), handler, clock.System())
}

func oursOn(t testing.TB, l net.Listener, handler http.Handler, clk clock.Clock) *served {
	t.Helper()
	s := &served{log: &record{}}
	server := New(handler, s.http(handler), clk)
	s.server = server
	s.run(t, l, server.Serve)
	return s
}

// dial connects to it.
func (s *served) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// converse sends a text, ends its side of the connection if it is cut off there, and
// returns all that comes back, without dates.
func (s *served) converse(t testing.TB, text string, cutOff bool) string {
	t.Helper()
	conn := s.dial(t)
	defer func() { _ = conn.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, text) // fails where the server closes early
		if cutOff {
			_ = conn.CloseWrite()
		}
	}()
	answer, _ := io.ReadAll(conn) // a reset ends it too
	_ = conn.Close()
	<-sent
	return dates.ReplaceAllString(string(answer), "Date: DATE\r")
}

// timeOfFile is when a file was changed.
var timeOfFile = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// last is a request with whose answer the server closes the connection.
const last = "GET /last HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"

// dump answers with all that a handler can see of a request.
func dump(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %q %q %s %d.%d\n", r.Method, r.RequestURI, r.Host, r.Proto, r.ProtoMajor, r.ProtoMinor)
	fmt.Fprintf(&b, "url %#v\n", *r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%q: %q\n", name, r.Header[name])
	}
	fmt.Fprintf(&b, "length %d, encoding %q, close %v, TLS %v, form %v, none %v\n",
		r.ContentLength, r.TransferEncoding, r.Close, r.TLS, r.Form, r.Body == http.NoBody)
	content, err := io.ReadAll(r.Body)
	fmt.Fprintf(&b, "body %q, %v, then ", content, err)
	n, err := r.Body.Read(make([]byte, 1))
	fmt.Fprintf(&b, "%d %v, closed %v, ", n, err, r.Body.Close())
	n, err = r.Body.Read(make([]byte, 1))
	fmt.Fprintf(&b, "%d %v, trailer %q\n", n, err, r.Trailer)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	_, server := r.Context().Value(http.ServerContextKey).(*http.Server)
	_, deadline := r.Context().Deadline()
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintf(&b, "at %v from %v, server %v, deadline %v\n", local != nil, host, server, deadline)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(b.Bytes())
}
