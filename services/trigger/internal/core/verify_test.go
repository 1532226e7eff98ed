package core_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// declare changes what the connector says about a webhook trigger.
func (r *rig) declare(operation string, change func(*connectorv1.Trigger)) {
	r.definition = inventorytest.Definition()
	for _, op := range r.definition.GetOperations() {
		if op.GetOperationId() == operation {
			change(op.GetTrigger())
		}
	}
}

// signed subscribes to a webhook whose notifications the owner describes.
func (r *rig) signed(rule signature.Rule, secret string) core.Subscription {
	r.t.Helper()
	d := draft("hook", inventorytest.Open)
	d.Signature, d.Secret = &rule, []byte(secret)
	s, err := r.Create(r.t.Context(), ann, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func macHex(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// post is a notification with header fields, given as name and value.
func (r *rig) post(s core.Subscription, body string, fields ...string) core.Notification {
	n := core.Notification{Token: r.keys.Token(s.UID), Method: http.MethodPost, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}
	for i := 0; i < len(fields); i += 2 {
		n.Header.Set(fields[i], fields[i+1])
	}
	return n
}

// stripe is a notification as Stripe signs it at a time.
func (r *rig) stripe(s core.Subscription, secret, body string, at time.Time) core.Notification {
	stamp := fmt.Sprint(at.Unix())
	return r.post(s, body, "Stripe-Signature", "t="+stamp+",v1="+macHex(secret, stamp+"."+body))
}

// Failure mode 21: signatures are those of the raw bytes.
func TestOnlyTheBytesThatWereSignedAreAccepted(t *testing.T) {
	const body = `{"b":1,"a":"é","a":2}`
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "github"}, "s3cret")
	good := "sha256=" + macHex("s3cret", body)
	for name, tc := range map[string]struct {
		body, contentType string
		want              fault.Reason
	}{
		"as it was signed":             {body, "application/json", ""},
		"white space":                  {`{"b":1, "a":"é","a":2}`, "application/json", fault.ReasonWebhookSignatureInvalid},
		"a line break behind":          {body + "\n", "application/json", fault.ReasonWebhookSignatureInvalid},
		"the keys in another order":    {`{"a":"é","a":2,"b":1}`, "application/json", fault.ReasonWebhookSignatureInvalid},
		"doubled keys made one":        {`{"b":1,"a":2}`, "application/json", fault.ReasonWebhookSignatureInvalid},
		"the same text in Latin-1":     {"{\"b\":1,\"a\":\"\xe9\",\"a\":2}", "application/json; charset=iso-8859-1", fault.ReasonWebhookSignatureInvalid},
		"the same text with an escape": {`{"b":1,"a":"\u00e9","a":2}`, "application/json", fault.ReasonWebhookSignatureInvalid},
		"another charset is declared":  {body, "application/json; charset=iso-8859-1", ""},
	} {
		_, err := r.Ingest(t.Context(), r.post(s, tc.body, "X-Hub-Signature-256", good, "Content-Type", tc.contentType))
		if got := fault.ReasonOf(err); got != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Failure mode 22: where no secret is configured, notifications are refused.
func TestWithoutASecretNothingIsAccepted(t *testing.T) {
	hmacRule := &signature.Rule{Scheme: "github"}
	for _, tc := range []struct {
		name   string
		change func(*core.Draft)
		reason fault.Reason
		says   string
	}{
		{"no signature is declared", func(*core.Draft) {}, fault.ReasonWebhookSecretRequired, "declares no signature"},
		{"a rule without a secret", func(d *core.Draft) { d.Signature = hmacRule }, fault.ReasonInvalidArgument, "secret"},
		{"a rule without a secret, unsigned accepted", func(d *core.Draft) { d.Signature, d.UnsignedAccepted = hmacRule, true }, fault.ReasonInvalidArgument, "secret"},
		{"a secret without a rule", func(d *core.Draft) { d.Secret = []byte("s") }, fault.ReasonInvalidArgument, "say in signature"},
		{"an unknown scheme", func(d *core.Draft) { d.Signature, d.Secret = &signature.Rule{Scheme: "rot13"}, []byte("s") }, fault.ReasonInvalidArgument, "rot13"},
		{"a secret of the wrong form", func(d *core.Draft) { d.Signature, d.Secret = &signature.Rule{Scheme: "svix"}, []byte("!") }, fault.ReasonInvalidArgument, "not base64"},
		{"a secret that is too long", func(d *core.Draft) { d.Signature, d.Secret = hmacRule, make([]byte, core.MaxSecret+1) }, fault.ReasonInvalidArgument, "up to 16384"},
		{"a rule that leaves the body open", func(d *core.Draft) {
			d.Signature, d.Secret = &signature.Rule{Scheme: "hmac", Header: "X", Content: "{url}"}, []byte("s")
		}, fault.ReasonInvalidArgument, "does not cover the body"},
		{"a polling trigger", func(d *core.Draft) { d.Operation, d.Secret = inventorytest.Polling, []byte("s") }, fault.ReasonInvalidArgument, "webhooks"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			d := draft("hook", inventorytest.Open)
			tc.change(&d)
			_, err := r.Create(t.Context(), ann, d)
			wantReason(t, err, tc.reason)
			if !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v does not say %q", err, tc.says)
			}
			if len(r.api.Hooks()) > 0 {
				t.Error("it was registered")
			}
		})
	}
	// What was accepted unsigned is so only as long as its owner says it.
	open := newRig(t)
	d := draft("open", inventorytest.Open)
	d.UnsignedAccepted = true
	plain, err := open.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.ingest(open.post(plain, "{}")); err != nil {
		t.Error(err)
	}
	if _, err := open.store.Alter(t.Context(), plain.UID, func(s *core.Subscription) error { s.UnsignedAccepted = false; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = open.ingest(open.post(plain, "{}"))
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
	// One whose secret is told in a handshake accepts nothing before.
	r := newRig(t)
	r.declare(inventorytest.Open, func(tr *connectorv1.Trigger) {
		tr.GetWebhook().Signature = &connectorv1.WebhookSignature{Scheme: "asana"}
	})
	s := r.create("hook", inventorytest.Open)
	for _, given := range []string{macHex("", "{}"), ""} {
		_, err := r.Ingest(t.Context(), r.post(s, "{}", "X-Hook-Signature", given))
		wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
	}
	equal(t, "events", r.bus.events(), nil)
}

// Failure mode 23: what is sent again is dropped as long as it would be accepted,
// and refused afterwards.
func TestReplaysAreDroppedInTheWindowAndRefusedAfterIt(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "slack"}, "s3cret")
	slack := func(body string, at time.Time) core.Notification {
		stamp := fmt.Sprint(at.Unix())
		return r.post(s, body, "X-Slack-Request-Timestamp", stamp, "X-Slack-Signature", "v0="+macHex("s3cret", "v0:"+stamp+":"+body))
	}
	first := slack(`{"n":1}`, start)
	for range 3 {
		if status, err := r.ingest(first); err != nil || status != 200 { // what Slack wants
			t.Fatalf("%d, %v", status, err)
		}
	}
	equal(t, "a replay", r.bus.events(), []string{`{"n":1}`})
	r.clock.Advance(time.Second)
	if _, err := r.ingest(slack(`{"n":1}`, start.Add(time.Second))); err != nil {
		t.Fatal(err)
	}
	equal(t, "the same thing happened twice", r.bus.events(), []string{`{"n":1}`, `{"n":1}`})
	r.clock.Advance(5 * time.Minute)
	_, err := r.Ingest(t.Context(), first)
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
	forged := first
	forged.Header = first.Header.Clone()
	forged.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(r.clock.Now().Unix()))
	_, other := r.Ingest(t.Context(), forged)
	if other == nil || other.Error() == "" || fault.From(other).Message() != fault.From(err).Message() {
		t.Errorf("%v tells more than %v", other, err)
	}
	equal(t, "afterwards", r.bus.events(), []string{`{"n":1}`, `{"n":1}`})
}

// An API that repeats a notification signs it anew: its id is in the body.
func TestRepetitionsWithAnIDInTheBodyAreDropped(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "stripe"}, "whsec_s3cret")
	for n := range 3 {
		if _, err := r.ingest(r.stripe(s, "whsec_s3cret", `{"id":"evt_1","n":1}`, start.Add(time.Duration(n)*time.Second))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ingest(r.stripe(s, "whsec_s3cret", `{"id":"evt_2","n":1}`, start)); err != nil {
		t.Fatal(err)
	}
	equal(t, "events", r.bus.events(), []string{`{"id":"evt_1","n":1}`, `{"id":"evt_2","n":1}`})
}

// Failure mode 23, at the same moment.
func TestTheSameIDTwiceAtTheSameTimeIsOneEvent(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	n := r.notification(s, "evt-1", `{}`)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if reply, err := r.Ingest(t.Context(), n); err != nil || reply.Status != 202 {
				t.Errorf("%d, %v", reply.Status, err)
			}
		})
	}
	all.Wait()
	equal(t, "events", r.bus.events(), []string{"{}"})
}

// Failure mode 24: a secret is replaced without a notification being lost.
func TestTheOldSecretCountsForADay(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "stripe"}, "old")
	accepted := func(secret string) bool {
		r.uids++ // another body each time
		_, err := r.ingest(r.stripe(s, secret, fmt.Sprintf(`{"id":"%d"}`, r.uids), r.clock.Now()))
		if err != nil && fault.ReasonOf(err) != fault.ReasonWebhookSignatureInvalid {
			t.Fatal(err)
		}
		return err == nil
	}
	if !accepted("old") || accepted("new") {
		t.Fatal("before")
	}
	now := r.get("hook")
	if err := r.ReplaceSecret(&now, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Alter(t.Context(), s.UID, func(s *core.Subscription) error { return r.ReplaceSecret(s, []byte("new")) }); err != nil {
		t.Fatal(err)
	}
	if !accepted("old") || !accepted("new") {
		t.Error("while both count")
	}
	r.clock.Advance(core.SignatureOverlap)
	if accepted("old") || !accepted("new") {
		t.Error("afterwards")
	}
	for name, secret := range map[string]string{"none": "", "too long": strings.Repeat("x", core.MaxSecret+1)} {
		if err := r.ReplaceSecret(&now, []byte(secret)); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheOwnersSecretIsSealedAndNeverTold(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "github"}, "correct horse battery staple")
	if s.Secret == nil || strings.Contains(string(s.Secret), "horse") {
		t.Errorf("kept as %q", s.Secret)
	}
	if input := r.api.Calls(inventorytest.Open)[0].Input; strings.Contains(input, "horse") || strings.Contains(input, r.keys.Secret(s.UID, 0)) {
		t.Errorf("the API, which has no place for it, was told %s", input)
	}
}

func TestTheAPIIsToldTheOwnersSecretWhereItHasAPlaceForIt(t *testing.T) {
	r := newRig(t)
	d := draft("hook", inventorytest.Webhook)
	d.Secret = []byte("mine")
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	if input := r.api.Calls(inventorytest.Webhook)[0].Input; !strings.Contains(input, `"secret":"mine"`) {
		t.Errorf("input %s", input)
	}
	n := r.post(s, "{}", "X-Inventory-Signature", "sha256="+macHex("mine", "{}"))
	if status, err := r.ingest(n); err != nil || status != 202 {
		t.Errorf("%d, %v", status, err)
	}
	_, err = r.ingest(r.notification(s, "1", "{}")) // ours
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
}

func TestTheConnectorsPresetIsUsedWithTheOwnersSecret(t *testing.T) {
	r := newRig(t)
	r.declare(inventorytest.Open, func(tr *connectorv1.Trigger) {
		tr.GetWebhook().Signature = &connectorv1.WebhookSignature{Scheme: "shopify"}
	})
	_, err := r.Create(t.Context(), ann, draft("none", inventorytest.Open))
	wantReason(t, err, fault.ReasonWebhookSecretRequired)
	d := draft("hook", inventorytest.Open)
	d.Secret = []byte("hush")
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	// {"n":1} with "hush", computed with OpenSSL
	n := r.post(s, `{"n":1}`, "X-Shopify-Hmac-Sha256", "GyVdxFSZxCs8l8afU6L8cS+RdwmSv63416MdRbgR8xM=", "X-Shopify-Webhook-Id", "1")
	for range 2 {
		if status, err := r.ingest(n); err != nil || status != 200 {
			t.Errorf("%d, %v", status, err)
		}
	}
	equal(t, "events", r.bus.events(), []string{`{"n":1}`})
}

func TestSignedURLsAreTheCallbackURLWhateverTheRequestSays(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "hmac", Header: "X-Sig", Content: "{method} {url} {body}"}, "k")
	url := "https://ferrule.example.com/hooks/" + r.keys.Token(s.UID) + "?a=%20b&a"
	n := r.post(s, "{}", "X-Sig", macHex("k", "POST "+url+" {}"), "Host", "evil.example.com", "X-Forwarded-Host", "evil.example.com")
	n.Query = "a=%20b&a"
	if _, err := r.ingest(n); err != nil {
		t.Error(err)
	}
	n.Query = "a=+b&a"
	_, err := r.ingest(n)
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
}

func TestChangesOfASubscriptionCountAtOnce(t *testing.T) {
	r := newRig(t)
	s := r.signed(signature.Rule{Scheme: "github"}, "s3cret")
	n := r.post(s, "{}", "X-Hub-Signature-256", "sha256="+macHex("s3cret", "{}"))
	if _, err := r.ingest(n); err != nil {
		t.Fatal(err)
	}
	alter := func(change func(*core.Subscription)) {
		t.Helper()
		if _, err := r.store.Alter(t.Context(), s.UID, func(s *core.Subscription) error { change(s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	alter(func(s *core.Subscription) { s.Signature.Header = "X-Other" })
	_, err := r.ingest(n)
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
	alter(func(s *core.Subscription) { s.Signature.Header, s.Paused = "", true })
	if status, err := r.ingest(n); err != nil || status != 202 {
		t.Errorf("paused: %d, %v", status, err)
	}
	n.Body = []byte("[]")
	_, err = r.ingest(n) // also while it is paused nobody else is believed
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)
	n.Body = []byte("{}")
	alter(func(s *core.Subscription) { s.Paused, s.Suspended = false, "why" })
	if status, err := r.ingest(n); err != nil || status != 202 {
		t.Errorf("suspended: %d, %v", status, err)
	}
	if len(r.bus.events()) != 1 {
		t.Errorf("events %q: what is paused or suspended makes none", r.bus.events())
	}
	alter(func(s *core.Subscription) { s.Deleting = true })
	if status, err := r.ingest(n); err != nil || status != http.StatusGone {
		t.Errorf("deleting: %d, %v", status, err)
	}
}
