package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/lend"
)

// RejectCredential lends another token in place of one that an API refused. An
// answer with the same token_version says that the token is not to blame.
func (s *Server) RejectCredential(ctx context.Context, req *vaultv1.RejectCredentialRequest) (*vaultv1.Credential, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return nil, err
	}
	lent, err := s.vault.Reject(ctx, caller, core.Rejection{
		Request: core.Request{
			Name: name, Principal: req.GetPrincipal(), OperationID: req.GetOperationId(), Subject: subjectOf(req.GetSubjectToken()),
		},
		TokenVersion: req.GetTokenVersion(), Status: int(req.GetStatusCode()),
	})
	if err != nil {
		return nil, err
	}
	defer lent.Clear()
	return lend.Message(lent)
}
