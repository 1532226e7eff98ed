package api

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// ListEvents implements triggerv1.TriggerServiceServer.
func (s *Server) ListEvents(ctx context.Context, req *triggerv1.ListEventsRequest) (*triggerv1.ListEventsResponse, error) {
	sub, err := s.told(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	// The unique id: a token does not reach into another subscription's events.
	scope := page.Scope("events", sub.UID, bound(req.GetStartTime()), bound(req.GetEndTime()))
	want := events.Range{Subscription: sub, Start: startTime(req.GetStartTime()), End: startTime(req.GetEndTime())}
	if want.After, err = position(scope, req.GetPageToken()); err != nil {
		return nil, err
	}
	records, more, err := s.reader.Page(ctx, want, page.Size(req.GetPageSize(), defaultPage, maxPage))
	if err != nil {
		return nil, err
	}
	res := &triggerv1.ListEventsResponse{}
	for _, r := range records {
		res.Events = append(res.Events, eventToProto(r))
	}
	if more {
		last := records[len(records)-1].Sequence
		res.NextPageToken = page.Encode(scope, strconv.FormatUint(last, 10))
	}
	return res, nil
}

// bound is a time as a part of a scope; empty for none.
func bound(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339Nano)
}

// position reads a page token: the sequence to continue after.
func position(scope, token string) (uint64, error) {
	text, err := page.Decode(scope, token)
	if err != nil || text == "" {
		return 0, err
	}
	sequence, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fault.Invalid(fault.ReasonInvalidPageToken, "the page token cannot be used; start again without a token").
			Field("page_token", "is not a token of this service")
	}
	return sequence, nil
}

func startTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// eventToProto translates an event.
func eventToProto(r events.Record) *triggerv1.Event {
	data := string(r.Data)
	if !r.JSON {
		data = base64.StdEncoding.EncodeToString(r.Data)
	}
	return &triggerv1.Event{
		Name: r.Name.String(), Id: r.ID, Source: r.Source, Type: r.Type, Time: timestamp(r.Time), Revision: r.Revision,
		DataContentType: r.ContentType, Data: data, Sequence: r.Sequence, Subject: r.Subject, Traceparent: r.TraceParent, OmittedBytes: r.OmittedBytes,
	}
}
