package trigger

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/protobuf/proto"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// actionSink calls an action of ann's connection.
func actionSink(id, input string) *triggerv1.Sink {
	return &triggerv1.Sink{Id: id, Kind: &triggerv1.Sink_Action{Action: &triggerv1.ActionSink{
		Connection: connection, OperationId: inventorytest.Action, Input: input,
	}}}
}

// createWith subscribes ann to the webhook with sinks.
func (p *process) createWith(id string, sinks ...*triggerv1.Sink) *triggerv1.Subscription {
	p.t.Helper()
	req := request(id, inventorytest.Webhook)
	req.Subscription.Sinks = sinks
	sub, err := p.client.CreateSubscription(p.ann(), req)
	if err != nil {
		p.t.Fatalf("create %s: %v", id, err)
	}
	return sub
}

// accepts lets the API answer calls of the action as the test says.
func (w *world) accepts(answer func(c core.Call) *core.Answer) {
	w.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(c core.Call) *core.Answer {
			if c.Operation != inventorytest.Action {
				return nil
			}
			return answer(c)
		}
	})
}

func TestWhenAnItemIsCreatedInOneAPIOneIsCreatedInAnother(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	w.accepts(func(core.Call) *core.Answer { return &core.Answer{Status: http.StatusCreated, Body: []byte("{}")} })
	sink := actionSink("copy", `{"body": {"name": "Copy of ${event.data.id}", "ref": "${event.data}"}}`)
	sink.Condition = "event.data.id != 'ignored'"
	sink.GetAction().UnknownOutcome = triggerv1.UnknownOutcome_UNKNOWN_OUTCOME_DEAD_LETTER
	if got := p.createWith("hook", sink).GetSinks()[0]; !proto.Equal(got, sink) {
		t.Errorf("the sink is %v, want %v", got, sink)
	}
	for _, id := range []string{"ignored", "new"} {
		if _, err := p.notify(w.api.Hooks()[0], id, item(id)); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Await(t, "the call", func() bool { return len(w.api.Calls(inventorytest.Action)) == 1 })
	call := w.api.Calls(inventorytest.Action)[0]
	if call.Input != `{"body":{"name":"Copy of new","ref":{"id":"new"}}}` || call.Owner != "ann" || call.Behalf != core.BehalfOfService {
		t.Errorf("%+v", call)
	}
}

func TestWhatFailedCanBeLookedAtRepairedAndDeliveredAgain(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	var repaired atomic.Bool
	w.accepts(func(core.Call) *core.Answer {
		if repaired.Load() {
			return &core.Answer{Status: http.StatusCreated}
		}
		return &core.Answer{Status: 400, Refusal: &core.Refusal{Message: "the name is taken"}}
	})
	sub := p.createWith("hook", actionSink("fails", `{"body": {"name": "x"}}`), actionSink("maps", `{"body": {"name": "${event.data.gone}"}}`))
	for _, id := range []string{"1", "2", "3"} {
		if _, err := p.notify(w.api.Hooks()[0], id, item(id)); err != nil {
			t.Fatal(err)
		}
	}
	list := func(req *triggerv1.ListDeliveriesRequest) (all []*triggerv1.Delivery) {
		t.Helper()
		req.Parent = sub.GetName()
		for {
			res, err := p.client.ListDeliveries(p.ann(), req)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, res.GetDeliveries()...)
			if req.PageToken = res.GetNextPageToken(); req.GetPageToken() == "" {
				return all
			}
		}
	}
	dead := triggerv1.DeliveryState_DELIVERY_STATE_DEAD
	testkit.Await(t, "six dead letters", func() bool { return len(list(&triggerv1.ListDeliveriesRequest{State: dead})) == 6 })
	paged := list(&triggerv1.ListDeliveriesRequest{State: dead, PageSize: 4})
	names := map[string]bool{}
	for _, d := range paged {
		names[d.GetName()] = true
	}
	if len(paged) != 6 || len(names) != 6 || !strings.HasPrefix(paged[0].GetName(), sub.GetName()+"/deliveries/") {
		t.Errorf("%d deliveries, %d names: %v", len(paged), len(names), paged)
	}
	ofOne := list(&triggerv1.ListDeliveriesRequest{Sink: "maps", PageSize: 2})
	if len(ofOne) != 3 || !strings.Contains(ofOne[0].GetReason(), "the expression event.data.gone at /body/name") || len(ofOne[0].GetAttempts()) != 1 {
		t.Errorf("%v", ofOne)
	}
	if reason := list(&triggerv1.ListDeliveriesRequest{Sink: "fails"})[0].GetReason(); reason != "the API refused the call: the name is taken" {
		t.Errorf("reason %q", reason)
	}

	repaired.Store(true)
	fails := list(&triggerv1.ListDeliveriesRequest{Sink: "fails"})
	res, err := p.client.RedeliverEvents(p.ann(), &triggerv1.RedeliverEventsRequest{Parent: sub.GetName(), Names: []string{fails[0].GetName()}})
	if err != nil || res.GetDeliveries() != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	res, err = p.client.RedeliverEvents(p.ann(), &triggerv1.RedeliverEventsRequest{Parent: sub.GetName(), Sink: "fails"})
	if err != nil || res.GetDeliveries() != 2 {
		t.Fatalf("%v, %v", res, err)
	}
	delivered := triggerv1.DeliveryState_DELIVERY_STATE_DELIVERED
	testkit.Await(t, "three deliveries", func() bool { return len(list(&triggerv1.ListDeliveriesRequest{State: delivered})) == 3 })
	_, err = p.client.RedeliverEvents(p.ann(), &triggerv1.RedeliverEventsRequest{Parent: sub.GetName(), Names: []string{"environments/default/subscriptions/other/deliveries/a.b"}})
	wantReason(t, err, fault.ReasonInvalidName)
	for _, call := range []func() error{
		func() error {
			_, err := p.client.ListDeliveries(w.as("bob", authn.RoleUser), &triggerv1.ListDeliveriesRequest{Parent: sub.GetName()})
			return err
		},
		func() error {
			_, err := p.client.RedeliverEvents(w.as("bob", authn.RoleUser), &triggerv1.RedeliverEventsRequest{Parent: sub.GetName()})
			return err
		},
	} {
		wantReason(t, call(), fault.ReasonSubscriptionNotFound)
	}
	_, err = p.client.ListDeliveries(p.ann(), &triggerv1.ListDeliveriesRequest{Parent: sub.GetName(), PageToken: "x"})
	wantReason(t, err, fault.ReasonInvalidPageToken)
}

// TestARotationOfASecretIsSeenByNobodyWhoListens: a receiver with the old secret and
// one with the new accept everything within the overlap.
func TestARotationOfASecretIsSeenByNobodyWhoListens(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	var mu sync.Mutex
	var got []string
	secrets := map[string]string{}
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		var by []string
		for name, secret := range secrets {
			receiver, err := standardwebhooks.NewWebhook(secret)
			if err == nil && receiver.Verify(body, r.Header) == nil {
				by = append(by, name)
			}
		}
		slices.Sort(by)
		got = append(got, strings.Join(by, "+"))
	}))
	defer target.Close()
	sub := p.createWith("hook", &triggerv1.Sink{Id: "web", Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: target.URL, Authorization: "Bearer x"}}})
	if h := sub.GetSinks()[0].GetHttp(); h.GetAuthorization() != "" || !h.GetAuthorizationGiven() {
		t.Errorf("the authorization is shown, or was not noted: %v", h)
	}
	know := func(name, secret string) {
		mu.Lock()
		defer mu.Unlock()
		secrets[name] = secret
	}
	send := func(id, want string) {
		t.Helper()
		if _, err := p.notify(w.api.Hooks()[0], id, item(id)); err != nil {
			t.Fatal(err)
		}
		testkit.Await(t, "the delivery", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) > 0 && got[len(got)-1] == want })
	}
	first, err := p.client.GetSinkSecret(p.ann(), &triggerv1.GetSinkSecretRequest{Parent: sub.GetName(), Sink: "web"})
	if err != nil || !strings.HasPrefix(first.GetSecret(), "whsec_") || first.GetPreviousSecret() != "" {
		t.Fatalf("%v", err)
	}
	know("old", first.GetSecret())
	send("1", "old")
	second, err := p.client.RotateSinkSecret(p.ann(), &triggerv1.RotateSinkSecretRequest{Parent: sub.GetName(), Sink: "web"})
	if err != nil || second.GetPreviousSecret() != first.GetSecret() || second.GetPreviousExpireTime() == nil {
		t.Fatalf("%v", err)
	}
	know("new", second.GetSecret())
	send("2", "new+old")
	_, err = p.client.GetSinkSecret(w.as("root", authn.RoleAdmin), &triggerv1.GetSinkSecretRequest{Parent: sub.GetName(), Sink: "web"})
	wantReason(t, err, fault.ReasonPermissionDenied)
}
