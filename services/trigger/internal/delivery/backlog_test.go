package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// stuck is a sender to two endpoints: one that never answers, and one that
// answers at once.
type stuck struct {
	arrived chan string // events at the healthy one
}

func (s *stuck) Send(ctx context.Context, target string, event []byte) delivery.Result {
	if target == "https://healthy.example.com/" {
		s.arrived <- string(event)
		return delivery.Result{Outcome: delivery.Accepted}
	}
	<-ctx.Done()
	return delivery.Result{}
}

func TestAHealthyEndpointDoesNotWaitForTheBacklogOfABusyOne(t *testing.T) {
	const backlog, longest, watched = 4_000, time.Second, 3 * time.Second
	f := newFixture(t)
	busy := f.subscribe("busy", "https://busy.example.com/")
	healthy := f.subscribe("healthy", "https://healthy.example.com/")
	for i := range backlog {
		f.queue(busy, fmt.Sprint("b", i))
	}
	looks := &counting{Subscriptions: f.store}
	f.ports.Subscriptions = looks
	sender := &stuck{arrived: make(chan string, 100)}
	f.run(sender, 32)
	// Each has to be looked at once; what counts is how often after that.
	testkit.Await(t, "the backlog to be looked at", func() bool { return f.untouched() == 0 })
	var slowest time.Duration
	before, began, events := looks.n.Load(), f.clock.Now(), 0
	for ; f.clock.Now().Sub(began) < watched; events++ {
		queued := f.clock.Now()
		f.queue(healthy, fmt.Sprint("h", events))
		testkit.Receive(t, "an event at the healthy endpoint", sender.arrived)
		slowest = max(slowest, f.clock.Now().Sub(queued))
	}
	if t.Logf("%d events, the slowest after %v", events, slowest); slowest > longest {
		t.Errorf("an event at the healthy endpoint waited %v", slowest)
	}
	if again := int(looks.n.Load()-before) - events; again > backlog/4 {
		t.Errorf("the backlog of %d was looked at %d times more within %v", backlog, again, watched)
	}
	if n, _ := f.queued(); n < backlog {
		t.Errorf("%d deliveries are queued, want the whole backlog", n)
	}
}

// counting counts how often deliveries are looked at.
type counting struct {
	delivery.Subscriptions

	n atomic.Int64
}

func (c *counting) ByUID(ctx context.Context, uid string) (core.Subscription, error) {
	c.n.Add(1)
	return c.Subscriptions.ByUID(ctx, uid)
}

// TestWhatWasQueuedWhileNobodyWasThereIsDelivered is a stack that was off for
// four days.
func TestWhatWasQueuedWhileNobodyWasThereIsDelivered(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, nil)
	f.happen(f.subscribe("items", target.URL), "a", "b", "c")
	f.clock.shift(96 * time.Hour)
	f.run(f.http(), 2)
	testkit.Await(t, "an empty queue", func() bool {
		n, dead := f.queued()
		return n == 0 && len(target.distinct())+int(dead) == 3
	})
	if _, dead := f.queued(); dead != 0 {
		t.Errorf("%d deliveries were given up without an attempt", dead)
	}
}

func TestTheLastFailureOfADeliveryIsOneAttempt(t *testing.T) {
	f := newFixture(t)
	var mu sync.Mutex
	attempts := 0
	target := newSink(t, func(_ int, w http.ResponseWriter) {
		mu.Lock()
		defer mu.Unlock()
		attempts++
		w.WriteHeader(http.StatusInternalServerError)
	})
	f.happen(f.subscribe("items", target.URL), "a")
	f.clock.shift(96 * time.Hour)
	f.run(f.http(), 2)
	testkit.Await(t, "a dead letter", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	mu.Lock()
	defer mu.Unlock()
	if attempts != 1 {
		t.Errorf("%d attempts, want 1", attempts)
	}
}

func TestTheBacklogOfAnEndpointThatFailedForThreeDaysIsGivenUpTogether(t *testing.T) {
	const backlog = 50
	f := newFixture(t)
	target := newSink(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) })
	s := f.subscribe("items", target.URL)
	for i := range backlog {
		f.queue(s, fmt.Sprint(i))
	}
	f.run(f.http(), 4)
	testkit.Await(t, "an attempt", func() bool { return len(target.bodies()) > 0 && f.untouched() == 0 })
	if _, dead := f.queued(); dead != 0 {
		t.Fatalf("%d dead letters at once", dead)
	}
	f.clock.shift(73 * time.Hour)
	testkit.Await(t, "dead letters", func() bool { n, dead := f.queued(); return n == 0 && dead == backlog })
	if n := len(target.bodies()); n > 20 {
		t.Errorf("%d attempts for %d deliveries", n, backlog)
	}
}

// untouched returns how many deliveries nobody has taken yet.
func (f *fixture) untouched() uint64 {
	f.t.Helper()
	c, err := f.bus.JetStream().Consumer(f.t.Context(), bus.StreamDeliveries, bus.ConsumerHTTPSink)
	if err != nil {
		return 1 // not made yet
	}
	return c.CachedInfo().NumPending
}
