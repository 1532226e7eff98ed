package provider_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// recorder stands in for all providers, writes down what they are sent, and answers.
type recorder struct {
	answer string
	status int
	seen   []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	line := []string{req.Method, req.URL.String()}
	if auth := req.Header.Get("Authorization"); auth != "" {
		line = append(line, "with "+auth)
	}
	if kind := req.Header.Get("Content-Type"); kind != "" {
		line = append(line, kind)
	}
	if version := req.Header.Get("Notion-Version"); version != "" {
		line = append(line, "version "+version)
	}
	if req.Body != nil {
		body, _ := io.ReadAll(req.Body)
		line = append(line, string(body))
	}
	r.seen = append(r.seen, strings.Join(line, " "))
	return &http.Response{StatusCode: r.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(r.answer))}, nil
}

// revoke gives a token of invented values back at a preset.
func revoke(t *testing.T, id string, values map[string]string, r *recorder) error {
	t.Helper()
	p := profile(t, connector{identity: id}, given(maker(nil), values))
	client := oauth.New(oauth.Config{
		HTTP:  func(*tls.Certificate) *http.Client { return &http.Client{Transport: r} },
		Clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	})
	return client.Revoke(t.Context(), p, oauth.Token{Access: secret.FromString("invented-access"), Refresh: secret.FromString("invented-refresh"), Identity: "acct_1"})
}

// TestHowEachPresetGivesTokensBack sends what the provider documents, to where it
// documents it, and nothing anywhere else.
func TestHowEachPresetGivesTokensBack(t *testing.T) {
	t.Parallel()
	const (
		basic = "with Basic bWFrZXItY2xpZW50Om1ha2VyLXNlY3JldC1ub3QtcmVhbA=="
		form  = "application/x-www-form-urlencoded"
		post  = "&client_id=maker-client&client_secret=maker-secret-not-real"
	)
	want := map[string][]string{
		"dropbox":    {"POST https://api.dropboxapi.com/2/auth/token/revoke with Bearer invented-access"},
		"facebook":   {"DELETE https://graph.facebook.com/v23.0/me/permissions with Bearer invented-access"},
		"github":     {"DELETE https://api.github.com/applications/maker-client/grant " + basic + ` application/json {"access_token":"invented-access"}`},
		"hubspot":    {"POST https://api.hubapi.com/oauth/2026-03/token/revoke " + form + " token=invented-refresh" + post},
		"notion":     {"POST https://api.notion.com/v1/oauth/revoke " + basic + ` application/json version 2022-06-28 {"token":"invented-access"}`},
		"slack":      {"POST https://slack.com/api/auth.revoke with Bearer invented-access"},
		"slack-user": {"POST https://slack.com/api/auth.revoke with Bearer invented-access"},
		"stripe":     {"POST https://connect.stripe.com/oauth/deauthorize with Bearer maker-secret-not-real " + form + " client_id=maker-client&stripe_user_id=acct_1"},
	}
	none := map[string]bool{
		"aad": true, "entra": true, "azure-devops": true, "azure-devops-legacy": true, "atlassian": true, "docusign": true,
		"instagram": true, "linkedin": true, "shopify": true,
	}
	for _, preset := range load(t).All() {
		t.Run(preset.ID, func(t *testing.T) {
			t.Parallel()
			r := &recorder{status: 200, answer: `{"ok":true}`}
			if err := revoke(t, preset.ID, presetCases()[preset.ID].values, r); err != nil {
				t.Fatal(err)
			}
			switch lines, special := want[preset.ID]; {
			case none[preset.ID]:
				if len(r.seen) != 0 {
					t.Errorf("it was sent %q", r.seen)
				}
			case special:
				if diff := cmp.Diff(lines, r.seen); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			default: // RFC 7009
				if len(r.seen) != 2 || !strings.Contains(r.seen[0], "token=invented-refresh&token_type_hint=refresh_token") ||
					!strings.Contains(r.seen[1], "token=invented-access&token_type_hint=access_token") {
					t.Errorf("it was sent %q", r.seen)
				}
			}
		})
	}
}

func TestWhatProvidersAnswerToARevocation(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		preset, answer string
		status         int
		fails          bool
	}{
		"GitHub takes it":                                           {"github", "", 204, false},
		"GitHub does not know the client":                           {"github", `{"message":"Not Found"}`, 404, true},
		"Slack takes it":                                            {"slack", `{"ok":true,"revoked":true}`, 200, false},
		"Slack refuses with the status of success":                  {"slack", `{"ok":false,"error":"not_allowed_token_type"}`, 200, true},
		"Slack knows no token that has ended, and there is another": {"slack", `{"ok":false,"error":"token_expired"}`, 200, true},
		"Slack knows nobody":                                        {"slack", `{"ok":false,"error":"not_authed"}`, 200, true},
		"HubSpot shows a page":                                      {"hubspot", "<html>sign in</html>", 200, true},
		"Dropbox takes it without an answer":                        {"dropbox", "null", 200, false},
		"Facebook is down":                                          {"facebook", "", 503, true},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			r := &recorder{status: c.status, answer: c.answer}
			err := revoke(t, c.preset, nil, r)
			if (err != nil) != c.fails {
				t.Errorf("got %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "invented") || strings.Contains(err.Error(), "maker-secret")) {
				t.Errorf("the error tells secrets: %v", err)
			}
		})
	}
}

// TestTokensOfAnotherServerAreNotGivenBackAtThePresets: a connector or a client that
// signs in elsewhere, and a preset that knows where its own tokens are given back.
func TestTokensOfAnotherServerAreNotGivenBackAtThePresets(t *testing.T) {
	t.Parallel()
	flow := []*connectorv1.OAuth2Flow{{
		Grant: "authorizationCode", AuthorizationUrl: "https://acme.ghe.com/login/oauth/authorize", TokenUrl: "https://acme.ghe.com/login/oauth/access_token",
	}}
	server := map[string]string{"baseUrl": "https://git.acme.example"}
	both := map[string]string{"baseUrl": "https://git.acme.example", "apiUrl": "https://git.acme.example/api/v3"}
	for title, c := range map[string]struct {
		connector connector
		settings  map[string]string
		want      string
	}{
		"a connector that writes its endpoints":       {connector{flows: flow}, nil, ""},
		"a client of a server of its own":             {connector{identity: "github"}, server, ""},
		"a client that says where the API of that is": {connector{identity: "github"}, both, "DELETE https://git.acme.example/api/v3/applications/maker-client/grant"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			r := &recorder{status: 204}
			p := profile(t, c.connector, given(maker(c.settings), nil))
			if p.Provider != "github" {
				t.Fatalf("the preset is %q", p.Provider)
			}
			client := oauth.New(oauth.Config{HTTP: func(*tls.Certificate) *http.Client { return &http.Client{Transport: r} }, Clock: clocktest.New(time.Unix(0, 0))})
			if err := client.Revoke(t.Context(), p, oauth.Token{Access: secret.FromString("invented-access")}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.seen, "\n"); !strings.HasPrefix(got, c.want) || (c.want == "" && got != "") {
				t.Errorf("it was sent %q", got)
			}
		})
	}
}

func TestASchemaForRevocations(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		text string
		good bool
	}{
		"a closed form":                         {`{"method":"DELETE","path":"/{client_id}/grant","authentication":"basic"}`, true},
		"another method":                        {`{"method":"GET"}`, false},
		"a path that leads elsewhere":           {`{"path":"/../x"}`, false},
		"a path that is a host":                 {`{"path":"//evil.example"}`, false},
		"a token in a path":                     {`{"path":"/{token}"}`, false},
		"another placeholder":                   {`{"fields":[{"name":"a","value":"{secret}"}]}`, false},
		"no body and no authentication":         {`{"body":"none"}`, false},
		"no body with fields":                   {`{"body":"none","authentication":"token","fields":[{"name":"a","value":"b"}]}`, false},
		"an address of its own":                 {`{"url":"https://evil.example"}`, false},
		"nothing that would differ from a norm": {`{}`, false},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			var form any
			if err := json.Unmarshal([]byte(c.text), &form); err != nil {
				t.Fatal(err)
			}
			document := map[string]any{
				"id": "x", "title": "X", "grants": []any{"authorizationCode"}, "pkce": "refused", "client": map[string]any{"methods": []any{"none"}},
				"endpoints":     map[string]any{"token": "https://x.example/token", "revocation": "https://x.example/revoke"},
				"documentation": map[string]any{"registration": "https://x.example", "protocol": "https://x.example"}, "revocation": form,
			}
			if err := presetSchema(t).Validate(document); (err == nil) != c.good {
				t.Errorf("got %v", err)
			}
		})
	}
	without := map[string]any{
		"id": "x", "title": "X", "grants": []any{"authorizationCode"}, "pkce": "refused", "client": map[string]any{"methods": []any{"none"}},
		"endpoints":     map[string]any{"token": "https://x.example/token"},
		"documentation": map[string]any{"registration": "https://x.example", "protocol": "https://x.example"}, "revocation": map[string]any{"method": "DELETE"},
	}
	if presetSchema(t).Validate(without) == nil {
		t.Error("a form without an address is accepted")
	}
}
