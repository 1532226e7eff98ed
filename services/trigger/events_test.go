package trigger

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

func TestEventsAreListedBetweenTwoTimes(t *testing.T) {
	r := newReplayed(t, 5)
	list := func(req *triggerv1.ListEventsRequest) (ids []string) {
		t.Helper()
		req.Parent = r.sub.GetName()
		for {
			res, err := r.client.ListEvents(r.ann(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range res.GetEvents() {
				ids = append(ids, e.GetId())
			}
			if req.PageToken = res.GetNextPageToken(); req.GetPageToken() == "" {
				return ids
			}
		}
	}
	from, to := r.events[1].GetTime(), r.events[4].GetTime()
	equal(t, "events", list(&triggerv1.ListEventsRequest{StartTime: from, EndTime: to, PageSize: 2}), r.eventIDs()[1:4])
	equal(t, "events up to a time", list(&triggerv1.ListEventsRequest{EndTime: from}), r.eventIDs()[:1])
	equal(t, "events since a time", list(&triggerv1.ListEventsRequest{StartTime: to, PageSize: 1}), r.eventIDs()[4:])

	res, err := r.client.ListEvents(r.ann(), &triggerv1.ListEventsRequest{Parent: r.sub.GetName(), PageSize: 1, EndTime: to})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.client.ListEvents(r.ann(), &triggerv1.ListEventsRequest{Parent: r.sub.GetName(), PageToken: res.GetNextPageToken(), EndTime: timestamppb.New(time.Now().Add(time.Hour))})
	wantReason(t, err, fault.ReasonInvalidPageToken)
}

func TestAReaderThatWasAwayForTooLongIsTold(t *testing.T) {
	r := newReplayed(t, 3)
	seen := r.events[0].GetSequence()
	bounds := func(context.Context) ([]events.Bounds, error) {
		return []events.Bounds{{Environment: "default", MaxAge: time.Hour}}, nil
	}
	retention := events.NewRetention(r.service.reader, bounds, clocktest.New(time.Now().Add(2*time.Hour)), r.log, nil)
	stream, err := testkit.Connect(t, r.nats).JetStream().Stream(t.Context(), bus.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the end of the events", func() bool {
		if err := retention.Enforce(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(r.process.events(r.sub.GetName())) == 0
	})
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.ann())
	defer cancel()
	follow := func(after uint64) (*triggerv1.Event, error) {
		stream, err := r.client.StreamEvents(ctx, &triggerv1.StreamEventsRequest{Parent: r.sub.GetName(), AfterSequence: after})
		if err != nil {
			return nil, err
		}
		return stream.Recv()
	}
	_, err = follow(seen)
	if fault.CodeOf(err) != fault.CodeOutOfRange || fault.From(err).Meta()[events.FirstSequence] == "" {
		t.Fatalf("going on after %d: %v", seen, err)
	}
	if _, err := r.notify(r.api.Hooks()[0], "later", item("later")); err != nil {
		t.Fatal(err)
	}
	got, err := follow(info.State.LastSeq)
	if err != nil || got.GetData() != item("later") {
		t.Errorf("going on where the answer says: %v, %v", got, err)
	}
}
