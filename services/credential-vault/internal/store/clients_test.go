package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// oauthClient returns a client of the connector crm, with every field set.
func oauthClient(id, set string) core.OAuthClient {
	return core.OAuthClient{
		Name: resource.OAuthClient{Environment: "default", ID: id}, UID: "uid-of-" + id, Edits: 1,
		Connector: resource.Connector{Environment: "default", ID: "crm"}, ParameterSet: set, ClientID: "makers", Method: oauth.SecretBasic,
		Settings: map[string]string{"tenant": "contoso"}, SecretNames: []string{"client_secret"}, Key: []byte("wrapped"),
		TokenOrigins: []string{"https://login.crm.example:443", "https://*.crm.example:443"}, APIOrigins: []string{"https://api.crm.example:443"}, Issuer: "https://login.crm.example", Registered: true,
		CreateTime: noon, UpdateTime: noon.Add(time.Nanosecond),
	}
}

func clientSecrets() []core.Sealed {
	return []core.Sealed{{Parameter: "client_secret", Version: "1", Blob: []byte("\x01sealed")}}
}

func TestAClientIsReadAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		want := oauthClient("crm", "oauth/ключ")
		if err := s.InsertClient(t.Context(), core.ClientWrite{Client: want, Secrets: clientSecrets()}); err != nil {
			t.Fatal(err)
		}
		for how, read := range map[string]func() (core.OAuthClient, []core.Sealed, error){
			"by its name": func() (core.OAuthClient, []core.Sealed, error) { return s.Client(t.Context(), want.Name) },
			"by what it is": func() (core.OAuthClient, []core.Sealed, error) {
				return s.ClientFor(t.Context(), want.Connector, "oauth/ключ")
			},
		} {
			got, sealed, err := read()
			if err != nil || !cmp.Equal(got, want) || !cmp.Equal(sealed, clientSecrets()) {
				t.Errorf("%s: got %s, %v, %v", how, cmp.Diff(want, got), sealed, err)
			}
		}
		if _, _, err := s.ClientFor(t.Context(), want.Connector, "another"); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if _, _, err := s.Client(t.Context(), resource.OAuthClient{Environment: "staging", ID: "crm"}); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNamesAndSetsAreTakenOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		insert := func(id, set string) error {
			return s.InsertClient(t.Context(), core.ClientWrite{Client: oauthClient(id, set), Secrets: clientSecrets()})
		}
		for _, step := range []struct {
			id, set string
			want    error
		}{{"a", "", nil}, {"a", "x", core.ErrExists}, {"b", "", core.ErrServed}, {"b", "x", nil}, {"c", strings.Repeat("long", 64), nil}} {
			if err := insert(step.id, step.set); !errors.Is(err, step.want) {
				t.Errorf("%s for %q: got %v, want %v", step.id, step.set, err, step.want)
			}
		}
		got, _, err := s.ClientFor(t.Context(), oauthClient("", "").Connector, "unknown")
		if err != nil || got.Name.ID != "a" {
			t.Errorf("the one of all is %v, %v", got.Name, err)
		}
		if err := s.RemoveClient(t.Context(), core.ClientWrite{Client: oauthClient("a", "")}); err != nil {
			t.Fatal(err)
		}
		if err := insert("a", ""); err != nil {
			t.Errorf("what was removed is still taken: %v", err)
		}
	})
}

func TestOnlyWhoHasSeenAClientChangesIt(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		c := oauthClient("crm", "")
		gone := core.ClientWrite{Client: c}
		if err := s.RemoveClient(t.Context(), gone); !errors.Is(err, core.ErrChanged) {
			t.Errorf("one that is not there: %v", err)
		}
		if err := s.InsertClient(t.Context(), core.ClientWrite{Client: c, Secrets: clientSecrets()}); err != nil {
			t.Fatal(err)
		}
		next := c
		next.Edits, next.ClientID = 2, "second"
		if err := s.ReplaceClient(t.Context(), core.ClientWrite{Client: next}); err != nil {
			t.Fatal(err)
		}
		got, sealed, err := s.Client(t.Context(), c.Name)
		if err != nil || got.ClientID != "second" || !cmp.Equal(sealed, clientSecrets()) {
			t.Errorf("got %+v, %v, %v", got, sealed, err)
		}
		stranger := next
		stranger.UID, stranger.Edits = "another", 3
		for what, err := range map[string]error{
			"the same change twice": s.ReplaceClient(t.Context(), core.ClientWrite{Client: next}),
			"another client":        s.ReplaceClient(t.Context(), core.ClientWrite{Client: stranger}),
			"an old removal":        s.RemoveClient(t.Context(), gone),
		} {
			if !errors.Is(err, core.ErrChanged) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		next.Edits = 3
		if err := s.ReplaceClient(t.Context(), core.ClientWrite{Client: next, Secrets: []core.Sealed{}}); err != nil {
			t.Fatal(err)
		}
		if _, sealed, err := s.Client(t.Context(), c.Name); err != nil || sealed != nil {
			t.Errorf("the secrets are still there: %v, %v", sealed, err)
		}
		if err := s.RemoveClient(t.Context(), core.ClientWrite{Client: next}); err != nil {
			t.Fatal(err)
		}
		if left := dump(t, engine); len(left) != 0 {
			t.Errorf("left behind are %v", left)
		}
	})
}

func TestClientsAreListedInOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for _, id := range []string{"c", "a", "b", "d"} {
			c := oauthClient(id, id)
			if id == "d" {
				c.Connector.ID = "erp"
			}
			if err := s.InsertClient(t.Context(), core.ClientWrite{Client: c}); err != nil {
				t.Fatal(err)
			}
		}
		for title, c := range map[string]struct {
			q    core.ClientQuery
			ids  string
			next string
		}{
			"all":               {core.ClientQuery{Environment: "default", Limit: 9}, "abcd", ""},
			"a page":            {core.ClientQuery{Environment: "default", Limit: 2}, "ab", "b"},
			"the next page":     {core.ClientQuery{Environment: "default", After: "b", Limit: 2}, "cd", ""},
			"of one connector":  {core.ClientQuery{Environment: "default", Connector: "erp", Limit: 1}, "d", ""},
			"another's":         {core.ClientQuery{Environment: "staging", Limit: 9}, "", ""},
			"of no connector":   {core.ClientQuery{Environment: "default", Connector: "x", Limit: 9}, "", ""},
			"a page of several": {core.ClientQuery{Environment: "default", Connector: "crm", Limit: 1}, "a", "a"},
		} {
			found, next, err := s.Clients(t.Context(), c.q)
			ids := ""
			for _, f := range found {
				ids += f.Name.ID
			}
			if err != nil || ids != c.ids || next != c.next {
				t.Errorf("%s: got %q, %q, %v", title, ids, next, err)
			}
		}
	})
}

func TestADamagedClientIsAnErrorAndNoPanic(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for key, value := range map[string]string{"oc/default/crm": "\x01{", "oc/default/old": "\x09{}", "oc/default/odd": "\x01{\"connector\":\"x\"}"} {
			err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
			if err != nil {
				t.Fatal(err)
			}
			id := strings.TrimPrefix(key, "oc/default/")
			if _, _, err := s.Client(t.Context(), resource.OAuthClient{Environment: "default", ID: id}); err == nil || errors.Is(err, core.ErrNotFound) {
				t.Errorf("%s: got %v", key, err)
			}
		}
		found, _, err := s.Clients(t.Context(), core.ClientQuery{Environment: "default", Limit: 5})
		if err != nil || len(found) != 3 || !found[0].Unreadable || !found[2].Unreadable || found[1].ClientID != "" {
			t.Errorf("listed as %+v, %v", found, err)
		}
	})
}
