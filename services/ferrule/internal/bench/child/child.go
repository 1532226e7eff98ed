// Package child starts programs that serve and waits until they say where.
//
//	c, err := child.Start(ctx, child.Spec{Program: "ferrule", Args: []string{"up"}, Ready: regexp.MustCompile(`REST (\S+)`)})
//	defer c.Stop()
//	fmt.Println(c.Said[1])
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

const (
	// startTime is how long a program may take until it is ready.
	startTime = 30 * time.Second
	// stopTime is how long it may take to stop before it is killed.
	stopTime = 20 * time.Second
	// maxSaid bounds what is kept of its output.
	maxSaid = 1 << 20
)

// Spec says what to start.
type Spec struct {
	// Program is the path of the program, and Args are its arguments.
	Program string
	Args    []string
	// Env is added to the environment of this process.
	Env []string
	// Input is written to its standard input, which stays open until [Child.Stop].
	Input []byte
	// Ready matches what the program prints on its standard output once it
	// serves.
	Ready *regexp.Regexp
	// Stderr receives its standard error; nil discards it.
	Stderr io.Writer
}

// Child is a program that serves.
type Child struct {
	// Said is what [Spec.Ready] matched, with its groups.
	Said []string

	cmd    *exec.Cmd
	end    context.CancelFunc
	in     io.Closer
	exited chan struct{}
	err    error // how it ended; read after exited is closed
}

// Start starts a program and returns when it is ready. It fails if the program
// ends, says nothing for 30 s, or ctx ends. The program is stopped when ctx ends;
// one that reads its standard input also sees the end of this process there.
func Start(ctx context.Context, spec Spec) (*Child, error) {
	ctx, end := context.WithCancel(ctx)
	c := &Child{end: end, exited: make(chan struct{}), cmd: exec.CommandContext(ctx, spec.Program, spec.Args...)}
	out := &watcher{ready: spec.Ready, said: make(chan []string, 1)}
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.Env = out, spec.Stderr, append(os.Environ(), spec.Env...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = stopTime
	in, err := c.cmd.StdinPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("start %s: %w", spec.Program, err)
	}
	c.in = in
	_, _ = in.Write(spec.Input) // a program that does not read it ends or says so
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	if err := c.await(ctx, out.said); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Program, err)
	}
	return c, nil
}

// await waits for what the program says.
func (c *Child) await(ctx context.Context, said <-chan []string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case c.Said = <-said:
		return nil
	case <-c.exited:
		return errors.Join(errors.New("it ended before it was ready"), c.Stop())
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("it was not ready in time: %w", ctx.Err()), c.Stop())
	}
}

// Result starts a program, writes input to its standard input, which stays open
// until the program ends, and returns what it prints. It reports a program that
// did not end in order.
func Result(ctx context.Context, spec Spec) ([]byte, error) {
	cmd := exec.CommandContext(ctx, spec.Program, spec.Args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, spec.Stderr, append(os.Environ(), spec.Env...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Program, err)
	}
	_, _ = in.Write(spec.Input) // a program that does not read it ends or says so
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("run %s: %w", spec.Program, err)
	}
	return out.Bytes(), nil
}

// Filter starts a program, writes input to its standard input, which ends there,
// and returns what it prints, as [Result] does.
func Filter(ctx context.Context, spec Spec) ([]byte, error) {
	cmd := exec.CommandContext(ctx, spec.Program, spec.Args...) // #nosec G204 -- what is measured
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = bytes.NewReader(spec.Input), &out, spec.Stderr, append(os.Environ(), spec.Env...)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run %s: %w", spec.Program, err)
	}
	return out.Bytes(), nil
}

// Pid returns the id of the process.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Stop asks the program to end and waits until it has. It reports a program that
// did not end in order. It may be called more than once.
func (c *Child) Stop() error {
	c.end()
	_ = c.in.Close()
	<-c.exited
	if c.cmd.ProcessState != nil && c.cmd.ProcessState.Success() {
		return nil
	}
	return c.err
}

// watcher looks for what a program says when it is ready.
type watcher struct {
	ready *regexp.Regexp
	said  chan []string
	text  bytes.Buffer
	found bool
}

// Write is called by one goroutine.
func (w *watcher) Write(p []byte) (int, error) {
	if w.found || w.text.Len() > maxSaid {
		return len(p), nil
	}
	w.text.Write(p)
	if match := w.ready.FindStringSubmatch(w.text.String()); match != nil {
		w.found = true
		w.said <- match
	}
	return len(p), nil
}
