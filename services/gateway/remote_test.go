package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/gateway"
)

// remote serves the way to a data plane that is handler.
func remote(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	runtime := httptest.NewServer(handler)
	t.Cleanup(runtime.Close)
	way, err := gateway.Remote(runtime.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(way)
	t.Cleanup(front.Close)
	return front
}

func TestTheWayToTheRuntimeChangesNothing(t *testing.T) {
	var seen string
	front := remote(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI })
	for _, target := range []string{
		"/v1/environments/default/connections/shop/proxy/a//b/%2F/..%2f",
		"/proxy?b=1&a=2;c=3", "/proxy?b=1&a=%zz", "/proxy/a{b}|c", "/proxy?", "/proxy/caf\xc3\xa9",
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n", target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if seen != target {
			t.Errorf("the runtime saw %q of %q", seen, target)
		}
	}
}

func TestTrailersReachTheRuntime(t *testing.T) {
	var seen string
	front := remote(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen = r.Trailer.Get("Checksum")
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"Checksum": nil}
	req.Body = &trailing{Reader: strings.NewReader("body"), at: func() { req.Trailer.Set("Checksum", "abc") }}
	req.ContentLength = -1
	res, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if seen != "abc" {
		t.Errorf("the runtime saw the trailer %q", seen)
	}
}

// trailing calls at when its text has been read.
type trailing struct {
	io.Reader
	at func()
}

func (b *trailing) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.at()
	}
	return n, err
}

func (b *trailing) Close() error { return nil }

func TestARuntimeThatIsGoneIsExplained(t *testing.T) {
	runtime := httptest.NewServer(http.NotFoundHandler())
	runtime.Close()
	way, err := gateway.Remote(runtime.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	way.ServeHTTP(w, httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "http://edge/proxy", nil))
	if w.Code != http.StatusServiceUnavailable || reason(t, w.Body.String()) != "SERVICE_UNAVAILABLE" {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
}
