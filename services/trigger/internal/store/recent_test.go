package store_test

import (
	"errors"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/store"
)

// TestAPollReadsWhatOthersHaveWrittenMeanwhile: what is kept read is compared with what
// is stored, whichever process wrote it, and belongs to whoever has read it.
func TestAPollReadsWhatOthersHaveWrittenMeanwhile(t *testing.T) {
	engine := memkv.New()
	one, two := store.New(engine, events.Message, func() {}), store.New(engine, events.Message, func() {})
	sub := core.Subscription{
		Name: resource.Subscription{Environment: "default", ID: "items"}, UID: "0123456789abcdef0123456789abcdef", Operation: "On", Change: 1,
		Connection: resource.Connection{Environment: "default", ID: "shop"}, Connector: resource.Connector{Environment: "default", ID: "inventory"},
		Polling: &core.Polling{Cursor: core.Cursor{Version: 1}},
	}
	if err := one.Insert(t.Context(), sub, polling.Seen{}); err != nil {
		t.Fatal(err)
	}
	read := func() core.Subscription {
		t.Helper()
		s, err := one.ByUID(t.Context(), sub.UID)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	mine := read()
	mine.Polling.Cursor.State, mine.Polling.Companion = "mine", "mine"
	if s := read(); s.Polling.Cursor.State != "" || s.Polling.Companion != "" {
		t.Errorf("what somebody does with a copy is seen by others: %+v", s.Polling)
	}
	if err := two.CommitPoll(t.Context(), core.Poll{UID: sub.UID, Cursor: core.Cursor{Version: 2, State: "two"}}); err != nil {
		t.Fatal(err)
	}
	if s := read(); s.Polling.Cursor.State != "two" || s.Polling.Cursor.Version != 2 {
		t.Errorf("the cursor is %+v", s.Polling.Cursor)
	}
	if err := one.CommitPoll(t.Context(), core.Poll{UID: sub.UID, Cursor: core.Cursor{Version: 2}}); !errors.Is(err, core.ErrChanged) {
		t.Errorf("a poll that came too late: %v", err)
	}
	if _, err := two.Alter(t.Context(), sub.UID, func(s *core.Subscription) error { s.Paused = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if s := read(); !s.Paused {
		t.Error("it is not seen that it is paused")
	}
	if err := one.CommitPoll(t.Context(), core.Poll{UID: sub.UID, Cursor: core.Cursor{Version: 3}}); !errors.Is(err, core.ErrInactive) {
		t.Errorf("a poll of what is paused: %v", err)
	}
	if err := two.Remove(t.Context(), sub.UID); err != nil {
		t.Fatal(err)
	}
	if _, err := one.ByUID(t.Context(), sub.UID); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("what is gone: %v", err)
	}
}
