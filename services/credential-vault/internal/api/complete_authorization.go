package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// CompleteAuthorization gives a connection its grant.
func (s *Server) CompleteAuthorization(ctx context.Context, req *vaultv1.CompleteAuthorizationRequest) (*vaultv1.Authorization, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseAuthorization(req.GetName())
	if err != nil {
		return nil, err
	}
	a, err := s.vault.CompleteAuthorization(ctx, caller, name, req.GetConfirmation())
	if err != nil {
		return nil, err
	}
	return authorizationMessage(a), nil
}
