package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// ResumeSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) ResumeSubscription(ctx context.Context, req *triggerv1.ResumeSubscriptionRequest) (*triggerv1.Subscription, error) {
	name, err := resource.ParseSubscription(req.GetName())
	if err != nil {
		return nil, err
	}
	resumed, err := s.triggers.Resume(ctx, caller(ctx), name, req.GetSkipMissed())
	if err != nil {
		return nil, err
	}
	return s.toProto(resumed), nil
}
