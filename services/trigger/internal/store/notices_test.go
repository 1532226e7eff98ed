package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

// listening is a subscription to notices.
func listening(n int, owner, connection string, everyones bool) core.Subscription {
	s := polled(n, fmt.Sprint("n", n), owner)
	s.Polling, s.Operation, s.Revision, s.Input = nil, "", "", ""
	s.Connection.ID, s.Connector.ID = connection, core.EveryConnection
	s.Notices = &core.Notices{Everyones: everyones, Last: now}
	return s
}

// listeners are the ids of those who listen to a connection or an owner.
func (f *fixture) listeners(environment, connection, owner string) (ids []string) {
	f.t.Helper()
	found, err := f.Listening(f.t.Context(), resource.Connection{Environment: environment, ID: connection}, owner)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, s := range found {
		ids = append(ids, s.Name.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestSubscriptionsToNoticesAreFoundByOwnerAndConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		elsewhere := listening(6, "ann", "-", true)
		elsewhere.Name.Environment, elsewhere.Connection.Environment, elsewhere.Connector.Environment = "staging", "staging", "staging"
		f.insert(
			listening(1, "ann", "-", false), listening(2, "ann", "shop", false), listening(3, "anna", "-", false),
			listening(4, "root", "-", true), listening(5, "root", "shop", true), elsewhere,
			polled(7, "items", "ann"), hooked(8, "hook", "ann"),
		)
		for _, row := range []struct {
			environment, connection, owner string
			want                           []string
		}{
			{"default", "shop", "ann", []string{"n1", "n2", "n4", "n5"}},
			{"default", "bank", "ann", []string{"n1", "n4"}},
			{"default", "shop", "bob", []string{"n4", "n5"}},
			{"default", "bank", "anna", []string{"n3", "n4"}},
			{"staging", "shop", "ann", []string{"n6"}},
			{"prod", "shop", "ann", nil},
		} {
			if got := f.listeners(row.environment, row.connection, row.owner); !slices.Equal(got, row.want) {
				t.Errorf("%s of %s in %s: %q, want %q", row.connection, row.owner, row.environment, got, row.want)
			}
		}
		for n := range 8 {
			if err := f.Remove(t.Context(), uid(n+1)); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.count(); n != 0 {
			t.Errorf("%d records are left behind", n)
		}
	})
}

func TestASubscriptionToNoticesIsReadAsItWas(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for _, s := range []core.Subscription{listening(1, "ann", "-", false), listening(2, "root", "shop", true)} {
			f.insert(s)
			got, err := f.Subscription(t.Context(), s.Name)
			if diff := cmp.Diff(s, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			// An older program would take it for a trigger, and must not read it.
			err = f.kv.View(t.Context(), func(r kv.Reader) error {
				data, err := r.Get([]byte("s/" + s.UID))
				if err == nil && data[0] != 2 {
					t.Errorf("its record has version %d", data[0])
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		later := now.Add(time.Hour).UTC()
		if err := f.Touch(t.Context(), map[string]time.Time{uid(1): later, uid(9): later}); err != nil {
			t.Fatal(err)
		}
		if s, err := f.ByUID(t.Context(), uid(1)); err != nil || !s.Notices.Last.Equal(later) {
			t.Errorf("%+v, %v", s.Notices, err)
		}
	})
}

func TestASubscriptionToNoticesThatCannotBeReadHidesNoOther(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.insert(listening(1, "ann", "-", false), listening(2, "ann", "-", false), listening(3, "ann", "-", false), listening(4, "root", "-", true))
		err := f.kv.Update(t.Context(), func(tx kv.Tx) error {
			return errors.Join(tx.Put([]byte("s/"+uid(2)), []byte{99}), tx.Put([]byte("s/"+uid(4)), nil))
		})
		if err != nil {
			t.Fatal(err)
		}
		found, err := f.Listening(t.Context(), resource.Connection{Environment: "default", ID: "shop"}, "ann")
		if !errors.Is(err, core.ErrUnreadable) || !strings.Contains(err.Error(), uid(2)) || !strings.Contains(err.Error(), uid(4)) {
			t.Errorf("err = %v", err)
		}
		if len(found) != 2 || found[0].UID != uid(1) || found[1].UID != uid(3) {
			t.Errorf("found %+v", found)
		}
	})
}

func TestOneSubscriptionToNoticesTooManyChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for i := range core.MaxNotices {
			f.insert(listening(i, "ann", "-", false))
		}
		before := f.count()
		if err := f.Insert(t.Context(), listening(1000, "ann", "shop", false), polling.Seen{}); !errors.Is(err, core.ErrTooMany) {
			t.Errorf("err = %v", err)
		}
		if n := f.count(); n != before {
			t.Errorf("%d records became %d", before, n)
		}
		f.insert(listening(1001, "ann", "shop", true), listening(1002, "bob", "-", false))
	})
}
