package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// zoomed is a notification as Zoom signs it just now.
func (p *process) zoomed(token, secret, body string) *triggerv1.IngestWebhookRequest {
	stamp := fmt.Sprint(clock.System().Now().Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + stamp + ":" + body))
	return &triggerv1.IngestWebhookRequest{Token: token, Method: http.MethodPost, Body: []byte(body), Headers: []*triggerv1.WebhookHeader{
		{Name: "X-Zm-Request-Timestamp", Value: []byte(stamp)},
		{Name: "X-Zm-Signature", Value: []byte("v0=" + hex.EncodeToString(mac.Sum(nil)))},
		{Name: "Content-Type", Value: []byte("application/json")},
	}}
}

func TestAnOwnersSignatureSecretAndItsHandshake(t *testing.T) {
	const secret = "correct horse battery staple"
	w := newWorld(t)
	p := w.begin(w.kv)
	req := request("zoom", inventorytest.Open)
	req.Subscription.Signature = &connectorv1.WebhookSignature{Scheme: "zoom"}
	_, err := p.client.CreateSubscription(p.ann(), req)
	wantReason(t, err, fault.ReasonInvalidArgument) // without its secret
	req.Subscription.Secret = secret
	sub, err := p.client.CreateSubscription(p.ann(), req)
	if err != nil {
		t.Fatal(err)
	}
	if sub.GetSignature().GetScheme() != "zoom" || !sub.GetSecretGiven() || strings.Contains(sub.String(), "horse") {
		t.Errorf("created %v", sub)
	}
	token := path.Base(w.api.Hooks()[0].CallbackURL)
	_, err = p.gateway.IngestWebhook(t.Context(), p.zoomed(token, "guess", `{"n":1}`))
	wantReason(t, err, fault.ReasonWebhookSignatureInvalid)

	asked := p.zoomed(token, secret, `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`)
	res, err := p.gateway.IngestWebhook(t.Context(), asked)
	if err != nil || res.GetStatusCode() != 200 || !strings.HasPrefix(string(res.GetBody()), `{"encryptedToken":"`) {
		t.Fatalf("the handshake: %v, %v", res, err)
	}
	headers := map[string]string{}
	for _, h := range res.GetHeaders() {
		headers[h.GetName()] = string(h.GetValue())
	}
	if headers["Content-Type"] != "application/json" || headers["X-Content-Type-Options"] != "nosniff" {
		t.Errorf("headers %v", headers)
	}
	again := p.zoomed(token, secret, `{"n":1}`)
	for range 2 { // on the real bus too, a replay is dropped
		if res, err = p.gateway.IngestWebhook(t.Context(), again); err != nil || res.GetStatusCode() != 200 {
			t.Fatalf("%v, %v", res, err)
		}
	}
	equal(t, "events", p.events(sub.GetName()), []string{`{"n":1}`})
	stored, err := p.client.GetSubscription(p.ann(), &triggerv1.GetSubscriptionRequest{Name: sub.GetName()})
	if err != nil || stored.GetSecret() != "" || !stored.GetSecretGiven() {
		t.Errorf("%v, %v", stored, err)
	}
}
