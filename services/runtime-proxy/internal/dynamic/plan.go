package dynamic

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// filePicker is the one capability that definitions describe themselves.
const filePicker = "file-picker"

// want tells the kinds of features.
type want int

const (
	wantsValues want = iota
	wantsSchema
)

// plan is one call that answers a question.
type plan struct {
	operation *connectorv1.Operation
	input     jsontext.Value
	constants jsontext.Value // the part of the input that the definition prescribes
	// One of these says how its answer is read.
	values *connectorv1.DynamicValues
	branch *branch
	schema *connectorv1.DynamicSchema
}

// plan finds the feature and builds the input of its call.
func (q *Question) plan(w want) (*plan, error) {
	op, err := q.find(q.Operation)
	if err != nil {
		return nil, err
	}
	if kind := q.Input.Kind(); len(q.Input) > 0 && (kind != '{' || !q.Input.IsValid()) {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the input is not a JSON object; send what is known of it as one").Field("input", "must be a JSON object")
	}
	if len(q.Item) > 0 && !q.Item.IsValid() {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the item is not JSON; send it as an earlier answer gave it").Field("item", "must be JSON")
	}
	var first error
	for _, f := range op.GetDynamics() {
		stars, ok := match(f.GetPointer(), q.Pointer)
		if !ok || !q.fits(f, w) {
			continue
		}
		p, err := q.planOf(f, stars)
		if err == nil {
			return p, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = q.nothing(op, w)
	}
	return nil, first
}

func (q *Question) find(id string) (*connectorv1.Operation, error) {
	for _, op := range q.Definition.GetOperations() {
		if op.GetOperationId() == id {
			return op, nil
		}
	}
	return nil, fault.NotFound(fault.ReasonOperationNotFound, "the connector has no operation %q; list its operations to see what there is", id).With("operation", id)
}

// fits reports whether a feature is of the kind and on the side that is asked for.
func (q *Question) fits(f *connectorv1.DynamicFeature, w want) bool {
	_, isSchema := f.GetKind().(*connectorv1.DynamicFeature_Schema)
	if w == wantsValues {
		return !isSchema && f.GetKind() != nil && f.GetSide() != connectorv1.DynamicSide_DYNAMIC_SIDE_OUTPUT
	}
	return isSchema && f.GetSide() == q.Side
}

// nothing says what could be asked instead.
func (q *Question) nothing(op *connectorv1.Operation, w want) error {
	var all []string
	for _, f := range op.GetDynamics() {
		if q.fits(f, w) && !slices.Contains(all, f.GetPointer()) && len(all) < 20 {
			all = append(all, f.GetPointer())
		}
	}
	what := map[want]string{wantsValues: "choices", wantsSchema: "schema"}[w]
	if len(all) == 0 {
		return fault.Invalid(fault.ReasonInvalidArgument, "operation %q has no %s that the API supplies on this side; use its description", op.GetOperationId(), what).
			Field("pointer", "names nothing dynamic")
	}
	return fault.Invalid(fault.ReasonInvalidArgument, "the API supplies no %s for %q of operation %q; it does for %q", what, q.Pointer, op.GetOperationId(), all).
		Field("pointer", "must be one of "+strings.Join(all, ", "))
}

func (q *Question) planOf(f *connectorv1.DynamicFeature, stars []string) (*plan, error) {
	b := &builder{q: q, stars: stars}
	switch kind := f.GetKind().(type) {
	case *connectorv1.DynamicFeature_Schema:
		p, err := b.build(kind.Schema.GetCall())
		if err != nil {
			return nil, err
		}
		p.schema = kind.Schema
		return p, nil
	case *connectorv1.DynamicFeature_Tree:
		return b.tree(kind.Tree)
	case *connectorv1.DynamicFeature_Values:
		if kind.Values.GetCall().GetCapability() == filePicker {
			return b.picker(kind.Values)
		}
		if len(q.Item) > 0 {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the choices of %q are no tree; ask without an item", q.Pointer).Field("item", "must be empty")
		}
		p, err := b.build(kind.Values.GetCall())
		if err != nil {
			return nil, err
		}
		p.values = kind.Values
		return p, nil
	}
	return nil, fault.Internal(fault.ReasonInternal, "a dynamic feature is of an unknown kind; import the connector again")
}

// builder builds the input of a call.
type builder struct {
	q     *Question
	stars []string
	// given are arguments under the names that a capability knows them by; looked
	// into before the input.
	given jsontext.Value
}

func (b *builder) build(call *connectorv1.DynamicCall) (*plan, error) {
	if name := call.GetCapability(); name != "" {
		return nil, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"the choices come from %q, which the platform that the connector was written for supplies; type the value in", name).With("capability", name)
	}
	op, err := b.q.find(call.GetOperationId())
	if err != nil {
		return nil, unavailable(call.GetOperationId(), "the connector has no such operation").Because(err)
	}
	input, constants, err := b.arguments(call.GetArguments())
	if err != nil {
		return nil, err
	}
	return &plan{operation: op, input: input, constants: constants}, nil
}

// arguments puts the values of all arguments where they belong, and constants in
// an object of their own, too. What is not known is left out, unless the call makes
// no sense without it.
func (b *builder) arguments(list []*connectorv1.DynamicArgument) (input, constants jsontext.Value, err error) {
	input, constants = jsontext.Value("{}"), jsontext.Value("{}")
	var missing []string
	for _, a := range list {
		v, ok := b.valueOf(a)
		if ok {
			input = put(input, tokens(a.GetPointer()), v)
			if len(a.GetJson()) > 0 {
				constants = put(constants, tokens(a.GetPointer()), v)
			}
			continue
		}
		if !a.GetRequired() {
			continue
		}
		switch from := a.GetValue().(type) {
		case *connectorv1.DynamicArgument_Input:
			missing = append(missing, from.Input)
		case *connectorv1.DynamicArgument_ItemPath:
			return nil, nil, fault.Invalid(fault.ReasonInvalidArgument, "the item does not have what opens the branch below it; send it as an earlier answer gave it").
				Field("item", "must be an item of an earlier answer")
		}
	}
	if len(missing) > 0 {
		return nil, nil, b.missing(missing)
	}
	return input, constants, nil
}

func (b *builder) valueOf(a *connectorv1.DynamicArgument) (jsontext.Value, bool) {
	switch from := a.GetValue().(type) {
	case *connectorv1.DynamicArgument_Json:
		v := jsontext.Value(from.Json)
		return v, len(v) > 0 && v.IsValid()
	case *connectorv1.DynamicArgument_Input:
		if v, ok := lookUp(b.given, from.Input, nil); ok {
			return v, true
		}
		return lookUp(b.q.Input, from.Input, b.stars)
	case *connectorv1.DynamicArgument_ItemPath:
		v, ok := dotpath.Find(b.q.Item, from.ItemPath)
		return v, ok && v.Kind() != 'n'
	}
	return nil, false
}

// missing names the inputs to fill in first.
func (b *builder) missing(pointers []string) error {
	names := make([]string, 0, len(pointers))
	for _, pointer := range pointers {
		names = append(names, strings.Join(tokens(pointer), "."))
	}
	f := fault.Invalid(fault.ReasonInputInvalid, "the choices of %q depend on %s; fill that in first", b.q.Pointer, strings.Join(names, " and ")).
		With("operation", b.q.Operation)
	for _, name := range names {
		f = f.Field(name, "has to be known before the API can be asked")
	}
	return f
}
