package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// CreateConnection stores a connection.
func (s *Server) CreateConnection(ctx context.Context, req *vaultv1.CreateConnectionRequest) (*vaultv1.Connection, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	connector, err := resource.ParseConnector(req.GetConnection().GetConnector())
	if err != nil {
		return nil, err
	}
	secrets, err := take(req.GetSecrets())
	if err != nil {
		return nil, err
	}
	defer clearAll(secrets)
	in := req.GetConnection()
	conn, err := s.vault.Create(ctx, caller, core.Draft{
		Environment: parent.ID, ID: req.GetConnectionId(), Connector: connector,
		PinnedRevision: in.GetPinnedRevision(), ParameterSet: in.GetParameterSet(), Parameters: in.GetParameters(),
		DisplayName: in.GetDisplayName(), ServerURL: in.GetServerUrl(), Mock: in.GetMock(), TLS: tlsOf(in.GetTls()), Secrets: secrets,
	})
	if err != nil {
		return nil, err
	}
	m := message(conn)
	m.RedirectUrl = s.vault.OwnRedirectURL(ctx, conn)
	return m, nil
}
