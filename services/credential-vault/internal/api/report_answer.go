package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ReportAnswer keeps how an API took secrets that are no tokens.
func (s *Server) ReportAnswer(ctx context.Context, req *vaultv1.ReportAnswerRequest) (*vaultv1.ReportAnswerResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return nil, err
	}
	err = s.vault.ReportAnswer(ctx, caller, core.Answer{
		Request: core.Request{Name: name, Principal: req.GetPrincipal(), OperationID: req.GetOperationId()},
		Etag:    req.GetEtag(), Status: int(req.GetStatusCode()), Host: req.GetHost(),
	})
	if err != nil {
		return nil, err
	}
	return &vaultv1.ReportAnswerResponse{}, nil
}
