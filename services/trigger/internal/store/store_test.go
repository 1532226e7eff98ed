package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/store"
)

// everywhere runs a test on every engine.
func everywhere(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Run("in memory", func(t *testing.T) { test(t, newFixture(t, memkv.New())) })
	t.Run("in a file", func(t *testing.T) {
		engine, err := boltkv.Open(filepath.Join(t.TempDir(), "trigger.db"), boltkv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = engine.Close() })
		test(t, newFixture(t, engine))
	})
}

type fixture struct {
	*store.Store

	t        *testing.T
	kv       kv.Store
	notified int
}

func newFixture(t *testing.T, engine kv.Store) *fixture {
	f := &fixture{t: t, kv: engine}
	encode := func(_ context.Context, e core.Event) (outbox.Message, error) {
		if e.ID == "broken" {
			return outbox.Message{}, errBroken
		}
		return outbox.Message{ID: e.ID, Subject: "event." + e.ID}, nil
	}
	f.Store = store.New(engine, encode, func() { f.notified++ })
	return f
}

var errBroken = errors.New("broken")

// outbox returns the ids of the messages that wait, in order.
func (f *fixture) outbox() []string {
	f.t.Helper()
	var ids []string
	err := f.kv.View(f.t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, []byte(outbox.Prefix+"message/"), 100) {
			if err != nil {
				return err
			}
			ids = append(ids, string(p.Value[2:2+int(p.Value[1])%128]))
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return ids
}

func (f *fixture) count() int {
	f.t.Helper()
	n := 0
	err := f.kv.View(f.t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, 100) {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(p.Key), outbox.Prefix) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func uid(n int) string { return fmt.Sprintf("%032x", n) }

func polled(n int, id, owner string) core.Subscription {
	return core.Subscription{
		Name: resource.Subscription{Environment: "default", ID: id}, UID: uid(n), Change: 1,
		Connection: resource.Connection{Environment: "default", ID: "shop"}, ConnectionOwner: "alice",
		Connector: resource.Connector{Environment: "default", ID: "inventory"},
		Operation: "OnItemListed", Revision: "r1", Input: `{"limit":1}`, Owner: owner, CreateTime: now,
		Sinks: []core.Sink{{ID: "a", HTTP: &core.HTTPSink{URL: "https://example.com/a"}}, {ID: "b", HTTP: &core.HTTPSink{URL: "https://example.com/b"}, Disabled: true}, {
			ID: "c", Action: &core.ActionSink{Connection: resource.Connection{Environment: "default", ID: "c"}, Operation: "Copy", Input: "{}", AtMostOnce: true},
		}},
		Polling: &core.Polling{Recurrence: recurrence.Options{Interval: time.Minute}, Poked: now, Companion: uid(8), Unpoked: "why", Cursor: core.Cursor{
			Version: 1, Baseline: true, Revision: "r1", Last: now, Next: now.Add(time.Minute), Failures: 2, Reason: "why",
			State: "link", Values: map[string]string{"since": "1"}, FailingSince: now, Refused: true,
			Rules: polling.Rules{
				Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST, Items: "a", Key: "b", NewestFirst: true, Changed: true, Version: "v", Pages: 3, Paged: true, Batch: true,
				Cursors: []polling.Cursor{{Parameter: "since", Items: "i", Value: "v", Template: "t", Initial: "n", Take: 1}},
			},
		}},
	}
}

func hooked(n int, id, owner string) core.Subscription {
	s := polled(n, id, owner)
	s.Polling, s.UnsignedAccepted, s.Deleting = nil, true, true
	s.Secret, s.OldSecret, s.OldSecretUntil = []byte{1}, []byte{2}, now
	s.Webhook = &core.Webhook{
		CallbackPointer: "/a", SecretPointer: "/b", IDHeader: "X-Id", Registered: true, Attempts: 3, NextAttempt: now, Reason: "why", Notified: now,
		Signature: &signature.Rule{
			Scheme: "s", Header: "h", Prefix: "p", Encoding: "e", SecretPointer: "sp", IDHeader: "i", Algorithm: "a", Content: "c", TimestampHeader: "th",
			TimestampFormat: "tf", Tolerance: time.Minute, HeaderFormat: "hf", SignatureKey: "sk", TimestampKey: "tk", KeyEncoding: "ke", JWKSURL: "j",
			Claims: map[string]string{"iss": "x"},
		},
		Handshakes: []string{"slack"}, Batch: true, Items: "a.b", Pokes: uid(7),
		Unsubscribe: &core.Removal{Operation: "Unhook", Input: `{"id":1}`},
		Generation:  3, Generations: 4, SecretOf: 3, End: now, Ended: true,
		Next: &core.Pending{Generation: 4, Input: `{"a":1}`, Revision: "r2", Secret: []byte{3}, Until: now},
		Old: []core.Leftover{
			{Generation: 1, Input: `{"a":2}`, Revision: "r1", Unsubscribe: &core.Removal{Operation: "Unhook"}},
			{Generation: 2, Revision: "r1", After: now},
		},
		Upkeep: core.Upkeep{
			Expires: now, RenewAt: now, Renew: &core.Removal{Operation: "Renew", Input: `{"id":1}`},
			CheckAt: now, Check: &core.Removal{Operation: "Get"}, Failures: 2, Reason: "why",
		},
	}
	return s
}

func (f *fixture) insert(subs ...core.Subscription) {
	f.t.Helper()
	for _, s := range subs {
		if err := f.Insert(f.t.Context(), s, polling.Seen{}); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestWhatIsStoredIsReadAsItWas(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for _, s := range []core.Subscription{polled(1, "items", "ann"), hooked(2, "hook", "ann")} {
			f.insert(s)
			byName, err := f.Subscription(t.Context(), s.Name)
			if diff := cmp.Diff(s, byName); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			byUID, err := f.ByUID(t.Context(), s.UID)
			if diff := cmp.Diff(s, byUID); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		}
		if _, err := f.Subscription(t.Context(), resource.Subscription{Environment: "default", ID: "item"}); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
		if _, err := f.ByUID(t.Context(), uid(9)); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestANameIsTakenOnceAndFreeAfterTheRemoval(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(polled(1, "items", "ann"))
		if err := f.Insert(t.Context(), polled(2, "items", "bob"), polling.Seen{}); !errors.Is(err, core.ErrExists) {
			t.Fatalf("err = %v", err)
		}
		if err := f.Remove(t.Context(), uid(1)); err != nil {
			t.Fatal(err)
		}
		if n := f.count(); n != 0 {
			t.Errorf("%d records are left behind", n)
		}
		if err := f.Remove(t.Context(), uid(1)); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
		f.insert(polled(3, "items", "bob"))
	})
}

func TestEveryChangeIsAnnouncedWithAnIDOfItsOwn(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(hooked(1, "hook", "ann"))
		for range 2 {
			if _, err := f.Alter(t.Context(), uid(1), func(s *core.Subscription) error { s.Webhook.Attempts++; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.Alter(t.Context(), uid(1), func(*core.Subscription) error { return errBroken }); !errors.Is(err, errBroken) {
			t.Fatalf("err = %v", err)
		}
		if err := f.Touch(t.Context(), map[string]time.Time{uid(1): now, uid(7): now}); err != nil {
			t.Fatal(err)
		}
		if err := f.Remove(t.Context(), uid(1)); err != nil {
			t.Fatal(err)
		}
		ids := f.outbox()
		if len(ids) != 4 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 4 {
			t.Errorf("announcements %q", ids)
		}
		if f.notified < 4 {
			t.Errorf("the relay was told %d times", f.notified)
		}
		if _, err := f.Alter(t.Context(), uid(1), func(*core.Subscription) error { return nil }); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestAPollIsCommittedWithItsEventsOrNotAtAll(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(polled(1, "items", "ann"))
		before := len(f.outbox())
		seen := polling.Seen{}.With([]polling.Item{{Digest: polling.Digest{1}}}, now)
		cursor := core.Cursor{Version: 2, Baseline: true, Next: now}
		events := []core.Event{{ID: "e1"}, {ID: "e2"}}
		poll := core.Poll{UID: uid(1), Cursor: cursor, Seen: &seen, Events: events, Announce: true}
		if err := f.CommitPoll(t.Context(), poll); err != nil {
			t.Fatal(err)
		}
		if ids := f.outbox()[before:]; len(ids) != 3 || ids[0] != "e1" || ids[1] != "e2" {
			t.Errorf("outbox %q", ids)
		}
		got, err := f.Seen(t.Context(), uid(1))
		if err != nil || string(got.Bytes()) != string(seen.Bytes()) {
			t.Errorf("seen %v, %v", got, err)
		}
		// The same poll again, as by another process.
		if err := f.CommitPoll(t.Context(), poll); !errors.Is(err, core.ErrChanged) {
			t.Errorf("err = %v", err)
		}
		broken := poll
		broken.Cursor.Version, broken.Events = 3, []core.Event{{ID: "e3"}, {ID: "broken"}}
		if err := f.CommitPoll(t.Context(), broken); !errors.Is(err, errBroken) {
			t.Errorf("err = %v", err)
		}
		quiet := core.Poll{UID: uid(1), Cursor: core.Cursor{Version: 3, Next: now.Add(time.Hour)}}
		told := f.notified
		if err := f.CommitPoll(t.Context(), quiet); err != nil || f.notified != told {
			t.Errorf("a poll without news told the relay, %v", err)
		}
		if len(f.outbox()) != before+3 {
			t.Errorf("outbox %q", f.outbox())
		}
		sub, err := f.ByUID(t.Context(), uid(1))
		if diff := cmp.Diff(quiet.Cursor, sub.Polling.Cursor); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if got, err := f.Seen(t.Context(), uid(1)); err != nil || string(got.Bytes()) != string(seen.Bytes()) {
			t.Errorf("a poll without news changed what was seen: %v", err)
		}
		if err := f.CommitPoll(t.Context(), core.Poll{UID: uid(8)}); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
		if got, err := f.Seen(t.Context(), uid(8)); err != nil || got.Len() != 0 {
			t.Errorf("seen by nobody: %v, %v", got, err)
		}
	})
}

func TestAPollOfASubscriptionThatIsPausedOrSuspendedIsNotCommitted(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(polled(1, "items", "ann"))
		poll := core.Poll{UID: uid(1), Cursor: core.Cursor{Version: 2}, Events: []core.Event{{ID: "e1"}}}
		for _, change := range []func(*core.Subscription){
			func(s *core.Subscription) { s.Paused = true },
			func(s *core.Subscription) { s.Paused, s.Suspended = false, "why" },
		} {
			if _, err := f.Alter(t.Context(), uid(1), func(s *core.Subscription) error { change(s); return nil }); err != nil {
				t.Fatal(err)
			}
			if err := f.CommitPoll(t.Context(), poll); !errors.Is(err, core.ErrInactive) {
				t.Errorf("err = %v", err)
			}
		}
		if slices.Contains(f.outbox(), "e1") {
			t.Error("an event was made")
		}
		// Resuming changes subscription and cursor at once, and a poll that began before it
		// comes too late.
		s, err := f.AlterPolling(t.Context(), uid(1), func(s *core.Subscription) error {
			s.Suspended = ""
			s.Polling.Cursor = s.Polling.Cursor.Resumed(now.Add(time.Hour))
			return nil
		})
		if err != nil || s.Polling.Cursor.Version != 2 || s.Change != 4 {
			t.Fatalf("%+v, %v", s.Polling.Cursor, err)
		}
		if err := f.CommitPoll(t.Context(), poll); !errors.Is(err, core.ErrChanged) {
			t.Errorf("err = %v", err)
		}
		got, err := f.ByUID(t.Context(), uid(1))
		if err != nil || got.Suspended != "" || !got.Polling.Cursor.Next.Equal(now.Add(time.Hour)) || got.Polling.Cursor.Failures != 0 {
			t.Errorf("%+v, %v", got.Polling.Cursor, err)
		}
		if _, err := f.AlterPolling(t.Context(), uid(1), func(*core.Subscription) error { return errBroken }); !errors.Is(err, errBroken) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestASuspensionIsStoredWithItsPollAndTold(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(polled(1, "items", "ann"))
		before := len(f.outbox())
		poll := core.Poll{UID: uid(1), Time: now, Suspend: "it failed", Cursor: core.Cursor{Version: 2, Failures: 9, FailingSince: now, Reason: "down"}}
		if err := f.CommitPoll(t.Context(), poll); err != nil {
			t.Fatal(err)
		}
		got, err := f.ByUID(t.Context(), uid(1))
		if state, why := got.State(); err != nil || state != core.StateSuspended || why != "it failed" || got.Polling.Cursor.Failures != 9 {
			t.Errorf("%v %q %v", state, why, err)
		}
		if ids := f.outbox()[before:]; len(ids) != 2 || !strings.Contains(ids[1], "suspended-2") {
			t.Errorf("outbox %q", ids)
		}
		if f.notified < 2 {
			t.Error("the relay was not told")
		}
	})
}

func TestListsGoPageByPage(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		n := 0
		for _, owner := range []string{"a", "ann", "ann2"} {
			for i := range 3 {
				n++
				f.insert(polled(100-n, fmt.Sprintf("%s-%d", owner, i), owner))
			}
		}
		list := func(q core.Query) (ids []string) {
			t.Helper()
			for {
				page, next, err := f.Subscriptions(t.Context(), q)
				if err != nil || len(page) > q.Limit {
					t.Fatal(len(page), err)
				}
				for _, s := range page {
					ids = append(ids, s.Name.ID)
				}
				if next == "" {
					return ids
				}
				q.After = next
			}
		}
		all := []string{"a-0", "a-1", "a-2", "ann-0", "ann-1", "ann-2", "ann2-0", "ann2-1", "ann2-2"}
		for limit := 1; limit <= 10; limit++ {
			if got := list(core.Query{Environment: "default", Limit: limit}); !slices.Equal(got, all) {
				t.Errorf("limit %d: %q", limit, got)
			}
			if got := list(core.Query{Environment: "default", Owner: "ann", Limit: limit}); !slices.Equal(got, all[3:6]) {
				t.Errorf("limit %d: ann's are %q", limit, got)
			}
		}
		if got := list(core.Query{Environment: "prod", Limit: 5}); got != nil {
			t.Errorf("another environment has %q", got)
		}
		for limit := 1; limit <= 10; limit++ {
			if got := list(core.Query{Limit: limit}); !slices.Equal(got, all) {
				t.Errorf("limit %d: all environments have %q", limit, got)
			}
		}
	})
}

func TestUnsettledWebhooksAreThoseBeingSetUpOrRemoved(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		active, creating, deleting := hooked(1, "active", "ann"), hooked(2, "creating", "ann"), hooked(3, "deleting", "ann")
		leaving, pending, paused := hooked(5, "leaving", "ann"), hooked(6, "pending", "ann"), hooked(7, "paused", "ann")
		for _, s := range []*core.Subscription{&active, &creating, &leaving, &pending, &paused} {
			s.Deleting, s.Webhook.Ended = false, false
			if s != &leaving {
				s.Webhook.Old = nil
			}
			if s != &pending {
				s.Webhook.Next = nil
			}
		}
		creating.Webhook.Registered = false
		paused.Webhook.Registered, paused.Paused = false, true
		f.insert(active, creating, deleting, polled(4, "polled", "ann"), leaving, pending, paused)
		ids := func() (ids []string) {
			t.Helper()
			after := ""
			for {
				page, err := f.Unsettled(t.Context(), after, 1)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					return ids
				}
				ids, after = append(ids, page[0].Name.ID), page[0].UID
			}
		}
		if got := ids(); !slices.Equal(got, []string{"creating", "deleting", "leaving", "pending"}) {
			t.Errorf("unsettled %q", got)
		}
		if _, err := f.Alter(t.Context(), uid(2), func(s *core.Subscription) error { s.Webhook.Registered = true; return nil }); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{5, 6} {
			if _, err := f.Alter(t.Context(), uid(n), func(s *core.Subscription) error { s.Webhook.Old, s.Webhook.Next = nil, nil; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Remove(t.Context(), uid(3)); err != nil {
			t.Fatal(err)
		}
		if got := ids(); got != nil {
			t.Errorf("unsettled %q", got)
		}
	})
}

func TestAnotherWebhookKeyIsNoticed(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for range 2 {
			if err := f.CheckKey(t.Context(), "one"); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.CheckKey(t.Context(), "two"); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestARecordOfANewerProgramIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(polled(1, "items", "ann"))
		for _, key := range []string{"s/", "c/"} {
			var before []byte
			err := f.kv.Update(t.Context(), func(tx kv.Tx) (err error) {
				if before, err = tx.Get([]byte(key + uid(1))); err != nil {
					return err
				}
				return tx.Put([]byte(key+uid(1)), append([]byte{3}, before[1:]...))
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.ByUID(t.Context(), uid(1)); err == nil || !strings.Contains(err.Error(), "version 3") {
				t.Errorf("err = %v", err)
			}
			if err := f.kv.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key+uid(1)), before) }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestASubscriptionThatWasReadIsNeverOutOfDate(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(hooked(1, "hook", "ann"))
		first, err := f.ByUID(t.Context(), uid(1))
		if err != nil {
			t.Fatal(err)
		}
		first.Webhook.Reason, first.Sinks[0].ID = "changed by the reader", "x"
		again, err := f.ByUID(t.Context(), uid(1))
		if diff := cmp.Diff(hooked(1, "hook", "ann"), again); err != nil || diff != "" {
			t.Errorf("what a reader does to its copy shows: %v\n%s", err, diff)
		}
		if err := f.Touch(t.Context(), map[string]time.Time{uid(1): now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if got, err := f.ByUID(t.Context(), uid(1)); err != nil || !got.Webhook.Notified.Equal(now.Add(time.Hour)) {
			t.Errorf("touched: %v, %v", got.Webhook.Notified, err)
		}
		if _, err := f.Alter(t.Context(), uid(1), func(s *core.Subscription) error { s.Paused = true; return nil }); err != nil {
			t.Fatal(err)
		}
		if got, err := f.ByUID(t.Context(), uid(1)); err != nil || !got.Paused {
			t.Errorf("altered: %v, %v", got.Paused, err)
		}
		if err := f.Remove(t.Context(), uid(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ByUID(t.Context(), uid(1)); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("removed: %v", err)
		}
	})
}
