package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// notices returns what a witness was told about connections: the types, in the order in
// which they arrived. It fails where the signature is not that of the secret.
func (w *witness) notices(t *testing.T, secret string) (types []string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.seen {
		var e struct{ ID, Type, Source, Subscription string }
		if err := json.Unmarshal([]byte(r.body), &e); err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(r.header.Get("Webhook-Id") + "." + r.header.Get("Webhook-Timestamp") + "." + r.body))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("Webhook-Signature") != want || r.header.Get("Webhook-Id") != e.ID {
			t.Errorf("%s is not signed as Standard Webhooks says: %v", r.body, r.header)
		}
		if e.Source != connectionName("me") || e.Subscription != "environments/default/subscriptions/told" {
			t.Errorf("the notice is of %s for %s", e.Source, e.Subscription)
		}
		types = append(types, e.Type)
	}
	return types
}

// TestOwnersAreToldThatAConnectionHasLostItsAuthorization is the way from the provider
// that withdraws a grant to the endpoint that somebody has named for notices.
func TestOwnersAreToldThatAConnectionHasLostItsAuthorization(t *testing.T) {
	t.Parallel()
	s, w := newStage(t, "CODE", "client_secret_basic", nil), startWitness(t)
	s.signedIn(t, "me", "ann")
	s.do(t, []string{"subscribed told to all notices (active)"}, "subscribe", "--notices", "--id", "told", "--sink",
		`{"id":"ops","orderBy":"event.source","http":{"url":"`+w.url+`/notices"}}`)
	// The sink is an action of the very connection: it waits until somebody signs in again.
	s.do(t, []string{"subscribed again to the notices of me"}, "subscribe", "--notices", "me", "--id", "again", "--action", "me/GetMe", "--when", `event.type.endsWith("needs-authorization")`)
	s.fail(t, 1, []string{"interval", "notices ask no API"}, "subscriptions", "update", "told", "--every", "1m")
	secret := strings.TrimSpace(s.do(t, nil, "sink-secret", "told", "ops"))

	s.idp.control("revoke")
	if status, _ := s.whoAmI(t, "me"); status == 200 {
		t.Fatal("the grant was not withdrawn")
	}
	const needs, authorized = "ferrule.connection.needs-authorization", "ferrule.connection.authorized"
	testkit.Await(t, "the notice", func() bool { return slices.Contains(w.notices(t, secret), needs) })
	s.do(t, []string{needs, connectionName("me")}, "events", "told", "-o", "json")
	s.do(t, []string{"(all)", "(notices)"}, "subscriptions")

	// As long as nobody has signed in, what the action of the connection is told waits.
	delivery := func() *triggerv1.Delivery {
		res := must[*triggerv1.ListDeliveriesResponse](t, "list deliveries")(s.c.trigger.ListDeliveries(t.Context(),
			&triggerv1.ListDeliveriesRequest{Parent: "environments/default/subscriptions/again"}))
		for _, d := range res.GetDeliveries() {
			return d
		}
		return nil
	}
	testkit.Await(t, "an attempt that fails", func() bool { return len(delivery().GetAttempts()) > 0 })
	if state := delivery().GetState(); state != triggerv1.DeliveryState_DELIVERY_STATE_PENDING {
		t.Errorf("the delivery to the connection itself is %v", state)
	}
	auth, b := s.start(t, "me"), newBrowser(t)
	b.signIn(auth.GetAuthorizationUrl(), "ann", nil)
	must[*vaultv1.Authorization](t, "sign in again")(s.complete(t, auth.GetName(), b.confirmation()))
	awaitLonger(t, "the delivery to the connection itself", func() bool {
		return delivery().GetState() == triggerv1.DeliveryState_DELIVERY_STATE_DELIVERED
	})
	testkit.Await(t, "the second notice", func() bool { return slices.Contains(w.notices(t, secret), authorized) })
	if got := w.notices(t, secret); slices.Index(got, needs) > slices.Index(got, authorized) {
		t.Errorf("told in this order: %q", got)
	}
	s.do(t, []string{"2 events will be sent again"}, "events", "replay", "told", "--from", "1h")
	testkit.Await(t, "both again", func() bool { return len(w.notices(t, secret)) >= 4 })
}
