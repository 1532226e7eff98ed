package h1

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConnectionsAreUsedAgain(t *testing.T) {
	for _, row := range []struct{ name, method, text, body string }{
		{"after a length", "GET", hello, ""},
		{"after chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ""},
		{"after no body", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"after HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ""},
		{"after a small body of ours", "POST", hello, "x"},
		{"after a large body of ours", "POST", hello, strings.Repeat("x", 1<<20)},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, transport := listen(t, says(row.text)), fast(t)
			for range 5 {
				if _, _, err := whole(transport, newRequest(t.Context(), t, row.method, s.url, row.body)); err != nil {
					t.Fatal(err)
				}
			}
			if s.conns.Load() != 1 {
				t.Errorf("%d connections", s.conns.Load())
			}
		})
	}
}

// TestAnAnswerThatMustHaveNoBodyAndPromisesOneCostsTheConnection: there are servers that
// send it all the same, in a packet of its own, which is the next one's answer then.
func TestAnAnswerThatMustHaveNoBodyAndPromisesOneCostsTheConnection(t *testing.T) {
	for _, row := range []struct {
		name, field string
		conns       int64
	}{
		{"none", "X-A: 1", 1},
		{"none, in words", "Content-Length: 0", 1},
		{"a length", "Content-Length: 2", 3},
		{"chunks", "Transfer-Encoding: chunked", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, transport := listen(t, says("HTTP/1.1 204 No Content\r\n"+row.field+"\r\n\r\n")), fast(t)
			for range 3 {
				if _, _, err := whole(transport, newRequest(t.Context(), t, "DELETE", s.url, "")); err != nil {
					t.Fatal(err)
				}
			}
			if s.conns.Load() != row.conns {
				t.Errorf("%d connections, want %d", s.conns.Load(), row.conns)
			}
		})
	}
}

func TestABodyThatIsClosedEarlyCostsTheConnectionUnlessItIsHere(t *testing.T) {
	for _, row := range []struct {
		name, text string
		conns      int64
	}{
		{"a short one", hello, 1},
		{"one that has not come", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 2},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, transport := listen(t, says(row.text)), fast(t)
			for range 2 {
				resp, err := transport.RoundTrip(newRequest(t.Context(), t, "GET", s.url, ""))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				resp.Body.Close()
				if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
					t.Error("a closed body was read")
				}
			}
			if s.conns.Load() != row.conns {
				t.Errorf("%d connections", s.conns.Load())
			}
		})
	}
}

// TestWhatIsSentTwice: a server that closes a kept connection when the next
// request comes.
func TestWhatIsSentTwice(t *testing.T) {
	for _, row := range []struct {
		method, body string
		stream       bool
		again        bool
	}{
		{"GET", "", false, true},
		{"HEAD", "", false, true},
		{"OPTIONS", "", false, true},
		{"POST", "", false, false},
		{"POST", "x", false, false},
		{"POST", "x", true, false},
		{"PUT", "x", false, false},
		{"DELETE", "", false, false},
	} {
		t.Run(fmt.Sprintf("%s %q %v", row.method, row.body, row.stream), func(t *testing.T) {
			var asked atomic.Int64
			s := listen(t, answers(func(c net.Conn, r *http.Request, n int) bool {
				asked.Add(1)
				if n == 1 {
					return false
				}
				text := hello
				if r.Method == "HEAD" {
					text = strings.TrimSuffix(text, "hello")
				}
				_, err := io.WriteString(c, text)
				return err == nil
			}))
			transport := fast(t)
			if _, _, err := whole(transport, newRequest(t.Context(), t, row.method, s.url, row.body)); err != nil {
				t.Fatal(err)
			}
			req := newRequest(t.Context(), t, row.method, s.url, row.body)
			req.Header.Set("Idempotency-Key", "1") // whose meaning is not the transport's business
			if row.stream {
				req.Body, req.GetBody = streamed(row.body), nil
			}
			_, _, err := whole(transport, req)
			if again := err == nil; again != row.again || (err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE)) {
				t.Errorf("error = %v", err)
			}
			if want := map[bool]int64{true: 3, false: 2}[row.again]; asked.Load() != want {
				t.Errorf("asked %d times, want %d", asked.Load(), want)
			}
		})
	}
}

// TestAnIdleConnectionIsLookedAt: its end and unsolicited bytes are noticed before
// a request that must not be repeated is put on it.
func TestAnIdleConnectionIsLookedAt(t *testing.T) {
	for _, row := range []struct{ name, later string }{
		{"closed", ""},
		{"an answer to nothing", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"},
		{"a byte", "\n"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, tls %v", row.name, secure), func(t *testing.T) {
				done := make(chan struct{}, 8)
				serve := func(c net.Conn) {
					answers(func(c net.Conn, _ *http.Request, _ int) bool {
						_, _ = io.WriteString(c, hello)
						if row.later == "" {
							c.Close()
						} else {
							_, _ = io.WriteString(c, row.later)
						}
						done <- struct{}{}
						return row.later != ""
					})(c)
				}
				transport, url := secureServer(t, serve)
				if !secure {
					transport, url = fast(t), listen(t, serve).url
				}
				for range 3 {
					body, _, err := whole(transport, newRequest(t.Context(), t, "POST", url, "x"))
					if err != nil || body != "hello" {
						t.Fatalf("body %q, error %v", body, err)
					}
					<-done
				}
			})
		}
	}
}

// secureServer starts a server with TLS, and returns a transport that trusts it.
func secureServer(t *testing.T, serve func(net.Conn)) (*Transport, string) {
	t.Helper()
	lender := httptest.NewTLSServer(nil)
	lender.Close()
	certificate := lender.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	s := listen(t, func(c net.Conn) { serve(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})) })
	return fast(t, func(n *http.Transport) { n.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12} }),
		strings.Replace(s.url, "http:", "https:", 1)
}

func TestHTTP2IsLeftToOthers(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			var handshakes atomic.Int64
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				_, _ = fmt.Fprintf(w, "%d %s", r.ProtoMajor, body)
			}))
			srv.EnableHTTP2 = version == 2
			srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { handshakes.Add(1); return nil, nil }}
			srv.StartTLS()
			defer srv.Close()
			roots := x509.NewCertPool()
			roots.AddCert(srv.Certificate())
			transport := fast(t, func(n *http.Transport) { n.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12} })
			for n, stream := range []bool{false, true, false} {
				req := newRequest(t.Context(), t, "POST", srv.URL, "hi")
				if stream {
					req.Body, req.GetBody, req.ContentLength = streamed("hi"), nil, -1
				}
				body, resp, err := whole(transport, req)
				if want := fmt.Sprintf("%d hi", version); err != nil || body != want || resp.TLS == nil {
					t.Errorf("request %d: %q, %v", n, body, err)
				}
			}
			if handshakes.Load() != int64(version) { // one to find out, one to speak
				t.Errorf("%d handshakes", handshakes.Load())
			}
			transport.CloseIdleConnections()
		})
	}
}

func TestWhatIsWritten(t *testing.T) {
	text := make(chan string, 1)
	s := listen(t, func(c net.Conn) {
		defer c.Close()
		all, in := strings.Builder{}, bufio.NewReader(c)
		r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(in, &all)))
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			text <- all.String()
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		}
	})
	address := strings.TrimPrefix(s.url, "http://")
	for _, row := range []struct {
		name string
		edit func(*http.Request)
		want string
	}{
		{"a GET", func(*http.Request) {}, "GET /a?b=c HTTP/1.1|Host: " + address + "|User-Agent: Go-http-client/1.1||"},
		{"no agent", func(r *http.Request) { r.Header["User-Agent"] = []string{""} }, "GET /a?b=c HTTP/1.1|Host: " + address + "||"},
		{"a path as it is", func(r *http.Request) { r.URL.Opaque, r.Header["User-Agent"] = "/{a}|%2f//é", []string{"x"} }, "GET /{a}|%2f//é?b=c HTTP/1.1|Host: " + address + "|User-Agent: x||"},
		{"fields of the framing", func(r *http.Request) {
			r.Header = http.Header{"User-Agent": {""}, "content-length": {"5"}, "Transfer-Encoding": {"x"}, "Host": {"other"}, "Trailer": {"x"}}
		}, "GET /a?b=c HTTP/1.1|Host: " + address + "||"},
		{"a POST without a body", func(r *http.Request) { r.Method, r.Header["User-Agent"] = "POST", []string{""} }, "POST /a?b=c HTTP/1.1|Host: " + address + "|Content-Length: 0||"},
		{"a body in memory", func(r *http.Request) {
			r.Method, r.ContentLength, r.Header["User-Agent"] = "PUT", 2, []string{""}
			r.GetBody = func() (io.ReadCloser, error) { return streamed("hi"), nil }
			r.Body, _ = r.GetBody()
		}, "PUT /a?b=c HTTP/1.1|Host: " + address + "|Content-Length: 2||hi"},
		{"a body with a length", func(r *http.Request) {
			r.Method, r.ContentLength, r.Header["User-Agent"], r.Body = "PUT", 2, []string{""}, streamed("hi")
		}, "PUT /a?b=c HTTP/1.1|Host: " + address + "|Content-Length: 2||hi"},
		{"a body without, with a trailer", func(r *http.Request) {
			r.Method, r.ContentLength, r.Header["User-Agent"], r.Body, r.Trailer = "POST", -1, []string{""}, streamed("hi"), http.Header{"X-Sum": {"7"}}
		}, "POST /a?b=c HTTP/1.1|Host: " + address + "|Transfer-Encoding: chunked|Trailer: X-Sum||2|hi|0|X-Sum: 7||"},
		{"compression, and the end of the connection", func(r *http.Request) { r.Close, r.Header["User-Agent"] = true, []string{"compress"} }, "GET /a?b=c HTTP/1.1|Host: " + address + "|User-Agent: compress|Accept-Encoding: gzip|Connection: close||"},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := newRequest(t.Context(), t, "GET", s.url+"/a?b=c", "")
			row.edit(req)
			transport := fast(t, func(n *http.Transport) { n.DisableCompression = req.UserAgent() != "compress" })
			if _, _, err := whole(transport, req); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(<-text, "\r\n", "|"); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestRequestsThatCouldBeTwoAreRefused(t *testing.T) {
	s := listen(t, says(hello))
	transport := fast(t)
	for _, row := range []struct {
		name string
		edit func(*http.Request)
	}{
		{"a method with a line", func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nX: y" }},
		{"a method with a space", func(r *http.Request) { r.Method = "GET /x" }},
		{"a target with a line", func(r *http.Request) { r.URL.Opaque = "/a\r\nX: y" }},
		{"a target with a space", func(r *http.Request) { r.URL.Opaque = "/a HTTP/1.1" }},
		{"a query with a NUL", func(r *http.Request) { r.URL.RawQuery = "a\x00" }},
		{"a query with a line", func(r *http.Request) { r.URL.RawQuery = "a\n" }},
		{"a host with a line", func(r *http.Request) { r.Host = "a\r\nX: y" }},
		{"a host with a space", func(r *http.Request) { r.Host = "a b" }},
		{"a host with a slash", func(r *http.Request) { r.Host = "a/b" }},
		{"a name with a line", func(r *http.Request) { r.Header["X\r\nY"] = []string{"z"} }},
		{"a name with a colon", func(r *http.Request) { r.Header["X: y"] = []string{"z"} }},
		{"an empty name", func(r *http.Request) { r.Header[""] = []string{"z"} }},
		{"a value with a line", func(r *http.Request) { r.Header["X"] = []string{"z\r\nY: x"} }},
		{"a value with a bare LF", func(r *http.Request) { r.Header["X"] = []string{"z\nY: x"} }},
		{"a value with a NUL", func(r *http.Request) { r.Header["X"] = []string{"z\x00"} }},
		{"a trailer with a line in its name", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength, r.Trailer = "POST", streamed("hi"), -1, http.Header{"X\r\nY": {"z"}}
		}},
		{"a trailer that frames", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength, r.Trailer = "POST", streamed("hi"), -1, http.Header{"Content-Length": {"1"}}
		}},
		{"a trailer with a line in its value", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength, r.Trailer = "POST", streamed("hi"), -1, http.Header{"X": {"z\r\nY: x"}}
		}},
		{"a body in memory that is too short", func(r *http.Request) {
			r.Method, r.ContentLength, r.GetBody = "POST", 3, func() (io.ReadCloser, error) { return streamed("hi"), nil }
			r.Body, _ = r.GetBody()
		}},
		{"a body in memory that is too long", func(r *http.Request) {
			r.Method, r.ContentLength, r.GetBody = "POST", 1, func() (io.ReadCloser, error) { return streamed("hi"), nil }
			r.Body, _ = r.GetBody()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := newRequest(t.Context(), t, "GET", s.url, "")
			row.edit(req)
			if _, _, err := whole(transport, req); err == nil {
				t.Error("it was sent")
			}
		})
	}
}

// TestBodiesThatFail: what the server got must not look like all of it.
func TestBodiesThatFail(t *testing.T) {
	own := errors.New("the caller is gone")
	for _, row := range []struct {
		name   string
		body   io.Reader
		length int64
		want   error
	}{
		{"too short", strings.NewReader("hi"), 5, errShort},
		{"too long", io.MultiReader(strings.NewReader("hello"), strings.NewReader("more")), 5, errLong},
		{"broken, with a length", io.MultiReader(strings.NewReader("hi"), failing{own}), 5, own},
		{"broken, without", io.MultiReader(strings.NewReader("hi"), failing{own}), -1, own},
	} {
		t.Run(row.name, func(t *testing.T) {
			complete := make(chan error, 1)
			s := listen(t, func(c net.Conn) {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err == nil {
					_, err = io.Copy(io.Discard, r.Body)
				}
				complete <- err
			})
			req := newRequest(t.Context(), t, "POST", s.url, "")
			req.Body, req.ContentLength = io.NopCloser(row.body), row.length
			_, _, err := whole(fast(t), req)
			if !errors.Is(err, row.want) && !errors.Is(row.want, errLong) {
				t.Errorf("error = %v, want %v", err, row.want)
			}
			if err := <-complete; err == nil && !errors.Is(row.want, errLong) {
				t.Error("the server took it for complete")
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBothWaysAtOnce: an answer that begins, and goes on, while the body is sent.
func TestBothWaysAtOnce(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		buffer := make([]byte, 3)
		for {
			n, err := io.ReadFull(r.Body, buffer)
			_, _ = w.Write(buffer[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	in, out := io.Pipe()
	req := newRequest(t.Context(), t, "POST", srv.URL, "")
	req.Body, req.ContentLength = in, -1
	go func() { _, _ = io.WriteString(out, "abc") }()
	resp, err := fast(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := make([]byte, 3)
	for _, piece := range []string{"abc", "def", "ghi"} {
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != piece {
			t.Fatalf("%q, %v", got, err)
		}
		if piece == "ghi" {
			break
		}
		_, _ = io.WriteString(out, map[string]string{"abc": "def", "def": "ghi"}[piece])
	}
	out.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestAnAnswerBeforeTheEndOfTheBody: it counts, and the connection is closed.
func TestAnAnswerBeforeTheEndOfTheBody(t *testing.T) {
	ended := make(chan struct{})
	s := listen(t, func(c net.Conn) {
		defer close(ended)
		defer c.Close()
		_, _ = io.ReadFull(c, make([]byte, 100))
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		_, _ = io.Copy(io.Discard, c)
	})
	in, out := io.Pipe()
	defer out.Close()
	req := newRequest(t.Context(), t, "POST", s.url, "")
	req.Body, req.ContentLength = in, 1<<30
	go func() { _, _ = out.Write(make([]byte, 1000)) }()
	body, resp, err := whole(fast(t), req)
	if err != nil || resp.StatusCode != 413 || body != "no" {
		t.Errorf("%q, %v", body, err)
	}
	<-ended
}

func TestHooks(t *testing.T) {
	s := listen(t, says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+hello))
	transport := fast(t)
	stop := errors.New("enough")
	for _, fail := range []bool{false, true} {
		var seen []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			WroteHeaders: func() { seen = append(seen, "wrote") },
			Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				seen = append(seen, fmt.Sprint(code, header.Get("Link")))
				if fail {
					return stop
				}
				return nil
			},
		})
		_, _, err := whole(transport, newRequest(ctx, t, "GET", s.url, ""))
		want := []string{"wrote", "100", "103x"}
		if fail {
			want = want[:2]
		}
		if !slices.Equal(seen, want) || errors.Is(err, stop) != fail {
			t.Errorf("seen %q, error %v", seen, err)
		}
	}
}

func TestWaitingForTheHeaderEnds(t *testing.T) {
	s := listen(t, func(c net.Conn) {
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\nHTTP")
		_, _ = io.Copy(io.Discard, c)
	})
	for _, stream := range []bool{false, true} {
		transport := fast(t, func(n *http.Transport) { n.ResponseHeaderTimeout = 20 * time.Millisecond })
		req := newRequest(t.Context(), t, "POST", s.url, "x")
		if stream {
			req.Body, req.GetBody = streamed("x"), nil
		}
		_, _, err := whole(transport, req)
		if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
			t.Errorf("error = %v", err)
		}
	}
}

func TestCancellation(t *testing.T) {
	for _, row := range []struct {
		name, text string
		body       bool // the answer's
	}{
		{"before the answer", "", false},
		{"in its header", "HTTP/1.1 200 OK\r\n", false},
		{"in its body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true},
		{"between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			s := listen(t, answers(func(c net.Conn, _ *http.Request, _ int) bool {
				_, _ = io.WriteString(c, row.text)
				asked <- struct{}{}
				return true
			}))
			why := errors.New("no longer wanted")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if !row.body {
				go func() { <-asked; cancel(why) }()
			}
			resp, err := fast(t).RoundTrip(newRequest(ctx, t, "GET", s.url, ""))
			if row.body && err == nil {
				go func() { <-asked; cancel(why) }()
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, why) || row.body != (resp != nil) {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// TestAStorm: callers that leave at any moment neither leak nor get each other's
// answers.
func TestAStorm(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.URL.Query().Get("n"), body, strings.Repeat("x", len(body)))
	}))
	defer srv.Close()
	for _, perHost := range []int{0, 4} {
		transport := fast(t, func(n *http.Transport) { n.MaxConnsPerHost = perHost })
		var group sync.WaitGroup
		var good, cut atomic.Int64
		for worker := range 16 {
			group.Go(func() {
				for n := range 100 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration((worker*n*7919)%3000)*time.Microsecond)
					id := fmt.Sprintf("%d-%d", worker, n)
					text := strings.Repeat(id, 1+(n%3)*3000)
					req := newRequest(ctx, t, "POST", srv.URL+"?n="+id, text)
					if n%2 == 0 {
						req.Body, req.GetBody = streamed(text), nil
					}
					body, resp, err := whole(transport, req)
					switch want := id + " " + text + " " + strings.Repeat("x", len(text)); {
					case err != nil:
						cut.Add(1)
					case resp.StatusCode != 200 || body != want:
						t.Errorf("request %s got %.50q", id, body)
					default:
						good.Add(1)
					}
					cancel()
				}
			})
		}
		group.Wait()
		t.Logf("%d answers, %d without", good.Load(), cut.Load())
		if good.Load() == 0 || cut.Load() == 0 {
			t.Error("no storm")
		}
		transport.CloseIdleConnections()
		transport.pool.mu.Lock()
		if len(transport.pool.hosts) != 0 || transport.pool.idle != 0 {
			t.Errorf("%d hosts and %d connections are left", len(transport.pool.hosts), transport.pool.idle)
		}
		transport.pool.mu.Unlock()
	}
}

func TestConnectionsPerHostAreBounded(t *testing.T) {
	var now, most atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		_, _ = io.WriteString(w, "ok")
	}))
	defer srv.Close()
	transport := fast(t, func(n *http.Transport) { n.MaxConnsPerHost = 2 })
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			for range 20 {
				if _, _, err := whole(transport, newRequest(t.Context(), t, "GET", srv.URL, "")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
	t.Run("whoever waits can give up", func(t *testing.T) {
		var held []*http.Response
		for range 2 {
			resp, err := transport.RoundTrip(newRequest(t.Context(), t, "GET", srv.URL, ""))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, resp)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, _, err := whole(transport, newRequest(ctx, t, "GET", srv.URL, "")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		for _, resp := range held {
			resp.Body.Close()
		}
		if _, _, err := whole(transport, newRequest(t.Context(), t, "GET", srv.URL, "")); err != nil {
			t.Error(err)
		}
	})
}

// ending is a context that says so itself.
type ending struct {
	context.Context

	hangUp   chan func()
	taken    bool
	detached atomic.Int64
}

func (e *ending) Value(key any) any {
	if key == (EndingKey{}) {
		return e
	}
	return e.Context.Value(key)
}

func (e *ending) Attach(hangUp func()) bool {
	if e.taken {
		return false
	}
	e.hangUp <- hangUp
	return true
}

func (e *ending) Detach() bool {
	e.detached.Add(1)
	return true
}

func TestAContextThatTellsItsEndHangsUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	e := &ending{Context: ctx, hangUp: make(chan func(), 1)}
	s := listen(t, answers(func(net.Conn, *http.Request, int) bool {
		cancel(errors.New("the caller has left"))
		(<-e.hangUp)()
		return true
	}))
	if _, _, err := whole(fast(t), newRequest(e, t, "GET", s.url, "")); err == nil || err.Error() != "the caller has left" {
		t.Errorf("the error is %v, want the cause of the context", err)
	}
	if e.detached.Load() != 1 {
		t.Errorf("detached %d times, want once", e.detached.Load())
	}
}

func TestAnExchangeDetachesAndKeepsItsConnection(t *testing.T) {
	for _, taken := range []bool{false, true} { // by another exchange
		s := listen(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
		transport := fast(t)
		e := &ending{Context: t.Context(), hangUp: make(chan func(), 2), taken: taken}
		for range 2 {
			if body, _, err := whole(transport, newRequest(e, t, "GET", s.url, "")); body != "ok" || err != nil {
				t.Fatalf("the answer is %q, %v", body, err)
			}
		}
		if s.conns.Load() != 1 {
			t.Errorf("taken %t: %d connections were made, want one", taken, s.conns.Load())
		}
		if want := map[bool]int64{false: 2}[taken]; e.detached.Load() != want {
			t.Errorf("taken %t: detached %d times, want %d", taken, e.detached.Load(), want)
		}
	}
}
