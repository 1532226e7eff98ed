package remote

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// environmentsPage is how many environments are asked for at once.
const environmentsPage = 1_000

// EnvironmentList is the part of the registry's client that tells the bounds of
// events.
type EnvironmentList interface {
	// ListEnvironments returns a page of environments.
	ListEnvironments(ctx context.Context, req *registryv1.ListEnvironmentsRequest, opts ...grpc.CallOption) (*registryv1.ListEnvironmentsResponse, error)
}

// EventBounds asks the registry which environments keep their events for less than
// the installation does.
func EventBounds(registry EnvironmentList) func(context.Context) ([]events.Bounds, error) {
	return func(ctx context.Context) (all []events.Bounds, err error) {
		token := ""
		for {
			page, err := environments(ctx, registry, token)
			if err != nil {
				return nil, fmt.Errorf("list environments: %w", err)
			}
			for _, e := range page.GetEnvironments() {
				name, err := resource.ParseEnvironment(e.GetName())
				if err != nil {
					return nil, fmt.Errorf("list environments: %w", err)
				}
				b := events.Bounds{Environment: name.ID, MaxAge: e.GetEventMaxAge().AsDuration(), MaxBytes: e.GetEventMaxBytes()}
				if b.MaxAge > 0 || b.MaxBytes > 0 {
					all = append(all, b)
				}
			}
			if token = page.GetNextPageToken(); token == "" {
				return all, nil
			}
		}
	}
}

func environments(ctx context.Context, registry EnvironmentList, token string) (*registryv1.ListEnvironmentsResponse, error) {
	ctx, cancel := context.WithTimeout(grpcx.AsService(ctx), askTime)
	defer cancel()
	return registry.ListEnvironments(ctx, &registryv1.ListEnvironmentsRequest{PageSize: environmentsPage, PageToken: token})
}
