// Package turn is a mutual exclusion whose waiters are served in the order of
// their arrival and can give up when a context ends.
package turn

import "context"

// Lock is held by one goroutine at a time. Make it with [New].
//
// It is a channel of capacity one: the runtime queues blocked senders first in,
// first out, and hands the slot straight to the oldest of them on release, so
// nobody overtakes.
type Lock chan struct{}

// New returns a free lock.
func New() Lock { return make(Lock, 1) }

// Acquire waits for the lock and returns nil once it is held. It returns the
// error of ctx, without the lock, when ctx is done before that.
func (l Lock) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	// Select picks at random when both became ready: the context wins.
	if err := ctx.Err(); err != nil {
		l.Release()
		return err
	}
	return nil
}

// Wait acquires the lock however long it takes.
func (l Lock) Wait() { l <- struct{}{} }

// Release gives the lock to whoever has waited longest. Only the holder calls
// it.
func (l Lock) Release() { <-l }
