package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// GetAuthorization returns a sign-in that the caller began.
func (s *Server) GetAuthorization(ctx context.Context, req *vaultv1.GetAuthorizationRequest) (*vaultv1.Authorization, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseAuthorization(req.GetName())
	if err != nil {
		return nil, err
	}
	a, err := s.vault.GetAuthorization(ctx, caller, name)
	if err != nil {
		return nil, err
	}
	return authorizationMessage(a), nil
}
