package runtimeproxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// wiretap is an API that writes down every byte that reaches it on a connection
// and answers the first request on it.
func wiretap(t *testing.T, answer string) (url string, connections <-chan string) {
	t.Helper()
	seen := make(chan string, 10)
	return tcp(t, func(c net.Conn) {
		defer c.Close()
		var all bytes.Buffer
		r := bufio.NewReader(io.TeeReader(c, &all))
		if req, err := http.ReadRequest(r); err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
		_, _ = io.WriteString(c, answer)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, r) // whatever else comes
		seen <- all.String()
	}), seen
}

const okAndClose = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

// fields parses the head of a request on the wire, one "Name: value" each,
// sorted.
func fields(t *testing.T, wire string) (line string, list []string) {
	t.Helper()
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(wire)))
	line, err := r.ReadLine()
	must(t, err)
	header, err := r.ReadMIMEHeader()
	must(t, err)
	for name, values := range header {
		for _, value := range values {
			list = append(list, name+": "+value)
		}
	}
	slices.Sort(list)
	return line, list
}

// TestWhichFieldsOfARequestGoThrough looks at the wire, not at what a server
// makes of it.
func TestWhichFieldsOfARequestGoThrough(t *testing.T) {
	tests := []struct {
		name string
		send []string
		want []string // besides the credential and the host
	}{
		{
			"what means something to an api",
			[]string{"Accept: text/html", "Accept-Encoding: br", "If-None-Match: W/\"1\"", "Range: bytes=0-1", "X-Request-Id: 7"},
			[]string{"Accept: text/html", "Accept-Encoding: br", "If-None-Match: W/\"1\"", "Range: bytes=0-1", "X-Request-Id: 7"},
		},
		{"a field twice stays twice, in its order", []string{"X-A: 2", "X-A: 1"}, []string{"X-A: 1", "X-A: 2"}},
		{"nothing is added", nil, nil},
		{"hop by hop", []string{"Keep-Alive: timeout=5", "Proxy-Connection: close", "Proxy-Authorization: Basic x", "TE: gzip", "Trailer: X"}, nil},
		{"what Connection names", []string{"Connection: x-one, X-Two", "Connection: x-three", "X-One: 1", "X-Two: 2", "X-Three: 3", "X-Four: 4"}, []string{"X-Four: 4"}},
		{"the credential cannot be taken out that way", []string{"Connection: X-Api-Key, Host"}, nil},
		{"nor doubled", []string{"X-Api-Key: mine", "x-api-key: again"}, nil},
		{"nor by a name that only looks like it", []string{"X_Api_Key: mine", "X_Api-Key: mine"}, nil},
		{"names that only look alike", []string{"X-A_B: 1", "X-A-B: 2", "X_C: 3"}, []string{"X-A-B: 2", "X_c: 3"}},
		{"what is between the caller and us, by such a name", []string{"X_Forwarded_For: 1", "Transfer_Encoding: chunked", "Content_Length: 9", "Ferrule_X: 1"}, nil},
		{"trailers are welcome", []string{"TE: gzip, Trailers;q=0.5"}, []string{"Te: trailers"}},
		{"where the caller is, and who", []string{"Forwarded: for=1", "X-Forwarded-For: 1", "X-Forwarded-Proto: https", "X-Forwarded-Anything: 1", "X-Real-IP: 1", "Via: 1.1 x", "Ferrule-Error: 1"}, nil},
		{"our cookies, however they are written", []string{"Cookie: ferrule=1; __Secure-Ferrule_session=2; a=ferrule", "Cookie: b=2"}, []string{"Cookie: a=ferrule; b=2"}},
		{"nothing but our cookies", []string{"Cookie: ferrule_session=1"}, nil},
		{"a program's own name", []string{"User-Agent: sdk/1"}, []string{"User-Agent: sdk/1"}},
		{"text beyond ascii, as bytes", []string{"X-Name: J\xc3\xbcrgen \xff"}, []string{"X-Name: J\xc3\xbcrgen \xff"}},
		{"an upgrade that http/2 clients propose", []string{"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address, connections := wiretap(t, okAndClose)
			s := start(t, address, nil)
			if answer := s.raw(head("GET", "/x", append(tt.send, "Connection: close")...)); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
				t.Fatalf("answer = %q", answer)
			}
			wire := testkit.Receive(t, "the request", connections)
			line, got := fields(t, wire)
			want := append([]string{"Host: " + strings.TrimPrefix(address, "http://"), "X-Api-Key: " + canary}, tt.want...)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" || line != "GET /api/x HTTP/1.1" {
				t.Errorf("%s, fields (-want +got):\n%s", line, diff)
			}
		})
	}
}

// TestPathsArriveByteForByte holds the line on the wire, for a base with a path
// and for one without.
func TestPathsArriveByteForByte(t *testing.T) {
	paths := []string{
		"", "/", "//", "//a//", "/a/", "/a%2Fb", "/a%2fb", "/a%252Fb", "/%41", "/a b"[:2], "/~a-b_c.d", "/.a/..b/c../...", "/{a}", "/a;b=c;d", "/a:b@c",
		"/a'(b)!*,$&+=", "/é", "/%C3%A9", "/a|b^c`d\"<e>", "/a\\b", "//a%2Fb", "/?", "/??", "/?a=?&&=;", "/?%41=%zz&é={}", "/a?b#"[:4], "?a", "/sets('a%2Fb')/$value",
	}
	for _, base := range []string{"", "/api", "/a%2Fb/v1"} {
		address, connections := wiretap(t, okAndClose)
		s := start(t, address, func(d *connectorv1.Definition) { d.Servers[0].UrlTemplate = address + base })
		for _, path := range paths {
			t.Run(base+path, func(t *testing.T) {
				answer := s.raw(head("GET", path, "Connection: close"))
				if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
					t.Fatalf("answer = %q", answer)
				}
				want := base + path
				if want == "" || want[0] == '?' {
					want = "/" + want // a request line needs a path
				}
				if path == "/?" {
					want = base + "/" // nothing is asked
				}
				line, _, _ := strings.Cut(testkit.Receive(t, "the request", connections), "\r\n")
				if line != "GET "+want+" HTTP/1.1" {
					t.Errorf("line = %q, want the path %q", line, want)
				}
			})
		}
	}
}

// TestTrailersOfARequest: a field behind the body must not do what it may not do
// before it.
func TestTrailersOfARequest(t *testing.T) {
	address, connections := wiretap(t, okAndClose)
	s := start(t, address, nil)
	answer := s.raw(head("POST", "/x", "Connection: close, X-Hop", "Transfer-Encoding: chunked", "Trailer: X-Sum, X-Forwarded-For, X-Hop") +
		"2\r\nhi\r\n0\r\nX-Sum: 7\r\nX-Late: 8\r\nX-Hop: 1\r\nAuthorization: Bearer TOKEN\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n" +
		"Host: evil\r\nX-Forwarded-For: 1\r\nCookie: ferrule_session=1\r\nX-Api-Key: mine\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Fatalf("answer = %q", answer)
	}
	wire := testkit.Receive(t, "the request", connections)
	if strings.Contains(wire, s.tokens["ada"]) {
		t.Error("our token went to the API")
	}
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	must(t, err)
	body, err := io.ReadAll(req.Body)
	must(t, err)
	if diff := cmp.Diff(http.Header{"X-Sum": {"7"}}, req.Trailer); diff != "" || string(body) != "hi" {
		t.Errorf("body %q, trailer (-want +got):\n%s", body, diff)
	}
}

// TestTrailersOfAnAnswer: the same on the way back.
func TestTrailersOfAnAnswer(t *testing.T) {
	address, _ := wiretap(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Set-Cookie\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n"+
		"X-Sum: 7\r\nX-Late: "+canary+"\r\nSet-Cookie: a=1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: x\r\n\r\n")
	s := start(t, address, nil)
	resp := s.do(s.request("GET", "/x", nil))
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if diff := cmp.Diff(http.Header{"X-Sum": {"7"}, "X-Late": {"[redacted]"}}, resp.Trailer); diff != "" || string(body) != "hi" {
		t.Errorf("body %q, trailer (-want +got):\n%s", body, diff)
	}
}

func TestWhichFieldsOfAnAnswerGoThrough(t *testing.T) {
	tests := []struct {
		name string
		send []string
		want []string // besides the date and our id
	}{
		{
			"what means something to a caller",
			[]string{"Content-Type: text/plain", "ETag: W/\"1\"", "Vary: A", "Vary: B", "Content-Encoding: br"},
			[]string{"Content-Encoding: br", "Content-Length: 2", "Content-Type: text/plain", "Etag: W/\"1\"", "Vary: A", "Vary: B"},
		},
		{"hop by hop, and what Connection names", []string{"Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 1", "Proxy-Authenticate: Basic", "Upgrade: h2c", "X: 1"}, []string{"Content-Length: 2", "X: 1"}},
		{"what acts on the origin", []string{"Set-Cookie: a=1", "Set-Cookie2: a", "Strict-Transport-Security: max-age=1", "Alt-Svc: h3=\":443\"", "Clear-Site-Data: \"*\"", "Service-Worker-Allowed: /"}, []string{"Content-Length: 2"}},
		{"what has our name", []string{"Ferrule-Next-Link: https://evil.example", "ferrule-upstream-status: 200"}, []string{"Content-Length: 2"}},
		{"the secret, in any of its spellings", []string{"X-A: " + canary, "X-B: key=canary-7f3a%2B%2F%3D%209c1e!", "X-C: canary-7f3a%2b%2f%3d+9c1e"}, []string{"Content-Length: 2", "X-A: [redacted]", "X-B: key=[redacted]!", "X-C: [redacted]"}},
		{"no type is made up", nil, []string{"Content-Length: 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address, _ := wiretap(t, strings.Join(append([]string{"HTTP/1.1 200 OK", "Content-Length: 2", "Date: Fri, 01 May 2026 12:00:00 GMT"}, tt.send...), "\r\n")+"\r\n\r\nok")
			s := start(t, address, nil)
			_, got := fields(t, s.raw(head("GET", "/x", "Connection: close")))
			got = slices.DeleteFunc(got, func(f string) bool {
				return f == "Connection: close" || strings.HasPrefix(f, "Date:") || strings.HasPrefix(f, "Ferrule-Request-Id:")
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStatusesWithoutABody: no length and no body is invented or lost.
func TestStatusesWithoutABody(t *testing.T) {
	for _, row := range []struct{ name, method, answer, want string }{
		{"HEAD keeps the length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 5 "},
		{"HEAD without a length", "HEAD", "HTTP/1.1 200 OK\r\n\r\n", "200 -1 "},
		{"204", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", "204 0 "},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", "304 0 "},
		{"an empty body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 0 "},
		{"a status that nobody knows", "GET", "HTTP/1.1 799 Odd\r\nContent-Length: 1\r\n\r\nx", "799 1 x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			address, _ := wiretap(t, row.answer)
			s := start(t, address, nil)
			resp := s.do(s.request(row.method, "/x", nil))
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			if got := strings.Join([]string{resp.Status[:3], itoa(resp.ContentLength), string(body)}, " "); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
