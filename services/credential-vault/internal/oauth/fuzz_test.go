package oauth

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

var fuzzNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// FuzzAnswer reads any answer as every kind of answer: nothing panics, no token is
// taken that no header could carry, no end is out of bounds, and no error tells
// what was sent.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"a","expires_in":3600,"refresh_token":"r","scope":"x y"}`, `{"error":"invalid_grant","error_description":"sent-secret-1"}`,
		`{"error":{"code":190,"type":"OAuthException","message":"m"}}`, `[{"errorCode":"x","message":"y"}]`, `{"errors":["a"]}`,
		"access_token=a&expires=5", "error=x&error_description=y+z%zz", "<html>", "", "\xef\xbb\xbf{}", `"{\"access_token\":\"a\"}"`, `"\"\""`,
		`{"access_token":"\ud800"}`, `{"access_token":"a","expires_at":"2026-03-01T13:00:00Z","expires":1e999}`, `{"a":{"b":[1,{"c":null}]}}`,
		`{"device_code":"d","user_code":"u","verification_uri":"https://x","interval":1e300}`, `{"issuer":"x","authorization_servers":[1,"a"]}`,
		`{"id_token":"e30.eyJhdWQiOiJhcHAifQ.x","access_token":"a"}`, `{"access_token":"a","access_token":1}`, strings.Repeat("[", 40), `{"scope":["a",["b"],{}]}`,
	} {
		f.Add([]byte(seed), 200, "Bearer error=\"x\"")
		f.Add([]byte(seed), 400, "")
	}
	client := New(Config{HTTP: func(*tls.Certificate) *http.Client { return nil }, Clock: clocktest.New(fuzzNow)})
	const sent = "sent-secret-1"
	f.Fuzz(func(t *testing.T, body []byte, status int, challenge string) {
		p := &Profile{
			Client: Registration{ID: "app"}, Scopes: []string{"openid"}, Issuer: "https://login.example",
			Answer: Answer{AccessToken: []string{"a", "b", "0"}, ExpiresIn: []string{"x"}},
		}
		r, failed := newRequest(p, "token endpoint", "https://login.example/token")
		if failed != nil {
			t.Fatal(failed)
		}
		defer r.close()
		r.secret("refresh_token", secret.FromString(sent))
		answer := &reply{status: status, body: bytes.Clone(body), header: http.Header{"Www-Authenticate": {challenge}, "Retry-After": {challenge}}}
		tree := parse(answer.body)
		token, failed := client.read(r, answer, tree)
		if failed != nil {
			checkFuzzedError(t, failed, sent)
		} else {
			checkFuzzedToken(t, token)
			if _, failed := client.idToken(r, tree, "n"); failed != nil {
				checkFuzzedError(t, failed, sent)
			}
		}
		if device, ok := client.device(tree); ok && (device.Interval < time.Second || device.Interval > maxInterval || !device.ExpireTime.After(fuzzNow)) {
			t.Errorf("the device is %+v", device)
		}
		readMetadata(tree)
		if name := r.label(tree, r.claimPaths()); len(name) > maxIdentity || strings.Contains(name, sent) {
			t.Errorf("the name is %q", name)
		}
		tree.clear()
	})
}

func checkFuzzedError(t *testing.T, failed *Error, sent string) {
	t.Helper()
	if strings.Contains(failed.Error(), sent) {
		t.Errorf("the error tells what was sent: %v", failed)
	}
	if len(failed.Description) > maxDescription || len(failed.Code) > maxCode || !utf8.ValidString(failed.Description) || oneLine(failed.Description) != strings.TrimSpace(failed.Description) {
		t.Errorf("the error is %q %q", failed.Code, failed.Description)
	}
	if failed.RetryAfter < 0 || failed.RetryAfter > maxRetryAfter || failed.Verdict == Pending || failed.Verdict == SlowDown {
		t.Errorf("the error is %+v", failed)
	}
}

func checkFuzzedToken(t *testing.T, token Token) {
	t.Helper()
	access := opened(token.Access)
	if len(access) == 0 || bytes.ContainsAny(access, "\r\n\x00") || !utf8.Valid(access) {
		t.Errorf("the token is %q", access)
	}
	if refresh := opened(token.Refresh); bytes.ContainsAny(refresh, "\r\n\x00") {
		t.Errorf("the refresh token is %q", refresh)
	}
	for _, end := range []time.Time{token.ExpireTime, token.RefreshExpireTime} {
		if !end.IsZero() && (end.Before(fuzzNow) || end.After(fuzzNow.Add(maxLifetime))) {
			t.Errorf("it ends at %v", end)
		}
	}
	for _, scope := range token.Scopes {
		if scope == "" || len(scope) > maxScope {
			t.Errorf("the scope is %q", scope)
		}
	}
}

// FuzzTemplate fills any template with any value: nothing panics, values cannot
// break out of their place, and secrets stay out of what is shown.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"code={Code}&k={key}", "{", "}", "{}", "{{Code}}", "{code", "?a={ SECRET }", `{"a":"{Code}"}`, "{a{Code}b}", "ü{Cöde}", strings.Repeat("{Code}", 100),
	} {
		f.Add(seed, "va&lue=x\"}")
	}
	f.Fuzz(func(t *testing.T, template, value string) {
		e := expansion{
			templates: &Templates{Values: map[string]string{"key": value}, Secrets: map[string]secret.Text{"secret": secret.FromString("never-shown-value")}},
			own:       form{{"Code", []byte(value)}},
		}
		got, ok := e.fill(template, appendEscaped)
		if !ok {
			return
		}
		if !strings.Contains(template, "never-shown-value") && !strings.Contains(value, "never-shown-value") && bytes.Contains(got, []byte("never-shown-value")) {
			t.Errorf("the secret is in %q", got)
		}
		if want, have := strings.Count(template, "&"), bytes.Count(got, []byte("&")); want != have {
			t.Errorf("%q became %q: %d pairs became %d", template, got, want+1, have+1)
		}
		if query := visible(string(got)); strings.ContainsAny(query, " \r\n\t\x00#\"<>") {
			t.Errorf("the query is %q", query)
		}
	})
}

// FuzzForm writes and reads forms: what was put in comes out.
func FuzzForm(f *testing.F) {
	f.Add("name", "value", "other", "+ %&=ü\x00\xff")
	f.Fuzz(func(t *testing.T, name, value, other, second string) {
		if name == other || name == "" || other == "" {
			return
		}
		all := form{{name, []byte(value)}, {other, []byte(second)}}
		got, err := url.ParseQuery(string(all.encode()))
		if err != nil || got.Get(name) != value || got.Get(other) != second {
			t.Errorf("%q=%q and %q=%q became %v, %v", name, value, other, second, got, err)
		}
		tree := parse(all.encodeJSON())
		if utf8.ValidString(name) && utf8.ValidString(value) && tree.get(name).str() != value {
			t.Errorf("%q=%q became %q", name, value, tree.get(name).str())
		}
	})
}
