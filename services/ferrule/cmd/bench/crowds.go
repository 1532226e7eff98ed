package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/crowd"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
)

// polledAtMost is how many subscriptions are polled every minute.
const polledAtMost = 100_000

// crowds measures many polling subscriptions.
func (r *run) crowds(ctx context.Context, o *notices.Outcome) error {
	nats, err := r.start(ctx, roleNATS, task{Sync: r.schedules})
	if err != nil {
		return err
	}
	dir, err := r.folder()
	if err != nil {
		return err
	}
	sizes := []int{r.subscriptions}
	for smaller := r.subscriptions / 10; smaller >= smallestCrowd; smaller /= 10 {
		sizes = append([]int{smaller}, sizes...)
	}
	r.say("%v polling subscriptions, two minutes for each besides their registration", sizes)
	return r.ask(ctx, roleCrowd, task{NATS: "nats://" + nats, Folder: dir, Sizes: sizes}, &o.Crowds)
}

// smallestCrowd is the least number of subscriptions that says something.
const smallestCrowd = 10_000

// playTrigger plays the roles around triggers that end by themselves. The second
// result is false for others.
func (t task) playTrigger(ctx context.Context, role string, out io.Writer) (bool, error) {
	var outcome any
	var err error
	clk := clock.System()
	switch role {
	case roleNotify:
		var calls []measure.Call
		if calls, err = notices.Calls(clk, t.Notify, t.Connections); err == nil {
			outcome, err = measure.Run(ctx, measure.Config{Clock: clk, Warmup: t.Warmup, Duration: t.Duration}, calls)
		}
	case roleSteady:
		outcome, err = notices.Steady(ctx, clk, t.Notify, steadyRate, t.Duration)
	case roleCrowd:
		outcome, err = crowd.Measure(ctx, crowd.Config{
			Dir: t.Folder, NATS: t.NATS, Sizes: t.Sizes, Polled: polledAtMost, Clock: clk, Progress: os.Stderr,
		})
	default:
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, json.NewEncoder(out).Encode(outcome)
}

// serveTrigger plays the roles around triggers that serve at l. The first result is
// false for others.
func (t task) serveTrigger(ctx context.Context, role string, l net.Listener) (bool, error) {
	if role == roleNotices {
		return true, baseline.ServeHTTP(ctx, l, notices.NewAPI(clock.System()))
	}
	if role != roleNATS && role != roleBare {
		return false, nil
	}
	dir, err := os.MkdirTemp("", "ferrule-bench-")
	if err != nil {
		return true, fmt.Errorf("make a directory for the message bus: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sync := embedded.SyncAlways
	if t.Sync == syncInterval {
		sync = embedded.SyncInterval
	}
	if role == roleNATS {
		return true, crowd.Bus(ctx, dir, sync, l)
	}
	handler, done, err := notices.NewBare(ctx, dir, sync)
	if err != nil {
		return true, errors.Join(err, l.Close())
	}
	defer done()
	return true, baseline.ServeHTTP(ctx, l, handler)
}
