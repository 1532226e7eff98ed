package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// PauseSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) PauseSubscription(ctx context.Context, req *triggerv1.PauseSubscriptionRequest) (*triggerv1.Subscription, error) {
	name, err := resource.ParseSubscription(req.GetName())
	if err != nil {
		return nil, err
	}
	paused, err := s.triggers.Pause(ctx, caller(ctx), name)
	if err != nil {
		return nil, err
	}
	return s.toProto(paused), nil
}
