package http1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// say answers with a header and a text.
func say(text string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header()[fields[i]] = append(w.Header()[fields[i]], fields[i+1])
		}
		_, err := io.WriteString(w, text)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// status is say with a status.
func status(code int, text string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header()[fields[i]] = append(w.Header()[fields[i]], fields[i+1])
		}
		w.WriteHeader(code)
		if _, err := io.WriteString(w, text); err != nil {
			w.Header().Set(http.TrailerPrefix+"Error", err.Error())
		}
	}
}

// pieces writes pieces of sizes, and flushes where the size is zero.
func pieces(sizes ...int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i, size := range sizes {
			if size == 0 {
				w.(http.Flusher).Flush()
				continue
			}
			_, _ = w.Write(bytes.Repeat([]byte{byte('a' + i)}, size))
		}
	}
}

// handlers do all that can be done with an answer.
var handlers = []struct {
	name  string
	serve http.HandlerFunc
}{
	{"nothing", func(http.ResponseWriter, *http.Request) {}},
	{"a text", say("hello")},
	{"an empty text", say("")},
	{"a page", say("<!DOCTYPE html><p>hello")},
	{"a type of its own", say("hello", "Content-Type", "a/b")},
	{"no type", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "hello")
	}},
	{"an encoding", say("hello", "Content-Encoding", "gzip")},
	{"an empty encoding", say("hello", "Content-Encoding", "")},
	{"a date of its own", say("hello", "Date", "yesterday")},
	{"no date", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		_, _ = io.WriteString(w, "hello")
	}},
	{"a length", say("hello", "Content-Length", "5")},
	{"a length of zero", status(200, "", "Content-Length", "0")},
	{"too short", say("hell", "Content-Length", "5")},
	{"too long", say("hello!", "Content-Length", "5")},
	{"too long in the second piece", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hell")
		if _, err := io.WriteString(w, "o!"); !errors.Is(err, http.ErrContentLength) {
			panic("no error")
		}
	}},
	{"a length that is not one", say("hello", "Content-Length", "five")},
	{"a length below zero", say("hello", "Content-Length", "-5")},
	{"two lengths", say("hello", "Content-Length", "5", "Content-Length", "6")},
	{"a length in small letters", say("hello", "content-length", "5")},
	{"chunked by itself", say("hello", "Transfer-Encoding", "chunked")},
	{"identity", say("hello", "Transfer-Encoding", "identity")},
	{"another encoding of the transfer", say("hello", "Transfer-Encoding", "gzip")},
	{"chunked with a length", say("hello", "Transfer-Encoding", "chunked", "Content-Length", "5")},
	{"identity with a length", say("hello", "Transfer-Encoding", "identity", "Content-Length", "5")},
	{"chunked without a body", status(204, "", "Transfer-Encoding", "chunked")},
	{"status 404", status(404, "not here")},
	{"status 204", status(204, "nothing", "Content-Length", "7", "Content-Type", "a/b")},
	{"status 304", status(304, "nothing", "Content-Length", "7", "Content-Type", "a/b", "Etag", "x", "Transfer-Encoding", "chunked")},
	{"status 205", status(205, "")},
	{"status 599", status(599, "odd")},
	{"status 999", status(999, "odder")},
	{"status 101", status(101, "", "Upgrade", "x", "Connection", "Upgrade")},
	{"status 99", status(99, "")},
	{"status 1000", status(1000, "")},
	{"interim answers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "<a>")
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(103)
		w.WriteHeader(102)
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "hello")
	}},
	{"an interim answer alone", status(100, "")},
	{"a status twice", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(202)
		_, _ = io.WriteString(w, "hello")
	}},
	{"a header that is changed too late", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1")
		header := w.Header()
		w.WriteHeader(200)
		header.Set("X-A", "2")
		w.Header().Set("X-B", "3")
		_, _ = io.WriteString(w, "hello")
	}},
	{"fields in an order of their own", say("hello", "B", "1", "A", "2", "Zz", "3", "a", "4", "B", "5")},
	{"names that are none", say("hello", "A B", "1", "", "2", "C:D", "3", "E\r\nF", "4", "\xc3\xa9", "5")},
	{"values with line ends", say("hello", "A", "1\r\nB: 2", "C", " \t3\n \r\n", "D", "caf\xc3\xa9\x00\x7f")},
	{"close", say("hello", "Connection", "close")},
	{"close in other cases", say("hello", "Connection", "Close")},
	{"close in a list", say("hello", "Connection", "x, close")},
	{"close in the second line", say("hello", "Connection", "x", "Connection", "close")},
	{"keep-alive", say("hello", "Connection", "keep-alive")},
	{"close with a length", say("hello", "Connection", "close", "Content-Length", "5", "Transfer-Encoding", "x", "Content-Type", "a/b")},
	{"pieces below the buffer", pieces(1, 2, 3, 2041)},
	{"a piece as large as the buffer", pieces(2048)},
	{"a piece above the buffer", pieces(2049)},
	{"pieces above the buffer", pieces(2000, 100, 5000, 1)},
	{"large pieces", pieces(100_000, 50, 70_000)},
	{"flushed first", pieces(0, 5)},
	{"flushed between", pieces(5, 0, 6, 0, 0, 7)},
	{"flushed and nothing else", pieces(0)},
	{"flushed with a length", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "he")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "llo")
	}},
	{"copied", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(strings.Repeat("x", 400)))
	}},
	{"a file", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", timeOfFile, strings.NewReader(strings.Repeat("line\n", 3000)))
	}},
	{"announced trailers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-A, x-b,,X-None")
		w.Header().Add("Trailer", "X-C")
		_, _ = io.WriteString(w, "hello")
		w.Header()["X-A"] = []string{"1", "2"}
		w.Header().Set("X-B", "3\r\n4")
		w.Header().Set("X-C", "5")
		w.Header().Set("X-D", "6")
	}},
	{"trailers nobody announced", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "hello")
		w.Header().Set(http.TrailerPrefix+"X-A", "1")
	}},
	{"trailers nobody announced, too early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(http.TrailerPrefix+"X-A", "1")
		_, _ = io.WriteString(w, "hello")
	}},
	{"trailers nobody announced, without chunks", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
		w.Header().Set(http.TrailerPrefix+"X-A", "1")
	}},
	{"trailers of both kinds", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-A")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-A", "1")
		w.Header().Set(http.TrailerPrefix+"X-A", "2")
	}},
	{"trailers that may not be", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Content-Length, If-Match, Host, X-A")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("If-Match", "1")
		w.Header().Set("Host", "h")
		w.Header().Set("X-A", "2")
	}},
	{"trailers with a length", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-A")
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-A", "2")
	}},
	{"a body that is not allowed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1")
		w.WriteHeader(304)
		if _, err := io.WriteString(w, "hello"); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic("no error")
		}
	}},
	{"a panic", func(http.ResponseWriter, *http.Request) { panic("for a reason") }},
	{"a panic in the middle", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 3000))
		panic(fmt.Errorf("for a reason of %d", 1))
	}},
	{"a panic after a flush", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"a panic with nil", func(http.ResponseWriter, *http.Request) { panic(nil) }},
	{"a panic that says nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	{"the end of its goroutine", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
		runtime.Goexit()
	}},
	{"a part of the body", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.ReadFull(r.Body, make([]byte, 3))
		_, _ = fmt.Fprintf(w, "%d %v", n, err)
	}},
	{"the body behind the answer", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
		content, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %v", len(content), err)
	}},
	{"the body behind a part of the answer", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello")
		content, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %v", len(content), err)
	}},
	{"both at once", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
		content, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %v", len(content), err)
	}},
	{"a body that is closed", func(w http.ResponseWriter, r *http.Request) {
		err := r.Body.Close()
		_, again := r.Body.Read(make([]byte, 1))
		_, _ = fmt.Fprintf(w, "%v %v", err, again)
	}},
	{"a body read to nothing", func(w http.ResponseWriter, r *http.Request) {
		n, err := r.Body.Read(nil)
		_, _ = fmt.Fprintf(w, "%d %v", n, err)
	}},
	{"deadlines", func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_, _ = fmt.Fprintln(w, control.SetReadDeadline(longAgo), control.SetWriteDeadline(never))
		_, err := io.ReadAll(r.Body) // what was read before is still there
		_, _ = fmt.Fprint(w, err != nil)
	}},
}

// bodies are what is sent to each of them.
var bodies = []struct{ name, text string }{
	{"GET", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"},
	{"HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"},
	{"a short body", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"},
	{"a body that can be skipped", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200_000)},
	{"the longest that can be skipped", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 262143\r\n\r\n" + strings.Repeat("x", 262143)},
	{"the shortest that cannot", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 262144\r\n\r\n" + strings.Repeat("x", 262144)},
	{"GET for the last time", "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"},
	{"a body for the last time", "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"},
}

func TestEveryAnswerIsThatOfNetHTTP(t *testing.T) {
	for _, row := range handlers {
		t.Run(row.name, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/last" {
					_, _ = io.WriteString(w, "last")
					return
				}
				row.serve(w, r)
			})
			theirs, ours := plain(t, handler), ours(t, handler)
			for _, body := range bodies {
				text := body.text + body.text + last
				want, got := theirs.converse(t, text, false), ours.converse(t, text, false)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: answers (-net/http +ours):\n%s", body.name, diff)
				}
				if diff := cmp.Diff(theirs.log.take(), ours.log.take()); diff != "" {
					t.Errorf("%s: log (-net/http +ours):\n%s", body.name, diff)
				}
			}
			if ours.others.Load() > 0 {
				t.Error("it was handed over; it is ordinary")
			}
		})
	}
}
