package http1

import (
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// pieceSize is what a caller has to take of an answer before the server's patience ends:
// large enough for few system calls, and little for a slow line.
const pieceSize = 64 << 10

// wait is what a goroutine waits for at a connection, and until when, in milliseconds of
// the server: it begins and ends the wait, unless the server's ticker ends it before.
// One goroutine waits at a time.
type wait struct{ until atomic.Uint64 }

// Waits that are none.
const (
	noWait  = 0              // nobody waits
	ended   = math.MaxUint64 // the ticker has ended it
	forever = ended - 1      // nothing ends it
)

func (w *wait) begin(until uint64) { w.until.Store(until) }

// end reports whether the ticker was faster.
func (w *wait) end() (late bool) { return w.until.Swap(noWait) == ended }

// expire ends it for the ticker, if it is time.
func (w *wait) expire(now uint64) bool {
	until := w.until.Load()
	return until != noWait && until <= now && w.until.CompareAndSwap(until, ended)
}

// in returns the time in a while.
func (s *Server) in(d time.Duration) uint64 { return s.now() + uint64(d.Milliseconds()) }

// patienceEnds returns until when a wait may last that begins now.
func (s *Server) patienceEnds() uint64 {
	if s.Patience <= 0 {
		return forever
	}
	return s.in(s.Patience)
}

// endWaits ends what has lasted too long. A body that is late is told to its reader;
// for an answer that nobody takes there is nothing to be told.
func (c *conn) endWaits(now uint64) {
	if c.wait.expire(now) {
		_ = c.socket.SetReadDeadline(longAgo)
	}
	if c.stuck.expire(now) {
		dropUnsent(c.socket)
		_ = c.socket.Close()
	}
}

// dropUnsent has what was written and not taken dropped when the connection is closed.
// The machine would offer it for as long as the caller is there.
func dropUnsent(socket net.Conn) {
	if s, ok := socket.(interface{ SetLinger(sec int) error }); ok {
		_ = s.SetLinger(0)
	}
}

// patient bounds the waits for bodies where net/http serves.
func (s *Server) patient(next http.Handler) http.Handler {
	if next == nil {
		next = http.DefaultServeMux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Patience <= 0 || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		b := &patientBody{ReadCloser: r.Body, patience: s.Patience, control: http.NewResponseController(w), theirs: r}
		ours := *r // what net/http looks at afterwards stays as it is
		ours.Body, b.ours = b, &ours
		b.extend()
		next.ServeHTTP(w, &ours)
		r.MultipartForm = ours.MultipartForm // for net/http to remove
		b.leave()
	})
}

// patientBody is a body that net/http reads, with a deadline for each piece.
type patientBody struct {
	io.ReadCloser

	patience     time.Duration
	control      *http.ResponseController
	ours, theirs *http.Request

	mu   sync.Mutex
	over bool // its end was read, or the handler has returned: the deadline is net/http's again
}

// Read implements [io.Reader].
func (b *patientBody) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended()
	}
	return n, err //nolint:wrapcheck // it is the body
}

// extend gives the next piece its time.
func (b *patientBody) extend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		_ = b.control.SetReadDeadline(soon(b.patience))
	}
}

// ended takes the deadline away: net/http reads on, to learn whether the caller leaves.
func (b *patientBody) ended() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.over, b.ours.Trailer = true, b.theirs.Trailer
		_ = b.control.SetReadDeadline(never)
	}
}

// leave lets net/http read, for a moment, what nobody has read.
func (b *patientBody) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.over = true
		_ = b.control.SetReadDeadline(soon(drainFor))
	}
}

// soon returns a deadline of a connection, which has the time of the system.
func soon(d time.Duration) time.Time { return clock.System().Now().Add(d) }
