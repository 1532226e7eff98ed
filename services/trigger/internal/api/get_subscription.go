package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// GetSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) GetSubscription(ctx context.Context, req *triggerv1.GetSubscriptionRequest) (*triggerv1.Subscription, error) {
	found, err := s.named(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	return s.toProto(found), nil
}

// told returns the subscription of a name whose events the caller may have.
func (s *Server) told(ctx context.Context, text string) (core.Subscription, error) {
	name, err := resource.ParseSubscription(text)
	if err != nil {
		return core.Subscription{}, err
	}
	return s.triggers.Told(ctx, caller(ctx), name)
}

// named returns the subscription of a name that the caller may see.
func (s *Server) named(ctx context.Context, text string) (core.Subscription, error) {
	name, err := resource.ParseSubscription(text)
	if err != nil {
		return core.Subscription{}, err
	}
	return s.triggers.Get(ctx, caller(ctx), name)
}
