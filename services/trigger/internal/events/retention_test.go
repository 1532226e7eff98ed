package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// kept is a log with a consumer that queues events for sinks, as far as the test
// lets it.
type kept struct {
	*fixture

	sinks jetstream.Consumer
	clock *clocktest.Fake
}

func newKept(t *testing.T) *kept {
	k := &kept{fixture: newFixture(t), clock: clocktest.New(time.Now())}
	var err error
	k.sinks, err = k.bus.JetStream().CreateOrUpdateConsumer(t.Context(), bus.StreamEvents, bus.SinksConsumer(time.Minute, 64))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// queue acknowledges the next n events, as if they were in the queues of their sinks.
func (k *kept) queue(n int) {
	k.t.Helper()
	batch, err := k.sinks.Fetch(n, jetstream.FetchMaxWait(5*time.Second))
	if err != nil {
		k.t.Fatal(err)
	}
	for m := range batch.Messages() {
		if err := m.DoubleAck(k.t.Context()); err != nil {
			k.t.Fatal(err)
		}
		n--
	}
	if n != 0 {
		k.t.Fatalf("%d events are missing: %v", n, batch.Error())
	}
}

func (k *kept) retention(bounds ...events.Bounds) *events.Retention {
	return events.NewRetention(k.Reader, func(context.Context) ([]events.Bounds, error) { return bounds, nil }, k.clock, testkit.Logger(k.t), func() float64 { return 0 })
}

func (k *kept) enforce(r *events.Retention) {
	k.t.Helper()
	if err := r.Enforce(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
}

// has compares what a subscription can still read.
func (k *kept) has(s core.Subscription, want ...string) {
	k.t.Helper()
	page, _, err := k.Page(k.t.Context(), events.Range{Subscription: s}, 1000)
	if got := ids(page); err != nil || !slices.Equal(got, want) {
		k.t.Errorf("%s has %q, %v, want %q", s.Name, got, err, want)
	}
}

// in moves a subscription to an environment.
func in(environment string, s core.Subscription) core.Subscription {
	s.Name.Environment = environment
	return s
}

func TestEventsThatAreTooOldGoInTheirEnvironmentAlone(t *testing.T) {
	k := newKept(t)
	short, long := in("short", subscription("u1", "items")), in("shorter", subscription("u2", "items"))
	k.publish(short, "a", "b")
	k.publish(long, "x")
	k.queue(3)
	r := k.retention(events.Bounds{Environment: "short", MaxAge: time.Hour})
	k.enforce(r)
	k.has(short, "a", "b")
	k.clock.Advance(2 * time.Hour)
	k.enforce(r)
	k.has(short)
	k.has(long, "x")
	k.enforce(r) // another process does the same
	k.publish(short, "c")
	k.queue(1)
	k.clock.Advance(-3 * time.Hour) // it is new
	k.enforce(r)
	k.has(short, "c")
}

func TestTheNewestEventsStayWithinTheBytes(t *testing.T) {
	k := newKept(t)
	s, other := in("small", subscription("u1", "items")), subscription("u2", "items")
	m, err := events.Message(t.Context(), event(s, "e00", start))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(m.Data))
	all := make([]string, 10)
	for i := range all {
		all[i] = fmt.Sprintf("e%02d", i)
		k.publish(s, all[i])
		k.publish(other, "o"+all[i])
	}
	k.queue(20)
	r := k.retention(events.Bounds{Environment: "small", MaxBytes: 4*size + 1})
	k.enforce(r)
	k.has(s, all[6:]...)
	k.publish(s, "e10", "e11") // only these are counted now
	k.queue(2)
	k.enforce(r)
	k.has(s, "e08", "e09", "e10", "e11")
	// A process that begins comes to the same.
	k.enforce(k.retention(events.Bounds{Environment: "small", MaxBytes: 4*size + 1}))
	k.has(s, "e08", "e09", "e10", "e11")
	k.enforce(k.retention(events.Bounds{Environment: "small", MaxBytes: 1}))
	k.has(s, "e11")
	if page, _, err := k.Page(t.Context(), events.Range{Subscription: other}, 100); err != nil || len(page) != 10 {
		t.Errorf("another environment has %d events, %v", len(page), err)
	}
}

func TestWhatWentForItsAgeIsNotCountedAnyMore(t *testing.T) {
	k := newKept(t)
	s := subscription("u1", "items")
	m, err := events.Message(t.Context(), event(s, "a", start))
	if err != nil {
		t.Fatal(err)
	}
	bounds := []events.Bounds{{Environment: "default", MaxAge: time.Hour, MaxBytes: 3 * int64(len(m.Data))}}
	r := events.NewRetention(k.Reader, func(context.Context) ([]events.Bounds, error) { return bounds, nil }, k.clock, testkit.Logger(t), nil)
	k.publish(s, "a", "b", "c")
	k.queue(3)
	k.enforce(r)
	k.has(s, "a", "b", "c")
	k.clock.Advance(2 * time.Hour)
	k.enforce(r)
	k.has(s)
	k.clock.Advance(-2 * time.Hour)
	k.publish(s, "d", "e", "f")
	k.queue(3)
	k.enforce(r)
	k.has(s, "d", "e", "f")
}

func TestEventsStayUntilTheyAreQueuedForTheirSinks(t *testing.T) {
	k := newKept(t)
	s := subscription("u1", "items")
	k.publish(s, "a", "b", "c")
	k.clock.Advance(2 * time.Hour)
	age, bytes := k.retention(events.Bounds{Environment: "default", MaxAge: time.Hour}), k.retention(events.Bounds{Environment: "default", MaxBytes: 1})
	k.enforce(age)
	k.enforce(bytes)
	k.has(s, "a", "b", "c")
	k.queue(1)
	k.enforce(bytes)
	k.has(s, "b", "c")
	k.queue(1)
	k.enforce(age)
	k.has(s, "c")
	k.queue(1)
	k.enforce(bytes)
	k.has(s, "c") // the newest stays
	k.enforce(age)
	k.has(s)
}

func TestNothingGoesBeforeSinksAreServedAtAll(t *testing.T) {
	k := newKept(t)
	if err := k.bus.JetStream().DeleteConsumer(t.Context(), bus.StreamEvents, bus.ConsumerSinks); err != nil {
		t.Fatal(err)
	}
	s := subscription("u1", "items")
	k.publish(s, "a")
	k.clock.Advance(2 * time.Hour)
	k.enforce(k.retention(events.Bounds{Environment: "default", MaxAge: time.Hour}))
	k.has(s, "a")
}

func TestRetentionGoesOnAfterAFailure(t *testing.T) {
	k := newKept(t)
	s := subscription("u1", "items")
	k.publish(s, "a")
	k.queue(1)
	k.clock.Advance(2 * time.Hour)
	lost, asked := errors.New("the registry is away"), make(chan error, 1)
	r := events.NewRetention(k.Reader, func(context.Context) ([]events.Bounds, error) {
		err := <-asked
		return []events.Bounds{{Environment: "default", MaxAge: time.Hour}}, err
	}, k.clock, testkit.Logger(t), func() float64 { return 1 })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	for _, err := range []error{lost, nil} {
		testkit.Await(t, "the pause", func() bool { return k.clock.Waiting() == 1 })
		asked <- err
		k.clock.Advance(10 * time.Minute)
	}
	testkit.Await(t, "the pause after it", func() bool { return k.clock.Waiting() == 1 })
	k.has(s)
	cancel()
	if err := testkit.Receive(t, "the end", ended); err != nil {
		t.Error(err)
	}
}

func TestReadersAreToldOfWhatIsGone(t *testing.T) {
	k := newKept(t)
	s := subscription("u1", "items")
	k.publish(s, "a", "b", "c", "d")
	k.queue(3)
	k.clock.Advance(2 * time.Hour)
	k.enforce(k.retention(events.Bounds{Environment: "default", MaxAge: time.Hour})) // a, b and c go
	fine := func() error { return nil }
	enough := errors.New("enough")
	for _, row := range []struct {
		name  string
		want  events.Range
		first string // what the fault says; empty if all is there
		got   string
	}{
		{"after one that is gone, as are later ones", events.Range{Subscription: s, After: 1}, "4", ""},
		{"after the last one that is gone", events.Range{Subscription: s, After: 3}, "", "d"},
		{"from a time on", events.Range{Subscription: s, Start: start}, "", "d"},
	} {
		got := ""
		err := k.Follow(t.Context(), row.want, fine, func(r events.Record) error { got = r.ID; return enough })
		_, _, listing := k.Page(t.Context(), row.want, 10)
		for _, err := range []error{err, listing} {
			if row.first != "" && (fault.CodeOf(err) != fault.CodeOutOfRange || fault.From(err).Meta()[events.FirstSequence] != row.first) {
				t.Errorf("%s: %v", row.name, err)
			}
		}
		if row.first == "" && (!errors.Is(err, enough) || got != row.got || listing != nil) {
			t.Errorf("%s: %q, %v, %v", row.name, got, err, listing)
		}
	}
	k.queue(1)
	k.enforce(k.retention(events.Bounds{Environment: "default", MaxAge: time.Hour}))
	if _, _, err := k.Page(t.Context(), events.Range{Subscription: s, After: 3}, 10); fault.From(err).Meta()[events.FirstSequence] != "5" {
		t.Errorf("with nothing left: %v", err)
	}
	if page, _, err := k.Page(t.Context(), events.Range{Subscription: s, After: 4}, 10); err != nil || len(page) != 0 {
		t.Errorf("after the very last: %v, %v", page, err)
	}
}

func TestAPositionThatNoEventHasReachedIsRefused(t *testing.T) {
	k := newKept(t)
	s := subscription("u1", "items")
	k.publish(s, "a", "b")
	want := events.Range{Subscription: s, After: 3}
	following := k.Follow(t.Context(), want, func() error { return errors.New("started") }, func(events.Record) error { return nil })
	_, _, listing := k.Page(t.Context(), want, 10)
	for _, err := range []error{following, listing} {
		if fault.CodeOf(err) != fault.CodeOutOfRange || fault.From(err).Meta()["last_sequence"] != "2" || !strings.Contains(err.Error(), "list or replay from a time") {
			t.Errorf("%v", err)
		}
	}
}

func TestPagesEndEarlyWhereEventsAreLarge(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		e := event(s, id, start)
		e.Data = []byte(`"` + strings.Repeat("x", 900<<10) + `"`)
		if err := f.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	page, more, err := f.Page(t.Context(), events.Range{Subscription: s}, 10)
	if err != nil || !more || len(page) != 3 {
		t.Fatalf("%d events, %v, %v", len(page), more, err)
	}
	page, more, err = f.Page(t.Context(), events.Range{Subscription: s, After: page[2].Sequence}, 10)
	if err != nil || more || len(page) != 2 {
		t.Errorf("then %d events, %v, %v", len(page), more, err)
	}
	// A slow reader gets them all, one at a time.
	got, stop := f.follow(events.Range{Subscription: s, Start: start})
	for _, want := range []string{"a@1", "b@2", "c@3", "d@4", "e@5"} {
		if id := testkit.Receive(t, want, got); id != want {
			t.Fatalf("got %s, want %s", id, want)
		}
	}
	_ = stop()
}

func TestEventsAreListedUpToATime(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	f.publish(s, "a", "b", "c", "d")
	page, more, err := f.Page(t.Context(), events.Range{Subscription: s, Start: start.Add(time.Second), End: start.Add(3 * time.Second)}, 10)
	if err != nil || more || !slices.Equal(ids(page), []string{"b", "c"}) {
		t.Errorf("%q, %v, %v", ids(page), more, err)
	}
}
