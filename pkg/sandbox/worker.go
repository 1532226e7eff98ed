package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// workerVariable marks a process as a worker. Its value is the memory, in bytes,
// that the process may have for data.
const workerVariable = "FERRULE_SANDBOX_WORKER"

// The files of a worker: frames come in on the first and go out on the second.
const (
	workerIn  = 3
	workerOut = 4
)

// Main turns the process into a worker, if a pool started it as one, and then does
// not return. Otherwise it returns at once. It is the first thing that main and
// TestMain do: before flags, files and goroutines.
func Main() {
	memory, marked := os.LookupEnv(workerVariable)
	if !marked {
		return
	}
	status := 0
	if err := serve(memory); err != nil {
		fmt.Fprintln(os.Stderr, "script worker:", err)
		status = 1
	}
	os.Exit(status) //nolint:forbidigo // A worker is a program of its own: nothing after this call may run.
}

// serve confines the process and answers calls until the parent hangs up.
func serve(memory string) error {
	in, out := os.NewFile(workerIn, "in"), os.NewFile(workerOut, "out")
	if in == nil || out == nil {
		return fmt.Errorf("files %d and %d are no pipes: only a pool starts workers", workerIn, workerOut)
	}
	os.Clearenv()
	// A script that recurses through the engine's own functions grows the stack
	// of a goroutine, which does not count as the engine's memory.
	debug.SetMaxStack(maxStack)
	system := clock.System()
	e, err := newEngine(system)
	if err != nil {
		return err
	}
	if err := openPoller(); err != nil {
		return err
	}
	isolation := confine(memory)
	if err := e.prepare(); err != nil {
		return err
	}
	if err := writeFrame(out, frameHello, isolation); err != nil {
		return err
	}
	w := &worker{in: receive(in), out: out, engine: e}
	for f := range w.in {
		if err := w.call(f); err != nil {
			return err
		}
	}
	return nil
}

// openPoller makes the Go runtime open the files that its timers wait on, which is
// not possible later: any file that can be polled does.
func openPoller() error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open the poller: %w", err)
	}
	return errors.Join(r.Close(), w.Close())
}

// maxStack bounds the stack of one goroutine, in bytes.
const maxStack = 64 << 20

// receive reads frames in the background, so that the death of the parent is seen
// while a script runs: the process ends at once then.
func receive(in io.Reader) <-chan frame {
	frames := make(chan frame)
	go func() {
		for {
			f, err := readFrame(in, math.MaxUint32)
			if err != nil {
				os.Exit(0) //nolint:forbidigo // The parent has gone: there is nobody to answer and nothing to keep.
			}
			frames <- f
		}
	}()
	return frames
}

// worker is the process's side of the conversation.
type worker struct {
	in     <-chan frame
	out    io.Writer
	engine *engine
}

// call answers one frame of the parent.
func (w *worker) call(f frame) error {
	if f.kind != frameRun {
		return fmt.Errorf("a call begins with a frame of kind %q", f.kind)
	}
	c := call{bodies: f.bodies, ask: w.ask, source: w.source}
	if err := json.Unmarshal(f.head, &c.head); err != nil {
		return fmt.Errorf("read a call: %w", err)
	}
	done, body, err := w.engine.run(c)
	if err != nil {
		return err
	}
	if err := writeFrame(w.out, frameDone, done, body); err != nil {
		return err
	}
	// The next call finds its world ready.
	return w.engine.prepare()
}

// source asks the parent for the program.
func (w *worker) source() (string, error) {
	if err := writeFrame(w.out, frameNeed, nil); err != nil {
		return "", err
	}
	f := <-w.in
	if f.kind != frameProgram {
		return "", fmt.Errorf("a program came as a frame of kind %q", f.kind)
	}
	return string(f.bodies[0]), nil
}

// ask puts a script's question to the parent. A pipe that fails ends the call: the
// parent has gone, or has given up on this process.
func (w *worker) ask(head callHead, bodies [2][]byte) (replyHead, []byte, bool) {
	if err := writeFrame(w.out, frameCall, head, bodies[0], bodies[1]); err != nil {
		return replyHead{}, nil, false
	}
	f := <-w.in
	var reply replyHead
	if f.kind != frameReply || json.Unmarshal(f.head, &reply) != nil {
		return replyHead{}, nil, false
	}
	return reply, f.bodies[0], !reply.Stop
}
