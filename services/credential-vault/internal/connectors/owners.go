package connectors

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

var _ core.Owners = (*Owners)(nil)

// OwnerRegistry is the part of the registry's client that is used.
type OwnerRegistry interface {
	// GetConnector returns one connector.
	GetConnector(ctx context.Context, req *registryv1.GetConnectorRequest, opts ...grpc.CallOption) (*registryv1.Connector, error)
}

// Owners asks the registry who may change a connector, and remembers nothing. It is
// safe for concurrent use.
type Owners struct{ registry OwnerRegistry }

// NewOwners returns what asks the registry.
func NewOwners(registry OwnerRegistry) *Owners { return &Owners{registry} }

// Ownership implements core.Owners.
func (o *Owners) Ownership(ctx context.Context, connector resource.Connector) (core.Ownership, error) {
	ctx, cancel := context.WithTimeout(grpcx.AsService(ctx), askTime)
	defer cancel()
	c, err := o.registry.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: connector.String()})
	if err != nil {
		return core.Ownership{}, fmt.Errorf("ask the registry for %s: %w", connector, err)
	}
	return core.Ownership{Owner: c.GetOwner(), Editors: c.GetEditors()}, nil
}
