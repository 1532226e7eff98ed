package sandbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Share says who a call counts for. Calls of the same member share what one
// member may have, and members of the same group what one group may have.
type Share struct {
	// Group is what many have in common, a connector for instance.
	Group string
	// Member is one of the group, a connection for instance.
	Member string
}

// slots decides whose script runs. A call takes a process for all of its time,
// and a slot to run for as long as its script runs: not while the host asks
// somebody else for it. There are few slots and more processes, so that scripts
// that wait keep nobody from running.
//
// Nobody can take everything: a member gets another one only while it has fewer
// than are free (alone, it gets half), a group while it has fewer than three times
// as many (alone, it gets three quarters), and the last free one is for a group
// that has none. Who waits is served in turn: group by group, member by member.
//
// It is safe for concurrent use.
type slots struct {
	running, processes int // how many there are of each
	queue, queueShare  int // how many new calls may wait, of all and of one member
	wait               time.Duration
	clock              clock.Clock
	closing            <-chan struct{}

	mu      sync.Mutex
	total   holder
	groups  map[string]*holder
	members map[Share]*holder
	waiting []*waiter // in the order in which they came
	turn    int64     // counts how often somebody was served
}

// holder is what somebody has.
type holder struct {
	running, processes, waiting int
	served                      int64 // the turn in which they were served last
}

func (h *holder) empty() bool { return h.running+h.processes+h.waiting == 0 }

// waiter is a call that waits for its turn.
type waiter struct {
	share  Share
	resume bool // it has a process already
	begun  bool // it is part of something that was begun, and is not refused
	ready  chan struct{}
}

// newSlots returns slots without anybody in them.
func newSlots(o Options, closing <-chan struct{}) *slots {
	return &slots{
		running: o.Size, processes: o.Processes, queue: queuePerProcess * o.Processes, queueShare: queueOfMember * o.Processes,
		wait: o.Wait, clock: o.Clock, closing: closing,
		groups: map[string]*holder{}, members: map[Share]*holder{},
	}
}

// How many new calls may wait for each process, of all and of one member. All of them
// are looked at whenever a slot is free.
const (
	queuePerProcess = 16
	queueOfMember   = 4
)

// place is what one call has. It belongs to the goroutine of the call.
type place struct {
	slots   *slots
	share   Share
	running bool
}

// enter waits for a process and a slot, as long as the context lasts. What is not
// part of something that was begun waits at most as long as new calls may: [ErrBusy]
// then, or at once if too many wait.
func (s *slots) enter(ctx context.Context, share Share, begun bool) (*place, error) {
	if err := s.await(ctx, &waiter{share: share, begun: begun, ready: make(chan struct{})}); err != nil {
		return nil, err
	}
	return &place{slots: s, share: share, running: true}, nil
}

// pause gives the slot away while the call waits for somebody else.
func (p *place) pause() {
	p.slots.mu.Lock()
	defer p.slots.mu.Unlock()
	p.slots.add(p.share, holder{running: -1})
	p.running = false
	p.slots.serve()
}

// resume waits for a slot, as long as the context lasts: a call that was begun is
// not refused.
func (p *place) resume(ctx context.Context) error {
	err := p.slots.await(ctx, &waiter{share: p.share, resume: true, begun: true, ready: make(chan struct{})})
	p.running = err == nil
	return err
}

// leave gives back what the call has.
func (p *place) leave() {
	p.slots.mu.Lock()
	defer p.slots.mu.Unlock()
	given := holder{processes: -1}
	if p.running {
		given.running = -1
	}
	p.slots.add(p.share, given)
	p.slots.serve()
}

// await waits until a waiter was served.
func (s *slots) await(ctx context.Context, w *waiter) error {
	if !s.join(w) {
		return fmt.Errorf("wait for a script worker: %w", ErrBusy)
	}
	select {
	case <-w.ready:
		return nil
	default:
	}
	var late <-chan time.Time
	if !w.begun {
		late = s.clock.After(s.wait)
	}
	var err error
	select {
	case <-w.ready:
		return nil
	case <-s.closing:
		err = ErrClosed
	case <-late:
		err = fmt.Errorf("wait for a script worker: %w", ErrBusy)
	case <-ctx.Done():
		err = fmt.Errorf("wait for a script worker: %w", context.Cause(ctx))
	}
	s.abandon(w)
	return err
}

// join puts a waiter into the queue and serves whoever can be served. It reports
// false, and forgets the waiter, if it would have to wait where too many do.
func (s *slots) join(w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, w)
	s.add(w.share, holder{waiting: 1})
	s.serve()
	full := len(s.waiting) > s.queue || s.members[w.share].waiting > s.queueShare
	if w.begun || !full || !slices.Contains(s.waiting, w) {
		return true
	}
	s.remove(w)
	return false
}

// abandon forgets a waiter, and takes back what it has got in the meantime.
func (s *slots) abandon(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.waiting, w) {
		s.remove(w)
		return
	}
	given := holder{running: -1}
	if !w.resume {
		given.processes = -1
	}
	s.add(w.share, given)
	s.serve()
}

// remove takes a waiter out of the queue. The lock is held.
func (s *slots) remove(w *waiter) {
	at := slices.Index(s.waiting, w)
	s.waiting = slices.Delete(s.waiting, at, at+1)
	s.add(w.share, holder{waiting: -1})
}

// add changes what somebody has. Who has nothing is forgotten; who comes anew
// counts as served just now, or newcomers would go first for ever. The lock is
// held.
func (s *slots) add(share Share, d holder) {
	group, member := s.groups[share.Group], s.members[share]
	if group == nil {
		group = &holder{served: s.turn}
		s.groups[share.Group] = group
	}
	if member == nil {
		member = &holder{served: s.turn}
		s.members[share] = member
	}
	for _, h := range [...]*holder{&s.total, group, member} {
		h.running, h.processes, h.waiting = h.running+d.running, h.processes+d.processes, h.waiting+d.waiting
	}
	if member.empty() {
		delete(s.members, share)
	}
	if group.empty() {
		delete(s.groups, share.Group)
	}
}

// serve gives what is free to those whose turn it is. The lock is held.
func (s *slots) serve() {
	for s.total.running < s.running {
		var next *waiter
		for _, w := range s.waiting {
			if s.may(w) && (next == nil || s.before(w, next)) {
				next = w
			}
		}
		if next == nil {
			return
		}
		given := holder{running: 1}
		if !next.resume {
			given.processes = 1
		}
		s.turn++
		s.groups[next.share.Group].served, s.members[next.share].served = s.turn, s.turn
		s.add(next.share, given)
		s.remove(next)
		close(next.ready)
	}
}

// may reports whether there is something for a waiter. The lock is held.
func (s *slots) may(w *waiter) bool {
	group, member := s.groups[w.share.Group], s.members[w.share]
	return fair(s.running-s.total.running, group.running, member.running) &&
		(w.resume || fair(s.processes-s.total.processes, group.processes, member.processes))
}

// fair reports whether somebody may take one more of what is free.
func fair(free, ofGroup, ofMember int) bool {
	return ofMember < free && ofGroup < 3*free && (free > 1 || ofGroup == 0)
}

// before reports whether it is the turn of a waiter that came later than another.
// The lock is held.
func (s *slots) before(w, other *waiter) bool {
	group, than := s.groups[w.share.Group], s.groups[other.share.Group]
	if w.share.Group == other.share.Group {
		group, than = s.members[w.share], s.members[other.share]
	}
	switch {
	case w.share == other.share:
		return w.begun && !other.begun // what was begun is to end
	case group.served != than.served:
		return group.served < than.served
	default:
		return group.running < than.running
	}
}

// counts returns how many calls run, and how many wait for their turn.
func (s *slots) counts() (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total.running, s.total.waiting
}
