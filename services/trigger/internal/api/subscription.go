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
func (s *Server) toProto(sub core.Subscription) *triggerv1.Subscription {
	state, reason := sub.State()
	out := &triggerv1.Subscription{
		Name: sub.Name.String(), Connection: sub.Connection.String(), OperationId: sub.Operation, Input: sub.Input,
		UnsignedAccepted: sub.UnsignedAccepted, State: triggerv1.SubscriptionState(state), StateReason: reason,
		ActivityTime: timestamp(sub.Activity()), Owner: sub.Owner, CreateTime: timestamp(sub.CreateTime), Etag: etag(sub),
		CallbackUrl: s.triggers.CallbackURL(sub),
	}
	for _, sink := range sub.Sinks {
		out.Sinks = append(out.Sinks, &triggerv1.Sink{Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: sink.URL}}})
	}
	if sub.Polling != nil {
		out.Interval = durationpb.New(sub.Polling.Interval)
		out.NextPollTime = timestamp(sub.Polling.Cursor.Next)
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
