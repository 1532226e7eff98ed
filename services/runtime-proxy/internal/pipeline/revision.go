package pipeline

import (
	"context"
	"net/http"
	"sync"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/mock"
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

// through is what pass-through calls need, made when the first of them comes.
type through struct {
	once   sync.Once
	series *usage.Series
	all    policy.Program // policies that apply to all operations
	rates  []rate.Rule
	err    error
	routed bool // some policies, scripts or costs are only for some operations
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
	steps    Next

	safe         bool // changes nothing
	cacheable    bool // answers may be kept
	polls        bool // a call is a poll by the policy pollingtrigger
	lookedBackAt bool // something looks at the request after it was sent
}

// repeatable reports whether making the call twice does no harm.
func (op *operation) repeatable(c *Call) bool {
	return op.plan.Idempotent() || (c.IdempotencyKey != "" && op.plan.Source().GetIdempotencyKeyHeader() != "")
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
	op.steps = r.pipeline.operationSteps(op)
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
	op.safe = source.GetSafety().GetSafe() || safeMethod(op.plan.Method())
	op.polls = op.policies.Polling() && source.GetKind() == connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
	op.lookedBackAt = len(op.policies.Response) > 0 || op.polls || (op.script != nil && op.script.Has(after))
	if own := source.GetCache(); own != nil {
		op.cache = cache.Rule{Explicit: true, MaxAge: time.Duration(own.GetMaxAgeSeconds()) * time.Second}
	}
	// Code that makes or sends requests decides itself what is asked; by the API's
	// own word nothing is known about its answers.
	coded := op.script != nil && (op.script.Has(before) || op.script.Has(handle))
	op.cacheable = op.cache.Covers(op.plan.Method(), op.safe) && !op.polls && (op.cache.Explicit || !coded)
	return op, nil
}

// Through is how a pass-through call is treated.
type Through struct {
	// Series counts it.
	Series *usage.Series
	// Policies are applied to it.
	Policies policy.Program
	// Rates and Cost are what it takes of the connector's limits.
	Rates []rate.Rule
	Cost  int64
}

// Through returns how a request that names no operation is treated. Policies for
// all operations are applied; where policies or custom code are for some of the
// operations only, the request is matched with them by method and path (below
// the server's own). A request whose policies cannot be applied, or that needs
// custom code, is refused as a call of the operation would be.
func (r *Revision) Through(ctx context.Context, method, path string) (Through, error) {
	t := &r.through
	t.once.Do(func() { r.compileThrough(t) })
	if t.err != nil {
		return Through{}, t.err
	}
	if !t.routed {
		return Through{Series: t.series, Policies: t.all, Rates: t.rates, Cost: 1}, nil
	}
	if plan.Ambiguous(path) {
		return Through{}, fault.Invalid(fault.ReasonInvalidArgument,
			"this connector has policies for single operations, and the path can be read in several ways; send it without empty or dot segments, escaped slashes and \";\"")
	}
	id, ok := r.plans.Match(method, path)
	if !ok && method == http.MethodHead { // an API answers it as it answers GET
		id, ok = r.plans.Match(http.MethodGet, path)
	}
	if !ok {
		return Through{Series: t.series, Policies: t.all, Rates: t.rates, Cost: 1}, nil
	}
	op, err := r.operation(ctx, id)
	if err != nil {
		return Through{}, err
	}
	if op.script != nil || op.policies.NeedsRequestBody || op.policies.NeedsResponseBody {
		return Through{}, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"requests of operation %q pass custom code or policies that work on bodies, which are streamed here; invoke the operation instead", id).
			With("operation", id)
	}
	return Through{Series: t.series, Policies: op.policies, Rates: t.rates, Cost: op.cost}, nil
}

func (r *Revision) compileThrough(t *through) {
	t.series = r.pipeline.usage.Series(r.name.Environment, r.name.Connector, usage.PassThrough)
	var all []*connectorv1.Policy
	for _, p := range r.Definition().GetPolicies() {
		if len(p.GetOperationIds()) == 0 {
			all = append(all, p)
		} else {
			t.routed = true
		}
	}
	for _, script := range r.Definition().GetScripts() {
		if len(script.GetOperationIds()) == 0 {
			t.err = fault.Unimplemented(fault.ReasonCustomCodeRequired,
				"requests to this connector are handled by custom code, which works on bodies, and they are streamed here; invoke the operations instead")
			return
		}
		t.routed = true
	}
	for _, op := range r.Definition().GetOperations() {
		t.routed = t.routed || op.GetRequiresScript() || op.GetCost() > 1
	}
	if t.rates, t.err = rate.Compile(r.Definition()); t.err != nil {
		return
	}
	if t.all, t.err = policy.Compile(usage.PassThrough, all); t.err == nil && (t.all.NeedsRequestBody || t.all.NeedsResponseBody) {
		t.err = fault.Unimplemented(fault.ReasonOperationNotSupported,
			"requests to this connector pass policies that work on bodies, and they are streamed here; invoke the operations instead")
	}
}
