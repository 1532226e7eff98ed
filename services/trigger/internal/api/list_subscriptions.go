package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// ListSubscriptions implements triggerv1.TriggerServiceServer.
func (s *Server) ListSubscriptions(ctx context.Context, req *triggerv1.ListSubscriptionsRequest) (*triggerv1.ListSubscriptionsResponse, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	scope := page.Scope("subscriptions", parent.String())
	after, err := page.Decode(scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, next, err := s.triggers.List(ctx, caller(ctx), parent.ID, after, page.Size(req.GetPageSize(), defaultPage, maxPage))
	if err != nil {
		return nil, err
	}
	res := &triggerv1.ListSubscriptionsResponse{NextPageToken: page.Encode(scope, next)}
	for _, sub := range list {
		res.Subscriptions = append(res.Subscriptions, s.toProto(sub))
	}
	return res, nil
}
