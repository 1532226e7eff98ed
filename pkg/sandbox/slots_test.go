package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// seats are slots, with a record of who was served.
type seats struct {
	t     *testing.T
	slots *slots

	mu     sync.Mutex // several may be served, or refused, at the same moment
	order  []string
	places map[string][]*place
}

func newSeats(t *testing.T, o Options) *seats {
	t.Helper()
	o.Clock = clock.System()
	return &seats{t: t, slots: newSlots(o.withDefaults(), make(chan struct{})), places: map[string][]*place{}}
}

// shareOf reads "group/member".
func shareOf(name string) Share {
	group, member, _ := strings.Cut(name, "/")
	return Share{Group: group, Member: member}
}

// ask lets somebody ask for a slot, and returns when they have it or wait.
func (s *seats) ask(names ...string) {
	s.t.Helper()
	for _, name := range names {
		go func() {
			got, err := s.slots.enter(s.t.Context(), shareOf(name), false)
			if err != nil {
				name += " refused"
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.order = append(s.order, name)
			s.places[name] = append(s.places[name], got)
		}()
		synctest.Wait()
	}
}

// note writes down what else happened.
func (s *seats) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = append(s.order, what)
}

// end ends a call of somebody.
func (s *seats) end(name string) {
	s.t.Helper()
	s.mu.Lock()
	p := s.places[name][0]
	s.places[name] = s.places[name][1:]
	s.mu.Unlock()
	p.leave()
	synctest.Wait()
}

func (s *seats) served(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.order, want) {
		s.t.Errorf("served %q, want %q", s.order, want)
	}
	s.order = nil
}

func TestNobodyTakesAllSlots(t *testing.T) {
	rows := []struct {
		name  string
		size  int
		asks  []string
		taken []string
	}{
		{"one member gets half", 4, []string{"a/1", "a/1", "a/1", "a/1"}, []string{"a/1", "a/1"}},
		{"one group gets three quarters", 4, []string{"a/1", "a/2", "a/3", "a/4", "a/5"}, []string{"a/1", "a/2", "a/3"}},
		{"the last one is for somebody new", 4, []string{"a/1", "a/1", "a/1", "b/1", "b/1", "c/1", "d/1"}, []string{"a/1", "a/1", "b/1", "c/1"}},
		{"the only one is for anybody", 1, []string{"a/1", "b/1"}, []string{"a/1"}},
		{"of two, nobody gets both", 2, []string{"a/1", "a/2", "b/1"}, []string{"a/1", "b/1"}},
		{"of three, one member gets two", 3, []string{"a/1", "a/1", "a/1", "b/1"}, []string{"a/1", "a/1", "b/1"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSeats(t, Options{Size: row.size})
				s.ask(row.asks...)
				s.served(row.taken...)
			})
		})
	}
}

func TestWhoWaitsIsServedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, Options{Size: 1})
		s.ask("a/1", "a/1", "a/1", "a/2", "b/1", "b/1")
		s.served("a/1")
		for _, name := range []string{"a/1", "a/1", "b/1", "a/2", "b/1", "a/1"} {
			s.end(name)
		}
		s.served("a/1", "b/1", "a/2", "b/1", "a/1")
		if s.slots.total != (holder{}) || len(s.slots.groups)+len(s.slots.members) != 0 {
			t.Errorf("left are %+v of %d groups and %d members", s.slots.total, len(s.slots.groups), len(s.slots.members))
		}
	})
}

func TestAPausedCallKeepsItsProcessAndGivesItsSlotAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, Options{Size: 1, Processes: 4})
		for range 3 { // of one member: it has half of the processes
			s.ask("a/1")
			if n := len(s.places["a/1"]); n > 0 && s.places["a/1"][n-1].running {
				s.places["a/1"][n-1].pause()
			}
		}
		s.served("a/1", "a/1")
		s.ask("b/1", "c/1")
		s.served("b/1")
		resumed := s.places["a/1"][0]
		go func() {
			if err := resumed.resume(t.Context()); err != nil {
				t.Errorf("resume: %v", err)
			}
			s.note("a/1 resumed")
		}()
		synctest.Wait()
		s.end("b/1") // a was served longer ago than c came, and what was begun goes on first
		s.served("a/1 resumed")
		resumed.pause()
		synctest.Wait()
		s.served("c/1")
		for _, p := range s.places["a/1"][:2] {
			p.leave()
		}
		s.end("c/1")
		s.served("a/1") // the one that had to wait for a process
	})
}

func TestACallIsRefusedWhenItsTurnDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, Options{Size: 1, Processes: 4, Wait: 3 * time.Second})
		s.slots.queueShare = 2
		began := time.Now()
		s.ask("a/1")
		for range 2 {
			s.ask("b/1")
		}
		s.served("a/1")
		s.ask("b/1") // as many wait of b as may
		s.served("b/1 refused")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.served("b/1 refused", "b/1 refused")
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("refused after %v", waited)
		}
		s.end("a/1")
		s.ask("b/1")
		s.served("b/1")
	})
}

func TestAResumedCallIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, Options{Size: 1, Wait: time.Second})
		s.ask("a/1")
		paused := s.places["a/1"][0]
		paused.pause()
		s.ask("b/1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		if err := paused.resume(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		paused.leave()
		s.end("b/1")
		if s.slots.total != (holder{}) {
			t.Errorf("left are %+v", s.slots.total)
		}
	})
}

func TestWhatIsPartOfSomethingBegunIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, Options{Size: 1, Processes: 2, Wait: time.Second})
		s.slots.queueShare = 1
		s.ask("a/1", "b/1")
		s.ask("b/1") // one of b may wait
		s.served("a/1", "b/1 refused")
		go func() {
			_, err := s.slots.enter(t.Context(), shareOf("b/1"), true)
			s.note(fmt.Sprint("b/1 begun ", err))
		}()
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		s.served("b/1 refused")
		s.end("a/1")
		s.served("b/1 begun <nil>")
	})
}

func TestASlotThatComesTooLateIsGivenBack(t *testing.T) {
	s := newSlots(Options{Clock: clock.System()}.withDefaults(), make(chan struct{}))
	w := &waiter{share: shareOf("a/1"), ready: make(chan struct{})}
	if !s.join(w) {
		t.Fatal("refused")
	}
	<-w.ready
	s.abandon(w)
	if s.total != (holder{}) {
		t.Errorf("left are %+v", s.total)
	}
}
