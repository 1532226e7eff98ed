package core_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// life is what happens to one subscription: it is created, things happen at its
// API, it is polled, its events are relayed. A process that dies leaves it at the
// step where it was; run goes on, with the next process, until it is through.
type life struct {
	*rig

	on       kv.Store
	polled   string // the operation
	restarts int
	added    []string // items after the creation was confirmed
}

// step is one thing that a process does. An error is its death.
type step func(l *life) error

var polls = []step{
	(*life).subscribe,
	func(l *life) error { l.happen("c", "d"); return nil },
	(*life).poll,
	(*life).relayOnce,
	func(l *life) error { l.happen("e"); return nil },
	(*life).poll,
	func(l *life) error { l.happen("f", "g"); return nil },
	(*life).poll,
	(*life).relayOnce,
}

// run does the steps, each again after a death in it, and what a process does at
// its start after each death.
func (l *life) run(steps []step) {
	for _, s := range steps {
		for attempt := 0; ; attempt++ {
			if attempt > 3 {
				l.t.Fatal("a step never succeeded")
			}
			if s(l) == nil {
				break
			}
			l.restarts++
			l.on = l.kv
			l.restart(l.on)
			if err := l.Reconcile(l.t.Context()); err != nil {
				l.t.Fatal(err)
			}
		}
	}
}

func (l *life) happen(items ...string) {
	l.api.Add(items...)
	l.added = append(l.added, items...)
}

func (l *life) subscribe() error {
	_, err := l.Create(l.t.Context(), ann, draft("items", l.polled))
	if err != nil && strings.Contains(err.Error(), "exists already") {
		return nil // the death came after the commit
	}
	return err
}

func (l *life) poll() error {
	l.clock.Advance(time.Minute)
	for uid, due := range l.schedules.due {
		next, err := l.Poll(l.t.Context(), uid, due)
		if err != nil {
			return err
		}
		if next.IsZero() {
			delete(l.schedules.due, uid)
			continue
		}
		l.schedules.due[uid] = next
	}
	return nil
}

// relayOnce runs the relay until the outbox is empty or the process is dead.
func (l *life) relayOnce() error { return l.relayOn(l.on) }

// finish polls and relays until everything is through, and compares with the
// model: each item after the confirmed creation is one event, in order.
func (l *life) finish() {
	l.t.Helper()
	for range 2 {
		if err := l.poll(); err != nil {
			l.t.Fatal(err)
		}
		if err := l.relayOnce(); err != nil {
			l.t.Fatal(err)
		}
	}
	var want []string
	for _, id := range l.added {
		want = append(want, item(id))
	}
	equal(l.t, "events", l.bus.events(), want)
	if len(l.schedules.due) != 1 {
		l.t.Fatalf("%d schedules, want 1", len(l.schedules.due))
	}
}

// lives returns a life on a store that can crash.
func lives(t *testing.T) (*life, *faultkv.Store) {
	t.Helper()
	return livesOf(t, inventorytest.Polling)
}

// livesOf is lives with another operation.
func livesOf(t *testing.T, operation string) (*life, *faultkv.Store) {
	t.Helper()
	l := &life{rig: newRig(t), polled: operation}
	f := faultkv.New(l.kv)
	l.on = f
	l.restart(f)
	return l, f
}

// kill ends the process now, with all that it could still have stored.
func kill(store *faultkv.Store) {
	store.Crash(faultkv.Any, 1)
	_ = store.View(context.Background(), func(kv.Reader) error { return nil })
}

// protocols are operations that are polled in different ways: a list, the API's own
// links, a list with a cursor that comes in pages.
var protocols = []string{inventorytest.Polling, inventorytest.Native, inventorytest.Numbered}

func TestACrashOfTheStoreAtEveryStepLosesAndDoublesNothing(t *testing.T) {
	for _, operation := range protocols {
		calm, store := livesOf(t, operation)
		calm.run(polls)
		passed := store.Passed(faultkv.Any)
		calm.finish()
		if passed < 60 {
			t.Fatalf("only %d moments to crash at: the test looks at too little", passed)
		}
		for n := 1; n <= passed; n++ {
			t.Run(fmt.Sprint(operation, " at moment ", n), func(t *testing.T) {
				l, store := livesOf(t, operation)
				store.Crash(faultkv.Any, n)
				l.run(polls)
				if l.restarts == 0 && n < passed-2 { // the relay's last look may go unnoticed
					t.Fatal("nothing died")
				}
				l.on = l.kv
				l.restart(l.kv)
				l.finish()
			})
		}
	}
}

func TestAFailureOfTheStoreAtEveryStepLosesAndDoublesNothing(t *testing.T) {
	for _, operation := range protocols {
		calm, store := livesOf(t, operation)
		calm.run(polls)
		passed := store.Passed(faultkv.Any)
		for n := 1; n <= passed; n++ {
			t.Run(fmt.Sprint(operation, " at moment ", n), func(t *testing.T) {
				l, store := livesOf(t, operation)
				store.Fail(faultkv.Any, n, errBroken)
				l.run(polls[:3]) // the relay has its own suite; here it would wait for its pause
				l.on = l.kv
				l.restart(l.kv)
				l.run(polls[3:])
				l.finish()
			})
		}
	}
}

func TestACrashAroundThePublishingOfEveryMessageLosesAndDoublesNothing(t *testing.T) {
	calm, _ := lives(t)
	calm.run(polls)
	total := len(calm.bus.messages)
	for n := range total {
		for _, moment := range []string{"before it arrives", "after it was stored"} {
			t.Run(fmt.Sprintf("message %d, %s", n, moment), func(t *testing.T) {
				l, store := lives(t)
				count := 0
				die := func(outbox.Message) error {
					count++
					if count != n+1 {
						return nil
					}
					kill(store)
					return errBroken
				}
				if moment == "before it arrives" {
					l.bus.before = die
				} else {
					l.bus.after = die
				}
				l.run(polls)
				l.on = l.kv
				l.restart(l.kv)
				l.finish()
				if l.restarts == 0 {
					t.Error("nothing died")
				}
			})
		}
	}
}

func TestACrashAfterTheAnswerOfTheAPIIsRepeatedAsIfItHadNotBeen(t *testing.T) {
	for _, operation := range protocols {
		for n := 1; n <= 8; n++ { // the pages of one poll count each
			t.Run(fmt.Sprint(operation, " call ", n), func(t *testing.T) {
				l, store := livesOf(t, operation)
				count := 0
				l.api.After = func(core.Call) error {
					count++
					if count == n {
						kill(store)
					}
					return nil
				}
				l.run(polls)
				l.on = l.kv
				l.restart(l.kv)
				l.finish()
			})
		}
	}
}

func TestASecondPublicationHasTheSameIDAndIsDropped(t *testing.T) {
	l, store := lives(t)
	l.bus.after = func(m outbox.Message) error {
		if strings.HasPrefix(m.Subject, "ferrule.event.") && !store.Crashed() {
			kill(store) // acknowledged, and not removed from the outbox
		}
		return nil
	}
	l.run(polls)
	l.on = l.kv
	l.restart(l.kv)
	l.finish()
	if l.bus.dropped == 0 {
		t.Error("nothing was published twice: the test looks at nothing")
	}
}

func TestEventsOfOneItemHaveOneIDWhateverTheItemBecomes(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Polling)
	ids := func() (ids []string) {
		for _, m := range r.bus.messages {
			if strings.HasPrefix(m.Subject, "ferrule.event.") {
				ids = append(ids, m.ID)
			}
		}
		return ids
	}
	r.api.Add("c")
	r.clock.Advance(time.Minute)
	r.fire()
	r.relay()
	first := slices.Clone(ids())
	// The memory of what was seen is lost; the ids tell.
	s := r.get("items")
	r.create("other", inventorytest.Polling)
	if len(first) != 1 || len(first[0]) != 32 {
		t.Fatalf("ids %q", first)
	}
	if s.UID == r.get("other").UID {
		t.Fatal("two subscriptions with one unique id")
	}
	r.api.Add("d")
	r.clock.Advance(time.Minute)
	r.fire()
	r.relay()
	all := ids()
	slices.Sort(all)
	if len(slices.Compact(all)) != 3 {
		t.Errorf("ids %q: the same item in two subscriptions is two events", all)
	}
}
