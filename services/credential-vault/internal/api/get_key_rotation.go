package api

import (
	"context"
	"strings"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// GetKeyRotation returns how far a rotation of keys has come.
func (s *Server) GetKeyRotation(ctx context.Context, req *vaultv1.GetKeyRotationRequest) (*vaultv1.KeyRotation, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	id, ok := strings.CutPrefix(req.GetName(), rotationCollection)
	if !ok {
		return nil, fault.Invalid(fault.ReasonInvalidName,
			"%q is not the name of a rotation of keys; it is keyRotations/{id} or keyRotations/latest", req.GetName()).
			Field("name", "must begin with keyRotations/")
	}
	r, err := s.vault.GetKeyRotation(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	return rotationMessage(r), nil
}
