package turn_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ferrule-dev/ferrule/pkg/kv/internal/turn"
)

// The order is what lets a group of transactions know that all who were waiting
// have had their turn.
func TestTurnsComeInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := turn.New()
		l.Wait()
		var order []int
		for i := range 5 {
			go func() {
				if i%2 == 0 {
					l.Wait()
				} else if err := l.Acquire(context.Background()); err != nil {
					t.Error(err)
				}
				order = append(order, i)
				l.Release()
			}()
			synctest.Wait()
		}
		// Whoever releases and comes back is behind all who wait.
		l.Release()
		l.Wait()
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(order, want) {
			t.Errorf("order of the turns before mine = %v, want %v", order, want)
		}
		l.Release()
	})
}

func TestAWaiterWhoseContextEndsLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := turn.New()
		l.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- l.Acquire(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("Acquire = %v, want context.Canceled", err)
		}
		l.Release()
		if err := l.Acquire(t.Context()); err != nil {
			t.Errorf("the next Acquire = %v", err)
		}
	})
}

func TestADoneContextNeverGetsAFreeLock(t *testing.T) {
	l := turn.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // a select between two ready cases would pick either
		if err := l.Acquire(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("Acquire = %v, want context.Canceled", err)
		}
	}
	l.Wait() // still free
}

// With one processor the waiter sees nothing between the two calls, so that it
// has been given the lock and has lost its context at the same time.
func TestTheContextWinsOverALockThatComesAtTheSameTime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		l := turn.New()
		l.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- l.Acquire(ctx) }()
		synctest.Wait()
		l.Release()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Acquire = %v, want context.Canceled", err)
		}
		l.Wait() // given back
	})
}
