package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// RevokeAuthorization takes the grant of a connection away.
func (s *Server) RevokeAuthorization(ctx context.Context, req *vaultv1.RevokeAuthorizationRequest) (*vaultv1.Connection, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return nil, err
	}
	conn, err := s.vault.RevokeAuthorization(ctx, caller, name)
	if err != nil {
		return nil, err
	}
	return message(conn), nil
}
