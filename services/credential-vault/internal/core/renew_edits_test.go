package core_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Owners who bring a refresh token bring one that can often be used once.
func TestAnEditThatLeavesTheSignInAloneLeavesItsTokens(t *testing.T) {
	renamed := core.Edit{Name: name("crm-1"), Fields: []core.Field{core.FieldDisplayName}, DisplayName: "CRM"}
	resigned := core.Edit{Name: name("crm-1"), Secrets: texts("clientSecret", "another")}
	for title, c := range map[string]struct {
		edits []core.Edit
		keeps bool
	}{
		"a new name":               {[]core.Edit{renamed, renamed}, true},
		"a value of the sign-in":   {[]core.Edit{resigned}, false},
		"a new name after a value": {[]core.Edit{resigned, renamed}, false},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				r.profile.Grant = oauth.RefreshToken
				v := r.replica(r.engine)
				conn := r.connect(v, time.Hour) // has rotated the owner's token already
				old := r.provider.newest()
				for _, e := range c.edits {
					if _, err := v.Update(t.Context(), ann(), e); err != nil {
						t.Fatal(err)
					}
				}
				if values, _, err := lend(t.Context(), v); err != nil || (values["token"] == old) != c.keeps {
					t.Errorf("got %v, %v, had %s", values, err, old)
				}
				time.Sleep(2 * time.Hour)
				if _, _, err := lend(t.Context(), v); err != nil || r.provider.used["refresh-1"] != c.keeps {
					t.Errorf("the rotated token was used: %v, %v", r.provider.used, err)
				}
				if g := r.grant(); g.Edits != conn.Edits+uint64(len(c.edits)) {
					t.Errorf("the grant is that of edit %d", g.Edits)
				}
			})
		})
	}
}

func TestAnEditDuringARenewalLeavesItsTokenToTheSameSignIn(t *testing.T) {
	for title, c := range map[string]struct {
		first bool // there is no token before
		edit  core.Edit
		keeps bool
	}{
		"a new name, and the first token": {true, core.Edit{Fields: []core.Field{core.FieldDisplayName}, DisplayName: "CRM"}, true},
		"a new name":                      {false, core.Edit{Fields: []core.Field{core.FieldDisplayName}, DisplayName: "CRM"}, true},
		"a value, and the first token":    {true, core.Edit{Secrets: texts("clientSecret", "another")}, false},
		"a value":                         {false, core.Edit{Secrets: texts("clientSecret", "another")}, false},
	} {
		t.Run(title, func(t *testing.T) {
			in(t, func(t *testing.T, r *grantRig) {
				r.profile.Grant = oauth.RefreshToken
				v := r.replica(r.engine)
				if c.first {
					r.insert()
				} else {
					r.connect(v, time.Hour)
				}
				r.provider.slow = 10 * time.Second
				time.Sleep(2 * time.Hour)
				done := make(chan struct{})
				go func() { _, _, _ = lend(t.Context(), v); close(done) }()
				synctest.Wait()
				c.edit.Name = name("crm-1")
				if _, err := v.Update(t.Context(), ann(), c.edit); err != nil {
					t.Fatal(err)
				}
				<-done
				if values, _, err := lend(t.Context(), v); err != nil || values["token"] != r.provider.newest() {
					t.Errorf("got %v, %v", values, err)
				}
				if asked := r.provider.asked(); (asked == 1) != c.keeps {
					t.Errorf("the provider was asked %d times", asked)
				}
			})
		})
	}
}

func TestEachRequestToAProviderIsOnRecord(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		r.provider.fail = []error{transient(), gone("invalid_grant")}
		for range 2 {
			time.Sleep(2 * time.Hour)
			_, _, _ = lend(t.Context(), v)
		}
		if _, err := v.AcceptGrant(t.Context(), ann(), r.state(v), r.profile, r.provider.issue(time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if _, _, err := lend(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		records, _, err := v.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range slices.Backward(records) {
			if a.Service == "credential-vault" {
				if a.Principal != "ann" {
					t.Errorf("%v has the principal %q", a.Action, a.Principal)
				}
				got = append(got, strings.TrimSpace(fmt.Sprint(a.Action, " ", a.OperationID, " ", a.Host)))
			}
		}
		want := []string{
			"USED oauth:token login.crm.example:443", "USED oauth:token login.crm.example:443", "REVOKED oauth:token",
			"REFRESHED oauth:token login.crm.example:443",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestATokenThatIsRenewedWhileTheOldOneIsRevokedIsRevokedToo(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile.Endpoints.Revocation = "https://login.crm.example/revoke"
		v := r.replica(r.engine)
		r.connect(v, time.Hour)
		time.Sleep(2 * time.Hour)
		var once sync.Once
		r.provider.took = func() { once.Do(func() { _, _, _ = lend(t.Context(), v) }) }
		conn, err := v.RevokeAuthorization(t.Context(), ann(), name("crm-1"))
		if err != nil || conn.State != core.StateNeedsAuthorization {
			t.Fatalf("got %v, %v", conn.State, err)
		}
		if r.provider.asked() != 1 || r.provider.revokes != 2 {
			t.Errorf("%d tokens were revoked after %d renewals", r.provider.revokes, r.provider.asked())
		}
	})
}

func TestWhatIsLentFollowsAConnectionThatIsEditedDuringARenewal(t *testing.T) {
	in(t, func(t *testing.T, r *grantRig) {
		r.profile = byItself()
		v := r.replica(r.engine)
		r.pinned = signInDefinition()
		r.pinned.Servers[0].UrlTemplate = "https://eu.crm.example/v1"
		r.pinned.ParameterSets[0].Parameters[0].Name = "access"
		r.insert()
		r.provider.slow = 10 * time.Second
		type result struct {
			values map[string]string
			lent   core.Credential
			err    error
		}
		done := make(chan result, 1)
		go func() { values, lent, err := lend(t.Context(), v); done <- result{values, lent, err} }()
		synctest.Wait()
		revision := "environments/default/connectors/crm/revisions/" + strings.Repeat("a", 32)
		if _, err := v.Update(t.Context(), ann(), core.Edit{Name: name("crm-1"), Fields: []core.Field{core.FieldPinnedRevision}, PinnedRevision: revision}); err != nil {
			t.Fatal(err)
		}
		got := <-done
		if got.err != nil || !cmp.Equal(got.lent.Origins, []string{"https://eu.crm.example"}) || got.values["access"] != r.provider.newest() {
			t.Errorf("got %v for %v, %v", got.values, got.lent.Origins, got.err)
		}
	})
}
