package requestlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// maxQueued and maxQueuedBytes bound what waits to be written.
	maxQueued      = 1000
	maxQueuedBytes = 16 << 20
	// batchSize is how many entries are under way at the same time.
	batchSize = 64
	// ackTime is the time for the bus to take an entry, and stopTime that for all
	// at the end.
	ackTime  = 5 * time.Second
	stopTime = 2 * time.Second
	// idHeader says which log an entry belongs to.
	idHeader = "Ferrule-Request-Log"
)

// errNotConnected means that there is no bus to write to now.
var errNotConnected = errors.New("not connected to the bus")

// item is an entry that waits to be written.
type item struct {
	connection resource.Connection
	id         string    // of the log
	until      time.Time // when the log expires
	message    string    // id of the entry
	subject    string
	data       []byte
}

// queue holds entries in order. It is safe for concurrent use.
type queue struct {
	dropped metric.Int64Counter
	wake    chan struct{} // has a token when there is something to write

	mu    sync.Mutex
	items []item
	bytes int
}

// put adds an entry, in place of the oldest ones if there is no room.
func (q *queue) put(ctx context.Context, it item) {
	q.mu.Lock()
	q.items = append(q.items, it)
	q.bytes += len(it.data)
	dropped := q.trim()
	q.mu.Unlock()
	if dropped > 0 {
		q.dropped.Add(ctx, dropped)
	}
	select {
	case q.wake <- struct{}{}:
	default: // it has been told already
	}
}

// trim drops the oldest entries until the rest is within bounds.
func (q *queue) trim() (dropped int64) {
	for len(q.items) > maxQueued || q.bytes > maxQueuedBytes {
		q.bytes -= len(q.items[0].data)
		q.items[0] = item{}
		q.items = q.items[1:]
		dropped++
	}
	return dropped
}

// take removes the oldest entries.
func (q *queue) take() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.items[:min(len(q.items), batchSize):min(len(q.items), batchSize)]
	q.items = q.items[len(batch):]
	for _, it := range batch {
		q.bytes -= len(it.data)
	}
	return batch
}

// restore puts entries back in front, as far as there is room.
func (q *queue) restore(ctx context.Context, batch []item) {
	q.mu.Lock()
	q.items = append(batch, q.items...)
	for _, it := range batch {
		q.bytes += len(it.data)
	}
	dropped := q.trim()
	q.mu.Unlock()
	if dropped > 0 {
		q.dropped.Add(ctx, dropped)
	}
}

// send writes entries until ctx ends, and then what is queued.
func (l *Log) send(ctx context.Context) error {
	js, err := jetstream.New(l.bus.Conn(), jetstream.WithPublishAsyncTimeout(ackTime), jetstream.WithPublishAsyncMaxPending(2*batchSize))
	if err != nil {
		return fmt.Errorf("write request log: %w", err)
	}
	var retry <-chan time.Time
	wake, failing := l.queue.wake, false
	for {
		select {
		case <-ctx.Done():
			l.finish(context.WithoutCancel(ctx), js)
			return nil
		case <-retry:
		case <-wake:
		}
		wake, retry = l.queue.wake, nil
		err := l.drain(context.WithoutCancel(ctx), js) // what is under way is waited for
		if err != nil && ctx.Err() == nil {
			wake, retry = nil, l.clock.After(retryWait) // more entries do not bring the bus back
			if !failing {
				l.log.WarnContext(ctx, "entries of request logs were not written; trying again", "error", err)
			}
		}
		failing = err != nil
	}
}

// finish writes what is queued.
func (l *Log) finish(ctx context.Context, js jetstream.JetStream) {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := l.drain(ctx, js); err != nil {
		l.log.WarnContext(ctx, "the last entries of request logs were not written", "error", err)
	}
}

// drain writes until nothing is left. What the bus did not take goes back. It
// takes ackTime at most for what is under way.
func (l *Log) drain(ctx context.Context, js jetstream.JetStream) error {
	for {
		batch := l.queue.take()
		if len(batch) == 0 {
			return nil
		}
		if left, err := l.publish(ctx, js, batch); err != nil {
			l.queue.restore(ctx, left)
			return err
		}
	}
}

// publish writes entries of logs that are still on, and returns those that did
// not arrive, as far as is known: the bus knows them by their ids for ten minutes.
func (l *Log) publish(ctx context.Context, js jetstream.JetStream, batch []item) (left []item, err error) {
	if !l.bus.Conn().IsConnected() {
		return batch, errNotConnected
	}
	sent := make([]item, 0, len(batch))
	futures := make([]jetstream.PubAckFuture, 0, len(batch))
	for i, it := range batch {
		if !l.wanted(it) {
			continue
		}
		future, failed := js.PublishMsgAsync(&nats.Msg{
			Subject: it.subject, Data: it.data, Header: nats.Header{idHeader: {it.id}, nats.MsgIdHdr: {it.message}},
		})
		if failed != nil {
			left, err = append(left, batch[i:]...), failed
			break
		}
		sent, futures = append(sent, it), append(futures, future)
	}
	var late []item
	for i, future := range futures {
		if failed := acked(ctx, future); failed != nil {
			late, err = append(late, sent[i]), failed
		}
	}
	return append(late, left...), err
}

// wanted reports whether the log that an entry belongs to was not switched off.
// One that has expired since keeps the entry.
func (l *Log) wanted(it item) bool {
	if active := l.active.Load(); active != nil {
		if tap := (*active)[it.connection]; tap != nil {
			return tap.id == it.id
		}
	}
	return !l.clock.Now().Before(it.until)
}

// acked waits until the bus has taken an entry.
func acked(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err(): // after ackTime at the latest
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
