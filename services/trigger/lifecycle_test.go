package trigger

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// mask is an update of the fields that it names; of those that have a value if none.
func mask(sub *triggerv1.Subscription, paths ...string) *triggerv1.UpdateSubscriptionRequest {
	req := &triggerv1.UpdateSubscriptionRequest{Subscription: sub}
	if len(paths) > 0 {
		req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
	}
	return req
}

func TestTheFieldsThatAnUpdateNamesAreChangedAndNoOthers(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	for _, tc := range []struct {
		name   string
		change *triggerv1.Subscription
		paths  []string
		want   func(*triggerv1.Subscription)
		reason fault.Reason
	}{
		{
			name: "one field of the mask", change: &triggerv1.Subscription{Description: "new", Input: `{"a":1}`}, paths: []string{"description"},
			want: func(s *triggerv1.Subscription) { s.Description = "new" },
		},
		{
			name: "a field of the mask that has no value", change: &triggerv1.Subscription{}, paths: []string{"description"},
			want: func(*triggerv1.Subscription) {},
		},
		{
			name: "what has a value, where there is no mask", change: &triggerv1.Subscription{SuspendAfter: durationpb.New(3600e9)},
			want: func(s *triggerv1.Subscription) { s.SuspendAfter = durationpb.New(3600e9) },
		},
		{
			name: "everything", change: &triggerv1.Subscription{Interval: durationpb.New(7e9), Split: triggerv1.Split_SPLIT_WHOLE}, paths: []string{"*"},
			want: func(s *triggerv1.Subscription) {
				s.Interval, s.Split = durationpb.New(7e9), triggerv1.Split_SPLIT_WHOLE
			},
		},
		{
			name: "what is only shown is ignored", change: &triggerv1.Subscription{Owner: "bob"}, paths: []string{"owner", "state"},
			want: func(*triggerv1.Subscription) {},
		},
		{name: "what is no field", change: &triggerv1.Subscription{}, paths: []string{"sinks.http"}, reason: fault.ReasonInvalidArgument},
		{name: "the operation", change: &triggerv1.Subscription{OperationId: "Other"}, paths: []string{"operation_id"}, reason: fault.ReasonInvalidArgument},
		{name: "another etag", change: &triggerv1.Subscription{Etag: "stale-1-1"}, paths: []string{"description"}, reason: fault.ReasonEtagMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := request("", inventorytest.Polling)
			req.Subscription.Interval = durationpb.New(3600e9)
			before, err := p.client.CreateSubscription(p.ann(), req)
			if err != nil {
				t.Fatal(err)
			}
			tc.change.Name = before.GetName()
			if tc.change.OperationId == "" {
				tc.change.OperationId = before.GetOperationId() // which every subscription names
			}
			after, err := p.client.UpdateSubscription(p.ann(), mask(tc.change, tc.paths...))
			if tc.reason != "" {
				wantReason(t, err, tc.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tc.want(before)
			for _, s := range []*triggerv1.Subscription{before, after} {
				s.Etag, s.UpdateTime, s.NextPollTime = "", nil, nil
			}
			if !proto.Equal(after, before) {
				t.Errorf("changed to\n%v, want\n%v", after, before)
			}
		})
	}
}

func TestAWebhookIsPausedChangedResumedAndTriedOverTheInterface(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	sub := p.create("hook", inventorytest.Webhook)
	first := w.api.Hooks()[0]
	name := sub.GetName()
	paused, err := p.client.PauseSubscription(p.ann(), &triggerv1.PauseSubscriptionRequest{Name: name})
	if err != nil || paused.GetState() != triggerv1.SubscriptionState_SUBSCRIPTION_STATE_PAUSED || len(w.api.Hooks()) != 0 {
		t.Fatalf("paused: %v, %v, at the API %v", paused, err, w.api.Hooks())
	}
	if res, err := p.notify(first, "1", `{"n":1}`); err != nil || res.GetStatusCode() != 202 {
		t.Fatalf("a late notification: %v, %v", res, err)
	}
	change := &triggerv1.Subscription{Name: name, OperationId: inventorytest.Webhook, Input: `{"body":{"events":["item.created"]}}`}
	if _, err := p.client.UpdateSubscription(p.ann(), mask(change, "input")); err != nil {
		t.Fatal(err)
	}
	resumed, err := p.client.ResumeSubscription(p.ann(), &triggerv1.ResumeSubscriptionRequest{Name: name})
	if err != nil || resumed.GetState() != triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE || resumed.GetInput() != change.GetInput() {
		t.Fatalf("resumed: %v, %v", resumed, err)
	}
	if res, err := p.notify(w.api.Hooks()[0], "2", `{"n":2}`); err != nil || res.GetStatusCode() != 202 {
		t.Fatalf("a notification: %v, %v", res, err)
	}
	equal(t, "events", p.events(name), []string{`{"n":2}`})

	tried, err := p.client.TestTrigger(p.ann(), &triggerv1.TestTriggerRequest{Parent: environment, Subscription: sub})
	if err != nil || len(tried.GetEvents()) != 1 || tried.GetEvents()[0].GetData() != `{"n":2}` || tried.GetSource() != triggerv1.SampleSource_SAMPLE_SOURCE_EVENT {
		t.Errorf("tried: %v, %v", tried, err)
	}
	draft := request("", inventorytest.Polling).GetSubscription()
	tried, err = p.client.TestTrigger(p.ann(), &triggerv1.TestTriggerRequest{Parent: environment, Subscription: draft, MaxEvents: 2})
	if err != nil || tried.GetSource() != triggerv1.SampleSource_SAMPLE_SOURCE_API || tried.GetEvents()[0].GetName() != "" {
		t.Errorf("tried a draft: %v, %v", tried, err)
	}
}

func TestAPausedPollingTriggerIsSilentOnTheRealScheduler(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	sub := p.create("items", inventorytest.Polling)
	name := sub.GetName()
	if _, err := p.client.PauseSubscription(p.ann(), &triggerv1.PauseSubscriptionRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	w.api.Add("c")
	if _, err := p.client.ResumeSubscription(p.ann(), &triggerv1.ResumeSubscriptionRequest{Name: name, SkipMissed: true}); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the new baseline", func() bool {
		s, err := p.client.GetSubscription(p.ann(), &triggerv1.GetSubscriptionRequest{Name: name})
		return err == nil && s.GetState() == triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE
	})
	w.api.Add("d")
	testkit.Await(t, "the event", func() bool { return len(p.events(name)) > 0 })
	equal(t, "events", p.events(name), []string{item("d")})
}
