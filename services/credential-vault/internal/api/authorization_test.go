package api

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

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
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// web is a provider, and what is known about it.
type web struct {
	core.Tokens

	grant oauth.Grant
}

func (w *web) All() []*provider.Preset {
	return []*provider.Preset{{
		ID: "crm", Title: "CRM", Aliases: []string{"customers"}, Grants: []oauth.Grant{oauth.AuthorizationCode},
		Endpoints: oauth.Endpoints{Authorization: "https://login.crm.example/a", Token: "https://login.crm.example/t"},
		Settings:  []provider.Setting{{Name: "tenant", Description: "Which", Default: "common"}}, Notes: []string{"a note"},
		Documentation: provider.Documentation{Registration: "https://crm.example/register", Protocol: "https://crm.example/docs"},
	}}
}

func (w *web) Form(*connectorv1.Definition, *connectorv1.ParameterSet) (provider.Form, error) {
	return provider.Form{
		Parameter: "token", Provider: "crm", Grants: []oauth.Grant{w.grant}, ClientNeeded: true, Scopes: []string{"read"}, DocumentationURL: "https://crm.example/docs",
		Fields: []provider.Field{{Name: "token:tenant", Title: "Tenant", Allowed: []string{"a", "b"}}},
	}, nil
}

func (w *web) Profile(_ *connectorv1.Definition, _ *connectorv1.ParameterSet, g provider.Given) (*oauth.Profile, error) {
	p := &oauth.Profile{Grant: w.grant, Endpoints: oauth.Endpoints{Authorization: "https://login.crm.example/a", Token: "https://login.crm.example/t"}}
	if g.Client != nil {
		p.Client = g.Client.Registration
	}
	return p, nil
}

func (w *web) Reach(*connectorv1.Definition, *connectorv1.ParameterSet, *provider.Client) ([]string, error) {
	return []string{"https://login.crm.example:443"}, nil
}

func (w *web) Discover(_ context.Context, p *oauth.Profile) (*oauth.Profile, error) { return p, nil }

func (w *web) AuthorizationURL(p *oauth.Profile, a oauth.Attempt) (string, error) {
	return "https://login.crm.example/a?" + url.Values{"state": {a.State}, "redirect_uri": {p.RedirectURL}}.Encode(), nil
}

func (w *web) Exchange(context.Context, *oauth.Profile, secret.Text, oauth.Attempt) (oauth.Token, error) {
	return oauth.Token{Access: secret.FromString("access"), Identity: "ann@crm.example", Scopes: []string{"read"}, ExpireTime: time.Now().Add(time.Hour)}, nil
}

func (w *web) StartDevice(context.Context, *oauth.Profile, oauth.Attempt) (oauth.Device, error) {
	return oauth.Device{Code: secret.FromString("d"), UserCode: "AB-CD", VerificationURL: "https://login.crm.example/d", CompleteURL: "https://login.crm.example/d?c", Interval: 5 * time.Second}, nil
}

func (w *web) Revoke(context.Context, *oauth.Profile, oauth.Token) error { return nil }

// signInConnectors are connectors with a sign-in.
type signInConnectors struct{ keeper }

func (*signInConnectors) Definition(context.Context, resource.Connector, string) (*connectorv1.Definition, error) {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.example.com"}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "oauth", Title: "Sign in", Description: "With CRM",
			Parameters: []*connectorv1.ConnectionParameter{
				{Name: "token", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH, Required: true},
			},
		}},
	}, nil
}

// Ownership says that the connector is mia's.
func (*signInConnectors) Ownership(context.Context, resource.Connector) (core.Ownership, error) {
	return core.Ownership{Owner: "mia"}, nil
}

func signInServer(t *testing.T, grant oauth.Grant) *Server {
	t.Helper()
	records := store.New(memkv.New(), func() {})
	keys, err := seal.Unlock(t.Context(), filepath.Join(t.TempDir(), "kek.json"), records)
	if err != nil {
		t.Fatal(err)
	}
	records.Prove(chain.New(keys, records))
	k := &signInConnectors{}
	w := &web{grant: grant}
	var ids atomic.Int64
	return New(core.New(core.Config{
		Lease: time.Minute, Runtime: "runtime-proxy", Gateway: "gateway", PublicURL: "https://ferrule.example.com",
	}, core.Ports{
		Store: records, Sealer: keys, Connectors: k, Owners: k, Environments: k, Tokens: w, Presets: w, Clock: clock.System(),
		NewID: func() string { return fmt.Sprintf("%016x%016x", ids.Add(1), ids.Load()) },
	}))
}

// mia is a context of a maker's requests.
func mia(t *testing.T) context.Context {
	t.Helper()
	return authn.NewContext(t.Context(), authn.Principal{Kind: authn.KindUser, Name: "mia", Roles: []authn.Role{authn.RoleMaker}})
}

const crm = "environments/default/connectors/crm"

func createClient(t *testing.T, s *Server) *vaultv1.OAuthClient {
	t.Helper()
	req := &vaultv1.CreateOAuthClientRequest{
		Parent: "environments/default", OauthClientId: "crm", Secrets: map[string]string{"client_secret": "hunter2"},
		OauthClient: &vaultv1.OAuthClient{
			Connector: crm, ClientId: "makers", Settings: map[string]string{"a": "b"},
			Authentication: vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC,
		},
	}
	got, err := s.CreateOAuthClient(mia(t), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(req.GetSecrets()) != 0 {
		t.Error("the request still holds its secrets")
	}
	return got
}

var redirectURL = regexp.MustCompile(`^https://ferrule\.example\.com/v1/oauth/callback/[a-z2-7]{26}$`)

func TestTheRedirectURLOfAClientIsKnownBeforeItIsMade(t *testing.T) {
	s := signInServer(t, oauth.AuthorizationCode)
	planned, err := s.CreateOAuthClient(mia(t), &vaultv1.CreateOAuthClientRequest{
		Parent: "environments/default", ValidateOnly: true,
		OauthClient: &vaultv1.OAuthClient{
			Connector: crm, ClientId: "makers", Settings: map[string]string{"a": "b"},
			Authentication: vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC,
		},
	})
	if err != nil || !redirectURL.MatchString(planned.GetRedirectUrl()) {
		t.Fatalf("got %v, %v", planned, err)
	}
	if list, err := s.ListOAuthClients(mia(t), &vaultv1.ListOAuthClientsRequest{Parent: "environments/default"}); err != nil || len(list.GetOauthClients()) != 0 {
		t.Errorf("it was stored: %v, %v", list, err)
	}
	if made := createClient(t, s); made.GetRedirectUrl() != planned.GetRedirectUrl() {
		t.Errorf("planned %q, made %q", planned.GetRedirectUrl(), made.GetRedirectUrl())
	}
}

func TestAClientOverTheInterface(t *testing.T) {
	s := signInServer(t, oauth.AuthorizationCode)
	c := createClient(t, s)
	if c.GetName() != "environments/default/oauthClients/crm" || c.GetClientId() != "makers" || c.GetConnector() != crm ||
		c.GetAuthentication() != vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC || c.GetSettings()["a"] != "b" ||
		!cmp.Equal(c.GetSecretNames(), []string{"client_secret"}) || !redirectURL.MatchString(c.GetRedirectUrl()) ||
		!cmp.Equal(c.GetTokenOrigins(), []string{"https://login.crm.example:443"}) || c.GetRegistered() || c.GetEtag() == "" || c.GetCreateTime() == nil {
		t.Errorf("got %v", c)
	}
	got, err := s.GetOAuthClient(mia(t), &vaultv1.GetOAuthClientRequest{Name: c.GetName()})
	if err != nil || got.GetEtag() != c.GetEtag() {
		t.Errorf("got %v, %v", got, err)
	}
	list, err := s.ListOAuthClients(mia(t), &vaultv1.ListOAuthClientsRequest{Parent: "environments/default", Connector: crm})
	if err != nil || len(list.GetOauthClients()) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err = s.ListOAuthClients(mia(t), &vaultv1.ListOAuthClientsRequest{Parent: "environments/default", Connector: "environments/x/connectors/crm"}); err == nil {
		t.Error("a connector of another environment is accepted")
	}
	changed, err := s.UpdateOAuthClient(mia(t), &vaultv1.UpdateOAuthClientRequest{
		OauthClient: &vaultv1.OAuthClient{Name: c.GetName(), ClientId: "second", Etag: c.GetEtag()},
	})
	if err != nil || changed.GetClientId() != "second" || changed.GetSettings()["a"] != "b" {
		t.Errorf("got %v, %v", changed, err)
	}
	changed, err = s.UpdateOAuthClient(mia(t), &vaultv1.UpdateOAuthClientRequest{
		OauthClient: &vaultv1.OAuthClient{Name: c.GetName(), ClientId: "third"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}},
	})
	if err != nil || changed.GetClientId() != "third" || len(changed.GetSettings()) != 0 ||
		changed.GetAuthentication() != vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_UNSPECIFIED {
		t.Errorf("got %v, %v", changed, err)
	}
	_, err = s.UpdateOAuthClient(mia(t), &vaultv1.UpdateOAuthClientRequest{
		OauthClient: &vaultv1.OAuthClient{Name: c.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"connector"}},
	})
	if fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("got %v", err)
	}
	if _, err := s.DeleteOAuthClient(mia(t), &vaultv1.DeleteOAuthClientRequest{Name: c.GetName(), Etag: changed.GetEtag()}); err != nil {
		t.Error(err)
	}
}

func TestEveryClientAuthenticationHasItsMethod(t *testing.T) {
	for n := range vaultv1.ClientAuthentication_name {
		a := vaultv1.ClientAuthentication(n)
		if got := authentication(method(a)); got != a {
			t.Errorf("%v became %v", a, got)
		}
	}
	if got := authentication("something_new"); got != vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_UNSPECIFIED {
		t.Errorf("got %v", got)
	}
}

func connectSignIn(t *testing.T, s *Server) *vaultv1.Connection {
	t.Helper()
	conn, err := s.CreateConnection(ann(t), &vaultv1.CreateConnectionRequest{
		Parent: "environments/default", ConnectionId: "c", Connection: &vaultv1.Connection{Connector: crm},
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestASignInOverTheInterface(t *testing.T) {
	s := signInServer(t, oauth.AuthorizationCode)
	createClient(t, s)
	conn := connectSignIn(t, s)
	if conn.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION {
		t.Fatalf("got %v", conn)
	}
	a, err := s.StartAuthorization(ann(t), &vaultv1.StartAuthorizationRequest{Parent: conn.GetName(), ReturnUrl: "http://127.0.0.1:9/"})
	if err != nil || a.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING || a.GetExpireTime() == nil || a.GetPollInterval() != nil {
		t.Fatalf("got %v, %v", a, err)
	}
	u, err := url.Parse(a.GetAuthorizationUrl())
	if err != nil {
		t.Fatal(err)
	}
	gateway := authn.NewContext(authn.NewPeerContext(t.Context(), "gateway"), authn.Principal{Kind: authn.KindService, Name: "gateway"})
	_, segment, _ := strings.Cut(u.Query().Get("redirect_uri"), "/v1/oauth/callback/")
	callback := &vaultv1.ReceiveAuthorizationRequest{State: u.Query().Get("state"), Code: "canary", Callback: segment}
	r, err := s.ReceiveAuthorization(gateway, callback)
	if err != nil || r.GetConfirmation() == "" || r.GetReturnUrl() == "" || r.GetConnectionId() != "c" || r.GetPrincipal() != "ann" {
		t.Fatalf("got %v, %v", r, err)
	}
	if callback.GetCode() != "" {
		t.Error("the request still holds the code")
	}
	got, err := s.GetAuthorization(ann(t), &vaultv1.GetAuthorizationRequest{Name: a.GetName()})
	if err != nil || got.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_RECEIVED || got.GetIdentity() != "" {
		t.Errorf("before it is confirmed: %v, %v", got, err)
	}
	_, err = s.CompleteAuthorization(ann(t), &vaultv1.CompleteAuthorizationRequest{Name: a.GetName(), Confirmation: "wrong"})
	if fault.ReasonOf(err) != fault.ReasonAuthorizationFailed {
		t.Errorf("got %v", err)
	}
	done, err := s.CompleteAuthorization(ann(t), &vaultv1.CompleteAuthorizationRequest{Name: a.GetName(), Confirmation: r.GetConfirmation()})
	if err != nil || done.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED || done.GetIdentity() != "ann@crm.example" {
		t.Fatalf("got %v, %v", done, err)
	}
	conn, err = s.RevokeAuthorization(ann(t), &vaultv1.RevokeAuthorizationRequest{Name: conn.GetName()})
	if err != nil || conn.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION {
		t.Errorf("got %v, %v", conn, err)
	}
}

func TestADeviceFlowOverTheInterface(t *testing.T) {
	s := signInServer(t, oauth.DeviceCode)
	createClient(t, s)
	conn := connectSignIn(t, s)
	a, err := s.StartAuthorization(ann(t), &vaultv1.StartAuthorizationRequest{Parent: conn.GetName()})
	if err != nil || a.GetUserCode() != "AB-CD" || a.GetCompleteUrl() == "" || a.GetPollInterval().AsDuration() != 5*time.Second {
		t.Fatalf("got %v, %v", a, err)
	}
	got, err := s.CompleteAuthorization(ann(t), &vaultv1.CompleteAuthorizationRequest{Name: a.GetName()})
	if err != nil || got.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = s.RevokeAuthorization(ann(t), &vaultv1.RevokeAuthorizationRequest{Name: conn.GetName()})
	if fault.ReasonOf(err) != fault.ReasonAuthorizationFailed {
		t.Errorf("got %v", err)
	}
}

func TestAFormOverTheInterface(t *testing.T) {
	s := signInServer(t, oauth.AuthorizationCode)
	got, err := s.GetConnectionForm(ann(t), &vaultv1.GetConnectionFormRequest{Name: crm + "/connectionForm"})
	if err != nil || got.GetName() != crm+"/connectionForm" || len(got.GetSets()) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	set := got.GetSets()[0]
	in := set.GetAuthorization()
	if set.GetTitle() != "Sign in" || set.GetDescription() != "With CRM" || len(set.GetFields()) != 1 || !set.GetFields()[0].GetOfProvider() ||
		!cmp.Equal(set.GetFields()[0].GetAllowedValues(), []string{"a", "b"}) {
		t.Errorf("got %v", set)
	}
	if in.GetGrant() != "authorizationCode" || !in.GetInteractive() || !in.GetClientMissing() || in.GetOauthClient() != "" || in.GetRedirectUrl() != "" || in.GetProvider() != "crm" {
		t.Errorf("got %v", in)
	}
	made := createClient(t, s)
	got, err = s.GetConnectionForm(ann(t), &vaultv1.GetConnectionFormRequest{Name: crm + "/connectionForm"})
	if in = got.GetSets()[0].GetAuthorization(); err != nil || in.GetClientMissing() || in.GetOauthClient() != "environments/default/oauthClients/crm" || in.GetRedirectUrl() != made.GetRedirectUrl() {
		t.Errorf("got %v, %v", in, err)
	}
	for _, wrong := range []string{crm, "connectionForm", "environments/default/connections/c/connectionForm"} {
		if _, err := s.GetConnectionForm(ann(t), &vaultv1.GetConnectionFormRequest{Name: wrong}); fault.ReasonOf(err) != fault.ReasonInvalidName {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}

func TestProvidersOverTheInterface(t *testing.T) {
	got, err := signInServer(t, oauth.AuthorizationCode).ListProviders(ann(t), &vaultv1.ListProvidersRequest{})
	if err != nil || len(got.GetProviders()) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	p := got.GetProviders()[0]
	if p.GetName() != "providers/crm" || p.GetTitle() != "CRM" || !cmp.Equal(p.GetGrants(), []string{"authorizationCode"}) || p.GetTokenUrl() == "" ||
		p.GetSettings()[0].GetDefaultValue() != "common" || p.GetRegistrationUrl() == "" || p.GetDocumentationUrl() == "" || len(p.GetNotes()) != 1 {
		t.Errorf("got %v", p)
	}
}

func TestNamesThatAreNone(t *testing.T) {
	s := signInServer(t, oauth.AuthorizationCode)
	for what, call := range map[string]func() error{
		"start": func() error {
			_, err := s.StartAuthorization(ann(t), &vaultv1.StartAuthorizationRequest{Parent: "x"})
			return err
		},
		"get": func() error {
			_, err := s.GetAuthorization(ann(t), &vaultv1.GetAuthorizationRequest{Name: "x"})
			return err
		},
		"complete": func() error {
			_, err := s.CompleteAuthorization(ann(t), &vaultv1.CompleteAuthorizationRequest{Name: "x"})
			return err
		},
		"revoke": func() error {
			_, err := s.RevokeAuthorization(ann(t), &vaultv1.RevokeAuthorizationRequest{Name: "x"})
			return err
		},
		"create": func() error {
			_, err := s.CreateOAuthClient(mia(t), &vaultv1.CreateOAuthClientRequest{Parent: "x"})
			return err
		},
		"client": func() error {
			_, err := s.GetOAuthClient(mia(t), &vaultv1.GetOAuthClientRequest{Name: "x"})
			return err
		},
		"update": func() error { _, err := s.UpdateOAuthClient(mia(t), &vaultv1.UpdateOAuthClientRequest{}); return err },
		"delete": func() error {
			_, err := s.DeleteOAuthClient(mia(t), &vaultv1.DeleteOAuthClientRequest{Name: "x"})
			return err
		},
		"list": func() error {
			_, err := s.ListOAuthClients(mia(t), &vaultv1.ListOAuthClientsRequest{Parent: "x"})
			return err
		},
	} {
		if err := call(); fault.ReasonOf(err) != fault.ReasonInvalidName {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestEveryStateOfASignInHasItsName(t *testing.T) {
	for s := core.AuthorizationPending; s <= core.AuthorizationFailed; s++ {
		if got, want := authorizationState(s).String(), "AUTHORIZATION_STATE_"+s.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if authorizationState(core.AuthorizationUnspecified) != vaultv1.AuthorizationState_AUTHORIZATION_STATE_UNSPECIFIED {
		t.Error("no state has a name")
	}
}

func (w *web) Outline(*connectorv1.Definition, *connectorv1.ParameterSet, provider.Given, oauth.Grant) ([]oauth.Facet, error) {
	return []oauth.Facet{{Name: "token endpoint", Value: "https://login.crm.example/t"}}, nil
}
