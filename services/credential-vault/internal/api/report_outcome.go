package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ReportConnectionTest keeps the outcome of a test.
func (s *Server) ReportConnectionTest(ctx context.Context, req *vaultv1.ReportConnectionTestRequest) (*vaultv1.Connection, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return nil, err
	}
	outcome := core.OutcomeFailed
	switch {
	case req.GetSucceeded() && req.GetReason() == "":
		outcome = core.OutcomeSucceeded
	case req.GetSucceeded():
		outcome = core.OutcomeReached
	}
	conn, err := s.vault.ReportTest(ctx, caller, core.TestReport{Name: name, Outcome: outcome, Failure: req.GetReason()})
	if err != nil {
		return nil, err
	}
	return message(conn), nil
}
