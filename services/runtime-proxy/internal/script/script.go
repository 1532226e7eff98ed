// Package script runs the custom code of connectors inside calls: what package
// sandbox keeps apart from the world, this package gives the little of it that a
// call may have.
//
// Secrets reach code as handles (package inject), and whatever it computes of
// them is a handle again. What an API answers loses the call's secrets before
// code sees it. What code sends goes where every request of the call goes: through
// the check of its destination, the proofs and the guard.
//
//	runner := script.NewRunner(pool, states)
//	program, err := runner.Program(ctx, script)
//	run := script.Run{Program: program, Handles: &handles, Send: send, …}
//	answered, err := runner.Before(ctx, &run, &req)
package script

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/maypok86/otter/v2"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// maxPrograms is how many programs are remembered as checked.
const maxPrograms = 10_000

// Pool is where code runs. [sandbox.Pool] is one.
type Pool interface {
	Check(ctx context.Context, program sandbox.Program) (sandbox.Exports, error)
	Run(ctx context.Context, i sandbox.Invocation) (sandbox.Result, error)
}

// fingerprint stands for a program: sources are too long to be remembered here.
type fingerprint [sha256.Size]byte

func fingerprintOf(p sandbox.Program) fingerprint {
	return sha256.Sum256([]byte(strconv.Itoa(len(p.Name)) + p.Name + p.Source))
}

// Runner runs code. It is safe for concurrent use.
type Runner struct {
	pool    Pool
	states  States
	checked *otter.Cache[fingerprint, sandbox.Exports]
}

// NewRunner returns a runner. It owns neither the pool nor the states.
func NewRunner(pool Pool, states States) (*Runner, error) {
	checked, err := otter.New(&otter.Options[fingerprint, sandbox.Exports]{MaximumSize: maxPrograms})
	if err != nil {
		return nil, fmt.Errorf("make cache of programs: %w", err)
	}
	return &Runner{pool: pool, states: states, checked: checked}, nil
}

// Program is code that was checked.
type Program struct {
	source    sandbox.Program
	exports   sandbox.Exports
	namespace string // of its state
}

// Has reports whether the code has a function.
func (p *Program) Has(f sandbox.Function) bool { return p.exports.Has(f) }

// Digest identifies the code: 64 hexadecimal digits, the same for the same source only.
func (p *Program) Digest() string {
	sum := sha256.Sum256([]byte(p.source.Source))
	return hex.EncodeToString(sum[:])
}

// Program checks code once. One that does not compile, or has none of the
// functions that are run, is SCRIPT_INVALID.
func (r *Runner) Program(ctx context.Context, code *connectorv1.Script) (*Program, error) {
	p := &Program{source: sandbox.Program{Name: code.GetPath(), Source: code.GetSource()}}
	if p.source.Name == "" {
		p.source.Name = "script.js"
	}
	var err error
	if p.namespace, err = namespaceOf(p.source); err != nil {
		return nil, err
	}
	key := fingerprintOf(p.source)
	if known, ok := r.checked.GetIfPresent(key); ok {
		p.exports = known
		return p, nil
	}
	exports, err := r.pool.Check(ctx, p.source)
	if err != nil {
		return nil, explain(err, "", nil)
	}
	if exports.None() {
		return nil, fault.Precondition(fault.ReasonScriptInvalid,
			"the custom code %s has none of the functions before, after and handle; the connector has to be mended", p.source.Name)
	}
	p.exports = exports
	r.checked.Set(key, exports)
	return p, nil
}

// Run is what one call gives its code. It belongs to the goroutine of the call.
type Run struct {
	// Program is what runs.
	Program *Program
	// Connection and Connector are what is called, Operation which operation.
	Connection resource.Connection
	Connector  resource.Connector
	Operation  string
	// Handles stand for the call's secrets.
	Handles *inject.Handles
	// StateKey seals what the code keeps; the key of the connection's links is one.
	StateKey []byte
	// Send sends a request that the code made. It checks the destination and puts
	// secrets in.
	Send func(ctx context.Context, req *request.Request) (*upstream.Response, error)
	// Callback returns the public URL that runs an operation of the connector.
	Callback func(ctx context.Context, path string) (string, error)

	// Logs are the lines that the code logged so far.
	Logs []sandbox.Line
	// Dropped is how many lines more it logged than are kept.
	Dropped int
	// Sent is how many requests it sent.
	Sent int

	last error // why a question was refused last, in case that the code lets it pass
}

// Before runs the code before the request is sent, and changes the request as the
// code does. An answer means that the code answered itself.
func (r *Runner) Before(ctx context.Context, run *Run, req *request.Request) (*upstream.Response, error) {
	result, err := r.run(ctx, run, sandbox.Before, req, nil)
	if err != nil {
		return nil, err
	}
	if result.Response != nil {
		return answerOf(result.Response, run.Operation)
	}
	return nil, change(req, result.Request, run.Operation)
}

// Handle runs the code instead of the request.
func (r *Runner) Handle(ctx context.Context, run *Run, req *request.Request) (*upstream.Response, error) {
	result, err := r.run(ctx, run, sandbox.Handle, req, nil)
	if err != nil {
		return nil, err
	}
	return answerOf(result.Response, run.Operation)
}

// After runs the code on an answer and returns what it made of it. req is the
// request as it was before secrets were put in.
func (r *Runner) After(ctx context.Context, run *Run, req *request.Request, resp *upstream.Response) (*upstream.Response, error) {
	result, err := r.run(ctx, run, sandbox.After, req, resp)
	if err != nil {
		return nil, err
	}
	return answerOf(result.Response, run.Operation)
}

func (r *Runner) run(ctx context.Context, run *Run, f sandbox.Function, req *request.Request, resp *upstream.Response) (sandbox.Result, error) {
	run.Handles.Spread()
	i := sandbox.Invocation{
		Program: run.Program.source, Function: f, Request: requestFor(req, run.Operation),
		OperationID: run.Operation, ConnectionID: run.Connection.ID, Host: &host{runner: r, run: run},
		Share: sandbox.Share{Group: run.Connector.String(), Member: run.Connection.String()},
	}
	if resp != nil {
		i.Response = responseFor(resp, run.Handles)
	}
	result, err := r.pool.Run(ctx, i)
	run.Logs = append(run.Logs, concealed(result.Logs, run.Handles)...)
	run.Dropped += result.LogsDropped
	run.Sent += result.Sends
	if err != nil {
		return result, explain(err, run.Operation, run.last)
	}
	return result, nil
}

// concealed takes secrets out of lines: an API may have repeated one in a way
// that the code took apart.
func concealed(lines []sandbox.Line, handles *inject.Handles) []sandbox.Line {
	for i := range lines {
		lines[i].Text = handles.Conceal(lines[i].Text)
	}
	return lines
}

// explain makes a fault of why code gave no result. last is why the last question
// of the code was refused: code that lets such an error pass means it.
func explain(err error, operation string, last error) error {
	if errors.Is(err, sandbox.ErrBusy) {
		return crowded(operation).Because(err)
	}
	failure, ok := errors.AsType[*sandbox.Error](err)
	if !ok {
		return err
	}
	code := "the custom code " + failure.Program
	if operation != "" {
		code = "the custom code of operation " + strconv.Quote(operation)
	}
	var f *fault.Error
	switch failure.Kind {
	case sandbox.KindCompile:
		f = fault.Precondition(fault.ReasonScriptInvalid, "the custom code cannot be used: %s; the connector has to be mended", failure.Error())
	case sandbox.KindLimit:
		f = fault.Precondition(fault.ReasonScriptLimitExceeded, "%s was stopped: %s; it has to do less", code, failure.Message).
			With("limit", failure.Limit).With("allowed", allowed(failure))
	case sandbox.KindWorker:
		f = fault.Unavailable(fault.ReasonScriptFailed, "%s could not be run to its end; try again", code)
	case sandbox.KindThrown:
		if last != nil && failure.Message == fault.From(last).Message() {
			f = fault.From(last)
			break
		}
		f = fault.Precondition(fault.ReasonScriptFailed, "%s failed: %s; the connector has to be mended, or gets an answer that it does not expect",
			code, failure.Error())
	}
	if operation != "" {
		f = f.With("operation", operation)
	}
	if failure.Line > 0 {
		f = f.With("line", strconv.Itoa(failure.Line)).With("column", strconv.Itoa(failure.Column))
	}
	if f.Unwrap() != nil {
		return f // the cause of the refusal says more
	}
	return f.Because(err)
}

// crowded is the fault of a call whose code had no turn. Nothing of it has run.
func crowded(operation string) *fault.Error {
	f := fault.Exhausted(fault.ReasonConcurrencyLimited,
		"so much custom code of this connection, or of all of them, runs or waits that this call had no turn; make fewer calls at once, or try again in a moment").
		RetryAfter(time.Second)
	if operation != "" {
		f = f.With("operation", operation)
	}
	return f
}

func allowed(failure *sandbox.Error) string {
	switch failure.Limit {
	case sandbox.LimitTime:
		return (time.Duration(failure.Allowed) * time.Millisecond).String()
	case sandbox.LimitStack:
		return "fixed"
	}
	return strconv.FormatInt(failure.Allowed, 10)
}
