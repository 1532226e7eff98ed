package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func subscription(uid, id string) core.Subscription {
	return core.Subscription{
		Name: resource.Subscription{Environment: "default", ID: id}, UID: uid, Operation: "On.Item <x>",
		Connection: resource.Connection{Environment: "default", ID: "shop"},
		Connector:  resource.Connector{Environment: "default", ID: "inventory"},
	}
}

func event(s core.Subscription, id string, at time.Time) core.Event {
	return core.Event{
		ID: id, Subscription: s, Revision: "r1", Key: "k-" + id, Time: at,
		ContentType: "application/json", Data: []byte(`{"id":"` + id + `"}`), JSON: true,
	}
}

func TestAnEventIsACloudEvent(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	m, err := events.Message(ctx, event(subscription("u1", "items"), "e1", start))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(m.Data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"specversion": "1.0", "id": "e1", "source": "environments/default/connections/shop",
		"type": "dev.ferrule.inventory.On.Item <x>", "subject": "k-e1", "time": "2026-03-01T12:00:00Z",
		"datacontenttype": "application/json", "subscription": "environments/default/subscriptions/items", "revision": "r1",
		"traceparent": "00-01000000000000000000000000000000-0200000000000000-01", "data": map[string]any{"id": "e1"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if m.ID != "e1" || m.Subject != "ferrule.event.default.inventory.On%2EItem%20%3Cx%3E.items" || m.Header[events.HeaderSubscription] != "u1" || m.Header["traceparent"] == "" {
		t.Errorf("message %q %q %v", m.ID, m.Subject, m.Header)
	}
	if err := bus.Check(m); err != nil {
		t.Error(err)
	}
}

func TestAttributesHoldNoControlCharacters(t *testing.T) {
	e := event(subscription("u1", "items"), "e1", start)
	e.Key, e.ContentType = "a\nb", "text/plain\x00"
	m, err := events.Message(t.Context(), e)
	if err != nil || strings.Contains(string(m.Data), `"subject"`) || strings.Contains(string(m.Data), "datacontenttype") {
		t.Errorf("%s, %v", m.Data, err)
	}
}

func TestDataThatDoesNotFitIsLeftOutAndSaidSo(t *testing.T) {
	e := event(subscription("u1", "items"), "e1", start)
	e.Data = []byte(`"` + strings.Repeat("x", outbox.MaxData) + `"`)
	m, err := events.Message(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`"omittedbytes":%d}`, len(e.Data)); !strings.HasSuffix(string(m.Data), want) {
		t.Errorf("event %s does not end with %s", m.Data, want)
	}
	// A notification is refused instead: its sender can be told.
	e.Data = []byte(`"` + strings.Repeat("x", bus.MaxDataBytes) + `"`)
	if err := events.NewLog(nil).Publish(t.Context(), e); !errors.Is(err, core.ErrEventTooLarge) {
		t.Errorf("err = %v", err)
	}
}

type publisher func(outbox.Message) error

func (p publisher) Publish(_ context.Context, m outbox.Message) error { return p(m) }

func (p publisher) Start(_ context.Context, m outbox.Message) func() error {
	err := p(m)
	return func() error { return err }
}

func TestAServerWithALowerLimitRefusesToo(t *testing.T) {
	log := events.NewLog(publisher(func(outbox.Message) error { return fault.Invalid(fault.ReasonInputTooLarge, "too large") }))
	if err := log.Publish(t.Context(), event(subscription("u1", "items"), "e1", start)); !errors.Is(err, core.ErrEventTooLarge) {
		t.Errorf("err = %v", err)
	}
}

func TestAnOperationThatMakesNoSubjectIsRefused(t *testing.T) {
	s := subscription("u1", "items")
	if err := events.NewLog(nil).Check(s); err != nil {
		t.Error(err)
	}
	s.Operation = strings.Repeat("x", 500)
	if got := fault.ReasonOf(events.NewLog(nil).Check(s)); got != fault.ReasonTriggerNotSupported {
		t.Errorf("reason %q", got)
	}
}

// fixture is the log of events on a real server.
type fixture struct {
	*events.Log
	*events.Reader

	t      *testing.T
	server *embedded.Server
	bus    *bus.Bus
}

func newFixture(t *testing.T) *fixture {
	server := testkit.StartNATS(t, t.TempDir())
	b := testkit.Connect(t, server)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &fixture{
		t: t, server: server, bus: b, Log: events.NewLog(b), Reader: events.NewReader(b.JetStream(), testkit.Logger(t), clock.System()),
	}
}

func (f *fixture) publish(s core.Subscription, ids ...string) {
	f.t.Helper()
	for i, id := range ids {
		if err := f.Publish(f.t.Context(), event(s, id, start.Add(time.Duration(i)*time.Second))); err != nil {
			f.t.Fatal(err)
		}
	}
}

func ids(records []events.Record) (ids []string) {
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestPagesHoldTheEventsOfOneSubscriptionInOrder(t *testing.T) {
	f := newFixture(t)
	s, other := subscription("u1", "items"), subscription("u2", "others")
	f.publish(s, "a", "b")
	f.publish(other, "x")
	f.publish(subscription("u0", "items"), "of an earlier subscription of the name")
	f.publish(s, "c", "d", "e", "c") // the last one again
	for limit := 1; limit <= 6; limit++ {
		want := events.Range{Subscription: s}
		var got []string
		for {
			page, more, err := f.Page(t.Context(), want, limit)
			if err != nil || len(page) > limit {
				t.Fatal(len(page), err)
			}
			got = append(got, ids(page)...)
			if !more {
				break
			}
			want.After = page[len(page)-1].Sequence
		}
		if !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
	page, more, err := f.Page(t.Context(), events.Range{Subscription: s, Start: start.Add(time.Second)}, 10)
	if err != nil || more || !slices.Equal(ids(page), []string{"b", "d", "e"}) {
		t.Errorf("since a second later: %q, %v, %v", ids(page), more, err)
	}
	page, _, err = f.Page(t.Context(), events.Range{Subscription: subscription("u3", "none")}, 10)
	if err != nil || len(page) != 0 {
		t.Errorf("a subscription without events has %q, %v", ids(page), err)
	}
	first, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := first[0]
	if r.Name.String() != "environments/default/subscriptions/items/events/a" || r.Source != "environments/default/connections/shop" ||
		string(r.Data) != `{"id":"a"}` || !r.JSON || r.Revision != "r1" || !r.Time.Equal(start) || r.ContentType != "application/json" {
		t.Errorf("record %+v", r)
	}
}

func TestBytesThatAreNoJSONComeBackAsTheyWere(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	e := event(s, "a", start)
	e.JSON, e.Data, e.ContentType = false, []byte{0, 255}, "application/octet-stream"
	if err := f.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	page, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 1)
	if err != nil || page[0].JSON || string(page[0].Data) != "\x00\xff" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestPagesLeaveNoConsumersBehind(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	f.publish(s, "a")
	for range 3 {
		if _, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 1); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := f.bus.JetStream().Stream(t.Context(), bus.StreamEvents)
	if err != nil || stream.CachedInfo().State.Consumers != 0 {
		t.Errorf("%d consumers, %v", stream.CachedInfo().State.Consumers, err)
	}
}

// follow follows a range in the background.
func (f *fixture) follow(want events.Range) (got <-chan string, stop func() error) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	records, started, ended := make(chan string, 100), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.Follow(ctx, want, func() error { close(started); return nil }, func(r events.Record) error {
			records <- fmt.Sprint(r.ID, "@", r.Sequence)
			return nil
		})
	}()
	testkit.Receive(f.t, "the beginning", readable(started))
	return records, func() error { cancel(); return testkit.Receive(f.t, "the end", ended) }
}

func readable(closed <-chan struct{}) <-chan bool {
	ch := make(chan bool, 1)
	go func() { <-closed; ch <- true }()
	return ch
}

func TestFollowersSeeWhatTheyAskedFor(t *testing.T) {
	s, other := subscription("u1", "items"), subscription("u2", "others")
	for _, tc := range []struct {
		name string
		want events.Range
		got  []string
	}{
		{"from now on", events.Range{Subscription: s}, []string{"e@6", "f@7"}},
		{"after a sequence", events.Range{Subscription: s, After: 2}, []string{"c@4", "d@5", "e@6", "f@7"}},
		{"from a time on", events.Range{Subscription: s, Start: start.Add(time.Second)}, []string{"b@2", "d@5", "f@7"}},
		{"from a time on, after a sequence", events.Range{Subscription: s, After: 2, Start: start.Add(time.Second)}, []string{"d@5", "f@7"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.publish(s, "a", "b")
			f.publish(other, "x")
			f.publish(s, "c", "d")
			got, stop := f.follow(tc.want)
			f.publish(s, "e", "f")
			for _, want := range tc.got {
				if id := testkit.Receive(t, want, got); id != want {
					t.Fatalf("got %s, want %s", id, want)
				}
			}
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestAFollowerGoesOnWhereItWasWhenItsConsumerIsLost(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	got, stop := f.follow(events.Range{Subscription: s})
	f.publish(s, "a")
	testkit.Receive(t, "a", got)
	stream, err := f.bus.JetStream().Stream(t.Context(), bus.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	for info := range stream.ListConsumers(t.Context()).Info() {
		if err := stream.DeleteConsumer(t.Context(), info.Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Fatal(err)
		}
	}
	f.publish(s, "b", "c")
	if b, c := testkit.Receive(t, "b", got), testkit.Receive(t, "c", got); b != "b@2" || c != "c@3" {
		t.Errorf("got %s and %s", b, c)
	}
	_ = stop()
}

func TestFollowingEndsWithTheErrorOfWhoeverTakesTheEvents(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	f.publish(s, "a")
	broken := errors.New("the caller is gone")
	fine := func() error { return nil }
	err := f.Follow(t.Context(), events.Range{Subscription: s, Start: start}, fine, func(events.Record) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	err = f.Follow(t.Context(), events.Range{Subscription: s}, func() error { return broken }, nil)
	if !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

func TestWhatIsNoEventIsLeftOut(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	m, err := events.Message(t.Context(), event(s, "a", start))
	if err != nil {
		t.Fatal(err)
	}
	for i, data := range []string{"", "no JSON", `{"subscription":"nowhere"}`} {
		if err := f.bus.Publish(t.Context(), outbox.Message{ID: fmt.Sprint(i), Subject: m.Subject, Data: []byte(data), Header: m.Header}); err != nil {
			t.Fatal(err)
		}
	}
	f.publish(s, "a")
	page, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 10)
	if err != nil || !slices.Equal(ids(page), []string{"a"}) {
		t.Errorf("%q, %v", ids(page), err)
	}
}

func TestWatchersHearOfTheirOwnSubscriptionOnly(t *testing.T) {
	w := events.NewWatch()
	changed, stop := w.Of(resource.Subscription{Environment: "default", ID: "items"})
	second, stopSecond := w.Of(resource.Subscription{Environment: "default", ID: "items"})
	heard := func(ch <-chan struct{}) bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}
	w.Changed(bus.Change{Environment: "default", ID: "others"})
	if heard(changed) {
		t.Error("heard of another")
	}
	for range 3 { // it never blocks
		w.Changed(bus.Change{Environment: "default", ID: "items"})
	}
	if !heard(changed) || !heard(second) || heard(changed) {
		t.Error("not heard, or heard twice")
	}
	w.Resync()
	if !heard(changed) || !heard(second) {
		t.Error("not told that something may have been missed")
	}
	stop()
	stopSecond()
	w.Changed(bus.Change{Environment: "default", ID: "items"})
	if heard(changed) {
		t.Error("heard after the end")
	}
}

func TestTheLatestEventIsThatOfTheVerySubscription(t *testing.T) {
	f := newFixture(t)
	s, other := subscription("1", "items"), subscription("2", "other")
	if _, ok, err := f.Latest(t.Context(), s); ok || err != nil {
		t.Errorf("there is one before any was published: %v", err)
	}
	f.publish(s, "a", "b")
	f.publish(other, "c")
	got, ok, err := f.Latest(t.Context(), s)
	if err != nil || !ok || got.ID != "b" || got.Subscription.UID != s.UID || len(got.Data) == 0 {
		t.Errorf("latest %+v, %v, %v", got, ok, err)
	}
	if _, ok, err := f.Latest(t.Context(), subscription("3", "items")); ok || err != nil {
		t.Errorf("a later one of the same name has it too: %v", err)
	}
}
