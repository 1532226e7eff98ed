package oauth_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// unsignedJWT returns a JWT with these claims and a signature that is none.
func unsignedJWT(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}

func TestAnswersAreUnderstood(t *testing.T) {
	hour := now.Add(time.Hour)
	tenYears := now.Add(10 * 365 * 24 * time.Hour)
	jwtHour := unsignedJWT(fmt.Sprintf(`{"exp":%d}`, hour.Unix()))
	tests := []struct {
		name            string
		body            string
		answer          oauth.Answer
		access, refresh string
		end, refreshEnd time.Time
		scopes          []string
	}{
		{name: "the standard", body: `{"access_token":"a","token_type":"bearer","expires_in":3600,"refresh_token":"r","scope":"read write"}`, access: "a", refresh: "r", end: hour, scopes: []string{"read", "write"}},
		{name: "no refresh token keeps the old one", body: `{"access_token":"a","expires_in":3600}`, access: "a", end: hour},
		{name: "null as well", body: `{"access_token":"a","refresh_token":null,"expires_in":null,"scope":null}`, access: "a"},
		{name: "an empty one as well", body: `{"access_token":"a","refresh_token":""}`, access: "a"},
		{name: "members of any kind are left alone", body: `{"junk":[1,{"x":[null,true]}],"access_token":"a","n":{"access_token":"no"}}`, access: "a"},
		{name: "the last of two members counts", body: `{"access_token":"first","access_token":"a"}`, access: "a"},
		{name: "escapes are read", body: `{"access_token":"\u0061\/b\\"}`, access: `a/b\`},
		{name: "names in another style", body: `{"accessToken":"a","refreshToken":"r","expiresIn":3600}`, access: "a", refresh: "r", end: hour},
		{name: "a name written exactly beats one in another style", body: `{"access_token":"a","accessToken":"b"}`, access: "a"},
		{name: "a byte order mark", body: "\xef\xbb\xbf" + `{"access_token":"a"}`, access: "a"},
		{name: "white space around", body: "\r\n\t " + `{"access_token":"a"}` + "\n\n", access: "a"},
		{name: "junk behind", body: `{"access_token":"a"}<!-- served by x -->`, access: "a"},
		{name: "JSON inside a JSON string", body: `"{\"access_token\":\"a\"}"`, access: "a"},
		{name: "a list of one", body: `[{"access_token":"no"}]`, answer: oauth.Answer{AccessToken: []string{"0", "access_token"}}, access: "no"},
		{name: "text that is not UTF-8 elsewhere", body: "{\"name\":\"J\xf6rg\",\"access_token\":\"a\"}", access: "a"},
		{name: "half a surrogate elsewhere", body: `{"name":"\ud800","access_token":"a"}`, access: "a"},

		{name: "a form", body: "access_token=a%2Fb&scope=repo%2Cgist&token_type=bearer", access: "a/b", scopes: []string{"repo", "gist"}},
		{name: "a form with a lifetime, as Facebook had it", body: "access_token=a&expires=3600", access: "a", end: hour},
		{name: "a form with a plus and a wrong escape", body: "access_token=a+b%zz", access: "a b%zz"},
		{name: "a form with junk between", body: "&&=&access_token=a&x", access: "a"},

		{name: "a lifetime as text", body: `{"access_token":"a","expires_in":"3600"}`, access: "a", end: hour},
		{name: "a lifetime as text with spaces", body: `{"access_token":"a","expires_in":" 3600 "}`, access: "a", end: hour},
		{name: "a lifetime with a fraction", body: `{"access_token":"a","expires_in":3600.0}`, access: "a", end: hour},
		{name: "a lifetime as a power", body: `{"access_token":"a","expires_in":3.6e3}`, access: "a", end: hour},
		{name: "no lifetime", body: `{"access_token":"a"}`, access: "a"},
		{name: "a lifetime of zero says nothing", body: `{"access_token":"a","expires_in":0}`, access: "a"},
		{name: "a lifetime below zero says nothing", body: `{"access_token":"a","expires_in":-1}`, access: "a"},
		{name: "a lifetime that is none", body: `{"access_token":"a","expires_in":"soon"}`, access: "a"},
		{name: "a lifetime that is not a number", body: `{"access_token":"a","expires_in":"NaN"}`, access: "a"},
		{name: "a lifetime without end", body: `{"access_token":"a","expires_in":1e300}`, access: "a", end: tenYears},
		{name: "a lifetime that is infinite", body: `{"access_token":"a","expires_in":"Inf"}`, access: "a", end: tenYears},
		{name: "a lifetime longer than anybody", body: `{"access_token":"a","expires_in":99999999999}`, access: "a", end: tenYears},
		{name: "a lifetime with too many digits", body: `{"access_token":"a","expires_in":` + strings.Repeat("9", 100) + `}`, access: "a"},
		{name: "a lifetime that is an object", body: `{"access_token":"a","expires_in":{}}`, access: "a"},
		{name: "the end in seconds, as Entra v1 has it", body: fmt.Sprintf(`{"access_token":"a","expires_on":"%d"}`, hour.Unix()), access: "a", end: hour},
		{name: "the lifetime beats the end", body: `{"access_token":"a","expires_in":3600,"expires_on":"4102444800"}`, access: "a", end: hour},
		{name: "the end as a number", body: fmt.Sprintf(`{"access_token":"a","expires_at":%d}`, hour.Unix()), access: "a", end: hour},
		{name: "the end in milliseconds", body: fmt.Sprintf(`{"access_token":"a","expires_at":%d}`, hour.UnixMilli()), access: "a", end: hour},
		{name: "the end as a date", body: `{"access_token":"a","expires_at":"2026-03-01T13:00:00Z"}`, access: "a", end: hour},
		{name: "the end as a date with a zone", body: `{"access_token":"a","expires_at":"2026-03-01T14:00:00+01:00"}`, access: "a", end: hour},
		{name: "the end as a date without a zone", body: `{"access_token":"a","expires":"2026-03-01 13:00:00"}`, access: "a", end: hour},
		{name: "the end in the form of HTTP", body: `{"access_token":"a","expires":"Sun, 01 Mar 2026 13:00:00 GMT"}`, access: "a", end: hour},
		{name: "an end that has passed says nothing", body: `{"access_token":"a","expires_at":1000000001}`, access: "a"},
		{name: "an end beyond all years", body: `{"access_token":"a","expires_at":1e200}`, access: "a", end: tenYears},
		{name: "an end that is no date", body: `{"access_token":"a","expires_at":"tomorrow"}`, access: "a"},

		{name: "the token itself says when it ends", body: `{"access_token":"` + jwtHour + `"}`, access: jwtHour, end: hour},
		{name: "the answer beats the token", body: `{"access_token":"` + jwtHour + `","expires_in":60}`, access: jwtHour, end: now.Add(time.Minute)},
		{name: "the token beats the profile", body: `{"access_token":"` + jwtHour + `"}`, answer: oauth.Answer{Lifetime: time.Minute}, access: jwtHour, end: hour},
		{name: "dots do not make a JWT", body: `{"access_token":"a.%%.c"}`, access: "a.%%.c"},
		{name: "the profile says when it ends", body: `{"access_token":"a"}`, answer: oauth.Answer{Lifetime: time.Hour}, access: "a", end: hour},
		{name: "the profile says too much", body: `{"access_token":"a"}`, answer: oauth.Answer{Lifetime: 1 << 62}, access: "a", end: tenYears},
		{name: "the answer beats the profile", body: `{"access_token":"a","expires_in":60}`, answer: oauth.Answer{Lifetime: time.Hour}, access: "a", end: now.Add(time.Minute)},
		{name: "the profile says that it lasts", body: `{"access_token":"a"}`, answer: oauth.Answer{Lifetime: time.Hour, Lasting: true}, access: "a"},
		{name: "a lasting one may end all the same", body: `{"access_token":"a","expires_in":3600}`, answer: oauth.Answer{Lasting: true}, access: "a", end: hour},

		{name: "the refresh token's lifetime", body: `{"access_token":"a","refresh_token":"r","refresh_token_expires_in":3600}`, access: "a", refresh: "r", refreshEnd: hour},
		{name: "Keycloak's name for it", body: `{"access_token":"a","refresh_token":"r","refresh_expires_in":"3600"}`, access: "a", refresh: "r", refreshEnd: hour},
		{name: "an offline one has none", body: `{"access_token":"a","refresh_token":"r","refresh_expires_in":0}`, access: "a", refresh: "r"},
		{name: "Intuit's name for it", body: `{"access_token":"a","refresh_token":"r","x_refresh_token_expires_in":3600}`, access: "a", refresh: "r", refreshEnd: hour},

		{name: "scopes as a list", body: `{"access_token":"a","scope":["read","write","read"]}`, access: "a", scopes: []string{"read", "write"}},
		{name: "scopes with commas and spaces", body: `{"access_token":"a","scope":"read,  write , x"}`, access: "a", scopes: []string{"read", "write", "x"}},
		{name: "scopes of the wrong kind", body: `{"access_token":"a","scope":{"x":1}}`, access: "a"},
		{name: "a scope with a secret in it is not told", body: `{"access_token":"a","scope":"read hush-hush,refresh-0 write"}`, access: "a", scopes: []string{"read", "write"}},

		{
			name: "Slack's token of a person", access: "xoxp-u", refresh: "r-u", end: hour, scopes: []string{"chat:write"},
			body: `{"ok":true,"access_token":"xoxb-bot","authed_user":{"access_token":"xoxp-u","refresh_token":"r-u","expires_in":3600,"scope":"chat:write"}}`,
			answer: oauth.Answer{
				AccessToken: []string{"authed_user", "access_token"}, RefreshToken: []string{"authed_user", "refresh_token"},
				ExpiresIn: []string{"authed_user", "expires_in"}, Scope: []string{"authed_user", "scope"},
			},
		},
		{
			name: "paths that lead nowhere fall back to the standard", access: "a", end: hour, body: `{"access_token":"a","expires_in":3600}`,
			answer: oauth.Answer{AccessToken: []string{"data", "token"}, ExpiresIn: []string{"data", "0", "x"}},
		},
		{
			name: "an end where the profile says", access: "a", end: hour, body: `{"data":{"access_token":"a","until":"2026-03-01T13:00:00Z"}}`,
			answer: oauth.Answer{AccessToken: []string{"data", "access_token"}, ExpiresIn: []string{"data", "until"}},
		},
	}
	for _, kind := range []string{"application/json", "text/plain; charset=utf-8", "text/html", "application/x-www-form-urlencoded", ""} {
		for _, tt := range tests {
			t.Run(tt.name+" as "+kind, func(t *testing.T) {
				server := newProvider(t, says(200, tt.body, "Content-Type", kind))
				p := server.profile()
				p.Answer = tt.answer
				got, err := newClient(t).Refresh(t.Context(), p, text("refresh-0"))
				if err != nil {
					t.Fatal(err)
				}
				wantSecret(t, "access token", got.Access, tt.access)
				wantSecret(t, "refresh token", got.Refresh, tt.refresh)
				if !got.ExpireTime.Equal(tt.end) || !got.RefreshExpireTime.Equal(tt.refreshEnd) {
					t.Errorf("it ends at %v and %v, want %v and %v", got.ExpireTime, got.RefreshExpireTime, tt.end, tt.refreshEnd)
				}
				if diff := cmp.Diff(tt.scopes, got.Scopes); diff != "" {
					t.Errorf("scopes (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestTokensThatNobodyCouldSendAreRefused(t *testing.T) {
	for name, body := range map[string]string{
		"a line break":                    `{"access_token":"a\r\nX-Injected: 1"}`,
		"a NUL":                           `{"access_token":"a\u0000"}`,
		"a delete":                        `{"access_token":"a\u007f"}`,
		"a C1 control":                    `{"access_token":"a\u0085"}`,
		"text that is not UTF-8":          "{\"access_token\":\"a\xff\"}",
		"a line break in the other token": `{"access_token":"a","refresh_token":"r\n"}`,
		"a token without end":             `{"access_token":"` + strings.Repeat("a", 65<<10) + `"}`,
		"a form with a line break":        "access_token=a%0d%0aX",
		"a form that is not UTF-8":        "access_token=a%ff",
	} {
		t.Run(name, func(t *testing.T) {
			server := newProvider(t, says(200, body))
			_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
			got := failed(t, err)
			if got.Verdict != oauth.Misconfigured || !got.Sent {
				t.Errorf("the error is %+v", got)
			}
			contains(t, "the description", got.Description, "no request could carry")
		})
	}
}

func TestTokensThatNeedAKeyAreNotSentAsBearerTokens(t *testing.T) {
	for kind, refused := range map[string]bool{
		`"mac"`: true, `"MAC"`: true, `"DPoP"`: true,
		`"bearer"`: false, `"Bearer"`: false, `"BearerToken"`: false, `"user"`: false, `"bot"`: false, `"JWT"`: false, `""`: false, `null`: false, `7`: false,
	} {
		server := newProvider(t, says(200, `{"access_token":"a","token_type":`+kind+`}`))
		_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
		if !refused {
			if err != nil {
				t.Errorf("%s: got %v", kind, err)
			}
			continue
		}
		contains(t, "the description", failed(t, err).Description, "signed requests")
	}
}

func TestScopesHaveLimits(t *testing.T) {
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("scope-%d", i))
	}
	server := newProvider(t, says(200, `{"access_token":"a","scope":"`+strings.Join(many, " ")+" "+strings.Repeat("x", 600)+`"}`))
	got, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Scopes) != 500 || got.Scopes[499] != "scope-499" {
		t.Errorf("there are %d scopes", len(got.Scopes))
	}
}
