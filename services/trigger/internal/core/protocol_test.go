package core_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// ways are subscriptions that poll in every way there is. The same stories are told
// of all.
func ways() map[string]core.Draft {
	given := draft("items", inventorytest.Search)
	given.Polling = &connectorv1.PollingTrigger{
		ItemsPath: "items", KeyPath: "id", Order: connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST,
	}
	return map[string]core.Draft{
		"a list":                     draft("items", inventorytest.Polling),
		"links of the API":           draft("items", inventorytest.Native),
		"a list with a cursor":       draft("items", inventorytest.Numbered),
		"an action with given rules": given,
	}
}

// everyWay tells a story of every way to poll.
func everyWay(t *testing.T, story func(t *testing.T, r *rig, d core.Draft)) {
	t.Helper()
	for name, d := range ways() {
		t.Run(name, func(t *testing.T) { story(t, newRig(t), d) })
	}
}

// subscribe makes ann's subscription.
func (r *rig) subscribe(d core.Draft) core.Subscription {
	r.t.Helper()
	s, err := r.Create(r.t.Context(), ann, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// minute lets a minute pass, polls what is due and relays.
func (r *rig) minute() {
	r.t.Helper()
	r.clock.Advance(time.Minute)
	r.fire()
	r.relay()
}

func TestInEveryWayOldIsNoEventAndNewIsOneEachInOrder(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		if state, why := r.subscribe(d).State(); state != core.StateActive || why != "" {
			t.Fatalf("state %v %q", state, why)
		}
		r.minute()
		r.api.Add("c", "d", "e") // more than a page
		r.minute()
		r.minute()
		r.api.Add("f")
		r.minute()
		r.minute()
		equal(t, "events", r.bus.events(), []string{item("c"), item("d"), item("e"), item("f")})
	})
}

func TestInEveryWayAnEmptyFirstAnswerIsABaseline(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		r.api = inventorytest.New()
		r.restart(r.kv)
		r.subscribe(d)
		r.minute()
		r.api.Add("a")
		r.minute()
		r.api.Add("b")
		r.minute()
		equal(t, "events", r.bus.events(), []string{item("a"), item("b")})
	})
}

func TestInEveryWayAFailureKeepsWhatIsKnown(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusBadGateway} {
		everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
			r.subscribe(d)
			before := r.get("items").Polling.Cursor
			r.api.Add("c")
			r.api.Set(func(a *inventorytest.API) {
				a.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(status, false); return &x }
			})
			r.minute()
			after := r.get("items").Polling.Cursor
			if state := r.state("items"); state != core.StateError || after.State != before.State || !after.FailingSince.Equal(r.clock.Now()) {
				t.Fatalf("state %v, cursor %+v", state, after)
			}
			r.api.Set(func(a *inventorytest.API) { a.Refuse = nil })
			r.minute()
			equal(t, "events", r.bus.events(), []string{item("c")})
			if got := r.get("items").Polling.Cursor; got.Failures != 0 || !got.FailingSince.IsZero() {
				t.Errorf("cursor %+v", got)
			}
		})
	}
}

func TestInEveryWayTheAPIItselfIsAskedAndNoEarlierAnswerOfIt(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		r.subscribe(d)
		r.minute()
		for _, c := range r.api.Calls(d.Operation) {
			if !c.Fresh {
				t.Errorf("call %+v", c)
			}
		}
	})
}

// Failure mode 18: editing, republishing and importing anew keep what is known, and
// one poller is enough.
func TestInEveryWayANewRevisionKeepsWhatIsKnown(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		r.subscribe(d)
		r.api.Add("c")
		r.api.Republish("second")
		r.minute()
		r.api.Republish("third")
		r.api.Add("d")
		r.minute()
		r.minute()
		equal(t, "events", r.bus.events(), []string{item("c"), item("d")})
		if len(r.schedules.due) != 1 {
			t.Errorf("%d schedules", len(r.schedules.due))
		}
		if got := r.get("items").Polling.Cursor.Revision; got != "third" {
			t.Errorf("revision %q", got)
		}
	})
}

// Failure mode 19: inactive means inactive.
func TestInEveryWayASubscriptionThatIsPausedOrSuspendedIsNotPolled(t *testing.T) {
	for name, change := range map[string]func(*core.Subscription){
		"paused":    func(s *core.Subscription) { s.Paused = true },
		"suspended": func(s *core.Subscription) { s.Suspended = "why" },
	} {
		everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
			s := r.subscribe(d)
			r.api.Add("c")
			r.clock.Advance(time.Minute)
			asked := false
			r.api.Set(func(a *inventorytest.API) {
				a.After = func(core.Call) error { // while a poll is under way
					asked = true
					_, err := r.store.Alter(t.Context(), s.UID, func(s *core.Subscription) error { change(s); return nil })
					return err
				}
			})
			r.fire()
			r.relay()
			if !asked || len(r.schedules.due) != 0 || len(r.bus.events()) != 0 {
				t.Fatalf("%s: asked %v, schedules %v, events %q", name, asked, r.schedules.due, r.bus.events())
			}
			r.api.Set(func(a *inventorytest.API) { a.After = nil })
			calls := len(r.api.Calls(d.Operation))
			next, err := r.Poll(t.Context(), s.UID, r.clock.Now().Add(time.Hour))
			if err := r.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err != nil || !next.IsZero() || len(r.schedules.due) != 0 || len(r.api.Calls(d.Operation)) != calls {
				t.Fatalf("%s: next %v, %v, schedules %v", name, next, err, r.schedules.due)
			}
			// What the poll under way has seen is found by the next one.
			s, err = r.store.AlterPolling(t.Context(), s.UID, func(s *core.Subscription) error {
				s.Paused, s.Suspended = false, ""
				s.Polling.Cursor = s.Polling.Cursor.Resumed(r.clock.Now())
				return nil
			})
			if err != nil || r.schedules.Put(t.Context(), s.UID, s.Polling.Cursor.Next) != nil {
				t.Fatal(err)
			}
			r.minute()
			equal(t, "events", r.bus.events(), []string{item("c")})
		})
	}
}

// Failure mode 26: whatever happened while this service was off, for however long, is
// found by the first poll after it.
func TestInEveryWayWhatHappenedInALongDowntimeIsFound(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		r.subscribe(d)
		r.clock.Advance(30 * 24 * time.Hour)
		r.api.Add("c", "d", "e", "f")
		r.restart(r.kv)
		r.fire()
		r.relay()
		equal(t, "events", r.bus.events(), []string{item("c"), item("d"), item("e"), item("f")})
		if calls := r.get("items").Polling.Cursor.Version; calls != 2 {
			t.Errorf("%d polls: what was missed fires once", calls)
		}
	})
}

// Failure mode 20: two replicas, one schedule, one poll that counts.
func TestInEveryWayTwoPollsAtTheSameTimeMakeEachEventOnce(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		s := r.subscribe(d)
		r.api.Add("c")
		r.clock.Advance(time.Minute)
		other := &rig{}
		*other = *r
		other.api = inventorytest.New("a", "b", "c")
		other.restart(r.kv)
		var inner time.Time
		r.api.Set(func(a *inventorytest.API) {
			a.After = func(core.Call) (err error) {
				inner, err = other.Poll(t.Context(), s.UID, r.clock.Now())
				return err
			}
		})
		outer, err := r.Poll(t.Context(), s.UID, r.clock.Now())
		if err != nil || inner.IsZero() || !outer.Equal(inner) {
			t.Fatalf("the slower poll says %v, the faster one %v, %v", outer, inner, err)
		}
		r.relay()
		equal(t, "events", r.bus.events(), []string{item("c")})
	})
}

func TestInEveryWayABatchCanBeOneEvent(t *testing.T) {
	everyWay(t, func(t *testing.T, r *rig, d core.Draft) {
		d.Split = core.SplitWhole
		r.subscribe(d)
		r.minute()
		r.api.Add("c", "d")
		r.minute()
		r.minute()
		want := "[" + item("c") + "," + item("d") + "]"
		if d.Operation == inventorytest.Native {
			want = `{"items":` + want + `}` // the API's answer, which holds nothing else
		}
		equal(t, "events", r.bus.events(), []string{want})
	})
}

func TestRulesThatCannotBeUsedAreRefusedAndTheFieldIsNamed(t *testing.T) {
	type polling = connectorv1.PollingTrigger
	for _, tc := range []struct {
		name      string
		operation string
		rules     *polling
		says      string
	}{
		{"another protocol", inventorytest.Search, &polling{Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE}, "polling.protocol must be LIST"},
		{"a poke", inventorytest.Search, &polling{NotificationOperationId: "x"}, "polling.notification_operation_id"},
		{"two dots", inventorytest.Search, &polling{ItemsPath: "a..b"}, "polling.items_path"},
		{"a dot at the end", inventorytest.Search, &polling{KeyPath: "a."}, "polling.key_path"},
		{"a path of another language", inventorytest.Search, &polling{KeyPath: "$.a"}, "polling.key_path"},
		{"an index", inventorytest.Search, &polling{KeyPath: "a[0]"}, "polling.key_path"},
		{"a pointer", inventorytest.Search, &polling{ItemsPath: "/a/b"}, "polling.items_path"},
		{"a path without end", inventorytest.Search, &polling{ItemsPath: strings.Repeat("a", 600)}, "polling.items_path"},
		{"a version without changes", inventorytest.Search, &polling{VersionPath: "v"}, "polling.version_path"},
		{"changes without a key", inventorytest.Search, &polling{Report: connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED}, "polling.key_path"},
		{"an order that is not known", inventorytest.Search, &polling{Order: 9}, "polling.order"},
		{"a report that is not known", inventorytest.Search, &polling{Report: 9}, "polling.report"},
		{"too many pages", inventorytest.Search, &polling{MaxPages: 101}, "polling.max_pages"},
		{"fewer than no pages", inventorytest.Search, &polling{MaxPages: -1}, "polling.max_pages"},
		{"an input that does not exist", inventorytest.Search, &polling{Cursors: []*connectorv1.PollingCursor{{Parameter: "nothing", ValuePath: "id"}}}, "polling.cursors[0].parameter"},
		{"a template without a place", inventorytest.Search, &polling{Cursors: []*connectorv1.PollingCursor{{Parameter: "page", ValuePath: "id", Template: "x"}}}, "polling.cursors[0].template"},
		{"a value of the answer from nowhere", inventorytest.Search, &polling{Cursors: []*connectorv1.PollingCursor{{Parameter: "query.page", Value: connectorv1.CursorValue_CURSOR_VALUE_ANSWER}}}, "polling.cursors[0].value_path"},
		{"a value that is not known", inventorytest.Search, &polling{Cursors: []*connectorv1.PollingCursor{{Parameter: "page", Value: 9}}}, "polling.cursors[0].value is"},
		{"too many cursors", inventorytest.Search, &polling{Cursors: make([]*connectorv1.PollingCursor, 9)}, "polling.cursors"},
		{"a webhook", inventorytest.Webhook, &polling{}, "webhook"},
		{"what changes something", inventorytest.Action, &polling{ItemsPath: "items"}, "x-ferrule-safety"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", tc.operation)
			d.Polling = tc.rules
			_, err := r.Create(t.Context(), ann, d)
			wantReason(t, err, fault.ReasonInvalidArgument)
			if !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want %q", err, tc.says)
			}
			if calls := r.api.Calls(tc.operation); len(calls) != 0 {
				t.Error("the API was asked")
			}
		})
	}
	t.Run("a POST that only reads, by its connector", func(t *testing.T) {
		r := newRig(t)
		operation := r.definition.GetOperations()[slices.IndexFunc(r.definition.GetOperations(), func(op *connectorv1.Operation) bool {
			return op.GetOperationId() == inventorytest.Action
		})]
		operation.Safety = &connectorv1.Safety{Safe: true}
		r.answer(`{"items":[]}`)
		d := draft("items", inventorytest.Action)
		d.Polling = &polling{ItemsPath: "items"}
		if _, err := r.Create(t.Context(), ann, d); err != nil {
			t.Error(err)
		}
	})
	r := newRig(t)
	d := draft("items", "Nothing")
	d.Polling = &polling{}
	_, err := r.Create(t.Context(), ann, d)
	wantReason(t, err, fault.ReasonOperationNotFound)
}
