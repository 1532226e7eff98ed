package http1

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// requests are texts with who is to judge them.
var requests = []struct {
	name, text string
	ordinary   bool
}{
	{"a request of a browser", "GET /a/b%20c?q=1&r=%2F HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent: x/1 (y; z)\r\nAccept: */*\r\nCookie: a=b; c=\"d\"\r\nConnection: keep-alive\r\n\r\n", true},
	{"names in other cases", "GET / HTTP/1.1\r\nhOST: Example.COM\r\nx-REQUEST-id: 1\r\nETAG: 2\r\nwww-authenticate: 3\r\nCONNECTION: Keep-Alive\r\n\r\n", true},
	{"names with odd characters", "GET / HTTP/1.1\r\nHost: h\r\nx_under_score: 1\r\n!#$%&'*+.^`|~: 2\r\n9a-b-: 3\r\n-: 4\r\n\r\n", true},
	{"a field several times", "GET / HTTP/1.1\r\nX-A: 1\r\nHost: h\r\nX-A: 2\r\nx-a:3\r\nB: x\r\nx-A:\r\n\r\n", true},
	{"blanks around values", "GET / HTTP/1.1\r\nHost: \t h \t\r\nX-A:  \t 1 2\t3 \t \r\nX-Empty: \t \r\n\r\n", true},
	{"octets above ASCII in a value", "GET / HTTP/1.1\r\nHost: h\r\nX-A: caf\xc3\xa9 \xff\r\n\r\n", true},
	{"Pragma of old callers", "GET / HTTP/1.1\r\nHost: h\r\nPragma: no-cache\r\n\r\n", true},
	{"Pragma beside Cache-Control", "GET / HTTP/1.1\r\nHost: h\r\nPragma: no-cache\r\nCache-Control: max-age=1\r\n\r\n", true},
	{"a host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", true},
	{"a body", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: x/y\r\nContent-Length: 5\r\n\r\nhello", true},
	{"a body of a GET", "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", true},
	{"a length of zero", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", true},
	{"a length with zeros in front", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0005\r\n\r\nhello", true},
	{"a POST without a length", "POST /a HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"PATCH", "PATCH /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", true},
	{"DELETE", "DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"OPTIONS of a path", "OPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"a path that must not be cleaned", "GET /a/../b//c/./%2e%2e/;x=1?a=b?c=/../ HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"a path with unusual characters", "GET /a|b^c{d}[e]\"<>\\`'()*!$,;:@&=+~ HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"an empty query", "GET /a? HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"TE", "GET /a HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n", true},
	{"many fields", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X-A: 1\r\n", 300) + "\r\n", true},
	{"line ends behind a POST", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi\r\n", true},
	{"two line ends behind a POST", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n", true},
	{"a line end between a POST and a request", "POST / HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"two line ends between a POST and a request", "POST / HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"requests in a row", "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"a body that looks like a request", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\nGET /x HTTP/1.1\r\nHost: y\r\n\r\n", true},
	{"close in other cases", "GET / HTTP/1.1\r\nHost: h\r\nConnection: CLOSE\r\n\r\n", true},

	{"a path that is not one", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", false},
	{"HTTP/1.0 that goes on", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", false},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", false},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false},
	{"HTTP/0.9", "GET /\r\n\r\n", false},
	{"http in small letters", "GET / http/1.1\r\nHost: h\r\n\r\n", false},
	{"another method", "PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"a method in small letters", "get / HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"a whole URL", "GET http://other/a HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"the whole server", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"two slashes", "GET //h/a HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"a fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"a path above ASCII", "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"a tab in the path", "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"two blanks before the path", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"two blanks behind the path", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"a blank behind the version", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", false},
	{"no path", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"nothing but a version", " HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"line ends in front", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", false},
	{"line ends behind a GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n", false},
	{"lines that end with LF", "GET / HTTP/1.1\nHost: h\n\n", false},
	{"one line that ends with LF", "GET / HTTP/1.1\r\nHost: h\nX-A: 1\r\n\r\n", false},
	{"an empty line that ends with LF", "GET / HTTP/1.1\r\nHost: h\r\n\n", false},
	{"CR in a value", "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r2\r\n\r\n", false},
	{"two CR", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", false},
	{"no Host", "GET / HTTP/1.1\r\nX-A: 1\r\n\r\n", false},
	{"no field", "GET / HTTP/1.1\r\n\r\n", false},
	{"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", false},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", false},
	{"a Host with a slash", "GET / HTTP/1.1\r\nHost: h/a\r\n\r\n", false},
	{"a Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", false},
	{"a blank before a colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", false},
	{"a blank before a length's colon", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 2\r\n\r\nhi", false},
	{"a blank in a name", "GET / HTTP/1.1\r\nHost: h\r\nX A: 1\r\n\r\n", false},
	{"no name", "GET / HTTP/1.1\r\nHost: h\r\n: 1\r\n\r\n", false},
	{"no colon", "GET / HTTP/1.1\r\nHost: h\r\nX-A\r\n\r\n", false},
	{"a line that is folded", "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n 2\r\n\r\n", false},
	{"a first line that is folded", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", false},
	{"NUL in a value", "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\x002\r\n\r\n", false},
	{"DEL in a value", "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\x7f\r\n\r\n", false},
	{"a name above ASCII", "GET / HTTP/1.1\r\nHost: h\r\nX-\xc3\xa9: 1\r\n\r\n", false},
	{"chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false},
	{"chunks with a trailer", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n", false},
	{"chunks and a length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"a length and chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", false},
	{"chunks in other cases", "POST / HTTP/1.1\r\nHost: h\r\nTRANSFER-encoding: Chunked\r\n\r\n0\r\n\r\n", false},
	{"chunks spelt oddly", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x chunked\r\n\r\n0\r\n\r\n", false},
	{"chunks behind a tab", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", false},
	{"chunks with a name that ends in a tab", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", false},
	{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", false},
	{"two lengths alike", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", false},
	{"two lengths in a line", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\nhi", false},
	{"a length with a sign", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nhi", false},
	{"a length below zero", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", false},
	{"a length that is not one", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x2\r\n\r\nhi", false},
	{"an empty length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", false},
	{"a length beyond numbers", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", false},
	{"a length with an underscore", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1_0\r\n\r\n", false},
	{"Expect", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", false},
	{"Expect of something else", "POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length: 2\r\n\r\nhi", false},
	{"Upgrade", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	{"Upgrade to HTTP/2", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", false},
	{"Trailer", "POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-T\r\nContent-Length: 2\r\n\r\nhi", false},
	{"Proxy-Connection", "GET / HTTP/1.1\r\nHost: h\r\nProxy-Connection: keep-alive\r\n\r\n", false},
	{"Connection with a name", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-A\r\nX-A: 1\r\n\r\n", false},
	{"Connection twice", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
	{"an empty Connection", "GET / HTTP/1.1\r\nHost: h\r\nConnection:\r\n\r\n", false},
	{"a large header", "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", false},
	{"a header that is too large", "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("a", 90<<10) + "\r\n\r\n", false},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n\n", false},
	{"nonsense", "\x00\x01\x02\r\n\r\n", false},
	{"an ordinary one and then an odd one", "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n 2\r\n\r\n", false},
	{"an odd one and then an ordinary one", "GET /1 HTTP/1.1\nHost: h\n\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n", false},
}

func TestEveryRequestIsAnsweredAsNetHTTPAnswersIt(t *testing.T) {
	theirs, ours := plain(t, http.HandlerFunc(dump)), ours(t, http.HandlerFunc(dump))
	for _, row := range requests {
		t.Run(row.name, func(t *testing.T) {
			before := ours.others.Load()
			want := theirs.converse(t, row.text+last, false)
			got := ours.converse(t, row.text+last, false)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answers (-net/http +ours):\n%s", diff)
			}
			if row.ordinary && ours.others.Load() != before {
				t.Error("it was handed over; it is ordinary")
			}
			if row.ordinary && !strings.Contains(got, "HTTP/1.1 200 OK\r\n") {
				t.Errorf("an ordinary request was answered with %q", got)
			}
		})
	}
}

func TestARequestThatIsCutOffIsAnsweredAsNetHTTPAnswersIt(t *testing.T) {
	theirs, ours := plain(t, http.HandlerFunc(dump)), ours(t, http.HandlerFunc(dump))
	for _, row := range requests {
		if len(row.text) > 200 {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			for n := range len(row.text) + 1 {
				want := theirs.converse(t, row.text[:n], true)
				got := ours.converse(t, row.text[:n], true)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%q: answers (-net/http +ours):\n%s", row.text[:n], diff)
				}
			}
		})
	}
}
