package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// DeleteConnection removes a connection and destroys its secrets.
func (s *Server) DeleteConnection(ctx context.Context, req *vaultv1.DeleteConnectionRequest) (*emptypb.Empty, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.vault.Delete(ctx, caller, name, req.GetEtag()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}
