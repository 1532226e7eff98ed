package api

import (
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
		ActivityTime: timestamp(sub.Activity()), Owner: sub.Owner, CreateTime: timestamp(sub.CreateTime), Etag: sub.Etag(),
		CallbackUrl: s.triggers.CallbackURL(sub), Split: triggerv1.Split(sub.Split),
		Signature: sub.Signature.Proto(), SecretGiven: sub.Secret != nil,
	}
	if token := s.triggers.PendingToken(sub); token != "" && reason == "" {
		out.StateReason = "the API asks for this verification token: " + token
	}
	out.Description, out.UpdateTime = sub.Description, timestamp(sub.UpdateTime)
	if sub.Notices != nil {
		out.Source = triggerv1.SubscriptionSource_SUBSCRIPTION_SOURCE_NOTICES
	}
	if w := sub.Webhook; w != nil {
		out.EndTime, out.RegistrationExpireTime = timestamp(w.End), timestamp(w.Upkeep.Expires)
	}
	for _, sink := range sub.Sinks {
		out.Sinks = append(out.Sinks, sinkToProto(sink))
	}
	if sub.SuspendAfter != 0 {
		out.SuspendAfter = durationpb.New(sub.SuspendAfter)
	}
	if sub.Polling != nil {
		out.Polling, out.FailingSince = sub.Polling.Given.Proto(), timestamp(sub.Polling.Cursor.FailingSince)
		showRecurrence(out, sub.Polling.Recurrence)
		if sub.Polls() {
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

// timestamp translates a time; the zero time is absent.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
