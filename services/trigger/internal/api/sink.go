package api

import (
	"google.golang.org/protobuf/types/known/durationpb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// sinksOf reads the sinks of a subscription.
func sinksOf(sub *triggerv1.Subscription) ([]core.Sink, error) {
	var sinks []core.Sink
	for _, sink := range sub.GetSinks() {
		out := core.Sink{
			ID: sink.GetId(), Condition: sink.GetCondition(), OrderBy: sink.GetOrderBy(), RetryFor: sink.GetRetryFor().AsDuration(),
			Concurrent: int(sink.GetMaxConcurrent()), PerSecond: sink.GetMaxPerSecond(), Disabled: sink.GetDisabled(),
		}
		if h := sink.GetHttp(); h != nil {
			out.HTTP = &core.HTTPSink{
				URL: h.GetUrl(), Binary: h.GetMode() == triggerv1.HttpMode_HTTP_MODE_BINARY, Timeout: h.GetTimeout().AsDuration(),
			}
		}
		if a := sink.GetAction(); a != nil {
			connection, err := resource.ParseConnection(a.GetConnection())
			if err != nil {
				return nil, err
			}
			out.Action = &core.ActionSink{
				Connection: connection, Operation: a.GetOperationId(), Input: a.GetInput(),
				AtMostOnce: a.GetUnknownOutcome() == triggerv1.UnknownOutcome_UNKNOWN_OUTCOME_DEAD_LETTER,
			}
		}
		sinks = append(sinks, out)
	}
	return sinks, nil
}

// authorizationsOf returns what the sinks' owner has given, by place.
func authorizationsOf(sub *triggerv1.Subscription) (given []string) {
	for _, sink := range sub.GetSinks() {
		given = append(given, sink.GetHttp().GetAuthorization())
	}
	return given
}

// sinkToProto translates a sink, without its secrets.
func sinkToProto(s core.Sink) *triggerv1.Sink {
	out := &triggerv1.Sink{
		Id: s.ID, Condition: s.Condition, OrderBy: s.OrderBy, MaxConcurrent: int32(s.Concurrent), MaxPerSecond: s.PerSecond,
		Disabled: s.Disabled, DisabledReason: s.DisabledReason,
	}
	if s.RetryFor != 0 {
		out.RetryFor = durationpb.New(s.RetryFor)
	}
	if a := s.Action; a != nil {
		action := &triggerv1.ActionSink{Connection: a.Connection.String(), OperationId: a.Operation, Input: a.Input}
		if a.AtMostOnce {
			action.UnknownOutcome = triggerv1.UnknownOutcome_UNKNOWN_OUTCOME_DEAD_LETTER
		}
		out.Kind = &triggerv1.Sink_Action{Action: action}
		return out
	}
	h := &triggerv1.HttpSink{Url: s.HTTP.URL, AuthorizationGiven: s.HTTP.Authorization != nil}
	if s.HTTP.Binary {
		h.Mode = triggerv1.HttpMode_HTTP_MODE_BINARY
	}
	if s.HTTP.Timeout != 0 {
		h.Timeout = durationpb.New(s.HTTP.Timeout)
	}
	out.Kind = &triggerv1.Sink_Http{Http: h}
	return out
}
