package bus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The headers of a batch that is stored as a whole or not at all (NATS ADR-50).
const (
	headerBatch       = "Nats-Batch-Id"
	headerBatchPlace  = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
)

const (
	// fewestTogether is from how many messages on a batch is faster than one message
	// after the other: the server syncs about six files for each batch.
	fewestTogether = 8
	// mostTogether bounds a batch: the server takes 1,000 messages.
	mostTogether = 256
	// largestTogether is the largest message that is part of a batch, in bytes. For a
	// larger one the sync is not what takes long.
	largestTogether = 64 << 10
)

// together stores events that are published at the same time with one batch, on a
// server that syncs each message by itself otherwise. Of those who wait one works for
// all, and hands that on when its own message is safe: so nothing runs in the
// background, and who is alone waits for nobody.
type together struct {
	bus *Bus

	mu      sync.Mutex
	working bool
	waiting []*publishing
}

// publishing is a message on its way.
type publishing struct {
	msg  *nats.Msg
	done chan error    // readable when its fate is known
	lead chan struct{} // readable when it is its turn to work for all
}

// suits says whether a message may be part of a batch: all of a batch go to one stream.
func (*together) suits(msg *nats.Msg) bool {
	return strings.HasPrefix(msg.Subject, eventPrefix) && msg.Size() <= largestTogether
}

// publish returns when a message is safe.
func (t *together) publish(ctx context.Context, msg *nats.Msg) error {
	p := &publishing{msg: msg, done: make(chan error, 1), lead: make(chan struct{}, 1)}
	t.mu.Lock()
	t.waiting = append(t.waiting, p)
	if !t.working {
		t.working = true
		p.lead <- struct{}{}
	}
	t.mu.Unlock()
	select {
	case err := <-p.done:
		return err
	case <-p.lead:
	case <-ctx.Done():
		return t.leave(ctx, p)
	}
	t.store(ctx, t.take())
	t.handOn()
	return <-p.done // who leads is the first of those who wait
}

// leave ends waiting. A message that is on its way already may become safe all the same.
func (t *together) leave(ctx context.Context, p *publishing) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.waiting {
		if other == p {
			t.waiting = append(t.waiting[:i:i], t.waiting[i+1:]...)
		}
	}
	select {
	case <-p.lead:
		t.next()
	default:
	}
	return ctx.Err()
}

// take returns those who wait, as many as fit.
func (t *together) take() []*publishing {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), mostTogether)
	batch := t.waiting[:n:n]
	t.waiting = t.waiting[n:]
	return batch
}

func (t *together) handOn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// next makes the first of those who wait work, if there is one.
func (t *together) next() {
	if t.working = len(t.waiting) > 0; t.working {
		t.waiting[0].lead <- struct{}{}
	}
}

// store stores messages and tells everyone what became of theirs.
func (t *together) store(ctx context.Context, batch []*publishing) {
	// The others are not to suffer from the one who works leaving.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.bus.cfg.PublishTimeout)
	defer cancel()
	if len(batch) < fewestTogether {
		t.each(batch)
		return
	}
	err := t.commit(ctx, batch)
	if err != nil && ctx.Err() == nil {
		// What it was refused for, such as one message that is there already, is that
		// one's alone. Should all be stored all the same, their ids make this harmless.
		t.each(batch)
		return
	}
	for _, p := range batch {
		p.done <- err
	}
}

// each stores messages one by one, in their order.
func (t *together) each(batch []*publishing) {
	futures := make([]jetstream.PubAckFuture, len(batch))
	for i, p := range batch {
		var err error
		if futures[i], err = t.bus.js.PublishMsgAsync(p.msg); err != nil {
			p.done <- err
		}
	}
	for i, p := range batch {
		if futures[i] == nil {
			continue
		}
		select { // after Config.PublishTimeout at the latest
		case <-futures[i].Ok():
			p.done <- nil
		case err := <-futures[i].Err():
			p.done <- err
		}
	}
}

// commit stores messages as one batch.
func (t *together) commit(ctx context.Context, batch []*publishing) error {
	id, last := rand.Text(), len(batch)-1
	for i, p := range batch {
		msg := &nats.Msg{Subject: p.msg.Subject, Data: p.msg.Data, Header: maps.Clone(p.msg.Header)}
		msg.Header[headerBatch], msg.Header[headerBatchPlace] = []string{id}, []string{strconv.Itoa(i + 1)}
		if i < last {
			if err := t.bus.conn.PublishMsg(msg); err != nil {
				return fmt.Errorf("publish a batch: %w", err)
			}
			continue
		}
		msg.Header[headerBatchCommit] = []string{"1"}
		answer, err := t.bus.conn.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return fmt.Errorf("commit a batch: %w", err)
		}
		return confirmed(answer.Data, len(batch))
	}
	return nil
}

// confirmed reads the confirmation of a batch.
func confirmed(data []byte, count int) error {
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Count int                 `json:"count"`
	}
	if err := json.Unmarshal(data, &ack); err != nil {
		return fmt.Errorf("read the confirmation of a batch: %w", err)
	}
	if ack.Error != nil {
		return fmt.Errorf("commit a batch: %w", ack.Error)
	}
	if ack.Count != count {
		return fmt.Errorf("of a batch of %d messages %d were confirmed", count, ack.Count)
	}
	return nil
}
