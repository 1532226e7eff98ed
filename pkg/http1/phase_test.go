package http1

import (
	"sync"
	"testing"
)

func TestAPhaseIsKeptWithItsTime(t *testing.T) {
	for p := fresh; p <= closed; p++ {
		for _, at := range []uint64{0, 1, 200, 1 << 40} {
			if got, since := unpack(pack(p, at)); got != p || since != at {
				t.Errorf("%d at %d became %d at %d", p, at, got, since)
			}
		}
	}
}

// TestTheTickerAndTheConnectionAgree: of what they do at the same time one thing happens.
func TestTheTickerAndTheConnectionAgree(t *testing.T) {
	for _, row := range []struct {
		name   string
		from   phase
		ours   func(*phaseSince) bool // the connection's step
		theirs func(*phaseSince, uint64) bool
		after  [2]phase // if ours came first, and if theirs did
		both   bool     // theirs may come first and ours still happen
	}{
		{"a head comes when the time is over", idle, func(s *phaseSince) bool { return s.arriving(9) }, (*phaseSince).close, [2]phase{arriving, closed}, false},
		{"a request comes when the time is over", idle, func(s *phaseSince) bool { return s.become(quiet, 9) }, (*phaseSince).close, [2]phase{quiet, closed}, false},
		{"an odd request comes when the time is over", arriving, func(s *phaseSince) bool { return s.become(handed, 9) }, (*phaseSince).close, [2]phase{handed, closed}, false},
		{"a request ends when it is to be watched", quiet, func(s *phaseSince) bool { return !s.finish() }, (*phaseSince).watched, [2]phase{finishing, finishing}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range 1000 {
				var s phaseSince
				s.set(row.from, 5)
				seen := s.Load()
				var our, their bool
				var both sync.WaitGroup
				both.Go(func() { our = row.ours(&s) })
				both.Go(func() { their = row.theirs(&s, seen) })
				both.Wait()
				want := row.after[0]
				if their {
					want = row.after[1]
				}
				if our == their || !s.is(want) {
					t.Fatalf("the connection's step happened: %v, the ticker's: %v, then it is %d", our, their, s.Load())
				}
			}
		})
	}
}

func TestTheTimeForAHeadBeginsOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		from phase
		want uint64
	}{
		{"with a new connection", fresh, 5},
		{"with the first octet of another request", idle, 9},
		{"and not again with more of it", arriving, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s phaseSince
			s.set(row.from, 5)
			if !s.arriving(9) {
				t.Fatal("it was closed")
			}
			if p, since := unpack(s.Load()); p != arriving || since != row.want {
				t.Errorf("it is %d since %d", p, since)
			}
		})
	}
}

func TestOnlyWhatIsReadIsWatchedAtItsEnd(t *testing.T) {
	for p := fresh; p <= closed; p++ {
		var s phaseSince
		s.set(p, 5)
		s.quieten()
		want := p
		if p == reading {
			want = quiet
		}
		if got, since := unpack(s.Load()); got != want || since != 5 {
			t.Errorf("%d became %d since %d", p, got, since)
		}
	}
}
