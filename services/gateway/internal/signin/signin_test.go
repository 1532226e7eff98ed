package signin_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/testing/protocmp"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/signin"
)

// vault answers as it is told and remembers what it was asked.
type vault struct {
	answer *vaultv1.ReceiveAuthorizationResponse
	err    error
	asked  []*vaultv1.ReceiveAuthorizationRequest
}

func (v *vault) ReceiveAuthorization(_ context.Context, in *vaultv1.ReceiveAuthorizationRequest, _ ...grpc.CallOption) (*vaultv1.ReceiveAuthorizationResponse, error) {
	v.asked = append(v.asked, in)
	return v.answer, v.err
}

// segment is what follows the prefix in a redirect URL.
const segment = "abcdefghijklmnopqrstuv2345"

func ask(v *vault, method, query, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, signin.Prefix+segment+query, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	signin.New(v).ServeHTTP(w, r)
	return w
}

func TestWhatABrowserBringsReachesTheVault(t *testing.T) {
	long := strings.Repeat("ü", 5000)
	tests := []struct {
		name, method, query, body string
		want                      *vaultv1.ReceiveAuthorizationRequest
	}{
		{"a code", "GET", "?state=s&code=c&iss=https%3A%2F%2Flogin.example", "", &vaultv1.ReceiveAuthorizationRequest{Callback: segment, State: "s", Code: "c", Issuer: "https://login.example"}},
		{"a refusal", "GET", "?state=s&error=access_denied&error_description=no+way", "", &vaultv1.ReceiveAuthorizationRequest{Callback: segment, State: "s", Error: "access_denied", ErrorDescription: "no way"}},
		{"a posted form", "POST", "?code=not-this-one", "state=s&code=c", &vaultv1.ReceiveAuthorizationRequest{Callback: segment, State: "s", Code: "c"}},
		{"words without end", "GET", "?state=s&error=x&error_description=" + url.QueryEscape(long), "", &vaultv1.ReceiveAuthorizationRequest{Callback: segment, State: "s", Error: "x", ErrorDescription: long[:4096]}},
		{"words that are no text", "GET", "?state=s&error=%ff", "", &vaultv1.ReceiveAuthorizationRequest{Callback: segment, State: "s", Error: "\uFFFD"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &vault{answer: &vaultv1.ReceiveAuthorizationResponse{Confirmation: "ABCDE-FGHJK"}}
			ask(v, tt.method, tt.query, tt.body)
			if diff := cmp.Diff([]*vaultv1.ReceiveAuthorizationRequest{tt.want}, v.asked, protocmp.Transform()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoAnswerOfAProviderIsNotPassedOn(t *testing.T) {
	tests := []struct {
		name, method, query, body string
		status                    int
	}{
		{"nothing", "GET", "", "", 400},
		{"a code without state", "GET", "?code=c", "", 400},
		{"two states", "GET", "?state=a&state=b&code=c", "", 400},
		{"two codes", "GET", "?state=a&code=b&code=c", "", 400},
		{"a query that is none", "GET", "?state=%zz", "", 400},
		{"a state that is no text", "GET", "?state=%ff", "", 400},
		{"a body without end", "POST", "", "state=s&code=" + strings.Repeat("x", 65<<10), 400},
		{"another method", "PUT", "?state=s&code=c", "", 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &vault{}
			w := ask(v, tt.method, tt.query, tt.body)
			if w.Code != tt.status || len(v.asked) != 0 {
				t.Errorf("status = %d, want %d; asked %d times", w.Code, tt.status, len(v.asked))
			}
		})
	}
}

func TestThePersonIsShownWhatCameOfIt(t *testing.T) {
	tests := []struct {
		name   string
		vault  vault
		status int
		says   []string
		not    string
		to     string
	}{
		{
			"a confirmation, and a warning for those who did not begin it",
			vault{answer: &vaultv1.ReceiveAuthorizationResponse{
				Confirmation: "ABCDE-FGHJK", ConnectionId: "crm", Principal: "ann", ApiOrigins: []string{"https://api.crm.example", "https://<b>.example"},
			}},
			200,
			[]string{"ABCDE-FGHJK", "<b>crm</b>", "<b>ann</b>", "give the code to nobody", "used at <b>https://api.crm.example, https://&lt;b&gt;.example</b>"},
			"", "",
		},
		{
			"a redirect to where the sign-in was begun",
			vault{answer: &vaultv1.ReceiveAuthorizationResponse{ReturnUrl: "http://127.0.0.1:4000/?confirmation=ABCDE", Confirmation: "ABCDE"}},
			303, nil, "ABCDE", "http://127.0.0.1:4000/?confirmation=ABCDE",
		},
		{
			"why it failed",
			vault{answer: &vaultv1.ReceiveAuthorizationResponse{Reason: "the person <b>refused</b>", ConnectionId: "crm", Principal: "ann"}},
			400,
			[]string{"Not connected", "the person &lt;b&gt;refused", "crm", "ann"},
			"<b>refused", "",
		},
		{
			"a state that nobody knows",
			vault{err: grpcx.ToStatus(fault.NotFound(fault.ReasonAuthorizationNotFound, "there is no such sign-in; begin it again")).Err()},
			400,
			[]string{"there is no such sign-in"},
			"", "",
		},
		{
			"a vault that is away",
			vault{err: grpcx.ToStatus(fault.Unavailable(fault.ReasonServiceUnavailable, "try again")).Err()},
			503,
			[]string{"try again"},
			"", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(&tt.vault, "GET", "?state=s&code=c", "")
			if w.Code != tt.status || w.Header().Get("Location") != tt.to {
				t.Errorf("status = %d, want %d; Location = %q, want %q", w.Code, tt.status, w.Header().Get("Location"), tt.to)
			}
			body := w.Body.String()
			for _, part := range tt.says {
				if !strings.Contains(body, part) {
					t.Errorf("the page lacks %q:\n%s", part, body)
				}
			}
			if tt.not != "" && strings.Contains(body, tt.not) {
				t.Errorf("the page holds %q", tt.not)
			}
			for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script") {
				t.Errorf("Content-Security-Policy = %q", csp)
			}
		})
	}
}

func TestAPathThatNoRedirectURLHasIsNotFound(t *testing.T) {
	for _, path := range []string{
		"", "/", "/default/crm", "/default/crm/mine", "/" + segment + "/", "/" + segment + "/x", "//" + segment, "/x/../" + segment,
		"/" + segment[:25], "/" + segment + "a", "/" + strings.ToUpper(segment), "/" + segment[:25] + "1", "/" + segment[:25] + "%61", "/" + strings.Repeat("a", 300),
	} {
		v := &vault{answer: &vaultv1.ReceiveAuthorizationResponse{Confirmation: "ABCDE-FGHJK"}}
		w := httptest.NewRecorder()
		signin.New(v).ServeHTTP(w, httptest.NewRequest("GET", "/v1/oauth/callback"+path+"?state=s&code=c", nil))
		if len(v.asked) != 0 || w.Code != 404 {
			t.Errorf("%q is answered with %d after %v", path, w.Code, v.asked)
		}
	}
}
