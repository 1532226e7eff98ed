package runtimeproxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// dial opens a connection to the data plane and sends text on it. TOKEN stands
// for ada's token.
func (s *suite) dial(text string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.data.Listener.Addr().String())
	must(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	s.write(c, text)
	return c, bufio.NewReader(c)
}

// write sends text as it is.
func (s *suite) write(c net.Conn, text string) {
	s.t.Helper()
	_, err := io.WriteString(c, strings.ReplaceAll(text, "TOKEN", s.tokens["ada"]))
	must(s.t, err)
}

// head is the beginning of a request to the data plane.
func head(method, path string, fields ...string) string {
	return method + " " + proxyPath + path + " HTTP/1.1\r\nHost: ferrule\r\nAuthorization: Bearer TOKEN\r\n" +
		strings.Join(append(fields, ""), "\r\n") + "\r\n"
}

// readExactly reads n bytes as they arrive and fails the test when they do not.
func readExactly(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		done <- result{string(b), err}
	}()
	got := testkit.Receive(t, fmt.Sprintf("%d bytes", n), done)
	must(t, got.err)
	return got.text
}

// TestAnswersArriveAsTheyAreSent proves that nothing waits in a buffer: the API
// goes on only when the caller has seen what it sent before.
func TestAnswersArriveAsTheyAreSent(t *testing.T) {
	tests := []struct {
		name   string
		header map[string]string
		parts  []int
	}{
		{"an event at a time", map[string]string{"Content-Type": "text/event-stream"}, []int{1, 12, 7}},
		{"exactly one buffer at a time", nil, []int{32 << 10, 32 << 10, 1}},
		{"more than a buffer at a time", nil, []int{33 << 10, 100 << 10}},
		{"with a length that is known", map[string]string{"Content-Length": "40010"}, []int{10, 40000}},
		{"compressed, as the API did it", map[string]string{"Content-Encoding": "gzip"}, []int{3, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan struct{})
			s := start(t, api(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range tt.header {
					w.Header().Set(name, value)
				}
				for _, size := range tt.parts {
					_, _ = io.WriteString(w, strings.Repeat("x", size))
					_ = http.NewResponseController(w).Flush()
					<-seen
				}
			}), nil)
			defer close(seen) // should the test fail
			req := s.request("GET", "/stream", nil)
			req.Header.Set("Accept-Encoding", "gzip")
			resp := s.do(req)
			for _, size := range tt.parts {
				readExactly(t, resp.Body, size)
				seen <- struct{}{}
			}
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
				t.Errorf("rest = %q, %v", rest, err)
			}
		})
	}
}

// TestTheHeaderOfAnAnswerDoesNotWaitForItsBody is what callers of event streams
// need: they are connected long before the first event.
func TestTheHeaderOfAnAnswerDoesNotWaitForItsBody(t *testing.T) {
	for _, row := range []struct{ name, length string }{
		{"of an unknown length", ""},
		{"of a great length", "1000000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			connected := make(chan struct{})
			s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
				if row.length != "" {
					w.Header().Set("Content-Length", row.length)
				}
				w.Header().Set("X-Stream", "open")
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-connected:
				case <-r.Context().Done():
				}
			}), nil)
			answered := make(chan *http.Response, 1)
			go func() { answered <- s.do(s.request("GET", "/events", nil)) }()
			resp := testkit.Receive(t, "the header of the answer", answered)
			if resp.Header.Get("X-Stream") != "open" {
				t.Errorf("header = %v", resp.Header)
			}
			close(connected)
		})
	}
}

// TestRequestsArriveAsTheyAreSent is the other direction: the API answers each
// part before the caller sends the next, whatever the framing of the body.
func TestRequestsArriveAsTheyAreSent(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		for b := make([]byte, 5); ; {
			n, err := io.ReadFull(r.Body, b)
			_, _ = fmt.Fprintf(w, "<%s>", b[:n])
			_ = control.Flush()
			if err != nil {
				return
			}
		}
	}
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	tests := []struct {
		name, framing string
		frame         func(string) string
		end           string
	}{
		{"in chunks", "Transfer-Encoding: chunked", chunk, "0\r\n\r\n"},
		{"with a length", "Content-Length: 15", func(s string) string { return s }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, api(t, echo), nil)
			c, r := s.dial(head("POST", "/echo", tt.framing))
			s.write(c, tt.frame("one.."))
			var body io.Reader
			for i, part := range []string{"one..", "two..", "three"} {
				if i > 0 {
					s.write(c, tt.frame(part))
				}
				if body == nil {
					resp := readResponse(t, r)
					body = resp.Body
				}
				if got := readExactly(t, body, 7); got != "<"+part+">" {
					t.Fatalf("got %q after %q", got, part)
				}
			}
			s.write(c, tt.end)
			if rest, err := io.ReadAll(body); err != nil || string(rest) != "<>" {
				t.Errorf("rest = %q, %v", rest, err)
			}
		})
	}
}

// readResponse reads the head of an answer, with patience.
func readResponse(t *testing.T, r *bufio.Reader) *http.Response {
	t.Helper()
	type result struct {
		resp *http.Response
		err  error
	}
	done := make(chan result, 1)
	go func() {
		resp, err := http.ReadResponse(r, nil)
		done <- result{resp, err}
	}()
	got := testkit.Receive(t, "an answer", done)
	must(t, got.err)
	t.Cleanup(func() { _ = got.resp.Body.Close() })
	return got.resp
}

// zeros is a body without a beginning in memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func TestLargeBodiesPassInBoundedMemory(t *testing.T) {
	const size = 256 << 20
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Received", fmt.Sprint(n))
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, &zeros{size})
		}
	}), nil)
	for _, row := range []struct {
		name string
		req  *http.Request
		up   string
		down int64
	}{
		{"up, in chunks", s.request("POST", "/up", io.MultiReader(&zeros{size})), fmt.Sprint(size), 0},
		{"up, with a length", withLength(s.request("PUT", "/up", &zeros{size}), size), fmt.Sprint(size), 0},
		{"down", s.request("GET", "/down", nil), "0", size},
	} {
		t.Run(row.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			resp := s.do(row.req)
			n, err := io.Copy(io.Discard, resp.Body)
			must(t, err)
			runtime.ReadMemStats(&after)
			if resp.StatusCode != 200 || resp.Header.Get("X-Received") != row.up || n != row.down {
				t.Errorf("status %d, %s bytes up and %d down", resp.StatusCode, resp.Header.Get("X-Received"), n)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > size/8 {
				t.Errorf("%d MiB were allocated for a body of %d MiB", used>>20, size>>20)
			}
		})
	}
}

func withLength(req *http.Request, n int64) *http.Request {
	req.ContentLength = n
	return req
}

// TestACallerThatLeavesIsGoneForTheAPI covers each state of an exchange.
func TestACallerThatLeavesIsGoneForTheAPI(t *testing.T) {
	tests := []struct {
		name, request string
		handler       func(started chan<- struct{}, w http.ResponseWriter, r *http.Request) error
	}{
		{"while its body is on the way", head("POST", "/x", "Content-Length: 1000000") + "only this", func(started chan<- struct{}, _ http.ResponseWriter, r *http.Request) error {
			close(started)
			_, err := io.Copy(io.Discard, r.Body)
			return err
		}},
		{"while its chunks are on the way", head("POST", "/x", "Transfer-Encoding: chunked") + "4\r\nonly\r\n", func(started chan<- struct{}, _ http.ResponseWriter, r *http.Request) error {
			close(started)
			_, err := io.Copy(io.Discard, r.Body)
			return err
		}},
		{"while it waits for the answer", head("GET", "/x"), func(started chan<- struct{}, _ http.ResponseWriter, r *http.Request) error {
			close(started)
			<-r.Context().Done()
			return r.Context().Err()
		}},
		{"in the middle of the answer", head("GET", "/x"), func(started chan<- struct{}, w http.ResponseWriter, _ *http.Request) error {
			block := make([]byte, 64<<10)
			for first := true; ; first = false {
				if _, err := w.Write(block); err != nil {
					return err
				}
				if first {
					close(started)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			started, ended := make(chan struct{}), make(chan error, 1)
			s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) { ended <- tt.handler(started, w, r) }), nil)
			c, _ := s.dial(tt.request)
			testkit.Receive(t, "the request", closed(started))
			must(t, c.Close())
			if err := testkit.Receive(t, "the API to notice", ended); err == nil {
				t.Error("the API took a request that was cut off for a whole one")
			}
		})
	}
}

// TestAnAnswerThatIsCutOffLooksCutOff: whatever the framing, a caller must be
// able to tell a part of an answer from a whole one.
func TestAnAnswerThatIsCutOffLooksCutOff(t *testing.T) {
	tests := []struct{ name, answer string }{
		{"in the middle of its length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"},
		{"between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"in the middle of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello"},
		{"by a chunk that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, tcp(t, func(c net.Conn) {
				defer c.Close()
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, tt.answer)
			}), nil)
			resp := s.do(s.request("GET", "/x", nil))
			body, err := io.ReadAll(resp.Body)
			if err == nil || string(body) != "hello" {
				t.Errorf("body = %q, err = %v", body, err)
			}
		})
	}
}

func TestAnAnswerThatEndsWithItsConnectionIsWhole(t *testing.T) {
	s := start(t, tcp(t, func(c net.Conn) {
		defer c.Close()
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nhello")
	}), nil)
	resp := s.do(s.request("GET", "/x", nil))
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "hello" {
		t.Errorf("body = %q, %v", body, err)
	}
}

// TestHTTP2CallersStreamToo runs the data plane behind TLS and HTTP/2, as the
// edge of a deployment may.
func TestHTTP2CallersStreamToo(t *testing.T) {
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = io.WriteString(w, "echo "+lines.Text()+"\n")
			_ = control.Flush()
		}
		w.Header().Set(http.TrailerPrefix+"X-Sum", "3")
	}), nil)
	edge := httptest.NewUnstartedServer(s.service.Handler())
	edge.EnableHTTP2 = true
	edge.StartTLS()
	t.Cleanup(edge.Close)
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", edge.URL+proxyPath+"/a%2Fb?x=%41", in)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
	go func() { _, _ = io.WriteString(out, "one\n") }()
	resp, err := edge.Client().Do(req)
	must(t, err)
	defer resp.Body.Close()
	if got := readExactly(t, resp.Body, 9); got != "echo one\n" || resp.ProtoMajor != 2 {
		t.Errorf("got %q over %s", got, resp.Proto)
	}
	_, err = io.WriteString(out, "two\n")
	must(t, err)
	if got := readExactly(t, resp.Body, 9); got != "echo two\n" {
		t.Errorf("got %q", got)
	}
	_ = out.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 || resp.Trailer.Get("X-Sum") != "3" {
		t.Errorf("rest = %q, %v, trailer %v", rest, err, resp.Trailer)
	}
}

// TestTimeIsLimited: an exchange that does not end is ended by --proxy-timeout.
func TestTimeIsLimited(t *testing.T) {
	gone := make(chan error, 1)
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/begun" {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		gone <- r.Context().Err()
	}), nil)
	s.restart(func(c *settings) { c.ProxyTimeout = shortTime })
	t.Run("before the answer it is an error of ours", func(t *testing.T) {
		resp := s.do(s.request("GET", "/never", nil))
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(body), "UPSTREAM_TIMEOUT") {
			t.Errorf("status %d, body %s", resp.StatusCode, body)
		}
	})
	t.Run("in its middle the answer breaks off", func(t *testing.T) {
		resp := s.do(s.request("GET", "/begun", nil))
		body, err := io.ReadAll(resp.Body)
		if string(body) != "begun" || err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("body = %q, %v", body, err)
		}
	})
	for range 2 {
		testkit.Receive(t, "the API to notice", gone)
	}
}
