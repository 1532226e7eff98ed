package oauth_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// grantCase is how one grant is asked for, and what the provider gets besides the
// client's proof.
type grantCase struct {
	name  string
	grant oauth.Grant
	set   func(p *oauth.Profile)
	ask   func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error)
	want  map[string]string
}

func grantCases(t *testing.T) []grantCase {
	t.Helper()
	key := pemKey(t, rsaKey(t))
	obtain := func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
		return c.Obtain(ctx, p)
	}
	subject := func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
		return c.ExchangeSubject(ctx, p, text("callers-token"))
	}
	return []grantCase{
		{
			name: "authorization code", grant: oauth.AuthorizationCode,
			ask: func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
				return c.Exchange(ctx, p, text("code-1"), attempt())
			},
			want: map[string]string{
				"grant_type": "authorization_code", "code": "code-1", "redirect_uri": "https://ferrule.example/v1/oauth/callback",
				"code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
			},
		},
		{
			name: "client credentials", grant: oauth.ClientCredentials, ask: obtain,
			want: map[string]string{"grant_type": "client_credentials", "scope": "read write"},
		},
		{
			name: "password", grant: oauth.Password, ask: obtain,
			set:  func(p *oauth.Profile) { p.Username, p.Password = "ada", text("p&ss wörd") },
			want: map[string]string{"grant_type": "password", "username": "ada", "password": "p&ss wörd", "scope": "read write"},
		},
		{
			name: "renewal", grant: oauth.AuthorizationCode,
			ask: func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
				return c.Refresh(ctx, p, text("refresh-0"))
			},
			want: map[string]string{"grant_type": "refresh_token", "refresh_token": "refresh-0"},
		},
		{
			name: "owner's refresh token", grant: oauth.RefreshToken, ask: obtain,
			set:  func(p *oauth.Profile) { p.Refreshing = text("refresh-of-owner") },
			want: map[string]string{"grant_type": "refresh_token", "refresh_token": "refresh-of-owner"},
		},
		{
			name: "device", grant: oauth.DeviceCode,
			ask: func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
				return c.PollDevice(ctx, p, text("device-1"))
			},
			want: map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "device-1"},
		},
		{
			name: "JWT bearer", grant: oauth.JWTBearer, ask: obtain,
			set:  func(p *oauth.Profile) { p.Assertion = oauth.Assertion{Key: key, Issuer: "robot"} },
			want: map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "*", "scope": "read write"},
		},
		{
			name: "token exchange", grant: oauth.TokenExchange, ask: subject,
			want: map[string]string{
				"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": "callers-token",
				"subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "scope": "read write",
			},
		},
		{
			name: "on behalf of", grant: oauth.OnBehalfOf, ask: subject,
			want: map[string]string{
				"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "callers-token",
				"requested_token_use": "on_behalf_of", "scope": "read write",
			},
		},
	}
}

func TestEveryGrantWithEveryClientAuthentication(t *testing.T) {
	key := pemKey(t, rsaKey(t))
	methods := []struct {
		method oauth.Method
		want   map[string]string
		basic  bool
	}{
		{"", map[string]string{"client_id": "app", "client_secret": "hush-hush"}, false},
		{oauth.SecretPost, map[string]string{"client_id": "app", "client_secret": "hush-hush"}, false},
		{oauth.SecretBasic, nil, true},
		{oauth.NoSecret, map[string]string{"client_id": "app"}, false},
		{oauth.PrivateKeyJWT, map[string]string{"client_id": "app", "client_assertion": "*", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, false},
		{oauth.SecretJWT, map[string]string{"client_id": "app", "client_assertion": "*", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, false},
	}
	for _, tt := range grantCases(t) {
		for _, m := range methods {
			t.Run(tt.name+" "+string(m.method), func(t *testing.T) {
				server := newProvider(t, says(200, token))
				p := server.profile()
				p.Grant, p.Client.Method, p.Client.PrivateKey = tt.grant, m.method, key
				if m.method == oauth.SecretJWT {
					p.Client.Secret = text(strings.Repeat("k", 32)) // HS256 wants as many bits
				}
				if tt.set != nil {
					tt.set(p)
				}
				got, err := tt.ask(t.Context(), newClient(t), p)
				if err != nil {
					t.Fatal(err)
				}
				wantSecret(t, "access token", got.Access, "access-1")
				wantSecret(t, "refresh token", got.Refresh, "refresh-1")
				if want := now.Add(time.Hour); !got.ExpireTime.Equal(want) {
					t.Errorf("it ends at %v, want %v", got.ExpireTime, want)
				}
				request := server.last(t)
				if request.Method != "POST" || request.Path != "/token" || request.Query != "" {
					t.Errorf("the request is %s %s?%s", request.Method, request.Path, request.Query)
				}
				if kind := request.Header.Get("Content-Type"); kind != "application/x-www-form-urlencoded" {
					t.Errorf("the body is sent as %q", kind)
				}
				want := maps.Clone(tt.want)
				maps.Copy(want, m.want)
				wantForm(t, request.form(t), want)
				if has := strings.HasPrefix(request.Header.Get("Authorization"), "Basic "); has != m.basic {
					t.Errorf("basic authentication is %v, want %v", has, m.basic)
				}
			})
		}
	}
}

func TestProfilesChangeTokenRequests(t *testing.T) {
	refresh := func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
		return c.Refresh(ctx, p, text("refresh-0"))
	}
	obtain := func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error) {
		return c.Obtain(ctx, p)
	}
	tests := []struct {
		name string
		set  func(p *oauth.Profile)
		ask  func(ctx context.Context, c *oauth.Client, p *oauth.Profile) (oauth.Token, error)
		path string
		want map[string]string
	}{
		{
			name: "further parameters are added", ask: obtain,
			set: func(p *oauth.Profile) {
				p.Token = []oauth.Parameter{{Name: "audience", Value: "https://api.example"}, {Name: "resource", Value: "https://r.example"}}
			},
			want: map[string]string{
				"grant_type": "client_credentials", "scope": "read write", "client_id": "app", "client_secret": "hush-hush",
				"audience": "https://api.example", "resource": "https://r.example",
			},
		},
		{
			name: "an empty one takes away", ask: obtain,
			set:  func(p *oauth.Profile) { p.Token = []oauth.Parameter{{Name: "scope"}} },
			want: map[string]string{"grant_type": "client_credentials", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "one of the same name replaces", ask: obtain,
			set: func(p *oauth.Profile) {
				p.Token = []oauth.Parameter{{Name: "grant_type", Value: "account_credentials"}}
			},
			want: map[string]string{"grant_type": "account_credentials", "scope": "read write", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "those of renewals are for renewals", ask: obtain,
			set:  func(p *oauth.Profile) { p.Refresh = []oauth.Parameter{{Name: "redirect_uri", Value: "x"}} },
			want: map[string]string{"grant_type": "client_credentials", "scope": "read write", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "and come on top there", ask: refresh,
			set: func(p *oauth.Profile) {
				p.Token = []oauth.Parameter{{Name: "audience", Value: "a"}}
				p.Refresh = []oauth.Parameter{{Name: "audience", Value: "b"}, {Name: "scope", Value: "read"}}
			},
			want: map[string]string{
				"grant_type": "refresh_token", "refresh_token": "refresh-0", "client_id": "app", "client_secret": "hush-hush",
				"audience": "b", "scope": "read",
			},
		},
		{
			name: "renewals may have an endpoint of their own", ask: refresh, path: "/renew",
			set: func(p *oauth.Profile) {
				p.Endpoints.Refresh = strings.Replace(p.Endpoints.Token, "/token", "/renew", 1)
			},
			want: map[string]string{"grant_type": "refresh_token", "refresh_token": "refresh-0", "client_id": "app", "client_secret": "hush-hush"},
		},
		{
			name: "scopes have another name and another delimiter", ask: obtain,
			set:  func(p *oauth.Profile) { p.ScopeParameter, p.ScopeDelimiter = "user_scope", "," },
			want: map[string]string{"grant_type": "client_credentials", "user_scope": "read,write", "client_id": "app", "client_secret": "hush-hush"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Grant = oauth.ClientCredentials
			tt.set(p)
			if _, err := tt.ask(t.Context(), newClient(t), p); err != nil {
				t.Fatal(err)
			}
			request := server.last(t)
			if want := "/" + strings.TrimPrefix(tt.path, "/"); tt.path != "" && request.Path != want {
				t.Errorf("the path is %q, want %q", request.Path, want)
			}
			wantForm(t, request.form(t), tt.want)
		})
	}
}

func TestBodiesMayBeJSONWithHeadersOfTheProvider(t *testing.T) {
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.JSONBody, p.TokenHeader = true, []oauth.Parameter{{Name: "Notion-Version", Value: "2022-06-28"}}
	p.Client.Method = oauth.SecretBasic
	if _, err := newClient(t).Exchange(t.Context(), p, text(`co"de`), attempt()); err != nil {
		t.Fatal(err)
	}
	request := server.last(t)
	var got map[string]string
	if err := json.Unmarshal([]byte(request.Body), &got); err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	for name, value := range got {
		values.Set(name, value)
	}
	wantForm(t, values, map[string]string{
		"grant_type": "authorization_code", "code": `co"de`, "redirect_uri": p.RedirectURL, "code_verifier": "*",
	})
	if request.Header.Get("Notion-Version") != "2022-06-28" || request.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the header is %v", request.Header)
	}
}

func TestPKCECanBeLeftOut(t *testing.T) {
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.WithoutPKCE = true
	if _, err := newClient(t).Exchange(t.Context(), p, text("code-1"), attempt()); err != nil {
		t.Fatal(err)
	}
	if got := server.last(t).form(t); got.Has("code_verifier") {
		t.Errorf("the form is %v", got)
	}
}

func TestWhatCannotBeAskedForIsNotAskedFor(t *testing.T) {
	ctx := t.Context()
	tests := []struct {
		name string
		set  func(p *oauth.Profile)
		ask  func(c *oauth.Client, p *oauth.Profile) error
		want string
		gone bool
	}{
		{"no client id", func(p *oauth.Profile) { p.Client.ID = "" }, nil, "there is no client id", false},
		{"basic without a secret", func(p *oauth.Profile) { p.Client = oauth.Registration{ID: "app", Method: oauth.SecretBasic} }, nil, "the client has no secret", false},
		{"post without a secret", func(p *oauth.Profile) { p.Client = oauth.Registration{ID: "app", Method: oauth.SecretPost} }, nil, "the client has no secret", false},
		{"a secret's assertion without a secret", func(p *oauth.Profile) { p.Client = oauth.Registration{ID: "app", Method: oauth.SecretJWT} }, nil, "the client has no secret", false},
		{"a key that is none", func(p *oauth.Profile) {
			p.Client = oauth.Registration{ID: "app", Method: oauth.PrivateKeyJWT, PrivateKey: text("junk")}
		}, nil, "the client's key cannot be used", false},
		{"a certificate that is none", func(p *oauth.Profile) {
			p.Client = oauth.Registration{ID: "app", Method: oauth.TLSClientAuth, Certificate: text("junk")}
		}, nil, "the client's certificate cannot be read", false},
		{"a method that nobody knows", func(p *oauth.Profile) { p.Client.Method = "magic" }, nil, "magic is not known", false},
		{"no endpoint", func(p *oauth.Profile) { p.Endpoints.Token = "" }, nil, "there is no token endpoint", false},
		{"an endpoint in the clear", func(p *oauth.Profile) { p.Endpoints.Token = "http://provider.example/token" }, nil, "is not https", false},
		{"an endpoint with credentials", func(p *oauth.Profile) { p.Endpoints.Token = "https://user:pw@provider.example/token" }, nil, "is not a URL", false},
		{"an endpoint with a fragment", func(p *oauth.Profile) { p.Endpoints.Token = "https://provider.example/token#x" }, nil, "has a fragment", false},
		{"an endpoint of another kind", func(p *oauth.Profile) { p.Endpoints.Token = "file:///etc/passwd" }, nil, "is not a URL", false},
		{"an endpoint without end", func(p *oauth.Profile) { p.Endpoints.Token = "https://provider.example/" + strings.Repeat("x", 5000) }, nil, "is not a URL", false},
		{"a grant that needs a person", func(p *oauth.Profile) { p.Grant = oauth.AuthorizationCode }, nil, "needs a person or a caller", false},
		{"a grant that is not for callers", nil, func(c *oauth.Client, p *oauth.Profile) error {
			_, err := c.ExchangeSubject(ctx, p, text("callers-token"))
			return err
		}, "does not swap", false},
		{"a renewal with nothing to renew", nil, func(c *oauth.Client, p *oauth.Profile) error {
			_, err := c.Refresh(ctx, p, text(""))
			return err
		}, "there is no refresh token", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Grant = oauth.ClientCredentials
			if tt.set != nil {
				tt.set(p)
			}
			ask := tt.ask
			if ask == nil {
				ask = func(c *oauth.Client, p *oauth.Profile) error {
					_, err := c.Obtain(ctx, p)
					return err
				}
			}
			err := failed(t, ask(newClient(t), p))
			contains(t, "the description", err.Description, tt.want)
			if (err.Verdict == oauth.Gone) != tt.gone || !tt.gone && err.Verdict != oauth.Misconfigured || err.Sent {
				t.Errorf("the error is %+v", err)
			}
			if len(server.requests()) != 0 {
				t.Error("the provider was asked")
			}
		})
	}
}
