package api

import (
	"context"
	"slices"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// ImportConnector implements RegistryService.
func (s *Server) ImportConnector(ctx context.Context, req *registryv1.ImportConnectorRequest) (*registryv1.ImportConnectorResponse, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	in := core.ImportRequest{
		Environment: env,
		ID:          req.GetConnectorId(),
		Files:       filesFrom(req.GetFiles()),
		URL:         req.GetUrl(),
		Format:      formatFrom(req.GetFormat()),
		Selection:   selectionFrom(req.GetSelection()),
		Intent:      core.Intent{Actor: actor, AllowBreaking: req.GetAllowBreaking(), ValidateOnly: req.GetValidateOnly()},
	}
	switch {
	case req.GetPublish():
		in.Publish = core.PublishAlways
	case req.GetDraft():
		in.Publish = core.PublishNever
	}
	out, err := s.core.Import(ctx, in)
	if err != nil {
		return nil, err
	}
	return &registryv1.ImportConnectorResponse{
		Connector: connectorTo(out.Connector),
		Revision:  outcomeTo(out),
		Created:   out.Created,
		Diff:      diffTo(out.Diff),
	}, nil
}

// ValidateDefinition implements RegistryService.
func (s *Server) ValidateDefinition(ctx context.Context, req *registryv1.ValidateDefinitionRequest) (*registryv1.ValidateDefinitionResponse, error) {
	if err := requireMaker(ctx); err != nil {
		return nil, err
	}
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	in := core.ValidateRequest{
		Environment: env, Files: filesFrom(req.GetFiles()),
		Format: formatFrom(req.GetFormat()), Selection: selectionFrom(req.GetSelection()),
	}
	if slices.Contains(req.GetRuleSets(), registryv1.RuleSet_RULE_SET_CERTIFICATION) {
		in.Rules = []core.RuleSet{core.CertificationRules}
	}
	report, err := s.core.Validate(ctx, in)
	if err != nil {
		return nil, err
	}
	return &registryv1.ValidateDefinitionResponse{
		Format:       formatTo(report.Format),
		Title:        report.Title,
		ActionCount:  number(report.Actions),
		TriggerCount: number(report.Triggers),
		Findings:     findingsTo(report.Findings),
	}, nil
}
