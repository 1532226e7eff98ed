package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// DeleteOAuthClient removes a client and destroys its secrets.
func (s *Server) DeleteOAuthClient(ctx context.Context, req *vaultv1.DeleteOAuthClientRequest) (*emptypb.Empty, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseOAuthClient(req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.vault.DeleteClient(ctx, caller, name, req.GetEtag()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}
