package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// stuck is a sender to two endpoints: one that never answers, and one that
// answers at once.
type stuck struct {
	arrived chan string // events at the healthy one
	at      atomic.Int64
}

func (*stuck) Kind() string          { return "http" }
func (*stuck) Serves(core.Sink) bool { return true }

func (s *stuck) Send(ctx context.Context, job delivery.Job) delivery.Result {
	if job.Sink.HTTP.URL == "https://healthy.example.com/" {
		s.arrived <- string(job.Event)
		return delivery.Result{Outcome: delivery.Accepted}
	}
	s.at.Add(1)
	<-ctx.Done()
	return delivery.Result{}
}

func TestAHealthyEndpointDoesNotWaitForTheBacklogOfABusyOne(t *testing.T) {
	const backlog, longest, watched = 4_000, time.Second, 100
	f := newFixture(t)
	busy := f.subscribe("busy", "https://busy.example.com/")
	healthy := f.ownedBy("ann", f.subscribe("healthy", "https://healthy.example.com/"))
	for i := range backlog {
		f.queue(busy, fmt.Sprint("b", i))
	}
	sender := &stuck{arrived: make(chan string, 100)}
	f.run(sender, 2)
	testkit.Await(t, "attempts at the busy endpoint", func() bool { return sender.at.Load() == core.DefaultConcurrent })
	var slowest time.Duration
	for n := range watched {
		queued := f.clock.Now()
		f.queue(healthy, fmt.Sprint("h", n))
		testkit.Receive(t, "an event at the healthy endpoint", sender.arrived)
		slowest = max(slowest, f.clock.Now().Sub(queued))
	}
	if t.Logf("the slowest of %d events after %v", watched, slowest); slowest > longest {
		t.Errorf("an event at the healthy endpoint waited %v", slowest)
	}
	if n, _ := f.queued(); n < backlog {
		t.Errorf("%d deliveries are queued, want the whole backlog", n)
	}
	if n := sender.at.Load(); n != core.DefaultConcurrent {
		t.Errorf("%d attempts at the busy endpoint", n)
	}
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
	testkit.Await(t, "a failure", func() bool { return len(f.listed(s)) > 0 })
	if _, dead := f.queued(); dead != 0 {
		t.Fatalf("%d dead letters at once", dead)
	}
	f.clock.shift(73 * time.Hour)
	testkit.Await(t, "dead letters", func() bool { n, dead := f.queued(); return n == 0 && dead == backlog })
	if n := len(target.bodies()); n > 20 {
		t.Errorf("%d attempts for %d deliveries", n, backlog)
	}
}
