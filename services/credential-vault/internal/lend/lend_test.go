package lend_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/lend"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestTheMessageOfACredential(t *testing.T) {
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	lent := func() core.Credential {
		return core.Credential{
			Connection: core.Connection{
				Name: resource.Connection{Environment: "default", ID: "crm-1"}, UID: "u", Edits: 3, Owner: "ann", ParameterSet: "oauth",
				Connector: resource.Connector{Environment: "default", ID: "crm"}, Parameters: map[string]string{"shop": "s"},
				ServerURL: "https://s.example", PinnedRevision: "r", Key: []byte("never sent"),
			},
			Secrets:    []core.NamedSecret{{Name: "token", Value: secret.FromString("access")}},
			Origins:    []string{"https://s.example"},
			ExpireTime: end,
		}
	}
	want := func() *vaultv1.Credential {
		return &vaultv1.Credential{
			Connection: "environments/default/connections/crm-1", Connector: "environments/default/connectors/crm", PinnedRevision: "r",
			ParameterSet: "oauth", Parameters: map[string]string{"shop": "s"}, ServerUrl: "https://s.example",
			Secrets:      []*vaultv1.SecretValue{{Name: "token", Value: []byte("access")}},
			AllowedHosts: []string{"https://s.example"}, Owner: "ann", Etag: "u-3", ExpireTime: timestamppb.New(end),
		}
	}
	for title, c := range map[string]struct {
		change func(*core.Credential)
		want   func(*vaultv1.Credential)
	}{
		"without a token": {func(*core.Credential) {}, func(*vaultv1.Credential) {}},
		"with a token":    {func(c *core.Credential) { c.TokenVersion = "u-7" }, func(m *vaultv1.Credential) { m.TokenVersion = "u-7" }},
		"with a token that the API wants in its own way": {
			func(c *core.Credential) { c.Placement = oauth.Placement{Header: "X-Token", Prefix: "OAuth "} },
			func(m *vaultv1.Credential) {
				m.TokenPlacement = &vaultv1.TokenPlacement{Header: "X-Token", Prefix: "OAuth "}
			},
		},
		"with a prefix only": {
			func(c *core.Credential) { c.Placement.Prefix = "OAuth " },
			func(m *vaultv1.Credential) { m.TokenPlacement = &vaultv1.TokenPlacement{Prefix: "OAuth "} },
		},
	} {
		t.Run(title, func(t *testing.T) {
			from, expected := lent(), want()
			c.change(&from)
			c.want(expected)
			got, err := lend.Message(from)
			if err != nil {
				t.Fatal(err)
			}
			from.Clear() // the message has its own copies
			if diff := cmp.Diff(expected, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
