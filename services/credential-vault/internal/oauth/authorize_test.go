package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// challenge belongs to the verifier of RFC 7636, appendix B.
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

func signIn() *oauth.Profile {
	return &oauth.Profile{
		Grant:       oauth.AuthorizationCode,
		Endpoints:   oauth.Endpoints{Authorization: "https://login.example/authorize"},
		Client:      oauth.Registration{ID: "app", Secret: text("hush-hush")},
		RedirectURL: "https://ferrule.example/v1/oauth/callback",
		Scopes:      []string{"read", "write"},
	}
}

func TestPagesToOpen(t *testing.T) {
	base := map[string]string{
		"response_type": "code", "client_id": "app", "redirect_uri": "https://ferrule.example/v1/oauth/callback",
		"scope": "read write", "state": "state-1", "code_challenge": challenge, "code_challenge_method": "S256",
	}
	tests := []struct {
		name string
		set  func(p *oauth.Profile, a *oauth.Attempt)
		want map[string]string // "" takes away from base
	}{
		{"the standard", func(*oauth.Profile, *oauth.Attempt) {}, nil},
		{"no PKCE", func(p *oauth.Profile, a *oauth.Attempt) {
			p.WithoutPKCE, a.Verifier = true, secret.Text{}
		}, map[string]string{"code_challenge": "", "code_challenge_method": ""}},
		{"a nonce for OpenID Connect", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.Scopes = []string{"openid", "email"}
		}, map[string]string{"scope": "openid email", "nonce": "nonce-1"}},
		{"a nonce if the attempt adds the scope", func(_ *oauth.Profile, a *oauth.Attempt) {
			a.ExtraScopes = []string{"openid", "read"}
		}, map[string]string{"scope": "read write openid", "nonce": "nonce-1"}},
		{"a login hint", func(_ *oauth.Profile, a *oauth.Attempt) { a.LoginHint = "ada@example.com" }, map[string]string{"login_hint": "ada@example.com"}},
		{"a login hint by another name", func(p *oauth.Profile, a *oauth.Attempt) {
			p.LoginHintParameter, a.LoginHint = "idp_hint", "corp"
		}, map[string]string{"idp_hint": "corp"}},
		{"scopes with commas in another parameter", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.ScopeDelimiter, p.ScopeParameter = ",", "user_scope"
		}, map[string]string{"scope": "", "user_scope": "read,write"}},
		{"no scopes", func(p *oauth.Profile, _ *oauth.Attempt) { p.Scopes = nil }, map[string]string{"scope": ""}},
		{"further parameters", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.Authorize = []oauth.Parameter{{Name: "access_type", Value: "offline"}, {Name: "prompt", Value: "consent"}}
		}, map[string]string{"access_type": "offline", "prompt": "consent"}},
		{"one that replaces ours", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.Authorize = []oauth.Parameter{{Name: "response_type", Value: "Assertion"}}
		}, map[string]string{"response_type": "Assertion"}},
		{"one that takes ours away", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.Authorize = []oauth.Parameter{{Name: "redirect_uri"}}
		}, map[string]string{"redirect_uri": ""}},
		{"but not the state", func(p *oauth.Profile, _ *oauth.Attempt) { p.Authorize = []oauth.Parameter{{Name: "state"}} }, nil},
		{"an endpoint with a query", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.Endpoints.Authorization += "?tenant=a%26b&response_type=token&"
		}, map[string]string{"tenant": "a&b"}},
		{"values that need escaping", func(p *oauth.Profile, a *oauth.Attempt) {
			p.Client.ID, a.LoginHint = "a&b=c d+e", "ü#?"
		}, map[string]string{"client_id": "a&b=c d+e", "login_hint": "ü#?"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, a := signIn(), attempt()
			tt.set(p, &a)
			page, err := newClient(t).AuthorizationURL(p, a)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(page)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, all := range []map[string]string{base, tt.want} {
				for name, value := range all {
					want[name] = value
					if value == "" {
						delete(want, name)
					}
				}
			}
			wantForm(t, u.Query(), want)
			if u.Host != "login.example" || u.Path != "/authorize" || strings.Contains(page, "hush") || strings.Contains(page, "+") {
				t.Errorf("the page is %s", page)
			}
		})
	}
}

func TestPagesThatCannotBeMade(t *testing.T) {
	tests := []struct {
		name string
		set  func(p *oauth.Profile, a *oauth.Attempt)
		want string
	}{
		{"no endpoint", func(p *oauth.Profile, _ *oauth.Attempt) { p.Endpoints.Authorization = "" }, "there is no authorization endpoint"},
		{"a script", func(p *oauth.Profile, _ *oauth.Attempt) { p.Endpoints.Authorization = "javascript:alert(1)//x" }, "is not a URL"},
		{"in the clear", func(p *oauth.Profile, _ *oauth.Attempt) { p.Endpoints.Authorization = "http://login.example/" }, "is not https"},
		{"no client id", func(p *oauth.Profile, _ *oauth.Attempt) { p.Client.ID = "" }, "no client id"},
		{"no state", func(_ *oauth.Profile, a *oauth.Attempt) { a.State = "" }, "no state"},
		{"no verifier", func(_ *oauth.Profile, a *oauth.Attempt) { a.Verifier = secret.Text{} }, "verifier"},
		{"a short verifier", func(_ *oauth.Profile, a *oauth.Attempt) { a.Verifier = text("short") }, "verifier"},
		{"a long verifier", func(_ *oauth.Profile, a *oauth.Attempt) { a.Verifier = text(strings.Repeat("v", 129)) }, "verifier"},
		{"a template that grows too long", func(p *oauth.Profile, _ *oauth.Attempt) {
			p.Templates = &oauth.Templates{AuthorizeQuery: strings.Repeat("{x}", 1000), Values: map[string]string{"x": strings.Repeat("y", 1000)}}
		}, "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, a := signIn(), attempt()
			tt.set(p, &a)
			page, err := newClient(t).AuthorizationURL(p, a)
			got := failed(t, err)
			if page != "" || got.Verdict != oauth.Misconfigured {
				t.Errorf("the page is %q, the error %+v", page, got)
			}
			contains(t, "the description", got.Description, tt.want)
		})
	}
}

func TestStatesAndVerifiersAreRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		state := oauth.NewState()
		if len(state) != 43 || seen[state] || url.QueryEscape(state) != state {
			t.Fatalf("the state is %q", state)
		}
		seen[state] = true
	}
	one, two := oauth.NewVerifier(), oauth.NewVerifier()
	if one.Equal(two) {
		t.Error("two verifiers are alike")
	}
	p, a := signIn(), oauth.Attempt{State: "s", Verifier: one}
	if _, err := newClient(t).AuthorizationURL(p, a); err != nil {
		t.Errorf("the verifier is not taken: %v", err)
	}
}
