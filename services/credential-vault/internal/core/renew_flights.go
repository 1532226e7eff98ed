package core

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/run"
)

// flights lets callers that want the same thing at the same moment share one
// execution, which goes on when they stop waiting. The zero value is not ready;
// see newFlights.
type flights[K comparable, V any] struct {
	most int // how many there may be at once; 0 for any number

	mu       sync.Mutex
	closed   bool // nothing begins any more
	under    map[K]*flight[V]
	finished sync.WaitGroup
}

// flight is one execution.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newFlights[K comparable, V any](most int) *flights[K, V] {
	return &flights[K, V]{most: most, under: map[K]*flight[V]{}}
}

// start begins an execution, unless one for the same key is under way, which is
// then the one that it returns. fly gets the values of ctx, and not its end. It is
// SERVICE_UNAVAILABLE if nothing may begin any more, and LIMIT_REACHED if there
// are too many.
func (f *flights[K, V]) start(ctx context.Context, key K, fly func(context.Context) (V, error)) (*flight[V], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if under, ok := f.under[key]; ok {
		return under, nil
	}
	switch {
	case f.closed:
		return nil, stopping()
	case f.most > 0 && len(f.under) >= f.most:
		return nil, fault.Exhausted(fault.ReasonLimitReached,
			"the vault waits for %d answers of providers already, which is as many as it may; try again", f.most).RetryAfter(time.Second)
	}
	begun := &flight[V]{done: make(chan struct{})}
	f.under[key] = begun
	f.finished.Go(func() {
		defer func() {
			f.mu.Lock()
			delete(f.under, key)
			f.mu.Unlock()
			close(begun.done)
		}()
		begun.value, begun.err = guarded(context.WithoutCancel(ctx), fly)
	})
	return begun, nil
}

// stopping is for what is not begun because the process ends.
func stopping() *fault.Error {
	return fault.Unavailable(fault.ReasonServiceUnavailable, "the vault is shutting down; try again").RetryAfter(time.Second)
}

// guarded turns a panic into an error of those who wait: nobody else is there to
// recover from it.
func guarded[V any](ctx context.Context, f func(context.Context) (V, error)) (value V, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &run.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f(ctx)
}

// wait returns what came of a flight, or the error of ctx if that ends first.
func (f *flight[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-f.done:
		return f.value, f.err
	default:
	}
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// count returns how many are under way.
func (f *flights[K, V]) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.under)
}

// close lets nothing begin any more.
func (f *flights[K, V]) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// drain waits for all that are under way. Only after close is nothing under way
// then.
func (f *flights[K, V]) drain() { f.finished.Wait() }
