// Package api is the registry's gRPC interface: it translates requests for
// package core and answers from it, and decides nothing but who may call.
//
// Reading, searching and exporting are for every caller with a valid token.
// Whatever makes, changes or looks at descriptions needs the role maker; connectors
// of others are changed by their editors and admins only, as core decides; and
// environments are made and changed by admins.
package api

import (
	"context"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// The page sizes of the interface.
const (
	defaultPage           = 50
	defaultOperationsPage = 100
	maxPage               = 1000
)

// Server implements RegistryService.
type Server struct {
	registryv1.UnimplementedRegistryServiceServer

	core *core.Registry
}

var _ registryv1.RegistryServiceServer = (*Server)(nil)

// New returns a server for a registry, which the caller goes on owning.
func New(registry *core.Registry) *Server { return &Server{core: registry} }

// requireMaker refuses callers who may not describe APIs.
func requireMaker(ctx context.Context) error { return require(ctx, authn.RoleMaker, "connectors") }

// actorOf returns who changes a connector, who must be a maker: whose it is, is
// asked when it is changed.
func actorOf(ctx context.Context) (core.Actor, error) {
	if err := requireMaker(ctx); err != nil {
		return core.Actor{}, err
	}
	p, _ := authn.FromContext(ctx)
	return core.Actor{Name: p.Name, Administrator: p.Is(authn.RoleAdmin)}, nil
}

// requireAdmin refuses callers who may not change environments.
func requireAdmin(ctx context.Context) error { return require(ctx, authn.RoleAdmin, "environments") }

func require(ctx context.Context, role authn.Role, what string) error {
	p, ok := authn.FromContext(ctx)
	if ok && p.Is(role) {
		return nil
	}
	return fault.Denied(fault.ReasonPermissionDenied,
		"%q may not change %s; ask an admin for the role %q", p.Name, what, role).
		With("principal", p.Name)
}
