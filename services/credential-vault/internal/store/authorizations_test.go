package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// signIn returns a sign-in for the connection "c", with every field set.
func signIn(id string) core.Authorization {
	return core.Authorization{
		Name:   resource.Authorization{Environment: "default", Connection: "c", ID: id},
		Change: 1, ConnectionUID: "uid-of-c", Principal: "ann", State: core.AuthorizationPending, Kind: oauth.AuthorizationCode,
		StateHash: "hash-of-" + id, Seal: "seal", Secrets: []core.Sealed{{Parameter: "authorization\x00verifier", Version: "seal", Blob: []byte("sealed")}},
		Profile: []oauth.Facet{{Name: "token endpoint", Value: "https://login.crm.example/token"}}, IssuerNamed: true, APIOrigins: []core.Origin{{Scheme: "https", Host: "api.crm.example:443"}}, ReturnURL: "http://127.0.0.1:9/", Tries: 1, PollTime: noon, PollInterval: 5 * time.Second,
		ExtraScopes: []string{"openid"}, Scopes: []string{"read"},
		TokenExpireTime: noon.Add(time.Hour), RefreshExpireTime: noon.Add(2 * time.Hour), Identity: "victor", Reason: "r",
		ExpireTime: noon.Add(10 * time.Minute), CreateTime: noon,
	}
}

func limits() core.SignInLimits {
	return core.SignInLimits{OfConnection: 2, OfPrincipal: 4, Drop: func(a core.Authorization) core.Authorization {
		a.Change++
		a.State, a.Reason = core.AuthorizationFailed, "dropped"
		return a
	}}
}

// withConnection is a store with the connection "c".
func withConnection(t *testing.T, engine kv.Store) *store.Store {
	t.Helper()
	s := open(engine)
	insert(t, s, connection("c"))
	return s
}

func begin(t *testing.T, s *store.Store, all ...core.Authorization) (dropped []string) {
	t.Helper()
	for _, a := range all {
		gone, err := s.InsertAuthorization(t.Context(), a, limits())
		if err != nil {
			t.Fatal(a.Name, err)
		}
		for _, d := range gone {
			dropped = append(dropped, d.Name.ID+" "+d.Reason)
		}
	}
	return dropped
}

func TestASignInIsReadAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		want := signIn("a")
		begin(t, s, want)
		got, err := s.Authorization(t.Context(), want.Name)
		if err != nil || !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got), err)
		}
		got, err = s.AuthorizationByState(t.Context(), "hash-of-a")
		if err != nil || got.Name != want.Name {
			t.Errorf("got %v, %v", got.Name, err)
		}
		if _, err := s.AuthorizationByState(t.Context(), "hash-of-b"); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		other := want.Name
		other.Connection = "d"
		if _, err := s.Authorization(t.Context(), other); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		all, err := s.Authorizations(t.Context(), want.Name.Parent())
		if err != nil || len(all) != 1 {
			t.Errorf("got %d, %v", len(all), err)
		}
	})
}

func TestTheOldestSignInsMakeRoom(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		at := func(id string, after time.Duration) core.Authorization {
			a := signIn(id)
			a.CreateTime = noon.Add(after)
			return a
		}
		if dropped := begin(t, s, at("z", 0), at("y", 1)); dropped != nil {
			t.Errorf("dropped are %v", dropped)
		}
		if dropped := begin(t, s, at("x", 2), at("w", 3)); !cmp.Equal(dropped, []string{"z dropped", "y dropped"}) {
			t.Errorf("dropped are %v", dropped)
		}
		got, err := s.Authorization(t.Context(), signIn("z").Name)
		if err != nil || got.State != core.AuthorizationFailed || got.Reason != "dropped" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestOfSignInsThatAreOverOnlyTheNewestAreKept(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		before := len(dump(t, engine))
		l := limits()
		l.OfConnection, l.OfPrincipal = 3, 100
		l.Drop = func(a core.Authorization) core.Authorization {
			a.Change++
			a.State, a.Secrets = core.AuthorizationFailed, nil
			return a
		}
		const many = 300
		for i := range many {
			a := signIn(fmt.Sprintf("a%03d", i))
			a.CreateTime = noon.Add(time.Duration(i) * time.Second)
			if _, err := s.InsertAuthorization(t.Context(), a, l); err != nil {
				t.Fatal(err)
			}
		}
		all, err := s.Authorizations(t.Context(), name("c"))
		if err != nil || len(all) != core.MaxEndedSignIns+3 || all[0].Name.ID != fmt.Sprintf("a%03d", many-len(all)) {
			t.Errorf("%d are kept, from %v on, %v", len(all), all[0].Name, err)
		}
		for i, a := range all {
			if open := a.State == core.AuthorizationPending; open != (i >= core.MaxEndedSignIns) {
				t.Errorf("%s is %v", a.Name.ID, a.State)
			}
		}
		// A record with three indexes each, and a fourth for those that are not over.
		if left := len(dump(t, engine)) - before; left != 4*len(all)+3 {
			t.Errorf("%d entries are left of %d sign-ins", left, len(all))
		}
	})
}

func TestASignInWithSomethingToGiveBackStaysUntilThatIsDone(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		begin(t, s, signIn("first"))
		failed := signIn("first")
		failed.Change, failed.State = 2, core.AuthorizationFailed
		if err := s.ReplaceAuthorization(t.Context(), failed); err != nil {
			t.Fatal(err)
		}
		pass := func() {
			t.Helper()
			for i := range core.MaxEndedSignIns + 1 {
				a := signIn(fmt.Sprint("z", i))
				a.CreateTime, a.State, a.Secrets = noon.Add(time.Hour), core.AuthorizationSucceeded, nil
				begin(t, s, a)
			}
		}
		pass()
		if got, err := s.Authorization(t.Context(), failed.Name); err != nil || len(got.Secrets) == 0 {
			t.Fatalf("it is gone with its token: %v", err)
		}
		failed.Change, failed.Secrets = 3, nil
		if err := s.ReplaceAuthorization(t.Context(), failed); err != nil {
			t.Fatal(err)
		}
		begin(t, s, signIn("last"))
		if _, err := s.Authorization(t.Context(), failed.Name); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("the oldest is kept: %v", err)
		}
	})
}

func TestAPrincipalHasAtMostAsManySignInsAsMayBe(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		start := func(i int, principal string) (core.Authorization, error) {
			id := fmt.Sprintf("c%d", i)
			if err := s.Insert(t.Context(), core.Write{Connection: connection(id)}); err != nil {
				t.Fatal(err)
			}
			a := signIn("a")
			a.Name.Connection, a.ConnectionUID, a.Principal = id, "uid-of-"+id, principal
			_, err := s.InsertAuthorization(t.Context(), a, limits())
			return a, err
		}
		var first core.Authorization
		for i := range 4 {
			a, err := start(i, "ann")
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = a
			}
		}
		if _, err := start(4, "ann"); !errors.Is(err, core.ErrLimit) {
			t.Errorf("got %v", err)
		}
		if _, err := start(5, "an"); err != nil {
			t.Errorf("somebody with a shorter name: %v", err)
		}
		first.Change, first.State = 2, core.AuthorizationSucceeded
		if err := s.ReplaceAuthorization(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if _, err := start(6, "ann"); err != nil {
			t.Errorf("one that is over still counts: %v", err)
		}
	})
}

func TestOnlyWhoHasSeenASignInChangesIt(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		a := signIn("a")
		stranger := signIn("b")
		stranger.ConnectionUID = "another"
		if _, err := s.InsertAuthorization(t.Context(), stranger, limits()); !errors.Is(err, core.ErrChanged) {
			t.Errorf("for another connection: %v", err)
		}
		nowhere := signIn("b")
		nowhere.Name.Connection = "d"
		if _, err := s.InsertAuthorization(t.Context(), nowhere, limits()); !errors.Is(err, core.ErrChanged) {
			t.Errorf("for none: %v", err)
		}
		begin(t, s, a)
		next := a
		next.Change, next.State = 2, core.AuthorizationReceived
		if err := s.ReplaceAuthorization(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"the same change twice": s.ReplaceAuthorization(t.Context(), next),
			"an old removal":        s.RemoveAuthorization(t.Context(), a),
			"one that never was":    s.ReplaceAuthorization(t.Context(), signIn("b")),
		} {
			if !errors.Is(err, core.ErrChanged) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if err := s.RemoveAuthorization(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		for key := range dump(t, engine) {
			if key[1] == 'n' {
				t.Errorf("%s is left", key)
			}
		}
	})
}

func TestSignInsEndWithTheirConnection(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		before := dump(t, engine)
		insert(t, s, connection("cc"))
		kept := signIn("a")
		kept.Name.Connection, kept.ConnectionUID, kept.StateHash = "cc", "uid-of-cc", "kept"
		begin(t, s, signIn("a"), signIn("b"), kept)
		if err := s.Remove(t.Context(), core.Write{Connection: connection("c")}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"a", "b"} {
			if _, err := s.AuthorizationByState(t.Context(), "hash-of-"+id); !errors.Is(err, core.ErrNotFound) {
				t.Errorf("%s: got %v", id, err)
			}
		}
		if _, err := s.AuthorizationByState(t.Context(), "kept"); err != nil {
			t.Errorf("another's is gone too: %v", err)
		}
		if err := s.Remove(t.Context(), core.Write{Connection: connection("cc")}); err != nil {
			t.Fatal(err)
		}
		for key := range dump(t, engine) {
			if _, was := before[key]; !was {
				t.Errorf("%s is left", key)
			}
		}
	})
}

func TestSignInsComeUpWhenSomethingIsToBeDone(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		a, b := signIn("a"), signIn("b")
		b.ExpireTime = noon.Add(5 * time.Minute)
		begin(t, s, a, b)
		due := func(at time.Time) (ids string) {
			t.Helper()
			found, err := s.DueAuthorizations(t.Context(), at, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				ids += f.Name.ID
			}
			return ids
		}
		for at, want := range map[time.Duration]string{0: "", 5 * time.Minute: "", 5*time.Minute + 1: "b", time.Hour: "ba"} {
			if got := due(noon.Add(at)); got != want {
				t.Errorf("after %v: got %q, want %q", at, got, want)
			}
		}
		if found, err := s.DueAuthorizations(t.Context(), noon.Add(time.Hour), 1); err != nil || len(found) != 1 {
			t.Errorf("got %d, %v", len(found), err)
		}
		b.Change, b.State, b.Secrets = 2, core.AuthorizationFailed, nil
		if err := s.ReplaceAuthorization(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := due(noon.Add(time.Hour)); got != "a" {
			t.Errorf("one that is over comes up at once: %q", got)
		}
		if got := due(noon.Add(66 * time.Minute)); got != "ab" {
			t.Errorf("it never comes up: %q", got)
		}
		a.Change, a.ClaimTime = 2, noon
		if err := s.ReplaceAuthorization(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if got := due(noon.Add(61 * time.Second)); got != "a" {
			t.Errorf("one that was taken up and left: %q", got)
		}
	})
}

func TestAGrantAndItsSignInAreWrittenTogether(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		begin(t, s, signIn("a"))
		of := connection("c")
		becomes := of
		becomes.Change++
		done := signIn("a")
		done.Change, done.State = 2, core.AuthorizationSucceeded
		w := core.GrantWrite{Of: of, Becomes: &becomes, Grant: core.Grant{UID: of.UID, Change: 1, Version: 1, Access: []byte("x")}, SignIn: &done}
		spoilt := w
		late := done
		late.Change = 3
		spoilt.SignIn = &late
		if err := s.WriteGrant(t.Context(), spoilt); !errors.Is(err, core.ErrChanged) {
			t.Fatalf("got %v", err)
		}
		if held, err := s.Held(t.Context(), of.Name); err != nil || held.Grant.Change != 0 {
			t.Fatalf("half of it was written: %+v, %v", held.Grant, err)
		}
		if err := s.WriteGrant(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Authorization(t.Context(), done.Name); err != nil || got.State != core.AuthorizationSucceeded {
			t.Errorf("got %v, %v", got.State, err)
		}
	})
}

func TestAnEditTakesAGrantAwayWithIt(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		of := connection("c")
		if err := s.WriteGrant(t.Context(), core.GrantWrite{Of: of, Grant: core.Grant{UID: of.UID, Change: 1, Access: []byte("x"), Due: noon}}); err != nil {
			t.Fatal(err)
		}
		of.Change++
		stale := core.Grant{UID: of.UID, Change: 5}
		if err := s.Replace(t.Context(), core.Write{Connection: of, Grant: &stale}); !errors.Is(err, core.ErrChanged) {
			t.Fatalf("got %v", err)
		}
		lost := core.Grant{UID: of.UID, Change: 2}
		if err := s.Replace(t.Context(), core.Write{Connection: of, Grant: &lost}); err != nil {
			t.Fatal(err)
		}
		held, err := s.Held(t.Context(), of.Name)
		if err != nil || len(held.Grant.Access) != 0 {
			t.Errorf("got %+v, %v", held.Grant, err)
		}
		if due, err := s.DueGrants(t.Context(), noon.Add(time.Hour), 5); err != nil || len(due) != 0 {
			t.Errorf("it would still be renewed: %v, %v", due, err)
		}
	})
}

func TestADamagedSignInIsAnErrorAndNoPanic(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := withConnection(t, engine)
		begin(t, s, signIn("a"), signIn("c")) // the first would make room
		for key, value := range map[string]string{"n/default/c/a": "\x01{", "ns/odd": "no name", "ns/lost": "environments/default/connections/c/authorizations/gone"} {
			err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
			if err != nil {
				t.Fatal(err)
			}
		}
		for what, read := range map[string]func(ctx context.Context) error{
			"by name":      func(ctx context.Context) error { _, err := s.Authorization(ctx, signIn("a").Name); return err },
			"all of them":  func(ctx context.Context) error { _, err := s.Authorizations(ctx, name("c")); return err },
			"an odd state": func(ctx context.Context) error { _, err := s.AuthorizationByState(ctx, "odd"); return err },
			"a lost one":   func(ctx context.Context) error { _, err := s.AuthorizationByState(ctx, "lost"); return err },
			"a new sign-in": func(ctx context.Context) error {
				_, err := s.InsertAuthorization(ctx, signIn("b"), limits())
				return err
			},
		} {
			if err := read(t.Context()); err == nil {
				t.Errorf("%s: no error", what)
			}
		}
	})
}
