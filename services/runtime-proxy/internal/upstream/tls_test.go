package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// newClient returns a client that may speak to this machine and trusts the
// certificate of a test server, if one is given.
func newClient(t *testing.T, trusted *x509.Certificate) *Client {
	t.Helper()
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if trusted != nil {
		settings.RootCAs = x509.NewCertPool()
		settings.RootCAs.AddCert(trusted)
	}
	c := build(guard, tracenoop.NewTracerProvider().Tracer(""), Options{}, settings)
	t.Cleanup(c.Close)
	return c
}

func to(t *testing.T, url, method, path, query string) *request.Request {
	t.Helper()
	base, err := request.ParseBase(url)
	if err != nil {
		t.Fatal(err)
	}
	return &request.Request{Method: method, Base: base, Path: path, Query: query, Header: map[string][]string{"User-Agent": {"test"}}}
}

// tlsServer starts a server with TLS, and with HTTP/2 if version is 2.
func tlsServer(t *testing.T, version int, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.EnableHTTP2 = version == 2
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func TestAPIsBehindTLS(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("http/%d", version), func(t *testing.T) {
			srv := tlsServer(t, version, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				_, _ = fmt.Fprintf(w, "%d %s %s %s %s", r.ProtoMajor, r.Method, r.RequestURI, r.Header.Get("X-Key"), body)
			})
			c := newClient(t, srv.Certificate())
			for _, row := range []struct{ name, path, query string }{
				{"a plain path", "/a", "q=1"},
				{"escapes and double slashes", "/a%2Fb//c%20d", "q=%41&&x=y"},
				{"two slashes in front", "//a%2Fb", ""},
				{"characters that need no escape here", "/{a}|é", "q={}"},
			} {
				t.Run(row.name, func(t *testing.T) {
					req := to(t, srv.URL, http.MethodPost, row.path, row.query)
					req.Header["X-Key"], req.Body = []string{"v"}, []byte("hi")
					resp, err := c.Send(t.Context(), req, &Attempt{Host: req.Base.Host})
					if err != nil {
						t.Fatal(err)
					}
					want := fmt.Sprintf("%d POST %s v hi", version, req.Target())
					if string(resp.Body) != want || resp.Status != 200 {
						t.Errorf("got %d %q, want %q", resp.Status, resp.Body, want)
					}
				})
			}
		})
	}
}

func TestStreamingOverHTTP2(t *testing.T) {
	srv := tlsServer(t, 2, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		buffer := make([]byte, 3)
		for {
			n, err := io.ReadFull(r.Body, buffer)
			_, _ = w.Write(buffer[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				w.Header().Set(http.TrailerPrefix+"X-Sum", r.Trailer.Get("X-In"))
				return
			}
		}
	})
	c := newClient(t, srv.Certificate())
	in, out := io.Pipe()
	trailer := http.Header{"X-In": nil}
	go func() { _, _ = io.WriteString(out, "one") }()
	req := to(t, srv.URL, http.MethodPost, "/echo", "")
	resp, err := c.Stream(t.Context(), req, Streaming{Body: in, Length: -1, Trailer: trailer}, &Attempt{Host: req.Base.Host})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buffer := make([]byte, 3)
	for _, part := range []string{"one", "two"} {
		if part != "one" {
			if _, err := io.WriteString(out, part); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadFull(resp.Body, buffer); err != nil || string(buffer) != part {
			t.Fatalf("got %q, %v", buffer, err)
		}
	}
	trailer["X-In"] = []string{"7"}
	_ = out.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 || resp.Trailer.Get("X-Sum") != "7" {
		t.Errorf("rest %q, %v, trailer %v", rest, err, resp.Trailer)
	}
}

// TestWhomWeDoNotTrust: nothing is sent to a server that cannot prove itself.
func TestWhomWeDoNotTrust(t *testing.T) {
	var asked atomic.Int64
	count := func(http.ResponseWriter, *http.Request) { asked.Add(1) }
	known := tlsServer(t, 1, count)
	old := httptest.NewUnstartedServer(http.HandlerFunc(count))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	mutual := httptest.NewUnstartedServer(http.HandlerFunc(count))
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}
	mutual.StartTLS()
	t.Cleanup(mutual.Close)
	plain := httptest.NewServer(http.HandlerFunc(count))
	t.Cleanup(plain.Close)
	tests := []struct {
		name    string
		url     string
		trusted *x509.Certificate
	}{
		{"a certificate of nobody we know", known.URL, nil},
		{"a certificate for another name", strings.Replace(known.URL, "127.0.0.1", "localhost", 1), known.Certificate()},
		{"a version that is too old", old.URL, old.Certificate()},
		{"one that wants to know us first", mutual.URL, mutual.Certificate()},
		{"one without tls", strings.Replace(plain.URL, "http:", "https:", 1), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := to(t, tt.url, http.MethodPost, "/", "key=s3cret")
			_, err := newClient(t, tt.trusted).Send(t.Context(), req, &Attempt{Operation: "Create", Host: req.Base.Host})
			f := fault.From(err)
			if err == nil || (f.Reason() != fault.ReasonUpstreamUnreachable && f.Reason() != fault.ReasonEgressRefused) || strings.Contains(f.Error(), "s3cret") {
				t.Errorf("error = %v (%v)", err, f.Reason())
			}
		})
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests were sent", asked.Load())
	}
}

// TestAnAlertMeansWhatHappenedBefore: giving up TLS is a failed handshake, until
// a request is on its way.
func TestAnAlertMeansWhatHappenedBefore(t *testing.T) {
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}
	for _, row := range []struct {
		name       string
		written    bool
		repeatable bool
		want       fault.Reason
	}{
		{"before a request", false, false, fault.ReasonUpstreamUnreachable},
		{"after a request that changes something", true, false, fault.ReasonOutcomeUnknown},
		{"after a request that changes nothing", true, true, fault.ReasonUpstreamReset},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := &Attempt{Operation: "Create", Host: "x", Repeatable: row.repeatable}
			a.written.Store(row.written)
			if got := fault.ReasonOf(Explain(t.Context(), alert, a)); got != row.want {
				t.Errorf("reason = %v, want %v", got, row.want)
			}
		})
	}
}

// TestNothingIsSentTwice: a connection that the server closed at the wrong moment
// must not make two requests of one that changes something.
func TestNothingIsSentTwice(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		t.Run(method, func(t *testing.T) {
			var asked atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if asked.Add(1) == 2 {
					panic(http.ErrAbortHandler) // on a connection that was used before
				}
			}))
			t.Cleanup(srv.Close)
			c := newClient(t, nil)
			for n, want := range []fault.Reason{"", fault.ReasonOutcomeUnknown} {
				req := to(t, srv.URL, method, "/", "")
				req.Body = []byte("{}")
				_, err := c.Send(t.Context(), req, &Attempt{Operation: "Create", Host: req.Base.Host})
				if fault.ReasonOf(err) != want {
					t.Errorf("request %d: %v, want %q", n+1, err, want)
				}
			}
			if asked.Load() != 2 {
				t.Errorf("the server was asked %d times for 2 calls", asked.Load())
			}
		})
	}
}

func TestInformationalAnswersAreCounted(t *testing.T) {
	for _, row := range []struct {
		name string
		sent int
		want fault.Reason
	}{
		{"as many as are allowed", maxInformational, ""},
		{"one more", maxInformational + 1, fault.ReasonUpstreamInvalidResponse},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for range row.sent {
					w.WriteHeader(http.StatusProcessing)
				}
			}))
			t.Cleanup(srv.Close)
			var seen atomic.Int64
			req := to(t, srv.URL, http.MethodGet, "/", "")
			resp, err := newClient(t, nil).Stream(t.Context(), req, Streaming{
				Body: http.NoBody, Listener: listening(func(int, http.Header) { seen.Add(1) }),
			}, &Attempt{Host: req.Base.Host, Repeatable: true})
			if fault.ReasonOf(err) != row.want || seen.Load() != maxInformational {
				t.Errorf("error %v after %d", err, seen.Load())
			}
			if err == nil {
				_ = resp.Body.Close()
			}
		})
	}
}

func TestTrailersAreCleaned(t *testing.T) {
	h := http.Header{
		"X-Sum": {"1"}, "Grpc-Status": {"0"}, "Content-Length": {"1"}, "Transfer-Encoding": {"x"}, "Set-Cookie": {"a"}, "Authorization": {"x"},
		"Connection": {"X-Hop"}, "X-Hop": {"1"}, "Content-Type": {"x"}, "Host": {"x"}, "Cookie": {"x"}, "Trailer": {"x"}, "Location": {"x"},
	}
	CleanTrailer(h)
	if len(h) != 2 || h.Get("X-Sum") != "1" || h.Get("Grpc-Status") != "0" {
		t.Errorf("trailer = %v", h)
	}
	CleanTrailer(nil) // an answer without any
}

func TestACallerThatGaveUpIsNotTheAPIsFault(t *testing.T) {
	entered := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(entered); <-r.Context().Done() }))
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	req := to(t, srv.URL, http.MethodPost, "/", "")
	if _, err := newClient(t, nil).Send(ctx, req, &Attempt{Host: req.Base.Host}); fault.ReasonOf(err) != fault.ReasonCanceled {
		t.Errorf("error = %v", err)
	}
}

// listening is a listener that is a function.
type listening func(int, http.Header)

func (l listening) Informational(status int, header http.Header) { l(status, header) }
