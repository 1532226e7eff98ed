package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

type connKey struct{}

// TestBothServersKnowTheConnection: what ConnContext says is in the context of all requests.
func TestBothServersKnowTheConnection(t *testing.T) {
	known := make(chan net.Conn, 1)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		known <- conn
	})
	for _, row := range []struct{ name, text string }{
		{"an ordinary request", last},
		{"an odd request", strings.ReplaceAll(last, "\r\n", "\n")},
		{"an odd request behind an ordinary one", get + strings.ReplaceAll(last, "\r\n", "\n")},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := listen(t)
			s := &served{}
			server := New(handler, &http.Server{
				Handler:     handler,
				ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
			}, clock.System())
			s.server = server
			s.run(t, l, server.Serve)
			conn := s.dial(t)
			send(t, conn, row.text)
			for range strings.Count(row.text, "GET") {
				if c, ok := (<-known).(*net.TCPConn); !ok || c.RemoteAddr().String() != conn.LocalAddr().String() {
					t.Errorf("the connection is %v", c)
				}
			}
		})
	}
}

func TestAConnectionThatWasHandedOverBeginsWithWhatWasRead(t *testing.T) {
	ours, theirs := net.Pipe()
	h := &handedOver{Conn: ours, read: []byte("hello")}
	go func() {
		_, _ = io.WriteString(theirs, " world")
		_ = theirs.Close()
	}()
	var got bytes.Buffer
	if _, err := io.CopyBuffer(&got, struct{ io.Reader }{h}, make([]byte, 3)); err != nil || got.String() != "hello world" {
		t.Errorf("it gave %q, %v", got.String(), err)
	}
	if h.read != nil {
		t.Error("what was read is still kept")
	}
	if err := h.CloseWrite(); err != nil {
		t.Errorf("a connection without halves: %v", err)
	}
}

func TestFilesAreSentOnWhatWasHandedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.txt")
	content := strings.Repeat("line\n", 100_000)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := ours(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
	for _, text := range []string{last, strings.ReplaceAll(last, "\r\n", "\n")} {
		if got := s.converse(t, text, false); !strings.HasSuffix(got, "\r\n\r\n"+content) {
			t.Errorf("%d octets came back", len(got))
		}
	}
	if s.others.Load() != 1 {
		t.Errorf("net/http has served %d", s.others.Load())
	}
}

func TestWhatNobodyTakesIsClosed(t *testing.T) {
	h := newHandover(&net.TCPAddr{Port: 1})
	if h.Addr().String() != ":1" {
		t.Errorf("the address is %v", h.Addr())
	}
	_, _ = h.Close(), h.Close()
	ours, theirs := net.Pipe()
	h.give(ours)
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection gives %v", err)
	}
	if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener gives %v", err)
	}
}

// TestWhatIsOddIsAnsweredAtOnce: at the line that is odd, and not when the time is over.
func TestWhatIsOddIsAnsweredAtOnce(t *testing.T) {
	s := oursOn(t, listen(t), http.HandlerFunc(dump), newClock())
	for _, text := range []string{
		"GET / HTTP/1.1\nHost h\nab", // net/http looks at a line when it has seen how the next one begins
		"GET / HTTP/1.1\r\nHost h\r\nab",
		"get\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n",
	} {
		conn := s.dial(t)
		send(t, conn, text)
		answer, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") && !strings.HasPrefix(string(answer), "HTTP/1.1 501 ") {
			t.Errorf("%q is answered with %q", text, answer)
		}
	}
}
