package dataplane

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// begun returns the life of a request with a context of its own.
func begun(t *testing.T, all *lives) (*life, context.CancelFunc) {
	t.Helper()
	ctx, leave := context.WithCancel(context.WithValue(t.Context(), valueKey{}, "of the request"))
	l := &life{}
	all.begin(l, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	return l, leave
}

type valueKey struct{}

func TestALifeEndsWithItsTimeItsCallerOrItsExchange(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(all *lives, l *life, leave context.CancelFunc)
		want error
	}{
		{"its time is over", func(all *lives, _ *life, _ context.CancelFunc) { time.Sleep(all.timeout) }, context.DeadlineExceeded},
		{"its caller has left", func(_ *lives, _ *life, leave context.CancelFunc) { leave() }, context.Canceled},
		{"its exchange is over", func(all *lives, l *life, _ context.CancelFunc) { all.end(l) }, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := newLives(time.Minute)
				l, leave := begun(t, all)
				child, cancel := context.WithCancel(l)
				defer cancel()
				var hungUp atomic.Int64
				if !l.Attach(func() { hungUp.Add(1) }) {
					t.Error("nothing could be attached to a life that nobody uses")
				}
				if l.Err() != nil || context.Cause(l) != nil || child.Err() != nil || hungUp.Load() != 0 {
					t.Error("it has ended before anything happened")
				}
				c.end(all, l, leave)
				synctest.Wait()
				if !errors.Is(l.Err(), c.want) || !errors.Is(context.Cause(l), c.want) || !errors.Is(child.Err(), c.want) {
					t.Errorf("it ended with %v, its cause is %v and its child has %v, want %v", l.Err(), context.Cause(l), child.Err(), c.want)
				}
				if hungUp.Load() != 1 {
					t.Errorf("the connection was hung up %d times, want once", hungUp.Load())
				}
				if l.Detach() {
					t.Error("it says that nobody hung up")
				}
				select {
				case <-l.Done():
				default:
					t.Error("its channel is open")
				}
				all.end(l)
				leave()
			})
		})
	}
}

func TestALifeIsAContext(t *testing.T) {
	all := newLives(time.Minute)
	l, leave := begun(t, all)
	defer leave()
	if got := l.Value(valueKey{}); got != "of the request" {
		t.Errorf("its value is %v, want that of the request", got)
	}
	if at, ok := l.Deadline(); !ok || time.Until(at) > time.Minute {
		t.Errorf("its deadline is %v, %t, want one within a minute", at, ok)
	}
	all.end(l)
	select {
	case <-l.Done(): // asked for when it was over
	default:
		t.Error("its channel is open though it has ended")
	}
}

func TestOnlyOneConnectionIsAttached(t *testing.T) {
	all := newLives(time.Minute)
	l, leave := begun(t, all)
	defer leave()
	hungUp := ""
	attach := func(name string) bool { return l.Attach(func() { hungUp += name }) }
	if !attach("first") || attach("second") {
		t.Error("a second connection could be attached")
	}
	if !l.Detach() || !attach("third") {
		t.Error("the first connection is in the way though it was detached")
	}
	all.end(l)
	if hungUp != "third" {
		t.Errorf("hung up: %q, want the third", hungUp)
	}
	if !attach(" late") || hungUp != "third late" {
		t.Errorf("a connection that is attached after the end was not hung up: %q", hungUp)
	}
}

func TestOneTimerIsForAllLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newLives(time.Minute)
		first, _ := begun(t, all)
		time.Sleep(20 * time.Second)
		second, _ := begun(t, all)
		third, _ := begun(t, all)
		all.end(second) // in the middle
		time.Sleep(20 * time.Second)
		fourth, _ := begun(t, all)
		all.end(first) // the one that the timer runs for
		time.Sleep(20*time.Second + time.Millisecond)
		synctest.Wait()
		if third.Err() != nil {
			t.Errorf("the third ended after 40 s: %v", third.Err())
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !errors.Is(third.Err(), context.DeadlineExceeded) || fourth.Err() != nil {
			t.Errorf("after a minute of the third: third %v, fourth %v", third.Err(), fourth.Err())
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !errors.Is(fourth.Err(), context.DeadlineExceeded) {
			t.Errorf("after a minute of the fourth: %v", fourth.Err())
		}
		all.end(third)
		all.end(fourth)
		if all.oldest != nil || all.newest != nil {
			t.Error("something is left of lives that are over")
		}
		fifth, _ := begun(t, all) // the timer ran out when nobody was there
		time.Sleep(time.Minute)
		synctest.Wait()
		if !errors.Is(fifth.Err(), context.DeadlineExceeded) {
			t.Errorf("after a minute of the fifth: %v", fifth.Err())
		}
		all.end(fifth)
	})
}
