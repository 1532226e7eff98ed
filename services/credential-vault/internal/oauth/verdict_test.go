package oauth_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

const (
	page      = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>invalid_grant</body></html>"
	transient = oauth.Transient
	gone      = oauth.Gone
	wrong     = oauth.Misconfigured
)

// Failure mode 6, at the token endpoint.
func TestWhatAnswersToARenewalMean(t *testing.T) {
	tests := []struct {
		name        string
		status      int
		body        string
		verdict     oauth.Verdict
		code        string
		description string
	}{
		// The standard.
		{"a grant that is gone", 400, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, gone, "invalid_grant", "Token has been expired or revoked."},
		{"the same with 401", 401, `{"error":"invalid_grant"}`, gone, "invalid_grant", ""},
		{"the same with 403, as Auth0", 403, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`, gone, "invalid_grant", "Unknown or invalid refresh token."},
		{"the same with 500", 500, `{"error":"invalid_grant"}`, gone, "invalid_grant", ""},
		{"the same with 200", 200, `{"error":"invalid_grant"}`, gone, "invalid_grant", ""},
		{"the same in capitals", 400, `{"error":"INVALID_GRANT"}`, gone, "INVALID_GRANT", ""},
		{"the same as a form", 400, `error=invalid_grant&error_description=it+is+over`, gone, "invalid_grant", "it is over"},
		{"the same with a byte order mark", 400, "\xef\xbb\xbf" + `{"error":"invalid_grant"}`, gone, "invalid_grant", ""},
		{"a client that is wrong", 401, `{"error":"invalid_client","error_description":"no"}`, wrong, "invalid_client", "no"},
		{"a client that may not", 400, `{"error":"unauthorized_client"}`, wrong, "unauthorized_client", ""},
		{"a grant that the provider does not know", 400, `{"error":"unsupported_grant_type","error_description":"Invalid grant type"}`, wrong, "unsupported_grant_type", "Invalid grant type"},
		{"scopes that it does not know", 400, `{"error":"invalid_scope"}`, wrong, "invalid_scope", ""},
		{"a request that it does not understand", 400, `{"error":"invalid_request","error_description":"missing refresh_token"}`, wrong, "invalid_request", "missing refresh_token"},
		{"a resource that it does not know", 400, `{"error":"invalid_target"}`, wrong, "invalid_target", ""},
		{"a refused person", 403, `{"error":"access_denied"}`, gone, "access_denied", ""},
		{"a person who has to act", 400, `{"error":"interaction_required","error_codes":[50076]}`, gone, "interaction_required", ""},
		{"consent that is missing", 400, `{"error":"consent_required"}`, gone, "consent_required", ""},
		{"a sign-in that is missing", 400, `{"error":"login_required"}`, gone, "login_required", ""},
		{"a server that is down by its own words", 400, `{"error":"temporarily_unavailable"}`, transient, "temporarily_unavailable", ""},
		{"a server that failed by its own words", 400, `{"error":"server_error"}`, transient, "server_error", ""},
		{"waiting is for devices", 400, `{"error":"authorization_pending"}`, transient, "authorization_pending", ""},
		{"slowing down too", 400, `{"error":"slow_down"}`, transient, "slow_down", ""},

		// Statuses without a code.
		{"too many requests", 429, ``, transient, "", ""},
		{"too many requests with a code that says else", 429, `{"error":"invalid_request"}`, transient, "invalid_request", ""},
		{"too many requests, which may not end a grant", 429, `{"error":"invalid_grant"}`, transient, "invalid_grant", ""},
		{"a request that took too long", 408, ``, transient, "", ""},
		{"a server that failed", 500, ``, transient, "", ""},
		{"a server that failed with JSON", 500, `{"message":"oops"}`, transient, "", "oops"},
		{"a page from a gateway", 502, page, transient, "", webPage(502)},
		{"a page that says it is down", 503, page, transient, "", webPage(503)},
		{"a gateway that waited", 504, ``, transient, "", ""},
		{"a page in place of an answer", 200, page, transient, "", "the answer is neither JSON nor a form"},
		{"no answer", 200, ``, transient, "", "the answer is empty"},
		{"no content", 204, ``, transient, "", "the answer is empty"},
		{"text in place of an answer", 200, `hello`, transient, "", "the answer is neither JSON nor a form"},
		{"half an answer", 200, `{"access_token":"a`, transient, "", "the answer is neither JSON nor a form"},
		{"an answer without a token", 200, `{"token_type":"bearer"}`, wrong, "", "the answer has no token"},
		{"a token that is a number", 200, `{"access_token":5}`, wrong, "", "the answer has no token"},
		{"a token that is empty", 200, `{"access_token":""}`, wrong, "", "the answer has no token"},
		{"an empty list", 200, `[]`, wrong, "", "the answer has no token"},
		{"nobody may", 401, ``, wrong, "", ""},
		{"nobody may, on a page", 401, page, wrong, "", webPage(401)},
		{"a firewall's page", 403, page, transient, "", webPage(403)},
		{"a firewall without words", 403, ``, transient, "", ""},
		{"forbidden with words", 403, `{"message":"this app is suspended"}`, wrong, "", "this app is suspended"},
		{"a bad request without words", 400, ``, wrong, "", ""},
		{"a bad request on a page", 400, page, wrong, "", webPage(400)},
		{"not there", 404, page, wrong, "", webPage(404)},
		{"not allowed", 405, ``, wrong, "", ""},
		{"a code that nobody knows", 400, `{"error":"weird_thing","error_description":"huh"}`, wrong, "weird_thing", "huh"},
		{"a code that nobody knows and a status that says enough", 503, `{"error":"weird_thing"}`, transient, "weird_thing", ""},

		// Providers.
		{"GitHub: a code", 200, `{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`, gone, "bad_verification_code", "The code passed is incorrect or expired."},
		{"GitHub: a refresh token, as a form", 200, `error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.`, gone, "bad_refresh_token", "The refresh token passed is incorrect or expired."},
		{"GitHub: a secret", 200, `{"error":"incorrect_client_credentials"}`, wrong, "incorrect_client_credentials", ""},
		{"GitHub: a redirect URL", 200, `{"error":"redirect_uri_mismatch"}`, wrong, "redirect_uri_mismatch", ""},
		{"Slack: a code", 200, `{"ok":false,"error":"invalid_code"}`, gone, "invalid_code", ""},
		{"Slack: a refresh token", 200, `{"ok":false,"error":"invalid_refresh_token"}`, gone, "invalid_refresh_token", ""},
		{"Slack: a token that was revoked", 200, `{"ok":false,"error":"token_revoked"}`, gone, "token_revoked", ""},
		{"Slack: a secret", 200, `{"ok":false,"error":"bad_client_secret"}`, wrong, "bad_client_secret", ""},
		{"Slack: too much", 200, `{"ok":false,"error":"ratelimited"}`, transient, "ratelimited", ""},
		{"Slack: no although there is a token", 200, `{"ok":false,"error":"invalid_code","access_token":"a"}`, gone, "invalid_code", ""},
		{"Facebook: an object", 400, `{"error":{"message":"Error validating access token: Session has expired","type":"OAuthException","code":190}}`, gone, "OAuthException:190", "Error validating access token: Session has expired"},
		{"Facebook: a code that was used", 400, `{"error":{"message":"This authorization code has been used.","type":"OAuthException","code":100}}`, gone, "OAuthException:100", "This authorization code has been used."},
		{"Facebook: a secret", 400, `{"error":{"message":"Error validating client secret.","type":"OAuthException","code":1}}`, wrong, "OAuthException:1", "Error validating client secret."},
		{"HubSpot: a refresh token", 400, `{"status":"BAD_REFRESH_TOKEN","message":"missing or unknown refresh token"}`, gone, "BAD_REFRESH_TOKEN", "missing or unknown refresh token"},
		{"Atlassian: words beat the code", 403, `{"error":"unauthorized_client","error_description":"refresh_token is invalid"}`, gone, "unauthorized_client", "refresh_token is invalid"},
		{"Zoom: words beat the code", 400, `{"reason":"Invalid Token!","error":"invalid_request"}`, gone, "invalid_request", "Invalid Token!"},
		{"LinkedIn: words beat the code", 400, `{"error":"invalid_request","error_description":"The provided authorization code has expired"}`, gone, "invalid_request", "The provided authorization code has expired"},
		{"a redirect URL that does not fit is no lapse", 400, `{"error":"invalid_request","error_description":"Invalid redirect uri for authorization code"}`, wrong, "invalid_request", "Invalid redirect uri for authorization code"},
		{"words only", 401, `{"message":"The refresh token has been revoked"}`, gone, "", "The refresh token has been revoked"},
		{"words as the code", 400, `{"error":"The refresh token is invalid"}`, gone, "", "The refresh token is invalid"},
		{"words do not end a grant when the server fails", 503, `{"message":"The refresh token has been revoked"}`, transient, "", "The refresh token has been revoked"},
		{"Okta: other names", 400, `{"errorCode":"invalid_grant","errorSummary":"The refresh token is invalid or expired."}`, gone, "invalid_grant", "The refresh token is invalid or expired."},
		{"Salesforce: a person who left", 400, `{"error":"inactive_user","error_description":"user is inactive"}`, gone, "inactive_user", "user is inactive"},
		{"Apigee: a fault", 401, `{"fault":{"faultstring":"Invalid Access Token","detail":{"errorcode":"keymanagement.service.invalid_access_token"}}}`, wrong, "keymanagement.service.invalid_access_token", "Invalid Access Token"},
		{"a list of objects", 400, `{"errors":[{"code":"invalid_grant","message":"over"}]}`, gone, "invalid_grant", "over"},
		{"a list of words", 400, `{"errors":["the refresh token expired"]}`, gone, "", "the refresh token expired"},
		{"a list outside", 400, `[{"errorCode":"invalid_client","message":"who?"}]`, wrong, "invalid_client", "who?"},
		{"an object with a code", 400, `{"error":{"code":"invalid_grant","message":"over"}}`, gone, "invalid_grant", "over"},
		{"an object of Google's", 403, `{"error":{"code":403,"message":"quota","status":"RATE_LIMIT_EXCEEDED"}}`, transient, "RATE_LIMIT_EXCEEDED", "quota"},
		{"codes that are numbers say nothing", 400, `{"code":400,"message":"bad"}`, wrong, "", "bad"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(tt.status, tt.body))
			_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
			got := failed(t, err)
			if got.Verdict != tt.verdict || got.Code != tt.code || got.Description != tt.description {
				t.Errorf("the error is %d %q %q, want %d %q %q", got.Verdict, got.Code, got.Description, tt.verdict, tt.code, tt.description)
			}
			if !got.Sent || got.Status != tt.status || got.Host != strings.TrimPrefix(server.URL, "http://") {
				t.Errorf("the error is %+v", got)
			}
		})
	}
}

func TestErrorsOfChallengesCount(t *testing.T) {
	for challenge, want := range map[string]oauth.Verdict{
		`Bearer realm="x", error="invalid_token", error_description="over"`: gone,
		`Bearer error=invalid_token`:                                        gone,
		`Basic realm="x"`:                                                   wrong,
		`Bearer myerror="invalid_token"`:                                    wrong,
		`Bearer error="`:                                                    wrong,
		`Bearer error=`:                                                     wrong,
		`error`:                                                             wrong,
		"\xc1\xa0\xca0\xb2error=":                                           wrong,
		`Bearer xerror="x", ERROR="invalid_token"`:                          gone,
	} {
		server := newProvider(t, says(401, "", "WWW-Authenticate", challenge))
		_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
		if got := failed(t, err); got.Verdict != want {
			t.Errorf("%s is %+v", challenge, got)
		}
	}
}

func TestTheClientItselfCannotSignIn(t *testing.T) {
	for code, want := range map[string]oauth.Verdict{"access_denied": wrong, "invalid_grant": wrong, "invalid_client": wrong, "server_error": transient} {
		server := newProvider(t, says(401, `{"error":"`+code+`"}`))
		p := server.profile()
		p.Grant = oauth.ClientCredentials
		_, err := newClient(t).Obtain(t.Context(), p)
		if got := failed(t, err); got.Verdict != want {
			t.Errorf("%s is %+v", code, got)
		}
	}
}

func TestHowLongToWait(t *testing.T) {
	tests := []struct {
		name, header, body string
		want               time.Duration
	}{
		{"seconds", "120", "", 2 * time.Minute},
		{"a date", "Sun, 01 Mar 2026 12:05:00 GMT", "", 5 * time.Minute},
		{"a date that has passed", "Sun, 01 Mar 2026 11:05:00 GMT", "", 0},
		{"less than nothing", "-5", "", 0},
		{"a word", "later", "", 0},
		{"longer than a day", "99999999", "", 24 * time.Hour},
		{"a number beyond all", strings.Repeat("9", 40), "", 0},
		{"nothing", "", "", 0},
		{"in the body", "", `{"retry_after":1.5}`, 1500 * time.Millisecond},
		{"in the body without end", "", `{"retry_after":1e200}`, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(429, tt.body, "Retry-After", tt.header))
			_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
			if got := failed(t, err); got.RetryAfter != tt.want || got.Verdict != transient {
				t.Errorf("the error is %+v, want %v", got, tt.want)
			}
			if wait, ok := fault.From(err).Retry(); wait != tt.want || ok != (tt.want > 0) {
				t.Errorf("the fault says %v", wait)
			}
		})
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	for status, want := range map[int]oauth.Verdict{301: wrong, 302: transient, 303: transient, 307: transient, 308: wrong} {
		trap := newProvider(t, says(200, token))
		server := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, trap.URL+"/token", status)
		})
		_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
		got := failed(t, err)
		if got.Verdict != want || got.Status != status || len(trap.requests()) != 0 {
			t.Errorf("%d is %+v, and the trap was asked %d times", status, got, len(trap.requests()))
		}
	}
}

func TestDevicesAreWaitedFor(t *testing.T) {
	tests := []struct {
		status int
		body   string
		want   oauth.Verdict
	}{
		{400, `{"error":"authorization_pending"}`, oauth.Pending},
		{428, `{"error":"authorization_pending"}`, oauth.Pending},
		{200, `{"error":"authorization_pending"}`, oauth.Pending},
		{400, `{"error":"slow_down"}`, oauth.SlowDown},
		{429, `{"error":"slow_down"}`, oauth.SlowDown},
		{400, `{"error":"expired_token"}`, gone},
		{400, `{"error":"access_denied"}`, gone},
		{400, `{"error":"authorization_declined"}`, gone},
		{400, `{"error":"invalid_grant"}`, gone},
		{401, `{"error":"invalid_client"}`, wrong},
		{503, ``, transient},
	}
	for _, tt := range tests {
		server := newProvider(t, says(tt.status, tt.body))
		p := server.profile()
		p.Grant = oauth.DeviceCode
		_, err := newClient(t).PollDevice(context.Background(), p, text("device-1"))
		if got := failed(t, err); got.Verdict != tt.want {
			t.Errorf("%d %s is %+v", tt.status, tt.body, got)
		}
	}
}

func TestFaultsAreForCallers(t *testing.T) {
	for verdict, want := range map[oauth.Verdict]fault.Reason{
		transient: fault.ReasonProviderUnavailable, gone: fault.ReasonProviderRefused, wrong: fault.ReasonProviderRefused,
	} {
		err := &oauth.Error{Verdict: verdict, Code: "some_code", Description: "words", Host: "login.example", Status: 418}
		if got := fault.ReasonOf(err); got != want {
			t.Errorf("%d is %s", verdict, got)
		}
		meta := fault.From(err).Meta()
		if meta["host"] != "login.example" || meta["status"] != "418" || meta["error"] != "some_code" {
			t.Errorf("the metadata are %v", meta)
		}
		contains(t, "the message", err.Error(), "some_code: words")
	}
	contains(t, "the message", (&oauth.Error{Host: "login.example", Status: 502}).Error(), "status 502")
}

// webPage is what is said about a page with a status.
func webPage(status int) string {
	return fmt.Sprintf("it answered with status %d and a web page: a firewall in front of it, or the URL of something else", status)
}
