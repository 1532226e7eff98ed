// Package api is the gRPC face of the vault: each method turns its request into
// one call of package core and the result into its answer, in a file of its own.
//
//	vaultv1.RegisterVaultServiceServer(registrar, api.New(vault))
//
// Requests arrive authenticated and valid by the rules of their fields (package
// grpcx sees to both); everything else is decided by core.
package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Server implements the VaultService.
type Server struct {
	vaultv1.UnimplementedVaultServiceServer

	vault *core.Vault
}

// New returns a server in front of a vault.
func New(vault *core.Vault) *Server { return &Server{vault: vault} }

// Rules returns which services may call the internal methods.
func Rules(runtime string) grpcx.Rules {
	return grpcx.Rules{
		vaultv1.VaultService_ResolveCredential_FullMethodName:    {runtime},
		vaultv1.VaultService_RejectCredential_FullMethodName:     {runtime},
		vaultv1.VaultService_ReportConnectionTest_FullMethodName: {runtime},
		vaultv1.VaultService_ReportAnswer_FullMethodName:         {runtime},
		vaultv1.VaultService_ReportUses_FullMethodName:           {runtime},
		vaultv1.VaultService_ReceiveAuthorization_FullMethodName: {service.Gateway},
	}
}

// callerOf returns who asks.
func callerOf(ctx context.Context) (core.Caller, error) {
	principal, ok := authn.FromContext(ctx)
	if !ok {
		return core.Caller{}, fault.Unauthenticated(fault.ReasonUnauthenticated,
			"the call has no token; send it as the header authorization: Bearer <token>")
	}
	service, _ := authn.PeerService(ctx)
	return core.Caller{Principal: principal, Service: service}, nil
}
