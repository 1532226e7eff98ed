package http1

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// TestManyCallersAtOnce: each gets its own answers, in order, whatever the others do,
// with bodies and without, in a row, watched, cut off and left.
func TestManyCallersAtOnce(t *testing.T) {
	const callers, rounds = 30, 20
	s := ours(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s", r.URL.Path, content)
	}))
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 0))
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			in := bufio.NewReader(conn)
			for round := range rounds {
				text, want := "", []string(nil)
				for n := range 1 + random.IntN(4) {
					body := strings.Repeat(string(rune('a'+n)), random.IntN(12_000))
					text += fmt.Sprintf("PUT /%d/%d/%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", caller, round, n, len(body), body)
					want = append(want, fmt.Sprintf("/%d/%d/%d %s", caller, round, n, body))
				}
				go func() { _, _ = io.WriteString(conn, text) }()
				for _, one := range want {
					resp, err := http.ReadResponse(in, nil)
					if err != nil {
						t.Error(err)
						return
					}
					got, _ := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if string(got) != one {
						t.Errorf("%.20q was answered with %.20q", one, got)
						return
					}
				}
			}
			_, _ = io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\ncut")
		})
	}
	all.Wait()
}

// TestNothingIsLeftBehind: with connections in memory and time that passes by itself, a
// test of its own sees every goroutine end.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, row := range []struct {
		name, text string
		leaves     bool
		answers    int
	}{
		{"a caller that says nothing", "", false, 0},
		{"a caller that says half of it", "GET / HT", false, 0},
		{"a caller that waits", get, false, 1},
		{"a caller that asks again and again", get + get + get, false, 3},
		{"a caller that leaves", get, true, 1},
		{"a caller that leaves too early", "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", true, 0},
		{"a caller that waits long", "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", false, 1},
		{"a caller with too much", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\nx", false, 1},
		{"a caller with a panic", "GET /panic HTTP/1.1\r\nHost: h\r\n\r\n", false, 0},
		{"an odd caller", strings.ReplaceAll(get, "\r\n", "\n"), true, 1},
	} {
		for _, stop := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &pipes{make(chan net.Conn), make(chan struct{})}
					handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						switch r.URL.Path {
						case "/slow":
							select {
							case <-r.Context().Done():
							case <-time.After(time.Minute):
							}
						case "/panic":
							panic(http.ErrAbortHandler)
						}
					})
					server := New(handler, &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}, clock.System())
					served := make(chan error, 1)
					go func() { served <- server.Serve(l) }()
					conn, theirs := net.Pipe()
					l.conns <- theirs
					go func() { _, _ = io.WriteString(conn, row.text) }()
					in := bufio.NewReader(conn)
					for range row.answers {
						read(t, in)
					}
					synctest.Wait()
					if row.leaves {
						_ = conn.Close()
					}
					if !stop {
						if _, err := in.ReadByte(); err == nil { // its time is over
							t.Error("something came")
						}
						synctest.Wait()
					}
					if err := server.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
					if err := <-served; err != http.ErrServerClosed { //nolint:errorlint // it is the error itself
						t.Error(err)
					}
					_ = conn.Close()
				})
			})
		}
	}
}
