package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ListOAuthClients returns the clients of an environment.
func (s *Server) ListOAuthClients(ctx context.Context, req *vaultv1.ListOAuthClientsRequest) (*vaultv1.ListOAuthClientsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	listing, err := clientListing(req)
	if err != nil {
		return nil, err
	}
	found, next, err := s.vault.ListClients(ctx, caller, listing)
	if err != nil {
		return nil, err
	}
	resp := &vaultv1.ListOAuthClientsResponse{NextPageToken: next}
	for _, c := range found {
		resp.OauthClients = append(resp.OauthClients, s.clientMessage(c))
	}
	return resp, nil
}

func clientListing(req *vaultv1.ListOAuthClientsRequest) (core.ClientListing, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return core.ClientListing{}, err
	}
	l := core.ClientListing{Environment: parent.ID, PageSize: req.GetPageSize(), PageToken: req.GetPageToken()}
	if req.GetConnector() == "" {
		return l, nil
	}
	connector, err := resource.ParseConnector(req.GetConnector())
	if err != nil {
		return core.ClientListing{}, err
	}
	if connector.Environment != parent.ID {
		return core.ClientListing{}, elsewhere("connector")
	}
	l.Connector = connector.ID
	return l, nil
}
