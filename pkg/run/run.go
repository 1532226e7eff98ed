// Package run keeps the parts of a process together: it starts them, stops all
// of them when one ends, and closes what they used, in the right order and
// within one deadline.
//
// A [Group] holds parts, which run until their context ends, and stop
// functions, which close what the parts stood on:
//
//	g := run.New(run.Config{StopTimeout: 10 * time.Second})
//	store, err := boltkv.Open(path, boltkv.Options{})
//	…
//	g.OnStop("store", func(context.Context) error { return store.Close() })
//	g.Add("grpc", server.Run)
//	g.Add("relay", relay.Run)
//	return g.Run(ctx)
package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultStopTimeout is how long stopping may take when [Config] does not say.
// It is below the ten seconds that container engines wait before they kill.
const DefaultStopTimeout = 8 * time.Second

// ErrStillRunning is what a part or a stop function is reported with when it
// has not returned within its share of the stop timeout.
var ErrStillRunning = errors.New("still running after the stop timeout")

// Config of a [Group]. The zero value is ready to use.
type Config struct {
	// StopTimeout bounds everything that happens after the first part has
	// ended or the context of [Group.Run] was cancelled. At most half of it is
	// spent on waiting for parts, so that the stop functions always have the
	// other half. Zero means [DefaultStopTimeout].
	StopTimeout time.Duration
}

// Group runs parts together. Build it in one goroutine with Add and OnStop,
// then call Run, or Stop, once.
type Group struct {
	timeout time.Duration
	parts   []task
	stops   []task
	used    sync.Once
}

// task is a named function: a part or a stop function.
type task struct {
	name string
	run  func(context.Context) error
}

// outcome is what became of the part with the given index.
type outcome struct {
	index int
	err   error
}

// New returns an empty group.
func New(cfg Config) *Group {
	if cfg.StopTimeout <= 0 {
		cfg.StopTimeout = DefaultStopTimeout
	}
	return &Group{timeout: cfg.StopTimeout}
}

// Add registers a part. The name appears in errors. f must return soon after
// its context has ended; when it returns earlier, even with nil, the whole
// group stops. A panic in f is an error of the part, not the end of the process.
func (g *Group) Add(name string, f func(ctx context.Context) error) {
	g.parts = append(g.parts, task{name: name, run: f})
}

// OnStop registers a function that runs after all parts have ended, in the
// reverse order of registration. Its context carries the deadline of the stop.
func (g *Group) OnStop(name string, f func(ctx context.Context) error) {
	g.stops = append(g.stops, task{name: name, run: f})
}

// Run starts every part and blocks until all parts and stop functions have
// ended, or their time is over. It returns the errors of all of them, each
// with its name in front, joined; nil when all ended well. A part that answers
// the stop with [context.Canceled] has ended well; one that returns it while
// nobody asked it to stop has not. A group without parts waits for ctx.
//
// What is still running when its time is over is abandoned and reported as
// [ErrStillRunning]: the process is expected to exit next.
func (g *Group) Run(ctx context.Context) error {
	g.once("Run")
	running, cancel := context.WithCancel(ctx)
	defer cancel()

	results := make(chan outcome, len(g.parts)) // buffered: an abandoned part must not block for ever
	for i, p := range g.parts {
		launch(running, p.run, func(err error) { results <- outcome{index: i, err: err} })
	}

	var ended []outcome
	select {
	case o := <-results:
		if ctx.Err() != nil {
			o.err = obeyed(o.err)
		}
		ended = append(ended, o)
	case <-ctx.Done():
	}
	cancel()

	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
	defer done()
	return errors.Join(g.collect(results, ended), g.stop(stopping))
}

// Stop runs the stop functions without ever having started the parts: for a
// process whose construction failed halfway. It takes the place of Run.
func (g *Group) Stop(ctx context.Context) error {
	g.once("Stop")
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
	defer done()
	return g.stop(stopping)
}

// once guards against a second use, which would close everything twice.
func (g *Group) once(method string) {
	first := false
	g.used.Do(func() { first = true })
	if !first {
		panic("run: " + method + " on a group that was already run or stopped")
	}
}

// collect waits for the parts that have not ended yet, for half of the stop
// timeout, and joins the errors in the order in which the parts were added.
func (g *Group) collect(results <-chan outcome, ended []outcome) error {
	deadline := time.NewTimer(g.timeout / 2)
	defer deadline.Stop()

	errs := make([]error, len(g.parts))
	for i := range errs {
		errs[i] = ErrStillRunning
	}
	for _, o := range ended {
		errs[o.index] = o.err
	}
	for range len(g.parts) - len(ended) {
		select {
		case o := <-results:
			errs[o.index] = obeyed(o.err)
			continue
		case <-deadline.C:
		}
		break
	}
	for i, err := range errs {
		errs[i] = named(g.parts[i].name, err)
	}
	return errors.Join(errs...)
}

// stop runs the stop functions, last registered first. One that overruns the
// deadline does not keep the others from being called.
func (g *Group) stop(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(g.stops) {
		errs = append(errs, named("stop "+s.name, bounded(ctx, s.run)))
	}
	return errors.Join(errs...)
}

// bounded calls f and gives up on it when ctx ends. A function that has
// returned by then is never reported as still running.
func bounded(ctx context.Context, f func(context.Context) error) error {
	result := make(chan error, 1)
	launch(ctx, f, func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	// After the deadline every remaining function still gets a moment: most
	// close something local and need no more than that.
	last := time.NewTimer(lastMoment)
	defer last.Stop()
	select {
	case err := <-result:
		return err
	case <-last.C:
		return ErrStillRunning
	}
}

// lastMoment is what a stop function gets when others have used up the time.
const lastMoment = 100 * time.Millisecond

// named puts the name of a part before its error.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// obeyed turns the usual answer to a stop into success.
func obeyed(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
