package core_test

import (
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// validation is the question of Microsoft Graph.
func (r *rig) validation(s core.Subscription) core.Notification {
	n := r.post(s, "")
	n.Query = "validationToken=a%3Cb%3E"
	return n
}

func TestAHandshakeIsAnsweredOnlyWhereTheSubscriptionNamesIt(t *testing.T) {
	r := newRig(t)
	s := r.create("plain", inventorytest.Webhook)
	if _, err := r.Ingest(t.Context(), r.validation(s)); fault.ReasonOf(err) != fault.ReasonWebhookSignatureInvalid {
		t.Errorf("a handshake that it does not name: %v", err)
	}
	r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.GetWebhook().Handshakes = []string{"microsoft-graph"} })
	s = r.create("graph", inventorytest.Webhook)
	reply, err := r.Ingest(t.Context(), r.validation(s))
	defer func() { // what is being removed begins nothing
		if _, err := r.store.Alter(t.Context(), s.UID, func(s *core.Subscription) error { s.Deleting = true; return nil }); err != nil {
			t.Fatal(err)
		}
		if status, err := r.ingest(r.validation(s)); err != nil || status != http.StatusGone {
			t.Errorf("while it is removed: %d, %v", status, err)
		}
	}()
	if err != nil || reply.Status != 200 || string(reply.Body) != "a<b>" || reply.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%+v, %v", reply, err)
	}
	unknown := r.validation(s)
	unknown.Token = strings.Repeat("A", 64)
	_, err = r.Ingest(t.Context(), unknown)
	wantReason(t, err, fault.ReasonWebhookUnknown)
	equal(t, "events", r.bus.events(), nil)
	if !r.get("graph").Activity().IsZero() {
		t.Error("a handshake is no activity")
	}
}

func TestATriggerWithAHandshakeThatNobodyKnowsIsRefused(t *testing.T) {
	r := newRig(t)
	r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.GetWebhook().Handshakes = []string{"secret"} })
	_, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
	wantReason(t, err, fault.ReasonTriggerNotSupported)
}

func TestASignedHandshakeIsVerifiedFirst(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "zoom"}, "s3cret")
	const body = `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`
	zoom := func(secret string) core.Notification {
		return r.post(s, body, "X-Zm-Request-Timestamp", "1772366400", "X-Zm-Signature", "v0="+macHex(secret, "v0:1772366400:"+body))
	}
	_, err := r.Ingest(t.Context(), zoom("guess"))
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
	reply, err := r.Ingest(t.Context(), zoom("s3cret"))
	if want := `{"encryptedToken":"` + macHex("s3cret", "abc") + `","plainToken":"abc"}`; err != nil || reply.Status != 200 || string(reply.Body) != want {
		t.Errorf("%d %s, %v; want %s", reply.Status, reply.Body, err, want)
	}
	equal(t, "events", r.bus.events(), nil)
}

func TestTheVerifyTokenIsThatOfTheCallback(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "meta"}, "s3cret")
	ask := core.Notification{Token: r.keys.Token(s.UID), Method: http.MethodGet, Header: http.Header{}}
	for token, want := range map[string]int{r.keys.Token(s.UID): 200, r.keys.Secret(s.UID, 0): 200, "x": 403, "": 403, "s3cret": 403} {
		ask.Query = "hub.mode=subscribe&hub.challenge=42&hub.verify_token=" + token
		reply, err := r.Ingest(t.Context(), ask)
		if err != nil || reply.Status != want || (want == 200) != (string(reply.Body) == "42") {
			t.Errorf("%q: %+v, %v", token, reply, err)
		}
	}
}

// asana is a subscription whose API tells its secret while it is being registered.
func (r *rig) asana() {
	r.declare(inventorytest.Open, func(tr *connectorv1.Trigger) {
		tr.GetWebhook().Signature = &connectorv1.WebhookSignature{Scheme: "asana"}
	})
}

func TestASecretThatIsToldInTheHandshakeCountsFromThenOn(t *testing.T) {
	r := newRig(t)
	r.asana()
	told := func(secret string) core.Notification {
		s := core.Subscription{UID: "00000000000000000000000000000001"}
		return r.post(s, "{}", "X-Hook-Secret", secret)
	}
	r.api.Set(func(a *inventorytest.API) { // it asks while it is being called
		a.Before = func(c core.Call) error {
			if c.Operation == inventorytest.Open {
				for _, secret := range []string{"first", "second"} { // it was impatient
					if reply, err := r.Ingest(t.Context(), told(secret)); err != nil || reply.Status != 200 || reply.Header.Get("X-Hook-Secret") != secret {
						t.Errorf("%+v, %v", reply, err)
					}
				}
			}
			return nil
		}
	})
	s := r.create("hook", inventorytest.Open)
	for secret, want := range map[string]int{"first": 409, "second": 200, "other": 409} {
		if status, err := r.ingest(told(secret)); err != nil || status != want {
			t.Errorf("told %q afterwards: %d, %v; want %d", secret, status, err, want)
		}
	}
	for secret, want := range map[string]fault.Reason{"first": fault.ReasonWebhookSignatureInvalid, "second": "", "other": fault.ReasonWebhookSignatureInvalid} {
		_, err := r.ingest(r.post(s, "{}", "X-Hook-Signature", macHex(secret, "{}")))
		if got := fault.ReasonOf(err); got != want {
			t.Errorf("signed with %q: %v", secret, err)
		}
	}
	if r.PendingToken(r.get("hook")) != "" {
		t.Error("nobody has to enter it")
	}
}

func TestASecretThatCouldNotBeStoredIsNotConfirmed(t *testing.T) {
	for step := 1; ; step++ {
		r := newRig(t)
		r.asana()
		s := r.create("hook", inventorytest.Open)
		broken := faultkv.New(r.kv)
		r.restart(broken)
		broken.Crash(faultkv.Any, step)
		_, err := r.Ingest(t.Context(), r.post(s, "{}", "X-Hook-Secret", "told"))
		r.restart(r.kv)
		kept := r.get("hook").Secret != nil
		if err == nil && !kept {
			t.Fatalf("step %d: confirmed, and not kept", step)
		}
		if reply, again := r.Ingest(t.Context(), r.post(s, "{}", "X-Hook-Secret", "told")); again != nil || reply.Status != 200 {
			t.Fatalf("step %d: asked again: %+v, %v", step, reply, again)
		}
		if err == nil {
			if step == 1 {
				t.Fatal("nothing failed")
			}
			return
		}
	}
}

func TestATokenThatAPersonHasToEnterIsShownUntilItWasEntered(t *testing.T) {
	r := newRig(t)
	r.declare(inventorytest.Open, func(tr *connectorv1.Trigger) {
		tr.GetWebhook().CallbackPointer = ""
		tr.GetWebhook().Registration = connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL
		tr.GetWebhook().Signature = &connectorv1.WebhookSignature{Scheme: "notion"}
	})
	s := r.create("hook", inventorytest.Open)
	if got := r.PendingToken(r.get("hook")); got != "" {
		t.Errorf("before: %q", got)
	}
	if status, err := r.ingest(r.post(s, `{"verification_token":"secret_abc"}`)); err != nil || status != 200 {
		t.Fatalf("%d, %v", status, err)
	}
	if got := r.PendingToken(r.get("hook")); got != "secret_abc" {
		t.Errorf("then: %q", got)
	}
	if _, err := r.ingest(r.post(s, `{"id":"1"}`, "X-Notion-Signature", "sha256="+macHex("secret_abc", `{"id":"1"}`))); err != nil {
		t.Fatal(err)
	}
	if got := r.PendingToken(r.get("hook")); got != "" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestAHubIsToldThatTheEndIsWantedOnceItIs(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "websub"}, "s3cret")
	ask := core.Notification{Token: r.keys.Token(s.UID), Method: http.MethodGet, Header: http.Header{}, Query: "hub.mode=unsubscribe&hub.topic=t&hub.challenge=42"}
	if status, err := r.ingest(ask); err != nil || status != 404 {
		t.Errorf("%d, %v", status, err)
	}
	if _, err := r.store.Alter(t.Context(), s.UID, func(s *core.Subscription) error { s.Deleting = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if reply, err := r.Ingest(t.Context(), ask); err != nil || reply.Status != 200 || string(reply.Body) != "42" {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestAnAPIBeginsItsHandshakeAlsoWhereNothingIsVerified(t *testing.T) {
	r := newRig(t)
	r.declare(inventorytest.Open, func(tr *connectorv1.Trigger) {
		tr.GetWebhook().Signature = &connectorv1.WebhookSignature{Scheme: "slack"}
	})
	d := draft("hook", inventorytest.Open)
	d.UnsignedAccepted = true
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := r.Ingest(t.Context(), r.post(s, `{"type":"url_verification","challenge":"abc"}`))
	if err != nil || reply.Status != 200 || string(reply.Body) != "abc" {
		t.Errorf("%+v, %v", reply, err)
	}
	if status, err := r.ingest(r.post(s, `{"n":1}`)); err != nil || status != 202 {
		t.Errorf("%d, %v", status, err)
	}
	equal(t, "events", r.bus.events(), []string{`{"n":1}`})
}
