package core_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// TestAWebhookThatIsRegisteredAnewHasTheSuffixesOfThePresentDescription: who describes
// them later need not subscribe again, and what is not described any more ends.
func TestAWebhookThatIsRegisteredAnewHasTheSuffixesOfThePresentDescription(t *testing.T) {
	r := newRig(t)
	m := &mortal{rig: r}
	r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.GetWebhook().CallbackSuffixes = []string{"/old"} })
	s := r.create("hook", inventorytest.Webhook)
	count := 0
	at := func(when, suffix string, want fault.Reason) {
		t.Helper()
		count++
		n := r.notification(r.get("hook"), string(rune('a'+count)), `{"a":1}`)
		n.Suffix = suffix
		if _, err := r.ingest(n); fault.ReasonOf(err) != want {
			t.Errorf("%s at %q: %v, want %q", when, suffix, err, want)
		}
	}
	r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.GetWebhook().CallbackSuffixes = []string{"/new"} })
	at("before", "/old", "")
	at("before", "/new", fault.ReasonWebhookUnknown)

	// The API tries the URL while it registers it, and notifies the old one meanwhile.
	r.api.Set(func(a *inventorytest.API) {
		a.After = func(c core.Call) error {
			if c.Operation == inventorytest.Webhook {
				at("meanwhile", "/new", "")
				at("meanwhile", "/old", "")
			}
			return nil
		}
	})
	r.publish(another)
	m.wake(s)
	r.settled()
	if n := len(r.api.Calls(inventorytest.Webhook)); n != 2 {
		t.Fatalf("registered %d times", n)
	}
	at("after", "/new", "")
	at("after", "/old", fault.ReasonWebhookUnknown)
}
