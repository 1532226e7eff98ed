package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ListConnections returns the connections that the caller may see.
func (s *Server) ListConnections(ctx context.Context, req *vaultv1.ListConnectionsRequest) (*vaultv1.ListConnectionsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	listing, err := connectionListing(req)
	if err != nil {
		return nil, err
	}
	conns, next, err := s.vault.List(ctx, caller, listing)
	if err != nil {
		return nil, err
	}
	resp := &vaultv1.ListConnectionsResponse{NextPageToken: next}
	for _, c := range conns {
		resp.Connections = append(resp.Connections, message(c))
	}
	return resp, nil
}

func connectionListing(req *vaultv1.ListConnectionsRequest) (core.Listing, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return core.Listing{}, err
	}
	l := core.Listing{Environment: parent.ID, PageSize: req.GetPageSize(), PageToken: req.GetPageToken()}
	if req.GetConnector() == "" {
		return l, nil
	}
	connector, err := resource.ParseConnector(req.GetConnector())
	if err != nil {
		return core.Listing{}, err
	}
	if connector.Environment != parent.ID {
		return core.Listing{}, elsewhere("connector")
	}
	l.Connector = connector.ID
	return l, nil
}

// elsewhere refuses filters for resources of another environment.
func elsewhere(field string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the %s to list by is not in the environment that is listed; name one of the same environment", field).
		Field(field, "must be in the environment of parent")
}
