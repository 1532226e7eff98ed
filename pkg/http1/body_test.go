package http1

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// bodyOf returns a body of a length on a connection that gives what is there already,
// then what comes, and then ends. What comes must not be empty.
func bodyOf(t *testing.T, length int64, there, comes string) *body {
	t.Helper()
	ours, theirs := net.Pipe()
	c := &conn{server: new(Server), socket: ours, buf: make([]byte, readSize), now: &exchange{}}
	c.to = copy(c.buf, there)
	c.phase.set(reading, 0)
	go func() {
		_, _ = io.WriteString(theirs, comes)
		_ = theirs.Close()
	}()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return &body{conn: c, left: length}
}

func TestABodyIsAsLongAsItsHeadSaid(t *testing.T) {
	long := strings.Repeat("0123456789", 5000)
	for _, row := range []struct {
		name         string
		length       int64
		there, comes string
		want         string
		err          error
		next         string // what was read of the next request
	}{
		{"all of it is there", 5, "hello", "x", "hello", nil, ""},
		{"the next request is there, too", 5, "helloGET /", "x", "hello", nil, "GET /"},
		{"all of it is to come", 5, "", "hello", "hello", nil, ""},
		{"it comes with the next request", 5, "", "helloGET /", "hello", nil, "GET /"},
		{"a part is there", 5, "he", "lloGET /", "hello", nil, "GET /"},
		{"it is long", 50_000, "", long, long, nil, ""},
		{"a part of a long one is there", 50_000, long[:8000], long[8000:], long, nil, ""},
		{"it breaks off", 6, "he", "llo", "hello", io.ErrUnexpectedEOF, ""},
		{"it breaks off early", 6, "", "h", "h", io.ErrUnexpectedEOF, ""},
		{"a long one breaks off", 50_001, "", long, long, io.ErrUnexpectedEOF, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, read := range map[string]func(io.Reader) ([]byte, error){
				"at once":     io.ReadAll,
				"in octets":   func(r io.Reader) ([]byte, error) { return io.ReadAll(iotest.OneByteReader(r)) },
				"in halves":   func(r io.Reader) ([]byte, error) { return io.ReadAll(iotest.HalfReader(r)) },
				"in one read": func(r io.Reader) ([]byte, error) { return readFull(r, len(row.want)) },
			} {
				b := bodyOf(t, row.length, row.there, row.comes)
				got, err := read(b)
				if string(got) != row.want || !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
					t.Errorf("%s: %d octets and %v, want %d and %v", name, len(got), err, len(row.want), row.err)
				}
				if row.err != nil {
					if !b.conn.gone.Load() || b.conn.now.ctx.Err() == nil {
						t.Errorf("%s: the request goes on, its caller is gone", name)
					}
					continue
				}
				if next := string(b.conn.buf[b.conn.from:b.conn.to]); !strings.HasPrefix(row.next, next) {
					t.Errorf("%s: of the next request %q was read, want %q", name, next, row.next)
				}
				if !b.conn.phase.is(quiet) {
					t.Errorf("%s: the caller cannot be watched", name)
				}
				if n, err := b.Read(make([]byte, 9)); n > 0 || !errors.Is(err, io.EOF) {
					t.Errorf("%s: behind the end there is %d, %v", name, n, err)
				}
			}
		})
	}
}

// readFull reads n octets and then the end.
func readFull(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if n, err := io.ReadFull(r, b); err != nil {
		return b[:n], err
	}
	_, err := r.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

func TestWhatIsLeftOfABodyIsReadIfItIsLittle(t *testing.T) {
	for _, row := range []struct {
		name            string
		length, read    int64
		closing         bool
		left            int64
		on, much, early bool // of an answer that goes out before it is closed, and of closing it
	}{
		{"nothing", 10, 10, false, 0, true, false, false},
		{"little", 100, 10, false, 0, true, false, false},
		{"just little enough", maxDrained + 9, 10, false, 0, true, false, false},
		{"just too much", maxDrained + 10, 10, false, 0, false, true, true},
		{"too much", maxDrained + 11, 10, false, maxDrained + 1, false, true, true},
		{"little on a connection that ends", 100, 10, true, 90, true, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			made := func() *body {
				b := bodyOf(t, row.length, "", strings.Repeat("x", int(row.length)))
				b.closing = row.closing
				if n, err := io.ReadFull(b, make([]byte, row.read)); err != nil {
					t.Fatal(n, err)
				}
				return b
			}
			b := made()
			if on, much := b.beforeAnswer(); on != row.on || much != row.much {
				t.Errorf("before the answer: the connection goes on %v, because of too much %v", on, much)
			}
			b = made()
			if err := b.Close(); err != nil || b.left != row.left || b.early != row.early {
				t.Errorf("closed with %v, %d octets are left, early %v", err, b.left, b.early)
			}
			if on, much := b.beforeAnswer(); on != (row.left == 0) || much {
				t.Errorf("closed before the answer: the connection goes on %v, because of too much %v", on, much)
			}
			if err := b.Close(); err != nil {
				t.Errorf("closed once more with %v", err)
			}
		})
	}
}

// announced is a connection that says when somebody begins to read it.
type announced struct {
	net.Conn
	begun chan struct{}
}

func (a *announced) Read(p []byte) (int, error) {
	a.begun <- struct{}{}
	return a.Conn.Read(p)
}

func TestWhoeverReadsABodyIsStoppedAtItsEnd(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	socket := &announced{ours, make(chan struct{})}
	b := &body{conn: &conn{server: new(Server), socket: socket, buf: make([]byte, readSize), now: &exchange{}}, left: 10}
	read := make(chan error)
	go func() {
		_, err := b.Read(make([]byte, 3)) // waits for what never comes
		read <- err
	}()
	<-socket.begun
	b.end()
	if err := <-read; err == nil {
		t.Error("the body was read at its end")
	}
	if b.left != 10 || !b.closed {
		t.Errorf("%d octets are left, closed %v", b.left, b.closed)
	}
}
