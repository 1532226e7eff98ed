package api

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// DeprecateRevision implements RegistryService.
func (s *Server) DeprecateRevision(ctx context.Context, req *registryv1.DeprecateRevisionRequest) (*registryv1.Revision, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	r, err := s.core.Deprecate(ctx, actor, name, req.GetNote())
	if err != nil {
		return nil, err
	}
	return revisionTo(r), nil
}

// DiffRevisions implements RegistryService. A description costs as much as an
// import, so it is for makers; stored revisions may be compared by everyone.
func (s *Server) DiffRevisions(ctx context.Context, req *registryv1.DiffRevisionsRequest) (*registryv1.DiffRevisionsResponse, error) {
	base, err := resource.ParseRevision(req.GetBase())
	if err != nil {
		return nil, err
	}
	target := core.DiffTarget{URL: req.GetUrl(), Files: filesFrom(req.GetFiles())}
	if req.GetRevision() == "" {
		err = requireMaker(ctx)
	} else {
		target.Revision, err = resource.ParseRevision(req.GetRevision())
	}
	if err != nil {
		return nil, err
	}
	d, err := s.core.Diff(ctx, base, target)
	if err != nil {
		return nil, err
	}
	return &registryv1.DiffRevisionsResponse{Diff: diffTo(d)}, nil
}

// ExportConnector implements RegistryService.
func (s *Server) ExportConnector(ctx context.Context, req *registryv1.ExportConnectorRequest) (*registryv1.ExportConnectorResponse, error) {
	if err := requireMaker(ctx); err != nil {
		return nil, err
	}
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	out, err := s.core.Export(ctx, name, exportFrom(req.GetFormat()))
	if err != nil {
		return nil, err
	}
	return &registryv1.ExportConnectorResponse{
		Files: filesTo(out.Files), Findings: findingsTo(out.Findings), Verbatim: out.Verbatim,
	}, nil
}

// PromoteConnector implements RegistryService.
func (s *Server) PromoteConnector(ctx context.Context, req *registryv1.PromoteConnectorRequest) (*registryv1.PromoteConnectorResponse, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	env, err := resource.ParseEnvironment(req.GetEnvironment())
	if err != nil {
		return nil, err
	}
	out, err := s.core.Promote(ctx, core.PromoteRequest{
		Name: name, Environment: env, ID: req.GetConnectorId(),
		Intent: core.Intent{
			Actor: actor, Publish: published(req.GetPublish()), AllowBreaking: req.GetAllowBreaking(), ValidateOnly: req.GetValidateOnly(),
		},
	})
	if err != nil {
		return nil, err
	}
	resp := &registryv1.PromoteConnectorResponse{
		Connector: connectorTo(out.Connector), Revision: outcomeTo(out.Outcome), Created: out.Created, Diff: diffTo(out.Diff),
	}
	for _, r := range out.Requirements {
		resp.Requirements = append(resp.Requirements,
			&registryv1.Requirement{ParameterSet: r.Set, Parameter: r.Parameter, Message: r.Message})
	}
	return resp, nil
}

// GetIcon implements RegistryService.
func (s *Server) GetIcon(ctx context.Context, req *registryv1.GetIconRequest) (*httpbody.HttpBody, error) {
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	icon, err := s.core.Icon(ctx, name)
	if err != nil {
		return nil, err
	}
	return &httpbody.HttpBody{ContentType: icon.ContentType, Data: icon.Content}, nil
}
