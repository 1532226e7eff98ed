package api

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// ListDeliveries implements triggerv1.TriggerServiceServer.
func (s *Server) ListDeliveries(ctx context.Context, req *triggerv1.ListDeliveriesRequest) (*triggerv1.ListDeliveriesResponse, error) {
	sub, err := s.named(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	scope := page.Scope("deliveries", sub.UID, req.GetState().String(), req.GetSink())
	token, err := page.Decode(scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	last, err := placeOf(token)
	if err != nil {
		return nil, err
	}
	list, err := s.archive.List(ctx, sub)
	if err != nil {
		return nil, err
	}
	res, size := &triggerv1.ListDeliveriesResponse{}, page.Size(req.GetPageSize(), defaultPage, maxPage)
	for _, d := range list {
		switch {
		case req.GetState() != triggerv1.DeliveryState_DELIVERY_STATE_UNSPECIFIED && int(req.GetState()) != int(d.State),
			req.GetSink() != "" && req.GetSink() != d.Sink,
			token != "" && !last.before(d):
			continue
		case len(res.GetDeliveries()) == size:
			res.NextPageToken = page.Encode(scope, last.String())
			return res, nil
		}
		res.Deliveries = append(res.Deliveries, deliveryToProto(sub, d))
		last = place{at: d.Last, id: d.ID()}
	}
	return res, nil
}

// place is where a page ended.
type place struct {
	at time.Time
	id string
}

// String undoes placeOf.
func (p place) String() string { return p.at.UTC().Format(time.RFC3339Nano) + " " + p.id }

// before reports whether a delivery comes after the place: it is older, or has a
// greater id.
func (p place) before(d delivery.Delivery) bool {
	return d.Last.Before(p.at) || d.Last.Equal(p.at) && d.ID() > p.id
}

func placeOf(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	at, id, _ := strings.Cut(text, " ")
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return place{}, fault.Invalid(fault.ReasonInvalidPageToken, "the page token cannot be used; start again without a token").
			Field("page_token", "is not a token of this service")
	}
	return place{at: t, id: id}, nil
}

// deliveryToProto translates a delivery.
func deliveryToProto(sub core.Subscription, d delivery.Delivery) *triggerv1.Delivery {
	out := &triggerv1.Delivery{
		Name: deliveries(sub) + d.ID(), Sink: d.Sink, State: triggerv1.DeliveryState(d.State), NextAttemptTime: timestamp(d.Next), Reason: d.Reason,
		Event: resource.Event{Environment: sub.Name.Environment, Subscription: sub.Name.ID, ID: d.EventID}.String(),
	}
	for _, a := range d.Attempts {
		out.Attempts = append(out.Attempts, &triggerv1.DeliveryAttempt{
			Time: timestamp(a.Time), Duration: durationpb.New(a.Duration), StatusCode: int32(a.Status), Reason: a.Reason, Number: int32(a.Number),
		})
	}
	return out
}

// deliveries is how the names of a subscription's deliveries begin.
func deliveries(sub core.Subscription) string { return sub.Name.String() + "/deliveries/" }
