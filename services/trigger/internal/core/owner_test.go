package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// passOn makes the connection one of somebody else, under the same name: the
// service's own calls for anybody else are refused, as the vault does it.
func (r *rig) passOn(to string) {
	r.api.Set(func(a *inventorytest.API) {
		a.Before = func(c core.Call) error {
			if c.Behalf == core.BehalfOfService && c.Owner != "" && c.Owner != to {
				return fault.NotFound(fault.ReasonConnectionNotFound, "connection %q does not exist", c.Connection.ID)
			}
			return nil
		}
	})
}

func TestAConnectionThatSomebodyElseMadeUnderTheSameNameIsNotUsed(t *testing.T) {
	t.Run("for polls", func(t *testing.T) {
		r := newRig(t)
		r.create("items", inventorytest.Polling)
		r.passOn("bob")
		r.api.Add("bobs")
		r.clock.Advance(time.Minute)
		r.fire()
		if state, why := r.get("items").State(); state != core.StateError || why != `connection "shop" does not exist` {
			t.Errorf("state %v %q", state, why)
		}
		r.relay()
		equal(t, "events", r.bus.events(), nil)
	})
	t.Run("for the removal of a webhook", func(t *testing.T) {
		r := newRig(t)
		r.create("hook", inventorytest.Webhook)
		r.passOn("bob")
		if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
			t.Fatal(err)
		}
		if len(r.api.Hooks()) != 1 {
			t.Error("the registration was removed with a stranger's credential")
		}
		if len(r.troubles) != 1 || !strings.Contains(r.troubles[0], "may remain") {
			t.Errorf("the operator was told %q", r.troubles)
		}
	})
}

func TestEveryCallOfOurOwnSaysWhoseTheConnectionMustBe(t *testing.T) {
	for name, owner := range map[string]string{
		"the creator": "ann", "somebody else, whose connection the creator may use": "carol", "nobody, in old records": "",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.connection.Owner = owner
			r.api.Location = func(string) string { return "-" } // so that it is looked for
			r.create("items", inventorytest.Polling)
			r.create("hook", inventorytest.Webhook)
			r.restart(r.kv)
			r.clock.Advance(time.Minute)
			r.fire()
			if err := r.Delete(t.Context(), ann, named("hook")); err != nil {
				t.Fatal(err)
			}
			for _, op := range []string{inventorytest.Polling, inventorytest.Hooks, inventorytest.Unhook} {
				calls := r.api.Calls(op)
				if last := calls[len(calls)-1]; last.Behalf != core.BehalfOfService || last.Owner != owner {
					t.Errorf("%s was called as %+v", op, last)
				}
			}
		})
	}
}
