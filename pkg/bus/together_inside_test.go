package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// joint returns a bus that publishes together, on a server that syncs each message.
func joint(t *testing.T) (*Bus, *embedded.Server) {
	t.Helper()
	return jointIn(t, t.TempDir())
}

// jointIn is joint in a directory that may have been used before.
func jointIn(t *testing.T, dir string) (*Bus, *embedded.Server) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Sync: embedded.SyncAlways, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	b, err := Connect(t.Context(), Config{Name: t.Name(), InProcess: server, Log: log, Together: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b, server
}

const togetherSubject = "ferrule.event.e.c.o.s"

// several are messages with the ids from one number to another.
func several(from, to int) (batch []*publishing) {
	for n := range to - from {
		id := strconv.Itoa(from + n)
		batch = append(batch, &publishing{done: make(chan error, 1), lead: make(chan struct{}, 1), msg: &nats.Msg{
			Subject: togetherSubject, Data: []byte(id), Header: nats.Header{jetstream.MsgIDHeader: {id}, "Kept": {"as it was"}},
		}})
	}
	return batch
}

// kept returns the data of all events in their order, and how many were part of a batch.
func kept(t *testing.T, b *Bus) (data []string, inBatch int) {
	t.Helper()
	stream, err := b.js.Stream(t.Context(), StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	for n := range stream.CachedInfo().State.Msgs {
		m, err := stream.GetMsg(t.Context(), n+1)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, string(m.Data))
		if m.Header.Get(headerBatch) != "" {
			inBatch++
		}
	}
	return data, inBatch
}

func TestMessagesThatArePublishedTogetherAreStoredInOneBatch(t *testing.T) {
	b, _ := joint(t)
	batch := several(0, 20)
	b.together.store(t.Context(), batch)
	for _, p := range batch {
		if err := <-p.done; err != nil {
			t.Error(err)
		}
		if p.msg.Header.Get("Kept") == "" || p.msg.Header.Get(headerBatch) != "" {
			t.Errorf("header %v", p.msg.Header)
		}
	}
	data, inBatch := kept(t, b)
	if len(data) != 20 || inBatch != 20 || data[0] != "0" || data[19] != "19" {
		t.Errorf("%q, of which %d in a batch", data, inBatch)
	}
}

func TestFewMessagesAreStoredOneByOneSinceThatIsFaster(t *testing.T) {
	b, _ := joint(t)
	batch := several(0, fewestTogether-1)
	b.together.store(t.Context(), batch)
	for _, p := range batch {
		if err := <-p.done; err != nil {
			t.Error(err)
		}
	}
	if data, inBatch := kept(t, b); len(data) != fewestTogether-1 || inBatch != 0 {
		t.Errorf("%q, of which %d in a batch", data, inBatch)
	}
}

func TestAMessageThatIsThereAlreadySpoilsABatchForNobody(t *testing.T) {
	b, _ := joint(t)
	if err := b.Publish(t.Context(), outbox.Message{ID: "7", Subject: togetherSubject, Data: []byte("7")}); err != nil {
		t.Fatal(err)
	}
	batch := append(several(0, 12), several(3, 5)...) // and two of them twice
	b.together.store(t.Context(), batch)
	for i, p := range batch {
		if err := <-p.done; err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if data, _ := kept(t, b); len(data) != 12 {
		t.Errorf("%q", data)
	}
}

func TestManyWhoPublishAtTheSameTimeAllGetTheirEventsStoredOnce(t *testing.T) {
	b, _ := joint(t)
	const publishers, each = 40, 10
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for n := range each {
				id := fmt.Sprintf("%d-%d", p, n)
				err := b.Publish(t.Context(), outbox.Message{ID: id, Subject: togetherSubject, Data: []byte(id)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishing.Wait()
	data, inBatch := kept(t, b)
	seen := map[string]bool{}
	next := map[string]int{} // of each publisher: its own order is kept
	for _, id := range data {
		seen[id] = true
		var p, n int
		if _, err := fmt.Sscanf(id, "%d-%d", &p, &n); err != nil || next[strconv.Itoa(p)] != n {
			t.Errorf("%s is out of order", id)
		}
		next[strconv.Itoa(p)]++
	}
	if len(data) != publishers*each || len(seen) != publishers*each {
		t.Errorf("%d events, %d different", len(data), len(seen))
	}
	if inBatch == 0 {
		t.Error("nothing was published together")
	}
	if b.together.working || len(b.together.waiting) > 0 {
		t.Error("somebody is still at work")
	}
}

func TestWhatWasPublishedTogetherIsThereAfterARestartAndNotStoredAgain(t *testing.T) {
	dir := t.TempDir()
	b, server := jointIn(t, dir)
	b.together.store(t.Context(), several(0, 20))
	b.Close()
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, _ = jointIn(t, dir)
	again := several(10, 30) // whoever was not answered asks again
	b.together.store(t.Context(), again)
	for _, p := range again {
		if err := <-p.done; err != nil {
			t.Error(err)
		}
	}
	if data, _ := kept(t, b); len(data) != 30 {
		t.Errorf("%d events: %q", len(data), data)
	}
}

func TestWhoPublishesTogetherIsToldThatTheBusIsGone(t *testing.T) {
	_, server := joint(t)
	b, err := Connect(t.Context(), Config{
		Name: "impatient", InProcess: server, Log: slog.New(slog.DiscardHandler), Together: true, PublishTimeout: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch := several(0, 10)
	b.together.store(t.Context(), batch)
	for _, p := range batch {
		if err := <-p.done; err == nil {
			t.Error("confirmed by nobody")
		}
	}
	err = b.Publish(t.Context(), outbox.Message{ID: "x", Subject: togetherSubject})
	if fault.CodeOf(err) != fault.CodeUnavailable {
		t.Error(err)
	}
}

func TestWhoLeavesHandsTheWorkOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := &together{working: true} // by somebody else
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 2)
		for _, p := range several(0, 2) {
			go func() { left <- both.publish(ctx, p.msg) }()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		both.handOn()
		if both.working || len(both.waiting) > 0 {
			t.Error("those who left still wait")
		}
		leaver, stays := several(0, 1)[0], several(1, 2)[0]
		both.working, both.waiting = true, []*publishing{leaver, stays}
		leaver.lead <- struct{}{}
		if err := both.leave(ctx, leaver); !errors.Is(err, context.Canceled) || len(stays.lead) != 1 || !both.working {
			t.Errorf("%v; nobody works for those who stay", err)
		}
	})
}

func TestABatchHoldsNoMoreThanTheServerTakes(t *testing.T) {
	waits := &together{waiting: several(0, mostTogether+5)}
	if batch := waits.take(); len(batch) != mostTogether || len(waits.waiting) != 5 {
		t.Errorf("%d taken, %d left", len(batch), len(waits.waiting))
	}
	large := &nats.Msg{Subject: togetherSubject, Data: make([]byte, largestTogether)}
	if waits.suits(large) || waits.suits(&nats.Msg{Subject: "ferrule.delivery.e.s.k"}) || !waits.suits(&nats.Msg{Subject: togetherSubject}) {
		t.Error("what suits a batch is judged wrongly")
	}
}

func TestAConfirmationOfABatchIsReadWithCare(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"stream":"S","seq":3,"batch":"b","count":3}`:                                    true,
		`{"stream":"S","seq":3,"batch":"b","count":2}`:                                    false,
		`{"error":{"code":400,"err_code":10201,"description":"no"},"stream":"S","seq":0}`: false,
		``: false,
	} {
		if err := confirmed([]byte(text), 3); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
