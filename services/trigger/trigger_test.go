package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestBothTriggersFromTheSubscriptionToTheSink(t *testing.T) {
	var mu sync.Mutex
	posted := map[string]int{}
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ ID, DataSchema, TraceParent, Subscription string }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		polled := strings.HasSuffix(event.Subscription, "/items") // the notification has no trace here
		if !strings.HasPrefix(event.DataSchema, "https://ferrule.example.com/v1/environments/default/connectors/inventory/revisions/") || polled && event.TraceParent == "" {
			t.Errorf("schema and trace: %+v", event)
		}
		mu.Lock()
		defer mu.Unlock()
		posted[event.ID]++
	}))
	defer sink.Close()
	w := newWorld(t)
	p := w.begin(w.kv)
	polled := p.create("items", inventorytest.Polling, sink.URL)
	hooked := p.create("hook", inventorytest.Webhook, sink.URL)
	for _, sub := range []*triggerv1.Subscription{polled, hooked} {
		if sub.GetState() != triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE || sub.GetOwner() != "ann" || sub.GetEtag() == "" {
			t.Errorf("created %v", sub)
		}
	}
	w.api.Add("new")
	res, err := p.notify(w.api.Hooks()[0], "evt-1", item("new"))
	if err != nil || res.GetStatusCode() != http.StatusAccepted {
		t.Fatalf("%v, %v", res, err)
	}
	testkit.Await(t, "the event of the poll", func() bool { return len(p.events(polled.GetName())) > 0 })
	equal(t, "events of the poll", p.events(polled.GetName()), []string{item("new")})
	equal(t, "events of the webhook", p.events(hooked.GetName()), []string{item("new")})
	testkit.Await(t, "both events at the sink", func() bool { mu.Lock(); defer mu.Unlock(); return len(posted) == 2 })

	got, err := p.client.GetSubscription(p.ann(), &triggerv1.GetSubscriptionRequest{Name: polled.GetName()})
	if err != nil || got.GetActivityTime() == nil || got.GetNextPollTime() == nil || got.GetInterval().AsDuration() != time.Second || got.GetSinks()[0].GetHttp().GetUrl() != sink.URL {
		t.Errorf("%v, %v", got, err)
	}
	got, err = p.client.GetSubscription(p.ann(), &triggerv1.GetSubscriptionRequest{Name: hooked.GetName()})
	if err != nil || got.GetActivityTime() == nil || got.GetNextPollTime() != nil || got.GetInterval() != nil {
		t.Errorf("%v, %v", got, err)
	}
	if calls := w.api.Calls(inventorytest.Polling); len(calls) < 2 || calls[0].Behalf == calls[1].Behalf || calls[1].Owner != "ann" {
		t.Errorf("calls %+v: the baseline is the caller's, the polls are ours with ann's connection", calls)
	}

	for _, name := range []string{polled.GetName(), hooked.GetName()} {
		if _, err := p.client.DeleteSubscription(p.ann(), &triggerv1.DeleteSubscriptionRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		_, err := p.client.ListEvents(p.ann(), &triggerv1.ListEventsRequest{Parent: name})
		wantReason(t, err, fault.ReasonSubscriptionNotFound)
	}
	if hooks := w.api.Hooks(); len(hooks) != 0 {
		t.Errorf("left at the API: %v", hooks)
	}
	if !p.health.Report().Ready {
		t.Error("not ready")
	}
}

func TestEventsOverTheWire(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	sub := p.create("hook", inventorytest.Webhook)
	hook := w.api.Hooks()[0]
	for i := range 4 {
		if _, err := p.notify(hook, fmt.Sprint(i), item(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	list := func(req *triggerv1.ListEventsRequest) *triggerv1.ListEventsResponse {
		t.Helper()
		req.Parent = sub.GetName()
		res, err := p.client.ListEvents(p.ann(), req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	first := list(&triggerv1.ListEventsRequest{PageSize: 3})
	if len(first.GetEvents()) != 3 || first.GetNextPageToken() == "" {
		t.Fatalf("first page %v", first)
	}
	e := first.GetEvents()[0]
	if e.GetName() != sub.GetName()+"/events/"+e.GetId() || e.GetSource() != connection || e.GetType() != "dev.ferrule.inventory.OnItemCreated" ||
		e.GetRevision() != inventorytest.Revision || e.GetDataContentType() != "application/json" || e.GetSequence() == 0 || e.GetTime() == nil {
		t.Errorf("event %v", e)
	}
	second := list(&triggerv1.ListEventsRequest{PageSize: 3, PageToken: first.GetNextPageToken()})
	if len(second.GetEvents()) != 1 || second.GetNextPageToken() != "" {
		t.Errorf("second page %v", second)
	}
	_, err := p.client.ListEvents(p.ann(), &triggerv1.ListEventsRequest{
		Parent: sub.GetName(), PageToken: first.GetNextPageToken(), StartTime: timestamppb.Now(),
	})
	wantReason(t, err, fault.ReasonInvalidPageToken)
	if late := list(&triggerv1.ListEventsRequest{StartTime: timestamppb.New(time.Now().Add(time.Hour))}); len(late.GetEvents()) != 0 {
		t.Errorf("from the future: %v", late)
	}

	// A stream that was cut off goes on after the last event that was seen.
	stream, err := p.client.StreamEvents(p.ann(), &triggerv1.StreamEventsRequest{Parent: sub.GetName(), AfterSequence: first.GetEvents()[1].GetSequence()})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{item("2"), item("3")} {
		if got, err := stream.Recv(); err != nil || got.GetData() != want {
			t.Fatalf("got %v, %v; want %s", got, err, want)
		}
	}
	fresh, err := p.client.StreamEvents(p.ann(), &triggerv1.StreamEventsRequest{Parent: sub.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Header(); err != nil { // from here on nothing is missed
		t.Fatal(err)
	}
	if _, err := p.notify(hook, "4", item("4")); err != nil {
		t.Fatal(err)
	}
	for _, s := range []interface {
		Recv() (*triggerv1.Event, error)
	}{stream, fresh} {
		if got, err := s.Recv(); err != nil || got.GetData() != item("4") {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	// Both end well with the subscription.
	if _, err := p.client.DeleteSubscription(p.ann(), &triggerv1.DeleteSubscriptionRequest{Name: sub.GetName()}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []interface {
		Recv() (*triggerv1.Event, error)
	}{stream, fresh} {
		if got, err := s.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, %v; want the end", got, err)
		}
	}
}

func TestANotificationWithBytesThatAreNoTextArrives(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	sub := p.create("hook", inventorytest.Webhook)
	req := p.notification(w.api.Hooks()[0], "1", item("a"))
	req.Query = []byte("q=\xff")
	req.Headers = append(req.Headers, &triggerv1.WebhookHeader{Name: "X-Place", Value: []byte("caf\xe9")})
	res, err := p.gateway.IngestWebhook(t.Context(), req)
	if err != nil || res.GetStatusCode() != http.StatusAccepted {
		t.Fatalf("%v, %v", res, err)
	}
	equal(t, "events", p.events(sub.GetName()), []string{item("a")})

	req.Headers = append(req.Headers, &triggerv1.WebhookHeader{Name: "X-Large", Value: make([]byte, 64<<10)})
	_, err = p.gateway.IngestWebhook(t.Context(), req)
	wantReason(t, err, fault.ReasonWebhookTooLarge)
}

func TestAStreamEndsWithItsCaller(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	sub := p.create("hook", inventorytest.Webhook)
	ctx, cancel := context.WithCancel(p.ann())
	stream, err := p.client.StreamEvents(ctx, &triggerv1.StreamEventsRequest{Parent: sub.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stream.Recv(); fault.CodeOf(err) != fault.CodeCanceled {
		t.Errorf("err = %v", err)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	sub := p.create("hook", inventorytest.Webhook)
	bob := w.as("bob", authn.RoleMaker)
	root := w.as("root", authn.RoleAdmin)

	_, err := p.client.GetSubscription(t.Context(), &triggerv1.GetSubscriptionRequest{Name: sub.GetName()})
	wantReason(t, err, fault.ReasonUnauthenticated)
	_, err = p.client.CreateSubscription(bob, request("other", inventorytest.Webhook))
	wantReason(t, err, fault.ReasonConnectionNotFound)
	for what, call := range map[string]func(context.Context) error{
		"get": func(ctx context.Context) error {
			_, err := p.client.GetSubscription(ctx, &triggerv1.GetSubscriptionRequest{Name: sub.GetName()})
			return err
		},
		"events": func(ctx context.Context) error {
			_, err := p.client.ListEvents(ctx, &triggerv1.ListEventsRequest{Parent: sub.GetName()})
			return err
		},
	} {
		if got := fault.ReasonOf(call(bob)); got != fault.ReasonSubscriptionNotFound {
			t.Errorf("%s by bob: %q", what, got)
		}
		if err := call(root); err != nil {
			t.Errorf("%s by an administrator: %v", what, err)
		}
	}
	stream, err := p.client.StreamEvents(bob, &triggerv1.StreamEventsRequest{Parent: sub.GetName()})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	mine, err := p.client.ListSubscriptions(bob, &triggerv1.ListSubscriptionsRequest{Parent: environment})
	if err != nil || len(mine.GetSubscriptions()) != 0 {
		t.Errorf("bob lists %v, %v", mine, err)
	}
	_, err = p.client.DeleteSubscription(bob, &triggerv1.DeleteSubscriptionRequest{Name: sub.GetName()})
	wantReason(t, err, fault.ReasonSubscriptionNotFound)

	for who, ctx := range map[string]context.Context{"ann": w.ann(), "an administrator": root} {
		_, err = p.client.IngestWebhook(ctx, &triggerv1.IngestWebhookRequest{Token: "x", Method: "POST"})
		if got := fault.ReasonOf(err); got != fault.ReasonServiceOnly {
			t.Errorf("ingest by %s: %q", who, got)
		}
	}
	_, err = p.gateway.IngestWebhook(t.Context(), &triggerv1.IngestWebhookRequest{Token: "x", Method: "POST"})
	wantReason(t, err, fault.ReasonWebhookUnknown)
}

func TestListsAreReadPageByPage(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	var want []string
	for i := range 5 {
		id := fmt.Sprintf("hook-%d", i)
		p.create(id, inventorytest.Webhook)
		want = append(want, environment+"/subscriptions/"+id)
	}
	var got []string
	req := &triggerv1.ListSubscriptionsRequest{Parent: environment, PageSize: 2}
	for {
		res, err := p.client.ListSubscriptions(p.ann(), req)
		if err != nil || len(res.GetSubscriptions()) > 2 {
			t.Fatal(res, err)
		}
		for _, s := range res.GetSubscriptions() {
			got = append(got, s.GetName())
		}
		if req.PageToken = res.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	equal(t, "subscriptions", got, want)
	_, err := p.client.ListSubscriptions(p.ann(), &triggerv1.ListSubscriptionsRequest{Parent: environment, PageToken: "x"})
	wantReason(t, err, fault.ReasonInvalidPageToken)
}

func TestRequestsThatAreWrong(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	for _, tc := range []struct {
		name   string
		change func(*triggerv1.CreateSubscriptionRequest)
		reason fault.Reason
	}{
		{"no subscription", func(r *triggerv1.CreateSubscriptionRequest) { r.Subscription = nil }, fault.ReasonInvalidArgument},
		{"a parent that is none", func(r *triggerv1.CreateSubscriptionRequest) { r.Parent = "default" }, fault.ReasonInvalidName},
		{"another environment", func(r *triggerv1.CreateSubscriptionRequest) { r.Parent = "environments/prod" }, fault.ReasonEnvironmentNotFound},
		{"a connection that is none", func(r *triggerv1.CreateSubscriptionRequest) { r.Subscription.Connection = "shop" }, fault.ReasonInvalidName},
		{"no operation", func(r *triggerv1.CreateSubscriptionRequest) { r.Subscription.OperationId = "" }, fault.ReasonInvalidArgument},
		{"an action", func(r *triggerv1.CreateSubscriptionRequest) { r.Subscription.OperationId = inventorytest.Action }, fault.ReasonTriggerNotSupported},
		{"half a second", func(r *triggerv1.CreateSubscriptionRequest) {
			r.Subscription.Interval = durationpb.New(time.Second / 2)
		}, fault.ReasonInvalidArgument},
		{"a sink of no kind", func(r *triggerv1.CreateSubscriptionRequest) { r.Subscription.Sinks = []*triggerv1.Sink{{}} }, fault.ReasonInvalidArgument},
		{"an id with capitals", func(r *triggerv1.CreateSubscriptionRequest) { r.SubscriptionId = "X" }, fault.ReasonInvalidName},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := request("items", inventorytest.Polling)
			tc.change(req)
			_, err := p.client.CreateSubscription(p.ann(), req)
			wantReason(t, err, tc.reason)
		})
	}
	for _, name := range []string{"x", environment + "/subscriptions/X"} {
		_, err := p.client.GetSubscription(p.ann(), &triggerv1.GetSubscriptionRequest{Name: name})
		wantReason(t, err, fault.ReasonInvalidName)
		_, err = p.client.DeleteSubscription(p.ann(), &triggerv1.DeleteSubscriptionRequest{Name: name})
		wantReason(t, err, fault.ReasonInvalidName)
	}
}

func TestTheServiceDoesNotStartWithoutTheKeyOfItsCallbacks(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	p.create("hook", inventorytest.Webhook)
	p.stop()
	env := p.service.env
	if err := os.Remove(filepath.Join(w.dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := New(env, p.service.cfg); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("err = %v", err)
	}
	if err := os.Chmod(filepath.Join(w.dir, keyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(env, p.service.cfg); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("err = %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	var cfg Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	cfg.Flags(flags)
	if err := cfg.Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	for _, tc := range []struct {
		args []string
		want []string // parts of the error; none for none
	}{
		{[]string{"--public-url=https://x.example.com/base/"}, nil},
		{[]string{"--public-url=x.example.com"}, []string{"--public-url"}},
		{[]string{"--public-url=https://a@x.example.com", "--poll-workers=0", "--sink-workers=1025"}, []string{"--public-url", "--poll-workers", "--sink-workers"}},
		{[]string{"--public-url=https://x.example.com?a=b"}, []string{"query"}},
	} {
		var cfg Config
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		cfg.Flags(flags)
		if err := flags.Parse(tc.args); err != nil {
			t.Fatal(err)
		}
		err := cfg.Validate()
		if (err == nil) != (tc.want == nil) {
			t.Errorf("%q: %v", tc.args, err)
		}
		for _, part := range tc.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v does not name %s", tc.args, err, part)
			}
		}
	}
	if got := (Config{PublicURL: "https://x.example.com//"}).base(); got != "https://x.example.com" {
		t.Errorf("a slash at the end remains: %s", got)
	}
	if _, err := New(service.Env{}, Config{}); err == nil {
		t.Error("a service was built with no workers")
	}
}

func TestHowASubscriptionIsPolledIsShownAsItWasGiven(t *testing.T) {
	p := newWorld(t)
	process := p.begin(p.kv)
	req := request("items", inventorytest.Search)
	req.Subscription.Polling = &connectorv1.PollingTrigger{
		Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST, ItemsPath: "items", KeyPath: "id", MaxPages: 4,
		Order: connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST, Report: connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED,
		Cursors: []*connectorv1.PollingCursor{{Parameter: "page", ValuePath: "id", Template: "{value}"}},
	}
	req.Subscription.SuspendAfter, req.Subscription.Split = durationpb.New(time.Hour), triggerv1.Split_SPLIT_WHOLE
	sub, err := process.client.CreateSubscription(p.ann(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(req.GetSubscription().GetPolling(), sub.GetPolling(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if sub.GetSuspendAfter().AsDuration() != time.Hour || sub.GetSplit() != triggerv1.Split_SPLIT_WHOLE || sub.GetFailingSince() != nil || sub.GetNextPollTime() == nil {
		t.Errorf("shown as %v", sub)
	}
	p.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(http.StatusBadGateway, true); return &x }
	})
	failing, err := process.client.CreateSubscription(p.ann(), request("failing", inventorytest.Polling))
	if err != nil || failing.GetFailingSince() == nil || failing.GetState() != triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ERROR {
		t.Errorf("%v, %v", failing, err)
	}
}
