package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// keyed is a sender that notes what was accepted, by key, and how many of a key were
// under way at the same time. An event's data is key and number, "a-3".
type keyed struct {
	mu     sync.Mutex
	got    map[string][]string
	busy   map[string]int
	most   int // of one key
	total  int // accepted
	answer func(data string, n int) delivery.Result
	calls  map[string]int
}

func newKeyed(answer func(data string, n int) delivery.Result) *keyed {
	return &keyed{got: map[string][]string{}, busy: map[string]int{}, calls: map[string]int{}, answer: answer}
}

func (*keyed) Kind() string          { return "http" }
func (*keyed) Serves(core.Sink) bool { return true }

func (k *keyed) Send(_ context.Context, job delivery.Job) delivery.Result {
	var event struct{ Data string }
	if err := json.Unmarshal(job.Event, &event); err != nil {
		return delivery.Result{Outcome: delivery.Refused, Reason: err.Error()}
	}
	key, _, _ := strings.Cut(event.Data, "-")
	k.mu.Lock()
	k.busy[key]++
	k.most = max(k.most, k.busy[key])
	k.calls[event.Data]++
	n := k.calls[event.Data]
	k.mu.Unlock()
	result := delivery.Result{Outcome: delivery.Accepted}
	if k.answer != nil {
		result = k.answer(event.Data, n)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy[key]--
	if result.Outcome == delivery.Accepted {
		k.got[key] = append(k.got[key], event.Data)
		k.total++
	}
	return result
}

func (k *keyed) accepted() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.total
}

// begun is how many attempts were made.
func (k *keyed) begun() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, calls := range k.calls {
		n += calls
	}
	return n
}

// inOrder checks that the first arrivals of each key are in order.
func (k *keyed) inOrder(t *testing.T, want map[string][]string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, events := range want {
		var firsts []string
		for _, e := range k.got[key] {
			if !slices.Contains(firsts, e) {
				firsts = append(firsts, e)
			}
		}
		if !slices.Equal(firsts, events) {
			t.Errorf("key %s:\n got %q\nwant %q", key, firsts, events)
		}
	}
}

// ordered subscribes with an order by the first letter of the data.
func (f *fixture) ordered(id string) core.Subscription {
	f.t.Helper()
	return f.subscribeTo(id, core.Sink{ID: "0", OrderBy: "event.data.split('-')[0]", HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}, Concurrent: 20})
}

// numberedEvents makes n events of each key, one key after the other.
func numberedEvents(n int, keys ...string) (all []string, byKey map[string][]string) {
	byKey = map[string][]string{}
	for i := range n {
		for _, key := range keys {
			id := fmt.Sprintf("%s-%03d", key, i)
			all = append(all, id)
			byKey[key] = append(byKey[key], id)
		}
	}
	return all, byKey
}

func TestEventsWithTheSameKeyStayInOrderWhileOthersGoOn(t *testing.T) {
	f := newFixture(t)
	all, want := numberedEvents(20, "a", "b", "c")
	release := make(chan struct{})
	sender := newKeyed(func(data string, n int) delivery.Result {
		switch {
		case data == "a-000":
			<-release
		case data == "b-003" && n == 1:
			return delivery.Result{Reason: "away"}
		case data == "b-005":
			return delivery.Result{Outcome: delivery.Refused, Reason: "never"}
		}
		return delivery.Result{Outcome: delivery.Accepted}
	})
	f.happen(f.ordered("items"), all...)
	f.run(sender, 4)
	testkit.Await(t, "the other keys", func() bool { return sender.accepted() == 39 })
	close(release)
	testkit.Await(t, "an empty queue", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	want["b"] = slices.DeleteFunc(want["b"], func(e string) bool { return e == "b-005" })
	sender.inOrder(t, want)
	if sender.most != 1 {
		t.Errorf("%d events of one key were under way at the same time", sender.most)
	}
}

// TestTheOrderSurvivesTheDeathOfAProcessAmongSeveral lets three processes dispatch
// and deliver, of which one is killed: its connection breaks, and nothing of what it
// holds is given back.
func TestTheOrderSurvivesTheDeathOfAProcessAmongSeveral(t *testing.T) {
	f := newFixture(t)
	s := f.ordered("items")
	all, want := numberedEvents(60, "a", "b", "c", "d")
	half := len(all) / 2
	var once sync.Once
	killed := make(chan struct{})
	victim := f.other()
	ctx, kill := context.WithCancel(t.Context())
	sender := newKeyed(nil)
	dying := &dyingSender{keyed: sender, after: 20, die: func() {
		once.Do(func() { victim.bus.Conn().Close(); kill(); close(killed) })
	}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = victim.deliverer(4, dying).Run(ctx)
	}()
	f.happen(s, all[:half]...)
	f.runParts(delivery.NewDispatcher(delivery.NewQueue(f.ports), nil).Run)
	testkit.Receive(t, "the death", readable(killed))
	testkit.Receive(t, "the end", readable(ended))
	if sender.accepted() >= half {
		t.Fatal("the victim did everything")
	}
	f.clock.shift(16 * time.Second) // the lease is over
	second := f.other()
	f.run(sender, 4)
	second.run(sender, 4)
	f.happen(s, all[half:]...)
	testkit.Await(t, "an empty queue", func() bool { n, dead := f.queued(); return n == 0 && dead == 0 })
	sender.inOrder(t, want)
	if sender.most != 1 {
		t.Errorf("%d events of one key were under way at the same time", sender.most)
	}
}

// dyingSender kills its process during an attempt.
type dyingSender struct {
	*keyed

	mu    sync.Mutex
	n     int
	after int
	die   func()
}

func (s *dyingSender) Send(ctx context.Context, job delivery.Job) delivery.Result {
	result := s.keyed.Send(ctx, job)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; s.n >= s.after {
		s.die()
	}
	return result
}

func readable(closed <-chan struct{}) <-chan bool {
	ch := make(chan bool, 1)
	go func() { <-closed; ch <- true }()
	return ch
}

func TestAnEventThatWasQueuedLateIsNotOvertaken(t *testing.T) {
	f := newFixture(t)
	s := f.ordered("items")
	all, want := numberedEvents(10, "a")
	// The dispatcher fails at the first event for a while, and goes on with the others.
	flaky := &flakyStore{Subscriptions: f.store, failures: 1}
	slow := f.other()
	slow.ports.Subscriptions = flaky
	f.happen(s, all...)
	sender := newKeyed(nil)
	f.runParts(delivery.NewDispatcher(delivery.NewQueue(slow.ports), nil).Run, f.deliverer(4, sender).Run)
	testkit.Await(t, "all events", func() bool { return sender.accepted() == len(all) })
	sender.inOrder(t, want)
}

func TestOnlyWhatTheConditionHoldsForIsDelivered(t *testing.T) {
	f := newFixture(t)
	sender := newKeyed(nil)
	s := f.subscribeTo("items", core.Sink{ID: "0", Condition: "event.data.startsWith('a') && event.type.endsWith('.On')", HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}})
	broken := f.subscribeTo("broken", core.Sink{ID: "0", Condition: "event.data.member == 1", HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}})
	f.happen(s, "b-1", "a-1", "b-2", "a-2")
	f.happen(broken, "a-9")
	f.run(sender, 2)
	testkit.Await(t, "two events and a dead letter", func() bool { n, dead := f.queued(); return sender.accepted() == 2 && n == 0 && dead == 1 })
	list, err := delivery.NewArchive(delivery.NewQueue(f.ports)).List(t.Context(), broken)
	if err != nil || len(list) != 1 || list[0].State != delivery.StateDead || !strings.HasPrefix(list[0].Reason, "the expression event.data.member == 1:") {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestASinkHasItsOwnBounds(t *testing.T) {
	f := newFixture(t)
	var mu sync.Mutex
	busy, most, total := 0, 0, 0
	target := newSink(t, func(int, http.ResponseWriter) {
		mu.Lock()
		busy++
		most, total = max(most, busy), total+1
		mu.Unlock()
		runtime.Gosched() // gives others a chance
		mu.Lock()
		busy--
		mu.Unlock()
	})
	s := f.subscribeTo("items", core.Sink{ID: "0", HTTP: &core.HTTPSink{URL: target.URL}, Concurrent: 2, PerSecond: 20})
	all, _ := numberedEvents(30, "a")
	f.happen(s, all...)
	began := f.clock.Now()
	second := f.other()
	f.run(f.http(), 2)
	second.run(second.http(), 2)
	testkit.Await(t, "all events", func() bool { return len(target.distinct()) == len(all) })
	took := f.clock.Now().Sub(began)
	mu.Lock()
	defer mu.Unlock()
	if most > 2 || took < 29*time.Second/20 {
		t.Errorf("%d at the same time, %d in %v", most, total, took)
	}
}

// TestSinksAtOneEndpointShareTheirBounds: an endpoint bears what it bears, however many
// sinks and subscriptions lead to it.
func TestSinksAtOneEndpointShareTheirBounds(t *testing.T) {
	f := newFixture(t)
	var mu sync.Mutex
	busy, most := 0, 0
	target := newSink(t, func(int, http.ResponseWriter) {
		mu.Lock()
		busy++
		most = max(most, busy)
		mu.Unlock()
		runtime.Gosched() // gives others a chance
		mu.Lock()
		busy--
		mu.Unlock()
	})
	bounded := func(id, path string) core.Sink {
		return core.Sink{ID: id, HTTP: &core.HTTPSink{URL: target.URL + path}, Concurrent: 2, PerSecond: 20}
	}
	f.happen(f.subscribeTo("items", bounded("0", "/a"), bounded("1", "/b")), "a1", "a2", "a3", "a4", "a5", "a6", "a7")
	f.happen(f.subscribeTo("others", bounded("0", "/c")), "b1", "b2", "b3", "b4", "b5", "b6", "b7")
	began := f.clock.Now()
	f.run(f.http(), 4)
	testkit.Await(t, "all deliveries", func() bool { return len(target.bodies()) == 21 })
	took := f.clock.Now().Sub(began)
	mu.Lock()
	defer mu.Unlock()
	if most > 2 || took < 20*time.Second/20 {
		t.Errorf("%d at the same time, 21 in %v", most, took)
	}
}

func TestWhatNobodyWasToldAboutIsFound(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, nil)
	s := f.subscribe("items", target.URL)
	queue := delivery.NewQueue(f.ports)
	wanted, err := queue.Put(t.Context(), s, s.Sinks[0], delivery.Event{ID: "a", Data: []byte(`{"id":"a"}`)}, "")
	if err != nil || !wanted {
		t.Fatal(wanted, err)
	}
	f.run(f.http(), 1) // the process that queued it died before it could say so
	testkit.Await(t, "the event", func() bool { return len(target.bodies()) == 1 })
}

func TestAnEventIsQueuedAgainUnderItsIDIfItIsAskedForAgain(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, nil)
	s := f.subscribe("items", target.URL)
	queue := delivery.NewQueue(f.ports)
	for _, again := range []string{"", "", "x1", "x1", "x2"} {
		if _, err := queue.Put(t.Context(), s, s.Sinks[0], delivery.Event{ID: "a", Data: []byte(`{"id":"a"}`)}, again); err != nil {
			t.Fatal(err)
		}
	}
	f.run(f.http(), 1)
	testkit.Await(t, "an empty queue", func() bool { n, _ := f.queued(); return n == 0 })
	if n := len(target.bodies()); n != 3 {
		t.Errorf("%d deliveries, want 3", n)
	}
}
