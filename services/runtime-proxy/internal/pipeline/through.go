package pipeline

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// through is what pass-through calls need, made when the first of them comes.
type through struct {
	once   sync.Once
	series *usage.Series
	all    policy.Program // policies that apply to all operations
	rates  []rate.Rule
	err    error
	routed bool     // something is only for some operations, or works on whole bodies
	paged  bool     // some operations name the member of their answers that is made a link of ours
	whole  bool     // policies for all operations work on whole bodies
	coded  bool     // custom code is for all operations
	others sync.Map // method → *operation: of paths that no operation describes
}

// Through is how a pass-through call is treated.
type Through struct {
	// Series counts it: that of the operation whose policies and code it passes.
	Series *usage.Series
	// Policies are applied to it.
	Policies policy.Program
	// Rates and Cost are what it takes of the connector's limits.
	Rates []rate.Rule
	Cost  int64

	revision  *Revision
	operation *operation // nil if it was not looked for, or there is none
	asGet     bool       // HEAD of an operation that is described as GET
}

// Whole reports whether something works on whole bodies: then the request is for
// [Pipeline.Pass].
func (t *Through) Whole() bool { return t.operation != nil && t.operation.whole }

// Argument returns what policies may ask of a request with this path, see
// [policy.Exchange]; nil where no operation is known.
func (t *Through) Argument(path string) func(name string) (string, bool) {
	if t.operation == nil {
		return nil
	}
	op := t.operation
	return func(name string) (string, bool) { return op.plan.PathValue(path, name) }
}

// Through returns how a request that names no operation is treated. Where policies,
// custom code or anything else is for some of the operations only, or works on whole
// bodies, the request is matched with them by method and path (below the server's
// own). To a path that no operation describes the policies for all operations are
// applied; if custom code is for all operations it is refused, since code knows the
// operations that it was written for. What cannot be applied at all is refused as a
// call of the operation would be.
func (r *Revision) Through(ctx context.Context, method, path string) (Through, error) {
	t := &r.through
	t.once.Do(func() { r.compileThrough(t) })
	if t.err != nil {
		return Through{}, t.err
	}
	if !t.routed {
		if op, asGet := r.pagedAt(ctx, method, path); op != nil {
			return Through{Series: op.series, Policies: op.policies, Rates: t.rates, Cost: op.cost, revision: r, operation: op, asGet: asGet}, nil
		}
		return Through{Series: t.series, Policies: t.all, Rates: t.rates, Cost: 1, revision: r}, nil
	}
	if plan.Ambiguous(path) {
		return Through{}, fault.Invalid(fault.ReasonInvalidArgument,
			"this connector has policies for single operations, and the path can be read in several ways; send it without empty or dot segments, escaped slashes and \";\"")
	}
	id, asGet, ok := r.match(method, path)
	if !ok {
		return r.undescribed(method)
	}
	op, err := r.operation(ctx, id)
	if err != nil {
		return Through{}, err
	}
	return Through{Series: op.series, Policies: op.policies, Rates: t.rates, Cost: op.cost, revision: r, operation: op, asGet: asGet}, nil
}

// ThroughLink returns how a request for a link is treated that was sealed for an
// operation.
func (r *Revision) ThroughLink(ctx context.Context, id, method string) (Through, error) {
	t := &r.through
	t.once.Do(func() { r.compileThrough(t) })
	if t.err != nil {
		return Through{}, t.err
	}
	op, err := r.operation(ctx, id)
	if err != nil {
		return Through{}, err
	}
	return Through{
		Series: op.series, Policies: op.policies, Rates: t.rates, Cost: op.cost, revision: r, operation: op,
		asGet: method == http.MethodHead && op.plan.Method() != http.MethodHead,
	}, nil
}

// pagedAt returns the operation of a request if it names the link in its answers; nil
// if it does not. Nothing but that link depends on it, so that a path of which nobody
// knows what it is is none.
func (r *Revision) pagedAt(ctx context.Context, method, path string) (op *operation, asGet bool) {
	if !r.through.paged || plan.Ambiguous(path) {
		return nil, false
	}
	id, asGet, ok := r.match(method, path)
	if !ok {
		return nil, false
	}
	op, err := r.operation(ctx, id)
	if err != nil || !op.linksBody {
		return nil, false
	}
	return op, asGet
}

// match finds the operation of a method and a path. An API answers HEAD as it
// answers GET.
func (r *Revision) match(method, path string) (id string, asGet, ok bool) {
	if id, ok = r.plans.Match(method, path); !ok && method == http.MethodHead {
		id, ok = r.plans.Match(http.MethodGet, path)
		asGet = ok
	}
	return id, asGet, ok
}

// TakesHeader reports whether the operation of a method and a path describes a header
// parameter of that name.
func (r *Revision) TakesHeader(method, path, name string) bool {
	if plan.Ambiguous(path) {
		return false
	}
	id, _, ok := r.match(method, path)
	for _, op := range r.Definition().GetOperations() {
		if !ok || op.GetOperationId() != id {
			continue
		}
		return slices.ContainsFunc(op.GetParameters(), func(p *connectorv1.Parameter) bool {
			return p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER && strings.EqualFold(p.GetName(), name)
		})
	}
	return false
}

// undescribed is how a request is treated whose path no operation describes.
func (r *Revision) undescribed(method string) (Through, error) {
	t := &r.through
	if t.coded {
		return Through{}, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"all operations of this connector are handled by custom code, and none has this method and path; send the request of an operation")
	}
	out := Through{Series: t.series, Policies: t.all, Rates: t.rates, Cost: 1, revision: r}
	if !t.whole {
		return out, nil
	}
	var err error
	out.operation, err = r.other(method)
	return out, err
}

// other returns what stands for an operation where none is described: it has the
// policies for all of them.
func (r *Revision) other(method string) (*operation, error) {
	t := &r.through
	if found, ok := t.others.Load(method); ok {
		return found.(*operation), nil //nolint:errcheck // nothing else is stored
	}
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
	if !slices.Contains(known, method) { // what is made stays in memory
		return nil, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"requests to this connector pass policies that work on bodies, and nothing is known about bodies of this method; use one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")
	}
	source := &connectorv1.Operation{OperationId: usage.PassThrough, Method: method, Path: "/"}
	compiled, err := plan.New(&connectorv1.Definition{Operations: []*connectorv1.Operation{source}}).Operation(usage.PassThrough)
	if err != nil {
		return nil, err
	}
	op := &operation{plan: compiled, policies: t.all, series: t.series, rates: t.rates, cost: 1, whole: true}
	op.settle()
	op.raw = r.pipeline.exchangeSteps(op)
	found, _ := t.others.LoadOrStore(method, op)
	return found.(*operation), nil //nolint:errcheck // nothing else is stored
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
		t.routed = true
		t.coded = t.coded || len(script.GetOperationIds()) == 0
	}
	for _, op := range r.Definition().GetOperations() {
		t.paged = t.paged || paging.NamesLink(op)
		t.routed = t.routed || op.GetRequiresScript() || op.GetCost() > 1 || op.GetCache() != nil
	}
	if t.rates, t.err = rate.Compile(r.Definition()); t.err != nil {
		return
	}
	if t.all, t.err = policy.Compile(usage.PassThrough, all); t.err != nil {
		return
	}
	t.whole = worksOnBodies(&t.all, all)
	t.routed = t.routed || t.whole || t.all.Polling()
}

// worksOnBodies reports whether policies need whole bodies, or a call to which
// requests of their own belong.
func worksOnBodies(program *policy.Program, list []*connectorv1.Policy) bool {
	return program.NeedsRequestBody || program.NeedsResponseBody || slices.ContainsFunc(list, asksItself)
}

// asksItself reports whether a policy sends requests of its own.
func asksItself(p *connectorv1.Policy) bool { return p.GetTemplateId() == "setvaluefromurl" }
