package api

import (
	"context"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
)

// CheckPolicies implements the method of that name.
func (s *Server) CheckPolicies(_ context.Context, req *runtimev1.CheckPoliciesRequest) (*runtimev1.CheckPoliciesResponse, error) {
	out := &runtimev1.CheckPoliciesResponse{}
	for _, f := range policy.Check(req.GetPolicies()) {
		out.Faults = append(out.Faults, &runtimev1.PolicyFault{Index: int32(f.Index), Message: valid(f.Message)})
	}
	return out, nil
}
