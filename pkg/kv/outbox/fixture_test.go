package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// world is a store, a relay on it and a publisher that records. It lives in a
// synctest bubble: after synctest.Wait the relay has done all it can do until
// the clock moves or something happens.
type world struct {
	store kv.Store
	clock *clocktest.Fake
	relay *outbox.Relay
	bus   *bus
	log   *bytes.Buffer
	stop  func() error // ends Run and returns what it returned
}

// bus is a Publisher whose answers the test decides.
type bus struct {
	mu     sync.Mutex
	ids    []string                                          // published with success
	answer func(ctx context.Context, m outbox.Message) error // nil is success
}

func (b *bus) Publish(ctx context.Context, m outbox.Message) error {
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, m); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids = append(b.ids, m.ID)
	return nil
}

func (b *bus) set(answer func(context.Context, outbox.Message) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *bus) published() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ids)
}

// newWorld makes a world on store whose relay does not run yet.
func newWorld(store kv.Store, b *bus) *world {
	w := &world{store: store, clock: clocktest.New(start), bus: b, log: &bytes.Buffer{}}
	w.relay = outbox.NewRelay(store, b, slog.New(slog.NewTextHandler(w.log, nil)), w.clock)
	return w
}

// run starts the relay. The bubble waits for it to end, so stop has to be
// called, here or by the test.
func (w *world) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.relay.Run(ctx) }()
	w.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	synctest.Wait()
}

// inWorld runs test in a bubble with a running relay on an empty store.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := memkv.New()
		defer store.Close()
		w := newWorld(store, &bus{})
		w.run(t)
		test(t, w)
		if err := w.stop(); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

// put commits a state and the message of it for each id, in one transaction.
func put(store kv.Store, ids ...string) error {
	return store.Update(context.Background(), func(tx kv.Tx) error {
		for _, id := range ids {
			if err := tx.Put([]byte("state/"+id), nil); err != nil {
				return err
			}
			if err := outbox.Put(tx, outbox.Message{ID: id, Subject: "test.subject"}); err != nil {
				return err
			}
		}
		return nil
	})
}

// commit puts, notifies, and lets the relay do what it can.
func (w *world) commit(t *testing.T, ids ...string) {
	t.Helper()
	if err := put(w.store, ids...); err != nil {
		t.Fatal(err)
	}
	w.relay.Notify()
	synctest.Wait()
}

func (w *world) advance(d time.Duration) {
	w.clock.Advance(d)
	synctest.Wait()
}

// keys lists the keys under prefix, without it.
func keys(t *testing.T, store kv.Store, prefix string) (keys []string) {
	t.Helper()
	err := store.View(context.Background(), func(r kv.Reader) error {
		for p, err := range kv.All(r, []byte(prefix), 100) {
			if err != nil {
				return err
			}
			keys = append(keys, strings.TrimPrefix(string(p.Key), prefix))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (w *world) wantPublished(t *testing.T, ids ...string) {
	t.Helper()
	if got := w.bus.published(); !slices.Equal(got, ids) {
		t.Errorf("published %q, want %q", got, ids)
	}
}

func (w *world) wantWaiting(t *testing.T, n int) {
	t.Helper()
	if got := len(keys(t, w.store, outbox.Prefix+"message/")); got != n {
		t.Errorf("%d messages wait in the outbox, want %d", got, n)
	}
}

var errDown = errors.New("the bus is down")

func down(context.Context, outbox.Message) error { return errDown }

func numbered(from, to int) (ids []string) {
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprintf("m%03d", i))
	}
	return ids
}
