package oauth_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// claims returns good claims with some changed; an empty value takes one away.
func claims(changed map[string]string) string {
	all := map[string]string{
		"iss": `"https://login.example"`, "aud": `"app"`, "nonce": `"nonce-1"`, "sub": `"42"`,
		"exp": fmt.Sprint(now.Unix() + 600), "email": `"ada@example.com"`,
	}
	maps.Copy(all, changed)
	var members []string
	for name, value := range all {
		if value != "" {
			members = append(members, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestIDTokens(t *testing.T) {
	tests := []struct {
		name    string
		changed map[string]string
		raw     string
		set     func(p *oauth.Profile)
		want    string
		fails   string
		verdict oauth.Verdict
	}{
		{name: "a good one", want: "ada@example.com"},
		{name: "a list of audiences", changed: map[string]string{"aud": `["x","app"]`}, want: "ada@example.com"},
		{name: "a slash more in the issuer", changed: map[string]string{"iss": `"https://login.example/"`}, want: "ada@example.com"},
		{name: "Google leaves out the scheme", changed: map[string]string{"iss": `"login.example"`}, want: "ada@example.com"},
		{name: "any issuer if ours is not known", changed: map[string]string{"iss": `"https://x.example"`}, set: func(p *oauth.Profile) { p.Issuer = "" }, want: "ada@example.com"},
		{
			name: "Entra's tenant", changed: map[string]string{"iss": `"https://login.example/t-1/v2.0"`, "tid": `"t-1"`}, want: "ada@example.com",
			set: func(p *oauth.Profile) { p.Issuer = "https://login.example/{tenantid}/v2.0" },
		},
		{
			name: "a tenant that is a path", changed: map[string]string{"iss": `"https://login.example/a/b/v2.0"`, "tid": `"a/b"`}, fails: "another issuer", verdict: oauth.Misconfigured,
			set: func(p *oauth.Profile) { p.Issuer = "https://login.example/{tenantid}/v2.0" },
		},
		{name: "a bit late is not late", changed: map[string]string{"exp": fmt.Sprint(now.Unix() - 200)}, want: "ada@example.com"},
		{name: "the best name first", changed: map[string]string{"preferred_username": `"ada"`}, want: "ada"},
		{name: "Entra v1's name", changed: map[string]string{"email": "", "unique_name": `"ada@corp"`}, want: "ada@corp"},
		{name: "only a subject", changed: map[string]string{"email": ""}, want: "42"},
		{name: "the profile's name first", changed: map[string]string{"nick": `"countess"`}, set: func(p *oauth.Profile) { p.Identity.Paths = [][]string{{"nick"}} }, want: "countess"},
		{name: "another issuer", changed: map[string]string{"iss": `"https://evil.example"`}, fails: "another issuer", verdict: oauth.Misconfigured},
		{name: "another client", changed: map[string]string{"aud": `"other"`}, fails: "another client", verdict: oauth.Misconfigured},
		{name: "other clients", changed: map[string]string{"aud": `["other"]`}, fails: "another client", verdict: oauth.Misconfigured},
		{name: "no audience", changed: map[string]string{"aud": ""}, fails: "another client", verdict: oauth.Misconfigured},
		{name: "another sign-in", changed: map[string]string{"nonce": `"nonce-2"`}, fails: "not of this sign-in", verdict: oauth.Gone},
		{name: "no nonce", changed: map[string]string{"nonce": ""}, fails: "not of this sign-in", verdict: oauth.Gone},
		{name: "too late", changed: map[string]string{"exp": fmt.Sprint(now.Unix() - 600)}, fails: "has ended", verdict: oauth.Gone},
		{name: "no end", changed: map[string]string{"exp": ""}, fails: "has ended", verdict: oauth.Gone},
		{name: "junk", raw: "junk", fails: "cannot be read", verdict: oauth.Misconfigured},
		{name: "junk with dots", raw: "a.%.c", fails: "cannot be read", verdict: oauth.Misconfigured},
		{name: "a list", raw: unsignedJWT("[]"), fails: "cannot be read", verdict: oauth.Misconfigured},
		{name: "junk that was not asked for", raw: "junk", set: func(p *oauth.Profile) { p.Scopes = nil }},
		{name: "another client's that was not asked for", changed: map[string]string{"aud": `"other"`}, set: func(p *oauth.Profile) { p.Scopes = nil }},
		{name: "no nonce was asked for by a template", changed: map[string]string{"nonce": ""}, want: "ada@example.com", set: func(p *oauth.Profile) {
			p.Templates = &oauth.Templates{AuthorizeQuery: "s={State}"}
		}},
		{name: "a nonce of the profile's own", changed: map[string]string{"nonce": `"fixed"`}, want: "ada@example.com", set: func(p *oauth.Profile) {
			p.Authorize = []oauth.Parameter{{Name: "nonce", Value: "fixed"}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := tt.raw
			if raw == "" {
				raw = unsignedJWT(claims(tt.changed))
			}
			server := newProvider(t, says(200, `{"access_token":"a","id_token":"`+raw+`"}`))
			p := server.profile()
			p.Issuer, p.Scopes = "https://login.example", []string{"openid", "email"}
			if tt.set != nil {
				tt.set(p)
			}
			got, err := newClient(t).Exchange(t.Context(), p, text("code-1"), attempt())
			if tt.fails != "" {
				failure := failed(t, err)
				contains(t, "the description", failure.Description, tt.fails)
				if failure.Verdict != tt.verdict || failure.Code != "invalid_id_token" || !failure.Sent || !got.Access.Empty() {
					t.Errorf("the error is %+v", failure)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Identity != tt.want {
				t.Errorf("the identity is %q, want %q", got.Identity, tt.want)
			}
		})
	}
}

func TestWhoSignedIn(t *testing.T) {
	tests := []struct {
		name, answer string
		status       int
		person       string
		identity     oauth.Identity
		placement    oauth.Placement
		header, sent string
		method       string
		want         string
	}{
		{name: "nobody knows", answer: token, want: ""},
		{name: "the provider is asked", answer: token, status: 200, person: `{"login":"ada"}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, header: "Authorization", sent: "Bearer access-1", method: "GET", want: "ada"},
		{name: "by POST", answer: token, status: 200, person: `{"name":{"display_name":"Ada L."}}`, identity: oauth.Identity{URL: "/me", Method: "POST", Paths: [][]string{{"mail"}, {"name", "display_name"}}}, header: "Authorization", sent: "Bearer access-1", method: "POST", want: "Ada L."},
		{name: "with headers", answer: token, status: 200, person: `{"id":7}`, identity: oauth.Identity{URL: "/me", Header: []oauth.Parameter{{Name: "X-Version", Value: "3"}}, Paths: [][]string{{"id"}}}, header: "X-Version", sent: "3", method: "GET", want: "7"},
		{name: "where the API wants the token", answer: token, status: 200, person: `{"email":"a@b"}`, identity: oauth.Identity{URL: "/me"}, placement: oauth.Placement{Header: "X-Token"}, header: "X-Token", sent: "access-1", method: "GET", want: "a@b"},
		{name: "with the API's prefix", answer: token, status: 200, person: `{"email":"a@b"}`, identity: oauth.Identity{URL: "/me"}, placement: oauth.Placement{Prefix: "token "}, header: "Authorization", sent: "token access-1", method: "GET", want: "a@b"},
		{name: "the token answer has it", answer: `{"access_token":"a","owner":{"user":{"name":"Ada"}}}`, identity: oauth.Identity{Paths: [][]string{{"owner", "user", "name"}}}, want: "Ada"},
		{name: "the token answer helps out", answer: `{"access_token":"a","team":"x"}`, status: 500, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"team"}}}, want: "x"},
		{name: "a list in it", answer: token, status: 200, person: `{"accounts":[{"email":"a@b"}]}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"accounts", "0", "email"}}}, want: "a@b"},
		{name: "it is not told", answer: token, status: 403, person: `{"login":"ada"}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: ""},
		{name: "it is junk", answer: token, status: 200, person: `<html>`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: ""},
		{name: "it is somewhere else", answer: token, status: 302, person: ``, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: ""},
		{name: "it is an object", answer: token, status: 200, person: `{"login":{}}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: ""},
		{name: "it has line breaks", answer: token, status: 200, person: `{"login":"a\r\nb\u0000"}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: "a b"},
		{name: "it has no end", answer: token, status: 200, person: `{"login":"` + strings.Repeat("é", 500) + `"}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: strings.Repeat("é", 128)},
		{name: "it is the token", answer: token, status: 200, person: `{"login":"you sent access-1!"}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}}}, want: ""},
		{name: "it is the client's secret", answer: token, status: 200, person: `{"login":"hush-hush","name":"Ada"}`, identity: oauth.Identity{URL: "/me", Paths: [][]string{{"login"}, {"name"}}}, want: "Ada"},
		{name: "the place is in the clear", answer: token, identity: oauth.Identity{URL: "http://api.example/me", Paths: [][]string{{"login"}}}, want: ""},
		{name: "the place cannot be reached", answer: token, identity: oauth.Identity{URL: "https://10.0.0.1/me", Paths: [][]string{{"login"}}}, want: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					says(200, tt.answer)(w, r)
					return
				}
				says(tt.status, tt.person, "Location", "https://evil.example/")(w, r)
			})
			p := server.profile()
			p.Identity, p.Placement = tt.identity, tt.placement
			if strings.HasPrefix(p.Identity.URL, "/") {
				p.Identity.URL = server.URL + p.Identity.URL
			}
			got, err := newClient(t).Exchange(t.Context(), p, text("code-1"), attempt())
			if err != nil {
				t.Fatal(err)
			}
			if got.Identity != tt.want {
				t.Errorf("the identity is %q, want %q", got.Identity, tt.want)
			}
			request := server.last(t)
			if tt.header != "" && (request.Header.Get(tt.header) != tt.sent || request.Method != tt.method) {
				t.Errorf("the request is %s with %v", request.Method, request.Header)
			}
		})
	}
}

func TestRenewalsAskNobodyWhoItWas(t *testing.T) {
	server := newProvider(t, says(200, `{"access_token":"a","id_token":"junk"}`))
	p := server.profile()
	p.Scopes, p.Identity.URL = []string{"openid"}, server.URL+"/me"
	got, err := newClient(t).Refresh(t.Context(), p, text("refresh-0"))
	if err != nil || got.Identity != "" || len(server.requests()) != 1 {
		t.Errorf("%q, %v, asked %d times", got.Identity, err, len(server.requests()))
	}
}
