package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// strict is an authorization server as the standard wants it: codes are used once
// and only with their verifier, refresh tokens rotate, and a grant whose old token
// comes back ends.
type strict struct {
	mu        sync.Mutex
	challenge string
	code      string
	refresh   string
	serial    int
	ended     bool
}

func (s *strict) authorize(page string) error {
	u, err := url.Parse(page)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.challenge, s.code = u.Query().Get("code_challenge"), "code-of-"+u.Query().Get("state")
	return nil
}

func (s *strict) serve(w http.ResponseWriter, r *http.Request) {
	id, word, _ := r.BasicAuth()
	if id != "app" || word != "hush-hush" {
		says(401, `{"error":"invalid_client"}`)(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/revoke":
		s.ended = s.ended || r.FormValue("token") == s.refresh
	case r.FormValue("grant_type") == "authorization_code" && s.redeem(r.FormValue("code"), r.FormValue("code_verifier")):
		s.issue(w, r)
	case r.FormValue("grant_type") == "refresh_token" && s.rotate(r.FormValue("refresh_token")):
		s.issue(w, r)
	default:
		says(400, `{"error":"invalid_grant"}`)(w, r)
	}
}

func (s *strict) redeem(code, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	good := s.code != "" && code == s.code && base64.RawURLEncoding.EncodeToString(sum[:]) == s.challenge
	s.code = ""
	return good
}

func (s *strict) rotate(refresh string) bool {
	if refresh != s.refresh {
		s.ended = true
	}
	return !s.ended
}

func (s *strict) issue(w http.ResponseWriter, r *http.Request) {
	s.serial++
	s.refresh = fmt.Sprintf("refresh-%d", s.serial)
	says(200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":%q,"expires_in":60}`, s.serial, s.refresh))(w, r)
}

// signedIn returns a client and a profile at a strict server, and a token.
func signedIn(t *testing.T) (*oauth.Client, *oauth.Profile, *strict, oauth.Attempt, oauth.Token) {
	t.Helper()
	s := &strict{}
	server := newProvider(t, nil)
	server.Config.Handler = http.HandlerFunc(s.serve)
	p := server.profile()
	p.Client.Method = oauth.SecretBasic
	client := newClient(t)
	a := oauth.Attempt{State: oauth.NewState(), Verifier: oauth.NewVerifier()}
	page, err := client.AuthorizationURL(p, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.authorize(page); err != nil {
		t.Fatal(err)
	}
	got, err := client.Exchange(t.Context(), p, text("code-of-"+a.State), a)
	if err != nil {
		t.Fatal(err)
	}
	return client, p, s, a, got
}

func TestALifeOfAGrant(t *testing.T) {
	client, p, _, a, got := signedIn(t)
	wantSecret(t, "access token", got.Access, "access-1")

	_, err := client.Exchange(t.Context(), p, text("code-of-"+a.State), a)
	if failed(t, err).Verdict != oauth.Gone {
		t.Errorf("a code is taken twice: %v", err)
	}
	renewed, err := client.Refresh(t.Context(), p, got.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	wantSecret(t, "access token", renewed.Access, "access-2")
	wantSecret(t, "refresh token", renewed.Refresh, "refresh-2")
	if err := client.Revoke(t.Context(), p, renewed); err != nil {
		t.Fatal(err)
	}
	_, err = client.Refresh(t.Context(), p, renewed.Refresh)
	if failed(t, err).Verdict != oauth.Gone {
		t.Errorf("a grant that was given back is renewed: %v", err)
	}
}

func TestAnOldRefreshTokenEndsTheGrant(t *testing.T) {
	client, p, _, _, got := signedIn(t)
	renewed, err := client.Refresh(t.Context(), p, got.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []oauth.Token{got, renewed} {
		_, err := client.Refresh(t.Context(), p, old.Refresh)
		if failed(t, err).Verdict != oauth.Gone {
			t.Errorf("the grant goes on: %v", err)
		}
	}
}

func TestACodeNeedsItsVerifier(t *testing.T) {
	client, p, s, a, _ := signedIn(t)
	page, err := client.AuthorizationURL(p, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.authorize(page); err != nil {
		t.Fatal(err)
	}
	stolen := a
	stolen.Verifier = oauth.NewVerifier()
	_, err = client.Exchange(t.Context(), p, text("code-of-"+a.State), stolen)
	if failed(t, err).Verdict != oauth.Gone {
		t.Errorf("a stolen code is taken: %v", err)
	}
}

func TestAWrongSecretIsNoEndOfTheGrant(t *testing.T) {
	client, p, _, _, got := signedIn(t)
	other := *p
	other.Client.Secret = text("not-the-secret")
	_, err := client.Refresh(t.Context(), &other, got.Refresh)
	if e := failed(t, err); e.Verdict != oauth.Misconfigured || e.Code != "invalid_client" {
		t.Errorf("the error is %+v", e)
	}
	if _, err := client.Refresh(t.Context(), p, got.Refresh); err != nil {
		t.Errorf("the grant is gone: %v", err)
	}
}

func TestOneClientServesMany(t *testing.T) {
	server := documents(t, map[string]string{openID: about("{url}"), "/tok": token})
	client := clientWith(t, nil, 0, clocktest.New(now))
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			p := &oauth.Profile{
				Grant: oauth.ClientCredentials, Endpoints: oauth.Endpoints{Metadata: server.URL + openID},
				Client: oauth.Registration{ID: fmt.Sprintf("app-%d", i), Secret: text("hush-hush")},
			}
			found, err := client.Discover(t.Context(), p)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := client.Obtain(t.Context(), found)
			if err != nil {
				t.Error(err)
				return
			}
			wantSecret(t, "access token", got.Access, "access-1")
		})
	}
	all.Wait()
	asked := map[string]int{}
	for _, request := range server.requests() {
		if id, _, ok := basicAuth(request); ok {
			asked[id]++
		}
	}
	if len(asked) != 32 {
		t.Errorf("%d clients asked for tokens", len(asked))
	}
}

// basicAuth reads the Authorization header of a request that was kept.
func basicAuth(a asked) (string, string, bool) {
	return (&http.Request{Header: a.Header}).BasicAuth()
}
