// Package pipeline is the way of a call through the runtime.
//
// The file steps.go lists the steps in order; it is the one to read. A [Step]
// does its part and calls the next; the steps of an operation are compiled into
// one function when the operation is first called, and what it does not need is
// not in it. [Call] is what the steps know about one call, [Revision] what is
// compiled of a connector, [Pipeline] what all calls share.
//
//	p, err := pipeline.New(pipeline.Deps{…})
//	call := pipeline.Call{Connection: name, OperationID: "ListItems", Input: input}
//	err = p.Invoke(ctx, &call)
//	call.Response.Status
package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

const (
	// DefaultTimeout is the time for a call whose caller does not say.
	DefaultTimeout = 60 * time.Second
	// MaxTimeout is the longest time for a call.
	MaxTimeout = 300 * time.Second
)

// Step does its part of a call, and calls next for the rest unless it ends it.
type Step func(ctx context.Context, c *Call, next Next) error

// Next is the rest of a chain.
type Next func(ctx context.Context, c *Call) error

// Call is one call on its way. Its steps fill it in; it belongs to the goroutine
// that made it.
type Call struct {
	// Connection is what is called.
	Connection resource.Connection
	// OperationID is which operation.
	OperationID string
	// Revision is used instead of the connection's own, unless it is empty.
	Revision string
	// OnBehalfOf is the user for whom a service of the suite calls: the connection
	// must be theirs. Empty for none; ignored if a user calls.
	OnBehalfOf string
	// Input is the input, one JSON object; empty for none.
	Input []byte
	// Timeout is the time for the call; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Subject is the caller's own token at the provider, if it sent one.
	Subject binding.Subject

	// Binding is what the connection means; nil until it is known.
	Binding *Binding
	// Response is what the API answered; nil without an answer.
	Response *upstream.Response
	// Problem explains an answer of 400 or more; nil for others.
	Problem *upstream.Problem
	// Elapsed is how long the call took.
	Elapsed time.Duration

	principal  authn.Principal
	operation  *operation
	arguments  *plan.Arguments
	handles    inject.Handles
	unmet      error // what is missing for the operation's security schemes
	notRenewed error // why a refused token was not replaced
	request    request.Request
}

// exchange is the call as policies see it.
func (c *Call) exchange() *policy.Exchange {
	return &policy.Exchange{Request: &c.request, Response: c.Response, Parameter: c.handles.Parameter}
}

// Deps are the parts of a pipeline. It owns none of them.
type Deps struct {
	// Clock measures calls and dates what is remembered.
	Clock clock.Clock
	// Source is where leases and definitions come from.
	Source binding.Source
	// Client speaks to APIs.
	Client *upstream.Client
	// Usage counts calls.
	Usage *usage.Recorder
	// Cache bounds what is remembered.
	Cache binding.Config
	// Timeout is the time for a call whose caller does not say; 0 means
	// [DefaultTimeout].
	Timeout time.Duration
	// Uses is told where credentials go; nil for nobody.
	Uses Uses
}

// Pipeline runs calls. It is safe for concurrent use.
type Pipeline struct {
	clock    clock.Clock
	client   *upstream.Client
	usage    *usage.Recorder
	unbound  *usage.Series // calls that were refused before anything was known
	timeout  time.Duration
	uses     Uses
	bindings *Bindings
	invoke   Next
}

// Bindings remembers what connections mean.
type Bindings = binding.Store[*Revision]

// Binding is what one connection means.
type Binding = binding.Binding[*Revision]

// New returns a pipeline with nothing remembered.
func New(deps Deps) (*Pipeline, error) {
	p := &Pipeline{clock: deps.Clock, client: deps.Client, usage: deps.Usage, timeout: deps.Timeout, uses: deps.Uses}
	if p.timeout == 0 {
		p.timeout = DefaultTimeout
	}
	p.unbound = p.usage.Series("", "", "")
	var err error
	if p.bindings, err = binding.NewStore(deps.Cache, deps.Source, deps.Clock, p.compile); err != nil {
		return nil, fmt.Errorf("make pipeline: %w", err)
	}
	p.invoke = p.everyCall()
	return p, nil
}

func (p *Pipeline) compile(name resource.Revision, def *connectorv1.Definition) *Revision {
	return &Revision{name: name, plans: plan.New(def), pipeline: p}
}

// Invoke runs one call. The error is a fault of ours or of the way to the API;
// whatever the API answers is in c.
func (p *Pipeline) Invoke(ctx context.Context, c *Call) error { return p.invoke(ctx, c) }

// Bindings returns what the pipeline remembers, for those who drop what changed.
func (p *Pipeline) Bindings() *Bindings { return p.bindings }

// Bind says what a connection means to a caller. Whether its environment exists
// is for the vault to say, which knows its connections: nobody else is asked.
func (p *Pipeline) Bind(ctx context.Context, ask binding.Ask) (*Binding, error) {
	return p.bindings.Bind(ctx, ask)
}

// chain puts steps together, from the last to the first, so that running them
// allocates nothing. Steps that are nil are left out.
func chain(steps ...Step) Next {
	next := func(context.Context, *Call) error { return nil }
	for _, step := range slices.Backward(steps) {
		if step == nil {
			continue
		}
		rest := next
		next = func(ctx context.Context, c *Call) error { return step(ctx, c, rest) }
	}
	return next
}

// when returns the step if it is needed.
func when(needed bool, step Step) Step {
	if !needed {
		return nil
	}
	return step
}
