package pipeline

import (
	"net/http"
	"sync"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
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
}

// through is what pass-through calls need, made when the first of them comes.
type through struct {
	once   sync.Once
	series *usage.Series
	all    policy.Program // policies that apply to all operations
	err    error
	routed bool // some policies or scripts are only for some operations
}

// operation is one operation with its chain.
type operation struct {
	plan     *plan.Operation
	policies policy.Program
	series   *usage.Series
	steps    Next
}

// Definition returns what the revision was compiled of.
func (r *Revision) Definition() *connectorv1.Definition { return r.plans.Definition() }

// Weight estimates the memory of the revision in bytes.
func (r *Revision) Weight() uint32 { return r.plans.Weight() }

// operation returns an operation, compiling it if this is its first call. If
// several are the first, one of the results is used by all.
func (r *Revision) operation(id string) (*operation, error) {
	if found, ok := r.operations.Load(id); ok {
		return found.(*operation), nil //nolint:errcheck // nothing else is stored
	}
	plans, err := r.plans.Operation(id)
	if err != nil {
		return nil, err
	}
	policies, err := policy.Compile(id, r.plans.PoliciesFor(id))
	if err != nil {
		return nil, err
	}
	op := &operation{
		plan: plans, policies: policies,
		series: r.pipeline.usage.Series(r.name.Environment, r.name.Connector, id),
	}
	op.steps = r.pipeline.operationSteps(op)
	found, _ := r.operations.LoadOrStore(id, op)
	return found.(*operation), nil //nolint:errcheck // nothing else is stored
}

// Through is how a pass-through call is treated.
type Through struct {
	// Series counts it.
	Series *usage.Series
	// Policies are applied to it.
	Policies policy.Program
}

// Through returns how a request that names no operation is treated. Policies for
// all operations are applied; where policies or custom code are for some of the
// operations only, the request is matched with them by method and path (below
// the server's own). A request whose policies cannot be applied, or that needs
// custom code, is refused as a call of the operation would be.
func (r *Revision) Through(method, path string) (Through, error) {
	t := &r.through
	t.once.Do(func() { r.compileThrough(t) })
	if t.err != nil {
		return Through{}, t.err
	}
	if !t.routed {
		return Through{Series: t.series, Policies: t.all}, nil
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
		return Through{Series: t.series, Policies: t.all}, nil
	}
	op, err := r.operation(id)
	if err != nil {
		return Through{}, err
	}
	return Through{Series: t.series, Policies: op.policies}, nil
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
				"requests to this connector are handled by custom code, which this server cannot run; they are not sent without it")
			return
		}
		t.routed = true
	}
	for _, op := range r.Definition().GetOperations() {
		t.routed = t.routed || op.GetRequiresScript()
	}
	t.all, t.err = policy.Compile(usage.PassThrough, all)
}
