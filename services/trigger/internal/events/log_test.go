package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

var errAway = errors.New("the bus is away")

// together is a bus that notes how many messages are on their way at a time.
type together struct {
	fail     string // the id of an event that is not stored
	started  []string
	waited   int
	underWay int
	most     int
}

func (b *together) Publish(context.Context, outbox.Message) error {
	panic("one after the other")
}

func (b *together) Start(_ context.Context, m outbox.Message) func() error {
	b.started = append(b.started, m.ID)
	b.underWay++
	b.most = max(b.most, b.underWay)
	return func() error {
		b.waited++
		b.underWay--
		if m.ID == b.fail {
			return errAway
		}
		return nil
	}
}

func numbered(n int) (all []core.Event, ids []string) {
	for i := range n {
		id := fmt.Sprintf("e%05d", i)
		all, ids = append(all, event(subscription("u1", "items"), id, start)), append(ids, id)
	}
	return all, ids
}

func TestTheEventsOfABatchAreOnTheirWayTogetherAndInOrder(t *testing.T) {
	for _, tc := range []struct {
		name    string
		n, most int
	}{
		{"two", 2, 2},
		{"a hundred", 100, 100},
		{"no more at a time than the bus takes", 10_000, 256},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &together{}
			all, ids := numbered(tc.n)
			if err := events.NewLog(b).PublishAll(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(b.started, ids) || b.waited != tc.n || b.most != tc.most {
				t.Errorf("%d started, %d confirmed, %d at a time; want %d, in order, %d at a time", len(b.started), b.waited, b.most, tc.n, tc.most)
			}
		})
	}
}

func TestABatchIsNotSafeIfOneOfItsEventsIsNot(t *testing.T) {
	for _, tc := range []struct {
		name, fail string
		large      bool
		want       error
	}{
		{"the first", "e00000", false, errAway},
		{"the last", "e00599", false, errAway},
		{"one in the middle that is too large", "", true, core.ErrEventTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &together{fail: tc.fail}
			all, _ := numbered(600)
			if tc.large {
				all[300].Data = []byte(`"` + strings.Repeat("x", bus.MaxDataBytes) + `"`)
			}
			if err := events.NewLog(b).PublishAll(t.Context(), all); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			if b.underWay != 0 {
				t.Errorf("%d are on their way still", b.underWay)
			}
		})
	}
}

func TestABatchReachesTheBusOnceAlsoIfItIsPublishedTwice(t *testing.T) {
	f := newFixture(t)
	all, ids := numbered(500)
	for range 2 {
		if err := f.PublishAll(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	page, _, err := f.Page(t.Context(), events.Range{Subscription: subscription("u1", "items")}, 2*len(all))
	var got []string
	for _, r := range page {
		got = append(got, r.ID)
	}
	if err != nil || !slices.Equal(got, ids) {
		t.Errorf("%d events in the log, want %d in their order (%v)", len(got), len(ids), err)
	}
}

// A notification may have a mebibyte, whatever it holds.
func TestTheLargestNotificationIsKept(t *testing.T) {
	for _, tc := range []struct {
		name string
		json bool
	}{{"of JSON", true}, {"of bytes, which are written in base64", false}} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			e := event(subscription("u1", "items"), "e1", start)
			e.JSON, e.Data = tc.json, []byte(`"`+strings.Repeat("x", core.MaxNotification-2)+`"`)
			if !tc.json {
				e.ContentType = "application/octet-stream"
			}
			if err := f.PublishAll(t.Context(), []core.Event{e}); err != nil {
				t.Fatal(err)
			}
			page, _, err := f.Page(t.Context(), events.Range{Subscription: e.Subscription}, 1)
			if err != nil || len(page) != 1 || string(page[0].Data) != string(e.Data) {
				t.Errorf("%d events, %v", len(page), err)
			}
		})
	}
}
