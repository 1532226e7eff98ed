package api

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// toProto translates a subscription.
func (v *Server) toProto(s core.Subscription) *triggerv1.Subscription {
	state, reason := s.State()
	out := &triggerv1.Subscription{
		Name: s.Name.String(), Connection: s.Connection.String(), OperationId: s.Operation, Input: s.Input,
		UnsignedAccepted: s.UnsignedAccepted, State: triggerv1.SubscriptionState(state), StateReason: reason,
		ActivityTime: timestamp(s.Activity()), Owner: s.Owner, CreateTime: timestamp(s.CreateTime), Etag: etag(s),
		CallbackUrl: v.triggers.CallbackURL(s),
	}
	for _, sink := range s.Sinks {
		out.Sinks = append(out.Sinks, &triggerv1.Sink{Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: sink.URL}}})
	}
	if s.Polling != nil {
		out.Interval = durationpb.New(s.Polling.Interval)
		out.NextPollTime = timestamp(s.Polling.Cursor.Next)
	}
	return out
}

// etag changes with every change, polls included.
func etag(s core.Subscription) string {
	polls := uint64(0)
	if s.Polling != nil {
		polls = s.Polling.Cursor.Version
	}
	return fmt.Sprintf("%s-%d-%d", s.UID, s.Change, polls)
}

// timestamp translates a time; the zero time is absent.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
