package api

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// UpdateOAuthClient changes a client. Secrets that are not sent are kept.
func (s *Server) UpdateOAuthClient(ctx context.Context, req *vaultv1.UpdateOAuthClientRequest) (*vaultv1.OAuthClient, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	in := req.GetOauthClient()
	name, err := resource.ParseOAuthClient(in.GetName())
	if err != nil {
		return nil, err
	}
	fields, err := clientFieldsOf(req.GetUpdateMask(), in)
	if err != nil {
		return nil, err
	}
	secrets, err := take(req.GetSecrets())
	if err != nil {
		return nil, err
	}
	defer clearAll(secrets)
	c, err := s.vault.UpdateClient(ctx, caller, core.ClientEdit{
		Name: name, Etag: in.GetEtag(), Fields: fields, ClientID: in.GetClientId(), Method: method(in.GetAuthentication()),
		Settings: in.GetSettings(), Connector: in.GetConnector(), ParameterSet: in.GetParameterSet(), Secrets: secrets,
	})
	if err != nil {
		return nil, err
	}
	return s.clientMessage(c), nil
}

// clientFieldsOf is fieldsOf for OAuth clients.
func clientFieldsOf(mask *fieldmaskpb.FieldMask, in *vaultv1.OAuthClient) ([]core.ClientField, error) {
	if len(mask.GetPaths()) == 0 {
		has := map[core.ClientField]bool{
			core.ClientFieldClientID:       in.GetClientId() != "",
			core.ClientFieldAuthentication: in.GetAuthentication() != vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_UNSPECIFIED,
			core.ClientFieldSettings:       len(in.GetSettings()) > 0,
		}
		return slices.DeleteFunc(core.ClientFields(), func(f core.ClientField) bool { return !has[f] }), nil
	}
	if slices.Equal(mask.GetPaths(), []string{"*"}) {
		return core.ClientFields(), nil
	}
	fields := make([]core.ClientField, 0, len(mask.GetPaths()))
	for _, path := range mask.GetPaths() {
		if !slices.Contains(core.ClientFields(), core.ClientField(path)) {
			return nil, unknownPath(path, core.ClientFields())
		}
		fields = append(fields, core.ClientField(path))
	}
	return fields, nil
}
