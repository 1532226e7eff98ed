package gate_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/internal/gate"
)

func TestCloseWaitsForAllInsideAndLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		for range 2 {
			if err := g.Enter(); err != nil {
				t.Fatal(err)
			}
		}
		var closed atomic.Bool
		for range 2 { // every call of Close waits
			go func() { g.Close(); closed.Store(true) }()
		}
		for left := range 2 {
			synctest.Wait()
			if closed.Load() {
				t.Errorf("Close returned after %d of 2 have left", left)
			}
			if err := g.Enter(); !errors.Is(err, kv.ErrClosed) {
				t.Errorf("Enter while closing = %v, want ErrClosed", err)
			}
			g.Leave()
		}
		synctest.Wait()
		if !closed.Load() {
			t.Error("Close goes on waiting after all have left")
		}
		g.Close()
	})
}
