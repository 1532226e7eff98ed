package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// GetConnector implements RegistryService.
func (s *Server) GetConnector(ctx context.Context, req *registryv1.GetConnectorRequest) (*registryv1.Connector, error) {
	name, err := resource.ParseConnector(req.GetName())
	if err != nil {
		return nil, err
	}
	c, err := s.core.GetConnector(ctx, name)
	if err != nil {
		return nil, err
	}
	return connectorTo(c), nil
}

// ListConnectors implements RegistryService.
func (s *Server) ListConnectors(ctx context.Context, req *registryv1.ListConnectorsRequest) (*registryv1.ListConnectorsResponse, error) {
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	scope := page.Scope("connectors", env.String(), req.GetFilter())
	after, err := page.Decode(scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, more, err := s.core.ListConnectors(ctx, env, req.GetFilter(), after, page.Size(req.GetPageSize(), defaultPage, maxPage))
	if err != nil {
		return nil, err
	}
	resp := &registryv1.ListConnectorsResponse{}
	for _, c := range list {
		resp.Connectors = append(resp.Connectors, connectorTo(c))
	}
	if more {
		resp.NextPageToken = page.Encode(scope, list[len(list)-1].Name.ID)
	}
	return resp, nil
}

// ShareConnector implements RegistryService.
func (s *Server) ShareConnector(ctx context.Context, req *registryv1.ShareConnectorRequest) (*registryv1.Connector, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnector(req.GetName())
	if err != nil {
		return nil, err
	}
	c, err := s.core.Share(ctx, actor, core.Sharing{
		Name: name, Add: req.GetAddEditors(), Remove: req.GetRemoveEditors(), Owner: req.GetOwner(), Etag: req.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return connectorTo(c), nil
}

// DeleteConnector implements RegistryService.
func (s *Server) DeleteConnector(ctx context.Context, req *registryv1.DeleteConnectorRequest) (*emptypb.Empty, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnector(req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.core.Delete(ctx, actor, name, req.GetEtag()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}
