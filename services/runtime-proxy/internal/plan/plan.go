// Package plan turns the operations of a connector into plans: everything about
// a call that does not depend on its input, worked out once.
//
// A [Revision] holds the plans of one definition and makes each when it is
// first asked for. An [Operation] reads the input of a call ([Operation.Read],
// which finds all that is wrong with it at once) and writes the request
// ([Operation.Build]). Numbers keep the text that the caller wrote; nothing goes
// through a float.
//
//	revision := plan.New(definition)
//	operation, err := revision.Operation("CreateItem")
//	arguments, err := operation.Read(input) // INPUT_INVALID with all violations
//	err = operation.Build(arguments, &req)
package plan

import (
	"math"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
)

// weightFactor is how many bytes of memory stand behind one byte of a
// serialised definition once it is decoded and partly compiled: measured
// between 4 and 7 on real connectors.
const weightFactor = 6

// Revision holds the plans of one revision of a connector. It is safe for
// concurrent use.
type Revision struct {
	definition *connectorv1.Definition
	operations map[string]*lazy
	schemas    *schemas
	answered   *schemas // for answers
	weight     uint32
}

// lazy makes a plan at most once.
type lazy struct {
	source *connectorv1.Operation
	once   sync.Once
	plan   *Operation
	err    error
}

// New returns the plans of a definition, which must not change any more. It
// compiles nothing yet and cannot fail: what is wrong with an operation is
// reported to those who call it.
func New(definition *connectorv1.Definition) *Revision {
	r := &Revision{
		definition: definition,
		operations: make(map[string]*lazy, len(definition.GetOperations())),
		schemas:    newSchemas(definition.GetSchemas()),
		weight:     weigh(definition),
	}
	r.answered = r.schemas.answered()
	for _, op := range definition.GetOperations() {
		r.operations[op.GetOperationId()] = &lazy{source: op}
	}
	return r
}

func weigh(definition *connectorv1.Definition) uint32 {
	size := int64(proto.Size(definition)) * weightFactor
	return uint32(min(max(size, 1), math.MaxUint32))
}

// Definition returns the definition, which must not be changed.
func (r *Revision) Definition() *connectorv1.Definition { return r.definition }

// Weight estimates the memory that the revision takes, in bytes, once some of
// its operations are in use.
func (r *Revision) Weight() uint32 { return r.weight }

// Operation returns the plan of an operation. An id that the connector does not
// have is OPERATION_NOT_FOUND with similar ids in its sentence; an operation
// that cannot be called is OPERATION_NOT_SUPPORTED or CUSTOM_CODE_REQUIRED.
func (r *Revision) Operation(id string) (*Operation, error) {
	entry, ok := r.operations[id]
	if !ok {
		return nil, r.unknown(id)
	}
	entry.once.Do(func() { entry.plan, entry.err = r.compile(entry.source) })
	return entry.plan, entry.err
}

func (r *Revision) unknown(id string) error {
	ids := make([]string, 0, len(r.operations))
	for _, op := range r.definition.GetOperations() {
		ids = append(ids, op.GetOperationId())
	}
	near := nearest.To(id, ids)
	if len(near) == 0 {
		return fault.NotFound(fault.ReasonOperationNotFound,
			"the connector has no operation %q; list its operations to see what there is", id).With("operation", id)
	}
	return fault.NotFound(fault.ReasonOperationNotFound,
		"the connector has no operation %q; did you mean %s?", id, strings.Join(near, " or ")).
		With("operation", id).With("similar", strings.Join(near, ","))
}

// JavaScript is the language of custom code that runs.
const JavaScript = "javascript"

// ScriptFor returns the custom code that handles an operation, nil if there is
// none that runs. needed reports whether the operation must not be called without.
func (r *Revision) ScriptFor(op *connectorv1.Operation) (code *connectorv1.Script, needed bool) {
	needed = op.GetRequiresScript()
	for _, script := range r.definition.GetScripts() {
		if !applies(script.GetOperationIds(), op.GetOperationId()) {
			continue
		}
		if script.GetLanguage() == JavaScript && script.GetSource() != "" {
			return script, true
		}
		needed = true
	}
	return nil, needed
}

// PoliciesFor returns the policies that apply to an operation, in order.
func (r *Revision) PoliciesFor(operationID string) []*connectorv1.Policy {
	var out []*connectorv1.Policy
	for _, p := range r.definition.GetPolicies() {
		if applies(p.GetOperationIds(), operationID) {
			out = append(out, p)
		}
	}
	return out
}

// applies reports whether a list of operations, empty for all, has one.
func applies(list []string, id string) bool {
	return len(list) == 0 || slices.Contains(list, id)
}
