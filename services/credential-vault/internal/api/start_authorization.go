package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// StartAuthorization begins a sign-in for a connection of the caller.
func (s *Server) StartAuthorization(ctx context.Context, req *vaultv1.StartAuthorizationRequest) (*vaultv1.Authorization, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnection(req.GetParent())
	if err != nil {
		return nil, err
	}
	a, err := s.vault.StartAuthorization(ctx, caller, core.SignIn{
		Connection: name, ReturnURL: req.GetReturnUrl(), LoginHint: req.GetLoginHint(), ExtraScopes: req.GetExtraScopes(),
	})
	if err != nil {
		return nil, err
	}
	return authorizationMessage(a), nil
}
