package core_test

import (
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// answer makes the API answer polls with a body.
func (r *rig) answer(body string) {
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(core.Call) *core.Answer {
			return &core.Answer{Status: 200, Body: []byte(body), Revision: inventorytest.Revision}
		}
	})
}

// republish makes the connection use a revision with other rules.
func (r *rig) republish(revision, items, key string) {
	def := inventorytest.Definition()
	p := def.GetOperations()[0].GetTrigger().GetPolling()
	p.ItemsPath, p.KeyPath, p.Order = items, key, connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST
	r.definition = def
	r.api.Republish(revision)
}

func TestWhenTheRulesChangeOldItemsStayOld(t *testing.T) {
	const (
		a, b, c = `{"id":"a","n":1}`, `{"id":"b","n":2}`, `{"id":"c","n":3}`
		d       = `{"id":"d","n":4}`
	)
	for _, tc := range []struct {
		name          string
		items, key    string // the new rules
		before, after string // the answers before and after the change
		later         string // one more
		want          []string
	}{
		{
			name: "another key", items: "items", key: "n",
			before: `{"items":[` + a + `,` + b + `]}`, after: `{"items":[` + a + `,` + b + `,` + c + `]}`,
			later: `{"items":[` + a + `,` + b + `,` + c + `,` + d + `]}`, want: []string{c, d},
		},
		{
			name: "no key any more", items: "items", key: "",
			before: `{"items":[` + a + `,` + b + `]}`, after: `{"items":[` + a + `,` + b + `]}`,
			later: `{"items":[` + a + `,{"id":"b","n":9}]}`, want: []string{`{"id":"b","n":9}`},
		},
		{
			name: "a list that has moved", items: "data.list", key: "id",
			before: `{"items":[` + a + `,` + b + `]}`, after: `{"data":{"list":[` + a + `,` + b + `,` + c + `]}}`,
			later: `{"data":{"list":[` + b + `,` + c + `,` + d + `]}}`, want: []string{c, d},
		},
		{
			name: "a list that has moved, and another key", items: "data", key: "n",
			before: `{"items":[` + a + `,` + b + `]}`, after: `{"data":[` + a + `,` + b + `]}`,
			later: `{"data":[` + a + `,` + b + `,` + c + `]}`, want: []string{c},
		},
		{
			name: "another list beside the old one", items: "others", key: "id",
			before: `{"items":[` + a + `],"others":[` + b + `,` + c + `]}`, after: `{"items":[` + a + `],"others":[` + b + `,` + c + `]}`,
			later: `{"items":[` + a + `],"others":[` + b + `,` + c + `,` + d + `]}`, want: []string{d},
		},
		{
			name: "another order only", items: "items", key: "id",
			before: `{"items":[` + a + `]}`, after: `{"items":[` + a + `,` + b + `]}`,
			later: `{"items":[` + a + `,` + b + `]}`, want: []string{b},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.answer(tc.before)
			r.create("items", inventorytest.Polling)
			r.republish("second", tc.items, tc.key)
			for _, body := range []string{tc.after, tc.later, tc.later} {
				r.answer(body)
				r.clock.Advance(time.Minute)
				r.fire()
			}
			r.relay()
			equal(t, "events", r.bus.events(), tc.want)
			if got := r.get("items").Polling.Cursor; got.Rules.Items != tc.items || got.Rules.Key != tc.key || got.Failures != 0 {
				t.Errorf("cursor %+v", got)
			}
		})
	}
}

func TestAnAnswerWithoutItsListIsNoBaseline(t *testing.T) {
	for name, body := range map[string]string{"an empty object": `{}`, "null": `null`, "no body": ``} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.answer(body)
			s := r.create("items", inventorytest.Polling)
			if state, why := s.State(); state != core.StateError || !strings.Contains(why, `nothing at "items"`) {
				t.Fatalf("state %v %q", state, why)
			}
			r.answer(`{"items":[{"id":"a"},{"id":"b"}]}`)
			r.clock.Advance(time.Minute)
			r.fire() // this is the baseline
			r.answer(`{"items":[{"id":"c"},{"id":"a"}]}`)
			r.clock.Advance(time.Minute)
			r.fire()
			// It has shown its list: from now on one that is left out is empty.
			r.answer(body)
			r.clock.Advance(time.Minute)
			r.fire()
			if state, why := r.get("items").State(); state != core.StateActive {
				t.Errorf("state %v %q", state, why)
			}
			r.relay()
			equal(t, "events", r.bus.events(), []string{item("c")})
		})
	}
}

func TestAListThatIsThereAndEmptyIsABaseline(t *testing.T) {
	for name, body := range map[string]string{"an empty list": `{"items":[]}`, "null in its place": `{"items": null }`} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.answer(body)
			if state, why := r.create("items", inventorytest.Polling).State(); state != core.StateActive {
				t.Fatalf("state %v %q", state, why)
			}
			r.answer(`{"items":[{"id":"a"}]}`)
			r.clock.Advance(time.Minute)
			r.fire()
			r.relay()
			equal(t, "events", r.bus.events(), []string{item("a")})
		})
	}
}
