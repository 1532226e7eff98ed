package core_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

const typeOAuth = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH

// grantRig is an API with a sign-in, its provider, and any number of replicas of
// the vault on one store. It is made to run in a bubble of package synctest: its
// clock is the machine's.
type grantRig struct {
	t        *testing.T
	engine   kv.Store
	provider *tokenServer
	profile  *oauth.Profile // what connections sign in with
	slow     *oauth.Profile // and those whose parameter "provider" is "slow"
	mu       sync.Mutex
	def      *connectorv1.Definition
	pinned   *connectorv1.Definition // of every revision that a connection names
}

func newGrantRig(t *testing.T) *grantRig {
	t.Helper()
	return &grantRig{
		t: t, engine: memkv.New(), provider: newTokenServer(), def: signInDefinition(),
		profile: &oauth.Profile{
			Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Token: "https://login.crm.example/token"},
			Client: oauth.Registration{ID: "client"},
		},
	}
}

// signInDefinition is a connector with a sign-in, a key beside it and a value
// that only the sign-in uses.
func signInDefinition() *connectorv1.Definition {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example/v1"}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "oauth",
			Parameters: []*connectorv1.ConnectionParameter{
				{Name: "token", Type: typeOAuth, Oauth: &connectorv1.OAuthSettings{IdentityProvider: "oauth2"}},
				{Name: "clientSecret", Type: typeSecret},
				{Name: "subscription-key", Type: typeSecret},
			},
			Placements: []*connectorv1.CredentialPlacement{
				{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}},
				{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "subscription-key", Name: "K"}}},
			},
		}},
	}
}

// Definition implements core.Connectors.
func (r *grantRig) Definition(_ context.Context, _ resource.Connector, revision string) (*connectorv1.Definition, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if revision != "" {
		return r.pinned, nil
	}
	return r.def, nil
}

// grantPresets are presets whose profiles the test decides.
type grantPresets struct {
	profile func(provider.Given) *oauth.Profile
}

func (p grantPresets) All() []*provider.Preset { return nil }

func (p grantPresets) Form(*connectorv1.Definition, *connectorv1.ParameterSet) (provider.Form, error) {
	return provider.Form{Parameter: "token"}, nil
}

func (p grantPresets) Profile(_ *connectorv1.Definition, _ *connectorv1.ParameterSet, given provider.Given) (*oauth.Profile, error) {
	made := *p.profile(given)
	return &made, nil
}

func (p grantPresets) Reach(*connectorv1.Definition, *connectorv1.ParameterSet, *provider.Client) ([]string, error) {
	return nil, nil
}

// onlyEnvironment says that every environment exists.
type onlyEnvironment struct{}

func (onlyEnvironment) Exists(context.Context, string) error { return nil }

// safeSealer is the double of rig_test.go for many goroutines.
type safeSealer struct {
	mu    sync.Mutex
	inner sealer
}

func (s *safeSealer) NewKey(ctx context.Context, environment, resource string) ([]byte, error) {
	return s.inner.NewKey(ctx, environment, resource)
}

func (s *safeSealer) LinkKey(ctx context.Context, environment, resource string, key []byte) ([]byte, error) {
	return s.inner.LinkKey(ctx, environment, resource, key)
}

func (s *safeSealer) Seal(ctx context.Context, at core.Place, value secret.Text) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inner.Seal(ctx, at, value)
}

func (s *safeSealer) Open(ctx context.Context, at core.Place, blob []byte) (secret.Text, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inner.Open(ctx, at, blob)
}

var vaultIDs atomic.Int64

// replica returns one more vault on a store.
func (r *grantRig) replica(engine kv.Store) *core.Vault {
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy", Trusted: []string{"trigger"}}, core.Ports{
		Store: proved(engine), Sealer: &safeSealer{}, Connectors: r, Environments: onlyEnvironment{},
		Tokens: r.provider, Presets: grantPresets{func(given provider.Given) *oauth.Profile {
			r.mu.Lock()
			defer r.mu.Unlock()
			if given.Plain["provider"] == "slow" {
				return r.slow
			}
			return r.profile
		}},
		Clock: clock.System(), NewID: func() string { return fmt.Sprintf("%032x", vaultIDs.Add(1)) },
	})
}

// connect makes a connection of ann's whose sign-in has brought a token with the
// given life. Nobody else has a part in the family of its refresh tokens.
func (r *grantRig) connect(v *core.Vault, life time.Duration, change ...func(*core.Connection)) core.Connection {
	r.t.Helper()
	conn := r.insert(change...)
	token := r.provider.issue(life)
	conn, err := v.AcceptGrant(r.t.Context(), ann(), conn, r.profile, token)
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// insert makes a connection without a grant.
func (r *grantRig) insert(change ...func(*core.Connection)) core.Connection {
	r.t.Helper()
	conn := core.Connection{
		Name: name("crm-1"), UID: "00000000000000aa", Change: 1, Edits: 1, Connector: resource.Connector{Environment: "default", ID: "crm"},
		ParameterSet: "oauth", Owner: "ann", State: core.StateConnected, Key: []byte("k"), CreateTime: time.Now(),
		Origins: []core.Origin{{Scheme: "https", Host: "api.crm.example:443"}}, TokenOrigins: []string{"https://login.crm.example:443"},
		Profile: outlineOf(r.profile),
	}
	if r.profile != nil {
		conn.Kind = r.profile.Grant
	}
	for _, f := range change {
		f(&conn)
	}
	if err := proved(r.engine).Insert(r.t.Context(), core.Write{Connection: conn}); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// lend resolves the connection and returns the values that were lent.
func lend(ctx context.Context, v *core.Vault) (map[string]string, core.Credential, error) {
	lent, err := v.Resolve(ctx, through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op"})
	if err != nil {
		return nil, lent, err
	}
	return valuesOf(lent), lent, nil
}

func valuesOf(lent core.Credential) map[string]string {
	values := map[string]string{}
	for _, s := range lent.Secrets {
		_ = s.Value.Use(reveal.Grant(), func(b []byte) error { values[s.Name] = string(b); return nil })
	}
	return values
}

// state returns the connection as its owner sees it.
func (r *grantRig) state(v *core.Vault) core.Connection {
	r.t.Helper()
	conn, err := v.Get(r.t.Context(), ann(), name("crm-1"))
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// grant returns the stored grant.
func (r *grantRig) grant() core.Grant {
	r.t.Helper()
	held, err := proved(r.engine).Held(r.t.Context(), name("crm-1"))
	if err != nil {
		r.t.Fatal(err)
	}
	return held.Grant
}

// events returns the types of the events about connections that wait to be
// published.
func (r *grantRig) events() (types []string) {
	r.t.Helper()
	err := r.engine.View(r.t.Context(), func(tx kv.Reader) error {
		for p, err := range kv.All(tx, []byte("outbox/message/"), 100) {
			if err != nil {
				return err
			}
			for _, kind := range []string{"ferrule.connection.needs-authorization", "ferrule.connection.authorized", "ferrule.connection.failed"} {
				if strings.Contains(string(p.Value), `"`+kind+`"`) {
					types = append(types, strings.TrimPrefix(kind, "ferrule.connection."))
				}
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return types
}

// tokenServer is a provider whose refresh tokens are good for one use: the second
// use of one revokes everything that came of it.
type tokenServer struct {
	mu      sync.Mutex
	serial  int
	family  map[string]int  // of each refresh token ever given
	used    map[string]bool // refresh tokens that were used
	revoked map[int]bool    // families
	calls   int
	given   []string // access tokens, in order
	revokes int

	life    time.Duration // of new tokens; 0 for no stated end
	slow    time.Duration // how long it takes to answer, after it has acted
	deaf    bool          // does not notice that its client has gone
	lasting bool          // refresh tokens can be used again, and are not sent again
	fail    []error       // what the next requests are answered with
	acted   func()        // called when it has acted
	took    func()        // called when it has got a token back
	subject func(secret.Text) (oauth.Token, error)
}

func newTokenServer() *tokenServer {
	return &tokenServer{family: map[string]int{}, used: map[string]bool{}, revoked: map[int]bool{}, life: time.Hour}
}

// issue begins a new family.
func (s *tokenServer) issue(life time.Duration) oauth.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next(s.serial+1000, life)
}

func (s *tokenServer) next(family int, life time.Duration) oauth.Token {
	s.serial++
	refresh := fmt.Sprintf("refresh-%d", s.serial)
	s.family[refresh] = family
	access := fmt.Sprintf("access-%d", s.serial)
	s.given = append(s.given, access)
	t := oauth.Token{Access: secret.FromString(access), Refresh: secret.FromString(refresh), Identity: "ann@crm.example"}
	if life > 0 {
		t.ExpireTime = time.Now().Add(life)
	}
	return t
}

func gone(code string) error {
	return &oauth.Error{Verdict: oauth.Gone, Code: code, Host: "login.crm.example", Status: 400, Sent: true}
}

func transient() error {
	return &oauth.Error{Verdict: oauth.Transient, Host: "login.crm.example", Status: 503, Sent: true}
}

// Refresh implements core.Tokens.
func (s *tokenServer) Refresh(ctx context.Context, _ *oauth.Profile, refresh secret.Text) (oauth.Token, error) {
	return s.request(ctx, func() (oauth.Token, error) {
		var old string
		_ = refresh.Use(reveal.Grant(), func(b []byte) error { old = string(b); return nil })
		family, known := s.family[old]
		if !known || s.revoked[family] {
			return oauth.Token{}, gone("invalid_grant")
		}
		if s.used[old] && !s.lasting {
			s.revoked[family] = true
			return oauth.Token{}, gone("invalid_grant")
		}
		s.used[old] = true
		t := s.next(family, s.life)
		if s.lasting {
			t.Refresh = secret.Text{}
		}
		return t, nil
	})
}

// Obtain implements core.Tokens.
func (s *tokenServer) Obtain(ctx context.Context, _ *oauth.Profile) (oauth.Token, error) {
	return s.request(ctx, func() (oauth.Token, error) {
		t := s.next(s.serial+1000, s.life)
		t.Refresh = secret.Text{}
		return t, nil
	})
}

// ExchangeSubject implements core.Tokens.
func (s *tokenServer) ExchangeSubject(ctx context.Context, _ *oauth.Profile, subject secret.Text) (oauth.Token, error) {
	return s.request(ctx, func() (oauth.Token, error) { return s.subject(subject) })
}

// request is one call of the token endpoint.
func (s *tokenServer) request(ctx context.Context, act func() (oauth.Token, error)) (oauth.Token, error) {
	s.mu.Lock()
	s.calls++
	var t oauth.Token
	var err error
	if len(s.fail) > 0 {
		err = s.fail[0]
		s.fail = s.fail[1:]
	} else {
		t, err = act()
	}
	slow, deaf, acted := s.slow, s.deaf, s.acted
	s.mu.Unlock()
	if acted != nil {
		acted()
	}
	if slow == 0 {
		return t, err
	}
	if deaf {
		<-time.After(slow)
		return t, err
	}
	select {
	case <-time.After(slow):
		return t, err
	case <-ctx.Done():
		return oauth.Token{}, &oauth.Error{Verdict: oauth.Transient, Host: "login.crm.example", Sent: true, Cause: ctx.Err()}
	}
}

// asked returns how often the token endpoint was called.
func (s *tokenServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// newest returns the access token that was given last.
func (s *tokenServer) newest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given[len(s.given)-1]
}

// set changes how it behaves.
func (s *tokenServer) set(change func(*tokenServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Revoke implements core.Tokens.
func (s *tokenServer) Revoke(context.Context, *oauth.Profile, oauth.Token) error {
	s.mu.Lock()
	s.revokes++
	took := s.took
	s.mu.Unlock()
	if took != nil {
		took()
	}
	return nil
}

// Discover implements core.Tokens.
func (s *tokenServer) Discover(_ context.Context, p *oauth.Profile) (*oauth.Profile, error) {
	return p, nil
}

// The rest of core.Tokens has no part in renewals.

func (s *tokenServer) AuthorizationURL(*oauth.Profile, oauth.Attempt) (string, error) {
	return "", errNoPart
}

func (s *tokenServer) Exchange(context.Context, *oauth.Profile, secret.Text, oauth.Attempt) (oauth.Token, error) {
	return oauth.Token{}, errNoPart
}

func (s *tokenServer) StartDevice(context.Context, *oauth.Profile, oauth.Attempt) (oauth.Device, error) {
	return oauth.Device{}, errNoPart
}

func (s *tokenServer) PollDevice(context.Context, *oauth.Profile, secret.Text) (oauth.Token, error) {
	return oauth.Token{}, errNoPart
}

func (s *tokenServer) Register(context.Context, *oauth.Profile, string) (oauth.Registration, error) {
	return oauth.Registration{}, errNoPart
}

var errNoPart = fault.Unimplemented(fault.ReasonInternal, "this has no part in the test")

// subjectOf is a caller's own token.
func subjectOf(token string) core.Subject {
	return core.Subject{Token: secret.FromString(token), Sum: sha256.Sum256([]byte(token))}
}
