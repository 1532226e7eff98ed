package boltkv

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
)

// member is one Update of a test: it appends its name to the key "trail", so
// that the trail shows whose writes were kept and in which order.
type member struct {
	name string
	fn   func(tx kv.Tx) error // what it does after that; nil is nothing
}

var errMember = errors.New("a member failed")

func fails(tx kv.Tx) error {
	return errors.Join(tx.Delete([]byte("base")), tx.Put([]byte("junk"), nil), errMember)
}

func panics(tx kv.Tx) error {
	_ = tx.Put([]byte("junk"), nil)
	panic("a member panicked")
}

// writes returns a function that writes n bytes.
func writes(n int) func(kv.Tx) error {
	return func(tx kv.Tx) error { return tx.Put([]byte("bytes"), make([]byte, n)) }
}

// runGroup has the first member inside its function while the others queue up,
// and returns what happened to each, the trail, and how many commits it took.
func runGroup(t *testing.T, s *Store, members []member) (outcomes map[string]string, trail string, commits int) {
	t.Helper()
	before := lastCommit(t, s)
	type outcome struct{ name, text string }
	results := make(chan outcome, len(members))
	queued := make(chan struct{})
	for i, m := range members {
		go func() {
			text := "vanished"
			defer func() {
				if p := recover(); p != nil {
					text = fmt.Sprint(p)
				}
				results <- outcome{m.name, text}
			}()
			text = fmt.Sprint(s.Update(context.Background(), func(tx kv.Tx) error {
				if i == 0 {
					<-queued
				}
				return m.run(tx)
			}))
		}()
		synctest.Wait() // it is inside, or the next in the queue
	}
	close(queued)
	outcomes = map[string]string{}
	for range members {
		o := <-results
		outcomes[o.name] = o.text
	}
	err := s.View(t.Context(), func(r kv.Reader) error {
		b, err := r.Get([]byte("trail"))
		trail = string(b)
		if pairs, _ := r.Scan([]byte("junk"), nil, 1); len(pairs) > 0 {
			t.Error("a failed member left a trace")
		}
		_, baseErr := r.Get([]byte("base"))
		return errors.Join(err, baseErr)
	})
	if err != nil {
		t.Error(err)
	}
	return outcomes, trail, lastCommit(t, s) - before
}

func (m member) run(tx kv.Tx) error {
	trail, err := tx.Get([]byte("trail"))
	if err != nil {
		return err
	}
	if err := tx.Put([]byte("trail"), append(trail, m.name...)); err != nil {
		return err
	}
	if m.fn == nil {
		return nil
	}
	return m.fn(tx)
}

func lastCommit(t *testing.T, s *Store) (id int) {
	t.Helper()
	if err := s.db.View(func(tx *bolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func openGroup(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "test.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	err = s.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(tx.Put([]byte("trail"), nil), tx.Put([]byte("base"), nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWaitingUpdatesShareACommit(t *testing.T) {
	const ok, failed, panicked = "<nil>", "a member failed", "a member panicked"
	for _, row := range []struct {
		name     string
		members  []member
		outcomes []string
		trail    string
		commits  int
	}{
		{"one alone", []member{{"a", nil}}, []string{ok}, "a", 1},
		{"all who wait join, in the order of arrival", []member{{"a", nil}, {"b", nil}, {"c", nil}, {"d", nil}}, []string{ok, ok, ok, ok}, "abcd", 1},
		{"a failed member takes back its own writes only", []member{{"a", nil}, {"b", fails}, {"c", nil}}, []string{ok, failed, ok}, "ac", 1},
		{"a panicking member takes back its own writes only", []member{{"a", nil}, {"b", panics}, {"c", nil}}, []string{ok, panicked, ok}, "ac", 1},
		{"when the first fails the next leads", []member{{"a", fails}, {"b", nil}, {"c", nil}}, []string{failed, ok, ok}, "bc", 1},
		{"when the first panics the next leads", []member{{"a", panics}, {"b", nil}, {"c", fails}}, []string{panicked, ok, failed}, "b", 1},
		{"when all fail nothing is committed", []member{{"a", fails}, {"b", panics}, {"c", fails}}, []string{failed, panicked, failed}, "", 0},
		{"a full group takes no more", []member{{"a", writes(maxGroupBytes)}, {"b", nil}, {"c", nil}}, []string{ok, ok, ok}, "abc", 2},
		{"the writes of a failed member do not fill the group", []member{{"a", nil}, {"b", func(tx kv.Tx) error {
			return errors.Join(writes(maxGroupBytes)(tx), errMember)
		}}, {"c", nil}}, []string{ok, failed, ok}, "ac", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openGroup(t, Options{})
				got, trail, commits := runGroup(t, s, row.members)
				want := map[string]string{}
				for i, m := range row.members {
					want[m.name] = row.outcomes[i]
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("outcomes differ (-want +got):\n%s", diff)
				}
				if trail != row.trail || commits != row.commits {
					t.Errorf("trail %q in %d commits, want %q in %d", trail, commits, row.trail, row.commits)
				}
			})
		})
	}
}

func TestAnUpdateThatWritesNothingCostsNoCommit(t *testing.T) {
	s := openGroup(t, Options{})
	before := lastCommit(t, s)
	err := s.Update(t.Context(), func(tx kv.Tx) error { _, err := tx.Get([]byte("base")); return err })
	if got := lastCommit(t, s); err != nil || got != before {
		t.Errorf("Update = %v, commit %d after commit %d", err, got, before)
	}
}

// What a member saw may have been lost with the commit, so also a member that
// has failed for its own reason must not report that reason.
func TestAFailedCommitIsToldToEveryMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openGroup(t, Options{MaxSize: 1 << 20})
		got, trail, _ := runGroup(t, s, []member{{"a", nil}, {"b", writes(2 << 20)}, {"c", fails}, {"d", nil}})
		for name, text := range got {
			if !strings.HasPrefix(text, "commit to ") {
				t.Errorf("member %s got %q, want the error of the commit", name, text)
			}
		}
		if trail != "" {
			t.Errorf("trail %q, want nothing", trail)
		}
		if got, trail, _ := runGroup(t, s, []member{{"e", nil}, {"f", nil}}); got["e"] != "<nil>" || trail != "ef" {
			t.Errorf("after the failure: %v, trail %q", got, trail)
		}
	})
}

// The writes of a member that cannot be taken back must not be committed, so
// the others fail with it, and those who come later start anew.
func TestAFailedUndoFailsTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openGroup(t, Options{})
		breaks := func(tx kv.Tx) error { return errors.Join(fails(tx), s.open.tx.Rollback()) }
		got, trail, _ := runGroup(t, s, []member{{"a", nil}, {"b", breaks}, {"c", nil}})
		for _, name := range []string{"a", "b"} {
			if !strings.HasPrefix(got[name], "undo: ") {
				t.Errorf("member %s got %q, want the error of the undo", name, got[name])
			}
		}
		if got["c"] != "<nil>" || trail != "c" {
			t.Errorf("member c got %q and the trail is %q", got["c"], trail)
		}
	})
}

// followers is a store all of whose Updates join a group that another opened,
// so that the undo log does the work that a rollback does for a leader.
type followers struct{ *Store }

func (s followers) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := s.writer.Acquire(ctx); err != nil {
		return err
	}
	defer s.writer.Release()
	g, err := s.begin()
	if err != nil {
		return err
	}
	defer func() {
		if s.open == g {
			s.commit()
		}
	}()
	return s.take(g, follower, fn)
}

func openFollowers(o Options) kvtest.Open {
	return func(tb testing.TB) kv.Store {
		tb.Helper()
		s, err := Open(filepath.Join(tb.TempDir(), "test.db"), o)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = s.Close() })
		return followers{s}
	}
}

func TestFollowersKeepTheContract(t *testing.T) {
	kvtest.Run(t, openFollowers(Options{}), kvtest.Without(kvtest.LargeValues))
}

// The smallest mapping moves the memory that the undo log was copied from.
func TestFollowersAnswerLikeTheOracle(t *testing.T) {
	kvtest.Differential(t, openFollowers(Options{InitialMmapSize: 1}))
}
