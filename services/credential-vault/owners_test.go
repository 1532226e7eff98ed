package vault_test

import (
	"context"
	"strings"
	"testing"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestOAuthClientsAreForThoseWhoMayChangeTheConnector asks every method that writes
// one for everybody, over gRPC. The connector is olaf's, who shares it with mia.
func TestOAuthClientsAreForThoseWhoMayChangeTheConnector(t *testing.T) {
	r := newRig(t)
	r.registry.publish(alone("https://login.crm.example/token"))
	vault, root := r.as("gateway"), r.user("root", authn.RoleAdmin)
	create := func(ctx context.Context, dry bool) error {
		_, err := vault.CreateOAuthClient(ctx, &vaultv1.CreateOAuthClientRequest{
			Parent: parent, OauthClientId: "crm", Secrets: map[string]string{"client_secret": "the secret of a client"}, ValidateOnly: dry,
			OauthClient: &vaultv1.OAuthClient{Connector: connector, ClientId: "makers"},
		})
		return err
	}
	const name = parent + "/oauthClients/crm"
	remove := func(ctx context.Context) error {
		_, err := vault.DeleteOAuthClient(ctx, &vaultv1.DeleteOAuthClientRequest{Name: name})
		return err
	}
	update := func(ctx context.Context) error {
		_, err := vault.UpdateOAuthClient(ctx, &vaultv1.UpdateOAuthClientRequest{
			OauthClient: &vaultv1.OAuthClient{Name: name}, Secrets: map[string]string{"client_secret": "another secret of it"},
		})
		return err
	}
	for who, row := range map[string]struct {
		ctx context.Context
		may bool
	}{
		"the owner":        {r.user("olaf", authn.RoleMaker), true},
		"an editor":        {r.user("mia", authn.RoleMaker), true},
		"an administrator": {root, true},
		"another maker":    {r.user("mallory", authn.RoleMaker), false},
		"a user":           {r.user("olaf", authn.RoleUser), false},
	} {
		steps := []error{create(row.ctx, true), create(row.ctx, false)}
		if !row.may {
			if err := create(root, false); err != nil {
				t.Fatal(err)
			}
		}
		steps = append(steps, update(row.ctx), remove(row.ctx))
		for i, err := range steps {
			if (err == nil) != row.may || err != nil && fault.ReasonOf(err) != fault.ReasonPermissionDenied {
				t.Errorf("step %d by %s: %v", i+1, who, err)
			}
		}
		if !row.may {
			if err := remove(root); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := create(r.user("mallory", authn.RoleMaker), false); !strings.Contains(fault.From(err).Message(), `ask "olaf" or an administrator to share it`) {
		t.Errorf("it does not say whom to ask: %v", err)
	}
}
