package oauth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestDeviceCodes(t *testing.T) {
	tests := []struct {
		name, body string
		want       oauth.Device
	}{
		{
			"the standard",
			`{"device_code":"d-1","user_code":"WDJB-MJHT","verification_uri":"https://p.example/device","verification_uri_complete":"https://p.example/device?c=WDJB-MJHT","expires_in":1800,"interval":7}`,
			oauth.Device{UserCode: "WDJB-MJHT", VerificationURL: "https://p.example/device", CompleteURL: "https://p.example/device?c=WDJB-MJHT", Interval: 7 * time.Second, ExpireTime: now.Add(30 * time.Minute)},
		},
		{
			"Google's spelling",
			`{"device_code":"d-1","user_code":"GQVQ","verification_url":"https://www.google.example/device","expires_in":1800}`,
			oauth.Device{UserCode: "GQVQ", VerificationURL: "https://www.google.example/device", Interval: 5 * time.Second, ExpireTime: now.Add(30 * time.Minute)},
		},
		{
			"GitHub's form", `device_code=d-1&user_code=AB-CD&verification_uri=https%3A%2F%2Fgithub.example%2Flogin%2Fdevice&interval=5&expires_in=900`,
			oauth.Device{UserCode: "AB-CD", VerificationURL: "https://github.example/login/device", Interval: 5 * time.Second, ExpireTime: now.Add(15 * time.Minute)},
		},
		{
			"no lifetime, and an interval without sense",
			`{"device_code":"d-1","user_code":"X","verification_uri":"https://p.example/d","interval":-3}`,
			oauth.Device{UserCode: "X", VerificationURL: "https://p.example/d", Interval: 5 * time.Second, ExpireTime: now.Add(15 * time.Minute)},
		},
		{
			"an interval without end, and a page that is a script",
			`{"device_code":"d-1","user_code":"X","verification_uri":"https://p.example/d","interval":1e99,"verification_uri_complete":"javascript:alert(1)"}`,
			oauth.Device{UserCode: "X", VerificationURL: "https://p.example/d", Interval: 5 * time.Minute, ExpireTime: now.Add(15 * time.Minute)},
		},
		{
			"an interval below a second",
			`{"device_code":"d-1","user_code":"X","verification_uri":"https://p.example/d","interval":0.001}`,
			oauth.Device{UserCode: "X", VerificationURL: "https://p.example/d", Interval: time.Second, ExpireTime: now.Add(15 * time.Minute)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, tt.body))
			p := server.profile()
			p.Grant = oauth.DeviceCode
			got, err := newClient(t).StartDevice(t.Context(), p, oauth.Attempt{ExtraScopes: []string{"more"}})
			if err != nil {
				t.Fatal(err)
			}
			wantSecret(t, "device code", got.Code, "d-1")
			got.Code = tt.want.Code
			if got != tt.want {
				t.Errorf("the device is %+v, want %+v", got, tt.want)
			}
			request := server.last(t)
			if request.Path != "/device" {
				t.Errorf("the path is %s", request.Path)
			}
			wantForm(t, request.form(t), map[string]string{"client_id": "app", "client_secret": "hush-hush", "scope": "read write more"})
		})
	}
}

func TestDeviceFlowsThatDoNotBegin(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   oauth.Verdict
	}{
		{"the client may not", 400, `{"error":"unauthorized_client"}`, oauth.Misconfigured},
		{"GitHub: it is switched off", 200, `{"error":"device_flow_disabled"}`, oauth.Misconfigured},
		{"the server is down", 503, "", oauth.Transient},
		{"a page", 200, "<html>", oauth.Transient},
		{"no code", 200, `{"user_code":"X","verification_uri":"https://p.example"}`, oauth.Misconfigured},
		{"nothing to type", 200, `{"device_code":"d","verification_uri":"https://p.example"}`, oauth.Misconfigured},
		{"too much to type", 200, `{"device_code":"d","user_code":"` + strings.Repeat("X", 65) + `","verification_uri":"https://p.example"}`, oauth.Misconfigured},
		{"no page", 200, `{"device_code":"d","user_code":"X"}`, oauth.Misconfigured},
		{"a page that is a script", 200, `{"device_code":"d","user_code":"X","verification_uri":"javascript:alert(1)"}`, oauth.Misconfigured},
		{"a code with a line break", 200, `{"device_code":"d\n","user_code":"X","verification_uri":"https://p.example"}`, oauth.Misconfigured},
		{"a code with a status that says no", 500, `{"device_code":"d","user_code":"X","verification_uri":"https://p.example"}`, oauth.Transient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(tt.status, tt.body))
			_, err := newClient(t).StartDevice(t.Context(), server.profile(), oauth.Attempt{})
			if got := failed(t, err); got.Verdict != tt.want {
				t.Errorf("the error is %+v", got)
			}
		})
	}
	p := newProvider(t, says(200, "")).profile()
	p.Endpoints.Device = ""
	_, err := newClient(t).StartDevice(t.Context(), p, oauth.Attempt{})
	contains(t, "the description", failed(t, err).Description, "no device authorization endpoint")
	p.Endpoints.Device, p.Client.ID = p.Endpoints.Token, ""
	_, err = newClient(t).StartDevice(t.Context(), p, oauth.Attempt{})
	contains(t, "the description", failed(t, err).Description, "no client id")
}

func TestRevocation(t *testing.T) {
	both := oauth.Token{Access: text("access-0"), Refresh: text("refresh-0")}
	tests := []struct {
		name   string
		tokens oauth.Token
		answer http.HandlerFunc
		hints  []string
		fails  bool
		want   oauth.Verdict
	}{
		{"both, the refresh token first", both, says(200, ""), []string{"refresh_token", "access_token"}, false, 0},
		{"only an access token", oauth.Token{Access: text("access-0")}, says(200, "{}"), []string{"access_token"}, false, 0},
		{"nothing", oauth.Token{}, says(200, ""), nil, false, 0},
		{"200 and whatever else", both, says(200, `{"scope":"x","error":null}`), []string{"refresh_token", "access_token"}, false, 0},
		{"200 with an error", both, says(200, `{"error":"server_error"}`), []string{"refresh_token", "access_token"}, true, oauth.Transient},
		{"200 with a kind that is not taken back", both, says(200, `{"error":"unsupported_token_type"}`), []string{"refresh_token", "access_token"}, true, oauth.Misconfigured},
		{"200 with a page", both, says(200, "<!doctype html><title>Sign in</title>"), []string{"refresh_token", "access_token"}, true, oauth.Transient},
		{"somebody who does not know the client", both, says(401, `{"error":"invalid_token"}`), []string{"refresh_token", "access_token"}, true, oauth.Gone},
		{"nobody who may", both, says(400, `{"error":"access_denied"}`), []string{"refresh_token", "access_token"}, true, oauth.Gone},
		{"no content", both, says(204, ""), []string{"refresh_token", "access_token"}, false, 0},
		{"a kind that is not taken back", both, says(400, `{"error":"unsupported_token_type"}`), []string{"refresh_token", "access_token"}, true, oauth.Misconfigured},
		{"a server that is down", both, says(503, ""), []string{"refresh_token", "access_token"}, true, oauth.Transient},
		{"a client that is wrong", both, says(401, `{"error":"invalid_client"}`), []string{"refresh_token", "access_token"}, true, oauth.Misconfigured},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, tt.answer)
			p := server.profile()
			p.JSONBody = true
			err := newClient(t).Revoke(t.Context(), p, tt.tokens)
			if (err != nil) != tt.fails {
				t.Fatalf("the error is %v", err)
			}
			if tt.fails && failed(t, err).Verdict != tt.want {
				t.Errorf("the error is %v", err)
			}
			var hints []string
			for _, request := range server.requests() {
				form := request.form(t)
				hints = append(hints, form.Get("token_type_hint"))
				want := strings.TrimSuffix(form.Get("token_type_hint"), "_token") + "-0"
				wantForm(t, form, map[string]string{"token": want, "token_type_hint": "*", "client_id": "app", "client_secret": "hush-hush"})
			}
			if strings.Join(hints, " ") != strings.Join(tt.hints, " ") {
				t.Errorf("what was given back: %v, want %v", hints, tt.hints)
			}
		})
	}
}

func TestWhatARevocationOfBothTokensComesTo(t *testing.T) {
	const (
		yes   = `{}`
		over  = `{"error":"invalid_token"}`
		kind  = `{"error":"unsupported_token_type"}`
		wrong = `{"error":"invalid_client"}`
	)
	for _, c := range []struct {
		refresh, access string
		want            string // "" for revoked
	}{
		{yes, yes, ""},
		{yes, kind, ""},
		{yes, over, ""},
		{over, yes, ""},
		{over, over, "had ended already"},
		{over, kind, "refused to revoke the token (unsupported_token_type)"},
		{kind, yes, "refused to revoke the token (unsupported_token_type)"},
		{yes, wrong, "refused to revoke the token (invalid_client)"},
	} {
		left := []string{c.refresh, c.access}
		server := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
			body := left[0]
			left = left[1:]
			status := 400
			if body == yes {
				status = 200
			}
			says(status, body)(w, r)
		})
		err := newClient(t).Revoke(t.Context(), server.profile(), oauth.Token{Access: text("access-0"), Refresh: text("refresh-0")})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s and %s: got %v", c.refresh, c.access, err)
		}
	}
}

func TestAFailedRevocationIsNotToldAsATokenThatWasNotGiven(t *testing.T) {
	for status, want := range map[int]string{503: "could not be asked to revoke the token", 403: "refused to revoke the token"} {
		server := newProvider(t, says(status, `{"message":"no"}`))
		err := newClient(t).Revoke(t.Context(), server.profile(), oauth.Token{Access: text("access-0")})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "try again") {
			t.Errorf("got %v", err)
		}
	}
}

func TestAProviderThatTakesNothingBack(t *testing.T) {
	server := newProvider(t, says(500, ""))
	p := server.profile()
	p.Endpoints.Revocation = ""
	if err := newClient(t).Revoke(t.Context(), p, oauth.Token{Access: text("a")}); err != nil || len(server.requests()) != 0 {
		t.Errorf("the error is %v", err)
	}
	p.Endpoints.Revocation = "http://p.example/revoke"
	err := newClient(t).Revoke(t.Context(), p, oauth.Token{Access: text("a")})
	contains(t, "the description", failed(t, err).Description, "is not https")
	p.Endpoints.Revocation, p.Client.ID = p.Endpoints.Token, ""
	err = newClient(t).Revoke(t.Context(), p, oauth.Token{Access: text("a")})
	contains(t, "the description", failed(t, err).Description, "no client id")
}
