package http1

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
)

// newClock returns a clock that stands still.
func newClock() *clocktest.Fake { return clocktest.New(timeOfFile) }

// begun waits until a server has a connection.
func begun(s *served) {
	for len(s.server.(*Server).all()) == 0 {
		runtime.Gosched()
	}
}

// pass lets a time pass for a server, and waits until it has looked at its connections
// if there are still any.
func pass(s *served, clk *clocktest.Fake, d time.Duration) {
	waits := func() {
		for clk.Waiting() == 0 && len(s.server.(*Server).all()) > 0 {
			runtime.Gosched()
		}
	}
	for range 2 { // what has begun before counts from a tick at the latest
		waits()
		clk.Advance(d)
	}
	waits()
}

// read reads one answer.
func read(t testing.TB, in *bufio.Reader) string {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func send(t testing.TB, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

func TestARequestEndsWithItsCaller(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"without a body", get},
		{"with a body that was read", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"},
	} {
		t.Run(row.name, func(t *testing.T) {
			clk, asked, ended := newClock(), make(chan struct{}), make(chan error, 1)
			s := oursOn(t, listen(t), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				close(asked)
				<-r.Context().Done()
				ended <- r.Context().Err()
			}), clk)
			conn := s.dial(t)
			send(t, conn, row.text)
			<-asked
			_ = conn.Close()
			pass(s, clk, watchAfter)
			if err := <-ended; err != context.Canceled { //nolint:errorlint // it is the error itself
				t.Errorf("the context ended with %v", err)
			}
		})
	}
}

func TestARequestEndsWhenItsBodyBreaksOff(t *testing.T) {
	ended := make(chan error, 1)
	s := ours(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		<-r.Context().Done() // with no tick
		ended <- err
	}))
	conn := s.dial(t)
	send(t, conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nhello")
	_ = conn.Close()
	if err := <-ended; err != io.ErrUnexpectedEOF { //nolint:errorlint // as net/http
		t.Errorf("the body ended with %v", err)
	}
}

func TestARequestEndsWhenItsAnswerCannotBeWritten(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan struct{})
	s := ours(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-asked
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 1<<16))
		}
		close(ended)
	}))
	conn := s.dial(t)
	send(t, conn, get)
	_ = conn.SetLinger(0)
	_ = conn.Close()
	close(asked)
	<-ended
}

// TestACallerThatIsWatchedIsServedOn: what the watcher reads belongs to the next request.
func TestACallerThatIsWatchedIsServedOn(t *testing.T) {
	clk, asked, goOn := newClock(), make(chan *http.Request), make(chan struct{})
	s := oursOn(t, listen(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		asked <- r
		<-goOn
		_, _ = io.WriteString(w, r.URL.Path+" "+string(content))
		if r.Context().Err() != nil {
			t.Error("the request has ended; its caller is there")
		}
	}), clk)
	conn := s.dial(t)
	in := bufio.NewReader(conn)
	for i, text := range []string{
		"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n12",
		"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n345",
		"GET /c HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		if i == 0 {
			send(t, conn, text)
		}
		r := <-asked
		pass(s, clk, watchAfter) // now it is watched
		if i == 0 {              // and the others come meanwhile, in pieces
			send(t, conn, "POST /b HTTP/1.1\r\nHost: h\r\nConte")
			pass(s, clk, watchAfter)
			send(t, conn, "nt-Length: 3\r\n\r\n345GET /c HTTP/1.1\r\nHost: h\r\n\r\n")
		}
		goOn <- struct{}{}
		if got, want := read(t, in), []string{"/a 12", "/b 345", "/c "}[i]; got != want {
			t.Errorf("the answer is %q, want %q", got, want)
		}
		<-r.Context().Done() // when it was served
	}
	if s.others.Load() > 0 {
		t.Error("it was handed over")
	}
}

func TestConnectionsAreClosedWhenTheirTimeIsOver(t *testing.T) {
	for _, row := range []struct {
		name, text string
		answers    int
		early, end time.Duration
	}{
		{"nothing at all", "", 0, time.Minute / 3, time.Minute},
		{"a part of a head", "GET / HT", 0, time.Minute / 3, time.Minute},
		{"nothing more", get, 1, time.Hour / 3, time.Hour},
		{"a part of a second head", get + "GET / HTTP/1.1\r\n", 1, time.Minute / 3, time.Minute},
		{"too little of a second head", get + "GET", 1, time.Hour / 3, time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			clk := newClock()
			l := listen(t)
			server := New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
				&http.Server{ReadHeaderTimeout: time.Minute, IdleTimeout: time.Hour}, clk)
			s := &served{server: server}
			s.run(t, l, server.Serve)
			conn := s.dial(t)
			in := bufio.NewReader(conn)
			send(t, conn, row.text)
			for range row.answers {
				read(t, in)
			}
			begun(s)
			clk.Advance(row.early)
			for c := range server.all() {
				if c.phase.is(closed) {
					t.Error("it was closed too early")
				}
			}
			for len(server.all()) > 0 { // what arrived may be counted late
				pass(s, clk, row.end)
			}
			if n, err := in.Read(make([]byte, 1)); n > 0 || err == nil { // a reset if something was not read
				t.Errorf("the connection gave %d, %v", n, err)
			}
		})
	}
}

// all are the connections that a server looks after.
func (s *Server) all() map[*conn]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[*conn]struct{}, len(s.conns))
	for c := range s.conns {
		all[c] = struct{}{}
	}
	return all
}

func TestWhoeverIsServedHasAllTime(t *testing.T) {
	clk, asked, goOn := newClock(), make(chan struct{}), make(chan struct{})
	s := oursOn(t, listen(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-goOn
		content, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(content)
	}), clk)
	conn := s.dial(t)
	in := bufio.NewReader(conn)
	send(t, conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")
	<-asked
	pass(s, clk, 100*time.Hour)
	goOn <- struct{}{}
	pass(s, clk, 100*time.Hour)
	send(t, conn, "llo")
	if got := read(t, in); got != "hello" {
		t.Errorf("the answer is %q", got)
	}
}

// TestTheDateIsThatOfTheClock: it is made once a second at most, for all answers.
func TestTheDateIsThatOfTheClock(t *testing.T) {
	clk := newClock()
	s := oursOn(t, listen(t), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), clk)
	conn := s.dial(t)
	in := bufio.NewReader(conn)
	for _, want := range []string{"Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:25 GMT"} {
		send(t, conn, get)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Date"); got != want {
			t.Errorf("the date is %s, want %s", got, want)
		}
		pass(s, clk, 10*time.Second)
	}
}

// TestABodyIsReadByWhoeverHasItUntilItsRequestIsServed: it takes nothing of the next one.
func TestABodyIsReadByWhoeverHasItUntilItsRequestIsServed(t *testing.T) {
	for _, row := range []struct {
		name, first, later string
	}{
		{"while more is to come", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhell", ""},
		{"when all is there", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nhell" + last, "last"},
	} {
		t.Run(row.name, func(t *testing.T) {
			end := make(chan error, 1)
			s := ours(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/last" {
					_, _ = io.WriteString(w, "last")
					return
				}
				_ = http.NewResponseController(w).EnableFullDuplex()
				begun := make(chan struct{})
				go func() {
					_, _ = io.ReadFull(r.Body, make([]byte, 4))
					close(begun)
					_, err := io.Copy(io.Discard, r.Body)
					end <- err
				}()
				<-begun
			}))
			conn := s.dial(t)
			in := bufio.NewReader(conn)
			send(t, conn, row.first)
			if got := read(t, in); got != "" {
				t.Errorf("the answer is %q", got)
			}
			err := <-end
			if (err == nil) != (row.later != "") && err != http.ErrBodyReadAfterClose { //nolint:errorlint // as it is
				t.Errorf("who reads on is told %v", err)
			}
			if row.later != "" {
				if got := read(t, in); got != row.later {
					t.Errorf("the next answer is %q", got)
				}
			}
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Errorf("behind it came %q", rest)
			}
		})
	}
}

// TestTheRestOfABodyIsNoRequest: where a handler leaves it, and whatever it wraps it in.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	inside := "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	s := ours(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a" {
			t.Errorf("%s was served", r.URL.Path)
		}
		r.Body = struct{ io.ReadCloser }{r.Body}
		_ = r.Body.Close()
	}))
	conn := s.dial(t)
	go func() {
		_, _ = io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"+strings.Repeat(inside, 20_000))
	}()
	if all, _ := io.ReadAll(conn); strings.Count(string(all), "HTTP/1.1 ") != 1 {
		t.Errorf("the answers are %q", all)
	}
}

// TestLargeBodiesPassInLittleMemory, both ways at once.
func TestLargeBodiesPassInLittleMemory(t *testing.T) {
	const size, most = 256 << 20, 16 << 20
	s := ours(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Length", r.Header.Get("Content-Length"))
		_, _ = io.Copy(w, r.Body)
	}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	conn := s.dial(t)
	go func() {
		send(t, conn, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 268435456\r\n\r\n")
		block := make([]byte, 1<<20)
		for range size / len(block) {
			_, _ = conn.Write(block)
		}
	}()
	n, err := io.Copy(io.Discard, struct{ io.Reader }{conn})
	runtime.ReadMemStats(&after)
	if n < size || err != nil {
		t.Errorf("%d octets came back, %v", n, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("it took %d octets of memory", got)
	}
}

// pipes is a listener of connections in memory, on which each write is one read.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	defer func() { _ = recover() }() // it may be closed
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestARequestMayComeInPieces(t *testing.T) {
	l := &pipes{make(chan net.Conn), make(chan struct{})}
	s := oursOn(t, l, http.HandlerFunc(dump), newClock())
	for _, row := range requests {
		if len(row.text) > 200 || !row.ordinary {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			talk := func(pieces ...string) string {
				conn, theirs := net.Pipe()
				l.conns <- theirs
				go func() {
					for _, piece := range pieces {
						_, _ = io.WriteString(conn, piece)
					}
				}()
				answer, _ := io.ReadAll(conn)
				return dates.ReplaceAllString(string(answer), "")
			}
			text := row.text + last
			want := talk(text)
			if got := talk(strings.Split(text, "")...); got != want {
				t.Errorf("octet by octet it is answered with %q, and in one piece with %q", got, want)
			}
			for n := range len(text) {
				if got := talk(text[:n], text[n:]); got != want {
					t.Fatalf("%q and %q are answered with %q, and in one piece with %q", text[:n], text[n:], got, want)
				}
			}
		})
	}
	if s.others.Load() > 0 {
		t.Error("something was handed over")
	}
}
