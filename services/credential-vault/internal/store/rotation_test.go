package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

func rotationOf(id string, change uint64, state core.RotationState) core.Rotation {
	return core.Rotation{
		ID: id, Change: change, Level: core.KeyLevelData, Environment: "default", State: state, Done: 3, Total: 7,
		Reason: "waits", OldMaster: "file:1", Master: "file:2", CreateTime: noon, EndTime: noon.Add(time.Hour),
		Step: core.RotationStep{
			Phase: core.PhaseVerify, Environment: "default", Version: 4, After: "m/default\xff\x00", Until: noon.Add(time.Minute),
		},
		Lease: core.RotationLease{Holder: "somebody", Until: noon.Add(time.Second)}, Failures: 2,
	}
}

func TestARotationIsKeptAsItIs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		want := rotationOf("r1", 1, core.RotationRunning)
		if err := s.SaveRotation(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"r1", core.LatestRotation} {
			got, err := s.Rotation(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s came back changed: %s", id, diff)
			}
		}
	})
}

func TestRotationsFollowOneAnother(t *testing.T) {
	running, ended := core.RotationRunning, core.RotationSucceeded
	for title, c := range map[string]struct {
		before []core.Rotation
		next   core.Rotation
		want   error
	}{
		"the first":                     {nil, rotationOf("r1", 1, running), nil},
		"the next change":               {[]core.Rotation{rotationOf("r1", 1, running)}, rotationOf("r1", 2, running), nil},
		"the same change again":         {[]core.Rotation{rotationOf("r1", 1, running)}, rotationOf("r1", 1, running), core.ErrChanged},
		"a change too many":             {[]core.Rotation{rotationOf("r1", 1, running)}, rotationOf("r1", 3, running), core.ErrChanged},
		"a change of nothing":           {nil, rotationOf("r1", 2, running), core.ErrChanged},
		"another one meanwhile":         {[]core.Rotation{rotationOf("r1", 1, running)}, rotationOf("r2", 1, running), core.ErrChanged},
		"another one afterwards":        {[]core.Rotation{rotationOf("r1", 1, ended)}, rotationOf("r2", 1, running), nil},
		"one after a failure":           {[]core.Rotation{rotationOf("r1", 1, core.RotationFailed)}, rotationOf("r2", 1, running), nil},
		"a late change of an older one": {[]core.Rotation{rotationOf("r1", 1, ended), rotationOf("r2", 1, running)}, rotationOf("r1", 2, running), core.ErrChanged},
	} {
		t.Run(title, func(t *testing.T) {
			s := open(engines()["memkv"](t))
			for _, r := range c.before {
				if err := s.SaveRotation(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.SaveRotation(t.Context(), c.next); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			latest, err := s.Rotation(t.Context(), core.LatestRotation)
			if c.want == nil && (err != nil || latest.ID != c.next.ID || latest.Change != c.next.Change) {
				t.Errorf("the latest is %+v, %v", latest, err)
			}
		})
	}
}

func TestWithoutRotationsThereIsNone(t *testing.T) {
	s := open(engines()["memkv"](t))
	for _, id := range []string{"r1", core.LatestRotation} {
		if _, err := s.Rotation(t.Context(), id); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("%s: got %v", id, err)
		}
	}
}

// marker encrypts anew by writing the new key's name in front.
type marker struct {
	seen []string
	fail string // the resource that cannot be read
}

var errUnreadable = errors.New("cannot be read")

func (m *marker) Rewrap(at core.Place, blob []byte) ([]byte, error) {
	m.seen = append(m.seen, at.Environment+" "+at.Resource)
	if at.Resource == m.fail {
		return nil, errUnreadable
	}
	if bytes.HasPrefix(blob, []byte("new ")) {
		return blob, nil
	}
	return append([]byte("new "), blob...), nil
}

func (m *marker) NewKey(resource string) ([]byte, error) {
	return []byte("new key of " + resource), nil
}

func (m *marker) Move(from, to core.Place, blob []byte) ([]byte, error) {
	if len(from.Key) > 0 || len(to.Key) == 0 || from.Parameter != to.Parameter || from.Version != to.Version {
		return nil, fmt.Errorf("moved from %v to %v", from, to)
	}
	return append([]byte("moved "), blob...), nil
}

// keyed stores connections with keys in two environments of which one's name
// begins like the other's.
func keyed(t *testing.T, s *store.Store, n int) {
	t.Helper()
	for i := range n {
		c := connection(fmt.Sprintf("c%03d", i))
		c.Key = []byte("key")
		insert(t, s, c)
		c.Name.Environment, c.Connector.Environment = "default2", "default2"
		insert(t, s, c)
	}
}

func TestPagesCoverEveryRecordOnce(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 7, 8, 500} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s, k := open(engine), &marker{}
				keyed(t, s, 7)
				total, err := s.CountSealed(t.Context(), "default")
				if err != nil || total != 7 {
					t.Fatalf("counted %d, %v", total, err)
				}
				first := pass(t, s, limit, k)
				if first.Seen != 7 || first.Changed != 7 || len(k.seen) != 7 {
					t.Errorf("the first pass saw %+v, and %v", first, k.seen)
				}
				if second := pass(t, s, limit, k); second.Seen != 7 || second.Changed != 0 {
					t.Errorf("the second pass saw %+v", second)
				}
				c, err := s.Connection(t.Context(), name("c003"))
				if err != nil || string(c.Key) != "new key" || c.Change != 2 || c.Edits != 1 {
					t.Errorf("a connection is now %+v, %v", c, err)
				}
				other := name("c003")
				other.Environment = "default2"
				if c, err = s.Connection(t.Context(), other); err != nil || string(c.Key) != "key" || c.Change != 1 {
					t.Errorf("one of another environment is now %+v, %v", c, err)
				}
			})
		})
	}
}

// pass goes through an environment once.
func pass(t *testing.T, s *store.Store, limit int, k core.Rewrapper) (sum core.RewrapPage) {
	t.Helper()
	for range 100 {
		page, err := s.Rewrap(t.Context(), core.RewrapQuery{Environment: "default", After: sum.Next, Limit: limit, Now: noon}, k)
		if err != nil {
			t.Fatal(err)
		}
		if page.Seen > int64(limit) {
			t.Fatalf("%d records in one transaction, want at most %d", page.Seen, limit)
		}
		sum.Seen, sum.Changed, sum.Next = sum.Seen+page.Seen, sum.Changed+page.Changed, page.Next
		if page.Next == "" {
			return sum
		}
	}
	t.Fatal("the pass does not end")
	return sum
}

func TestABatchIsStoredTogetherOrNotAtAll(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		keyed(t, s, 5)
		before := everything(t, engine)
		k := &marker{fail: name("c003").String()}
		page, err := s.Rewrap(t.Context(), core.RewrapQuery{Environment: "default", Limit: 500, Now: noon}, k)
		if !errors.Is(err, errUnreadable) || page.Seen != 0 || page.Changed != 0 || page.Next != "" || page.Unreadable != nil {
			t.Errorf("got %+v, %v", page, err)
		}
		if diff := cmp.Diff(before, everything(t, engine)); diff != "" {
			t.Errorf("something was stored: %s", diff)
		}
	})
}

func TestNothingIsAnnounced(t *testing.T) {
	engine := engines()["memkv"](t)
	keyed(t, open(engine), 3)
	before := waiting(t, engine)
	s := announcing(engine, func() { t.Error("announced") })
	if _, err := s.Rewrap(t.Context(), core.RewrapQuery{Environment: "default", Limit: 500, Now: noon}, &marker{}); err != nil {
		t.Fatal(err)
	}
	if waiting(t, engine) != before {
		t.Error("an announcement waits")
	}
}

func TestAConnectionWithoutAKeyTakesItsSecretsUnderANewOne(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		insert(t, s, connection("old"))
		bare := connection("bare")
		if err := s.Insert(t.Context(), core.Write{Connection: bare}); err != nil {
			t.Fatal(err)
		}
		if got := pass(t, s, 500, &marker{}); got.Changed != 2 {
			t.Errorf("the pass saw %+v", got)
		}
		c, sealed, err := s.WithSecrets(t.Context(), name("old"))
		if err != nil || string(c.Key) != "new key of "+c.Name.String() || c.Change != 2 {
			t.Fatalf("it is now %+v, %v", c, err)
		}
		for i, want := range secrets() {
			if got := string(sealed[i].Blob); got != "moved "+string(want.Blob) {
				t.Errorf("its %s is now %q", want.Parameter, got)
			}
		}
		if _, sealed, err = s.WithSecrets(t.Context(), name("bare")); err != nil || len(sealed) != 0 {
			t.Errorf("one without secrets has %v, %v", sealed, err)
		}
	})
}

func TestAConnectionGetsItsFirstKeyWhenARenewalHasEndedOrNeverWill(t *testing.T) {
	for title, c := range map[string]struct {
		deadline time.Time
		moved    bool
	}{
		"a renewal that is under way":      {noon.Add(time.Second), false},
		"one whose time is up":             {noon, true},
		"one whose process ended long ago": {noon.Add(-24 * time.Hour), true},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				of := connection("c")
				insert(t, s, of)
				renewed := core.Grant{UID: of.UID, Change: 1, Version: 1, Access: []byte("a"), Attempt: core.Attempt{ID: "somebody", Deadline: c.deadline}}
				if err := s.WriteGrant(t.Context(), core.GrantWrite{Of: of, Grant: renewed}); err != nil {
					t.Fatal(err)
				}
				if got := pass(t, s, 500, &marker{}); got.Changed != 1 {
					t.Errorf("the first pass saw %+v", got)
				}
				held, err := s.Held(t.Context(), of.Name)
				if err != nil || (len(held.Connection.Key) > 0) != c.moved || (string(held.Grant.Access) == "moved a") != c.moved {
					t.Fatalf("the key is %q, the token %q, %v", held.Connection.Key, held.Grant.Access, err)
				}
				if held.Grant.Attempt.ID != "somebody" {
					t.Error("that a renewal was interrupted is forgotten")
				}
				if got := pass(t, s, 500, &marker{}); (got.Changed == 0) != c.moved {
					t.Errorf("the second pass saw %+v", got)
				}
			})
		})
	}
}

func TestADamagedRecordIsAnError(t *testing.T) {
	engine := engines()["memkv"](t)
	s := open(engine)
	keyed(t, s, 1)
	for _, key := range []string{"c/default/c000", "kr/r1"} {
		err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key), []byte{9}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.Rewrap(t.Context(), core.RewrapQuery{Environment: "default", Limit: 500, Now: noon}, &marker{})
	if err != nil || !slices.Equal(page.Unreadable, []string{"c/default/c000"}) || page.Changed != 0 {
		t.Errorf("a record that somebody has changed: got %+v, %v", page, err)
	}
	if _, err := s.Rotation(t.Context(), "r1"); err == nil {
		t.Error("a rotation of another version was read")
	}
}
