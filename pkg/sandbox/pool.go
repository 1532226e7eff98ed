package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Pool runs scripts in worker processes. It is safe for concurrent use. Who makes
// it closes it.
type Pool struct {
	options Options
	slots   *slots
	closing chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
	busy   map[*process]bool
	idle   []*process // the one used last is last, and used first
	users  sync.WaitGroup
	status Status
}

// New returns a pool. It starts no worker before one is needed.
func New(o Options) *Pool {
	o = o.withDefaults()
	closing := make(chan struct{})
	return &Pool{options: o, slots: newSlots(o, closing), closing: closing, busy: map[*process]bool{}}
}

// Check compiles a program, runs its top level, under the same limits as a call,
// and tells which functions it defines. What is wrong with it is an [*Error] of
// kind [KindCompile] or [KindLimit]; a program that defines nothing is not an
// error here. A program is its own [Share].
func (p *Pool) Check(ctx context.Context, program Program) (Exports, error) {
	c := conversation{program: program, limits: p.options.Limits}
	err := p.converse(ctx, &c, Share{Member: keyOf(program)})
	return c.exports, err
}

// Run calls one function of a program and waits for its end, or for that of the
// context, which kills the worker. It waits for its turn first, and only a call of
// after does so as long as the context lasts; while the host asks others, another
// script runs. Errors are [*Error], [ErrBusy], [ErrClosed] or
// that of the context; the result holds the log in any case.
func (p *Pool) Run(ctx context.Context, i Invocation) (Result, error) {
	if err := i.check(); err != nil {
		return Result{}, err
	}
	c := conversation{program: i.Program, limits: i.Limits.or(p.options.Limits), invocation: &i}
	// The process was given memory for the pool's limit.
	c.limits.Memory = min(c.limits.Memory, p.options.Limits.Memory)
	err := p.converse(ctx, &c, i.Share)
	return c.result, err
}

// check tells what an invocation lacks.
func (i *Invocation) check() error {
	switch {
	case !Exports{Before: true, After: true, Handle: true}.Has(i.Function):
		return fmt.Errorf("scripts have no function %q: use before, after or handle", i.Function)
	case i.Request == nil:
		return errors.New("the invocation has no request")
	case i.Function == After && i.Response == nil:
		return errors.New("the invocation of after has no response")
	case i.Host == nil:
		return errors.New("the invocation has no host")
	default:
		return nil
	}
}

// converse has a conversation with a worker, and sees to the worker afterwards.
func (p *Pool) converse(ctx context.Context, c *conversation, share Share) error {
	if err := c.admissible(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a script worker: %w", context.Cause(ctx))
	}
	// A call of after is about an answer that is there: the request was made, and
	// whoever is told to try again would make it twice.
	own, err := p.slots.enter(ctx, share, c.invocation != nil && c.invocation.Function == After)
	if err != nil {
		return err
	}
	defer own.leave()
	w, err := p.acquire(ctx, c.program.Name)
	if err != nil {
		return err
	}
	defer p.users.Done()
	c.place = own
	c.clock = clock.System() // deadlines of pipes are on no other
	err = c.run(ctx, w)
	p.release(w)
	if err != nil && p.isClosed() && w.killed.Load() && ctx.Err() == nil {
		return ErrClosed
	}
	return err
}

// acquire returns a worker for one call, an idle one or a new one, and makes the
// call one of the pool's users.
func (p *Pool) acquire(ctx context.Context, program string) (*process, error) {
	w, err := p.reuse()
	if w != nil || err != nil {
		return w, err
	}
	w, err = start(ctx, p.options)
	if err != nil {
		p.users.Done()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start a script worker: %w", context.Cause(ctx))
		}
		return nil, &Error{Kind: KindWorker, Program: program, Message: err.Error()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Started++
	p.status.Isolation = w.isolation
	p.busy[w] = true
	if p.closed {
		// Close did not know of this one.
		w.kill()
	}
	return w, nil
}

// reuse joins the pool's users and returns an idle worker that lives, or nil.
func (p *Pool) reuse() (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	p.users.Add(1)
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		w := p.idle[last]
		p.idle = p.idle[:last]
		if w.alive() {
			p.busy[w] = true
			return w, nil
		}
		w.end()
	}
	return nil, nil //nolint:nilnil // No idle worker is not an error: one is started.
}

// release takes a worker back, or ends it if it is not to be used again.
func (p *Pool) release(w *process) {
	w.calls++
	w.idleSince = p.options.Clock.Now()
	p.mu.Lock()
	delete(p.busy, w)
	if w.killed.Load() {
		p.status.Killed++
	}
	keep := !p.closed && !w.killed.Load() && w.alive() && w.calls < p.options.CallsPerWorker && len(p.idle) < p.options.Size
	if keep {
		p.idle = append(p.idle, w)
	}
	p.mu.Unlock()
	if !keep {
		w.end()
	}
}

// Serve ends workers that have been idle for long, until the context ends; it
// returns nil then. It leaves the pool usable. A pool that is not served keeps its
// workers until Close.
func (p *Pool) Serve(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.closing:
			return nil
		case <-p.options.Clock.After(p.options.IdleAfter / 4):
			p.retire()
		}
	}
}

// retire ends the workers that have been idle for too long.
func (p *Pool) retire() {
	before := p.options.Clock.Now().Add(-p.options.IdleAfter)
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && !p.idle[n].idleSince.After(before) {
		n++
	}
	old := append([]*process(nil), p.idle[:n]...)
	p.idle = p.idle[n:]
	p.mu.Unlock()
	for _, w := range old {
		w.end()
	}
}

// Status returns what the pool is doing now.
func (p *Pool) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.status
	s.Running, s.Waiting = p.slots.counts()
	s.Idle = len(p.idle)
	s.Workers = s.Idle + len(p.busy)
	return s
}

// Close kills all workers, which fails the calls under way with [ErrClosed], and
// returns when all of them have gone. Closing twice is allowed.
func (p *Pool) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.closing)
	}
	for w := range p.busy {
		w.kill()
	}
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, w := range idle {
		w.kill()
		w.end()
	}
	p.users.Wait()
	return nil
}

// isClosed tells whether Close was called.
func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
