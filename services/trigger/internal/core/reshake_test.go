package core_test

import (
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// An API that tells a secret in its handshake tells another one with each
// registration.
func TestARegistrationThatIsMadeAnewBringsItsOwnSecretFromItsHandshake(t *testing.T) {
	for _, tc := range []struct {
		name string
		anew func(*rig) error
		fail bool
		// which secrets count afterwards
		first, second bool
	}{
		{name: "changed", anew: func(r *rig) error {
			_, err := r.Update(r.t.Context(), ann, named("hook"), inputTo(`{"a":1}`))
			return err
		}, first: true, second: true},
		{name: "paused and resumed", anew: func(r *rig) error {
			r.pause("hook")
			_, err := r.Resume(r.t.Context(), ann, named("hook"), false)
			return err
		}, first: true, second: true},
		{name: "changed in vain", anew: func(r *rig) error {
			_, err := r.Update(r.t.Context(), ann, named("hook"), inputTo(`{"a":1}`))
			return err
		}, fail: true, first: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.asana()
			hook := core.Subscription{UID: "00000000000000000000000000000001"}
			secret, after := "first", false
			r.api.Set(func(a *inventorytest.API) {
				a.Before = func(c core.Call) error {
					if c.Operation != inventorytest.Open {
						return nil
					}
					if reply, err := r.Ingest(t.Context(), r.post(hook, "{}", "X-Hook-Secret", secret)); err != nil || reply.Status != 200 {
						t.Errorf("the handshake: %+v, %v", reply, err)
					}
					if tc.fail && after {
						return fault.Invalid(fault.ReasonInputInvalid, "not like this")
					}
					return nil
				}
			})
			r.create("hook", inventorytest.Open)
			secret, after = "second", true
			if err := tc.anew(r); (err != nil) != tc.fail {
				t.Fatal(err)
			}
			counts := func(secret string) bool {
				_, err := r.ingest(r.post(hook, "{}", "X-Hook-Signature", macHex(secret, "{}")))
				return err == nil
			}
			if first, second := counts("first"), counts("second"); first != tc.first || second != tc.second {
				t.Errorf("the first counts: %v, the second: %v", first, second)
			}
			r.clock.Advance(25 * time.Hour)
			if !tc.fail && (counts("first") || !counts("second")) {
				t.Error("a day later it is not the second alone")
			}
		})
	}
}
