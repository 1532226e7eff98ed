package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

const (
	kills = 10
	// longestLife bounds the time from a start to the next kill. Starting takes a
	// part of it, so some kills fall into the start itself.
	longestLife = 1500 * time.Millisecond
	// window is how many items may exist that the polling subscription has not
	// told of. The API lists the newest 100 only: what a poll cannot see, no
	// poller can tell.
	window = 80
	// pace separates two items.
	pace = 15 * time.Millisecond
)

// ledger holds what happened and what was heard of it, by item. It is safe for
// concurrent use.
type ledger struct {
	mu    sync.Mutex
	made  map[string]bool
	heard map[string]map[string][]string // place → item → ids of events
}

func newLedger() *ledger {
	return &ledger{made: map[string]bool{}, heard: map[string]map[string][]string{}}
}

func (l *ledger) make(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made[id] = true
}

func (l *ledger) hear(place, event, data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard[place] == nil {
		l.heard[place] = map[string][]string{}
	}
	id := itemOf(data)
	l.heard[place][id] = append(l.heard[place][id], event)
}

// behind returns how many items have not been heard of at a place.
func (l *ledger) behind(place string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := 0
	for id := range l.made {
		if len(l.heard[place][id]) == 0 {
			missing++
		}
	}
	return missing
}

// check compares a place with what was made.
func (l *ledger) check(t *testing.T, place string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	owner := map[string]string{} // event → item
	again := 0
	for id, events := range l.heard[place] {
		if !l.made[id] {
			t.Errorf("%s: an event tells of item %q, which was not created while it listened", place, id)
		}
		again += len(events) - 1
		if distinct := slices.Compact(slices.Sorted(slices.Values(events))); len(distinct) != 1 {
			t.Errorf("%s: item %s has events with different ids: %v", place, id, distinct)
		}
		if other, taken := owner[events[0]]; taken {
			t.Errorf("%s: items %s and %s share the event %s", place, id, other, events[0])
		}
		owner[events[0]] = id
	}
	for _, id := range slices.Sorted(maps.Keys(l.made)) {
		if len(l.heard[place][id]) == 0 {
			t.Errorf("%s: item %s is lost", place, id)
		}
	}
	t.Logf("%-15s %d items, %d duplicates", place, len(l.made), again)
}

// sink is an HTTP endpoint of the test that events are delivered to. While
// processes are being killed it refuses every tenth delivery, so that retries and
// kills meet.
func (l *ledger) sink(t *testing.T, place string, killing *atomic.Bool) string {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var event struct {
			SpecVersion string
			ID          string
			Data        json.RawMessage
		}
		if err != nil || json.Unmarshal(body, &event) != nil || event.SpecVersion != "1.0" {
			t.Errorf("%s: not a cloud event: %v %.200s", place, err, body)
			return
		}
		if killing.Load() && count.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		l.hear(place, event.ID, string(event.Data))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// keepCreating creates items until ctx ends, never more than the polling trigger
// can see at once.
func (l *ledger) keepCreating(ctx context.Context, shop *inventory, done chan<- error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			done <- nil
			return
		case <-tick.C:
		}
		if l.behind(streamed) >= window {
			continue
		}
		// The item exists even if ctx ends meanwhile: its creation is not cut off.
		made, err := shop.create(context.WithoutCancel(ctx), fmt.Sprintf("Item %d", n))
		if err != nil {
			done <- err
			return
		}
		l.make(made.ID)
	}
}

// The places where events are looked for.
const (
	polledSink   = "polled-sink"
	notifiedSink = "notified-sink"
	polled       = "polled"
	notified     = "notified"
	streamed     = "polled-streamed"
)

// follow listens to the stream of a subscription, and goes on where it was when
// it is cut off, until ctx ends.
func (l *ledger) follow(ctx context.Context, c clients, done chan<- struct{}) {
	defer close(done)
	req := &triggerv1.StreamEventsRequest{Parent: subscriptionName(polled), StartTime: timestamppb.New(time.Now().Add(-time.Minute))}
	again := time.NewTicker(pace)
	defer again.Stop()
	for ctx.Err() == nil {
		stream, err := c.trigger.StreamEvents(ctx, req)
		for err == nil {
			var e *triggerv1.Event
			if e, err = stream.Recv(); err == nil {
				l.hear(streamed, e.GetId(), e.GetData())
				req.AfterSequence, req.StartTime = e.GetSequence(), nil
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

func TestNoKillLosesAnEvent(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = time.Now().UnixNano() % 1_000_000
	}
	t.Logf("the moments are those of -seed %d", *seed)
	dice := rand.New(rand.NewPCG(uint64(*seed), 1))

	shop := startInventory(t, apiKey)
	s := up(t, suiteOptions{data: t.TempDir()})
	place := s.again(t, suiteOptions{})
	c := s.overREST()
	c.connect(t, "shop", shop.url, shop.key)
	for n := range 3 {
		if _, err := shop.create(t.Context(), fmt.Sprintf("There before anybody listened %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	l := newLedger()
	var killing atomic.Bool
	killing.Store(true)
	subscribe(t, c, polled, "OnItemListed", time.Second, l.sink(t, polledSink, &killing))
	subscribe(t, c, notified, "OnItemCreated", 0, l.sink(t, notifiedSink, &killing))

	ctx, stop := context.WithCancel(t.Context())
	created, followed := make(chan error, 1), make(chan struct{})
	go l.keepCreating(ctx, shop, created)
	listening, hangUp := context.WithCancel(t.Context())
	go l.follow(listening, c, followed)
	for n := range kills {
		moment := time.Now().Add(time.Duration(dice.Int64N(int64(longestLife))))
		testkit.Await(t, "the moment of the kill", func() bool { return time.Now().After(moment) })
		t.Logf("kill %2d after %4d ms of life, ready: %v, %d items behind", n+1,
			time.Since(s.began).Milliseconds(), s.ready(), l.behind(streamed))
		s.kill()
		s = begin(t, place)
	}
	s = finish(t, s, place)
	stop()
	killing.Store(false)
	if err := <-created; err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, where := range []string{streamed, polledSink, notifiedSink} {
		awaitLonger(t, "everything to arrive at "+where, func() bool { return l.behind(where) == 0 })
		t.Logf("everything had arrived at %s %v after the last start", where, time.Since(begun).Round(time.Millisecond))
	}
	hangUp()
	<-followed
	for _, id := range []string{polled, notified} {
		for _, e := range must[[]*triggerv1.Event](t, "list events")(s.overREST().events(t.Context(), id)) {
			l.hear(id, e.GetId(), e.GetData())
		}
	}
	for _, where := range []string{polled, notified, streamed, polledSink, notifiedSink} {
		l.check(t, where)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("the last process ended with %d:\n%s", code, s.out)
	}
}

// finish sees that the last start succeeds.
func finish(t *testing.T, s *suite, place suiteOptions) *suite {
	t.Helper()
	testkit.Await(t, "the last start", func() bool { return s.ready() || s.gone() })
	if s.gone() {
		t.Logf("the start is tried once more after:\n%s", s.out)
		return up(t, place)
	}
	s.learn(t)
	return s
}

// overdue is how long a delivery that was under way when the process died waits
// until the bus takes it for lost and gives it to somebody else.
const overdue = time.Minute

// awaitLonger waits as long as it may take until what was under way has come
// again.
func awaitLonger(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(overdue); time.Now().Before(deadline); {
		pause := time.Now().Add(testkit.Patience / 2)
		testkit.Await(t, what, func() bool { return ok() || time.Now().After(pause) })
		if ok() {
			return
		}
	}
	testkit.Await(t, what, ok)
}

func subscribe(t *testing.T, c clients, id, operation string, every time.Duration, sink string) {
	t.Helper()
	s := &triggerv1.Subscription{
		Connection: connectionName("shop"), OperationId: operation,
		Sinks: []*triggerv1.Sink{{Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: sink}}}},
	}
	if every > 0 {
		s.Interval, s.Input = durationpb.New(every), `{"limit": 100}` // the most that the API lists
	}
	must[*triggerv1.Subscription](t, "subscribe")(c.trigger.CreateSubscription(t.Context(), &triggerv1.CreateSubscriptionRequest{
		Parent: environment, SubscriptionId: id, Subscription: s,
	}))
}
