package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

// workers returns the process ids of this process's children that are workers.
func workers(tb testing.TB) []int {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Skip("needs /proc")
	}
	var found []int
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		tb.Fatal(err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // a thread may have ended
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				tb.Fatal(err)
			}
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if strings.HasPrefix(string(line), "script-worker") {
				found = append(found, pid)
			}
		}
	}
	return found
}

// waiting is a host whose Send blocks until its context ends or it is released.
func waiting() (h *host, reached, release chan struct{}) {
	reached, release = make(chan struct{}), make(chan struct{})
	h = &host{respond: func(ctx context.Context, _ *sandbox.Request) (*sandbox.Response, error) {
		close(reached)
		select {
		case <-release:
			return &sandbox.Response{Status: 200}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	return h, reached, release
}

const sendsOnce = `export function handle(request) { return send(request) }`

func TestAWorkerThatIsKilledFailsItsCallOnly(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	h, reached, release := waiting()
	i := handling(sendsOnce)
	i.Host = h
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { _, err = p.Run(t.Context(), i) })
	<-reached
	pids := workers(t)
	if len(pids) != 1 {
		t.Fatalf("%d workers", len(pids))
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	close(release)
	wg.Wait()
	if e := failure(t, err); e.Kind != sandbox.KindWorker {
		t.Errorf("kind %v: %v", e.Kind, e)
	}
	if got, err := evaluate(t, p, nil, `return 1`); err != nil || got != "1" {
		t.Errorf("the next call gave %q, %v", got, err)
	}
}

func TestAWorkerThatDiedWhileIdleIsReplaced(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	for n := range 3 {
		// The death of an idle worker is noticed in the background: a call that
		// comes first fails as one of a killed worker, and the next one works.
		_, err := evaluate(t, p, nil, `return 1`)
		if err != nil {
			if e := failure(t, err); e.Kind != sandbox.KindWorker {
				t.Fatal(err)
			}
			if _, err = evaluate(t, p, nil, `return 1`); err != nil {
				t.Fatalf("round %d: %v", n, err)
			}
		}
		for _, pid := range workers(t) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	t.Run("while the host answers", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h, reached, _ := waiting()
		i := handling(sendsOnce)
		i.Host = h
		context.AfterFunc(ctx, func() {})
		go func() { <-reached; cancel() }()
		if _, err := p.Run(ctx, i); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("while the script computes", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := p.Run(ctx, handling(`export function handle() { for (;;) {} }`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	t.Run("while it waits for a worker", func(t *testing.T) {
		occupy(t, p, 1, handling(forEver), func(s sandbox.Status) bool { return s.Running == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := p.Run(ctx, handling(`export function handle() {}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	if got, err := evaluate(t, p, nil, `return 1`); err != nil || got != "1" {
		t.Errorf("the next call gave %q, %v", got, err)
	}
}

// late is a context that has ended and has told nobody yet: between the two, others
// see it as ended, and what was to be called at its end has not been.
type late struct {
	context.Context
	ended atomic.Bool
}

func (l *late) Err() error {
	if l.ended.Load() {
		return context.Canceled
	}
	return l.Context.Err()
}

// A worker in the middle of a call would give the end of that call as the answer to
// the next one, which may be somebody else's.
func TestAWorkerInTheMiddleOfACallIsNotUsedAgain(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	ctx := &late{Context: t.Context()}
	i := handling(sendsOnce)
	i.Host = &host{respond: func(context.Context, *sandbox.Request) (*sandbox.Response, error) {
		ctx.ended.Store(true)
		return &sandbox.Response{Status: 200}, nil
	}}
	if _, err := p.Run(ctx, i); !errors.Is(err, context.Canceled) {
		t.Errorf("the call that ended gave %v", err)
	}
	if got, err := evaluate(t, p, nil, `return 1`); err != nil || got != "1" {
		t.Errorf("the next call gave %q, %v", got, err)
	}
}

func TestCloseEndsCallsAndWorkersAndWaits(t *testing.T) {
	p := sandbox.New(sandbox.Options{Size: 2})
	h, reached, _ := waiting()
	h.respond = func(context.Context, *sandbox.Request) (*sandbox.Response, error) {
		close(reached)
		return &sandbox.Response{Status: 200}, nil
	}
	i := handling(`export function handle(request) { send(request); for (;;) {} }`)
	i.Host, i.Share = h, sandbox.Share{Group: "loops"}
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { _, err = p.Run(t.Context(), i) })
	<-reached
	if _, err := evaluate(t, p, nil, `return 1`); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left := workers(t); len(left) != 0 {
		t.Errorf("workers %v are left", left)
	}
	wg.Wait()
	if !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("the call under way ended with %v", err)
	}
	if _, err := p.Run(t.Context(), i); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("a call after it ended with %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if s := p.Status(); s.Workers != 0 || s.Started != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWorkersAreReplacedAfterTheirCalls(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1, CallsPerWorker: 2})
	for range 5 {
		if _, err := evaluate(t, p, nil, `return 1`); err != nil {
			t.Fatal(err)
		}
	}
	if s := p.Status(); s.Started != 3 || s.Killed != 0 || s.Workers != 1 {
		t.Errorf("%+v", s)
	}
}

func TestIdleWorkersAreEnded(t *testing.T) {
	// The worker's own deadlines are made with this clock: it begins now.
	c := clocktest.New(time.Now())
	p := newPool(t, sandbox.Options{Size: 1, IdleAfter: time.Hour, Clock: c})
	if _, err := evaluate(t, p, nil, `return 1`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	for range 8 {
		for c.Waiting() == 0 {
			runtime.Gosched()
		}
		c.Advance(15 * time.Minute)
	}
	for p.Status().Workers > 0 {
		runtime.Gosched()
	}
	cancel()
	wg.Wait()
	if left := workers(t); len(left) != 0 {
		t.Errorf("workers %v are left", left)
	}
}

func TestAWorkerHasNoEnvironmentAndNoFilesButItsPipes(t *testing.T) {
	t.Setenv("FERRULE_TEST_SECRET", "do-not-inherit")
	p := newPool(t, sandbox.Options{Size: 1})
	h, reached, release := waiting()
	i := handling(sendsOnce)
	i.Host = h
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = p.Run(t.Context(), i) })
	<-reached
	defer wg.Wait()
	defer close(release)
	pids := workers(t)
	if len(pids) != 1 {
		t.Fatalf("%d workers", len(pids))
	}
	// Root may look all the same.
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pids[0]))
	if err != nil {
		t.Skip("this user may not look into the worker: ", err)
	}
	if strings.Contains(string(environment), "do-not-inherit") || strings.Contains(string(environment), "PATH=") {
		t.Errorf("the environment is %q", environment)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pids[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pids[0], file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(target, "pipe:"), target == "/dev/null", strings.HasPrefix(target, "anon_inode:[event"):
		default:
			t.Errorf("file %s is %s", file.Name(), target)
		}
	}
}

func TestScriptsSeeNothingOfTheMachine(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 1})
	got, err := evaluate(t, p, nil, `
		const names = ['process', 'require', 'std', 'os', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Worker', 'setTimeout', 'scriptArgs', 'print', '__ferrule']
		const found = names.filter((n) => typeof globalThis[n] !== 'undefined')
		for (const m of ['os', 'std', 'fs', '/etc/hostname', './x.js', 'file:///etc/passwd.js']) {
			try { await import(m); found.push(m) } catch {}
		}
		return found`)
	if err != nil || got != `[]` {
		t.Errorf("found %s, %v", got, err)
	}
}
