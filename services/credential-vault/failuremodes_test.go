package vault_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
)

// alone is a connector whose client gets a token by itself.
func alone(tokenURL string) *connectorv1.Definition {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example"}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "oauth",
			Parameters: []*connectorv1.ConnectionParameter{{
				Name: "token", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH,
				Oauth: &connectorv1.OAuthSettings{IdentityProvider: "oauth2", Grant: "clientCredentials", CustomParameters: map[string]string{"tokenUrl": tokenURL}},
			}},
			Placements: []*connectorv1.CredentialPlacement{
				{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}},
			},
		}},
	}
}

// TestFailureMode7ClientsProveThemselvesAsTheirProviderWants: some providers take
// the client's secret in a header only, others in the body only.
func TestFailureMode7ClientsProveThemselvesAsTheirProviderWants(t *testing.T) {
	const secret = "the secret of a client"
	inHeader := func(r *http.Request) bool {
		id, escaped, ok := r.BasicAuth() // RFC 6749, section 2.3.1
		word, err := url.QueryUnescape(escaped)
		return ok && err == nil && id == "makers" && word == secret && r.PostFormValue("client_secret") == ""
	}
	inBody := func(r *http.Request) bool {
		return r.Header.Get("Authorization") == "" && r.PostFormValue("client_id") == "makers" && r.PostFormValue("client_secret") == secret
	}
	for title, c := range map[string]struct {
		takes func(*http.Request) bool
		how   vaultv1.ClientAuthentication
		works bool
	}{
		"a provider that wants a header, which it gets":    {inHeader, vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC, true},
		"a provider that wants the body, which it gets":    {inBody, vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_POST, true},
		"a provider that wants a header and gets a body":   {inHeader, vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_POST, false},
		"a provider that wants the body and gets a header": {inBody, vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC, false},
	} {
		t.Run(title, func(t *testing.T) {
			var asked atomic.Int64
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				w.Header().Set("Content-Type", "application/json")
				if !c.takes(r) {
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = fmt.Fprint(w, `{"error":"invalid_client"}`)
					return
				}
				_, _ = fmt.Fprint(w, `{"access_token":"granted","token_type":"Bearer","expires_in":3600}`)
			}))
			defer provider.Close()
			r := newRig(t)
			r.registry.publish(alone(provider.URL + "/token"))
			_, err := r.as("gateway").CreateOAuthClient(r.user("mia", authn.RoleMaker), &vaultv1.CreateOAuthClientRequest{
				Parent: parent, Secrets: map[string]string{"client_secret": secret},
				OauthClient: &vaultv1.OAuthClient{Connector: connector, ClientId: "makers", Authentication: c.how},
			})
			if err != nil {
				t.Fatal(err)
			}
			r.create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets = nil })
			lent, err := r.as(service.Runtime).ResolveCredential(r.user("ann"), &vaultv1.ResolveCredentialRequest{Name: crm1})
			if got := err == nil && string(lent.GetSecrets()[0].GetValue()) == "granted"; got != c.works {
				t.Errorf("got %v, %v", lent, err)
			}
			if asked.Load() == 0 {
				t.Error("the provider was not asked")
			}
			if c.works {
				return
			}
			conn, err := r.as("gateway").GetConnection(r.user("ann"), &vaultv1.GetConnectionRequest{Name: crm1})
			if err != nil || conn.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_ERROR || conn.GetStateReason() == "" {
				t.Errorf("the owner is shown %v, %v", conn, err)
			}
		})
	}
}

// TestFailureMode8SomebodyElsesConnectionIsNotThere: whatever is tried with the name
// of a connection of another person, the answer is as if there were none, and the
// attempt to get its secrets is on record.
func TestFailureMode8SomebodyElsesConnectionIsNotThere(t *testing.T) {
	r := newRig(t)
	r.create()
	gateway, runtime, bob := r.as("gateway"), r.as(service.Runtime), r.user("bob")
	missing := parent + "/connections/nobody"
	for title, try := range map[string]func(name string) error{
		"resolve": func(name string) error {
			_, err := runtime.ResolveCredential(bob, &vaultv1.ResolveCredentialRequest{Name: name})
			return err
		},
		"reject": func(name string) error {
			_, err := runtime.RejectCredential(bob, &vaultv1.RejectCredentialRequest{Name: name, TokenVersion: "1"})
			return err
		},
		"read": func(name string) error {
			_, err := gateway.GetConnection(bob, &vaultv1.GetConnectionRequest{Name: name})
			return err
		},
		"point to a host of one's own": func(name string) error {
			_, err := gateway.UpdateConnection(bob, &vaultv1.UpdateConnectionRequest{Connection: &vaultv1.Connection{Name: name, ServerUrl: "https://bob.sandbox.example"}})
			return err
		},
		"delete": func(name string) error {
			_, err := gateway.DeleteConnection(bob, &vaultv1.DeleteConnectionRequest{Name: name})
			return err
		},
		"sign in": func(name string) error {
			_, err := gateway.StartAuthorization(bob, &vaultv1.StartAuthorizationRequest{Parent: name})
			return err
		},
		"sign out": func(name string) error {
			_, err := gateway.RevokeAuthorization(bob, &vaultv1.RevokeAuthorizationRequest{Name: name})
			return err
		},
	} {
		t.Run(title, func(t *testing.T) {
			foreign, none := try(crm1), try(missing)
			wantReason(t, foreign, fault.ReasonConnectionNotFound)
			wantReason(t, none, fault.ReasonConnectionNotFound)
			if fault.CodeOf(foreign) != fault.CodeOf(none) {
				t.Errorf("%v and %v differ", foreign, none)
			}
		})
	}
	t.Run("another connector", func(t *testing.T) {
		_, err := gateway.UpdateConnection(r.user("ann"), &vaultv1.UpdateConnectionRequest{
			Connection: &vaultv1.Connection{Name: crm1, Connector: parent + "/connectors/erp"},
		})
		wantReason(t, err, fault.ReasonInvalidArgument)
	})
	refused := 0
	for _, record := range r.trail() {
		if record.GetAction() == vaultv1.AuditAction_AUDIT_ACTION_REFUSED && record.GetPrincipal() == "bob" && record.GetConnection() == crm1 {
			refused++
		}
		if record.GetAction() == vaultv1.AuditAction_AUDIT_ACTION_RESOLVED {
			t.Errorf("something was lent: %v", record)
		}
	}
	if refused < 2 {
		t.Errorf("%d refusals are on record", refused)
	}
}
