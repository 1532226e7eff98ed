package delivery_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// backlogFlag is how many deliveries wait.
var backlogFlag = flag.Int("backlog", 20_000, "size of the backlog in the test of ingest")

// TestABacklogDoesNotSlowIngest measures how fast events become safe, without and
// with a backlog of deliveries to an endpoint that is away. The ratio is told and not
// judged: machines that run tests are busy with other things too. What is judged is
// that the backlog costs the bus nothing but its place: there is one message at work
// for the sink, not one for each delivery.
func TestABacklogDoesNotSlowIngest(t *testing.T) {
	const events = 2_000
	backlog := *backlogFlag
	f := newFixture(t)
	target := newSink(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })
	away := f.subscribe("away", target.URL)
	quiet := f.subscribe("quiet")
	ingest := func(name string) time.Duration {
		began := f.clock.Now()
		for i := range events {
			f.happen(quiet, fmt.Sprint(name, i))
		}
		return f.clock.Now().Sub(began)
	}
	stop := f.run(f.http(), 4)
	ingest("first") // everything is slower at first
	before := ingest("before")
	f.fill(away, backlog)
	testkit.Await(t, "an attempt", func() bool { return len(target.bodies()) > 0 })
	with := ingest("with")
	t.Logf("%d events: %v without and %v with a backlog of %d, ratio %.2f", events, before, with, backlog, before.Seconds()/with.Seconds())
	stop()
	if n, _ := f.queued(); n != uint64(backlog) {
		t.Errorf("%d deliveries are queued", n)
	}
	c, err := f.bus.JetStream().Consumer(t.Context(), bus.StreamSinkWork, bus.ConsumerSinkWork)
	if err != nil {
		t.Fatal(err)
	}
	if info := c.CachedInfo(); info.NumAckPending+int(info.NumPending) > 1 {
		t.Errorf("%d messages at work, %d to come", info.NumAckPending, info.NumPending)
	}
	f.clock.shift(time.Minute) // the sink's rest is over
	began := f.clock.Now()
	sender := newKeyed(func(string, int) delivery.Result { return delivery.Result{Outcome: delivery.Accepted} })
	f.run(sender, 4)
	if err := delivery.NewQueue(f.ports).Wake(t.Context(), away, away.Sinks[0]); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "5000 deliveries", func() bool { return sender.accepted() >= min(5_000, backlog) })
	t.Logf("%d deliveries of the backlog in %v", sender.accepted(), f.clock.Now().Sub(began))
}

// fill queues many deliveries at once.
func (f *fixture) fill(s core.Subscription, n int) {
	f.t.Helper()
	js := f.bus.JetStream()
	m := func(i int) (string, []byte) {
		at := bus.DeliveryAddress{Environment: s.Name.Environment, Subscription: s.UID, Sink: s.Sinks[0].ID}
		return at.Subject(), fmt.Appendf(nil, `{"id":"e%d","data":"%0200d"}`, i, i)
	}
	for i := range n {
		subject, data := m(i)
		if _, err := js.PublishAsync(subject, data); err != nil {
			f.t.Fatal(err)
		}
		if i%1000 == 999 {
			testkit.Receive(f.t, "the bus", closed(js.PublishAsyncComplete()))
		}
	}
	testkit.Receive(f.t, "the bus", closed(js.PublishAsyncComplete()))
	if err := delivery.NewQueue(f.ports).Wake(f.t.Context(), s, s.Sinks[0]); err != nil {
		f.t.Fatal(err)
	}
}

func closed(done <-chan struct{}) <-chan bool {
	ch := make(chan bool, 1)
	go func() { <-done; ch <- true }()
	return ch
}

func TestAProcessThatServesASinkIsToldOfNewEventsWithoutAMessage(t *testing.T) {
	const events = 20
	f := newFixture(t)
	release := make(chan struct{})
	sender := newKeyed(func(string, int) delivery.Result {
		<-release
		return delivery.Result{Outcome: delivery.Accepted}
	})
	s := f.subscribe("items", "https://sink.example.com/")
	f.run(sender, 4)
	f.happen(s, "first")
	testkit.Await(t, "an attempt", func() bool { return sender.begun() == 1 })
	for i := range events {
		f.happen(s, fmt.Sprint(i))
	}
	testkit.Await(t, "all attempts that may be under way", func() bool { return sender.begun() == core.DefaultConcurrent })
	close(release)
	testkit.Await(t, "all events", func() bool { return sender.accepted() == events+1 })
	work, err := f.bus.JetStream().Stream(t.Context(), bus.StreamSinkWork)
	if err != nil {
		t.Fatal(err)
	}
	if n := work.CachedInfo().State.LastSeq; n > 2 { // by the dispatcher, and perhaps by the sweep at the start
		t.Errorf("%d messages said that there is work, want those of the first event", n)
	}
}
