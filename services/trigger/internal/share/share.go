// Package share keeps a few from taking all workers.
//
// Work belongs to somebody, its owner for instance, and goes somewhere, to an API for
// instance: each of these is a party. [Workers] let a piece of work in as long as every
// party of it has room:
//
//   - A party of which nothing is known has a quarter of the workers that are free, and at
//     least one. Each piece of its work that ends in good time gives it room for one more,
//     each that takes long takes one away: what hangs never gets more. So of parties that
//     hang, each that comes later has a quarter less than the one before, and many leave
//     workers for one that has none.
//   - No party has more than seven times the workers that are free besides one. So one
//     whose work ends has seven of eight workers while nobody else needs any, and two
//     that want all get nearly half each.
//
// What is not let in is put off to about when its party has room again:
//
//	leave, wait := workers.Enter("owner ann", "api crm")
//	if leave == nil {
//		return comeBackAfter(wait)
//	}
//	worked := false // until something was done
//	defer func() { leave(worked) }()
//
// Who is put off waits nowhere here: another process may have room.
package share

import (
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// known is the part of the workers, 1/known, that a party has of which nothing is
	// known, and long from when on a piece of work takes long.
	known = 4
	long  = 15 * time.Second
	// ratio is how many workers a party may have for each one that is free.
	ratio = 7
	// minWait and maxWait bound for how long work is put off.
	minWait = 50 * time.Millisecond
	maxWait = 15 * time.Second
	// minGap and maxGap bound how far apart those of a party come back: as often as its
	// work ends, so that what is put off again costs little.
	minGap = time.Millisecond
	maxGap = 250 * time.Millisecond
	// weight is how much the pauses before the last one count.
	weight = 3
)

// Workers are those of a process. They are safe for concurrent use.
type Workers struct {
	clock clock.Clock

	mu      sync.Mutex
	all     int
	free    int
	parties map[string]*party
}

// party is somebody who has workers, or whose work was put off a moment ago.
type party struct {
	// has is how many workers it has, and room how many it may have.
	has, room int
	// ended is when a piece of its work was last over, and gap how long after the one
	// before, about.
	ended time.Time
	gap   time.Duration
	// back is when the last one that was put off comes back.
	back time.Time
}

// New returns n workers, at least one, all of them free.
func New(n int, clk clock.Clock) *Workers {
	n = max(n, 1)
	return &Workers{clock: clk, all: n, free: n, parties: map[string]*party{}}
}

// Enter takes a worker for a piece of work of some parties, whose names are different.
// leave gives it back, once, and says whether something was done: what found nothing to do
// shows nothing of its parties. leave is nil if one of the parties has its share, or nobody
// is free: then the work should come back after wait.
func (w *Workers) Enter(names ...string) (leave func(worked bool), wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	parties := make([]*party, 0, len(names))
	var full *party
	for _, name := range names {
		p := w.parties[name]
		if p == nil {
			p = &party{ended: now, room: w.least()}
			w.parties[name] = p
		}
		parties = append(parties, p)
		if full == nil && w.full(p) {
			full = p
		}
	}
	if full != nil {
		wait = full.putOff(now)
		w.forget(names, now)
		return nil, wait
	}
	w.free--
	for _, p := range parties {
		p.has++
	}
	return func(worked bool) { w.leave(names, parties, now, worked) }, 0
}

// full reports whether a party may have no more workers now.
func (w *Workers) full(p *party) bool {
	switch {
	case w.free == 0 || p.has >= p.room || p.has > ratio*(w.free-1):
		return true
	case p.room > w.least() || p.has == 0:
		return false
	}
	// Of what would be free without it, a part: it may hang, and others may come.
	return p.has*known >= p.has+w.free
}

// least is the least room of a party.
func (w *Workers) least() int { return max(w.all/known, 1) }

func (w *Workers) leave(names []string, parties []*party, began time.Time, worked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	w.free++
	for _, p := range parties {
		p.has--
		switch {
		case now.Sub(began) >= long:
			p.room = max(p.room-1, w.least())
		case worked:
			p.room = min(p.room+1, w.all)
		}
		p.gap = (weight*p.gap + now.Sub(p.ended)) / (weight + 1)
		p.ended = now
	}
	w.forget(names, now)
}

// forget drops parties that have nothing and wait for nothing.
func (w *Workers) forget(names []string, now time.Time) {
	for _, name := range names {
		if p := w.parties[name]; p != nil && p.has == 0 && !p.back.After(now) {
			delete(w.parties, name)
		}
	}
}

// putOff returns after how long a piece of the party's work should come back: behind
// those that were put off before it.
func (p *party) putOff(now time.Time) time.Duration {
	gap := min(max(p.gap, now.Sub(p.ended), minGap), maxGap)
	back := p.back
	if least := now.Add(minWait); back.Before(least) {
		back = least
	}
	p.back = back.Add(gap)
	if latest := now.Add(maxWait); p.back.After(latest) {
		p.back = latest
	}
	return min(back.Sub(now), maxWait)
}
