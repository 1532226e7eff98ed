package remote

import (
	"context"

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
