package api

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
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
		out.Sinks = append(out.Sinks, sinkToProto(sink))
	}
	if sub.Polling != nil {
		showRecurrence(out, sub.Polling.Recurrence)
		if !sub.Polling.Cursor.Ended {
			out.NextPollTime = timestamp(sub.Polling.Cursor.Next)
		}
	}
	return out
}

// recurrenceOf reads when a subscription is to be polled.
func recurrenceOf(sub *triggerv1.Subscription) recurrence.Options {
	o := recurrence.Options{Interval: sub.GetInterval().AsDuration(), Cron: sub.GetCron(), Zone: sub.GetTimeZone()}
	if sub.GetJitter() != nil {
		o.Jitter = new(sub.GetJitter().AsDuration())
	}
	if sub.GetStartTime() != nil {
		o.Start = sub.GetStartTime().AsTime()
	}
	if sub.GetEndTime() != nil {
		o.End = sub.GetEndTime().AsTime()
	}
	return o
}

// showRecurrence writes when a subscription is polled.
func showRecurrence(out *triggerv1.Subscription, o recurrence.Options) {
	out.Cron, out.TimeZone, out.StartTime, out.EndTime = o.Cron, o.Zone, timestamp(o.Start), timestamp(o.End)
	if o.Cron == "" {
		out.Interval = durationpb.New(o.Interval)
	}
	if o.Jitter != nil {
		out.Jitter = durationpb.New(*o.Jitter)
	}
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
