package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// grace is how much longer than its time a script may run until the parent kills
// the worker: long enough for the engine's own interrupt, after which the log is
// still there, and short where the engine is caught in a loop of its own.
const grace = 500 * time.Millisecond

// conversation is one call as the parent sees it. The worker is not trusted: all
// limits that the parent can see it holds up itself.
type conversation struct {
	program    Program
	limits     Limits
	invocation *Invocation // nil for a check
	clock      clock.Clock
	place      *place // the slot that it runs in

	exports Exports
	result  Result
	limit   *failure // why the parent stopped the call
}

// admissible tells whether the call is within the limits before it is made.
func (c *conversation) admissible() error {
	if len(c.program.Source) > MaxSource {
		return exceeded(LimitSource, MaxSource, "the source is longer than a program may be").error(c.program.Name)
	}
	if len(c.program.Source) >= MaxLines && strings.Count(c.program.Source, "\n") >= MaxLines {
		return exceeded(LimitSource, MaxLines, "the source has more lines than a program may have").error(c.program.Name)
	}
	if c.invocation == nil {
		return nil
	}
	i := c.invocation
	if int64(len(i.Request.Body)) > c.limits.Input || i.Response != nil && int64(len(i.Response.Body)) > c.limits.Input {
		return exceeded(LimitInput, c.limits.Input, "the body is longer than a script may be given").error(c.program.Name)
	}
	return nil
}

// run has the conversation. A worker that may not be used again it has killed.
func (c *conversation) run(ctx context.Context, w *process) error {
	stop := context.AfterFunc(ctx, w.kill)
	failed, err := c.exchange(ctx, w)
	if stop(); ctx.Err() != nil {
		// Whether the end of the context has killed the worker yet or not: it may be
		// in the middle of the call, and would end it as the next one.
		w.kill()
	}
	switch {
	case ctx.Err() != nil && (err != nil || failed != nil):
		return fmt.Errorf("run %s: %w", c.program.Name, context.Cause(ctx))
	case err != nil:
		return c.broken(w, err).error(c.program.Name)
	case failed != nil:
		return failed.error(c.program.Name)
	default:
		return nil
	}
}

// broken explains why the conversation ended before its end.
func (c *conversation) broken(w *process, err error) *failure {
	killed := w.killed.Load()
	w.kill()
	switch {
	case c.limit != nil:
		return c.limit
	case errors.Is(err, os.ErrDeadlineExceeded):
		return timeFailure(c.limits.Time)
	case errors.Is(err, errFrameTooLarge):
		return exceeded(LimitOutput, c.limits.Output, "the script gives out more than it may")
	case killed:
		return &failure{Kind: KindWorker, Message: "the process that ran the script was stopped"}
	default:
		return w.died(c.limits)
	}
}

// exchange begins the call and answers the worker until the call has ended.
func (c *conversation) exchange(ctx context.Context, w *process) (*failure, error) {
	head, bodies, err := c.begin()
	if err != nil {
		return nil, err
	}
	if err := c.write(w, frameRun, head, bodies[:]...); err != nil {
		return nil, err
	}
	for {
		f, err := c.read(w)
		if err != nil {
			return nil, err
		}
		switch f.kind {
		case frameNeed:
			if err := c.write(w, frameProgram, nil, []byte(c.program.Source)); err != nil {
				return nil, err
			}
		case frameCall:
			reply, body, err := c.answer(ctx, f)
			if err != nil {
				return nil, err
			}
			if err := c.write(w, frameReply, reply, body); err != nil {
				return nil, err
			}
		case frameDone:
			return c.end(w, f)
		default:
			return nil, fmt.Errorf("a frame of kind %q in the middle of a call", f.kind)
		}
	}
}

// deadline is when the worker must have answered.
func (c *conversation) deadline(now time.Time) time.Time {
	return now.Add(c.limits.Time - c.result.Used + grace)
}

// write sends a frame, in the script's time.
func (c *conversation) write(w *process, kind byte, head any, bodies ...[]byte) error {
	now := c.clock.Now()
	if err := w.in.SetWriteDeadline(c.deadline(now)); err != nil {
		return err
	}
	err := writeFrame(w.in, kind, head, bodies...)
	c.result.Used += c.clock.Now().Sub(now)
	return err
}

// read waits for a frame, in the script's time.
func (c *conversation) read(w *process) (frame, error) {
	now := c.clock.Now()
	if err := w.out.SetReadDeadline(c.deadline(now)); err != nil {
		return frame{}, err
	}
	f, err := readFrame(w.out, c.limits.Output)
	c.result.Used += c.clock.Now().Sub(now)
	return f, err
}

// begin makes the first frame.
func (c *conversation) begin() (runHead, [2][]byte, error) {
	head := runHead{Program: keyOf(c.program), Limits: c.limits}
	var bodies [2][]byte
	i := c.invocation
	if i == nil {
		return head, bodies, nil
	}
	head.Function = i.Function
	input := inputHead{Request: i.Request.head(), OperationID: i.OperationID, ConnectionID: i.ConnectionID}
	input.Request.Body, bodies[0] = numbered(bodyRequest, i.Request.Body), i.Request.Body
	if i.Function == After {
		response := i.Response.head()
		response.Body, bodies[1] = numbered(bodyResponse, i.Response.Body), i.Response.Body
		input.Response = &response
	}
	var err error
	if head.Input, err = json.Marshal(input); err != nil {
		return head, bodies, fmt.Errorf("write the input of a script: %w", err)
	}
	return head, bodies, nil
}

// end reads the last frame.
func (c *conversation) end(w *process, f frame) (*failure, error) {
	var done doneHead
	if err := json.Unmarshal(f.head, &done); err != nil {
		return nil, fmt.Errorf("read the end of a call: %w", err)
	}
	if done.Retire {
		w.kill()
	}
	c.exports = done.Exports
	c.result.Logs, c.result.LogsDropped = done.Logs, done.Dropped
	switch {
	case c.limit != nil:
		return c.limit, nil
	case done.Failure != nil:
		return done.Failure, nil
	case c.invocation == nil:
		return nil, nil //nolint:nilnil // A check that found nothing has no failure and no error.
	}
	return c.outcome(done, f.bodies[0])
}

// outcome turns what the script gave into the result.
func (c *conversation) outcome(done doneHead, body []byte) (*failure, error) {
	if int64(len(done.Message)) > c.limits.Output {
		return exceeded(LimitOutput, c.limits.Output, "the script gives out more than it may"), nil
	}
	var m messageHead
	if err := json.Unmarshal(done.Message, &m); err != nil {
		return nil, fmt.Errorf("read the result of a script: %w", err)
	}
	if done.Kept != 0 {
		body = c.kept(done.Kept)
	}
	switch {
	case done.Outcome == "request" && c.invocation.Function == Before:
		c.result.Request = m.request(body)
	case done.Outcome == "response":
		c.result.Response = m.response(body)
	default:
		return nil, fmt.Errorf("%s of a script ended with a %q", c.invocation.Function, done.Outcome)
	}
	return nil, nil //nolint:nilnil // The result is in its place: neither failure nor error.
}

// kept returns a body that never left the parent.
func (c *conversation) kept(number int) []byte {
	switch {
	case number == bodyRequest:
		return c.invocation.Request.Body
	case number == bodyResponse && c.invocation.Response != nil:
		return c.invocation.Response.Body
	default:
		return nil
	}
}

// key is the same for the same program, and for no other.
func keyOf(p Program) string {
	sum := sha256.Sum256([]byte(p.Source))
	return string(fmt.Appendf(nil, "%x", sum[:]))
}

// numbered is the number of a body, or zero if it is empty.
func numbered(number int, body []byte) int {
	if len(body) == 0 {
		return 0
	}
	return number
}

// exceeded is the failure at a limit.
func exceeded(limit string, allowed int64, message string) *failure {
	return &failure{Kind: KindLimit, Limit: limit, Allowed: allowed, Message: fmt.Sprintf("%s (%d)", message, allowed)}
}
