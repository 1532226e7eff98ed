package lifetime

import (
	"context"
	"sync"
	"time"
)

// core is the end of a context: whether it has come, and whom it is told. It is safe for
// concurrent use.
type core struct {
	mu     sync.Mutex
	err    error         // nil while it lasts
	done   chan struct{} // made when somebody asks for it
	hangUp func()
	after  []*func()
}

// channel returns one that is closed when the end comes.
func (c *core) channel() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

func (c *core) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *core) attach(hangUp func()) bool {
	c.mu.Lock()
	free, ended := c.hangUp == nil, c.err != nil
	if free && !ended {
		c.hangUp = hangUp
	}
	c.mu.Unlock()
	if free && ended {
		hangUp()
	}
	return free
}

// Detach implements [Ending].
func (c *core) Detach() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hangUp = nil
	return c.err == nil
}

func (c *core) afterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	mine := &f
	c.after = append(c.after, mine)
	return func() bool { return c.forget(mine) }
}

// forget takes a function back, and reports whether it was not called.
func (c *core) forget(f *func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, one := range c.after {
		if one == f {
			c.after = append(c.after[:i], c.after[i+1:]...)
			return true
		}
	}
	return false
}

// finish brings the end, unless it has come.
func (c *core) finish(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	hangUp, after := c.hangUp, c.after
	c.hangUp, c.after = nil, nil
	c.mu.Unlock() // those who are told may ask
	if hangUp != nil {
		hangUp()
	}
	for _, f := range after {
		go (*f)()
	}
}

// Plain is a context that ends when it is told to, and for no other reason. It has no
// deadline. It must not be copied, and is safe for concurrent use.
type Plain struct {
	// Context is where values come from, and nothing else.
	context.Context //nolint:containedctx // it is one

	core
}

var _ Ending = (*Plain)(nil)

// Finish ends it with an error of package context, unless it has ended.
func (p *Plain) Finish(err error) { p.finish(err) }

// Deadline implements [context.Context]: there is none.
func (p *Plain) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (p *Plain) Done() <-chan struct{} { return p.channel() }

// Err implements [context.Context].
func (p *Plain) Err() error { return p.ended() }

// Value implements [context.Context].
func (p *Plain) Value(key any) any {
	if key == (Key{}) {
		return p
	}
	return p.Context.Value(key)
}

// Attach implements [Ending].
func (p *Plain) Attach(hangUp func()) bool { return p.attach(hangUp) }

// AfterFunc is as that of [Life].
func (p *Plain) AfterFunc(f func()) (stop func() bool) { return p.afterFunc(f) }
