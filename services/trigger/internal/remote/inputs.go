package remote

import (
	"context"
	"fmt"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// Faults implements core.Inputs.
func (r *Runtime) Faults(ctx context.Context, revision resource.Revision, operation string, inputs [][]byte) ([][]core.InputFault, error) {
	ctx, cancel := context.WithTimeout(grpcx.AsService(ctx), askTime)
	defer cancel()
	res, err := r.client.CheckInputs(ctx, &runtimev1.CheckInputsRequest{Revision: revision.String(), OperationId: operation, Inputs: inputs})
	if err != nil {
		return nil, fmt.Errorf("check inputs of %s of %s: %w", operation, revision, err)
	}
	out := make([][]core.InputFault, len(res.GetReports()))
	for i, report := range res.GetReports() {
		for _, f := range report.GetFaults() {
			out[i] = append(out[i], core.InputFault{Field: f.GetField(), Description: f.GetDescription(), ByType: f.GetByType()})
		}
	}
	return out, nil
}
