package api

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

var (
	// errEnded says that the subscription is gone, which ends a stream well.
	errEnded = errors.New("the subscription was deleted")
	// errStopping says that this process stops; another one can go on.
	errStopping = errors.New("the service is stopping")
)

// StreamEvents implements triggerv1.TriggerServiceServer. The header of the
// answer is sent when the position in the stream of events is fixed: whoever
// waits for it misses nothing that happens afterwards.
func (s *Server) StreamEvents(req *triggerv1.StreamEventsRequest, stream grpc.ServerStreamingServer[triggerv1.Event]) error {
	sub, err := s.told(stream.Context(), req.GetParent())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.awaitEnd(ctx, sub, cancel)
	}()
	defer func() { cancel(nil); <-watched }()

	want := events.Range{Subscription: sub, After: req.GetAfterSequence(), Start: startTime(req.GetStartTime())}
	started := func() error { return stream.SendHeader(metadata.Pairs(grpcx.OpenedHeader, "true")) }
	err = s.reader.Follow(ctx, want, started, func(r events.Record) error { return stream.Send(eventToProto(r)) })
	switch {
	case errors.Is(context.Cause(ctx), errEnded):
		return nil
	case errors.Is(context.Cause(ctx), errStopping):
		return fault.Unavailable(fault.ReasonServiceUnavailable, "the service is stopping; go on after the last sequence that you have seen")
	case stream.Context().Err() != nil:
		return fault.From(stream.Context().Err())
	}
	return err
}
