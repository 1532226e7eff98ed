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
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/lifetime"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/callback"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/idempotency"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/script"
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
	// Guard leaves failing APIs alone and bounds what is under way; nil for one with
	// the usual bounds.
	Guard *resilience.Guard
	// Limits are those of calls in a time; nil for none.
	Limits *rate.Limiter
	// Keys keeps what became of calls with an idempotency key; nil refuses them.
	Keys *idempotency.Keeper
	// Answers are kept answers; nil keeps none.
	Answers *cache.Cache
	// Scripts runs custom code; nil refuses what needs it.
	Scripts *script.Runner
	// Log keeps requests of connections that are looked at; nil keeps none.
	Log *requestlog.Log
	// Callbacks keeps what callback URLs lead to; nil for none.
	Callbacks *callback.Store
	// PublicURL is where callers reach the gateway, for links; may be empty.
	PublicURL string
	// NeedsAuthorization is told that an API said so of a connection, by the answer
	// of its test operation; nil for nobody.
	NeedsAuthorization func(ctx context.Context, connection resource.Connection, status int)
	// Answered is told how an API took secrets, where that is news; nil for nobody. The
	// call waits for it.
	Answered func(ctx context.Context, answer binding.Answer)
}

// Pipeline runs calls. It is safe for concurrent use.
type Pipeline struct {
	clock     clock.Clock
	client    *upstream.Client
	usage     *usage.Recorder
	unbound   *usage.Series // calls that were refused before anything was known
	timeout   time.Duration
	lives     *lifetime.Lives // of calls
	uses      Uses
	guard     *resilience.Guard
	limits    *rate.Limiter
	keys      *idempotency.Keeper
	answers   *cache.Cache
	scripts   *script.Runner
	log       *requestlog.Log
	callbacks *callback.Store
	publicURL string
	needs     func(ctx context.Context, connection resource.Connection, status int)
	answered  func(ctx context.Context, answer binding.Answer)
	bindings  *Bindings
	invoke    Next
}

// Bindings remembers what connections mean.
type Bindings = binding.Store[*Revision]

// Binding is what one connection means.
type Binding = binding.Binding[*Revision]

// New returns a pipeline with nothing remembered.
func New(deps Deps) (*Pipeline, error) {
	p := &Pipeline{
		clock: deps.Clock, client: deps.Client, usage: deps.Usage, timeout: deps.Timeout, uses: deps.Uses,
		guard: deps.Guard, limits: deps.Limits, keys: deps.Keys, answers: deps.Answers, scripts: deps.Scripts,
		log: deps.Log, callbacks: deps.Callbacks, publicURL: deps.PublicURL, needs: deps.NeedsAuthorization, answered: deps.Answered,
	}
	if p.timeout == 0 {
		p.timeout = DefaultTimeout
	}
	p.lives = lifetime.New(p.timeout)
	if p.guard == nil {
		p.guard = resilience.New(resilience.Options{}, deps.Clock)
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
