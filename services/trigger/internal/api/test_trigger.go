package api

import (
	"context"
	"encoding/base64"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// TestTrigger implements triggerv1.TriggerServiceServer.
func (s *Server) TestTrigger(ctx context.Context, req *triggerv1.TestTriggerRequest) (*triggerv1.TestTriggerResponse, error) {
	sample, err := s.sample(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &triggerv1.TestTriggerResponse{Source: triggerv1.SampleSource(sample.Source), Schema: string(sample.Schema)}
	for _, e := range sample.Events {
		out.Events = append(out.Events, sampleToProto(e))
	}
	return out, nil
}

// sample tests a subscription that is named, or else one that is described.
func (s *Server) sample(ctx context.Context, req *triggerv1.TestTriggerRequest) (core.Sample, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return core.Sample{}, err
	}
	sub, limit := req.GetSubscription(), int(req.GetMaxEvents())
	if sub.GetName() != "" {
		name, err := resource.ParseSubscription(sub.GetName())
		if err != nil {
			return core.Sample{}, err
		}
		if name.Environment != parent.ID {
			return core.Sample{}, fault.Invalid(fault.ReasonInvalidArgument,
				"the subscription is of another environment than the parent; name the same in both").
				Field("subscription.name", "must be of the parent's environment")
		}
		return s.triggers.Test(ctx, caller(ctx), name, limit)
	}
	draft, err := wholeDraftOf(sub)
	if err != nil {
		return core.Sample{}, err
	}
	draft.Environment = parent.ID
	return s.triggers.TestDraft(ctx, caller(ctx), draft, limit)
}

// sampleToProto translates an event that is not, or no more, read from the stream. It
// has a name only if its subscription has one.
func sampleToProto(e core.Event) *triggerv1.Event {
	data := string(e.Data)
	if !e.JSON {
		data = base64.StdEncoding.EncodeToString(e.Data)
	}
	sub := e.Subscription
	out := &triggerv1.Event{
		Id: e.ID, Source: sub.Connection.String(), Type: "dev.ferrule." + sub.Connector.ID + "." + sub.Operation,
		Time: timestamp(e.Time), Revision: e.Revision, DataContentType: e.ContentType, Data: data, Subject: e.Key,
	}
	if e.Type != "" {
		out.Type, out.Source = e.Type, e.Source
	}
	if sub.Name.ID != "" {
		out.Name = resource.Event{Environment: sub.Name.Environment, Subscription: sub.Name.ID, ID: e.ID}.String()
	}
	return out
}
