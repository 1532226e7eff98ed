package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// another is the revision that the connector has after an editor was removed.
const another = "fedcba9876543210fedcba9876543210"

// accepts fails unless the webhook accepts what is signed with a secret, or refuses it.
func (r *rig) accepts(when, secret string, want bool) {
	r.t.Helper()
	r.uids++ // an id of its own
	if _, err := r.ingest(r.signedWith(r.get("hook"), fmt.Sprint(r.uids), secret)); (err == nil) != want {
		r.t.Errorf("%s: %v, want it accepted: %v", when, err, want)
	}
}

// publish gives the connector another revision.
func (r *rig) publish(revision string) {
	r.published = revision
	r.api.Republish(revision)
}

func TestEveryRegistrationHasASecretOfItsOwn(t *testing.T) {
	r := newRig(t)
	i := slices.IndexFunc(r.definition.Operations, func(o *connectorv1.Operation) bool { return o.GetOperationId() == inventorytest.Webhook })
	r.definition.Operations[i].GetTrigger().GetWebhook().Renewal = &connectorv1.WebhookRenewal{Lifetime: durationpb.New(30 * 24 * time.Hour)}
	m := &mortal{rig: r}
	s := r.create("hook", inventorytest.Webhook)
	known := map[string]bool{}
	before := r.api.Hooks()[0].Secret
	for range 3 {
		known[before] = true
		for made := len(r.api.Calls(inventorytest.Webhook)); len(r.api.Calls(inventorytest.Webhook)) == made; {
			m.wake(s) // on most days nothing has changed
		}
		r.settled()
		present := r.api.Hooks()[0].Secret
		if known[present] || len(present) != 64 {
			t.Fatalf("registered again with %q", present)
		}
		r.accepts("the new one", present, true)
		r.accepts("the one before, within a day", before, true)
		r.clock.Advance(core.SignatureOverlap)
		r.accepts("the one before, after a day", before, false)
		r.accepts("the new one, after a day", present, true)
		before = present
	}
}

func TestWhoCouldEditTheConnectorCannotSignForEver(t *testing.T) {
	r := newRig(t)
	m := &mortal{rig: r}
	s := r.create("hook", inventorytest.Webhook)
	taken := r.api.Hooks()[0].Secret // the revision could send it anywhere
	if next := m.wake(s); len(r.api.Calls(inventorytest.Webhook)) != 1 || next.Sub(r.clock.Now()) != 24*time.Hour {
		t.Fatalf("with the same revision it was registered %d times, and is looked at in %v", len(r.api.Calls(inventorytest.Webhook)), next.Sub(r.clock.Now()))
	}
	r.publish(another)
	m.wake(s)
	r.settled()
	hooks := r.api.Hooks()
	if len(hooks) != 1 || hooks[0].Secret == taken {
		t.Fatalf("at the API: %+v", hooks)
	}
	r.accepts("what was under way", taken, true)
	r.clock.Advance(core.SignatureOverlap)
	r.accepts("what is forged later", taken, false)
	r.accepts("what the API signs", hooks[0].Secret, true)
	if got := r.get("hook"); got.Revision != another {
		t.Errorf("it was registered by %s", got.Revision)
	}
	r.restart(r.kv)
	r.accepts("what the API signs, after a restart", hooks[0].Secret, true)
	m.wake(s)
	if n := len(r.api.Calls(inventorytest.Webhook)); n != 2 {
		t.Errorf("it was registered %d times", n)
	}
}

func TestAWebhookThatCannotBeRegisteredAnewStaysAndSaysSo(t *testing.T) {
	m := newMortal(t)
	m.declared.Renewal, m.declared.GetOperationId, m.expires = nil, "", nil
	s := m.create("hook", inventorytest.Webhook)
	m.publish(another)
	m.broken = true
	next := m.wake(s)
	if state, why := m.get("hook").State(); state != core.StateError || !strings.Contains(why, "the connector has changed") || next.Sub(m.clock.Now()) > time.Minute {
		t.Errorf("it is %v: %s, and is tried again in %v", state, why, next.Sub(m.clock.Now()))
	}
	m.accepts("what the API signs", m.keys.Secret(s.UID, 0), true)
	m.broken = false
	m.wake(s)
	if state, why := m.get("hook").State(); state != core.StateActive || m.get("hook").Webhook.SecretOf == 0 {
		t.Errorf("then it is %v: %s", state, why)
	}
}

func TestAWebhookOfBeforeIsLookedAtTooAndKeepsItsSecretUntilThen(t *testing.T) {
	r := newRig(t)
	m := &mortal{rig: r}
	s := r.create("hook", inventorytest.Webhook)
	// As it was stored when all registrations had one secret, and nobody looked.
	_, err := r.store.Alter(t.Context(), s.UID, func(s *core.Subscription) error {
		s.Webhook.Generation, s.Webhook.Generations, s.Webhook.Upkeep = 4, 4, core.Upkeep{}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(r.schedules.due, s.UID)
	r.accepts("the secret of before", r.keys.Secret(s.UID, 0), true)
	if err := r.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due := r.schedules.due[s.UID]; !due.Equal(start.Add(24 * time.Hour)) {
		t.Fatalf("it is looked at at %v", due)
	}
	r.publish(another)
	m.wake(s)
	if got := r.get("hook").Webhook; got.SecretOf != 5 || got.Generation != 5 {
		t.Errorf("it is %+v", got)
	}
}

func TestASecretThatSomebodyHasChosenStays(t *testing.T) {
	r := newRig(t)
	d := draft("hook", inventorytest.Webhook)
	d.Secret = []byte("chosen")
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	if due, ok := r.schedules.due[s.UID]; ok || !s.Webhook.Upkeep.CheckAt.IsZero() {
		t.Errorf("it is looked at at %v", due)
	}
	r.pause("hook")
	r.resume("hook", false)
	if hooks := r.api.Hooks(); len(hooks) != 1 || hooks[0].Secret != "chosen" {
		t.Errorf("at the API: %+v", hooks)
	}
	r.accepts("what it signs", "chosen", true)
}

func TestACrashAtEveryStepOfAnotherSecretLosesNoNotification(t *testing.T) {
	for n := 1; ; n++ {
		r := newRig(t)
		m := &mortal{rig: r}
		s := r.create("hook", inventorytest.Webhook)
		due := r.schedules.due[s.UID]
		r.clock.Advance(due.Sub(r.clock.Now()))
		r.publish(another)
		f := faultkv.New(r.kv)
		r.restart(f)
		f.Crash(faultkv.Any, n)
		_, _ = r.Poll(t.Context(), s.UID, due)
		if !f.Crashed() {
			if n < 5 {
				t.Fatalf("only %d moments to crash at", n)
			}
			return
		}
		t.Run(fmt.Sprint("moment ", n), func(t *testing.T) {
			r.restart(r.kv)
			for _, hook := range r.api.Hooks() { // one, or both
				r.accepts("a registration at the API", hook.Secret, true)
			}
			r.clock.Advance(2 * time.Minute) // whoever was making it is given up
			if _, err := r.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.schedules.due[s.UID] = r.clock.Now()
			m.wake(s)
			r.settled()
			hooks := r.api.Hooks()
			if len(hooks) != 1 || hooks[0].Secret == r.keys.Secret(s.UID, 0) {
				t.Fatalf("at the API: %+v", hooks)
			}
			r.accepts("what the API signs", hooks[0].Secret, true)
			r.clock.Advance(core.SignatureOverlap)
			r.accepts("what the API signs, a day later", hooks[0].Secret, true)
			r.accepts("the secret of before, a day later", r.keys.Secret(s.UID, 0), false)
		})
	}
}
