package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// startTime is how long a new worker may take to say that it is ready.
const startTime = 30 * time.Second

// process is a worker as its parent sees it. One call at a time uses it; kill and
// exited are safe for concurrent use.
type process struct {
	command   *exec.Cmd
	in        *os.File // to the worker
	out       *os.File // from the worker
	complaint *tail
	isolation Isolation
	calls     int
	idleSince time.Time
	killed    atomic.Bool
	exited    chan struct{}
}

// start makes a worker and waits until it is ready. The one that starts it calls
// end.
func start(ctx context.Context, o Options) (*process, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pipe: %w", err), theirIn.Close(), in.Close())
	}
	p := &process{in: in, out: out, complaint: &tail{}, exited: make(chan struct{})}
	err = p.launch(theirIn, theirOut, o)
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	if err := p.greet(ctx); err != nil {
		p.kill()
		p.end()
		return nil, fmt.Errorf("wait for a script worker: %w%s", err, p.complaint.quoted())
	}
	return p, nil
}

// launch starts the process with nothing but its pipes.
func (p *process) launch(in, out *os.File, o Options) error {
	path := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		var err error
		if path, err = os.Executable(); err != nil {
			return fmt.Errorf("find the program to start a script worker: %w", err)
		}
	}
	// The worker outlives no call's context by accident: Close and the calls
	// themselves end it.
	p.command = exec.Command(path) //nolint:noctx // see above
	p.command.Args = []string{"script-worker"}
	p.command.Dir = "/"
	p.command.Env = []string{
		workerVariable + "=" + strconv.FormatInt(o.Limits.Memory+workerSlack, 10),
		"GOMAXPROCS=2", "GOTRACEBACK=none", "TZ=UTC",
		// The runtime would keep files of the control group open.
		"GODEBUG=containermaxprocs=0,updatemaxprocs=0",
	}
	p.command.ExtraFiles = []*os.File{in, out}
	p.command.Stderr = p.complaint
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start a script worker: %w", err)
	}
	go func() {
		// How it ended the call that used it finds out from its pipes.
		_ = p.command.Wait()
		close(p.exited)
	}()
	return nil
}

// greet reads the worker's first frame.
func (p *process) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	// The pipe knows the machine's time only.
	if err := p.out.SetReadDeadline(clock.System().Now().Add(startTime)); err != nil {
		return err
	}
	f, err := readFrame(p.out, 0)
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	if f.kind != frameHello {
		return fmt.Errorf("it began with a frame of kind %q: does main call sandbox.Main first?", f.kind)
	}
	return json.Unmarshal(f.head, &p.isolation)
}

// kill ends the worker at once.
func (p *process) kill() {
	p.killed.Store(true)
	_ = p.command.Process.Kill()
}

// end hangs up, which ends a worker that listens, and waits until it has gone.
func (p *process) end() {
	_, _ = p.in.Close(), p.out.Close()
	<-p.exited
}

// alive tells whether the process still runs.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// died explains the death of the worker that was not killed by its parent.
func (p *process) died(limits Limits) *failure {
	<-p.exited
	said := p.complaint.String()
	switch {
	case strings.Contains(said, "stack exceeds") || strings.Contains(said, "stack overflow"):
		return &failure{Kind: KindLimit, Limit: LimitStack, Message: "the script calls too deep"}
	case strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory"):
		return &failure{
			Kind: KindLimit, Limit: LimitMemory, Allowed: limits.Memory,
			Message: "the script needs more memory than it may have",
		}
	default:
		return &failure{Kind: KindWorker, Message: "the process that ran the script ended: " + p.command.ProcessState.String() + p.complaint.quoted()}
	}
}

// tail keeps the beginning of what a worker complains about. It is safe for
// concurrent use.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer: it takes everything and keeps 4 KiB.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(p[:min(len(p), max(0, 4<<10-t.text.Len()))])
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.text.String())
}

// quoted returns the first line of it, to be put behind a message.
func (t *tail) quoted() string {
	line, _, _ := strings.Cut(t.String(), "\n")
	if line == "" {
		return ""
	}
	return " (" + clipped(line, 200) + ")"
}
