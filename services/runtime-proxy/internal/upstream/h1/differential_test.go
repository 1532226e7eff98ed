package h1

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// odd is an answer, and how ours is to differ from what net/http makes of it.
type odd struct {
	name, text string
	// method is GET if empty.
	method string
	// open keeps the connection open after the answer; else it is closed.
	open bool
	// refused means that net/http makes something of it, and we do not.
	refused bool
	// surplus means that there is more than the answer. It is sent in one piece:
	// whether it is there in time would be a matter of luck.
	surplus bool
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func odds() []odd {
	const (
		ok      = "HTTP/1.1 200 OK\r\n"
		chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	)
	zip := zipped("hello")
	sized := func(head, body string) string {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	}
	return []odd{
		{name: "a plain one", text: ok + "Content-Length: 2\r\n\r\nhi", open: true},
		{name: "no reason", text: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "an empty reason", text: "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "a long reason", text: "HTTP/1.1 200 all is well: yes\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "no fields, until the end", text: ok + "\r\nhello"},
		{name: "nothing at all", text: ""},
		{name: "an empty line first", text: "\r\n" + ok + "Content-Length: 2\r\n\r\nhi"},
		{name: "half a status line", text: "HTTP/1.1 2"},
		{name: "a status line without its end", text: "HTTP/1.1 200 OK"},
		{name: "half a field", text: ok + "Content-Le"},
		{name: "another language", text: "220 mail ESMTP\r\n"},
		{name: "bytes", text: "\x16\x03\x01\x00\xff\x00\x01\r\n"},
		{name: "a lower-case protocol", text: "http/1.1 200 OK\r\n\r\n"},
		{name: "a page without a header", text: "<html>hello</html>\r\n\r\n"},
		{name: "a status of two digits", text: "HTTP/1.1 20 OK\r\n\r\n"},
		{name: "a status of four digits", text: "HTTP/1.1 2000 OK\r\n\r\n"},
		{name: "a status that is no number", text: "HTTP/1.1 abc OK\r\n\r\n"},
		{name: "a status with a sign", text: "HTTP/1.1 +20 OK\r\n\r\n", refused: true},
		{name: "a status below 100", text: "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", refused: true},
		{name: "a status of 999", text: "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n", open: true},
		{name: "two spaces before the status", text: "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", refused: true},
		{name: "a tab before the status", text: "HTTP/1.1\t200 OK\r\n\r\n"},
		{name: "version 1.0 without a length", text: "HTTP/1.0 200 OK\r\n\r\nhello"},
		{name: "version 1.0 with a length", text: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "version 1.0 kept alive", text: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "version 1.0 with chunks", text: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", refused: true},
		{name: "version 1.7", text: "HTTP/1.7 200 OK\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "version 2.0", text: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", refused: true},
		{name: "version 9.x", text: "HTTP/9.x 200 OK\r\n\r\n"},
		{name: "a bare LF after each line", text: "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", open: true},
		{name: "a bare CR in a value", text: ok + "X-A: a\rb\r\nContent-Length: 0\r\n\r\n"},
		{name: "two CR at the end of a line", text: ok + "X-A: a\r\r\nContent-Length: 0\r\n\r\n"},
		{name: "a NUL in a value", text: ok + "X-A: a\x00b\r\nContent-Length: 0\r\n\r\n"},
		{name: "a control character in a value", text: ok + "X-A: a\x07b\r\nContent-Length: 0\r\n\r\n"},
		{name: "a DEL in a value", text: ok + "X-A: a\x7fb\r\nContent-Length: 0\r\n\r\n"},
		{name: "a control character in the reason", text: "HTTP/1.1 200 a\x07b\r\nContent-Length: 0\r\n\r\n", refused: true},
		{name: "bytes beyond ascii in a value", text: ok + "X-A: \xff\xe4\r\nContent-Length: 0\r\n\r\n", open: true},
		{name: "tabs and spaces around a value", text: ok + "X-A: \t a b \t \r\nContent-Length:  2 \r\n\r\nhi", open: true},
		{name: "an empty value", text: ok + "X-A:\r\nX-B: \r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "names in odd cases", text: ok + "x-LONG-name: 1\r\ncontent-LENGTH: 2\r\n\r\nhi", open: true},
		{name: "a name with odd characters", text: ok + "X_a!#$%&'*+.^`|~1: v\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "a field several times", text: ok + "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nx-a: 4\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "a field without a colon", text: ok + "X-A\r\nContent-Length: 0\r\n\r\n"},
		{name: "a field without a name", text: ok + ": x\r\nContent-Length: 0\r\n\r\n"},
		{name: "a space before a colon", text: ok + "Content-Length : 2\r\n\r\nhi", refused: true},
		{name: "a space in a name", text: ok + "X A: 2\r\nContent-Length: 0\r\n\r\n", refused: true},
		{name: "a name beyond ascii", text: ok + "X-\xe4: 2\r\nContent-Length: 0\r\n\r\n"},
		{name: "a field that goes on", text: ok + "X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", refused: true},
		{name: "a first field that goes on", text: ok + " X-A: a\r\nContent-Length: 0\r\n\r\n"},
		{name: "a header of 60 KiB", text: ok + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 60) + "Content-Length: 2\r\n\r\nhi", open: true},
		{name: "a header of 100 KiB", text: ok + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "Content-Length: 2\r\n\r\nhi"},
		{name: "a field of 100 KiB", text: ok + "X-A: " + strings.Repeat("a", 100<<10) + "\r\nContent-Length: 2\r\n\r\nhi"},
		{name: "too many fields", text: ok + strings.Repeat("A: b\r\n", maxFields+1) + "Content-Length: 2\r\n\r\nhi", refused: true},

		{name: "two lengths", text: ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi"},
		{name: "the same length twice", text: ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "two lengths in one line", text: ok + "Content-Length: 2, 2\r\n\r\nhi"},
		{name: "a length below zero", text: ok + "Content-Length: -2\r\n\r\nhi"},
		{name: "a length with a sign", text: ok + "Content-Length: +2\r\n\r\nhi"},
		{name: "a hexadecimal length", text: ok + "Content-Length: 0x2\r\n\r\nhi"},
		{name: "an empty length", text: ok + "Content-Length: \r\n\r\nhi"},
		{name: "a length with zeros in front", text: ok + "Content-Length: 002\r\n\r\nhi", open: true},
		{name: "a length beyond all numbers", text: ok + "Content-Length: 99999999999999999999\r\n\r\nhi"},
		{name: "less than the length", text: ok + "Content-Length: 10\r\n\r\nhi"},
		{name: "more than the length", text: ok + "Content-Length: 2\r\n\r\nhi there", open: true, surplus: true},
		{name: "a length and chunks", text: ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", refused: true},

		{name: "chunks", text: chunked + "2\r\nhi\r\n3\r\nyou\r\n0\r\n\r\n", open: true},
		{name: "chunks with extensions", text: chunked + "2;a=b\r\nhi\r\n0;c\r\n\r\n", open: true},
		{name: "a chunk's size in upper case, with zeros", text: chunked + "00A\r\n0123456789\r\n0\r\n\r\n", open: true},
		{name: "a chunk's size that is none", text: chunked + "zz\r\n"},
		{name: "an empty chunk size", text: chunked + "\r\nhi\r\n0\r\n\r\n"},
		{name: "a chunk's size with a sign", text: chunked + "-2\r\nhi\r\n0\r\n\r\n"},
		{name: "a chunk's size with 0x", text: chunked + "0x2\r\nhi\r\n0\r\n\r\n"},
		{name: "a chunk's size beyond all numbers", text: chunked + "fffffffffffffffff\r\nhi\r\n0\r\n\r\n"},
		{name: "a chunk longer than it says", text: chunked + "2\r\nhi!\r\n0\r\n\r\n"},
		{name: "a chunk that ends with a bare LF", text: chunked + "2\nhi\n0\n\n"},
		{name: "an end of chunks with a bare LF", text: chunked + "2\r\nhi\r\n0\r\n\n"},
		{name: "chunks without an end", text: chunked + "2\r\nhi\r\n"},
		{name: "half a chunk", text: chunked + "5\r\nhi"},
		{name: "an end of chunks without an empty line", text: chunked + "2\r\nhi\r\n0\r\n"},
		{name: "chunks and more", text: chunked + "2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", open: true, surplus: true},
		{name: "an announced trailer", text: ok + "Transfer-Encoding: chunked\r\nTrailer: X-A, x-b\r\n\r\n2\r\nhi\r\n0\r\nX-A: 1\r\nX-C: 2\r\n\r\n", open: true},
		{name: "a trailer that nobody announced", text: chunked + "2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n", open: true},
		{name: "a trailer that frames", text: ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n"},
		{name: "a broken trailer", text: chunked + "2\r\nhi\r\n0\r\nX-A\r\n\r\n"},
		{name: "half a trailer", text: chunked + "2\r\nhi\r\n0\r\nX-A: 1\r\n"},
		{name: "an announcement without chunks", text: ok + "Trailer: X-A\r\nContent-Length: 2\r\n\r\nhi", open: true},
		{name: "two encodings", text: ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{name: "two encodings in one line", text: ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{name: "an encoding that does not exist", text: ok + "Transfer-Encoding: xchunked\r\n\r\nhi"},
		{name: "identity", text: ok + "Transfer-Encoding: identity\r\n\r\nhi"},
		{name: "an empty encoding", text: ok + "Transfer-Encoding:\r\n\r\nhi"},
		{name: "an encoding in upper case", text: ok + "Transfer-Encoding: CHUNKED\r\n\r\n2\r\nhi\r\n0\r\n\r\n", open: true},

		{name: "204 without a body", text: "HTTP/1.1 204 No Content\r\n\r\n", open: true},
		{name: "204 with a length", text: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", open: true},
		{name: "304 with a length", text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nEtag: 1\r\n\r\n", open: true},
		{name: "304 with chunks", text: "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", open: true},
		{name: "HEAD with a length", method: "HEAD", text: ok + "Content-Length: 5\r\n\r\n", open: true},
		{name: "HEAD without a length", method: "HEAD", text: ok + "\r\n", open: true},
		{name: "HEAD with chunks", method: "HEAD", text: chunked, open: true},
		{name: "HEAD with a body", method: "HEAD", text: ok + "Content-Length: 5\r\n\r\nhello", surplus: true},

		{name: "100 before it", text: "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", open: true},
		{name: "103 before it", text: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", open: true},
		{name: "five 102 before it", text: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 5) + ok + "Content-Length: 2\r\n\r\nhi", open: true},
		{name: "a hundred 102 before it", text: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100) + ok + "Content-Length: 2\r\n\r\nhi", open: true},
		{name: "one more", text: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 101) + ok + "Content-Length: 2\r\n\r\nhi", refused: true},
		{name: "102 without end", text: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 10000) + ok + "Content-Length: 2\r\n\r\nhi"},
		{name: "nothing after 100", text: "HTTP/1.1 100 Continue\r\n\r\n"},
		{name: "101", text: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", refused: true},

		{name: "gzip that we asked for", text: sized(ok+"Content-Encoding: gzip\r\n", zip), open: true},
		{name: "gzip in upper case", text: sized(ok+"Content-Encoding: GZIP\r\n", zip), open: true},
		{name: "gzip in chunks", text: ok + "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(zip), zip), open: true},
		{name: "gzip until the end", text: ok + "Content-Encoding: gzip\r\n\r\n" + zip},
		{name: "gzip that is none", text: sized(ok+"Content-Encoding: gzip\r\n", "this is not gzip")},
		{name: "half a gzip", text: sized(ok+"Content-Encoding: gzip\r\n", zip[:len(zip)/2])},
		{name: "a gzip with a wrong sum", text: sized(ok+"Content-Encoding: gzip\r\n", zip[:len(zip)-6]+"\x00\x00"+zip[len(zip)-4:])},
		{name: "a gzip of no bytes", text: ok + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", open: true},
		{name: "br that nobody asked for", text: sized(ok+"Content-Encoding: br\r\n", "abc"), open: true},
		{name: "a connection that is to be closed", text: ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi"},
		{name: "a large body", text: sized(ok, strings.Repeat("x", 1<<20)), open: true},
		{name: "a large body in small chunks", text: chunked + strings.Repeat("10\r\n0123456789abcdef\r\n", 5000) + "0\r\n\r\n", open: true},
	}
}

// outcome is what comes of an answer, in a form that can be compared.
type outcome struct {
	Failed, FailedInBody bool
	Status               string
	Header, Trailer      http.Header
	Length               int64
	Body                 string
	Close, Uncompressed  bool
	Encoding             []string
}

func outcomeOf(transport http.RoundTripper, req *http.Request) (outcome, error) {
	body, resp, err := whole(transport, req)
	if resp == nil {
		return outcome{Failed: true}, err
	}
	delete(resp.Header, "Connection") // net/http forgets it, and with it the fields that it names
	return outcome{
		FailedInBody: err != nil, Status: resp.Proto + " " + resp.Status, Header: resp.Header, Trailer: resp.Trailer, Length: resp.ContentLength,
		Body: body, Close: resp.Close, Uncompressed: resp.Uncompressed, Encoding: resp.TransferEncoding,
	}, err
}

// TestOddAnswersMeanWhatTheyMeanToNetHTTP: the same, or refused where two readers
// might not agree.
func TestOddAnswersMeanWhatTheyMeanToNetHTTP(t *testing.T) {
	for _, row := range odds() {
		for _, piece := range []int{1 << 30, 1} {
			if piece == 1 && (row.surplus || len(row.text) > 4096) {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d at a time", row.name, min(piece, len(row.text))), func(t *testing.T) {
				s := listen(t, answers(func(c net.Conn, _ *http.Request, _ int) bool {
					for text := row.text; text != ""; {
						n := min(piece, len(text))
						if _, err := io.WriteString(c, text[:n]); err != nil {
							return false
						}
						text = text[n:]
					}
					return row.open
				}))
				standard := plain()
				defer standard.CloseIdleConnections()
				ours := fast(t)
				for n := range 2 { // the second request must not get what the first has left over
					want, why := outcomeOf(standard, newRequest(t.Context(), t, row.method, s.url, ""))
					got, err := outcomeOf(ours, newRequest(t.Context(), t, row.method, s.url, ""))
					if row.refused {
						if !got.Failed || want.Failed {
							t.Errorf("request %d: %+v (%v), and net/http %+v (%v)", n, got, err, want, why)
						}
						continue
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("request %d: errors %v and %v (-net/http +ours):\n%.2000s", n, why, err, diff)
					}
				}
			})
		}
	}
}
