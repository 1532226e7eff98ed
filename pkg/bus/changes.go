package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// ChangeKind says what kind of thing changed.
type ChangeKind string

// The kinds of changes that are announced.
const (
	// ChangeAny stands for every kind when watching. It is never announced.
	ChangeAny ChangeKind = ""
	// ChangeConnector: a connector's current revision changed, or it was deleted.
	ChangeConnector ChangeKind = "connector"
	// ChangeConnection: a connection was changed or deleted.
	ChangeConnection ChangeKind = "connection"
	// ChangeGrant: an OAuth grant was given, refreshed or revoked.
	ChangeGrant ChangeKind = "grant"
	// ChangeSubscription: a subscription was changed, paused or deleted.
	ChangeSubscription ChangeKind = "subscription"
	// ChangeEnvironment: roles, shares or data policies of an environment changed.
	ChangeEnvironment ChangeKind = "environment"
)

// Change announces that a cached copy of one resource is out of date.
type Change struct {
	// Kind is what changed.
	Kind ChangeKind
	// Environment is the id of the environment that the resource is in.
	Environment string
	// ID is the id of the resource inside its environment.
	ID string
	// Data is optional detail, such as the new revision. Announcements are not
	// protected beyond the bus itself, so it must hold no secret.
	Data []byte
}

// Message returns the announcement, ready for an outbox. id has to be different
// for each change, for example the resource name and its new etag: changes with
// the same id are announced once.
func (c Change) Message(id string) outbox.Message {
	return outbox.Message{ID: id, Subject: ChangeSubject(c.Kind, c.Environment, c.ID), Data: c.Data}
}

// Times of a watch.
const (
	// watchRetry is the pause before a watch that was interrupted starts again.
	watchRetry = 250 * time.Millisecond
	// watchHeartbeat is how often the server says that it is still there; after
	// twice that without a word the watch starts again.
	watchHeartbeat = 5 * time.Second
	// watchForgotten is when the server removes the consumer of a watcher that
	// went away without saying so.
	watchForgotten = time.Minute
)

var errGap = errors.New("an announcement was missed")

// WatchChanges calls changed for each change of a kind from now on, in the order
// in which they were announced, and blocks until ctx ends, which is no error.
// It returns an error only when the bus was closed.
//
// It also calls resync whenever changes may have been missed: once at the
// beginning, when everything from then on will be seen, and again after each
// reconnect or gap. Whoever keeps a cache drops it there. Nothing is read again
// from before the gap, since an hour-old announcement helps nobody whose cache
// is empty.
//
// Both functions are called from one goroutine, never at the same time, and
// should return soon.
func (b *Bus) WatchChanges(ctx context.Context, kind ChangeKind, changed func(Change), resync func()) error {
	for {
		err := b.watchOnce(ctx, kind, changed, resync)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the context is the orderly end
		}
		if b.conn.IsClosed() {
			return fmt.Errorf("watch changes: %w", nats.ErrConnectionClosed)
		}
		b.log.Warn("watching changes was interrupted, starting again from now", "kind", string(kind), "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-b.cfg.Clock.After(watchRetry):
		}
	}
}

// watchOnce watches on a consumer of its own until something is wrong with it.
func (b *Bus) watchOnce(ctx context.Context, kind ChangeKind, changed func(Change), resync func()) error {
	watching, stop := b.UntilDisconnect(ctx) // before the consumer exists: no loss goes unseen
	defer stop()

	// A consumer on the server's memory, without acknowledgements: it is fast and
	// may be forgotten, because each interruption begins with a new one.
	consumer, err := b.js.CreateConsumer(watching, StreamChanges, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverNewPolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubject:     ChangeFilter(kind),
		InactiveThreshold: watchForgotten,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return fmt.Errorf("create consumer: %w", err)
	}
	defer b.forget(consumer)
	messages, err := consumer.Messages(jetstream.PullHeartbeat(watchHeartbeat))
	if err != nil {
		return fmt.Errorf("read announcements: %w", err)
	}
	defer messages.Stop()

	resync() // after the consumer exists: what changes from here on is delivered
	for expected := uint64(1); ; expected++ {
		m, err := messages.Next(jetstream.NextContext(watching))
		if err != nil {
			return errors.Join(context.Cause(watching), err)
		}
		if err := b.deliver(m, expected, changed); err != nil {
			return err
		}
	}
}

// deliver hands one announcement over, after checking that none is missing
// before it: the server numbers what it sends to a consumer from 1 without gaps.
func (b *Bus) deliver(m jetstream.Msg, expected uint64, changed func(Change)) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read announcement: %w", err)
	}
	if meta.Sequence.Consumer != expected {
		return errGap
	}
	kind, environment, id, err := ParseChange(m.Subject())
	if err != nil { // somebody else's subject: no reason to stop watching
		b.log.Warn("announcement is not understood", "error", err)
		return nil
	}
	changed(Change{Kind: kind, Environment: environment, ID: id, Data: m.Data()})
	return nil
}

// forget removes a consumer, as a courtesy: the server does it by itself later.
func (b *Bus) forget(consumer jetstream.Consumer) {
	if !b.conn.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := b.js.DeleteConsumer(ctx, StreamChanges, consumer.CachedInfo().Name); err != nil {
		b.log.Debug("the consumer of a watch was not removed", "error", err)
	}
}
