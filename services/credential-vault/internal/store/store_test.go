package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

func TestAConnectionComesBackAsItWasStored(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		insert(t, s, connection("crm"))

		got, err := s.Connection(t.Context(), name("crm"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(connection("crm"), got); diff != "" {
			t.Error(diff)
		}
		got, sealed, err := s.WithSecrets(t.Context(), name("crm"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(connection("crm"), got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(secrets(), sealed); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAConnectionThatIsNotThere(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		if _, err := s.Connection(t.Context(), name("crm")); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("Connection: %v", err)
		}
		if _, _, err := s.WithSecrets(t.Context(), name("crm")); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("WithSecrets: %v", err)
		}
		if err := s.Replace(t.Context(), core.Write{Connection: connection("crm")}); !errors.Is(err, core.ErrChanged) {
			t.Errorf("Replace: %v", err)
		}
		if err := s.Remove(t.Context(), core.Write{Connection: connection("crm")}); !errors.Is(err, core.ErrChanged) {
			t.Errorf("Remove: %v", err)
		}
		if got := dump(t, engine); len(got) != 0 {
			t.Errorf("something was written: %v", got)
		}
	})
}

func TestANameIsTakenOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		insert(t, s, connection("crm"))
		before := dump(t, engine)
		other := belonging("crm", "bob", "erp")
		err := s.Insert(t.Context(), core.Write{Connection: other, Audit: record(core.ActionCreated, "crm", noon)})
		if !errors.Is(err, core.ErrExists) {
			t.Fatalf("got %v, want ErrExists", err)
		}
		if diff := cmp.Diff(before, dump(t, engine)); diff != "" {
			t.Errorf("the refused write left something behind: %s", diff)
		}
	})
}

func TestOnlyWhoHasSeenTheLastChangeMakesTheNext(t *testing.T) {
	for title, spoil := range map[string]func(c *core.Connection){
		"a change was missed":           func(c *core.Connection) { c.Change = 3 },
		"the same change again":         func(c *core.Connection) { c.Change = 1 },
		"another connection's identity": func(c *core.Connection) { c.UID = "of its predecessor" },
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				insert(t, s, connection("crm"))
				next := connection("crm")
				next.Change = 2
				spoil(&next)
				if err := s.Replace(t.Context(), core.Write{Connection: next}); !errors.Is(err, core.ErrChanged) {
					t.Errorf("Replace: got %v, want ErrChanged", err)
				}
				next.Change++ // for a removal, the present change must be known
				if err := s.Remove(t.Context(), core.Write{Connection: next}); !errors.Is(err, core.ErrChanged) {
					t.Errorf("Remove: got %v, want ErrChanged", err)
				}
				if got, err := s.Connection(t.Context(), name("crm")); err != nil || !cmp.Equal(got, connection("crm")) {
					t.Errorf("the connection is now %+v, %v", got, err)
				}
			})
		})
	}
}

func TestSecretsAreKeptReplacedOrRemovedWithAChange(t *testing.T) {
	fresh := []core.Sealed{{Parameter: "password", Version: "2", Blob: []byte("\x01new")}}
	for title, c := range map[string]struct{ write, want []core.Sealed }{
		"nil keeps them":             {nil, secrets()},
		"others replace them":        {fresh, fresh},
		"an empty list removes them": {[]core.Sealed{}, nil},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				insert(t, s, connection("crm"))
				next := connection("crm")
				next.Change, next.DisplayName = 2, "renamed"
				if err := s.Replace(t.Context(), core.Write{Connection: next, Secrets: c.write}); err != nil {
					t.Fatal(err)
				}
				got, sealed, err := s.WithSecrets(t.Context(), name("crm"))
				if err != nil || got.DisplayName != "renamed" {
					t.Fatalf("got %+v, %v", got, err)
				}
				if diff := cmp.Diff(c.want, sealed); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestRemovalLeavesNothingButTheTrail(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		insert(t, s, connection("crm"))
		err := s.Remove(t.Context(), core.Write{Connection: connection("crm"), Audit: record(core.ActionDeleted, "crm", noon)})
		if err != nil {
			t.Fatal(err)
		}
		for key := range dump(t, engine) {
			if !strings.HasPrefix(key, `"a/`) && !strings.HasPrefix(key, `"b/`) && !strings.HasPrefix(key, `"h/`) {
				t.Errorf("%s is left", key)
			}
		}
		trail, _, err := s.AuditRecords(t.Context(), core.AuditQuery{AuditFilter: core.AuditFilter{Environment: "default", Connection: "crm"}, Limit: 10})
		if err != nil || len(trail) != 1 {
			t.Errorf("the trail is %v, %v", trail, err)
		}
		insert(t, s, connection("crm")) // the name is free again
	})
}

func TestEveryChangeIsAnnouncedOnceAndInOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		notified := 0
		s := announcing(engine, func() { notified++ })
		steps := []struct {
			do     func(core.Write) error
			write  core.Write
			change uint64
		}{
			{func(w core.Write) error { return s.Insert(t.Context(), w) }, core.Write{Secrets: secrets()}, 1},
			{func(w core.Write) error { return s.Replace(t.Context(), w) }, core.Write{}, 2},
			{func(w core.Write) error { return s.Replace(t.Context(), w) }, core.Write{Silent: true}, 3},
			{func(w core.Write) error { return s.Remove(t.Context(), w) }, core.Write{}, 3},
		}
		for _, step := range steps {
			step.write.Connection = connection("crm")
			step.write.Connection.Change = step.change
			if err := step.do(step.write); err != nil {
				t.Fatal(err)
			}
		}
		const subject = "ferrule.change.connection.default.crm environments/default/connections/crm@uid-of-crm-"
		if diff := cmp.Diff([]string{subject + "1", subject + "2", subject + "4"}, announced(t, engine)); diff != "" {
			t.Error(diff)
		}
		if notified != 3 {
			t.Errorf("the relay was woken %d times, want 3", notified)
		}
	})
}

func TestRefusedChangesAreNotAnnounced(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		insert(t, open(engine), connection("crm"))
		announced(t, engine)
		s := announcing(engine, func() { t.Error("the relay was woken") })
		if err := s.Insert(t.Context(), core.Write{Connection: connection("crm")}); err == nil {
			t.Error("a name was taken twice")
		}
		if n := waiting(t, engine); n != 0 {
			t.Errorf("%d announcements", n)
		}
	})
}

func TestOfManyWritersOnlyOneSucceedsPerChange(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		insert(t, s, connection("crm"))
		var all sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			all.Go(func() {
				next := connection("crm")
				next.Change = 2
				results[i] = s.Replace(t.Context(), core.Write{Connection: next})
			})
		}
		all.Wait()
		won := 0
		for _, err := range results {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, core.ErrChanged):
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d writers succeeded", won)
		}
	})
}

func TestRecordsThatCannotBeReadAreErrorsAndNotEmpty(t *testing.T) {
	const prefix = "default/crm"
	for title, c := range map[string]struct{ key, value, want string }{
		"a connection of a newer program": {"c/" + prefix, "\x02{}", "not as the vault wrote it"},
		"an empty connection":             {"c/" + prefix, "", "not as the vault wrote it"},
		"a damaged connection":            {"c/" + prefix, "\x01{", "not as the vault wrote it"},
		"a connection to nowhere":         {"c/" + prefix, "\x01{}", "not as the vault wrote it"},
		"secrets of a newer program":      {"s/" + prefix, "\x02[]", "version 2"},
		"damaged secrets":                 {"s/" + prefix, "\x01[", "decode"},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				insert(t, s, connection("crm"))
				err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(c.key), []byte(c.value)) })
				if err != nil {
					t.Fatal(err)
				}
				_, _, err = s.WithSecrets(t.Context(), name("crm"))
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "crm") {
					t.Errorf("got %v, want something about %q", err, c.want)
				}
			})
		})
	}
}

func TestTheFileSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	for _, step := range []func(s *store.Store){
		func(s *store.Store) { insert(t, s, connection("crm")) },
		func(s *store.Store) {
			got, sealed, err := s.WithSecrets(t.Context(), name("crm"))
			if err != nil || !cmp.Equal(got, connection("crm")) || !cmp.Equal(sealed, secrets()) {
				t.Errorf("after the restart: %+v, %v, %v", got, sealed, err)
			}
		},
	} {
		engine, err := boltkv.Open(path, boltkv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		step(open(engine))
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte("uid-of-crm")) {
		t.Error("the test does not look into the right file")
	}
}
