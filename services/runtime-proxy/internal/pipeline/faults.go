package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

// Faults returns what calls of an operation would have against each input. Nothing is
// called, and no credential is lent. Its errors say that the operation cannot be called
// at all, or that nobody can tell now.
func (p *Pipeline) Faults(ctx context.Context, revision resource.Revision, operationID string, inputs [][]byte) ([][]plan.Fault, error) {
	compiled, err := p.bindings.Revision(ctx, revision)
	if err != nil {
		return nil, err
	}
	op, err := compiled.plans.Operation(operationID)
	if err != nil {
		return nil, err
	}
	out := make([][]plan.Fault, len(inputs))
	for i, input := range inputs {
		if out[i], err = op.Faults(input); err != nil {
			return nil, err
		}
	}
	return out, nil
}
