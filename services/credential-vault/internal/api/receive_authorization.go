package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ReceiveAuthorization takes what a provider's redirect brought.
func (s *Server) ReceiveAuthorization(ctx context.Context, req *vaultv1.ReceiveAuthorizationRequest) (*vaultv1.ReceiveAuthorizationResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	code := secret.FromString(req.GetCode())
	defer code.Clear()
	req.Code = "" // from here on nothing that prints the request prints it
	r, err := s.vault.ReceiveAuthorization(ctx, caller, core.Callback{
		State: req.GetState(), Code: code, Error: req.GetError(), Description: req.GetErrorDescription(), Issuer: req.GetIssuer(),
		Path: req.GetCallback(),
	})
	if err != nil {
		return nil, err
	}
	return &vaultv1.ReceiveAuthorizationResponse{
		ReturnUrl: r.ReturnURL, Confirmation: r.Confirmation, Reason: r.Reason, ConnectionId: r.ConnectionID, Principal: r.Principal,
		ApiOrigins: originTexts(r.APIOrigins),
	}, nil
}
