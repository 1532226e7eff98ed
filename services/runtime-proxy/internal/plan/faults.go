package plan

import (
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// Fault is one thing that is wrong with an input.
type Fault struct {
	fault.Violation

	// ByType is true if no other value of the same type would do at that place: nothing
	// of that name is known, or the type is another.
	ByType bool
}

// Faults returns what [Operation.Read] and [Operation.Build] have against an input, at
// most 50; nil if it can be sent. The error says that it is none, because it is too
// long.
func (o *Operation) Faults(input []byte) ([]Fault, error) {
	if len(input) > MaxInput {
		_, err := o.Read(input)
		return nil, err
	}
	args := newArguments(o)
	if o.take(input, args) {
		// What only shows when it is written belongs into the same answer.
		o.write(args, &request.Request{}, &args.found)
	}
	found := &args.found
	out := make([]Fault, 0, len(found.list))
	for i, v := range found.list {
		out = append(out, Fault{Violation: v, ByType: slices.Contains(found.byType, i)})
	}
	return out, nil
}
