package api

import (
	"context"
	"fmt"
	"math"
	"strings"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// RedeliverEvents implements triggerv1.TriggerServiceServer.
func (s *Server) RedeliverEvents(ctx context.Context, req *triggerv1.RedeliverEventsRequest) (*triggerv1.RedeliverEventsResponse, error) {
	sub, err := s.told(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	which := delivery.Selection{Sink: req.GetSink()}
	if len(req.GetNames()) > 0 {
		which.IDs = map[string]bool{}
	}
	for i, name := range req.GetNames() {
		id, ok := strings.CutPrefix(name, deliveries(sub))
		if !ok || id == "" {
			return nil, fault.Invalid(fault.ReasonInvalidName, "%q is not the name of a delivery of the subscription; list its deliveries to see their names", name).
				Field(fmt.Sprintf("names[%d]", i), "must begin with "+deliveries(sub))
		}
		which.IDs[id] = true
	}
	n, err := s.archive.Redeliver(ctx, sub, which)
	if err != nil {
		return nil, err
	}
	return &triggerv1.RedeliverEventsResponse{Deliveries: int32(min(n, math.MaxInt32))}, nil
}
