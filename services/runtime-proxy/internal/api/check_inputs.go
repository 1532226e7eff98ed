package api

import (
	"context"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// CheckInputs implements the method of that name.
func (s *Server) CheckInputs(ctx context.Context, req *runtimev1.CheckInputsRequest) (*runtimev1.CheckInputsResponse, error) {
	revision, err := resource.ParseRevision(req.GetRevision())
	if err != nil {
		return nil, err
	}
	reports, err := s.pipeline.Faults(ctx, revision, req.GetOperationId(), req.GetInputs())
	if err != nil {
		return nil, err
	}
	out := &runtimev1.CheckInputsResponse{}
	for _, list := range reports {
		report := &runtimev1.InputReport{}
		for _, f := range list {
			report.Faults = append(report.Faults, &runtimev1.InputFault{Field: valid(f.Field), Description: valid(f.Description), ByType: f.ByType})
		}
		out.Reports = append(out.Reports, report)
	}
	return out, nil
}
