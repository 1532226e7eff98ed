package api

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// CreateEnvironment implements RegistryService.
func (s *Server) CreateEnvironment(ctx context.Context, req *registryv1.CreateEnvironmentRequest) (*registryv1.Environment, error) {
	if err := requireAdmin(ctx); err != nil {
		return nil, err
	}
	e, err := s.core.CreateEnvironment(ctx, core.Environment{
		Name:          resource.Environment{ID: req.GetEnvironmentId()},
		Title:         req.GetEnvironment().GetTitle(),
		Description:   req.GetEnvironment().GetDescription(),
		EventMaxAge:   req.GetEnvironment().GetEventMaxAge().AsDuration(),
		EventMaxBytes: req.GetEnvironment().GetEventMaxBytes(),
	})
	if err != nil {
		return nil, err
	}
	return environmentTo(e), nil
}

// GetEnvironment implements RegistryService.
func (s *Server) GetEnvironment(ctx context.Context, req *registryv1.GetEnvironmentRequest) (*registryv1.Environment, error) {
	name, err := resource.ParseEnvironment(req.GetName())
	if err != nil {
		return nil, err
	}
	e, err := s.core.GetEnvironment(ctx, name)
	if err != nil {
		return nil, err
	}
	return environmentTo(e), nil
}

// ListEnvironments implements RegistryService.
func (s *Server) ListEnvironments(ctx context.Context, req *registryv1.ListEnvironmentsRequest) (*registryv1.ListEnvironmentsResponse, error) {
	scope := page.Scope("environments")
	after, err := page.Decode(scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, more, err := s.core.ListEnvironments(ctx, after, page.Size(req.GetPageSize(), defaultPage, maxPage))
	if err != nil {
		return nil, err
	}
	resp := &registryv1.ListEnvironmentsResponse{}
	for _, e := range list {
		resp.Environments = append(resp.Environments, environmentTo(e))
	}
	if more {
		resp.NextPageToken = page.Encode(scope, list[len(list)-1].Name.ID)
	}
	return resp, nil
}

// UpdateEnvironment implements RegistryService.
func (s *Server) UpdateEnvironment(ctx context.Context, req *registryv1.UpdateEnvironmentRequest) (*registryv1.Environment, error) {
	if err := requireAdmin(ctx); err != nil {
		return nil, err
	}
	name, err := resource.ParseEnvironment(req.GetEnvironment().GetName())
	if err != nil {
		return nil, err
	}
	update, err := environmentUpdate(req)
	if err != nil {
		return nil, err
	}
	e, err := s.core.UpdateEnvironment(ctx, name, update)
	if err != nil {
		return nil, err
	}
	return environmentTo(e), nil
}

// environmentUpdate reads what is to be changed: all, without a mask.
func environmentUpdate(req *registryv1.UpdateEnvironmentRequest) (core.EnvironmentUpdate, error) {
	e := req.GetEnvironment()
	title, description, bytes, age := e.GetTitle(), e.GetDescription(), e.GetEventMaxBytes(), e.GetEventMaxAge().AsDuration()
	update := core.EnvironmentUpdate{Etag: e.GetEtag()}
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		paths = []string{"title", "description", "event_max_age", "event_max_bytes"}
	}
	for _, path := range paths {
		switch path {
		case "title":
			update.Title = &title
		case "description":
			update.Description = &description
		case "event_max_age":
			update.EventMaxAge = &age
		case "event_max_bytes":
			update.EventMaxBytes = &bytes
		default:
			return core.EnvironmentUpdate{}, fault.Invalid(fault.ReasonInvalidArgument,
				"the update mask names %q; an environment has a title, a description and bounds of events to change", path).
				Field("update_mask", "may name title, description, event_max_age and event_max_bytes")
		}
	}
	return update, nil
}

// DeleteEnvironment implements RegistryService.
func (s *Server) DeleteEnvironment(ctx context.Context, req *registryv1.DeleteEnvironmentRequest) (*emptypb.Empty, error) {
	if err := requireAdmin(ctx); err != nil {
		return nil, err
	}
	name, err := resource.ParseEnvironment(req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.core.DeleteEnvironment(ctx, name, req.GetEtag()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func environmentTo(e core.Environment) *registryv1.Environment {
	out := &registryv1.Environment{Name: e.Name.String(), Title: e.Title, Description: e.Description, EventMaxBytes: e.EventMaxBytes, Etag: e.Etag()}
	if e.EventMaxAge != 0 {
		out.EventMaxAge = durationpb.New(e.EventMaxAge)
	}
	if !e.Created.IsZero() { // the default environment was not made by anybody
		out.CreateTime = timestamppb.New(e.Created)
	}
	if !e.Updated.IsZero() {
		out.UpdateTime = timestamppb.New(e.Updated)
	}
	return out
}
