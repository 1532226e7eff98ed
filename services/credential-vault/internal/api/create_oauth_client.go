package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// CreateOAuthClient stores a connector's registration at a provider.
func (s *Server) CreateOAuthClient(ctx context.Context, req *vaultv1.CreateOAuthClientRequest) (*vaultv1.OAuthClient, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	connector, err := resource.ParseConnector(req.GetOauthClient().GetConnector())
	if err != nil {
		return nil, err
	}
	secrets, err := take(req.GetSecrets())
	if err != nil {
		return nil, err
	}
	defer clearAll(secrets)
	in := req.GetOauthClient()
	c, err := s.vault.CreateClient(ctx, caller, core.ClientDraft{
		Environment: parent.ID, ID: req.GetOauthClientId(), Connector: connector, ParameterSet: in.GetParameterSet(),
		ClientID: in.GetClientId(), Method: method(in.GetAuthentication()), Settings: in.GetSettings(), Secrets: secrets,
		ValidateOnly: req.GetValidateOnly(),
	})
	if err != nil {
		return nil, err
	}
	return s.clientMessage(c), nil
}
