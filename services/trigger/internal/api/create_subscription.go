package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// CreateSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) CreateSubscription(ctx context.Context, req *triggerv1.CreateSubscriptionRequest) (*triggerv1.Subscription, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	sub := req.GetSubscription()
	connection, err := resource.ParseConnection(sub.GetConnection())
	if err != nil {
		return nil, err
	}
	draft := core.Draft{
		Environment: parent.ID, ID: req.GetSubscriptionId(), Connection: connection, Operation: sub.GetOperationId(),
		Input: sub.GetInput(), UnsignedAccepted: sub.GetUnsignedAccepted(), Recurrence: recurrenceOf(sub),
	}
	if draft.Sinks, err = sinksOf(sub); err != nil {
		return nil, err
	}
	created, err := s.triggers.Create(ctx, caller(ctx), draft)
	if err != nil {
		return nil, err
	}
	return s.toProto(created), nil
}
