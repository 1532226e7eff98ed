package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// GetOAuthClient returns one client without its secrets.
func (s *Server) GetOAuthClient(ctx context.Context, req *vaultv1.GetOAuthClientRequest) (*vaultv1.OAuthClient, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseOAuthClient(req.GetName())
	if err != nil {
		return nil, err
	}
	c, err := s.vault.GetClient(ctx, caller, name)
	if err != nil {
		return nil, err
	}
	return s.clientMessage(c), nil
}
