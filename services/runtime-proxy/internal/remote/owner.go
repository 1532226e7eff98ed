package remote

import (
	"context"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Owner asks the vault who owns a connection, on behalf of the caller. A
// connection that the caller must not see does not exist for them.
func (r *Remote) Owner(ctx context.Context, connection resource.Connection) (string, error) {
	got, err := r.vault.GetConnection(ctx, &vaultv1.GetConnectionRequest{Name: connection.String()})
	if err != nil {
		return "", grpcx.FromStatus(err)
	}
	return got.GetOwner(), nil
}

// Connection asks the vault, on behalf of this process, whether a connection exists.
// If it does not, the error is CONNECTION_NOT_FOUND or ENVIRONMENT_NOT_FOUND.
func (r *Remote) Connection(ctx context.Context, connection resource.Connection) error {
	_, err := r.Owner(grpcx.AsService(ctx), connection)
	return err
}

// Connector asks the registry, on behalf of this process, whether a connector
// exists. If it does not, the error is CONNECTOR_NOT_FOUND or ENVIRONMENT_NOT_FOUND.
func (r *Remote) Connector(ctx context.Context, connector resource.Connector) error {
	if _, err := r.registry.GetConnector(grpcx.AsService(ctx), &registryv1.GetConnectorRequest{Name: connector.String()}); err != nil {
		return grpcx.FromStatus(err)
	}
	return nil
}
