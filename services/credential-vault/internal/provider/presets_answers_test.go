package provider_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// exchange is what a provider documents of one sign-in, with invented values. The
// text "claims" stands for an id token with the claims.
type exchange struct {
	Authorize map[string]string `json:"authorize"` // parameters besides those that every provider gets
	Request   map[string]string `json:"request"`   // likewise, of the token request
	Token     map[string]any    `json:"token"`
	Person    json.RawMessage   `json:"person"` // answer to the question who signed in
	Claims    map[string]any    `json:"claims"`
	Want      struct {
		Scopes    []string `json:"scopes"`
		ExpiresIn int64    `json:"expires_in"` // seconds; 0 for no end, -1 for whatever the preset says
		Identity  string   `json:"identity"`   // "*" for any
		Refresh   bool     `json:"refresh"`
	} `json:"want"`
}

// standIn is a provider at all addresses of a preset. It answers as exchange says.
type standIn struct {
	t       *testing.T
	profile *oauth.Profile
	answers exchange
	server  *httptest.Server

	mu      sync.Mutex
	request map[string]string // of the token
	header  http.Header
}

func newStandIn(t *testing.T, p *oauth.Profile, answers exchange) *standIn {
	t.Helper()
	s := &standIn{t: t, profile: p, answers: answers}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

// RoundTrip sends a request to the stand-in instead of the provider, with the
// address that was meant in a header field.
func (s *standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	meant := r.URL.String()
	sent := r.Clone(r.Context())
	sent.Header.Set("X-Meant", meant)
	sent.URL.Scheme, sent.URL.Host = "http", strings.TrimPrefix(s.server.URL, "http://")
	return http.DefaultTransport.RoundTrip(sent)
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch meant := r.Header.Get("X-Meant"); meant {
	case s.profile.Endpoints.Token:
		s.keep(r)
		_ = json.NewEncoder(w).Encode(s.answers.Token)
	case s.profile.Identity.URL:
		lent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") == "invented-access-token"
		if method := r.Method; !lent || (s.profile.Identity.Method == "" && method != http.MethodGet) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write(s.answers.Person)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// keep remembers the parameters of a token request, whatever their form.
func (s *standIn) keep(r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header, s.request = r.Header.Clone(), map[string]string{}
	if s.profile.JSONBody {
		_ = json.Unmarshal(body, &s.request)
		return
	}
	form, _ := url.ParseQuery(string(body))
	for name := range form {
		s.request[name] = form.Get(name)
	}
}

// exchanged reads the documented answers of a preset.
func exchanged(t *testing.T, id string, now time.Time) exchange {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "answers", id+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var e exchange
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatal(err)
	}
	if e.Token["id_token"] == "claims" {
		claims := map[string]any{"aud": "maker-client", "exp": now.Add(time.Hour).Unix(), "nonce": "invented-nonce"}
		maps.Copy(claims, e.Claims)
		part, _ := json.Marshal(claims)
		encode := base64.RawURLEncoding.EncodeToString
		e.Token["id_token"] = encode([]byte(`{"alg":"RS256"}`)) + "." + encode(part) + "." + encode([]byte("invented"))
	}
	return e
}

// TestASignInAtEachPreset runs the real client with each preset: the parameters of
// the page and of the token request are those that the provider documents, and its
// documented answer becomes a token.
func TestASignInAtEachPreset(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, preset := range load(t).All() {
		t.Run(preset.ID, func(t *testing.T) {
			t.Parallel()
			p := profile(t, connector{identity: preset.ID}, given(maker(nil), presetCases()[preset.ID].values))
			e := exchanged(t, preset.ID, now)
			s := newStandIn(t, p, e)
			client := oauth.New(oauth.Config{
				HTTP:  func(*tls.Certificate) *http.Client { return &http.Client{Transport: s} },
				Clock: clocktest.New(now),
			})
			attempt := oauth.Attempt{State: "invented-state", Verifier: secret.FromString(strings.Repeat("v", 43)), Nonce: "invented-nonce"}
			page, err := client.AuthorizationURL(p, attempt)
			if err != nil {
				t.Fatal(err)
			}
			s.checkPage(page)
			token, err := client.Exchange(t.Context(), p, secret.FromString("invented-code"), attempt)
			if err != nil {
				t.Fatal(err)
			}
			defer token.Clear()
			s.checkRequest()
			s.checkToken(token, now)
		})
	}
}

// checkPage compares the address that a person opens.
func (s *standIn) checkPage(page string) {
	s.t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		s.t.Fatal(err)
	}
	got := u.Query()
	want := map[string]string{"client_id": "maker-client", "response_type": "code", "redirect_uri": redirect, "state": "invented-state"}
	maps.Copy(want, s.answers.Authorize)
	if !s.profile.WithoutPKCE {
		sum := sha256.Sum256([]byte(strings.Repeat("v", 43)))
		want["code_challenge"], want["code_challenge_method"] = base64.RawURLEncoding.EncodeToString(sum[:]), "S256"
	} else if got.Has("code_challenge") {
		s.t.Error("there is a code challenge")
	}
	for name, value := range want {
		same(s.t, "parameter "+name+" of the page", got.Get(name), value)
	}
	if page, _, _ := strings.Cut(page, "?"); page != s.profile.Endpoints.Authorization {
		s.t.Errorf("the page is %s", page)
	}
}

// checkRequest compares the token request.
func (s *standIn) checkRequest() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	want := map[string]string{"redirect_uri": redirect}
	if s.profile.Templates == nil {
		want["grant_type"], want["code"] = "authorization_code", "invented-code"
		switch s.profile.Client.Method {
		case oauth.SecretBasic:
			want["client_secret"] = ""
			basic := base64.StdEncoding.EncodeToString([]byte("maker-client:maker-secret-not-real"))
			same(s.t, "client authentication", s.header.Get("Authorization"), "Basic "+basic)
		case oauth.SecretPost:
			want["client_id"], want["client_secret"] = "maker-client", "maker-secret-not-real"
		default:
			s.t.Errorf("the client proves itself by %q", s.profile.Client.Method)
		}
		if !s.profile.WithoutPKCE {
			want["code_verifier"] = strings.Repeat("v", 43)
		}
	}
	maps.Copy(want, s.answers.Request)
	for name, value := range want {
		same(s.t, "parameter "+name+" of the token request", s.request[name], value)
	}
	for _, h := range s.profile.TokenHeader {
		same(s.t, "header "+h.Name, s.header.Get(h.Name), h.Value)
	}
}

// checkToken compares what was read.
func (s *standIn) checkToken(token oauth.Token, now time.Time) {
	s.t.Helper()
	want := s.answers.Want
	same(s.t, "access token", token.Access.Equal(secret.FromString("invented-access-token")), true)
	same(s.t, "there is a refresh token", !token.Refresh.Empty(), want.Refresh)
	same(s.t, "scopes", token.Scopes, want.Scopes)
	end := now.Add(time.Duration(want.ExpiresIn) * time.Second)
	switch {
	case want.ExpiresIn == 0:
		end = time.Time{}
	case want.ExpiresIn < 0 && s.profile.Answer.Lifetime > 0:
		end = now.Add(s.profile.Answer.Lifetime)
	}
	if !token.ExpireTime.Equal(end) {
		s.t.Errorf("the token ends %v, want %v", token.ExpireTime, end)
	}
	if want.Identity == "*" && token.Identity != "" {
		return
	}
	same(s.t, "identity", token.Identity, want.Identity)
}
