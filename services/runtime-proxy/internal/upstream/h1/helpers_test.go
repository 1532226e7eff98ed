package h1

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// plain is a transport of net/http with the settings that package egress makes.
func plain() *http.Transport {
	return &http.Transport{
		DialContext:            new(net.Dialer).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  5 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// fast returns a transport, and closes it in the end.
func fast(t testing.TB, change ...func(*http.Transport)) *Transport {
	t.Helper()
	settings := plain()
	for _, f := range change {
		f(settings)
	}
	transport := New(settings, clock.System())
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// server is a server that speaks as it is told.
type server struct {
	url   string
	conns atomic.Int64
}

// listen starts a server whose every connection is served by serve, which closes
// it.
func listen(t testing.TB, serve func(c net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &server{url: "http://" + l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			go serve(c)
		}
	}()
	return s
}

// answers reads requests and answers each with what answer writes, until that
// returns false.
func answers(answer func(c net.Conn, r *http.Request, n int) bool) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for n := 0; ; n++ {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil || !answer(c, r, n) {
				return
			}
		}
	}
}

// says answers every request with the same text and keeps the connection.
func says(text string) func(net.Conn) {
	return answers(func(c net.Conn, _ *http.Request, _ int) bool {
		_, err := io.WriteString(c, text)
		return err == nil
	})
}

func newRequest(ctx context.Context, t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// streamed is a body that is not known to be in memory.
func streamed(text string) io.ReadCloser {
	return io.NopCloser(struct{ io.Reader }{strings.NewReader(text)})
}

// whole sends a request and reads all of its answer.
func whole(transport http.RoundTripper, req *http.Request) (string, *http.Response, error) {
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp, err
}
