package pipeline

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/mock"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/script"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// Revision is what is compiled of one revision of a connector. It is safe for
// concurrent use.
type Revision struct {
	name     resource.Revision
	plans    *plan.Revision
	pipeline *Pipeline

	operations sync.Map // operation id → *operation
	through    through

	mocked sync.Once
	mocks  *mock.Maker
}

// operation is one operation with its chain, and what the chain needs.
type operation struct {
	plan     *plan.Operation
	policies policy.Program
	script   *script.Program // nil for none
	rules    *upstream.ErrorRules
	rates    []rate.Rule
	cost     int64
	cache    cache.Rule
	series   *usage.Series
	steps    Next // of a call
	raw      Next // of a raw request, see [Pipeline.Pass]
	leave    func(*http.Response) bool

	whole        bool   // something works on whole bodies, or needs a call
	wholeAnswer  bool   // something works on whole answers
	linksBody    bool   // answers to raw requests hold a link that is made ours
	sent         string // the method that policies send it with, or its own
	asksOnly     bool   // changes nothing, by its description
	safe         bool   // changes nothing, by what is sent too
	unforeseen   bool   // code or policies may send requests of their own
	cacheable    bool   // answers may be kept
	native       bool   // the API keeps the state of polls in the Location of its answers
	polls        bool   // a call is a poll by the policy pollingtrigger
	lookedBackAt bool   // something looks at the request after it was sent
}

// repeatable reports whether making the call twice does no harm, by what was sent for it
// so far, and what policies are going to make of its request.
func (op *operation) repeatable(c *Call) bool {
	return op.takesKey(c) || op.plan.Idempotent() && !c.unrepeatable && op.repeats(c, op.sent)
}

// surelyRepeatable says so before anything was sent.
func (op *operation) surelyRepeatable(c *Call) bool {
	return op.repeatable(c) && (!op.unforeseen || op.takesKey(c))
}

// takesKey reports whether the API itself is given the key of the call.
func (op *operation) takesKey(c *Call) bool {
	return c.IdempotencyKey != "" && op.plan.Source().GetIdempotencyKeyHeader() != ""
}

// Definition returns what the revision was compiled of.
func (r *Revision) Definition() *connectorv1.Definition { return r.plans.Definition() }

// Weight estimates the memory of the revision in bytes.
func (r *Revision) Weight() uint32 { return r.plans.Weight() }

// operation returns an operation, compiling it if this is its first call. If
// several are the first, one of the results is used by all. Custom code is checked
// then, which takes a worker and can fail for now: what failed is tried again.
func (r *Revision) operation(ctx context.Context, id string) (*operation, error) {
	if found, ok := r.operations.Load(id); ok {
		return found.(*operation), nil //nolint:errcheck // nothing else is stored
	}
	op, err := r.compile(ctx, id)
	if err != nil {
		return nil, err
	}
	op.steps, op.raw = r.pipeline.operationSteps(op), r.pipeline.exchangeSteps(op)
	found, _ := r.operations.LoadOrStore(id, op)
	return found.(*operation), nil //nolint:errcheck // nothing else is stored
}

func (r *Revision) compile(ctx context.Context, id string) (*operation, error) {
	op := &operation{series: r.pipeline.usage.Series(r.name.Environment, r.name.Connector, id)}
	var err error
	if op.plan, err = r.plans.Operation(id); err != nil {
		return nil, err
	}
	if op.policies, err = policy.Compile(id, r.plans.PoliciesFor(id)); err != nil {
		return nil, err
	}
	if op.rules, err = upstream.CompileErrorRules(id, r.Definition().GetErrorRules()); err != nil {
		return nil, err
	}
	if op.rates, err = rate.Compile(r.Definition()); err != nil {
		return nil, err
	}
	source := op.plan.Source()
	if code, _ := r.plans.ScriptFor(source); code != nil {
		if r.pipeline.scripts == nil {
			return nil, fault.Unimplemented(fault.ReasonCustomCodeRequired, "operation %q is handled by custom code, and this server runs none", id).With("operation", id)
		}
		if op.script, err = r.pipeline.scripts.Program(ctx, code); err != nil {
			return nil, err
		}
	}
	op.cost = rate.Cost(source)
	if own := source.GetCache(); own != nil {
		op.cache = cache.Rule{Explicit: true, MaxAge: time.Duration(own.GetMaxAgeSeconds()) * time.Second}
	}
	op.whole = op.script != nil || worksOnBodies(&op.policies, r.plans.PoliciesFor(id))
	op.unforeseen = op.script != nil || slices.ContainsFunc(r.plans.PoliciesFor(id), asksItself)
	op.settle()
	return op, nil
}

// settle works out what follows from the rest.
func (op *operation) settle() {
	source := op.plan.Source()
	op.sent = cmp.Or(op.policies.Method, op.plan.Method())
	op.asksOnly = source.GetSafety().GetSafe() || safeMethod(op.plan.Method())
	op.safe = op.asksOnly && op.trusts(op.sent, safeMethod)
	op.polls = op.policies.Polling() && source.GetKind() == connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
	op.native = source.GetTrigger().GetPolling().GetProtocol() == connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE
	changes := op.script != nil && op.script.Has(after)
	op.lookedBackAt = len(op.policies.Response) > 0 || op.polls || changes
	op.linksBody = paging.NamesLink(source)
	op.whole = op.whole || op.polls || op.linksBody
	op.wholeAnswer = op.policies.NeedsResponseBody || op.polls || changes || op.linksBody
	// Code that makes or sends requests decides itself what is asked; by the API's
	// own word nothing is known about its answers.
	coded := op.script != nil && (op.script.Has(before) || op.script.Has(handle))
	op.cacheable = op.safe && op.cache.Covers(op.plan.Method(), op.safe) && !op.polls && (op.cache.Explicit || !coded)
	op.leave = op.leaves
}
