package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

var errDead = errors.New("the process is dead")

// mortal is a process that dies at one of its writes to the bus: before it, or after
// it was done and before the process learns that.
type mortal struct {
	*fixture

	at    int // the write at which it dies, from 1
	after bool
	kill  context.CancelFunc

	mu    sync.Mutex
	steps int
	dead  bool
}

// step does a write, unless the process is dead.
func (m *mortal) step(write func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	m.steps++
	if m.steps != m.at {
		return write()
	}
	m.dead = true
	if m.after {
		_ = write()
	}
	m.bus.Conn().Close() // what it holds is not given back
	m.kill()
	return errDead
}

func (m *mortal) died() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// Publish implements outbox.Publisher.
func (m *mortal) Publish(ctx context.Context, msg outbox.Message) error {
	return m.step(func() error { return m.bus.Publish(ctx, msg) })
}

// Start implements delivery.Publisher.
func (m *mortal) Start(ctx context.Context, msg outbox.Message) func() error {
	err := m.Publish(ctx, msg)
	return func() error { return err }
}

// mortalJetStream, mortalStream and mortalBucket pass each write through step.
type mortalJetStream struct {
	jetstream.JetStream

	m *mortal
}

func (j mortalJetStream) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (ack *jetstream.PubAck, err error) {
	err = j.m.step(func() error { ack, err = j.JetStream.PublishMsg(ctx, msg, opts...); return err })
	return ack, err
}

func (j mortalJetStream) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := j.JetStream.Stream(ctx, name)
	return mortalStream{s, j.m}, err
}

func (j mortalJetStream) KeyValue(ctx context.Context, name string) (jetstream.KeyValue, error) {
	b, err := j.JetStream.KeyValue(ctx, name)
	return mortalBucket{b, j.m}, err
}

type mortalStream struct {
	jetstream.Stream

	m *mortal
}

func (s mortalStream) DeleteMsg(ctx context.Context, seq uint64) error {
	return s.m.step(func() error { return s.Stream.DeleteMsg(ctx, seq) })
}

func (s mortalStream) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	return s.m.step(func() error { return s.Stream.Purge(ctx, opts...) })
}

type mortalBucket struct {
	jetstream.KeyValue

	m *mortal
}

func (b mortalBucket) Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (v uint64, err error) {
	err = b.m.step(func() error { v, err = b.KeyValue.Create(ctx, key, value, opts...); return err })
	return v, err
}

func (b mortalBucket) Update(ctx context.Context, key string, value []byte, version uint64) (v uint64, err error) {
	err = b.m.step(func() error { v, err = b.KeyValue.Update(ctx, key, value, version); return err })
	return v, err
}

func (b mortalBucket) Purge(ctx context.Context, key string, opts ...jetstream.KVDeleteOpt) error {
	return b.m.step(func() error { return b.KeyValue.Purge(ctx, key, opts...) })
}

// mortal makes a process that dies.
func (f *fixture) mortal(at int, after bool, kill context.CancelFunc) *mortal {
	m := &mortal{fixture: f.other(), at: at, after: after, kill: kill}
	m.ports.Publisher = m
	m.ports.JetStream = mortalJetStream{m.ports.JetStream, m}
	return m
}

// givenBack does what the bus does after a while: what a dead process held is given
// to others, and its lease is over.
func (f *fixture) givenBack() {
	f.t.Helper()
	for stream, consumer := range map[string]string{bus.StreamEvents: bus.ConsumerSinks, bus.StreamSinkWork: bus.ConsumerSinkWork} {
		if err := f.bus.JetStream().DeleteConsumer(f.t.Context(), stream, consumer); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			f.t.Fatal(err)
		}
	}
	f.clock.shift(16 * time.Second)
}

// eachDeath calls test with a death at every write in turn, before and after it, until
// one survives.
func eachDeath(t *testing.T, test func(t *testing.T, at int, after bool) (died bool)) {
	t.Helper()
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			died := true
			t.Run(fmt.Sprintf("at write %d, after it: %v", at, after), func(t *testing.T) { died = test(t, at, after) })
			if t.Failed() {
				return
			}
			if !died {
				if at < 5 {
					t.Errorf("only %d writes", at-1)
				}
				break
			}
		}
	}
}

// oneOfEach accepts all events but "refused".
func oneOfEach(data string, _ int) delivery.Result {
	if data == "refused" {
		return delivery.Result{Outcome: delivery.Refused, Reason: "no"}
	}
	return delivery.Result{Outcome: delivery.Accepted}
}

func TestADeathAtAnyStepOfADeliveryLosesNothing(t *testing.T) {
	eachDeath(t, func(t *testing.T, at int, after bool) bool {
		f := newFixture(t)
		sender := newKeyed(oneOfEach)
		s := f.subscribeTo("items", core.Sink{ID: "0", OrderBy: "event.source", HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}})
		f.happen(s, "first", "refused", "last")
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		m := f.mortal(at, after, kill)
		var running sync.WaitGroup
		deliverer := m.deliverer(1, sender)
		for _, part := range []func(context.Context) error{delivery.NewDispatcher(delivery.NewQueue(m.ports), deliverer).Run, deliverer.Run} {
			running.Go(func() { _ = part(ctx) })
		}
		done := func() bool {
			n, dead := f.queued()
			return n == 0 && dead == 1 && sender.accepted() >= 2
		}
		testkit.Await(t, "the death, or the end", func() bool { return m.died() || done() && f.idle(s) })
		died := m.died()
		kill()
		running.Wait()
		if !died {
			return false
		}
		f.givenBack()
		f.run(sender, 1)
		testkit.Await(t, "an end without loss", done)
		for _, data := range []string{"first", "last"} {
			if sender.calls[data] < 1 || sender.calls[data] > 2 {
				t.Errorf("%s was delivered %d times", data, sender.calls[data])
			}
		}
		return true
	})
}

// idle reports whether nothing is noted about the sink of a subscription.
func (f *fixture) idle(s core.Subscription) bool {
	f.t.Helper()
	bucket, err := f.bus.JetStream().KeyValue(f.t.Context(), bus.BucketSinks)
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = bucket.Get(f.t.Context(), bus.DeliveryAddress{Environment: s.Name.Environment, Subscription: s.UID, Sink: "0"}.Key())
	return errors.Is(err, jetstream.ErrKeyNotFound)
}

func TestADeathAtAnyStepOfARedeliveryLosesNothing(t *testing.T) {
	eachDeath(t, func(t *testing.T, at int, after bool) bool {
		f := newFixture(t)
		s := f.subscribe("items", "https://sink.example.com/")
		f.happen(s, "a", "b")
		stop := f.run(newKeyed(func(string, int) delivery.Result { return delivery.Result{Outcome: delivery.Refused, Reason: "no"} }), 1)
		testkit.Await(t, "two dead letters", func() bool { n, dead := f.queued(); return n == 0 && dead == 2 })
		stop()
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		m := f.mortal(at, after, kill)
		_, err := delivery.NewArchive(delivery.NewQueue(m.ports)).Redeliver(ctx, s, delivery.Selection{})
		if m.died() != (err != nil) {
			t.Fatalf("died %v, %v", m.died(), err)
		}
		if m.died() { // whoever asked for it asks again
			if _, err := delivery.NewArchive(delivery.NewQueue(f.ports)).Redeliver(t.Context(), s, delivery.Selection{}); err != nil {
				t.Fatal(err)
			}
		}
		sender := newKeyed(nil)
		f.run(sender, 1)
		testkit.Await(t, "both events", func() bool { n, dead := f.queued(); return n == 0 && dead == 0 && sender.accepted() >= 2 })
		if sender.calls["a"] != 1 || sender.calls["b"] != 1 {
			t.Errorf("delivered %v", sender.calls)
		}
		return m.died()
	})
}

func TestAFailureAtAnyWriteDelaysAndLosesNothing(t *testing.T) {
	for at := 1; at <= 12; at++ {
		t.Run(fmt.Sprint("at write ", at), func(t *testing.T) {
			f := newFixture(t)
			sender := newKeyed(oneOfEach)
			s := f.subscribe("items", "https://sink.example.com/")
			f.happen(s, "first", "refused", "last")
			m := f.mortal(-1, false, nil)
			failing := &failingWrites{mortal: m, at: at}
			m.ports.Publisher = failing
			m.ports.JetStream = failingJetStream{mortalJetStream{f.bus.JetStream(), m}, failing}
			deliverer := m.deliverer(1, sender)
			m.runParts(delivery.NewDispatcher(delivery.NewQueue(m.ports), deliverer).Run, deliverer.Run)
			testkit.Await(t, "an end without loss", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 && sender.accepted() >= 2 })
		})
	}
}

// failingWrites lets one write fail, after which the process goes on.
type failingWrites struct {
	*mortal

	at int
	n  int
	mu sync.Mutex
}

func (w *failingWrites) fails() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return w.n == w.at
}

// Publish implements outbox.Publisher.
func (w *failingWrites) Publish(ctx context.Context, msg outbox.Message) error {
	if w.fails() {
		return errors.New("the bus is away")
	}
	return w.mortal.Publish(ctx, msg)
}

// Start implements delivery.Publisher.
func (w *failingWrites) Start(ctx context.Context, msg outbox.Message) func() error {
	err := w.Publish(ctx, msg)
	return func() error { return err }
}

type failingJetStream struct {
	mortalJetStream

	w *failingWrites
}

func (j failingJetStream) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if j.w.fails() {
		return nil, errors.New("the bus is away")
	}
	return j.JetStream.PublishMsg(ctx, msg, opts...)
}
