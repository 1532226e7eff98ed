package core_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// login is an API with a sign-in, its provider in the hands of the test, and a
// vault.
type login struct {
	t       *testing.T
	vault   *core.Vault
	clock   *clocktest.Fake
	engine  kv.Store
	faults  *faultkv.Store
	records *store.Store
	tokens  *scripted
	presets *presets
	defs    *connectors
	locked  *lockedConnectors
	public  string        // where browsers reach the suite
	named   []core.Origin // where they may be sent back to
	owners  *owners
}

func newLogin(t *testing.T) *login { return newLoginOn(t, memkv.New()) }

func newLoginOn(t *testing.T, engine kv.Store) *login {
	t.Helper()
	l := &login{
		t: t, clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), engine: engine, faults: faultkv.New(engine),
		presets: &presets{grant: oauth.AuthorizationCode}, tokens: &scripted{}, owners: miasConnectors(),
		defs: &connectors{definitions: map[string]*connectorv1.Definition{"crm": loginDefinition()}},
	}
	l.tokens.clock = l.clock
	l.public, l.named = "https://ferrule.example.com", []core.Origin{{Scheme: "https", Host: "portal.example.com:443"}}
	l.vault, l.records = l.replica()
	return l
}

// loginIDs makes ids that differ in all vaults of all tests.
var loginIDs atomic.Int64

// replica returns one more vault on the same store.
func (l *login) replica() (*core.Vault, *store.Store) {
	hosts, err := core.ParseHostRules([]string{"*.sandbox.example"})
	if err != nil {
		l.t.Fatal(err)
	}
	records := proved(l.faults)
	if l.locked == nil {
		l.locked = &lockedConnectors{inner: l.defs}
	}
	return core.New(core.Config{
		Lease: time.Minute, Runtime: "runtime-proxy", Gateway: "gateway", PublicURL: l.public, AllowHosts: hosts,
		ReturnOrigins: l.named,
	}, core.Ports{
		Store: records, Sealer: &safeSealer{}, Connectors: l.locked, Owners: l.owners, Environments: &environments{}, Tokens: l.tokens, Presets: l.presets,
		Clock: l.clock, NewID: func() string { n := loginIDs.Add(1); return fmt.Sprintf("%016x%016x", n, n) },
	}), records
}

// lockedConnectors is the double of rig_test.go for many goroutines.
type lockedConnectors struct {
	mu    sync.Mutex
	inner *connectors
}

func (c *lockedConnectors) Definition(ctx context.Context, connector resource.Connector, revision string) (*connectorv1.Definition, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inner.Definition(ctx, connector, revision)
}

// loginDefinition signs in with settings that the owner may bring, and has a set
// with a key beside it.
func loginDefinition() *connectorv1.Definition {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example/v1"}},
		ParameterSets: []*connectorv1.ParameterSet{
			{
				Name: "oauth", Title: "Sign in",
				Parameters: []*connectorv1.ConnectionParameter{
					{Name: "token", Type: typeOAuth, Required: true, Oauth: &connectorv1.OAuthSettings{IdentityProvider: "oauth2"}},
					{Name: "locale", Type: typeString, DefaultValue: "en"},
				},
				Placements: []*connectorv1.CredentialPlacement{
					{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}},
				},
			},
			{Name: "key", Parameters: []*connectorv1.ConnectionParameter{{Name: "api_key", Type: typeSecret, Required: true}}},
		},
	}
}

// presets make the profile of a provider at login.crm.example, unless the test
// says otherwise.
type presets struct {
	mu       sync.Mutex
	grant    oauth.Grant
	token    string // token endpoint, if not the usual one
	register bool   // clients can register
	revoke   string // revocation endpoint
	takes    string // which token it takes, see [oauth.Revocation]
	issuer   string
	broken   error
	metadata string
	page     string // authorization endpoint, if not the usual one
	body     string // body of token requests, if not the protocol's
	named    bool   // answers name the issuer
	every    bool   // all grants are possible
}

func (p *presets) All() []*provider.Preset { return []*provider.Preset{{ID: "crm", Title: "CRM"}} }

func (p *presets) Form(_ *connectorv1.Definition, set *connectorv1.ParameterSet) (provider.Form, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if set.GetName() != "oauth" {
		return provider.Form{}, nil
	}
	grants := []oauth.Grant{p.grant, oauth.ClientCredentials}
	if p.every {
		grants = append(grants, oauth.AuthorizationCode, oauth.TokenExchange, oauth.Password)
	}
	return provider.Form{
		Parameter: "token", Provider: "crm", Title: "CRM", Grants: grants, ClientNeeded: true,
		Scopes: []string{"read"}, DocumentationURL: "https://docs.crm.example",
		Fields: []provider.Field{
			{Name: "token:clientId", Title: "Client id"},
			{Name: "token:clientSecret", Title: "Client secret", Secret: true},
			{Name: "token:tenant", Title: "Tenant", Required: true},
			{Name: "token:username", Required: true, Grants: []oauth.Grant{oauth.Password}},
			{Name: "token:password", Required: true, Secret: true, Grants: []oauth.Grant{oauth.Password}},
			{Name: "token:region", Default: "eu", Allowed: []string{"eu", "us"}},
		},
	}, p.broken
}

func (p *presets) Profile(_ *connectorv1.Definition, _ *connectorv1.ParameterSet, g provider.Given) (*oauth.Profile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return nil, p.broken
	}
	made := &oauth.Profile{
		Provider: "crm", Grant: p.grant, Issuer: p.issuer, RedirectURL: g.RedirectURL, Scopes: []string{"read"},
		Endpoints: oauth.Endpoints{
			Authorization: "https://login.crm.example/authorize", Token: "https://login.crm.example/token", Device: "https://login.crm.example/device",
			Revocation: p.revoke, Metadata: p.metadata,
		},
	}
	if p.token != "" {
		made.Endpoints.Token = p.token
	}
	if p.page != "" {
		made.Endpoints.Authorization = p.page
	}
	if p.body != "" {
		made.Templates = &oauth.Templates{TokenBody: p.body, RefreshBody: p.body}
	}
	made.IssuerNamed = p.named
	made.Revocation.Token = p.takes
	if p.metadata != "" {
		made.Endpoints.Token, made.Endpoints.Device = "", ""
	}
	if p.register {
		made.Endpoints.Registration = "https://login.crm.example/register"
	}
	switch {
	case g.Plain["token:clientId"] != "":
		made.Client = oauth.Registration{ID: g.Plain["token:clientId"], Secret: g.Secrets["token:clientSecret"]}
	case g.Client != nil:
		made.Client = g.Client.Registration
	}
	if g.Plain["token:grantType"] == "client_credentials" {
		made.Grant = oauth.ClientCredentials
	}
	return made, nil
}

func (p *presets) Reach(*connectorv1.Definition, *connectorv1.ParameterSet, *provider.Client) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.metadata != "" {
		return nil, nil
	}
	if p.token != "" {
		return []string{strings.TrimSuffix(p.token, "/token")}, nil
	}
	return []string{"https://login.crm.example:443"}, nil
}

// scripted is a provider that does what the test says, and remembers what it was
// asked.
type scripted struct {
	mu        sync.Mutex
	clock     *clocktest.Fake
	attempt   oauth.Attempt // of the last authorization URL
	exchanges []string      // codes
	revoked   []string      // access tokens
	places    []string      // where they went
	polls     int
	serial    int
	verifier  string // that came with the last exchange
	nonce     string
	extra     []string // scopes that were asked for besides
	secrets   []string // client secrets that came along
	asked     []string // what tokens were asked for without a person, and as which client

	fail     error         // what exchanges end with
	poll     error         // what polls end with; nil for a token
	revokeBy error         // what revocations end with
	during   func()        // called before an exchange or poll answers
	interval time.Duration // of device flows
	found    *oauth.Endpoints
	paths    map[string]string // where browsers are sent back to, by state

	registered string // redirect URL of the last registration
}

var errOfProvider = &oauth.Error{Verdict: oauth.Gone, Code: "invalid_grant", Host: "login.crm.example", Status: 400, Sent: true}

func (s *scripted) AuthorizationURL(p *oauth.Profile, a oauth.Attempt) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempt = a
	s.attempt.Verifier = secret.FromString(textOf(a.Verifier))
	if s.paths == nil {
		s.paths = map[string]string{}
	}
	_, s.paths[a.State], _ = strings.Cut(p.RedirectURL, "/v1/oauth/callback/")
	q := url.Values{"state": {a.State}, "client_id": {p.Client.ID}, "redirect_uri": {p.RedirectURL}}
	return p.Endpoints.Authorization + "?" + q.Encode(), nil
}

func (s *scripted) Exchange(_ context.Context, p *oauth.Profile, code secret.Text, a oauth.Attempt) (oauth.Token, error) {
	s.mu.Lock()
	s.exchanges = append(s.exchanges, textOf(code))
	s.verifier, s.nonce, s.extra = textOf(a.Verifier), a.Nonce, a.ExtraScopes
	s.secrets = append(s.secrets, textOf(p.Client.Secret))
	fail, during := s.fail, s.during
	t := s.token()
	s.mu.Unlock()
	if during != nil {
		during()
	}
	if fail != nil {
		return oauth.Token{}, fail
	}
	return t, nil
}

func (s *scripted) token() oauth.Token {
	s.serial++
	return oauth.Token{
		Access: secret.FromString(fmt.Sprintf("canary-access-%d", s.serial)), Refresh: secret.FromString(fmt.Sprintf("canary-refresh-%d", s.serial)),
		Scopes: []string{"read"}, ExpireTime: s.clock.Now().Add(time.Hour), Identity: "victor@crm.example",
	}
}

func (s *scripted) Obtain(_ context.Context, p *oauth.Profile) (oauth.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = append(s.secrets, textOf(p.Client.Secret))
	s.asked = append(s.asked, "token as "+p.Client.ID)
	return s.token(), s.fail
}

func (s *scripted) StartDevice(context.Context, *oauth.Profile, oauth.Attempt) (oauth.Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return oauth.Device{
		Code: secret.FromString("canary-device"), UserCode: "WDJB-MJHT", VerificationURL: "https://login.crm.example/device",
		CompleteURL: "https://login.crm.example/device?c=WDJB-MJHT", Interval: s.interval, ExpireTime: s.clock.Now().Add(5 * time.Minute),
	}, s.fail
}

func (s *scripted) PollDevice(context.Context, *oauth.Profile, secret.Text) (oauth.Token, error) {
	s.mu.Lock()
	s.polls++
	poll, during := s.poll, s.during
	t := s.token()
	s.mu.Unlock()
	if during != nil {
		during()
	}
	if poll != nil {
		return oauth.Token{}, poll
	}
	return t, nil
}

func (s *scripted) Revoke(_ context.Context, p *oauth.Profile, t oauth.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Endpoints.Revocation != "" {
		s.places = append(s.places, p.Endpoints.Revocation)
	}
	s.revoked = append(s.revoked, textOf(t.Access))
	return s.revokeBy
}

func (s *scripted) Discover(_ context.Context, p *oauth.Profile) (*oauth.Profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil {
		return p, nil
	}
	made := *p
	made.Endpoints = *s.found
	return &made, nil
}

func (s *scripted) Register(_ context.Context, p *oauth.Profile, _ string) (oauth.Registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered = p.RedirectURL
	s.serial++
	return oauth.Registration{ID: fmt.Sprintf("registered-%d", s.serial), Method: oauth.NoSecret}, s.fail
}

func (s *scripted) Refresh(_ context.Context, p *oauth.Profile, _ secret.Text) (oauth.Token, error) {
	return s.served("refresh", p)
}

func (s *scripted) ExchangeSubject(_ context.Context, p *oauth.Profile, _ secret.Text) (oauth.Token, error) {
	return s.served("subject", p)
}

// served gives a token, and remembers what it was asked for and as which client.
func (s *scripted) served(what string, p *oauth.Profile) (oauth.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what+" as "+p.Client.ID)
	return s.token(), s.fail
}

// set changes how the provider behaves.
func (s *scripted) set(change func(*scripted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func textOf(value secret.Text) (text string) {
	_ = value.Use(reveal.Grant(), func(b []byte) error { text = string(b); return nil })
	return text
}

func maker() core.Caller { return user("mia", authn.RoleMaker) }

// client makes the connector's OAuth client.
func (l *login) client(change ...func(*core.ClientDraft)) core.OAuthClient {
	l.t.Helper()
	d := core.ClientDraft{
		Environment: "default", ID: "crm", Connector: resource.Connector{Environment: "default", ID: "crm"}, ClientID: "makers",
		Secrets: texts("client_secret", "canary-of-the-maker"),
	}
	for _, f := range change {
		f(&d)
	}
	c, err := l.vault.CreateClient(l.t.Context(), maker(), d)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// connect makes ann's connection, which waits for a sign-in.
func (l *login) connect(change ...func(*core.Draft)) core.Connection {
	l.t.Helper()
	d := core.Draft{
		Environment: "default", ID: "crm-1", Connector: resource.Connector{Environment: "default", ID: "crm"}, ParameterSet: "oauth",
		Parameters: map[string]string{"token:tenant": "contoso"},
	}
	for _, f := range change {
		f(&d)
	}
	conn, err := l.vault.Create(l.t.Context(), ann(), d)
	if err != nil {
		l.t.Fatal(err)
	}
	return conn
}

// start begins a sign-in.
func (l *login) start(change ...func(*core.SignIn)) core.Authorization {
	l.t.Helper()
	s := core.SignIn{Connection: name("crm-1")}
	for _, f := range change {
		f(&s)
	}
	a, err := l.vault.StartAuthorization(l.t.Context(), ann(), s)
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

// stateOf returns the state that is in the address of a sign-in.
func stateOf(t *testing.T, a core.Authorization) string {
	t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil || u.Query().Get("state") == "" {
		t.Fatalf("%q has no state", a.URL)
	}
	return u.Query().Get("state")
}

// pathOf returns where the provider sends the browser of a sign-in.
func (s *scripted) pathOf(state string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paths[state]
}

// receive is the browser that comes back.
func (l *login) receive(state string, change ...func(*core.Callback)) core.Received {
	l.t.Helper()
	c := core.Callback{State: state, Code: secret.FromString("canary-code"), Path: l.tokens.pathOf(state)}
	for _, f := range change {
		f(&c)
	}
	r, err := l.vault.ReceiveAuthorization(l.t.Context(), itself("gateway"), c)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// complete confirms a sign-in.
func (l *login) complete(a core.Authorization, confirmation string) core.Authorization {
	l.t.Helper()
	done, err := l.vault.CompleteAuthorization(l.t.Context(), ann(), a.Name, confirmation)
	if err != nil {
		l.t.Fatal(err)
	}
	return done
}

// signIn does all of it.
func (l *login) signIn() core.Authorization {
	l.t.Helper()
	a := l.start()
	return l.complete(a, l.receive(stateOf(l.t, a)).Confirmation)
}

// connection returns ann's connection.
func (l *login) connection() core.Connection {
	l.t.Helper()
	conn, err := l.vault.Get(l.t.Context(), ann(), name("crm-1"))
	if err != nil {
		l.t.Fatal(err)
	}
	return conn
}

// lent returns what the runtime gets.
func (l *login) lent() (map[string]string, error) {
	lent, err := l.vault.Resolve(l.t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op"})
	if err != nil {
		return nil, err
	}
	return valuesOf(lent), nil
}

// authorization returns what is stored of a sign-in.
func (l *login) authorization(a core.Authorization) (core.Authorization, bool) {
	l.t.Helper()
	stored, err := l.records.Authorization(l.t.Context(), a.Name)
	if errors.Is(err, core.ErrNotFound) {
		return stored, false
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return stored, true
}

// get returns a sign-in as its owner sees it.
func (l *login) get(a core.Authorization) core.Authorization {
	l.t.Helper()
	got, err := l.vault.GetAuthorization(l.t.Context(), ann(), a.Name)
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

// wantFailed checks that a sign-in has failed, and why.
func wantFailed(t *testing.T, a core.Authorization, reason string) {
	t.Helper()
	if a.State != core.AuthorizationFailed || !strings.Contains(a.Reason, reason) {
		t.Fatalf("got %v, %q; want FAILED because of %q", a.State, a.Reason, reason)
	}
}

// edited updates ann's connection.
func (l *login) edited(e core.Edit, fields ...core.Field) (core.Connection, error) {
	e.Name, e.Fields = name("crm-1"), fields
	return l.vault.Update(l.t.Context(), ann(), e)
}
