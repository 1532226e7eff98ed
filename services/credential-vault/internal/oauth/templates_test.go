package oauth_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// The canonical templates of connector packages.
const (
	canonicalAuthorize = "?client_id={ClientId}&response_type=code&redirect_uri={RedirectUrl}&scope={Scopes}&state={State}"
	canonicalToken     = "code={Code}&grant_type=authorization_code&redirect_uri={RedirectUrl}&client_id={ClientId}&client_secret={ClientSecret}"
	canonicalRefresh   = "refresh_token={RefreshToken}&grant_type=refresh_token&client_id={ClientId}&client_secret={ClientSecret}"
)

func TestTemplatesOfPages(t *testing.T) {
	const rest = "&code_challenge=" + challenge + "&code_challenge_method=S256"
	tests := []struct {
		name, endpoint, template string
		set                      func(p *oauth.Profile)
		want                     string
	}{
		{
			name: "the canonical one", template: canonicalAuthorize,
			want: "https://login.example/a?client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fferrule.example%2Fv1%2Foauth%2Fcallback&scope=read%20write&state=state-1" + rest,
		},
		{name: "case does not matter", template: "{CLIENTID}.{clientid}.{state}", want: "https://login.example/a?app.app.state-1" + rest},
		{name: "values of the connection", template: "r={Region}&s={State}", want: "https://login.example/a?r=eu%20west%261&s=state-1" + rest},
		{name: "what nobody knows is empty", template: "x={nothing}{US_domain}&s={State}", want: "https://login.example/a?x=&s=state-1" + rest},
		{name: "secrets are never shown", template: "k={ClientSecret}{apiKey}&s={State}", want: "https://login.example/a?k=&s=state-1" + rest},
		{name: "a state that was forgotten", template: "client_id={ClientId}", want: "https://login.example/a?client_id=app&state=state-1" + rest},
		{name: "an endpoint with a query", endpoint: "https://login.example/a?t=1", template: "?s={State}", want: "https://login.example/a?t=1&s=state-1" + rest},
		{name: "braces that hold no name", template: "a={}{ {x&s={State}}", want: "https://login.example/a?a={}{%20{x&s=state-1}" + rest},
		{name: "what cannot stand in a URL", template: "a=\r\n\"<ü>#x&s={State}", want: "https://login.example/a?a=%0D%0A%22%3C%C3%BC%3E%23x&s=state-1" + rest},
		{name: "no PKCE", template: "s={State}", set: func(p *oauth.Profile) { p.WithoutPKCE = true }, want: "https://login.example/a?s=state-1"},
		{name: "PKCE of its own", template: "s={State}&code_challenge={CodeChallenge}&code_challenge_method=S256", want: "https://login.example/a?s=state-1&code_challenge=" + challenge + "&code_challenge_method=S256"},
		{name: "scopes with commas", template: "s={State}&scope={Scopes}", set: func(p *oauth.Profile) { p.ScopeDelimiter, p.WithoutPKCE = ",", true }, want: "https://login.example/a?s=state-1&scope=read%2Cwrite"},
		{name: "a parameter of the connection by its full name", template: "s={State}&r={token:Region}", set: func(p *oauth.Profile) {
			p.WithoutPKCE = true
			p.Templates.Values["Token:region"] = "eu"
		}, want: "https://login.example/a?s=state-1&r=eu"},
		{name: "nothing of the profile's own comes in", template: "s={State}", set: func(p *oauth.Profile) {
			p.WithoutPKCE, p.Authorize = true, []oauth.Parameter{{Name: "prompt", Value: "consent"}}
		}, want: "https://login.example/a?s=state-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := signIn()
			p.Endpoints.Authorization = "https://login.example/a"
			if tt.endpoint != "" {
				p.Endpoints.Authorization = tt.endpoint
			}
			p.Templates = &oauth.Templates{
				AuthorizeQuery: tt.template, Values: map[string]string{"region": "eu west&1"}, Secrets: map[string]secret.Text{"apiKey": text("key-key-key")},
			}
			if tt.set != nil {
				tt.set(p)
			}
			got, err := newClient(t).AuthorizationURL(p, attempt())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTemplatesOfTokenRequests(t *testing.T) {
	tests := []struct {
		name      string
		templates oauth.Templates
		set       func(p *oauth.Profile)
		refresh   bool
		query     string
		want      map[string]string
		basic     bool
	}{
		{
			name: "the canonical one of codes", templates: oauth.Templates{TokenBody: canonicalToken},
			want: map[string]string{
				"code": "co&de", "grant_type": "authorization_code", "redirect_uri": "https://ferrule.example/v1/oauth/callback",
				"client_id": "app", "client_secret": "hush-hush", "code_verifier": "*",
			},
		},
		{
			name: "none means the same", templates: oauth.Templates{AuthorizeQuery: canonicalAuthorize},
			want: map[string]string{
				"code": "co&de", "grant_type": "authorization_code", "redirect_uri": "https://ferrule.example/v1/oauth/callback",
				"client_id": "app", "client_secret": "hush-hush", "code_verifier": "*",
			},
		},
		{
			name: "the canonical one of renewals", templates: oauth.Templates{RefreshBody: canonicalRefresh, TokenBody: "never"}, refresh: true,
			want: map[string]string{"refresh_token": "refresh-0", "grant_type": "refresh_token", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "none for renewals means the standard", templates: oauth.Templates{TokenBody: "never"}, refresh: true,
			want: map[string]string{"refresh_token": "refresh-0", "grant_type": "refresh_token", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "a query for odd servers", templates: oauth.Templates{TokenQuery: "?Content-Type=application/x-www-form-urlencoded", TokenBody: "code={Code}"},
			query: "Content-Type=application/x-www-form-urlencoded", want: map[string]string{"code": "co&de", "code_verifier": "*"},
		},
		{
			name: "a query with values and a body of the standard", templates: oauth.Templates{RefreshQuery: "id={ClientId}&t={RefreshToken}"}, refresh: true,
			query: "id=app&t=refresh-0",
			want:  map[string]string{"refresh_token": "refresh-0", "grant_type": "refresh_token", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "a body that abuses the grant", templates: oauth.Templates{TokenBody: "grant_type=client_credentials&scope={Scopes}"},
			set:  func(p *oauth.Profile) { p.WithoutPKCE = true },
			want: map[string]string{"grant_type": "client_credentials", "scope": "read write"},
		},
		{
			name: "secrets and values of the connection", templates: oauth.Templates{
				TokenBody: "k={APIKEY}&r={Region}", Values: map[string]string{"region": "eu"}, Secrets: map[string]secret.Text{"apiKey": text("k&k")},
			},
			set:  func(p *oauth.Profile) { p.WithoutPKCE = true },
			want: map[string]string{"k": "k&k", "r": "eu"},
		},
		{
			name: "the verifier where it wants it", templates: oauth.Templates{TokenBody: "c={Code}&code_verifier={CodeVerifier}"},
			want: map[string]string{"c": "co&de", "code_verifier": "*"},
		},
		{
			name: "basic comes on top if it is said", templates: oauth.Templates{TokenBody: "code={Code}"}, basic: true,
			set:  func(p *oauth.Profile) { p.Client.Method, p.WithoutPKCE = oauth.SecretBasic, true },
			want: map[string]string{"code": "co&de"},
		},
		{
			name: "an assertion comes on top if it is said", templates: oauth.Templates{TokenBody: "code={Code}"},
			set: func(p *oauth.Profile) {
				p.Client.Method, p.Client.PrivateKey, p.WithoutPKCE = oauth.PrivateKeyJWT, pemKey(t, edKey(t)), true
			},
			want: map[string]string{"code": "co&de", "client_assertion": "*", "client_assertion_type": "*"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Templates = &tt.templates
			if tt.set != nil {
				tt.set(p)
			}
			client := newClient(t)
			var err error
			if tt.refresh {
				_, err = client.Refresh(t.Context(), p, text("refresh-0"))
			} else {
				_, err = client.Exchange(t.Context(), p, text("co&de"), attempt())
			}
			if err != nil {
				t.Fatal(err)
			}
			request := server.last(t)
			wantForm(t, request.form(t), tt.want)
			if request.Query != tt.query {
				t.Errorf("the query is %q, want %q", request.Query, tt.query)
			}
			if has := request.Header.Get("Authorization") != ""; has != tt.basic {
				t.Errorf("basic authentication is %v", has)
			}
		})
	}
}

func TestTemplatesMayBeJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		set  func(p *oauth.Profile)
		want map[string]any
	}{
		"by their look":  {`{ "code": "{Code}", "deep": {"secret": "{ClientSecret}"} }`, nil, map[string]any{"code": `co"de`, "deep": map[string]any{"secret": "hush-hush"}, "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}},
		"an empty one":   {`{}`, func(p *oauth.Profile) { p.JSONBody = true }, map[string]any{"code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}},
		"by the profile": {`{"code":"{Code}"}`, func(p *oauth.Profile) { p.JSONBody, p.WithoutPKCE = true, true }, map[string]any{"code": `co"de`}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Templates = &oauth.Templates{TokenBody: tt.body}
			if tt.set != nil {
				tt.set(p)
			}
			if _, err := newClient(t).Exchange(t.Context(), p, text(`co"de`), attempt()); err != nil {
				t.Fatal(err)
			}
			request := server.last(t)
			var got map[string]any
			if err := json.Unmarshal([]byte(request.Body), &got); err != nil {
				t.Fatalf("%q: %v", request.Body, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || request.Header.Get("Content-Type") != "application/json" {
				t.Errorf("body as %s (-want +got):\n%s", request.Header.Get("Content-Type"), diff)
			}
		})
	}
}

func TestSecretsOfTemplatesAreRedacted(t *testing.T) {
	server := newProvider(t, nil)
	server.answer = says(400, `{"error":"invalid_request","error_description":"bad key `+url.QueryEscape("k&y/of owner")+` or k&y/of owner for hush-hush"}`)
	p := server.profile()
	p.Templates = &oauth.Templates{TokenBody: "key={apiKey}&s={ClientSecret}", Secrets: map[string]secret.Text{"apikey": text("k&y/of owner")}}
	_, err := newClient(t).Exchange(t.Context(), p, text("code-1"), attempt())
	got := failed(t, err).Description
	if got != "bad key [redacted] or [redacted] for [redacted]" {
		t.Errorf("the description is %q", got)
	}
}

func TestTemplatesThatGrowTooLong(t *testing.T) {
	server := newProvider(t, says(200, token))
	long := oauth.Templates{TokenBody: strings.Repeat("{x}", 1000), Values: map[string]string{"x": strings.Repeat("y", 100)}}
	query := oauth.Templates{TokenQuery: long.TokenBody, Values: long.Values}
	for _, templates := range []oauth.Templates{long, query} {
		p := server.profile()
		p.Templates = &templates
		_, err := newClient(t).Exchange(t.Context(), p, text("code-1"), attempt())
		contains(t, "the description", failed(t, err).Description, "too long")
	}
}
