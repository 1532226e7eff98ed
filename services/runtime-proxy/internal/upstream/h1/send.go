package h1

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// copySize is how much of a body is sent at once.
	copySize = 32 << 10
	// chunkHead is the room for a chunk's size in front of it, chunkTail that for
	// the end of its line.
	chunkHead, chunkTail = 8, 2
	// sendGrace is how long the end of an answer waits for the end of a body that
	// is still being sent: servers often answer as they read its last byte.
	sendGrace = 5 * time.Millisecond
)

// pieces are what bodies are copied through.
var pieces = sync.Pool{New: func() any { b := make([]byte, chunkHead+copySize+chunkTail); return &b }}

// sending is the body of a request on its way, beside the reading of the answer:
// a server may answer before it has everything, or while it gets it.
type sending struct {
	conn    net.Conn
	body    io.ReadCloser
	length  int64 // -1 for chunks
	trailer http.Header

	clock clock.Clock
	wait  time.Duration // for an answer to begin, once all is sent

	done chan struct{} // closed at the end
	err  error         // of the body; valid after done
	cut  bool          // the connection did not take all of it; valid after done

	mu       sync.Mutex
	answered bool
}

// run sends the body and closes it. If the body fails, so does the connection: the
// server must not take what it got for all.
func (s *sending) run() {
	defer func() { _ = s.body.Close() }()
	piece := pieces.Get().(*[]byte) //nolint:errcheck // nothing else is in the pool
	defer func() {
		clear(*piece)
		pieces.Put(piece)
	}()
	if s.length < 0 {
		s.err = s.chunks(*piece)
	} else {
		s.err = s.plain((*piece)[:copySize])
	}
	if s.err != nil {
		close(s.done) // first: whoever finds the connection closed asks why
		_ = s.conn.Close()
		return
	}
	defer close(s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.answered && !s.cut {
		_ = s.conn.SetReadDeadline(s.clock.Now().Add(s.wait))
	}
}

// answer notes that the answer's header is there, so that nobody waits for it.
func (s *sending) answer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = true
}

// complete reports whether all was sent. It waits a moment for that.
func (s *sending) complete() bool {
	select {
	case <-s.done:
	default:
		timer := time.NewTimer(sendGrace)
		defer timer.Stop()
		select {
		case <-s.done:
		case <-timer.C:
			return false
		}
	}
	return s.err == nil && !s.cut
}

// failure returns why the body could not be read, nil if that is not known or not
// so.
func (s *sending) failure() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// write reports whether the connection took it all.
func (s *sending) write(p []byte) bool {
	if _, err := s.conn.Write(p); err != nil {
		s.cut = true
	}
	return !s.cut
}

// plain sends a body whose length was announced.
func (s *sending) plain(piece []byte) error {
	left := s.length
	for left > 0 {
		n, err := s.body.Read(piece[:min(int64(len(piece)), left)])
		left -= int64(n)
		if n > 0 && !s.write(piece[:n]) {
			return nil
		}
		switch {
		case errors.Is(err, io.EOF) && left > 0:
			return errShort
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
	}
	if n, _ := s.body.Read(piece[:1]); n > 0 {
		return errLong
	}
	return nil
}

// chunks sends a body of unknown length (RFC 9112, section 7.1), and the trailer.
func (s *sending) chunks(piece []byte) error {
	for {
		n, err := s.body.Read(piece[chunkHead : chunkHead+copySize])
		if n > 0 && !s.write(chunk(piece, n)) {
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			end, err := appendTrailer([]byte("0\r\n"), s.trailer)
			if err == nil {
				s.write(end)
			}
			return err
		case err != nil:
			return err
		}
	}
}

// chunk frames the n bytes that follow the room in front of them.
func chunk(piece []byte, n int) []byte {
	var digits [chunkHead]byte
	size := append(strconv.AppendInt(digits[:0], int64(n), 16), "\r\n"...)
	start := chunkHead - len(size)
	copy(piece[start:], size)
	copy(piece[chunkHead+n:], "\r\n")
	return piece[start : chunkHead+n+chunkTail]
}

func appendTrailer(text []byte, trailer http.Header) ([]byte, error) {
	for name, values := range trailer {
		for _, value := range values {
			if value = trim(value); !isToken(name) || isOurs(name) || !valueBytes.all(value) {
				return nil, errValue
			}
			text = append(append(text, name...), ": "...)
			text = append(append(text, value...), "\r\n"...)
		}
	}
	return append(text, "\r\n"...), nil
}
