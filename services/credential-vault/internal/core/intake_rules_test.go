package core_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestASecretThatIsTooShortToSignIsRefused(t *testing.T) {
	for title, row := range map[string]struct {
		method oauth.Method
		secret string
		fits   bool
	}{
		"31 bytes": {oauth.SecretJWT, strings.Repeat("s", 31), false}, "32 bytes": {oauth.SecretJWT, strings.Repeat("s", 32), true},
		"one that is sent": {oauth.SecretBasic, "short", true},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			_, err := l.vault.CreateClient(t.Context(), maker(), core.ClientDraft{
				Environment: "default", ID: "crm", Connector: draft().Connector, ClientID: "makers", Method: row.method,
				Secrets: texts("client_secret", row.secret),
			})
			if (err == nil) != row.fits || err != nil && !strings.Contains(err.Error(), "32 bytes") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAChangedConnectionIsDeletedByAdministratorsOnly(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect()
	for _, key := range []string{"c/default/crm-1", "oc/default/crm"} {
		err := l.engine.Update(t.Context(), func(tx kv.Tx) error {
			record, err := tx.Get([]byte(key))
			if err != nil {
				return err
			}
			record[len(record)/2] ^= 1
			return tx.Put([]byte(key), record)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found, _, err := l.vault.List(t.Context(), ann(), core.Listing{Environment: "default"})
	if err != nil || len(found) != 1 || found[0].State != core.StateError {
		t.Errorf("listed as %+v, %v", found, err)
	}
	clients, _, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default"})
	if err != nil || len(clients) != 1 || !clients[0].Unreadable {
		t.Errorf("listed as %+v, %v", clients, err)
	}
	wantReason(t, l.vault.Delete(t.Context(), ann(), name("crm-1"), ""), fault.ReasonCredentialUnreadable)
	wantReason(t, l.vault.DeleteClient(t.Context(), maker(), clientName("crm"), ""), fault.ReasonCredentialUnreadable)
	root := user("root", authn.RoleAdmin)
	if err := l.vault.Delete(t.Context(), root, name("crm-1"), ""); err != nil {
		t.Error(err)
	}
	if err := l.vault.DeleteClient(t.Context(), root, clientName("crm"), ""); err != nil {
		t.Error(err)
	}
	l.client() // both names are free again
	l.connect()
}

func TestAGrantThatNobodyGotBackIsNotSaidToBeRevoked(t *testing.T) {
	for revocation, want := range map[string]string{"": "no revocation endpoint of the provider is known", "https://login.crm.example/revoke": "revoked at login.crm.example:443"} {
		l := newLogin(t)
		l.presets.revoke = revocation
		l.client()
		l.connect()
		l.signIn()
		conn, err := l.vault.RevokeAuthorization(t.Context(), ann(), name("crm-1"))
		if err != nil || !strings.Contains(conn.StateReason, want) {
			t.Errorf("with %q: %q, %v", revocation, conn.StateReason, err)
		}
	}
}

func TestAUserNameThatBasicAuthenticationCannotSendIsRefused(t *testing.T) {
	l := newLogin(t)
	l.defs.definitions["crm"].ParameterSets = []*connectorv1.ParameterSet{{
		Name: "basic", Parameters: []*connectorv1.ConnectionParameter{{Name: "user", Type: typeString}, {Name: "password", Type: typeSecret}},
		Placements: []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Basic{
			Basic: &connectorv1.BasicPlacement{UsernameParameter: "user", PasswordParameter: "password"},
		}}},
	}}
	for given, fits := range map[string]bool{"ann": true, "ann:x": false, ":": false} {
		_, err := l.vault.Create(t.Context(), ann(), core.Draft{
			Environment: "default", Connector: draft().Connector, ParameterSet: "basic",
			Parameters: map[string]string{"user": given}, Secrets: texts("password", "p:q"),
		})
		if (err == nil) != fits || err != nil && !strings.Contains(err.Error(), "colon") {
			t.Errorf("%q: got %v", given, err)
		}
	}
}
