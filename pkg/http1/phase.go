package http1

import "sync/atomic"

// phase is what goes on on a connection.
type phase uint64

const (
	fresh     phase = iota // nothing, on a new connection
	arriving               // a head
	idle                   // nothing, between requests
	reading                // a request is served, and its body is not at its end
	quiet                  // a request is served, and nobody reads from the connection
	watched                // the same, and somebody reads to learn whether the caller leaves
	finishing              // the request has been served
	lingering              // the answer is written, and the connection about to be closed
	handed                 // net/http has it
	closed                 // the time was over
)

// phaseBits is how many bits a phase has in a [phaseSince].
const phaseBits = 4

// phaseSince is a phase and when it began, in milliseconds of the server. It belongs
// to the serving goroutine, but for two steps that the server's ticker makes, from what
// it has seen: it closes, and it watches.
type phaseSince struct{ atomic.Uint64 }

func pack(p phase, now uint64) uint64         { return now<<phaseBits | uint64(p) }
func unpack(w uint64) (p phase, since uint64) { return phase(w & (1<<phaseBits - 1)), w >> phaseBits }

func (s *phaseSince) is(p phase) bool {
	got, _ := unpack(s.Load())
	return got == p
}

// set begins a phase in which nothing happened that the ticker might have ended.
func (s *phaseSince) set(p phase, now uint64) { s.Store(pack(p, now)) }

// become begins a phase, unless the connection was closed.
func (s *phaseSince) become(p phase, now uint64) bool {
	was := s.Load()
	before, _ := unpack(was)
	return before != closed && s.CompareAndSwap(was, pack(p, now))
}

// arriving notes that a part of a head is there. It reports false if the connection
// was closed.
func (s *phaseSince) arriving(now uint64) bool {
	p, since := unpack(s.Load())
	if p == fresh { // the time for a head has begun then
		now = since
	}
	return p == arriving || s.become(arriving, now)
}

// quieten notes that the body of a request is at its end.
func (s *phaseSince) quieten() {
	was := s.Load()
	if p, since := unpack(was); p == reading {
		s.CompareAndSwap(was, pack(quiet, since))
	}
}

// finish begins the phase of that name, and reports whether it was watched.
func (s *phaseSince) finish() bool {
	p, _ := unpack(s.Swap(pack(finishing, 0)))
	return p == watched
}

// watched is for the ticker: what was seen to be quiet is watched.
func (s *phaseSince) watched(seen uint64) bool {
	return s.CompareAndSwap(seen, pack(watched, 0))
}

// close is for the ticker: what was seen is closed.
func (s *phaseSince) close(seen uint64) bool {
	return s.CompareAndSwap(seen, pack(closed, 0))
}
