package oauth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// now is the time of all tests.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// asked is one request that a provider got.
type asked struct {
	Method, Path, Query string
	Header              http.Header
	Body                string
}

// form returns the body as a form.
func (a asked) form(t *testing.T) url.Values {
	t.Helper()
	values, err := url.ParseQuery(a.Body)
	if err != nil {
		t.Fatalf("the body is no form: %v", err)
	}
	return values
}

// provider is a real server that answers as a test says.
type provider struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []asked
	answer http.HandlerFunc
}

// newProvider starts a provider.
func newProvider(t *testing.T, answer http.HandlerFunc) *provider {
	t.Helper()
	p := unstarted(answer)
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func unstarted(answer http.HandlerFunc) *provider {
	p := &provider{answer: answer}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	return p
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.asked = append(p.asked, asked{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Clone(), string(body)})
	p.mu.Unlock()
	p.answer(w, r)
}

// requests returns what came in so far.
func (p *provider) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]asked(nil), p.asked...)
}

// last returns the last request.
func (p *provider) last(t *testing.T) asked {
	t.Helper()
	all := p.requests()
	if len(all) == 0 {
		t.Fatal("the provider was not asked")
	}
	return all[len(all)-1]
}

// says returns a handler that gives one answer.
func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// token is a good answer.
const token = `{"access_token":"access-1","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-1"}`

// newClient returns a client that may reach this machine.
func newClient(t *testing.T) *oauth.Client {
	t.Helper()
	return clientWith(t, nil, 0, clocktest.New(now))
}

func clientWith(t *testing.T, roots *x509.CertPool, timeout time.Duration, clock *clocktest.Fake) *oauth.Client {
	t.Helper()
	guard, err := egress.New(egress.Policy{
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("there are no name servers in tests")
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return oauth.New(oauth.Config{
		HTTP: func(certificate *tls.Certificate) *http.Client {
			options := egress.ClientOptions{Timeout: 30 * time.Second, MaxBody: 1 << 20}
			options.Transport.TLS = &tls.Config{RootCAs: roots}
			if certificate != nil {
				options.Transport.TLS.Certificates = []tls.Certificate{*certificate}
			}
			client := guard.Client(options)
			t.Cleanup(client.CloseIdleConnections)
			return client
		},
		Clock: clock, Timeout: timeout,
	})
}

// profile returns a profile of a provider: a client "app" with the secret "hush".
func (p *provider) profile() *oauth.Profile {
	return &oauth.Profile{
		Grant: oauth.AuthorizationCode,
		Endpoints: oauth.Endpoints{
			Authorization: p.URL + "/authorize", Token: p.URL + "/token", Device: p.URL + "/device", Revocation: p.URL + "/revoke",
		},
		Client:      oauth.Registration{ID: "app", Secret: text("hush-hush")},
		RedirectURL: "https://ferrule.example/v1/oauth/callback",
		Scopes:      []string{"read", "write"},
	}
}

// attempt returns an attempt with a verifier as of RFC 7636, appendix B.
func attempt() oauth.Attempt {
	return oauth.Attempt{State: "state-1", Verifier: text("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), Nonce: "nonce-1"}
}

func text(s string) secret.Text { return secret.FromString(s) }

// failed returns the error of a provider.
func failed(t *testing.T, err error) *oauth.Error {
	t.Helper()
	found, ok := errors.AsType[*oauth.Error](err)
	if !ok {
		t.Fatalf("the error is %v, not one of a provider", err)
	}
	return found
}

// wantSecret compares a secret.
func wantSecret(t *testing.T, what string, got secret.Text, want string) {
	t.Helper()
	if want == "" && !got.Empty() || want != "" && !got.Equal(text(want)) {
		t.Errorf("the %s is not %q", what, want)
	}
}

// wantForm checks that a form has exactly these values; "*" is any that is not empty.
func wantForm(t *testing.T, got url.Values, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if value == "*" && got.Get(name) != "" {
			continue
		}
		if len(got[name]) != 1 || got.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s=%q is sent, and should not", name, got[name])
		}
	}
}

func contains(t *testing.T, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s is %q, without %q", what, text, part)
	}
}
