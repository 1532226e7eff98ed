package lifetime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/lifetime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type key struct{}

// begin begins a life with a limit among those of a minute.
func begin(parent context.Context, limit time.Duration) (*lifetime.Life, func()) {
	lives, life := lifetime.New(time.Minute), new(lifetime.Life)
	lives.Begin(parent, life, limit)
	return life, func() { lives.End(life) }
}

// TestALifeEndsAsAContextWithATimeoutDoes compares it with the standard library's.
func TestALifeEndsAsAContextWithATimeoutDoes(t *testing.T) {
	cancelled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, cancel
	}
	within := func(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
	}
	for _, row := range []struct {
		name   string
		parent func(context.Context) (context.Context, context.CancelFunc)
		limit  time.Duration
		after  time.Duration // what passes before it is looked at
		leaves bool          // the parent is cancelled then
	}{
		{"it lasts until its time is over", context.WithCancel, time.Minute, time.Minute - 1, false},
		{"its time is over", context.WithCancel, time.Minute, time.Minute, false},
		{"a time that is not the usual one", context.WithCancel, 7 * time.Second, 7 * time.Second, false},
		{"just before a time that is not the usual one", context.WithCancel, 7 * time.Second, 7*time.Second - 1, false},
		{"the parent's time is over first", within(time.Second), time.Minute, time.Second, false},
		{"the parent has more time", within(time.Hour), time.Minute, time.Minute, false},
		{"the parent has just as much time", within(time.Minute), time.Minute, time.Minute, false},
		{"the parent is cancelled", context.WithCancel, time.Minute, time.Second, true},
		{"the parent was cancelled before", cancelled, time.Minute, 0, false},
		{"a parent that never ends", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithoutCancel(ctx), func() {}
		}, time.Minute, time.Minute, false},
	} {
		for _, asked := range []bool{false, true} { // whether somebody waits from the beginning
			t.Run(row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, leave := row.parent(t.Context())
					defer leave()
					want, cancel := context.WithTimeout(parent, row.limit)
					defer cancel()
					got, end := begin(parent, row.limit)
					defer end()
					if asked {
						got.Done()
					}
					time.Sleep(row.after) // of the bubble
					if row.leaves {
						leave()
					}
					synctest.Wait()
					same(t, want, got)
				})
			})
		}
	}
}

// same compares what a context of the standard library and a life say.
func same(t *testing.T, want context.Context, got *lifetime.Life) { //nolint:revive // the first of two things to compare
	t.Helper()
	if !errors.Is(got.Err(), want.Err()) || (got.Err() == nil) != (want.Err() == nil) {
		t.Errorf("Err() = %v, want %v", got.Err(), want.Err())
	}
	if ended(got) != ended(want) {
		t.Errorf("its channel is closed: %v, want %v", ended(got), ended(want))
	}
	wantEnd, _ := want.Deadline()
	if end, ok := got.Deadline(); !ok || !end.Equal(wantEnd) {
		t.Errorf("Deadline() = %v, want %v", end, wantEnd)
	}
	if !errors.Is(context.Cause(got), context.Cause(want)) {
		t.Errorf("Cause() = %v, want %v", context.Cause(got), context.Cause(want))
	}
}

func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func TestTheEndOfWorkEndsItsContext(t *testing.T) {
	life, end := begin(t.Context(), time.Minute)
	early := life.Done()
	end()
	if !errors.Is(life.Err(), context.Canceled) {
		t.Errorf("Err() = %v", life.Err())
	}
	for _, done := range []<-chan struct{}{early, life.Done()} {
		select {
		case <-done:
		default:
			t.Error("who waits is not told")
		}
	}
}

func TestManyLivesShareATimerAndEndEachAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lives := lifetime.New(time.Minute)
		all := make([]lifetime.Life, 60)
		for i := range all {
			lives.Begin(t.Context(), &all[i], time.Minute)
			if i < len(all)-1 {
				time.Sleep(time.Second)
			}
		}
		for i := 0; i < len(all); i += 2 { // half of them are over early, the oldest and the newest too
			lives.End(&all[i])
		}
		for i := range all {
			synctest.Wait()
			if i%2 == 1 && all[i].Err() != nil {
				t.Errorf("number %d ended early: %v", i, all[i].Err())
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if i%2 == 1 && !errors.Is(all[i].Err(), context.DeadlineExceeded) {
				t.Errorf("number %d did not end: %v", i, all[i].Err())
			}
		}
		for i := 1; i < len(all); i += 2 {
			lives.End(&all[i])
		}
		var last lifetime.Life
		lives.Begin(t.Context(), &last, time.Minute)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !errors.Is(last.Err(), context.DeadlineExceeded) {
			t.Error("one that began after all others were over did not end")
		}
		lives.End(&last)
	})
}

func TestBeforeItBeginsItIsTheContextInIt(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	life := &lifetime.Life{Context: parent}
	if _, ok := life.Deadline(); ok || life.Err() != nil || life.Value(key{}) != "value" || life.Attach(nil) {
		t.Error("it is more than the context in it")
	}
	told := make(chan struct{})
	life.AfterFunc(func() { close(told) })
	cancel()
	<-told
	if !ended(life) || !errors.Is(life.Err(), context.Canceled) {
		t.Error("it did not end with it")
	}
}

func TestValuesAreThoseOfTheParent(t *testing.T) {
	outer, endOuter := begin(context.WithValue(t.Context(), key{}, "value"), time.Minute)
	defer endOuter()
	inner, endInner := begin(outer, time.Minute)
	defer endInner()
	if inner.Value(key{}) != "value" {
		t.Errorf("Value() = %v", inner.Value(key{}))
	}
	if inner.Value(lifetime.Key{}) != inner {
		t.Error("the nearest one is another")
	}
}

func TestWhoIsAttachedIsToldOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		ends func(leave, end func())
	}{
		{"by the parent's end", func(leave, _ func()) { leave() }},
		{"by its own end", func(_, end func()) { end() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, leave := context.WithCancel(t.Context())
				defer leave()
				outer, endOuter := begin(parent, time.Minute)
				inner, end := begin(outer, time.Second/2)
				hung := 0
				if !inner.Attach(func() { hung++ }) {
					t.Fatal("nobody is attached, and it takes nobody")
				}
				if inner.Attach(func() { t.Error("the second was told") }) {
					t.Error("it takes two")
				}
				row.ends(leave, end)
				synctest.Wait()
				if hung != 1 || inner.Detach() {
					t.Errorf("told %d times", hung)
				}
				if !inner.Attach(func() { hung++ }) || hung != 2 {
					t.Error("who comes after the end is not told at once")
				}
				end()
				endOuter()
			})
		})
	}
}

func TestWhoIsDetachedIsNotTold(t *testing.T) {
	life, end := begin(t.Context(), time.Minute)
	life.Attach(func() { t.Error("told") })
	if !life.Detach() {
		t.Error("it was told before the end")
	}
	end()
}

func TestDerivedContextsEndWithItWithoutAGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := begin(t.Context(), time.Minute)
		before := goleak.IgnoreCurrent()
		derived, cancel := context.WithTimeout(life, time.Hour)
		defer cancel()
		given, take := context.WithCancel(life)
		if err := goleak.Find(before); err != nil {
			t.Errorf("there is one more: %v", err)
		}
		take()
		end()
		synctest.Wait()
		if !errors.Is(derived.Err(), context.Canceled) || !errors.Is(given.Err(), context.Canceled) {
			t.Errorf("derived contexts say %v and %v", derived.Err(), given.Err())
		}
		late, cancelLate := context.WithCancel(life)
		defer cancelLate()
		synctest.Wait()
		if late.Err() == nil {
			t.Error("one that was derived after the end lasts")
		}
	})
}

func TestALifeTakesNoMemoryUnlessSomebodyWaits(t *testing.T) {
	lives, parent := lifetime.New(time.Minute), t.Context()
	life := make([]lifetime.Life, 102)
	n := -1
	if allocs := testing.AllocsPerRun(100, func() {
		n++
		lives.Begin(parent, &life[n], time.Minute)
		if life[n].Err() != nil {
			t.Error("it ended")
		}
		lives.End(&life[n])
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// late is a context that takes a while until it knows whom to tell.
type late struct {
	context.Context

	attaching func() // called while it does
	attached  int
}

func (l *late) Attach(func()) bool {
	l.attaching()
	l.attached++
	return true
}

func (l *late) Detach() bool {
	l.attached--
	return true
}

// TestWhoEndsWhileItAsksHangsOnNothing: somebody may ask for the channel of a context
// whose work has just ended. The parent may last much longer, and has one place only.
func TestWhoEndsWhileItAsksHangsOnNothing(t *testing.T) {
	parent := &late{Context: t.Context()}
	life, end := begin(parent, time.Minute)
	parent.attaching = end
	<-life.Done()
	if parent.attached != 0 {
		t.Errorf("%d hang on the parent", parent.attached)
	}
	parent.attaching = func() {}
	life, end = begin(parent, time.Minute)
	life.Done()
	if parent.attached != 1 {
		t.Errorf("%d hang on the parent while it lasts", parent.attached)
	}
	end()
	if parent.attached != 0 {
		t.Errorf("%d hang on the parent", parent.attached)
	}
}
