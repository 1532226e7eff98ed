package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/callback"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/store"
)

// sink is an endpoint that answers as the test says.
type sink struct {
	*httptest.Server

	mu     sync.Mutex
	got    []string // bodies, in order
	answer func(n int, w http.ResponseWriter)
}

func newSink(t *testing.T, answer func(n int, w http.ResponseWriter)) *sink {
	s := &sink{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != events.ContentType {
			t.Errorf("%s %s %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		s.mu.Lock()
		s.got = append(s.got, string(body))
		n := len(s.got)
		s.mu.Unlock()
		if s.answer != nil {
			s.answer(n, w)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// distinct returns the different events that have arrived.
func (s *sink) distinct() []string {
	return slices.Compact(slices.Sorted(slices.Values(s.bodies())))
}

// fixture is both parts on a real server.
type fixture struct {
	t      *testing.T
	server *embedded.Server
	bus    *bus.Bus
	store  *store.Store
	clock  *shifted
	log    *events.Log
	ports  delivery.Ports
	keys   *callback.Keys
	lives  *atomic.Int32 // of processes

	subscriptions delivery.Subscriptions
}

// shifted is the clock of the machine, moved by the test: the ages of messages
// are told by the server.
type shifted struct {
	clock.Clock

	mu sync.Mutex
	by time.Duration
}

func (s *shifted) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Clock.Now().Add(s.by)
}

func (s *shifted) shift(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = by
}

func newKeys(t *testing.T) *callback.Keys {
	t.Helper()
	keys, err := callback.New([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, server: testkit.StartNATS(t, t.TempDir()), clock: &shifted{Clock: clock.System()}, keys: newKeys(t), lives: new(atomic.Int32)}
	f.store = store.New(memkv.New(), events.Message, func() {})
	f.subscriptions = f.store
	f.connect()
	if err := f.bus.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// connect makes a process of it, with a connection of its own.
func (f *fixture) connect() {
	f.t.Helper()
	metrics, err := delivery.NewMetrics(noop.NewMeterProvider().Meter("test"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.bus = testkit.Connect(f.t, f.server)
	f.log = events.NewLog(f.bus)
	f.ports = delivery.Ports{
		JetStream: f.bus.JetStream(), Publisher: f.bus, Subscriptions: f.subscriptions, Clock: f.clock, Log: testkit.Logger(f.t),
		Dice: func() float64 { return 0 }, Metrics: metrics,
	}
}

// other is another process on the same server and store.
func (f *fixture) other() *fixture {
	f.t.Helper()
	o := *f
	o.connect()
	return &o
}

// failing answers with 500 what the test does not accept.
func failing(accepted func(n int) bool) func(int, http.ResponseWriter) {
	return func(n int, w http.ResponseWriter) {
		if !accepted(n) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
}

// subscribe stores a subscription with HTTP sinks.
func (f *fixture) subscribe(id string, urls ...string) core.Subscription {
	f.t.Helper()
	var sinks []core.Sink
	for _, u := range urls {
		sinks = append(sinks, core.Sink{ID: strconv.Itoa(len(sinks)), HTTP: &core.HTTPSink{URL: u}})
	}
	return f.subscribeTo(id, sinks...)
}

// subscribeTo stores a subscription with sinks.
func (f *fixture) subscribeTo(id string, sinks ...core.Sink) core.Subscription {
	f.t.Helper()
	s := core.Subscription{
		Name: resource.Subscription{Environment: "default", ID: id}, UID: fmt.Sprintf("%032x", len(id)*1000+int(id[0])), Operation: "On",
		Connection: resource.Connection{Environment: "default", ID: "shop"},
		Connector:  resource.Connector{Environment: "default", ID: "inventory"}, Polling: &core.Polling{},
	}
	s.Sinks = sinks
	if err := f.store.Insert(f.t.Context(), s, polling.Seen{}); err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fixture) happen(s core.Subscription, ids ...string) {
	f.t.Helper()
	for _, id := range ids {
		e := core.Event{ID: id + "-" + s.Name.ID, Subscription: s, Time: time.Unix(0, 0), ContentType: "application/json", Data: []byte(`"` + id + `"`), JSON: true}
		if err := f.log.Publish(f.t.Context(), e); err != nil {
			f.t.Fatal(err)
		}
	}
}

// queue puts a delivery into the queue, as the dispatcher does.
func (f *fixture) queue(s core.Subscription, id string) {
	f.t.Helper()
	err := f.bus.Publish(f.t.Context(), outbox.Message{
		ID: id + ".0", Subject: bus.DeliveryAddress{Environment: s.Name.Environment, Subscription: s.UID, Sink: "0"}.Subject(),
		Data: []byte(id), Header: map[string]string{events.HeaderSubscription: s.UID, "Ferrule-Sink": "0", "Ferrule-Event": id},
	})
	if err == nil {
		err = delivery.NewQueue(f.ports).Wake(f.t.Context(), s, s.Sinks[0])
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// run runs both parts until stop is called, or the test ends.
func (f *fixture) run(sender delivery.Sender, workers int) (stop func()) {
	f.t.Helper()
	deliverer := f.deliverer(workers, sender)
	return f.runParts(delivery.NewDispatcher(delivery.NewQueue(f.ports), deliverer).Run, deliverer.Run)
}

// deliverer is one process.
func (f *fixture) deliverer(workers int, senders ...delivery.Sender) *delivery.Deliverer {
	return delivery.NewDeliverer(f.ports, fmt.Sprint("process-", f.lives.Add(1)), senders, workers)
}

func (f *fixture) runParts(parts ...func(context.Context) error) (stop func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	var running sync.WaitGroup
	for _, part := range parts {
		running.Go(func() {
			if err := part(ctx); err != nil {
				f.t.Errorf("run: %v", err)
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	f.t.Cleanup(stop)
	return stop
}

func (f *fixture) http() *delivery.HTTP {
	f.t.Helper()
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	if err != nil {
		f.t.Fatal(err)
	}
	return delivery.NewHTTP(guard, f.keys, f.clock)
}

// queued returns how many deliveries and dead letters there are.
func (f *fixture) queued() (deliveries, dead uint64) {
	f.t.Helper()
	count := func(name string) uint64 {
		stream, err := f.bus.JetStream().Stream(f.t.Context(), name)
		if err != nil {
			f.t.Fatal(err)
		}
		return stream.CachedInfo().State.Msgs
	}
	return count(bus.StreamDeliveries), count(bus.StreamDeadLetters)
}

func TestEachEventReachesEachSinkAsItWasPublished(t *testing.T) {
	f := newFixture(t)
	one, two := newSink(t, nil), newSink(t, nil)
	s := f.subscribe("items", one.URL, two.URL)
	f.happen(s, "a", "b", "c")
	f.happen(f.subscribe("quiet"), "x") // has no sinks
	f.run(f.http(), 4)
	for _, sink := range []*sink{one, two} {
		testkit.Await(t, "three events", func() bool { return len(sink.bodies()) == 3 })
		for i, body := range sink.distinct() {
			if want := fmt.Sprintf(`"data":"%c"}`, 'a'+i); !strings.HasPrefix(body, `{"specversion":"1.0"`) || !strings.HasSuffix(body, want) {
				t.Errorf("event %s does not end with %s", body, want)
			}
		}
	}
	testkit.Await(t, "an empty queue", func() bool { n, dead := f.queued(); return n == 0 && dead == 0 })
}

func TestADeliveryIsTriedAgainUntilItIsAccepted(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, func(n int, w http.ResponseWriter) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect) // is not followed
		}
	})
	f.happen(f.subscribe("items", target.URL), "a")
	f.run(f.http(), 2)
	testkit.Await(t, "the third attempt", func() bool { return len(target.bodies()) >= 3 })
	testkit.Await(t, "an empty queue", func() bool { n, dead := f.queued(); return n == 0 && dead == 0 })
	if len(target.distinct()) != 1 || len(target.bodies()) != 3 {
		t.Errorf("%d attempts, %d different events", len(target.bodies()), len(target.distinct()))
	}
}

func TestAnEndpointThatIsGoneGetsNoMoreEvents(t *testing.T) {
	f := newFixture(t)
	gone := newSink(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusGone) })
	fine := newSink(t, nil)
	s := f.subscribe("items", gone.URL, fine.URL)
	f.happen(s, "a")
	f.run(f.http(), 2)
	testkit.Await(t, "a dead letter", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	f.happen(s, "b", "c")
	testkit.Await(t, "the other sink's events", func() bool { return len(fine.bodies()) == 3 })
	testkit.Await(t, "an empty queue", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	if len(gone.bodies()) != 1 {
		t.Errorf("the endpoint was called %d times", len(gone.bodies()))
	}
	stored, err := f.store.ByUID(t.Context(), s.UID)
	if err != nil || !stored.Sinks[0].Disabled || stored.Sinks[1].Disabled {
		t.Errorf("stored %+v, %v", stored.Sinks, err)
	}
	if state, why := stored.State(); state != core.StateCreating && !strings.Contains(why, gone.URL) {
		t.Errorf("state %v %q", state, why)
	}
}

func TestAfterThreeDaysADeliveryIsADeadLetterWithItsReason(t *testing.T) {
	f := newFixture(t)
	s := f.subscribe("items", "http://127.0.0.1:1/")
	f.clock.shift(72*time.Hour + time.Second)
	f.happen(s, "a")
	f.run(f.http(), 2)
	testkit.Await(t, "a dead letter", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	stream, err := f.bus.JetStream().Stream(t.Context(), bus.StreamDeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	to, err := bus.ParseDeadLetter(m.Subject)
	if err != nil || to != (bus.DeliveryAddress{Sink: "0", Environment: "default", Subscription: s.UID}) {
		t.Errorf("%+v, %v", to, err)
	}
	if !strings.Contains(string(m.Data), `"data":"a"`) || !strings.Contains(m.Header.Get("Ferrule-Reason"), "72h") || m.Header.Get("Ferrule-Sink") != "0" {
		t.Errorf("%s %v", m.Data, m.Header)
	}
}

func TestADeadLetterThatCannotBeKeptStaysInTheQueue(t *testing.T) {
	f := newFixture(t)
	s := f.subscribe("items", "http://127.0.0.1:1/")
	f.clock.shift(100 * time.Hour)
	var mu sync.Mutex
	refused := 0
	f.ports.Publisher = publisher(func(ctx context.Context, m outbox.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(m.Subject, "ferrule.deadletter.") && refused < 1 {
			refused++
			return fault.Unavailable(fault.ReasonServiceUnavailable, "full")
		}
		return f.bus.Publish(ctx, m)
	})
	f.happen(s, "a")
	f.run(f.http(), 2)
	testkit.Await(t, "a dead letter", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	if refused != 1 {
		t.Error("nothing was refused")
	}
}

type publisher func(context.Context, outbox.Message) error

func (p publisher) Publish(ctx context.Context, m outbox.Message) error { return p(ctx, m) }

func (p publisher) Start(ctx context.Context, m outbox.Message) func() error {
	err := p(ctx, m)
	return func() error { return err }
}

func TestDeletedSubscriptionsGetNothing(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, nil)
	queued, late := f.subscribe("queued", target.URL), f.subscribe("late", target.URL)
	f.happen(queued, "a")
	stop := f.runParts(delivery.NewDispatcher(delivery.NewQueue(f.ports), nil).Run)
	testkit.Await(t, "a delivery", func() bool { n, _ := f.queued(); return n == 1 })
	stop()
	for _, s := range []core.Subscription{queued, late} {
		if err := f.store.Remove(t.Context(), s.UID); err != nil {
			t.Fatal(err)
		}
	}
	f.happen(late, "b")
	stay := f.subscribe("stay", target.URL)
	f.happen(stay, "c")
	f.run(f.http(), 1)
	testkit.Await(t, "an empty queue", func() bool { n, dead := f.queued(); return n == 0 && dead == 0 && len(target.bodies()) > 0 })
	if got := target.bodies(); len(got) != 1 || !strings.Contains(got[0], `"c"`) {
		t.Errorf("arrived: %q", got)
	}
}

func TestASlowEndpointDoesNotBlockTheOthers(t *testing.T) {
	f := newFixture(t)
	release := make(chan struct{})
	slow := newSink(t, func(int, http.ResponseWriter) { <-release })
	fast := newSink(t, nil)
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("e%02d", i)
	}
	f.happen(f.subscribe("slow", slow.URL), many...) // all before the first of the fast one
	f.happen(f.subscribe("fast", fast.URL), many...)
	f.run(f.http(), 6)
	testkit.Await(t, "the fast endpoint's events", func() bool { return len(fast.distinct()) == len(many) })
	if n := len(slow.bodies()); n > 4 {
		t.Errorf("%d attempts at the slow endpoint at the same time", n)
	}
	close(release)
	testkit.Await(t, "the slow endpoint's events", func() bool { return len(slow.distinct()) == len(many) })
}

func TestADeathDuringAnAttemptRepeatsTheDelivery(t *testing.T) {
	f := newFixture(t)
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	target := newSink(t, func(n int, _ http.ResponseWriter) {
		arrived <- struct{}{}
		if n == 1 {
			<-release
		}
	})
	f.happen(f.subscribe("items", target.URL), "a")
	stop := f.run(f.http(), 1)
	testkit.Receive(t, "the first attempt", arrived)
	stop() // the endpoint has it, and we do not know
	close(release)
	f.run(f.http(), 1)
	testkit.Receive(t, "the second attempt", arrived)
	testkit.Await(t, "an empty queue", func() bool { n, _ := f.queued(); return n == 0 })
	if len(target.bodies()) != 2 || len(target.distinct()) != 1 {
		t.Errorf("%d attempts with %d different events", len(target.bodies()), len(target.distinct()))
	}
}

func TestAStoreThatFailsDelaysAndLosesNothing(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, nil)
	s := f.subscribe("items", target.URL)
	flaky := &flakyStore{Subscriptions: f.store, failures: 3}
	f.ports.Subscriptions = flaky
	f.happen(s, "a")
	f.run(f.http(), 1)
	testkit.Await(t, "the event", func() bool { return len(target.bodies()) == 1 })
	if flaky.failures != 0 {
		t.Error("the store never failed")
	}
}

type flakyStore struct {
	delivery.Subscriptions

	mu       sync.Mutex
	failures int
}

func (s *flakyStore) ByUID(ctx context.Context, uid string) (core.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures > 0 {
		s.failures--
		return core.Subscription{}, errors.New("the store is away")
	}
	return s.Subscriptions.ByUID(ctx, uid)
}

func TestConsumersThatAreLostAreMadeAgain(t *testing.T) {
	f := newFixture(t)
	target := newSink(t, nil)
	s := f.subscribe("items", target.URL)
	f.happen(s, "a")
	f.run(f.http(), 1)
	testkit.Await(t, "the first event", func() bool { return len(target.distinct()) == 1 })
	for stream, consumer := range map[string]string{bus.StreamEvents: bus.ConsumerSinks, bus.StreamSinkWork: bus.ConsumerSinkWork} {
		if err := f.bus.JetStream().DeleteConsumer(t.Context(), stream, consumer); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Fatal(err)
		}
	}
	f.happen(s, "b")
	testkit.Await(t, "the second event", func() bool { return len(target.distinct()) == 2 })
}
