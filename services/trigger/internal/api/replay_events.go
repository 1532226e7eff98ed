package api

import (
	"context"
	"math"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// ReplayEvents implements triggerv1.TriggerServiceServer.
func (s *Server) ReplayEvents(ctx context.Context, req *triggerv1.ReplayEventsRequest) (*triggerv1.ReplayEventsResponse, error) {
	name, err := resource.ParseSubscription(req.GetParent())
	if err != nil {
		return nil, err
	}
	span := core.Span{First: req.GetEventId(), Start: startTime(req.GetStartTime()), End: startTime(req.GetEndTime())}
	if span.First == "" && req.GetStartTime() == nil {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "a replay begins with an event or at a time; give event_id or start_time").
			Field("event_id", "must be the id of an event unless start_time is given")
	}
	done, err := s.triggers.Replay(ctx, caller(ctx), name, core.Replay{Span: span, Sinks: req.GetSinks(), Limit: int(req.GetMaxEvents())})
	if err != nil {
		return nil, err
	}
	return &triggerv1.ReplayEventsResponse{Events: int32(min(done.Events, math.MaxInt32)), NextEventId: done.Next}, nil
}
