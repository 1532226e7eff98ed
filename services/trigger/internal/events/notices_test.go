package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// hearing is a subscription to notices.
func hearing(uid, id string) core.Subscription {
	return core.Subscription{
		Name: resource.Subscription{Environment: "default", ID: id}, UID: uid, Owner: "ann", Notices: &core.Notices{},
		Connection: resource.Connection{Environment: "default", ID: core.EveryConnection},
		Connector:  resource.Connector{Environment: "default", ID: core.EveryConnection},
	}
}

// announce publishes what the vault and the trigger service publish about themselves.
func announce(t *testing.T, b *bus.Bus, id, subject, data string) {
	t.Helper()
	m := outbox.Message{ID: id, Subject: subject, Data: []byte(data)}
	if err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func loss(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"environments/default/connections/shop","type":"ferrule.connection.needs-authorization",`+
		`"time":"2026-03-01T12:00:00Z","datacontenttype":"application/json",`+
		`"data":{"connection":"environments/default/connections/shop","owner":"ann","state":"NEEDS_AUTHORIZATION"}}`, id)
}

func suspension(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"environments/default/subscriptions/items","type":"ferrule.subscription.suspended",`+
		`"time":"2026-03-01T12:00:00Z","datacontenttype":"application/json",`+
		`"data":{"subscription":"environments/default/subscriptions/items","connection":"environments/default/connections/shop","connection_owner":"ann","owner":"bob"}}`, id)
}

var (
	aboutConnection   = bus.ConnectionSubject("default", "inventory", "shop")
	aboutSubscription = bus.SubscriptionSubject("default", "inventory", "items")
)

// heard collects what was taken.
type heard struct {
	mu  sync.Mutex
	all []core.Notice
}

func (h *heard) take(_ context.Context, n core.Notice) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, n)
	return nil
}

func (h *heard) ids() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.all {
		ids = append(ids, n.ID)
	}
	return ids
}

// hear runs a reader on a connection of its own until stop.
func (f *fixture) hear(take func(context.Context, core.Notice) error) (stop func()) {
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	n := events.NewNotices(f.bus.JetStream(), clock.System(), testkit.Logger(f.t), take)
	go func() { ended <- n.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := testkit.Receive(f.t, "the end", ended); err != nil {
			f.t.Error(err)
		}
	})
}

func TestNoticesAreReadInTheirOrderAndWhatIsNoneIsSkipped(t *testing.T) {
	f := newFixture(t)
	announce(t, f.bus, "1", aboutConnection, loss("1"))
	for i, broken := range []string{
		`{`, `{"id":"x","data":1}`, `{"id":"x","data":{"connection":"shop"}}`,
		`{"id":"x","data":{"connection":"environments/default/connections/shop","owner":"ann"}}`,
	} {
		announce(t, f.bus, fmt.Sprint("broken", i), aboutConnection, broken)
	}
	f.publish(subscription("u1", "items"), "an event, and no notice")
	announce(t, f.bus, "2", aboutSubscription, suspension("2"))
	announce(t, f.bus, "3", aboutConnection, loss("3"))
	h := &heard{}
	defer f.hear(h.take)()
	testkit.Await(t, "three notices", func() bool { return len(h.ids()) == 3 })
	if got := h.ids(); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("heard %q", got)
	}
	shop := resource.Connection{Environment: "default", ID: "shop"}
	for i, want := range []core.Notice{
		{ID: "1", Type: "ferrule.connection.needs-authorization", Source: "environments/default/connections/shop", Time: start, Connection: shop, ConnectionOwner: "ann", Owner: "ann"},
		{ID: "2", Type: "ferrule.subscription.suspended", Source: "environments/default/subscriptions/items", Time: start, Connection: shop, ConnectionOwner: "ann", Owner: "bob"},
	} {
		got := h.all[i]
		if len(got.Data) == 0 {
			t.Error("it has no data")
		}
		got.Data = nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestNobodyWaitsForTheNoticesOfAnother(t *testing.T) {
	f := newFixture(t)
	const many = 300
	for i := range many {
		announce(t, f.bus, fmt.Sprint("eve", i), aboutConnection, strings.Replace(loss(fmt.Sprint("eve", i)), `"ann"`, `"eve"`, 1))
	}
	announce(t, f.bus, "ann", aboutConnection, loss("ann"))
	h := &heard{}
	defer f.hear(h.take)()
	testkit.Await(t, "ann's notice", func() bool { return slices.Contains(h.ids(), "ann") })
	if n := len(h.ids()) - 1; n < 60 || n > many/2 {
		t.Errorf("%d of eve's %d notices came before", n, many)
	}
}

func TestANoticeThatCouldNotBeTakenComesAgainBeforeTheNext(t *testing.T) {
	f := newFixture(t)
	announce(t, f.bus, "1", aboutConnection, loss("1"))
	announce(t, f.bus, "2", aboutConnection, loss("2"))
	h, failures := &heard{}, 0
	take := func(ctx context.Context, n core.Notice) error {
		if failures++; failures == 1 {
			return errors.New("the store is away")
		}
		return h.take(ctx, n)
	}
	// Two processes: only one notice is at work at a time, so the order is kept.
	var mu sync.Mutex
	both := func(ctx context.Context, n core.Notice) error {
		mu.Lock()
		defer mu.Unlock()
		return take(ctx, n)
	}
	other := *f
	other.bus = testkit.Connect(t, f.server)
	defer f.hear(both)()
	defer other.hear(both)()
	testkit.Await(t, "both notices", func() bool { return len(h.ids()) == 2 })
	if got := h.ids(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("heard %q", got)
	}
}

// TestADeathAtAnyStepOfPassingNoticesOnLosesNone has a process die while it takes a
// notice: before, between and after the events that it makes of it, and before the bus
// knows that it was taken. The next process makes the same events, and none twice.
func TestADeathAtAnyStepOfPassingNoticesOnLosesNone(t *testing.T) {
	subs := []core.Subscription{hearing("u1", "one"), hearing("u2", "two")}
	for at := range len(subs) + 1 {
		t.Run(fmt.Sprintf("after %d events", at), func(t *testing.T) {
			f := newFixture(t)
			announce(t, f.bus, "1", aboutConnection, loss("1"))
			announce(t, f.bus, "2", aboutConnection, loss("2"))
			mortal := *f
			mortal.bus = testkit.Connect(t, f.server)
			dead := make(chan struct{}, 1)
			pass := func(steps int) func(context.Context, core.Notice) error {
				return func(ctx context.Context, n core.Notice) error {
					for i, s := range subs {
						if i == steps {
							break
						}
						e := core.Event{
							ID: s.UID + "-" + n.ID, Subscription: s, Type: n.Type, Source: n.Source, Time: n.Time,
							ContentType: "application/json", Data: n.Data, JSON: true,
						}
						if err := events.NewLog(f.bus).Publish(ctx, e); err != nil {
							return err
						}
					}
					return nil
				}
			}
			stop := mortal.hear(func(ctx context.Context, n core.Notice) error {
				err := pass(at)(ctx, n)
				mortal.bus.Conn().Close() // the bus is not told
				dead <- struct{}{}
				return err
			})
			testkit.Receive(t, "the death", dead)
			stop()
			// What a dead process held is given to others after a while.
			if err := f.bus.JetStream().DeleteConsumer(t.Context(), bus.StreamEvents, bus.ConsumerNotices); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				t.Fatal(err)
			}
			defer f.hear(pass(len(subs)))()
			for _, s := range subs {
				want := []string{s.UID + "-1", s.UID + "-2"}
				testkit.Await(t, "the events of "+s.Name.ID, func() bool {
					page, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 10)
					return err == nil && len(page) >= len(want)
				})
				page, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 10)
				if got := ids(page); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s has %q, %v, want %q", s.Name.ID, got, err, want)
				}
				if page[0].Type != "ferrule.connection.needs-authorization" || page[0].Source != "environments/default/connections/shop" {
					t.Errorf("%+v", page[0])
				}
			}
		})
	}
}
