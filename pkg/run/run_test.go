package run_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// obedient is a part that runs until it is told to stop.
func obedient(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// journal records what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) read() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func TestFirstReturnStopsTheGroup(t *testing.T) {
	for _, row := range []struct {
		name string
		part func(context.Context) error
		want []string // fragments of the error, empty for nil
		is   error
	}{
		{"a part that returns nil ends the group without an error", func(context.Context) error { return nil }, nil, nil},
		{"an error ends the group and carries the name of its part", func(context.Context) error { return errBroken }, []string{"first: broken"}, errBroken},
		{"a panic is an error with its value and its stack", func(context.Context) error { panic("boom") }, []string{"first: panic: boom", "run_test.go"}, nil},
		{"a panic with context.Canceled is not taken for obedience", func(context.Context) error { panic(context.Canceled) }, []string{"first: panic: context canceled"}, nil},
		{"a part that leaves through Goexit is noticed", func(context.Context) error { runtime.Goexit(); return nil }, []string{"first: ended by runtime.Goexit"}, nil},
		{"a part that gives up with context.Canceled unasked has failed", func(context.Context) error { return context.Canceled }, []string{"first: context canceled"}, context.Canceled},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := run.New(run.Config{})
			stopped := false
			g.Add("first", row.part)
			g.Add("second", func(ctx context.Context) error {
				err := obedient(ctx)
				stopped = true
				return err
			})
			err := g.Run(t.Context())
			if !stopped {
				t.Error("the other part was not stopped and waited for")
			}
			if (err == nil) != (len(row.want) == 0) {
				t.Fatalf("Run() = %v, want an error: %v", err, len(row.want) > 0)
			}
			for _, fragment := range row.want {
				if !strings.Contains(err.Error(), fragment) {
					t.Errorf("Run() = %q, want it to contain %q", err, fragment)
				}
			}
			if row.is != nil && !errors.Is(err, row.is) {
				t.Errorf("errors.Is(%v, %v) = false", err, row.is)
			}
		})
	}
}

func TestErrorsOfAllPartsAreJoinedInTheOrderOfAdd(t *testing.T) {
	g := run.New(run.Config{})
	g.Add("one", func(ctx context.Context) error { <-ctx.Done(); return errors.New("late") })
	g.Add("two", func(context.Context) error { return errBroken })
	g.OnStop("store", func(context.Context) error { return errors.New("stuck") })
	err := g.Run(t.Context())
	want := "one: late\ntwo: broken\nstop store: stuck"
	if err == nil || err.Error() != want {
		t.Errorf("Run() = %v, want %q", err, want)
	}
}

func TestCancelledContextIsAnOrderlyEnd(t *testing.T) {
	for _, row := range []struct {
		name  string
		parts int
	}{
		{"with parts that obey", 3},
		{"without any part", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			g := run.New(run.Config{})
			for range row.parts {
				g.Add("part", obedient)
			}
			closed := false
			g.OnStop("store", func(ctx context.Context) error {
				closed = true
				return ctx.Err() // the stop has a context of its own, which has not ended
			})
			cancel()
			if err := g.Run(ctx); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
			if !closed {
				t.Error("the stop function was not called")
			}
		})
	}
}

func TestStopFunctionsRunLastInFirstOutAfterAllParts(t *testing.T) {
	var j journal
	g := run.New(run.Config{})
	g.OnStop("store", func(context.Context) error { j.add("store"); return nil })
	g.OnStop("bus", func(context.Context) error { j.add("bus"); panic("bus is gone") })
	g.OnStop("server", func(context.Context) error { j.add("server"); return nil })
	g.Add("slow", func(ctx context.Context) error { <-ctx.Done(); j.add("slow part"); return nil })
	g.Add("quick", func(context.Context) error { return nil })
	err := g.Run(t.Context())
	if diff := cmp.Diff([]string{"slow part", "server", "bus", "store"}, j.read()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	var p *run.PanicError
	if !errors.As(err, &p) || p.Value != "bus is gone" {
		t.Errorf("Run() = %v, want the panic of the stop function", err)
	}
}

func TestStopTimeoutIsKept(t *testing.T) {
	const timeout = 10 * time.Second
	deaf := func(release <-chan struct{}) func(context.Context) error {
		return func(context.Context) error { <-release; return nil }
	}
	for _, row := range []struct {
		name    string
		build   func(g *run.Group, release <-chan struct{}, j *journal)
		took    time.Duration
		errs    []string
		journal []string
	}{
		{
			"a deaf part gets half of the time, then the stop functions run",
			func(g *run.Group, release <-chan struct{}, j *journal) {
				g.Add("deaf", deaf(release))
				g.OnStop("store", func(context.Context) error { j.add("store"); return nil })
			},
			timeout / 2,
			[]string{"deaf: still running after the stop timeout"},
			[]string{"store"},
		},
		{
			"a deaf stop function gets all of it, and the next one still gets a moment",
			func(g *run.Group, release <-chan struct{}, j *journal) {
				g.OnStop("store", func(context.Context) error { j.add("store"); return nil })
				g.OnStop("deaf", deaf(release))
			},
			timeout + 100*time.Millisecond,
			[]string{"stop deaf: still running after the stop timeout"},
			[]string{"store"},
		},
		{
			"a stop function that obeys its deadline reports it itself",
			func(g *run.Group, _ <-chan struct{}, _ *journal) {
				g.OnStop("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			},
			timeout,
			[]string{"stop slow: context deadline exceeded"},
			nil,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				var j journal
				g := run.New(run.Config{StopTimeout: timeout})
				row.build(g, release, &j)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				start := time.Now()
				err := g.Run(ctx)
				if took := time.Since(start); took != row.took {
					t.Errorf("Run took %v, want %v", took, row.took)
				}
				if err == nil {
					t.Fatal("Run() = nil, want an error")
				}
				if diff := cmp.Diff(row.errs, strings.Split(err.Error(), "\n")); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(row.journal, j.read()); diff != "" {
					t.Errorf("stop functions (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestStopClosesWhatAHalfBuiltProcessOpened(t *testing.T) {
	var j journal
	g := run.New(run.Config{})
	g.Add("never", func(context.Context) error { j.add("part"); return nil })
	g.OnStop("store", func(context.Context) error { j.add("store"); return errBroken })
	err := g.Stop(t.Context())
	if !errors.Is(err, errBroken) {
		t.Errorf("Stop() = %v, want %v", err, errBroken)
	}
	if diff := cmp.Diff([]string{"store"}, j.read()); diff != "" {
		t.Errorf("called (-want +got):\n%s", diff)
	}
}

func TestASecondRunPanicsInsteadOfClosingTwice(t *testing.T) {
	g := run.New(run.Config{})
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Run after Stop did not panic")
		}
	}()
	_ = g.Run(t.Context())
}
