package h1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
)

// FuzzAnswers: whatever we take for an answer, net/http takes for the same.
func FuzzAnswers(f *testing.F) {
	for _, row := range odds() {
		if len(row.text) < 4096 {
			f.Add(row.text, row.method == "HEAD")
		}
	}
	f.Fuzz(func(t *testing.T, text string, head bool) {
		method := map[bool]string{true: "HEAD", false: "GET"}[head]
		var ours http.Response
		in := bufio.NewReaderSize(strings.NewReader(text), 16)
		block, err := readHead(in, nil, 64<<10)
		if err != nil {
			return
		}
		if err := parseHead(string(block), &ours); err != nil {
			return
		}
		kind, err := frame(&ours, method)
		if err != nil || ours.StatusCode < 200 { // net/http frames those otherwise, and its transport does not look
			return
		}
		theirs, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("we accept %q, and net/http says %v", text, err)
		}
		if theirs.StatusCode != ours.StatusCode || theirs.ContentLength != ours.ContentLength || theirs.Close != ours.Close ||
			len(theirs.TransferEncoding) != len(ours.TransferEncoding) || (theirs.Body == http.NoBody) != (kind == noBody) {
			t.Fatalf("%q\nours   %+v\ntheirs %+v", text, &ours, theirs)
		}
		delete(ours.Header, "Connection")
		delete(theirs.Header, "Connection")
		if len(ours.Header) != len(theirs.Header) {
			t.Fatalf("%q\nours   %q\ntheirs %q", text, ours.Header, theirs.Header)
		}
		for name, values := range theirs.Header {
			if strings.Join(values, "\n") != strings.Join(ours.Header[name], "\n") {
				t.Fatalf("%q\n%s is %q, and %q to net/http", text, name, ours.Header[name], values)
			}
		}
		if kind == noBody {
			return
		}
		x := &exchange{buffers: &buffers{in: in}, maxHeader: 64 << 10, ctx: t.Context()}
		x.body = body{x: x, framing: kind, left: ours.ContentLength, chunks: httputil.NewChunkedReader(in)}
		got, failed := "", error(nil)
		piece := make([]byte, 7)
		for reads := 0; failed == nil; reads++ {
			var n int
			if reads > 100+len(text) {
				t.Fatalf("%q has no end", text)
			}
			n, failed = x.body.read(piece)
			got += string(piece[:n])
		}
		want, err := io.ReadAll(theirs.Body)
		if errors.Is(failed, io.EOF) && (err != nil || got != string(want)) {
			t.Fatalf("%q\nours   %q\ntheirs %q, %v", text, got, want, err)
		}
	})
}
