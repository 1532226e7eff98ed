package trigger

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// recorder is an endpoint that remembers the ids of what it accepted, in order.
type recorder struct {
	*httptest.Server

	mu  sync.Mutex
	got []string
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, req.Header.Get("Webhook-Id"))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// ordered is an HTTP sink that keeps the order of all its events.
func ordered(id, url string) *triggerv1.Sink {
	return &triggerv1.Sink{Id: id, OrderBy: "'all'", Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: url}}}
}

// replayed is ann's subscription whose sinks have had events already.
type replayed struct {
	*process

	sub    *triggerv1.Subscription
	events []*triggerv1.Event
	one    *recorder
	two    *recorder
}

func newReplayed(t *testing.T, n int) *replayed {
	t.Helper()
	w := newWorld(t)
	r := &replayed{process: w.begin(w.kv), one: newRecorder(t), two: newRecorder(t)}
	r.sub = r.createWith("hook", ordered("one", r.one.URL), ordered("two", r.two.URL))
	for i := range n {
		if _, err := r.notify(w.api.Hooks()[0], fmt.Sprint("n", i), item(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Await(t, "the first deliveries", func() bool { return len(r.one.ids()) == n && len(r.two.ids()) == n })
	res, err := r.client.ListEvents(r.ann(), &triggerv1.ListEventsRequest{Parent: r.sub.GetName()})
	if err != nil || len(res.GetEvents()) != n {
		t.Fatalf("%d events, %v", len(res.GetEvents()), err)
	}
	r.events = res.GetEvents()
	return r
}

func (r *replayed) eventIDs() (ids []string) {
	for _, e := range r.events {
		ids = append(ids, e.GetId())
	}
	return ids
}

func (r *replayed) replay(ctx context.Context, req *triggerv1.ReplayEventsRequest) (*triggerv1.ReplayEventsResponse, error) {
	req.Parent = r.sub.GetName()
	return r.client.ReplayEvents(ctx, req)
}

func from(event *triggerv1.Event) *triggerv1.ReplayEventsRequest {
	return &triggerv1.ReplayEventsRequest{Start: &triggerv1.ReplayEventsRequest_EventId{EventId: event.GetId()}}
}

func TestAReplayFromAnEventDeliversItAndWhatFollowsInOrderUnderTheirIDs(t *testing.T) {
	r := newReplayed(t, 5)
	got, err := r.replay(r.ann(), from(r.events[2]))
	if err != nil || got.GetEvents() != 3 || got.GetNextEventId() != "" {
		t.Fatalf("%v, %v", got, err)
	}
	want := append(r.eventIDs(), r.eventIDs()[2:]...)
	testkit.Await(t, "both sinks", func() bool { return len(r.one.ids()) >= 8 && len(r.two.ids()) >= 8 })
	equal(t, "sink one", r.one.ids(), want)
	equal(t, "sink two", r.two.ids(), want)
}

func TestAReplayStopsAtItsLimitAndGoesOnWhereItSays(t *testing.T) {
	r := newReplayed(t, 5)
	req, answers := from(r.events[0]), []string{}
	for {
		req.MaxEvents, req.Sinks = 2, []string{"two"}
		got, err := r.replay(r.ann(), req)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, fmt.Sprint(got.GetEvents()))
		if got.GetNextEventId() == "" {
			break
		}
		req = &triggerv1.ReplayEventsRequest{Start: &triggerv1.ReplayEventsRequest_EventId{EventId: got.GetNextEventId()}}
	}
	equal(t, "events", answers, []string{"2", "2", "1"})
	testkit.Await(t, "sink two", func() bool { return len(r.two.ids()) >= 10 })
	equal(t, "sink two", r.two.ids(), append(r.eventIDs(), r.eventIDs()...))
	if n := len(r.one.ids()); n != 5 {
		t.Errorf("the other sink has %d deliveries", n)
	}
}

func TestAReplayThatIsRepeatedQueuesNothingTwice(t *testing.T) {
	r := newReplayed(t, 3)
	for range 3 {
		if got, err := r.replay(r.ann(), from(r.events[0])); err != nil || got.GetEvents() != 3 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	// Another replay shows when the repetitions would have arrived.
	if _, err := r.replay(r.ann(), from(r.events[2])); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the last one", func() bool { return len(r.one.ids()) >= 7 })
	all := r.eventIDs()
	equal(t, "deliveries", r.one.ids(), slices.Concat(all, all, all[2:]))
}

func TestAReplayHasATimeToBeginAndOneToEnd(t *testing.T) {
	r := newReplayed(t, 4)
	got, err := r.replay(r.ann(), &triggerv1.ReplayEventsRequest{
		Start: &triggerv1.ReplayEventsRequest_StartTime{StartTime: r.events[1].GetTime()}, EndTime: r.events[3].GetTime(), Sinks: []string{"one"},
	})
	if err != nil || got.GetEvents() != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	testkit.Await(t, "two more", func() bool { return len(r.one.ids()) >= 6 })
	equal(t, "deliveries", r.one.ids(), append(r.eventIDs(), r.eventIDs()[1:3]...))
}

func TestWhatIsPausedCanBeReplayed(t *testing.T) {
	r := newReplayed(t, 1)
	if _, err := r.client.PauseSubscription(r.ann(), &triggerv1.PauseSubscriptionRequest{Name: r.sub.GetName()}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.replay(r.as("root", authn.RoleAdmin), from(r.events[0])); err != nil || got.GetEvents() != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	testkit.Await(t, "the delivery", func() bool { return len(r.one.ids()) == 2 })
}

func TestReplaysThatAreRefused(t *testing.T) {
	r := newReplayed(t, 1)
	with := func(change func(*triggerv1.ReplayEventsRequest)) *triggerv1.ReplayEventsRequest {
		req := from(r.events[0])
		change(req)
		return req
	}
	for _, row := range []struct {
		name string
		ctx  context.Context
		req  *triggerv1.ReplayEventsRequest
		code fault.Code
	}{
		{"without a beginning", r.ann(), &triggerv1.ReplayEventsRequest{}, fault.CodeInvalidArgument},
		{"from an event that is not there", r.ann(), with(func(q *triggerv1.ReplayEventsRequest) {
			q.Start = &triggerv1.ReplayEventsRequest_EventId{EventId: strings.Repeat("0", 32)}
		}), fault.CodeNotFound},
		{"to a sink that is not there", r.ann(), with(func(q *triggerv1.ReplayEventsRequest) { q.Sinks = []string{"three"} }), fault.CodeInvalidArgument},
		{"by somebody else", r.as("bob", authn.RoleUser), with(func(*triggerv1.ReplayEventsRequest) {}), fault.CodeNotFound},
		{"with too large a limit", r.ann(), with(func(q *triggerv1.ReplayEventsRequest) { q.MaxEvents = 1_000_001 }), fault.CodeInvalidArgument},
	} {
		if _, err := r.replay(row.ctx, row.req); fault.CodeOf(err) != row.code {
			t.Errorf("%s: %v, want %v", row.name, err, row.code)
		}
	}
	if _, err := r.client.DeleteSubscription(r.ann(), &triggerv1.DeleteSubscriptionRequest{Name: r.sub.GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err := r.replay(r.ann(), from(r.events[0]))
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	_, err = r.replay(r.as("root", authn.RoleAdmin), &triggerv1.ReplayEventsRequest{
		Start: &triggerv1.ReplayEventsRequest_StartTime{StartTime: timestamppb.New(time.Unix(0, 0))},
	})
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
}
