package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// DeleteSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) DeleteSubscription(ctx context.Context, req *triggerv1.DeleteSubscriptionRequest) (*emptypb.Empty, error) {
	name, err := resource.ParseSubscription(req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.triggers.Delete(ctx, caller(ctx), name); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}
