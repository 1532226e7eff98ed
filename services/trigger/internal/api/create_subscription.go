package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// CreateSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) CreateSubscription(ctx context.Context, req *triggerv1.CreateSubscriptionRequest) (*triggerv1.Subscription, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	sub := req.GetSubscription()
	draft, err := wholeDraftOf(sub)
	if err != nil {
		return nil, err
	}
	draft.Environment, draft.ID = parent.ID, req.GetSubscriptionId()
	created, err := s.triggers.Create(ctx, caller(ctx), draft)
	if err != nil {
		return nil, err
	}
	return s.toProto(created), nil
}

// wholeDraftOf reads what somebody wants of a new subscription, without its name.
func wholeDraftOf(sub *triggerv1.Subscription) (core.Draft, error) {
	draft, err := draftOf(sub)
	if err != nil {
		return core.Draft{}, err
	}
	parse := resource.ParseConnection
	if draft.Notices {
		parse = core.ParseConnection
	}
	draft.Connection, err = parse(sub.GetConnection())
	return draft, err
}

// draftOf reads what somebody wants of a subscription, without its name and
// connection.
func draftOf(sub *triggerv1.Subscription) (core.Draft, error) {
	sinks, err := sinksOf(sub)
	return core.Draft{
		Operation: sub.GetOperationId(), Input: sub.GetInput(), UnsignedAccepted: sub.GetUnsignedAccepted(), Recurrence: recurrenceOf(sub),
		Authorizations: authorizationsOf(sub), Polling: sub.GetPolling(), SuspendAfter: sub.GetSuspendAfter().AsDuration(),
		Split: core.Split(sub.GetSplit()), Signature: signature.RuleOf(sub.GetSignature()), Secret: []byte(sub.GetSecret()),
		Sinks: sinks, Description: sub.GetDescription(), Notices: sub.GetSource() == triggerv1.SubscriptionSource_SUBSCRIPTION_SOURCE_NOTICES,
	}, err
}
