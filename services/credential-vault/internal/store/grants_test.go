package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// grant returns one of a connection, with every field set.
func grant(c core.Connection) core.Grant {
	return core.Grant{
		UID: c.UID, Change: 1, Version: 7, Kind: oauth.AuthorizationCode, Edits: 3, Seal: "seal",
		Access: []byte("\x01access"), Refresh: []byte("\x01refresh"),
		ExpireTime: noon.Add(time.Hour), RefreshExpireTime: noon.Add(1000 * time.Hour), ObtainTime: noon, UseTime: noon.Add(time.Minute),
		Scopes: []string{"read", "write"}, Identity: "ann@crm.example",
		TokenOrigins: []string{"https://login.crm.example:443"}, Origins: []core.Origin{{Scheme: "https", Host: "crm.example.com:443"}},
		Placement: oauth.Placement{Header: "X-Token", Prefix: "OAuth "}, Due: noon.Add(50 * time.Minute),
		Attempt:  core.Attempt{ID: "a", Start: noon, Deadline: noon.Add(time.Minute), Interrupted: 2},
		Failures: 3, Failure: "the provider is down", FailureEdits: 3, Hopeless: true, NotBefore: noon.Add(time.Minute),
		Rejections: 4, RejectTime: noon.Add(time.Second),
	}
}

func writeGrant(t *testing.T, s *store.Store, w core.GrantWrite) {
	t.Helper()
	if err := s.WriteGrant(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

func held(t *testing.T, s *store.Store, id string) core.Held {
	t.Helper()
	h, err := s.Held(t.Context(), name(id))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAGrantComesBackAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		c := connection("crm")
		insert(t, s, c)
		if diff := cmp.Diff(core.Held{Connection: c, Secrets: secrets()}, held(t, s, "crm")); diff != "" {
			t.Errorf("before there is one: %s", diff)
		}
		for title, g := range map[string]core.Grant{"every field": grant(c), "none": {UID: c.UID, Change: 2, Origins: []core.Origin{}}} {
			g.Change = held(t, s, "crm").Grant.Change + 1
			writeGrant(t, s, core.GrantWrite{Of: c, Grant: g})
			if diff := cmp.Diff(core.Held{Connection: c, Secrets: secrets(), Grant: g}, held(t, s, "crm")); diff != "" {
				t.Errorf("%s: %s", title, diff)
			}
		}
		if _, err := s.Held(t.Context(), name("nope")); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPeopleSeeOfAGrantWhoseItIs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		c := connection("crm")
		insert(t, s, c)
		writeGrant(t, s, core.GrantWrite{Of: c, Grant: grant(c)})
		want := c
		want.Identity, want.GrantedScopes, want.TokenExpireTime = "ann@crm.example", []string{"read", "write"}, noon.Add(time.Hour)
		got, err := s.Connection(t.Context(), c.Name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s, %v", diff, err)
		}
		for _, q := range []core.ConnectionQuery{{}, {Owner: "ann"}, {Connector: "crm"}} {
			q.Environment, q.Limit = "default", 10
			all, _, err := s.Connections(t.Context(), q)
			if diff := cmp.Diff([]core.Connection{want}, all); diff != "" || err != nil {
				t.Errorf("%+v: %s, %v", q, diff, err)
			}
		}
	})
}

func TestAGrantIsWrittenOnlyOverTheOneThatWasSeen(t *testing.T) {
	for title, change := range map[string]func(w *core.GrantWrite){
		"a grant that was written meanwhile": func(w *core.GrantWrite) { w.Grant.Change = 2 },
		"a grant that is there no more":      func(w *core.GrantWrite) { w.Grant.Change = 4 },
		"a first one where there is one":     func(w *core.GrantWrite) { w.Grant.Change = 1 },
		"a connection of the same name":      func(w *core.GrantWrite) { w.Of.UID = "other" },
		"a connection that is gone":          func(w *core.GrantWrite) { w.Of.Name = name("nope") },
		"a connection that was changed meanwhile": func(w *core.GrantWrite) {
			c := w.Of
			c.Change += 2
			w.Becomes = &c
		},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				c := connection("crm")
				insert(t, s, c)
				g := grant(c)
				for g.Change = 1; g.Change <= 2; g.Change++ {
					writeGrant(t, s, core.GrantWrite{Of: c, Grant: g})
				}
				before := everything(t, engine)
				w := core.GrantWrite{Of: c, Grant: g, Audit: record(core.ActionRefreshed, "crm", noon)}
				change(&w)
				if err := s.WriteGrant(t.Context(), w); !errors.Is(err, core.ErrChanged) {
					t.Errorf("got %v", err)
				}
				if diff := cmp.Diff(before, everything(t, engine)); diff != "" {
					t.Errorf("something was written: %s", diff)
				}
			})
		})
	}
}

func TestTheGrantOfADeletedConnectionIsGone(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		c := connection("crm")
		insert(t, s, c)
		writeGrant(t, s, core.GrantWrite{Of: c, Grant: grant(c)})
		if err := s.Remove(t.Context(), core.Write{Connection: c}); err != nil {
			t.Fatal(err)
		}
		for key := range dump(t, engine) {
			if strings.HasPrefix(key, "g") {
				t.Errorf("%q is left", key)
			}
		}
		c.UID = "another"
		insert(t, s, c)
		if g := held(t, s, "crm").Grant; g.Change != 0 {
			t.Errorf("the next connection has the grant %+v", g)
		}
	})
}

func TestTheMostOverdueGrantIsTheFirst(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for i, due := range []time.Duration{3, 1, 0, 2, 9} {
			c := connection(fmt.Sprintf("crm-%d", i))
			c.Name.Environment = []string{"default", "prod"}[i%2]
			c.Connector.Environment = c.Name.Environment
			insert(t, s, c)
			g := grant(c)
			if g.Due = (time.Time{}); due > 0 {
				g.Due = noon.Add(due)
			}
			writeGrant(t, s, core.GrantWrite{Of: c, Grant: g})
		}
		ids := func(until time.Duration, limit int) (ids []string) {
			due, err := s.DueGrants(t.Context(), noon.Add(until), limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range due {
				ids = append(ids, d.Name.String())
				if d.Provider != "https://login.crm.example:443" {
					t.Errorf("the provider is %q", d.Provider)
				}
			}
			return ids
		}
		all := []string{"environments/prod/connections/crm-1", "environments/prod/connections/crm-3", "environments/default/connections/crm-0"}
		for limit, want := range map[int][]string{1: all[:1], 2: all[:2], 100: all} {
			if diff := cmp.Diff(want, ids(3, limit)); diff != "" {
				t.Errorf("of %d: %s", limit, diff)
			}
		}
		if got := ids(0, 100); got != nil {
			t.Errorf("before any is due: %v", got)
		}
		// One is put off, another is not to be renewed any more.
		for id, due := range map[string]time.Time{"crm-1": noon.Add(20), "crm-3": {}} {
			h, err := s.Held(t.Context(), core.Connection{Name: name(id)}.Name)
			if err == nil {
				t.Fatalf("%s is in the wrong environment", h.Connection.Name)
			}
			in := name(id)
			in.Environment = "prod"
			if h, err = s.Held(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			h.Grant.Due = due
			h.Grant.Change++
			writeGrant(t, s, core.GrantWrite{Of: h.Connection, Grant: h.Grant})
		}
		if diff := cmp.Diff([]string{"environments/default/connections/crm-0"}, ids(3, 100)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheEventOfALostGrant(t *testing.T) {
	for title, c := range map[string]struct {
		notice core.Notice
		kind   string
	}{
		"a grant that is lost":  {core.NoticeNeedsAuthorization, "ferrule.connection.needs-authorization"},
		"a state of error":      {core.NoticeFailed, "ferrule.connection.failed"},
		"a grant that is given": {core.NoticeAuthorized, "ferrule.connection.authorized"},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				conn := connection("crm")
				insert(t, s, conn)
				next := conn
				next.Change, next.State, next.StateReason = 2, core.StateNeedsAuthorization, "gone"
				writeGrant(t, s, core.GrantWrite{Of: conn, Becomes: &next, Grant: grant(conn), Notice: c.notice})
				subject, event := lastEvent(t, engine)
				if !strings.HasPrefix(subject, "ferrule.connection.") {
					t.Errorf("it is published at %q", subject)
				}
				want := map[string]any{
					"specversion": "1.0", "id": "environments/default/connections/crm@uid-of-crm-2", "source": "environments/default/connections/crm",
					"type": c.kind, "time": "2026-03-01T12:01:00Z", "datacontenttype": "application/json",
					"data": map[string]any{
						"connection": "environments/default/connections/crm", "connector": "environments/default/connectors/crm",
						"display_name": "Ann's CRM", "owner": "ann", "state": "NEEDS_AUTHORIZATION", "reason": "gone",
					},
				}
				if diff := cmp.Diff(want, event); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// lastEvent returns the subject and the data of the newest message with data.
func lastEvent(t *testing.T, engine kv.Store) (subject string, event map[string]any) {
	t.Helper()
	err := engine.View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, []byte("outbox/message/"), 100) {
			if err != nil {
				return err
			}
			_, after, ok := strings.Cut(string(p.Value), "ferrule.connection.")
			at := strings.Index(after, "{")
			if !ok || at < 0 {
				continue
			}
			subject = "ferrule.connection." + after[:at]
			if err := json.NewDecoder(strings.NewReader(after[at:])).Decode(&event); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || event == nil {
		t.Fatalf("there is no event: %v", err)
	}
	return subject, event
}
