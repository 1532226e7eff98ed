package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

func TestACommittedMessageIsPublishedAndRemoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sent := outbox.Message{ID: "7", Subject: "a.b", Data: []byte("data"), Header: map[string]string{"k": "v"}}
		var got outbox.Message
		w.bus.set(func(_ context.Context, m outbox.Message) error { got = m; return nil })
		err := w.store.Update(t.Context(), func(tx kv.Tx) error {
			data := []byte("data")
			err := outbox.Put(tx, outbox.Message{ID: "7", Subject: "a.b", Data: data, Header: sent.Header})
			copy(data, "xxxx") // Put has made its copy
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.relay.Notify()
		synctest.Wait()
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("the message changed on its way (-put +published):\n%s", diff)
		}
		w.wantWaiting(t, 0)
		w.relay.Notify()
		synctest.Wait()
		w.wantPublished(t, "7")
	})
}

func TestAMessageOfAFailedTransactionIsNeverPublished(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		err := w.store.Update(t.Context(), func(tx kv.Tx) error {
			return errors.Join(outbox.Put(tx, outbox.Message{ID: "ghost", Subject: "s"}), errDown)
		})
		if !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		w.commit(t, "real")
		w.wantPublished(t, "real")
	})
}

func TestAnInvalidMessageFailsItsTransaction(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := put(w.store, ""); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("put = %v, want ErrInvalid", err)
		}
		if got := keys(t, w.store, ""); got != nil {
			t.Errorf("the store has %q, want nothing", got)
		}
	})
}

func TestWhatWaitedBeforeRunIsPublishedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memkv.New()
		defer store.Close()
		if err := put(store, "a", "b"); err != nil {
			t.Fatal(err)
		}
		w := newWorld(store, &bus{})
		w.relay.Notify()
		w.run(t)
		w.wantPublished(t, "a", "b")
		w.commit(t, "c")
		w.wantPublished(t, "a", "b", "c")
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailureKeepsTheOrderAndIsRetriedAfterGrowingPauses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var attempts []string
		w.bus.set(func(_ context.Context, m outbox.Message) error {
			attempts = append(attempts, fmt.Sprintf("%s after %v", m.ID, w.clock.Now().Sub(start)))
			return errDown
		})
		w.commit(t, "a", "b")
		for range 700 { // 70 s in the smallest steps that matter
			w.advance(100 * time.Millisecond)
			w.relay.Notify() // does not shorten the pause
			synctest.Wait()
		}
		want := []string{
			"a after 0s", "a after 100ms", "a after 300ms", "a after 700ms", "a after 1.5s", "a after 3.1s",
			"a after 6.3s", "a after 12.7s", "a after 25.5s", "a after 51.1s",
		}
		if diff := cmp.Diff(want, attempts); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		w.bus.set(nil)
		w.advance(30 * time.Second) // the longest pause
		w.wantPublished(t, "a", "b")
		if got := strings.Count(w.log.String(), errDown.Error()); got != len(want) {
			t.Errorf("the log has %d failures, want %d", got, len(want))
		}
	})
}

func TestThePauseIsShortAgainOnceSomethingIsPublished(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bus.set(down)
		w.commit(t, "a", "b")
		for range 6 {
			w.advance(30 * time.Second)
		}
		w.bus.set(func(_ context.Context, m outbox.Message) error {
			if m.ID == "b" {
				return errDown
			}
			return nil
		})
		w.advance(30 * time.Second)
		w.wantPublished(t, "a")
		w.wantWaiting(t, 1)
		w.bus.set(nil)
		w.advance(100 * time.Millisecond)
		w.wantPublished(t, "a", "b")
	})
}

func TestAForgottenNotifyIsMadeUpFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := put(w.store, "a"); err != nil {
			t.Fatal(err)
		}
		w.advance(9 * time.Second)
		w.wantPublished(t)
		w.advance(time.Second)
		w.wantPublished(t, "a")
	})
}

// spy counts transactions under way, and notes how many messages each removed.
type spy struct {
	kv.Store
	views   atomic.Int32
	mu      sync.Mutex
	removed []int
}

func (s *spy) View(ctx context.Context, fn func(kv.Reader) error) error {
	s.views.Add(1)
	defer s.views.Add(-1)
	return s.Store.View(ctx, fn)
}

func (s *spy) Update(ctx context.Context, fn func(kv.Tx) error) error {
	counted := &countingTx{}
	err := s.Store.Update(ctx, func(tx kv.Tx) error { counted.Tx = tx; return fn(counted) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if counted.deletes > 0 {
		s.removed = append(s.removed, counted.deletes)
	}
	return err
}

type countingTx struct {
	kv.Tx
	deletes int
}

func (tx *countingTx) Delete(key []byte) error {
	tx.deletes++
	return tx.Tx.Delete(key)
}

func TestNoTransactionIsOpenWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &spy{Store: memkv.New()}
		defer store.Close()
		w := newWorld(store, &bus{})
		w.run(t)
		var once sync.Once
		w.bus.set(func(ctx context.Context, m outbox.Message) error {
			if n := store.views.Load(); n != 0 {
				t.Errorf("%d Views are open while %q is published", n, m.ID)
			}
			// This would wait for ever for an Update of the relay. The relay has
			// read its batch by now, and must remember that it was notified.
			var err error
			once.Do(func() {
				err = put(store, "put while publishing")
				w.relay.Notify()
			})
			return err
		})
		if err := put(store, numbered(1, 3)...); err != nil {
			t.Fatal(err)
		}
		w.relay.Notify()
		synctest.Wait()
		w.wantPublished(t, append(numbered(1, 3), "put while publishing")...)
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &spy{Store: memkv.New()}
		defer store.Close()
		w := newWorld(store, &bus{})
		w.run(t)
		w.commit(t, numbered(1, 70)...)
		w.wantPublished(t, numbered(1, 70)...)
		if diff := cmp.Diff([]int{32, 32, 6}, store.removed); diff != "" {
			t.Errorf("messages removed per transaction (-want +got):\n%s", diff)
		}
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestStoppingEndsTheMessageAtHandAndNoOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		finish := make(chan struct{})
		w.bus.set(func(_ context.Context, m outbox.Message) error {
			if m.ID == "b" {
				<-finish // takes its time in spite of its context
			}
			return nil
		})
		w.commit(t, "a", "b", "c")
		stopped := make(chan error, 1)
		go func() { stopped <- w.stop() }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("Run did not wait for the message at hand")
		default:
		}
		close(finish)
		if err := <-stopped; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		w.wantPublished(t, "a", "b")
		w.wantWaiting(t, 1)
		if w.log.Len() > 0 {
			t.Errorf("a stop is no failure, but the log has %s", w.log)
		}
	})
}

func TestStoppingDoesNotWaitForThePause(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bus.set(down)
		w.commit(t, "a")
		if err := w.stop(); err != nil { // the clock does not move
			t.Errorf("Run = %v, want nil", err)
		}
		w.wantWaiting(t, 1)
	})
}

func TestAClosedStoreEndsRunWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memkv.New()
		w := newWorld(store, &bus{})
		w.run(t)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		w.relay.Notify()
		synctest.Wait()
		if err := w.stop(); !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Run = %v, want ErrClosed", err)
		}
	})
}

func TestAnUnreadableRecordStopsTheLineAndIsReported(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bus.set(down)
		w.commit(t, "a", "b")
		bad := []byte(outbox.Prefix + "message/" + keys(t, w.store, outbox.Prefix+"message/")[1])
		if err := w.store.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(bad, []byte("\xfe")) }); err != nil {
			t.Fatal(err)
		}
		w.bus.set(nil)
		for range 3 {
			w.advance(30 * time.Second)
		}
		w.commit(t, "c")
		w.wantPublished(t, "a")
		w.wantWaiting(t, 2)
		if log := w.log.String(); !strings.Contains(log, "unreadable outbox record") || !strings.Contains(log, outbox.Prefix) {
			t.Errorf("the log does not name the record:\n%s", log)
		}
	})
}

// A removal that failed is tried again; to publish again would be easier.
func TestAFailedRemovalDoesNotPublishAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := faultkv.New(memkv.New())
		defer store.Close()
		if err := put(store, "a", "b"); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			store.Fail(faultkv.BeforeCommit, n+1, errDown)
		}
		w := newWorld(store, &bus{})
		w.run(t)
		for range 4 {
			w.advance(30 * time.Second)
		}
		w.wantPublished(t, "a", "b")
		w.wantWaiting(t, 0)
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestManyWritersAreRelayedInTheOrderOfTheirCommits(t *testing.T) {
	const writers, each = 8, 40
	store, err := boltkv.Open(filepath.Join(t.TempDir(), "test.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next := map[string]int{}
	got := 0
	b := &bus{answer: func(_ context.Context, m outbox.Message) error {
		var writer string
		var number int
		if _, err := fmt.Sscan(m.ID, &writer, &number); err != nil || number != next[writer] {
			t.Errorf("published %q, want number %d of that writer: %v", m.ID, next[writer], err)
		}
		next[writer]++
		if got++; got == writers*each {
			cancel()
		}
		return nil
	}}
	var log bytes.Buffer
	relay := outbox.NewRelay(store, b, slog.New(slog.NewTextHandler(&log, nil)), clock.System())
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				if err := put(store, fmt.Sprintf("writer%d %d", w, n)); err != nil {
					t.Error(err)
				}
				relay.Notify()
			}
		})
	}
	if err := relay.Run(ctx); err != nil || got != writers*each {
		t.Errorf("Run = %v after %d messages, want nil after %d", err, got, writers*each)
	}
	wg.Wait()
	if log.Len() > 0 {
		t.Errorf("the log has %s", &log)
	}
}
