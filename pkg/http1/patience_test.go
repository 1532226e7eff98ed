package http1

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// patience is that of the servers of these tests.
const patience = time.Minute

// withPatience serves one connection in memory, in a time that passes by itself, and
// returns the caller's end of it.
func withPatience(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	l := &pipes{make(chan net.Conn), make(chan struct{})}
	server := New(handler, &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Hour}, clock.System())
	server.Patience = patience
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, theirs := net.Pipe()
	l.conns <- theirs
	t.Cleanup(func() {
		_ = conn.Close()
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return conn
}

// Heads of requests with a body, for both servers.
const (
	withLength = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
	inChunks   = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// TestABodyThatStaysAwayHoldsNobody: anybody can promise a body, without any token.
func TestABodyThatStaysAwayHoldsNobody(t *testing.T) {
	for _, row := range []struct {
		name, text string
		reads      bool // the handler does
		drips      bool // the caller sends an octet again and again
		most       time.Duration
	}{
		{"nothing of it, and nobody wants it", withLength, false, false, drainFor},
		{"little of it, and nobody wants it", withLength + "hello", false, false, drainFor},
		{"drops of it, and nobody wants it", strings.Replace(withLength, "10", "10000", 1), false, true, drainFor},
		{"nothing of it", withLength, true, false, patience},
		{"little of it", withLength + "hello", true, false, patience},
		{"no chunk, and nobody wants one", inChunks, false, false, drainFor + lingerFor},
		{"half a chunk, and nobody wants it", inChunks + "5\r\nab", false, false, drainFor + lingerFor},
		{"no chunk", inChunks, true, false, patience},
		{"half a chunk", inChunks + "5\r\nab", true, false, patience},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := withPatience(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if row.reads {
						if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
							t.Errorf("the body ended with %v", err)
						}
						if _, err := r.Body.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
							t.Errorf("the body went on with %v", err)
						}
						if r.Context().Err() != nil && r.ContentLength >= 0 { // in net/http it has
							t.Error("the request has ended; its caller waits for an answer")
						}
					}
					http.Error(w, "no", http.StatusUnauthorized)
				}))
				start := time.Now()
				var caller sync.WaitGroup
				defer caller.Wait()
				defer func() { _ = conn.Close() }()
				caller.Go(func() {
					_, err := io.WriteString(conn, row.text)
					for row.drips && err == nil {
						time.Sleep(time.Second)
						_, err = io.WriteString(conn, "x")
					}
				})
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(resp.Body)
				if resp.StatusCode != http.StatusUnauthorized || !resp.Close || err != nil {
					t.Errorf("the answer is %s, closing %v, %v", resp.Status, resp.Close, err)
				}
				_, _ = io.Copy(io.Discard, conn) // until it is closed
				if took := time.Since(start); took > row.most+lingerFor+2*tickEvery {
					t.Errorf("the connection was held for %v, want %v", took, row.most)
				}
			})
		})
	}
}

// TestABodyMayTakeItsTime: as long as something comes.
func TestABodyMayTakeItsTime(t *testing.T) {
	for _, row := range []struct {
		name, text string
		pieces     []string
	}{
		{"with a length", withLength, []string{"he", "ll", "o", " you!"}},
		{"in chunks", inChunks, []string{"2\r\nhe\r\n", "3\r\nllo\r\n", "5\r\n you!\r\n", "0\r\n\r\n"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := withPatience(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					content, err := io.ReadAll(r.Body)
					if err != nil {
						t.Errorf("the body ended with %v", err)
					}
					time.Sleep(3 * patience) // nobody waits for the caller meanwhile
					if err := r.Context().Err(); err != nil {
						t.Errorf("the request ended with %v", err)
					}
					_, _ = w.Write(content)
				}))
				in := bufio.NewReader(conn)
				for range 2 { // requests
					send(t, conn, row.text)
					for _, piece := range row.pieces {
						time.Sleep(patience * 2 / 3)
						send(t, conn, piece)
					}
					if got := read(t, in); got != "hello you!" {
						t.Errorf("the answer is %q", got)
					}
					time.Sleep(3 * patience)
				}
			})
		})
	}
}

// TestAnAnswerThatNobodyTakesIsGivenUp: the caller is there, and reads no more.
func TestAnAnswerThatNobodyTakesIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		name, text string
		takes      time.Duration // a piece each time
		want       bool          // it gets all
	}{
		{"with a length", withLength + "0123456789", 0, false},
		{"in chunks", inChunks + "0\r\n\r\n", 0, false},
		{"with a length, slowly", withLength + "0123456789", patience * 2 / 3, true},
		{"in chunks, slowly", inChunks + "0\r\n\r\n", patience * 2 / 3, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan error, 1)
				conn := withPatience(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadAll(r.Body)
					_, err := w.Write(make([]byte, 10*pieceSize))
					ended <- err
				}))
				start := time.Now()
				send(t, conn, row.text)
				var caller sync.WaitGroup
				defer caller.Wait()
				defer func() { _ = conn.Close() }()
				if row.want {
					caller.Go(func() {
						for piece, err := make([]byte, pieceSize), error(nil); err == nil; {
							time.Sleep(row.takes)
							_, err = io.ReadFull(conn, piece)
						}
					})
				}
				err := <-ended
				if took := time.Since(start); (err == nil) != row.want || !row.want && took > patience+2*tickEvery {
					t.Errorf("it was written with %v, after %v", err, took)
				}
			})
		})
	}
}

// TestWithoutPatienceNothingIsGivenUp: a server waits for ever unless it is told otherwise.
func TestWithoutPatienceNothingIsGivenUp(t *testing.T) {
	if got := new(Server).patienceEnds(); got != forever {
		t.Errorf("the patience ends at %d", got)
	}
	var w wait
	w.begin(forever)
	if w.expire(forever-1) || w.end() {
		t.Error("the wait was ended")
	}
}

// TestAWaitEndsOnce: by who waits or by the ticker, and both know.
func TestAWaitEndsOnce(t *testing.T) {
	var w wait
	if w.expire(5) {
		t.Error("what nobody waits for was ended")
	}
	w.begin(10)
	if w.expire(9) || w.end() {
		t.Error("it was ended too early")
	}
	w.begin(10)
	if !w.expire(10) || w.expire(11) || !w.end() || w.end() {
		t.Error("it was not ended once")
	}
}

// TestWhatNobodyTakesIsDropped: once it is given up, the machine must not go on to offer
// what is left of the answer, in memory that the caller decides about.
func TestWhatNobodyTakesIsDropped(t *testing.T) {
	clk, ended := newClock(), make(chan struct{})
	l := listen(t)
	server := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		_, _ = w.Write(make([]byte, 64<<20))
	}), &http.Server{}, clk)
	server.Patience = patience
	s := &served{server: server}
	s.run(t, l, server.Serve)
	conn := s.dial(t)
	send(t, conn, get)
	begun(s)
	for len(server.all()) > 0 {
		pass(s, clk, patience)
	}
	<-ended
	if n, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d octets came, and %v, want a reset", n, err)
	}
}
