package runtimeproxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestNoFramingMakesTwoRequestsOfOne sends requests whose end two readers could
// see in different places. Each is refused, or reaches the API as exactly one
// request with one framing.
func TestNoFramingMakesTwoRequestsOfOne(t *testing.T) {
	const second = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	tests := []struct {
		name, text string
		body       string // of the one request; "-" if it must be refused
	}{
		{"two lengths that differ", head("POST", "/x", "Content-Length: 5", "Content-Length: 6") + "hello!", "-"},
		{"two lengths in one line", head("POST", "/x", "Content-Length: 5, 5") + "hello", "-"},
		{"a length with a sign", head("POST", "/x", "Content-Length: +5") + "hello", "-"},
		{"a length below zero", head("POST", "/x", "Content-Length: -1") + second, "-"},
		{"a length in hexadecimal", head("POST", "/x", "Content-Length: 0x5") + "hello", "-"},
		{"a length beyond all numbers", head("POST", "/x", "Content-Length: 99999999999999999999") + second, "-"},
		{"an encoding that is none", head("POST", "/x", "Transfer-Encoding: xchunked", "Content-Length: 5") + "hello", "-"},
		{"an encoding behind chunks", head("POST", "/x", "Transfer-Encoding: chunked, identity") + "0\r\n\r\n" + second, "-"},
		{"the encoding twice", head("POST", "/x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n" + second, "-"},
		{"an encoding with a vertical tab", head("POST", "/x", "Transfer-Encoding: \x0bchunked") + "0\r\n\r\n" + second, "-"},
		{"a space before the colon", head("POST", "/x", "Transfer-Encoding : chunked", "Content-Length: 5") + "hello", "-"},
		{"a field on two lines", head("POST", "/x", "X-A: 1", " Transfer-Encoding: chunked", "Content-Length: 5") + "hello", "hello"},
		{"a line break in the first line", "GET " + proxyPath + "/x\rX: y HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n\r\n", "-"},
		{"a bare carriage return in a field", head("POST", "/x", "X-A: 1\rContent-Length: 7", "Content-Length: 5") + "hello", "-"},
		{"a zero in a field", head("POST", "/x", "X-A: 1\x00", "Content-Length: 5") + "hello", "-"},
		{"two hosts", head("POST", "/x", "Host: y", "Content-Length: 5") + "hello", "-"},
		{"a chunk size with a sign", head("POST", "/x", "Transfer-Encoding: chunked") + "+5\r\nhello\r\n0\r\n\r\n", "-"},
		{"a chunk that is longer than it says", head("POST", "/x", "Transfer-Encoding: chunked") + "3\r\nhello\r\n0\r\n\r\n", "-"},
		{"a chunk line with a bare line feed", head("POST", "/x", "Transfer-Encoding: chunked") + "5;x\nhello\r\n0\r\n\r\n", "-"},
		{"extensions of chunks stay behind", head("POST", "/x", "Transfer-Encoding: chunked", "Connection: close") + "5;a=b\r\nhello\r\n0\r\n\r\n", "hello"},
		{"a length and chunks", head("POST", "/x", "Content-Length: 3", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n" + second, "hello"},
		{"a GET with a body", head("GET", "/x", "Content-Length: "+itoa(int64(len(second))), "Connection: close") + second, second},
		{"chunks in http/1.0, which has none", "POST " + proxyPath + "/x HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + second, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address, connections := wiretap(t, okAndClose)
			s := start(t, address, nil)
			c, r := s.dial(tt.text)
			if tt.body == "-" {
				_ = c.(*net.TCPConn).CloseWrite() // nothing more comes, so nothing is waited for
				answer, _ := io.ReadAll(r)
				refused(t, string(answer), connections)
				return
			}
			if resp := readResponse(t, r); resp.StatusCode != 200 {
				t.Fatalf("status = %d", resp.StatusCode)
			}
			one(t, testkit.Receive(t, "the request", connections), tt.body)
		})
	}
}

// refused checks that no whole request reached the API and that the caller was
// told so.
func refused(t *testing.T, answer string, connections <-chan string) {
	t.Helper()
	if !strings.HasPrefix(answer, "HTTP/1.1 4") && !strings.HasPrefix(answer, "HTTP/1.1 5") && answer != "" {
		t.Errorf("answer = %q", answer)
	}
	select {
	case wire := <-connections:
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			return
		}
		if _, err := io.ReadAll(req.Body); err == nil {
			t.Errorf("a whole request was sent: %q", wire)
		}
	default:
	}
}

// one checks that the bytes of a connection are exactly one request.
func one(t *testing.T, wire, body string) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(wire))
	req, err := http.ReadRequest(r)
	must(t, err)
	got, err := io.ReadAll(req.Body)
	must(t, err)
	if string(got) != body {
		t.Errorf("body = %q, want %q", got, body)
	}
	if rest, _ := io.ReadAll(r); len(rest) != 0 {
		t.Errorf("there is more than one request on the connection: %q", rest)
	}
	lower := strings.ToLower(wire[:strings.Index(wire, "\r\n\r\n")])
	if strings.Count(lower, "\r\ncontent-length:")+strings.Count(lower, "\r\ntransfer-encoding:") > 1 {
		t.Errorf("the request has two framings: %q", wire)
	}
}
