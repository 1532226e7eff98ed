package core_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestABatchIsOneEventForEachElementUnlessItIsWantedWhole(t *testing.T) {
	for _, tc := range []struct {
		name, items string
		split       core.Split
		body        string
		want        []string
	}{
		{"a list at a path", "data.list", core.SplitItems, `{"data":{"list":[{"a":1},{"a":1},2,null]}}`, []string{`{"a":1}`, `{"a":1}`, `2`, `null`}},
		{"the body is the list", "", core.SplitItems, `[{"a":1},{"a":2}]`, []string{`{"a":1}`, `{"a":2}`}},
		{"an empty list", "data", core.SplitItems, `{"data":[]}`, nil},
		{"whole", "data", core.SplitWhole, `{"data":[1,2]}`, []string{`{"data":[1,2]}`}},
		{"no list at the path", "data", core.SplitItems, `{"ping":true}`, []string{`{"ping":true}`}},
		{"null at the path", "data", core.SplitItems, `{"data":null}`, []string{`{"data":null}`}},
		{"something else at the path", "data", core.SplitItems, `{"data":{"a":1}}`, []string{`{"data":{"a":1}}`}},
		{"something else on the way", "data.list", core.SplitItems, `{"data":[1]}`, []string{`{"data":[1]}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.Batch, tr.GetWebhook().ItemsPath = true, tc.items })
			d := draft("hook", inventorytest.Webhook)
			d.Split = tc.split
			s, err := r.Create(t.Context(), ann, d)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second is a repetition
				if status, err := r.ingest(r.notification(s, "1", tc.body)); err != nil || status != 202 {
					t.Fatalf("%d, %v", status, err)
				}
			}
			equal(t, "events", r.bus.events(), tc.want)
			if r.bus.dropped != len(tc.want) {
				t.Errorf("%d were dropped, want %d", r.bus.dropped, len(tc.want))
			}
		})
	}
}

func TestABatchThatBreaksOffIsCompletedByItsRepetition(t *testing.T) {
	r := newRig(t)
	r.declare(inventorytest.Webhook, func(tr *connectorv1.Trigger) { tr.Batch = true })
	s := r.create("hook", inventorytest.Webhook)
	left := 2
	r.bus.before = func(m outbox.Message) error {
		if !strings.HasPrefix(m.Subject, "ferrule.event.") {
			return nil
		}
		if left--; left < 0 {
			return fault.Unavailable(fault.ReasonServiceUnavailable, "the bus is away")
		}
		return nil
	}
	_, err := r.ingest(r.notification(s, "1", `[1,2,3]`))
	wantReason(t, err, fault.ReasonServiceUnavailable)
	equal(t, "events", r.bus.events(), []string{"1", "2"})
	if !r.get("hook").Activity().IsZero() {
		t.Error("half a batch is no activity")
	}
	r.bus.before = nil
	if status, err := r.ingest(r.notification(s, "1", `[1,2,3]`)); err != nil || status != 202 {
		t.Fatalf("%d, %v", status, err)
	}
	equal(t, "events", r.bus.events(), []string{"1", "2", "3"})
}
