package orphans_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/orphans"
)

// TestWhatCannotBeDoneIsToldOnceAndTriedAgain: a registry that is away fails for
// thousands of resources at once.
func TestWhatCannotBeDoneIsToldOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var asked atomic.Int64
		var back atomic.Bool
		clk := clocktest.New(time.Unix(0, 0))
		sweeper := orphans.New(orphans.Config{
			Exists: orphans.Exists{Connection: func(context.Context, resource.Connection) error {
				asked.Add(1)
				if back.Load() {
					return nil
				}
				return fault.Unavailable(fault.ReasonServiceUnavailable, "the vault is away")
			}},
			Clock: clk, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		for i := range 3 {
			sweeper.Connection(resource.Connection{Environment: "e", ID: fmt.Sprint("c", i)})
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- sweeper.Run(ctx) }()
		synctest.Wait()
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "resources=3") || asked.Load() != 3 {
			t.Errorf("%d were asked for, and the log has\n%s", asked.Load(), log.String())
		}
		back.Store(true)
		clk.Advance(time.Minute)
		synctest.Wait()
		clk.Advance(time.Minute)
		synctest.Wait()
		if asked.Load() != 6 || strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("%d were asked for, and the log has\n%s", asked.Load(), log.String())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
