package core_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// TestTheOwnerIsToldOfEventsWhoseDataWasLeftOut: an item that is too large for the bus is
// an event without data, and whoever does not look at each event is told as well.
func TestTheOwnerIsToldOfEventsWhoseDataWasLeftOut(t *testing.T) {
	for _, tc := range []struct {
		name  string
		split core.Split
		sizes []int
		left  int // events without data
	}{
		{"whole batches", core.SplitWhole, []int{1_000, 1_200_000, 1_000}, 1},
		{"each item", core.SplitItems, []int{1_200_000, 10, 1_300_000}, 2},
		{"nothing is too large", core.SplitWhole, []int{600_000, 600_000}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			d := draft("items", inventorytest.Polling)
			d.Split = tc.split
			if _, err := r.Create(t.Context(), ann, d); err != nil {
				t.Fatal(err)
			}
			for i, size := range tc.sizes {
				r.api.Add(fmt.Sprint(i, strings.Repeat("x", size)))
			}
			r.clock.Advance(time.Minute)
			r.fire()
			r.relay()
			var omitted, named []string
			notices := 0
			for _, m := range r.bus.messages {
				var e struct {
					ID, Type     string
					OmittedBytes int
					Data         json.RawMessage
				}
				if json.Unmarshal(m.Data, &e) != nil {
					continue
				}
				if e.OmittedBytes > 0 {
					omitted = append(omitted, e.ID)
				}
				if e.Type != "ferrule.subscription.incomplete" {
					continue
				}
				notices++
				var data struct {
					Subscription, Reason string
					Events               []string
				}
				if err := json.Unmarshal(e.Data, &data); err != nil {
					t.Fatal(err)
				}
				named = data.Events
				if len(m.Data) > 4096 || !strings.Contains(data.Reason, omitted[0]) || !strings.Contains(data.Reason, "left out; ask the API for it") ||
					(tc.left > 1) != strings.Contains(data.Reason, "that of 1 more") || data.Subscription != r.get("items").Name.String() {
					t.Errorf("%+v", data)
				}
			}
			if len(omitted) != tc.left || !slices.Equal(omitted, named) || (notices == 1) != (tc.left > 0) {
				t.Errorf("%d notices name %q; without data are %q", notices, named, omitted)
			}
		})
	}
}
