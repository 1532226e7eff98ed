package core_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// signedIn is a login with a connection that has a grant.
func signedIn(t *testing.T) *login {
	t.Helper()
	l := newLogin(t)
	l.presets.revoke = "https://login.crm.example/revoke"
	l.client()
	l.connect()
	l.signIn()
	return l
}

func TestARevokedConnectionWaitsForASignIn(t *testing.T) {
	l := signedIn(t)
	got, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1"))
	if err != nil || got.State != core.StateNeedsAuthorization || !strings.Contains(got.StateReason, "revoked") {
		t.Fatalf("got %+v, %v", got, err)
	}
	if !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
	_, err = l.lent()
	wantReason(t, err, fault.ReasonConnectionNotReady)
	if _, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil || len(l.tokens.revoked) != 1 {
		t.Errorf("a second time: %v, %v", err, l.tokens.revoked)
	}
	if a := l.signIn(); a.State != core.AuthorizationSucceeded {
		t.Errorf("got %+v", a)
	}
}

func TestWhoMayRevoke(t *testing.T) {
	l := signedIn(t)
	_, err := l.vault.RevokeAuthorization(t.Context(), bob(), name("crm-1"))
	wantReason(t, err, fault.ReasonConnectionNotFound)
	_, err = l.vault.RevokeAuthorization(t.Context(), itself("trigger"), name("crm-1"))
	wantReason(t, err, fault.ReasonPermissionDenied)
	if _, err := l.vault.RevokeAuthorization(t.Context(), admin(), name("crm-1")); err != nil {
		t.Errorf("an administrator gets %v", err)
	}
	_, err = l.vault.RevokeAuthorization(t.Context(), ann(), name("nope"))
	wantReason(t, err, fault.ReasonConnectionNotFound)
}

func TestAConnectionWithoutAGrantHasNothingToRevoke(t *testing.T) {
	l := newLogin(t)
	l.connect(func(d *core.Draft) { d.ParameterSet, d.Parameters, d.Secrets = "key", nil, texts("api_key", "k") })
	_, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1"))
	wantReason(t, err, fault.ReasonAuthorizationFailed)
}

func TestADeletedConnectionGivesItsGrantBack(t *testing.T) {
	for title, c := range map[string]struct {
		prepare func(l *login)
		revoked []string
		host    string
	}{
		"in the usual case":       {func(*login) {}, []string{"canary-access-1"}, "login.crm.example:443"},
		"where nothing takes it":  {func(l *login) { l.presets.revoke = "" }, nil, ""},
		"when the provider fails": {func(l *login) { l.tokens.revokeBy = transient() }, []string{"canary-access-1"}, ""},
		"not to a stranger": {
			func(l *login) { l.presets.revoke = "https://evil.example/revoke" }, []string{"canary-access-1"}, "login.crm.example:443",
		},
		"not when the client is gone": {func(l *login) { _ = l.vault.DeleteClient(l.t.Context(), maker(), clientName("crm"), "") }, nil, ""},
		"not without its connector":   {func(l *login) { delete(l.defs.definitions, "crm") }, nil, ""},
	} {
		t.Run(title, func(t *testing.T) {
			l := signedIn(t)
			c.prepare(l)
			if err := l.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(l.tokens.revoked, c.revoked) {
				t.Errorf("revoked are %v", l.tokens.revoked)
			}
			if line := strings.Split(l.audit(), "\n"); !cmp.Equal(deleted(line), "DELETED ann crm-1 [] "+c.host) {
				t.Errorf("the trail is %q", line)
			}
			if held, err := l.records.Held(t.Context(), name("crm-1")); !errors.Is(err, core.ErrNotFound) {
				t.Errorf("it is still there: %+v", held)
			}
			again := l.connect2(t)
			if again.State != core.StateNeedsAuthorization || again.Identity != "" {
				t.Errorf("another connection of the same name has the grant: %+v", again)
			}
		})
	}
}

// connect2 makes the connection again, if its connector is there.
func (l *login) connect2(t *testing.T) core.Connection {
	t.Helper()
	l.defs.definitions["crm"] = loginDefinition()
	return l.connect()
}

// deleted returns the line of the deletion.
func deleted(lines []string) string {
	for _, line := range lines {
		if strings.HasPrefix(line, "DELETED") {
			return line
		}
	}
	return ""
}

func TestTheRecordOfADeletionSaysWhyAGrantWasNotRevoked(t *testing.T) {
	for title, c := range map[string]struct {
		endpoint string
		fails    error
		want     string
	}{
		"it was":                           {"https://login.crm.example/revoke", nil, ""},
		"there is no endpoint":             {"", nil, "no revocation endpoint of the provider is known"},
		"the provider knows no such token": {"https://login.crm.example/revoke", oauth.ErrNothingToRevoke, "the provider says that its tokens had ended already"},
		"the provider says no":             {"https://login.crm.example/revoke", fault.Unavailable(fault.ReasonProviderUnavailable, "it says no"), "it says no"},
		"the provider says a lot":          {"https://login.crm.example/revoke", fault.Unavailable(fault.ReasonProviderUnavailable, "%s", strings.Repeat("n", 999)), "" + strings.Repeat("n", 400) + "…"},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.presets.revoke = c.endpoint
			l.client()
			l.signedIn(oauth.AuthorizationCode)
			l.tokens.set(func(s *scripted) { s.revokeBy = c.fails })
			if err := l.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
				t.Fatal(err)
			}
			var listing core.AuditListing
			listing.Environment, listing.PageSize = "default", 1
			records, _, err := l.vault.ListAudit(t.Context(), admin(), listing)
			if err != nil || len(records) != 1 || records[0].Action != core.ActionDeleted || records[0].NotRevokedReason != c.want || records[0].OperationID != "" {
				t.Errorf("got %+v, %v", records, err)
			}
		})
	}
}

func TestTheRecordOfARevocationSaysWhyAGrantWasNotRevoked(t *testing.T) {
	l := signedIn(t)
	l.tokens.set(func(s *scripted) { s.revokeBy = fault.Unavailable(fault.ReasonProviderUnavailable, "it says no") })
	if _, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1")); err != nil {
		t.Fatal(err)
	}
	var listing core.AuditListing
	listing.Environment, listing.PageSize = "default", 1
	records, _, err := l.vault.ListAudit(t.Context(), admin(), listing)
	if err != nil || len(records) != 1 || records[0].Action != core.ActionRevoked || records[0].NotRevokedReason != "it says no" {
		t.Errorf("got %+v, %v", records, err)
	}
}

func TestADeletedConnectionGivesBackWhatNobodyHasConfirmed(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	a := l.start()
	l.receive(stateOf(t, a))
	if err := l.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(l.tokens.revoked, []string{"canary-access-1"}) {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
	if _, stored := l.authorization(a); stored {
		t.Error("the sign-in is still there")
	}
}

// together is a provider that takes nothing back before that many are there.
type together struct {
	*scripted

	left atomic.Int64
	all  chan struct{}
}

func (s *together) Revoke(ctx context.Context, p *oauth.Profile, t oauth.Token) error {
	if s.left.Add(-1) == 0 {
		close(s.all)
	}
	select {
	case <-s.all:
		return s.scripted.Revoke(ctx, p, t)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestADeletedConnectionGivesEverythingBackAtOnce(t *testing.T) {
	l := signedIn(t)
	for range 2 {
		l.receive(stateOf(t, l.start()))
	}
	slow := &together{scripted: l.tokens, all: make(chan struct{})}
	slow.left.Store(3)
	v := core.New(core.Config{PublicURL: "https://ferrule.example.com"}, core.Ports{
		Store: l.records, Sealer: &safeSealer{}, Connectors: l.locked, Environments: &environments{}, Tokens: slow, Presets: l.presets, Clock: l.clock,
	})
	if err := v.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
		t.Fatal(err)
	}
	if len(l.tokens.revoked) != 3 {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
}

func TestARefusedDeletionRevokesNothing(t *testing.T) {
	l := signedIn(t)
	wantReason(t, l.vault.Delete(t.Context(), bob(), name("crm-1"), ""), fault.ReasonConnectionNotFound)
	wantReason(t, l.vault.Delete(t.Context(), ann(), name("crm-1"), "stale"), fault.ReasonEtagMismatch)
	if len(l.tokens.revoked) != 0 {
		t.Errorf("revoked are %v", l.tokens.revoked)
	}
}

func TestWhichEditsEndAGrant(t *testing.T) {
	for title, c := range map[string]struct {
		edit   core.Edit
		fields []core.Field
		keeps  bool
	}{
		"a new name":           {core.Edit{DisplayName: "x"}, []core.Field{core.FieldDisplayName}, true},
		"an unrelated value":   {core.Edit{Parameters: map[string]string{"token:tenant": "contoso", "locale": "de"}}, []core.Field{core.FieldParameters}, true},
		"another tenant":       {core.Edit{Parameters: map[string]string{"token:tenant": "fabrikam"}}, []core.Field{core.FieldParameters}, false},
		"a client of her own":  {core.Edit{Parameters: map[string]string{"token:tenant": "contoso", "token:clientId": "anns"}}, []core.Field{core.FieldParameters}, false},
		"a client secret":      {core.Edit{Secrets: map[string]secret.Text{"token:clientSecret": secret.FromString("s")}}, nil, false},
		"another server":       {core.Edit{ServerURL: "https://eu.sandbox.example"}, []core.Field{core.FieldServerURL}, false},
		"nothing but a repeat": {core.Edit{Parameters: map[string]string{"TOKEN:TENANT": "contoso"}}, []core.Field{core.FieldParameters}, true},
	} {
		t.Run(title, func(t *testing.T) {
			l := signedIn(t)
			got, err := l.edited(c.edit, c.fields...)
			if err != nil {
				t.Fatal(err)
			}
			want := core.StateNeedsAuthorization
			if c.keeps {
				want = core.StateConnected
			}
			if got.State != want || l.connection().State != want {
				t.Errorf("got %v, %v", got.State, l.connection().State)
			}
			held, err := l.records.Held(t.Context(), name("crm-1"))
			if err != nil || (len(held.Grant.Access) > 0) != c.keeps {
				t.Errorf("the token is there: %v, %v", len(held.Grant.Access) > 0, err)
			}
			if revoked := len(l.tokens.revoked) == 1; revoked == c.keeps || strings.Contains(l.audit(), "REVOKED ann crm-1 [] login.crm.example:443") == c.keeps {
				t.Errorf("revoked are %v; the trail is %s", l.tokens.revoked, l.audit())
			}
			if a := l.signIn(); a.State != core.AuthorizationSucceeded {
				t.Errorf("signing in again ends in %+v", a)
			}
		})
	}
}

func TestAWaitingConnectionGoesOnWaitingAfterAnEdit(t *testing.T) {
	l := newLogin(t)
	l.connect()
	got, err := l.edited(core.Edit{Parameters: map[string]string{"token:tenant": "contoso", "locale": "de"}}, core.FieldParameters)
	if err != nil || got.State != core.StateNeedsAuthorization || got.StateReason == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnEditThatPointsTheSignInElsewhereNeedsItsSecretsAgain(t *testing.T) {
	l := newLogin(t)
	l.connect(func(d *core.Draft) {
		d.Parameters["token:clientId"] = "anns"
		d.Secrets = texts("token:clientSecret", "canary-of-ann")
	})
	l.presets.token = "https://new.crm.example/token"
	values := map[string]string{"token:tenant": "fabrikam", "token:clientId": "anns"}
	_, err := l.edited(core.Edit{Parameters: values}, core.FieldParameters)
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if !strings.Contains(err.Error(), "new.crm.example") {
		t.Errorf("got %v", err)
	}
	if _, err := l.edited(core.Edit{DisplayName: "still here"}, core.FieldDisplayName); err != nil {
		t.Fatal(err)
	}
	got, err := l.edited(core.Edit{Parameters: values, Secrets: texts("token:clientSecret", "again")}, core.FieldParameters)
	if err != nil || !cmp.Equal(got.TokenOrigins, []string{"https://new.crm.example:443"}) && len(got.TokenOrigins) != 2 {
		t.Fatalf("got %v, %v", got.TokenOrigins, err)
	}
	if a := l.signIn(); a.State != core.AuthorizationSucceeded || !cmp.Equal(l.tokens.secrets, []string{"again"}) {
		t.Errorf("got %+v with %q", a, l.tokens.secrets)
	}
}

func TestAConnectorThatMovesIsNotConfirmedByAnUnrelatedEdit(t *testing.T) {
	l := newLogin(t)
	l.connect(func(d *core.Draft) {
		d.Parameters["token:clientId"] = "anns"
		d.Secrets = texts("token:clientSecret", "canary-of-ann")
	})
	l.presets.token = "https://evil.example/token"
	values := map[string]string{"token:tenant": "contoso", "token:clientId": "anns", "locale": "de"}
	if _, err := l.edited(core.Edit{Parameters: values}, core.FieldParameters); err != nil {
		t.Fatal(err)
	}
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
}

func TestAPasswordGrantNeedsItsValues(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.Password
	l.client()
	conn := l.connect(func(d *core.Draft) {
		d.Parameters["token:username"] = "ann"
		d.Secrets = texts("Token:Password", "canary-pw")
	})
	if conn.State != core.StateConnected || !cmp.Equal(conn.SecretNames, []string{"token:password"}) {
		t.Errorf("got %+v", conn)
	}
	_, err := l.edited(core.Edit{Secrets: texts("token:password", "")})
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if lent, err := l.lent(); err != nil || !cmp.Equal(lent, map[string]string{"token": "canary-access-1"}) {
		t.Errorf("the runtime got %v, %v", lent, err)
	}
}

func TestWhatHasBecomeOfAGrantIsSaidAsItIs(t *testing.T) {
	for title, c := range map[string]struct {
		grant    oauth.Grant
		endpoint string
		refuses  error
		says     []string
		never    string
	}{
		"it was revoked":                    {oauth.AuthorizationCode, "https://login.crm.example/revoke", nil, []string{"was revoked at login.crm.example:443", "waits for its owner to sign in"}, "destroyed"},
		"the provider has no endpoint":      {oauth.AuthorizationCode, "", nil, []string{"no revocation endpoint of the provider is known", "withdraw the permission there"}, "was revoked"},
		"the provider did not take it":      {oauth.AuthorizationCode, "https://login.crm.example/revoke", fault.Unavailable(fault.ReasonProviderUnavailable, "it says no"), []string{"was not revoked at the provider (it says no)"}, "no revocation endpoint"},
		"the provider knows no such token":  {oauth.AuthorizationCode, "https://login.crm.example/revoke", oauth.ErrNothingToRevoke, []string{"destroyed here", "had ended already"}, "was revoked"},
		"nobody signs in for a new one":     {oauth.ClientCredentials, "https://login.crm.example/revoke", nil, []string{"`ferrule authorize crm-1`"}, "sign in"},
		"nobody signs in, and no end of it": {oauth.ClientCredentials, "", nil, []string{"no revocation endpoint", "`ferrule authorize crm-1`"}, "sign in"},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.presets.revoke = c.endpoint
			l.client()
			l.signedIn(c.grant)
			l.tokens.set(func(s *scripted) { s.revokeBy = c.refuses })
			conn, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1"))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range c.says {
				if !strings.Contains(conn.StateReason, part) {
					t.Errorf("%q does not say %q", conn.StateReason, part)
				}
			}
			if strings.Contains(conn.StateReason, c.never) {
				t.Errorf("%q says %q", conn.StateReason, c.never)
			}
			_, err = l.lent()
			wantReason(t, err, fault.ReasonConnectionNotReady)
			if !c.grant.Interactive() && strings.Contains(err.Error(), "sign in") {
				t.Errorf("got %v", err)
			}
			l.start()
			if _, err := l.lent(); !c.grant.Interactive() && err != nil {
				t.Errorf("after authorize: %v", err)
			}
		})
	}
}
