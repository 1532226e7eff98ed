package service

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// noted is told that somebody left.
type noted chan struct{}

func (n noted) Left() { close(n) }

// serveOne serves a handler and returns the address.
func serveOne(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ServeHTTP(ctx, l, handler, nil, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

func TestAServerTellsWhenItsCallerLeaves(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan error, 1)
	addr := serveOne(t, func(_ http.ResponseWriter, r *http.Request) {
		caller := CallerOf(r.Context())
		if caller == nil {
			t.Error("the connection of the request is not known")
			return
		}
		left := make(noted)
		caller.Tell(left)
		close(asked)
		<-left
		<-r.Context().Done()
		late := make(noted)
		caller.Tell(late) // who asks late is told, too
		<-late
		caller.Tell(nil)
		ended <- r.Context().Err()
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the context of the request has not ended")
	}
}

func TestACallerThatWasToldOfNobodyIsServedOnAndOn(t *testing.T) {
	var told []noted
	addr := serveOne(t, func(w http.ResponseWriter, r *http.Request) {
		one := make(noted)
		told = append(told, one)
		caller := CallerOf(r.Context())
		caller.Tell(one)
		defer caller.Tell(nil)
		_, _ = io.Copy(w, r.Body)
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for range 3 { // on one connection; the server stops its reading between them
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
			t.Fatalf("the answer is %q, %v", body, err)
		}
	}
	for _, one := range told {
		select {
		case <-one:
			t.Error("somebody was told that a caller left who is still there")
		default:
		}
	}
}

func TestOtherConnectionsHaveNoCaller(t *testing.T) {
	if got := CallerOf(t.Context()); got != nil {
		t.Errorf("a context of nobody has the caller %v", got)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if CallerOf(r.Context()) != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	server.Config.ConnContext = withCaller
	server.Listener = callers{server.Listener}
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS13
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Error("a request over TLS has a caller: what ends TLS does not end the connection below")
	}
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	l := callers{&single{conn: ours}}
	if conn, err := l.Accept(); err != nil || conn != ours {
		t.Errorf("a connection that is not TCP was changed: %v, %v", conn, err)
	}
}

// single is a listener with one connection.
type single struct {
	net.Listener

	conn net.Conn
}

func (s *single) Accept() (net.Conn, error) { return s.conn, nil }
