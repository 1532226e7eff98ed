package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// watcher runs WatchChanges and hands over what it is told.
type watcher struct {
	changes chan bus.Change
	resyncs chan struct{}
	ended   chan error
	stop    context.CancelFunc
}

func watch(t *testing.T, b *bus.Bus, kind bus.ChangeKind) *watcher {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &watcher{changes: make(chan bus.Change, 1000), resyncs: make(chan struct{}, 1000), ended: make(chan error, 1), stop: stop}
	go func() {
		w.ended <- b.WatchChanges(ctx, kind, func(c bus.Change) { w.changes <- c }, func() { w.resyncs <- struct{}{} })
	}()
	t.Cleanup(stop)
	testkit.Receive(t, "the watch to begin", w.resyncs)
	return w
}

// announce publishes a change.
func announce(t *testing.T, b *bus.Bus, c bus.Change, id string) {
	t.Helper()
	if err := b.Publish(t.Context(), c.Message(id)); err != nil {
		t.Fatal(err)
	}
}

// consumers lists the consumers of announcements on the server.
func consumers(t *testing.T, b *bus.Bus) []string {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamChanges)
	if err != nil {
		t.Fatal(err)
	}
	lister := stream.ConsumerNames(t.Context())
	var names []string
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

func connection(id string) bus.Change {
	return bus.Change{Kind: bus.ChangeConnection, Environment: "prod", ID: id}
}

func TestWatchersSeeChangesFromNowOnInOrder(t *testing.T) {
	b := testkit.NewNATS(t)
	announce(t, b, connection("before"), "0")
	w := watch(t, b, bus.ChangeAny)
	var want, got []bus.Change
	for i := range 200 {
		c := connection(fmt.Sprint("c", i))
		c.Data = []byte{byte(i)}
		want = append(want, c)
		announce(t, b, c, c.ID)
	}
	for range want {
		got = append(got, testkit.Receive(t, "a change", w.changes))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if n := len(w.resyncs); n != 0 {
		t.Errorf("resync was called %d more times without a reason", n)
	}
	w.stop()
	if err := testkit.Receive(t, "the watch to end", w.ended); err != nil {
		t.Errorf("WatchChanges() = %v, want nil", err)
	}
}

func TestWatchersOfOneKindSeeOnlyThat(t *testing.T) {
	b := testkit.NewNATS(t)
	w := watch(t, b, bus.ChangeConnection)
	announce(t, b, bus.Change{Kind: bus.ChangeConnector, Environment: "prod", ID: "x"}, "1")
	announce(t, b, bus.Change{Kind: bus.ChangeGrant, Environment: "prod", ID: "x"}, "2")
	announce(t, b, connection("mine"), "3")
	if got := testkit.Receive(t, "a change", w.changes); got.ID != "mine" || got.Kind != bus.ChangeConnection {
		t.Errorf("first change = %+v, want only connections", got)
	}
}

func TestTheSameChangeIsAnnouncedOnce(t *testing.T) {
	b := testkit.NewNATS(t)
	w := watch(t, b, bus.ChangeAny)
	announce(t, b, connection("a"), "etag-1")
	announce(t, b, connection("a"), "etag-1") // an outbox that lost the confirmation
	announce(t, b, connection("b"), "etag-2")
	for _, want := range []string{"a", "b"} {
		if got := testkit.Receive(t, "a change", w.changes); got.ID != want {
			t.Errorf("change = %q, want %q", got.ID, want)
		}
	}
}

func TestSubjectsThatAreNoChangesDoNotStopAWatch(t *testing.T) {
	b := testkit.NewNATS(t)
	w := watch(t, b, bus.ChangeAny)
	publish(t, b, "1", "ferrule.change.odd")
	announce(t, b, connection("a"), "2")
	if got := testkit.Receive(t, "a change", w.changes); got.ID != "a" {
		t.Errorf("change = %+v", got)
	}
}

func TestCachesAreToldToStartOverAfterEveryInterruption(t *testing.T) {
	for _, row := range []struct {
		name      string
		interrupt func(t *testing.T, srv *restartable, b *bus.Bus)
	}{
		{"the server restarts", func(t *testing.T, srv *restartable, _ *bus.Bus) {
			srv.stop(t)
			srv.start(t)
		}},
		{"the connection is replaced", func(t *testing.T, _ *restartable, b *bus.Bus) {
			if err := b.Conn().ForceReconnect(); err != nil {
				t.Fatal(err)
			}
		}},
		{"an operator deletes the consumer", func(t *testing.T, _ *restartable, b *bus.Bus) {
			for _, name := range consumers(t, b) {
				if err := b.JetStream().DeleteConsumer(t.Context(), bus.StreamChanges, name); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := newRestartable(t)
			b := srv.connect(t, nil)
			if err := b.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			w := watch(t, b, bus.ChangeAny)
			row.interrupt(t, srv, b)
			testkit.Receive(t, "the order to start over", w.resyncs)
			announce(t, b, connection("after"), "after")
			if got := testkit.Receive(t, "a change", w.changes); got.ID != "after" {
				t.Errorf("change = %+v, want the one after the interruption", got)
			}
		})
	}
}

func TestAWatchOnAClosedBusEndsWithAnError(t *testing.T) {
	b := testkit.NewNATS(t)
	w := watch(t, b, bus.ChangeAny)
	b.Close()
	if err := testkit.Receive(t, "the watch to end", w.ended); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("WatchChanges() = %v, want %v", err, nats.ErrConnectionClosed)
	}
}

func TestAWatchThatEndsLeavesNothingOnTheServer(t *testing.T) {
	b := testkit.NewNATS(t)
	w := watch(t, b, bus.ChangeAny)
	w.stop()
	testkit.Receive(t, "the watch to end", w.ended)
	for _, name := range consumers(t, b) {
		t.Errorf("consumer %s is still there", name)
	}
}
