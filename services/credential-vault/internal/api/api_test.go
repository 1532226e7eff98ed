package api

import (
	"context"
	"errors"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// What only a look inside can show is tested here; the methods themselves are
// tested over real gRPC with the whole service.

// keeper is a sealer that keeps secrets in memory and remembers every one that
// it was given and that it gave out.
type keeper struct{ in, out []secret.Text }

func (k *keeper) NewKey(context.Context, string, string) ([]byte, error) { return []byte("key"), nil }

func (k *keeper) LinkKey(context.Context, string, string, []byte) ([]byte, error) {
	return []byte("links"), nil
}

func (k *keeper) Seal(_ context.Context, _ core.Place, value secret.Text) ([]byte, error) {
	k.in = append(k.in, value)
	return []byte("sealed"), nil
}

func (k *keeper) Open(context.Context, core.Place, []byte) (secret.Text, error) {
	value := secret.FromString("hunter2")
	k.out = append(k.out, value)
	return value, nil
}

func (k *keeper) Exists(context.Context, string) error { return nil }

func (k *keeper) Definition(context.Context, resource.Connector, string) (*connectorv1.Definition, error) {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.example.com"}},
		ParameterSets: []*connectorv1.ParameterSet{{Parameters: []*connectorv1.ConnectionParameter{
			{Name: "key", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET},
		}}},
	}, nil
}

// prover has one key for the audit trails, which is never sealed.
type prover struct {
	store *store.Store
	key   *chain.Key
}

func (p *prover) Existing(ctx context.Context, environment string) (*chain.Key, error) {
	_, err := p.store.AuditKey(ctx, environment)
	return p.key, err
}

func (p *prover) Key(ctx context.Context, environment string) (*chain.Key, error) {
	if _, err := p.Existing(ctx, environment); !errors.Is(err, chain.ErrNoKey) {
		return p.key, err
	}
	return p.key, p.store.SaveAuditKey(ctx, environment, []byte("sealed"), p.key)
}

// proved is a store in memory that can record.
func proved() *store.Store {
	s := store.New(memkv.New(), func() {})
	s.Prove(&prover{store: s, key: chain.NewKey(secret.FromString("thirty-two bytes for an audit key"))})
	return s
}

func newServer(k *keeper) *Server {
	return New(core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy"}, core.Ports{
		Store: proved(), Sealer: k, Connectors: k, Environments: k, Clock: clock.System(),
		NewID: func() string { return "0123456789abcdef" },
	}))
}

// ann is a context of ann's requests, served by the runtime.
func ann(t *testing.T) context.Context {
	t.Helper()
	p := authn.Principal{Kind: authn.KindUser, Name: "ann", Roles: []authn.Role{authn.RoleUser}}
	return authn.NewContext(authn.NewPeerContext(t.Context(), "runtime-proxy"), p)
}

func create() *vaultv1.CreateConnectionRequest {
	return &vaultv1.CreateConnectionRequest{
		Parent: "environments/default", ConnectionId: "c",
		Connection: &vaultv1.Connection{Connector: "environments/default/connectors/crm"},
		Secrets:    map[string]string{"key": "hunter2"},
	}
}

func TestSecretsDoNotOutliveTheirRequest(t *testing.T) {
	k := &keeper{}
	s := newServer(k)
	first := create()
	if _, err := s.CreateConnection(ann(t), first); err != nil {
		t.Fatal(err)
	}
	second := &vaultv1.UpdateConnectionRequest{
		Connection: &vaultv1.Connection{Name: "environments/default/connections/c"}, Secrets: map[string]string{"key": "hunter3"},
	}
	if _, err := s.UpdateConnection(ann(t), second); err != nil {
		t.Fatal(err)
	}
	if len(first.GetSecrets())+len(second.GetSecrets()) != 0 {
		t.Error("a request still holds its secrets, for whoever prints it next")
	}
	if len(k.in) != 2 || !k.in[0].Empty() || !k.in[1].Empty() {
		t.Errorf("of %d secrets that were sent some were not cleared", len(k.in))
	}
}

func TestARefusedRequestIsEmptiedToo(t *testing.T) {
	req := create()
	req.Secrets["unknown"] = "hunter3"
	if _, err := newServer(&keeper{}).CreateConnection(ann(t), req); err == nil {
		t.Fatal("it was accepted")
	}
	if len(req.GetSecrets()) != 0 {
		t.Error("the request still holds its secrets")
	}
}

func TestALentSecretIsClearedWhenItIsInTheAnswer(t *testing.T) {
	k := &keeper{}
	s := newServer(k)
	if _, err := s.CreateConnection(ann(t), create()); err != nil {
		t.Fatal(err)
	}
	got, err := s.ResolveCredential(ann(t), &vaultv1.ResolveCredentialRequest{Name: "environments/default/connections/c"})
	if err != nil || string(got.GetSecrets()[0].GetValue()) != "hunter2" {
		t.Fatalf("got %v, %v", got, err)
	}
	if len(k.out) != 1 || !k.out[0].Empty() {
		t.Error("the vault's own copy is still in clear")
	}
}

func TestWithoutAPrincipalNothingIsDone(t *testing.T) {
	s := newServer(&keeper{})
	for name, call := range map[string]func(ctx context.Context) error{
		"create": func(ctx context.Context) error { _, err := s.CreateConnection(ctx, create()); return err },
		"get": func(ctx context.Context) error {
			_, err := s.GetConnection(ctx, &vaultv1.GetConnectionRequest{})
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := s.ListConnections(ctx, &vaultv1.ListConnectionsRequest{})
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := s.UpdateConnection(ctx, &vaultv1.UpdateConnectionRequest{})
			return err
		},
		"delete": func(ctx context.Context) error {
			_, err := s.DeleteConnection(ctx, &vaultv1.DeleteConnectionRequest{})
			return err
		},
		"audit": func(ctx context.Context) error {
			_, err := s.ListAuditRecords(ctx, &vaultv1.ListAuditRecordsRequest{})
			return err
		},
		"resolve": func(ctx context.Context) error {
			_, err := s.ResolveCredential(ctx, &vaultv1.ResolveCredentialRequest{})
			return err
		},
		"report": func(ctx context.Context) error {
			_, err := s.ReportConnectionTest(ctx, &vaultv1.ReportConnectionTestRequest{})
			return err
		},
		"form": func(ctx context.Context) error {
			_, err := s.GetConnectionForm(ctx, &vaultv1.GetConnectionFormRequest{})
			return err
		},
		"start authorization": func(ctx context.Context) error {
			_, err := s.StartAuthorization(ctx, &vaultv1.StartAuthorizationRequest{})
			return err
		},
		"get authorization": func(ctx context.Context) error {
			_, err := s.GetAuthorization(ctx, &vaultv1.GetAuthorizationRequest{})
			return err
		},
		"complete": func(ctx context.Context) error {
			_, err := s.CompleteAuthorization(ctx, &vaultv1.CompleteAuthorizationRequest{})
			return err
		},
		"revoke": func(ctx context.Context) error {
			_, err := s.RevokeAuthorization(ctx, &vaultv1.RevokeAuthorizationRequest{})
			return err
		},
		"receive": func(ctx context.Context) error {
			_, err := s.ReceiveAuthorization(ctx, &vaultv1.ReceiveAuthorizationRequest{})
			return err
		},
		"create client": func(ctx context.Context) error {
			_, err := s.CreateOAuthClient(ctx, &vaultv1.CreateOAuthClientRequest{})
			return err
		},
		"get client": func(ctx context.Context) error {
			_, err := s.GetOAuthClient(ctx, &vaultv1.GetOAuthClientRequest{})
			return err
		},
		"list clients": func(ctx context.Context) error {
			_, err := s.ListOAuthClients(ctx, &vaultv1.ListOAuthClientsRequest{})
			return err
		},
		"update client": func(ctx context.Context) error {
			_, err := s.UpdateOAuthClient(ctx, &vaultv1.UpdateOAuthClientRequest{})
			return err
		},
		"delete client": func(ctx context.Context) error {
			_, err := s.DeleteOAuthClient(ctx, &vaultv1.DeleteOAuthClientRequest{})
			return err
		},
		"providers": func(ctx context.Context) error {
			_, err := s.ListProviders(ctx, &vaultv1.ListProvidersRequest{})
			return err
		},
		"refused": func(ctx context.Context) error { return s.Refused(ctx, &vaultv1.ResolveCredentialRequest{}) },
	} {
		if err := call(t.Context()); fault.ReasonOf(err) != fault.ReasonUnauthenticated {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEveryStateAndActionHasItsName(t *testing.T) {
	for s := core.StateConnected; s <= core.StateError; s++ {
		if got, want := state(s).String(), "CONNECTION_STATE_"+s.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for a := core.ActionCreated; a <= core.ActionClientChanged; a++ {
		if got, want := auditAction(a).String(), "AUDIT_ACTION_"+a.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
