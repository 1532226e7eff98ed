package sandbox

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"modernc.org/quickjs"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

//go:embed prelude.js
var preludeSource string

// makersFile is what the engine calls every source. The prelude stands below all
// lines that a maker's source can have, so that stack traces tell the two apart.
const (
	makersFile   = "<eval>"
	preludeBegin = MaxLines + 1
)

// programSuffix hands the functions of a module over. It stands on a line of its
// own: lines and columns of the maker's source stay what they are.
const programSuffix = "\n;__ferrule_program(" +
	"typeof before==='function'?before:undefined," +
	"typeof after==='function'?after:undefined," +
	"typeof handle==='function'?handle:undefined);\n"

// cachedPrograms is how many compiled programs a worker keeps.
const cachedPrograms = 64

// firstCollection is how much the engine allocates, in bytes, before it looks for
// garbage in cycles the first time.
const firstCollection = 4 << 20

// engine makes the context of each call. Like the worker, it does one thing at a
// time.
type engine struct {
	prelude  []byte
	programs map[string][]byte // bytecode by key
	fresh    *realm            // the next call's, made ahead
	used     *realm            // the last call's, not closed yet
	clock    clock.Clock
}

// realm is a JavaScript world of one call: engine, globals and what belongs to
// the call.
type realm struct {
	vm     *quickjs.VM
	bridge *bridge
}

func newEngine(c clock.Clock) (*engine, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	code, err := vm.Compile(strings.Repeat("\n", preludeBegin)+preludeSource, quickjs.EvalGlobal)
	if err = errors.Join(err, vm.Close()); err != nil {
		return nil, fmt.Errorf("compile the prelude: %w", err)
	}
	return &engine{prelude: code, programs: map[string][]byte{}, clock: c}, nil
}

// prepare closes the last call's realm and makes the next one's, as far as that has
// not been done: what can wait until a call has been answered.
func (e *engine) prepare() error {
	if e.used != nil {
		vm := e.used.vm
		e.used = nil
		if err := vm.Close(); err != nil {
			return fmt.Errorf("close the engine: %w", err)
		}
	}
	if e.fresh != nil {
		return nil
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	// Most calls end before there is anything worth collecting.
	vm.SetGCThreshold(firstCollection)
	b := &bridge{vm: vm}
	if err := vm.RegisterHostFunc("__ferrule", b.dispatch); err != nil {
		return fmt.Errorf("register the bridge: %w", errors.Join(err, vm.Close()))
	}
	v, err := vm.EvalBytecodeValue(e.prelude)
	if err != nil {
		return fmt.Errorf("run the prelude: %w", errors.Join(err, vm.Close()))
	}
	v.Free()
	e.fresh = &realm{vm: vm, bridge: b}
	return nil
}

// take returns a realm that nobody used.
func (e *engine) take() (*realm, error) {
	if err := e.prepare(); err != nil {
		return nil, err
	}
	r := e.fresh
	e.fresh = nil
	return r, nil
}

// call is what a realm is to do.
type call struct {
	head   runHead
	bodies [2][]byte
	// ask puts a question to the host; it returns the answer and its body, and
	// whether the call may go on.
	ask func(callHead, [2][]byte) (replyHead, []byte, bool)
	// source returns the program's source, which is asked for only if it is not
	// compiled yet.
	source func() (string, error)
}

// run executes one call in a realm of its own and returns its end with the body of
// its result. The error is one of the worker, which cannot go on then.
func (e *engine) run(c call) (doneHead, []byte, error) {
	code, known := e.programs[c.head.Program]
	var source string
	if !known {
		var err error
		if source, err = c.source(); err != nil {
			return doneHead{}, nil, err
		}
	}
	r, err := e.take()
	if err != nil {
		return doneHead{}, nil, err
	}
	r.bridge.begin(c)
	r.vm.SetMemoryLimit(uintptr(c.head.Limits.Memory))
	meter := newMeter(e.clock, c.head.Limits.Time)
	r.bridge.meter = meter
	stop := r.watch(e.clock)
	if !known {
		code = e.compile(r, c.head.Program, source)
	}
	broken := r.execute(code, c)
	stop()
	done, body := r.bridge.end()
	done.Retire = broken
	if !broken {
		e.used = r
	}
	return done, body, nil
}

// compile returns a program's bytecode, or nil when the bridge knows why not.
func (e *engine) compile(r *realm, key, source string) []byte {
	code, err := r.vm.Compile(source+programSuffix, quickjs.EvalModule)
	if err != nil {
		r.bridge.failed(KindCompile, err)
		return nil
	}
	if len(e.programs) >= cachedPrograms {
		clear(e.programs)
	}
	e.programs[key] = code
	return code
}

// execute runs the program's top level and then the function, if one is named.
// How it ended the bridge knows. An engine that panicked is broken.
func (r *realm) execute(code []byte, c call) (broken bool) {
	if code == nil {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			broken = true
			r.bridge.fail(failure{Kind: KindWorker, Message: fmt.Sprintf("the engine failed: %v", p)})
		}
	}()
	if r.topLevel(code) && c.head.Function != "" {
		r.function(c)
	}
	return false
}

// topLevel evaluates the module and tells whether it came to its end.
func (r *realm) topLevel(code []byte) bool {
	defer func() {
		// The engine waits for what the module awaits with a poller that it does
		// not have here.
		if p := recover(); p != nil {
			r.bridge.fail(failure{Kind: KindCompile, Message: "the top level waits for a promise that nothing will settle"})
			panic(p)
		}
	}()
	v, err := r.vm.EvalBytecodeValue(code)
	if err != nil {
		r.bridge.failed(KindCompile, err)
		return false
	}
	v.Free()
	return !r.bridge.over()
}

// function calls the function and lets its promises settle.
func (r *realm) function(c call) {
	if !r.bridge.exports.Has(c.head.Function) {
		r.bridge.fail(failure{Kind: KindCompile, Message: fmt.Sprintf("the code defines no function %s at its top level", c.head.Function)})
		return
	}
	r.bridge.calling = true
	if _, err := r.vm.Call("__ferrule_run", string(c.head.Function), string(c.head.Input)); err != nil {
		r.bridge.failed(KindThrown, err)
		return
	}
	// Errors of jobs belong to promises that nobody waits for, unless there is no
	// result: then they are why.
	if _, err := r.vm.ExecutePendingJobs(); err != nil {
		r.bridge.failed(KindThrown, err)
	}
}

// watch interrupts the script when its time is over, again and again: the engine
// forgets an interrupt that comes between two entries. The function that it
// returns ends it and waits for it.
func (r *realm) watch(c clock.Clock) (stop func()) {
	ended, left := make(chan struct{}), make(chan struct{})
	meter := r.bridge.meter
	go func() {
		defer close(left)
		for {
			rest := meter.left()
			if rest <= 0 {
				r.bridge.overrun.Store(true)
				r.vm.Interrupt()
				rest = 5 * time.Millisecond
			}
			select {
			case <-ended:
				return
			case <-c.After(max(rest, time.Millisecond)):
			}
		}
	}()
	return func() {
		close(ended)
		<-left
	}
}

// meter measures a script's own time. It is safe for concurrent use.
type meter struct {
	clock  clock.Clock
	budget time.Duration
	begun  time.Time
	away   atomic.Int64 // nanoseconds with the host so far
	out    atomic.Int64 // when the host was asked, since begun; 0 if it is not
}

func newMeter(c clock.Clock, budget time.Duration) *meter {
	return &meter{clock: c, budget: budget, begun: c.Now()}
}

// left is what remains of the budget.
func (m *meter) left() time.Duration {
	passed := m.clock.Now().Sub(m.begun)
	if out := m.out.Load(); out != 0 {
		passed = time.Duration(out)
	}
	return m.budget - (passed - time.Duration(m.away.Load()))
}

// pause stops the clock until the function that it returns is called.
func (m *meter) pause() (resume func()) {
	out := m.clock.Now().Sub(m.begun)
	m.out.Store(int64(max(out, 1)))
	return func() {
		m.away.Add(int64(m.clock.Now().Sub(m.begun) - out))
		m.out.Store(0)
	}
}
