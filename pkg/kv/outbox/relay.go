package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv"
)

const (
	// batch is how many messages are read and removed in one transaction. With
	// the greatest messages that is 32 MiB of memory, and after a crash it is
	// how many can be published twice.
	batch = 32

	// poll is how long the relay waits for Notify before it looks by itself. It
	// finds what was committed by a call that failed to notify, such as an
	// Update whose outcome its caller could not tell.
	poll = 10 * time.Second

	// firstPause and lastPause bound the pause after a failure. It doubles from
	// the one to the other, and starts anew once something has been published.
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Publisher sends messages.
type Publisher interface {
	// Publish returns nil once the receiving side has taken responsibility for
	// m. After any error m is published again, so an error that cannot go away
	// stops all messages behind it. Publish returns soon after ctx is done and
	// bounds by itself how long it waits. It owns m. It is called by one
	// goroutine at a time.
	Publish(ctx context.Context, m Message) error
}

// Relay publishes the messages of one store. Two relays on one store publish
// everything twice and in no particular order.
type Relay struct {
	store     kv.Store
	publisher Publisher
	log       *slog.Logger
	clock     clock.Clock
	wake      chan struct{}

	published [][]byte // keys of messages published and not yet removed; Run's own
}

// NewRelay returns a relay that starts with Run. It owns none of its parts.
func NewRelay(store kv.Store, publisher Publisher, log *slog.Logger, clk clock.Clock) *Relay {
	return &Relay{store: store, publisher: publisher, log: log, clock: clk, wake: make(chan struct{}, 1)}
}

// Notify makes the relay look for messages now. It never blocks, may be called
// from many goroutines, before Run, and for nothing. It does not shorten the
// pause after a failure.
func (r *Relay) Notify() {
	select {
	case r.wake <- struct{}{}:
	default: // the relay is going to look anyway
	}
}

// Run publishes what is in the outbox and what comes, in order, until ctx is
// done; then it ends the message at hand, removes what has been published, and
// returns nil. Failures of the publisher and the store are logged and retried
// after a pause. Run returns an error only when the store is closed beneath it.
// It is called once at a time and starts no goroutines.
func (r *Relay) Run(ctx context.Context) error {
	pause := firstPause
	for ctx.Err() == nil {
		progress, err := r.drain(ctx)
		if progress {
			pause = firstPause
		}
		switch {
		case errors.Is(err, kv.ErrClosed):
			return fmt.Errorf("relay outbox: %w", err)
		case ctx.Err() != nil:
			// Stopped: an error of now is most likely that of ctx.
		case err != nil:
			r.log.WarnContext(ctx, "outbox relay failed and will retry", "error", err, "pause", pause)
			r.wait(ctx, nil, pause)
			pause = min(2*pause, lastPause)
		default:
			r.wait(ctx, r.wake, poll)
		}
	}
	return nil
}

// wait returns when d has passed, wake has a value, or ctx is done.
func (r *Relay) wait(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-wake:
	case <-r.clock.After(d):
	}
}

// drain publishes until the outbox is empty or something fails, and reports
// whether it has published anything.
func (r *Relay) drain(ctx context.Context) (progress bool, err error) {
	for {
		// What could not be removed before comes first: reading it again would
		// publish it again.
		if err := r.remove(ctx); err != nil {
			return progress, err
		}
		pairs, err := r.read(ctx)
		if err != nil {
			return progress, err
		}
		err = r.publish(ctx, pairs)
		progress = progress || len(r.published) > 0
		if err != nil {
			return progress, errors.Join(err, r.remove(ctx))
		}
		if len(pairs) < batch {
			return progress, r.remove(ctx)
		}
	}
}

// read returns the oldest messages. The transaction is over when it returns:
// publishing inside it would let the store's file grow for as long as the
// publisher takes.
func (r *Relay) read(ctx context.Context) (pairs []kv.Pair, err error) {
	err = r.store.View(ctx, func(tx kv.Reader) (err error) {
		pairs, err = tx.Scan([]byte(messagePrefix), nil, batch)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return pairs, nil
}

// publish sends one message after the other until one fails.
func (r *Relay) publish(ctx context.Context, pairs []kv.Pair) error {
	for _, p := range pairs {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := decode(p.Value)
		if err != nil {
			return fmt.Errorf("key %q: %w", p.Key, err)
		}
		id, subject := m.ID, m.Subject
		if err := r.publisher.Publish(ctx, m); err != nil {
			return fmt.Errorf("publish message %q to %q: %w", id, subject, err)
		}
		r.published = append(r.published, p.Key)
	}
	return nil
}

// remove deletes what has been published. It does so also when ctx is done, as
// that is no reason to publish it again after the restart.
func (r *Relay) remove(ctx context.Context) error {
	if len(r.published) == 0 {
		return nil
	}
	err := r.store.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		for _, key := range r.published {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove published messages from outbox: %w", err)
	}
	r.published = nil
	return nil
}
