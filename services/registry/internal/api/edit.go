package api

import (
	"context"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// CreateConnector implements RegistryService.
func (s *Server) CreateConnector(ctx context.Context, req *registryv1.CreateConnectorRequest) (*registryv1.CreateConnectorResponse, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	out, err := s.core.Create(ctx, core.CreateRequest{
		Environment: env, ID: req.GetConnectorId(), Definition: req.GetDefinition(),
		Intent: core.Intent{Actor: actor, Publish: published(req.GetPublish()), ValidateOnly: req.GetValidateOnly()},
	})
	if err != nil {
		return nil, err
	}
	return &registryv1.CreateConnectorResponse{Connector: connectorTo(out.Connector), Revision: outcomeTo(out)}, nil
}

// UpdateConnector implements RegistryService.
func (s *Server) UpdateConnector(ctx context.Context, req *registryv1.UpdateConnectorRequest) (*registryv1.UpdateConnectorResponse, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnector(req.GetName())
	if err != nil {
		return nil, err
	}
	out, err := s.core.Update(ctx, core.UpdateRequest{
		Name: name, Patch: req.GetDefinition(), Paths: req.GetUpdateMask(), Etag: req.GetEtag(),
		Intent: core.Intent{
			Actor: actor, Publish: published(req.GetPublish()), AllowBreaking: req.GetAllowBreaking(), ValidateOnly: req.GetValidateOnly(),
		},
	})
	if err != nil {
		return nil, err
	}
	return &registryv1.UpdateConnectorResponse{
		Connector: connectorTo(out.Connector), Revision: outcomeTo(out), Diff: diffTo(out.Diff),
	}, nil
}

// published is for what stays a draft unless it is published on request.
func published(publish bool) core.PublishMode {
	if publish {
		return core.PublishAlways
	}
	return core.PublishNever
}

// InferOperation implements RegistryService.
func (s *Server) InferOperation(ctx context.Context, req *registryv1.InferOperationRequest) (*registryv1.InferOperationResponse, error) {
	if err := requireMaker(ctx); err != nil {
		return nil, err
	}
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	sample := infer.Sample{
		Curl: req.GetCurl(), OperationID: req.GetOperationId(),
		Method: req.GetSample().GetMethod(), URL: req.GetSample().GetUrl(),
		Headers: req.GetSample().GetHeaders(), Body: req.GetSample().GetBody(),
	}
	if a := req.GetResponse(); a != nil {
		sample.Response = &infer.Response{Status: int(a.GetStatus()), Headers: a.GetHeaders(), Body: a.GetBody()}
	}
	out, err := s.core.Infer(ctx, env, sample)
	if err != nil {
		return nil, err
	}
	return &registryv1.InferOperationResponse{
		Operation: out.Operation, Server: out.Server, SecuritySchemes: out.SecuritySchemes, Findings: findingsTo(out.Findings),
	}, nil
}
