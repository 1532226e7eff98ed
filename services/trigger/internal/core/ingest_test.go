package core_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestASignedNotificationIsAnEventOnceHoweverOftenItComes(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	body := "{ \"b\": 1,\n \"a\" : 2, \"a\": 3 }" // white space, order, doubled keys: the bytes count
	for range 3 {
		status, err := r.ingest(r.notification(s, "evt-1", body))
		if err != nil || status != http.StatusAccepted {
			t.Fatalf("%d, %v", status, err)
		}
	}
	if _, err := r.Ingest(t.Context(), r.notification(s, "evt-2", body)); err != nil {
		t.Fatal(err)
	}
	equal(t, "events", r.bus.events(), []string{`{"b":1,"a":2,"a":3}`, `{"b":1,"a":2,"a":3}`})
	if r.bus.dropped != 2 {
		t.Errorf("%d repetitions were dropped, want 2", r.bus.dropped)
	}
	if got := r.get("hook").Activity(); !got.Equal(start) {
		t.Errorf("activity %v", got)
	}
}

func TestWithoutAnIDEachAcceptedNotificationIsAnEvent(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	for range 2 {
		if _, err := r.Ingest(t.Context(), r.notification(s, "", `{}`)); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "events", r.bus.events(), []string{"{}", "{}"})
}

func TestEventsThatGoInACircleAreDroppedAfterAFewSinks(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	for _, tc := range []struct {
		hops string
		want int
	}{{"", 202}, {"1", 202}, {"4", 202}, {"5", 508}, {"99", 508}, {"-9", 202}, {"many", 202}} {
		before := len(r.bus.events())
		n := r.notification(s, "", `{}`)
		if tc.hops != "" {
			n.Header.Set(core.HopsHeader, tc.hops)
		}
		reply, err := r.Ingest(t.Context(), n)
		if err != nil || reply.Status != tc.want || len(r.bus.events())-before != 1 && tc.want == 202 || len(r.bus.events()) != before && tc.want == 508 {
			t.Errorf("after %q sinks: %+v, %v", tc.hops, reply, err)
		}
	}
}

func TestWhatIsNotTheAPIsIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*core.Notification)
		reason fault.Reason
	}{
		{"no signature", func(n *core.Notification) { n.Header.Del("X-Inventory-Signature") }, fault.ReasonWebhookSignatureInvalid},
		{"an empty signature", func(n *core.Notification) { n.Header.Set("X-Inventory-Signature", "") }, fault.ReasonWebhookSignatureInvalid},
		{"two signatures", func(n *core.Notification) {
			n.Header.Add("X-Inventory-Signature", n.Header.Get("X-Inventory-Signature"))
		}, fault.ReasonWebhookSignatureInvalid},
		{"a changed body", func(n *core.Notification) { n.Body = append(n.Body, ' ') }, fault.ReasonWebhookSignatureInvalid},
		{"a signature of another subscription", func(n *core.Notification) { n.Header.Set("X-Inventory-Signature", "sha256="+strings.Repeat("00", 32)) }, fault.ReasonWebhookSignatureInvalid},
		{"an unknown token", func(n *core.Notification) { n.Token = strings.Repeat("A", 64) }, fault.ReasonWebhookUnknown},
		{"a changed token", func(n *core.Notification) { n.Token = "B" + n.Token[1:] }, fault.ReasonWebhookUnknown},
		{"an empty token", func(n *core.Notification) { n.Token = "" }, fault.ReasonWebhookUnknown},
		{"header lines beyond the limit together", func(n *core.Notification) {
			for range 64 {
				n.Header.Add("X-A", strings.Repeat("x", 1021)) // 1 KiB each with the name
			}
		}, fault.ReasonWebhookTooLarge},
		{"a body beyond the limit", func(n *core.Notification) { n.Body = make([]byte, core.MaxNotification+1) }, fault.ReasonWebhookTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("hook", inventorytest.Webhook)
			n := r.notification(s, "evt-1", `{"a":1}`)
			tc.change(&n)
			_, err := r.Ingest(t.Context(), n)
			wantReason(t, err, tc.reason)
			equal(t, "events", r.bus.events(), nil)
			if !r.get("hook").Activity().IsZero() {
				t.Error("it counts as activity")
			}
		})
	}
}

func TestBytesThatAreNoTextInHeadersAreNoHindrance(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	n := r.notification(s, "\xff\xfe", `{}`)
	n.Header.Set("X-Unrelated", "caf\xe9")
	n.Header.Set("X-Large", strings.Repeat("x", 63<<10))
	for range 2 {
		if status, err := r.ingest(n); err != nil || status != http.StatusAccepted {
			t.Fatalf("%d, %v", status, err)
		}
	}
	equal(t, "events", r.bus.events(), []string{"{}"}) // the second was dropped by its id
}

func TestATokenOfAPollingSubscriptionIsNoCallback(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Polling)
	_, err := r.Ingest(t.Context(), r.notification(s, "1", "{}"))
	wantReason(t, err, fault.ReasonWebhookUnknown)
}

func TestOnlyPostAndPutAreNotifications(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	for method, want := range map[string]int{"GET": 405, "HEAD": 405, "DELETE": 405, "": 405, "POST": 202, "PUT": 202} {
		n := r.notification(s, method, "{}")
		n.Method = method
		if status, err := r.ingest(n); err != nil || status != want {
			t.Errorf("%q: %d, %v; want %d", method, status, err, want)
		}
	}
}

func TestANotificationIsAcceptedOnlyWhenItsEventIsSafe(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	r.bus.before = func(outbox.Message) error {
		return fault.Unavailable(fault.ReasonServiceUnavailable, "the bus is away")
	}
	_, err := r.Ingest(t.Context(), r.notification(s, "1", "{}"))
	wantReason(t, err, fault.ReasonServiceUnavailable)
	r.bus.before = nil
	// Stored, and the confirmation lost: the API tries again, and it is dropped.
	r.bus.after = func(outbox.Message) error { return errBroken }
	if _, err := r.Ingest(t.Context(), r.notification(s, "1", "{}")); err == nil {
		t.Error("accepted without a confirmation")
	}
	r.bus.after = nil
	if status, err := r.ingest(r.notification(s, "1", "{}")); err != nil || status != 202 {
		t.Errorf("%d, %v", status, err)
	}
	equal(t, "events", r.bus.events(), []string{"{}"})
}

func TestANotificationThatDoesNotFitOnTheBusIsRefused(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	largest := `"` + strings.Repeat("x", core.MaxNotification-2) + `"`
	if status, err := r.ingest(r.notification(s, "1", largest)); err != nil || status != 202 {
		t.Errorf("the largest one: %d, %v", status, err)
	}
	_, err := r.Ingest(t.Context(), r.notification(s, "2", largest+" "))
	wantReason(t, err, fault.ReasonWebhookTooLarge)
	// A server may have a lower limit than ours.
	r.bus.before = func(outbox.Message) error { return fault.Invalid(fault.ReasonInputTooLarge, "too large") }
	_, err = r.Ingest(t.Context(), r.notification(s, "3", largest))
	wantReason(t, err, fault.ReasonWebhookTooLarge)
}

func TestDataIsKeptAsWhatItIs(t *testing.T) {
	for _, tc := range []struct {
		name, contentType, body string
		want                    string // part of the event
	}{
		{"JSON", "application/json; charset=utf-8", `{"a":"<&>"}`, `"datacontenttype":"application/json","subscription":"environments/default/subscriptions/hook","revision":"` + inventorytest.Revision + `","data":{"a":"<&>"}}`},
		{"JSON of a kind of its own", "application/vnd.x+json", `[1]`, `"data":[1]}`},
		{"JSON without a type", "", `1`, `"data":1}`},
		{"text that looks like JSON", "text/plain", `1`, `"datacontenttype":"text/plain"`},
		{"text", "text/plain", `a`, `"data_base64":"YQ=="}`},
		{"JSON that is broken", "application/json", `{`, `"data_base64":"ew=="}`},
		{"JSON that is not UTF-8", "application/json", "\"\xff\"", `"data_base64":"Iv8i"}`},
		{"JSON after a byte order mark", "application/json", "\ufeff{}", `"data":{}}`},
		{"no JSON after a byte order mark", "application/json", "\ufeffx", `"data_base64":"77u/eA=="}`},
		{"text after a byte order mark", "text/plain", "\ufeffa", `"data_base64":"77u/YQ=="}`},
		{"nothing", "", ``, `"datacontenttype":"application/octet-stream"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("hook", inventorytest.Webhook)
			n := r.notification(s, "1", tc.body)
			n.Header.Del("Content-Type")
			if tc.contentType != "" {
				n.Header.Set("Content-Type", tc.contentType)
			}
			if _, err := r.Ingest(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if got := string(r.bus.messages[len(r.bus.messages)-1].Data); !strings.Contains(got, tc.want) {
				t.Errorf("event %s does not hold %s", got, tc.want)
			}
		})
	}
}

func TestAnUnsignedWebhookIsAcceptedWhereThatWasAskedFor(t *testing.T) {
	r := newRig(t)
	d := draft("hook", inventorytest.Open)
	d.UnsignedAccepted = true
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	n := core.Notification{Token: r.keys.Token(s.UID), Method: "POST", Body: []byte("{}"), Header: http.Header{}}
	if status, err := r.ingest(n); err != nil || status != 202 {
		t.Errorf("%d, %v", status, err)
	}
	if strings.Contains(r.api.Calls(inventorytest.Open)[0].Input, r.keys.Secret(s.UID, 0)) {
		t.Error("an API that does not sign was told the secret")
	}
	// An API that signs is verified all the same.
	d = draft("signed", inventorytest.Webhook)
	d.UnsignedAccepted = true
	if s, err = r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	n.Token = r.keys.Token(s.UID)
	_, err = r.Ingest(t.Context(), n)
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
}

func TestTheTimeOfNotificationsOutlivesTheProcessOnceItIsFlushed(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	if _, err := r.Ingest(t.Context(), r.notification(s, "1", "{}")); err != nil {
		t.Fatal(err)
	}
	if err := r.FlushActivity(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.restart(r.kv)
	if got := r.get("hook").Activity(); !got.Equal(start) {
		t.Errorf("activity %v", got)
	}
	list, _, err := r.List(t.Context(), ann, "default", "", 10)
	if err != nil || !list[0].Activity().Equal(start) {
		t.Errorf("listed %v, %v", list, err)
	}
}
