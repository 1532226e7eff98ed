package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

func TestAServerStopsInOrder(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	s := ours(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			asked <- struct{}{}
			<-goOn
		}
		_, _ = io.WriteString(w, "served")
	}))
	fresh, begun, idle, slow, odd := s.dial(t), s.dial(t), s.dial(t), s.dial(t), s.dial(t)
	send(t, begun, "GET / HT")
	idles, slows, odds := bufio.NewReader(idle), bufio.NewReader(slow), bufio.NewReader(odd)
	send(t, idle, get)
	read(t, idles)
	send(t, odd, "GET / HTTP/1.1\nHost: h\n\n")
	read(t, odds)
	send(t, slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- s.server.Shutdown(t.Context()) }()
	for name, conn := range map[string]io.Reader{"idle": idles, "of net/http": odds, "fresh": fresh, "begun": begun} {
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("the connection that is %s gave %d, %v", name, n, err)
		}
	}
	if conn, err := net.Dial("tcp", s.addr); err == nil {
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("somebody was let in")
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("it stopped before all were served: %v", err)
	default:
	}
	close(goOn)
	answer, err := io.ReadAll(slows)
	if err != nil || !strings.Contains(string(answer), "Connection: close\r\n") || !strings.HasSuffix(string(answer), "served") {
		t.Errorf("the last answer is %q, %v", answer, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("it stopped with %v", err)
	}
	if err := s.server.(*Server).Serve(listen(t)); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("a server that has stopped serves: %v", err)
	}
}

func TestAServerDoesNotWaitForever(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan struct{})
	s := ours(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
		close(ended)
	}))
	conn := s.dial(t)
	send(t, conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell")
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it stopped with %v", err)
	}
	_ = s.server.Close()
	<-ended
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

func TestAServerWithoutConnectionsStopsAtOnce(t *testing.T) {
	if err := ours(t, http.NotFoundHandler()).server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// trouble is a listener that has no room at first, and then breaks.
type trouble struct {
	net.Listener

	errs []error
}

type noRoomError struct{ error }

func (noRoomError) Temporary() bool { return true }

func (l *trouble) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

func TestAServerWithoutRoomTriesAgain(t *testing.T) {
	broken := errors.New("broken")
	l := &trouble{listen(t), []error{noRoomError{errors.New("too many")}, noRoomError{errors.New("too many")}, broken}}
	log := &record{}
	s := &served{log: log}
	server := New(http.NotFoundHandler(), s.http(http.NotFoundHandler()), clock.System())
	if err := server.Serve(l); !errors.Is(err, broken) {
		t.Errorf("it ended with %v", err)
	}
	if got := log.take(); len(got) != 2 || !strings.HasSuffix(got[1], "too many; retrying in 10ms") {
		t.Errorf("it logged %q", got)
	}
}
