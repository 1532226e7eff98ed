package http1

import (
	"bytes"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// tickEvery is how often the server looks at its connections, and so how much
	// longer than their times they may take.
	tickEvery = 200 * time.Millisecond
	// watchAfter is how long a request goes on before its caller is watched. Those
	// that are shorter would learn too late that it left.
	watchAfter = 2 * tickEvery
	// lingerFor is how long a connection is open on which nothing is read any more.
	lingerFor = 500 * time.Millisecond
)

// ticker is the time of a server, which is read often and kept by one goroutine.
type ticker struct {
	start time.Time
	ms    atomic.Uint64          // since start
	date  atomic.Pointer[[]byte] // for the field of that name
}

// set makes t the time.
func (t *ticker) set(now time.Time) {
	if t.start.IsZero() {
		t.start = now
	}
	t.ms.Store(uint64(max(0, now.Sub(t.start).Milliseconds())))
	date := now.UTC().AppendFormat(nil, http.TimeFormat)
	if known := t.date.Load(); known == nil || !bytes.Equal(*known, date) {
		t.date.Store(&date)
	}
}

// now is the time, in milliseconds and at most a tick late.
func (s *Server) now() uint64 { return s.ticker.ms.Load() }

// date is the time as the field Date has it.
func (s *Server) date() []byte { return *s.ticker.date.Load() }

// tick looks after the connections for as long as there are any.
func (s *Server) tick() {
	for {
		select {
		case <-s.clock.After(tickEvery):
		case <-s.drained:
			return
		}
		if !s.look() {
			return
		}
	}
}

// look does what is due, and reports whether there is anything left to look after.
func (s *Server) look() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 0 {
		s.ticking = false
		return false
	}
	s.ticker.set(s.clock.Now())
	now := s.now()
	for c := range s.conns {
		if c.look(now) {
			delete(s.conns, c)
		}
	}
	s.checkDrained()
	return true
}

// look does what is due on one connection, and reports whether it has ended and
// nobody else will say so.
func (c *conn) look(now uint64) (over bool) {
	c.endWaits(now)
	seen := c.phase.Load()
	p, since := unpack(seen)
	age := time.Duration(now-since) * time.Millisecond
	switch p {
	case fresh, arriving:
		c.closeAfter(c.server.others.ReadHeaderTimeout, age, seen)
	case idle:
		c.closeAfter(c.server.others.IdleTimeout, age, seen)
	case quiet:
		if age >= watchAfter {
			c.watch(seen)
		}
	case lingering:
		if age >= lingerFor {
			_ = c.socket.Close()
			return true
		}
	case reading, watched, finishing, handed, closed:
	}
	return false
}

// closeAfter closes the connection if it is too old for what was seen.
func (c *conn) closeAfter(limit, age time.Duration, seen uint64) {
	if limit > 0 && age >= limit && c.phase.close(seen) {
		_ = c.socket.Close()
	}
}

// closeIdle closes the connection if there is no request on it, or not all of its head.
func (c *conn) closeIdle() {
	seen := c.phase.Load()
	p, _ := unpack(seen)
	if (p == idle || p == fresh || p == arriving) && c.phase.close(seen) {
		_ = c.socket.Close()
	}
}
