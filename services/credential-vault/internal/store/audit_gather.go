package store

import (
	"errors"
	"runtime"
	"sync"
)

const (
	// maxBatch is the most records that share a transaction.
	maxBatch = 1000
	// maxTurns is how often the writer of a batch lets others go first.
	maxTurns = 16
)

// errUnwritten is what callers are told whose batch ended in a panic.
var errUnwritten = errors.New("the writing of audit records did not finish")

// gathering lets callers share transactions. Who comes while nobody writes
// writes at once; who comes meanwhile joins the batch that is written next, by
// one of those who wait for it. Whoever writes first lets all go on who are about
// to join: otherwise one or two callers who always have a processor would keep the
// disk busy, a record at a time, while hundreds wait for a processor. There is no
// timer and no goroutine: a caller alone waits for nobody.
type gathering struct {
	mu    sync.Mutex
	busy  bool     // somebody writes, or has been told to
	queue []*batch // not begun; only the last one takes records
}

// batch is what one transaction adds.
type batch struct {
	entries []entry
	lead    chan struct{} // gives one of those who wait the writing
	done    chan struct{} // closed when it is written, or has failed
	err     error         // valid after done is closed
}

// gatheringOf returns the gathering of an environment.
func (s *Store) gatheringOf(environment string) *gathering {
	s.gatheringsMu.Lock()
	defer s.gatheringsMu.Unlock()
	g, ok := s.gatherings[environment]
	if !ok {
		g = &gathering{}
		s.gatherings[environment] = g
	}
	return g
}

// add returns when e is written, with the error of exactly its batch. write is
// this caller's way of writing a batch, called only if this caller is the one.
func (g *gathering) add(e entry, write func([]entry) error) error {
	g.mu.Lock()
	b := g.join(e)
	alone := !g.busy
	g.busy = true
	g.mu.Unlock()
	if !alone {
		select {
		case <-b.done:
			return b.err
		case <-b.lead:
		}
	}
	g.write(b, write)
	return b.err
}

// join adds an entry to the batch that is gathered. It needs the lock.
func (g *gathering) join(e entry) *batch {
	var b *batch
	if n := len(g.queue); n > 0 {
		b = g.queue[n-1]
	}
	if b == nil || len(b.entries) >= maxBatch {
		b = &batch{lead: make(chan struct{}, 1), done: make(chan struct{})}
		g.queue = append(g.queue, b)
	}
	b.entries = append(b.entries, e)
	return b
}

// write writes the first batch of the queue and passes the turn on.
func (g *gathering) write(b *batch, write func([]entry) error) {
	g.invite(b)
	g.mu.Lock()
	g.queue = g.queue[1:] // nobody joins any more
	g.mu.Unlock()
	b.err = errUnwritten
	defer g.pass()
	defer close(b.done)
	b.err = write(b.entries)
}

// invite gives the processor to whoever is ready, as long as some of them join.
func (g *gathering) invite(b *batch) {
	for before, turn := 0, 0; turn < maxTurns; turn++ {
		g.mu.Lock()
		joined := len(b.entries)
		g.mu.Unlock()
		if joined == before || joined >= maxBatch {
			return
		}
		before = joined
		runtime.Gosched()
	}
}

// pass gives the turn to one of those who wait for the next batch.
func (g *gathering) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.busy, g.queue = false, nil
		return
	}
	g.queue[0].lead <- struct{}{}
}
