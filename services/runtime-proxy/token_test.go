package runtimeproxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/metadata"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// tokenAPI accepts one token, and counts.
type tokenAPI struct {
	good    atomic.Pointer[string]
	refuse  func(http.ResponseWriter)
	asked   atomic.Int64
	refused atomic.Int64
	bodies  chan string
}

func (a *tokenAPI) accept(token string) { a.good.Store(&token) }

func (a *tokenAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked.Add(1)
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Authorization") != "Bearer "+*a.good.Load() {
		a.refused.Add(1)
		a.refuse(w)
		return
	}
	select {
	case a.bodies <- string(body):
	default:
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// answers makes a refusal.
func answers(status int, contentType, body string, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// token is the name of the OAuth parameter, and how the tokens begin.
const token = "token"

func tokenOf(version int) string { return fmt.Sprintf("%s-v%d", canary, version) }

// signedIn starts the runtime with a connection that was signed in: its token is
// version 1. The vault renews to the next version.
func signedIn(t *testing.T, a *tokenAPI) *suite {
	t.Helper()
	if a.refuse == nil {
		a.refuse = answers(401, "application/json", `{}`)
	}
	a.bodies = make(chan string, 100)
	s := start(t, api(t, a.ServeHTTP), func(d *connectorv1.Definition) {
		d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Name: token, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}}
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: token}}}}
	})
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets, c.TokenVersion = values(token, tokenOf(1)), "1" })
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	s.vault.renew = func(c *vaultv1.Credential) error {
		var version int
		_, _ = fmt.Sscan(c.GetTokenVersion(), &version)
		c.Secrets, c.TokenVersion = values(token, tokenOf(version+1)), fmt.Sprint(version+1)
		return nil
	}
	return s
}

// TestATokenThatTheAPIRefusesIsRenewed: whatever an API's way of saying so is.
func TestATokenThatTheAPIRefusesIsRenewed(t *testing.T) {
	tests := []struct {
		name    string
		refuse  func(http.ResponseWriter)
		renewed bool
	}{
		{"401", answers(401, "application/json", `{"error":"x"}`), true},
		{"401 as a page", answers(401, "text/html", "<html>Sign in</html>"), true},
		{"401 without anything", answers(401, "", ""), true},
		{"403 that names the token in the header", answers(403, "text/html", "<html>", "WWW-Authenticate", `Bearer realm="x", error="invalid_token"`), true},
		{"403 that names the token in the body", answers(403, "application/json", `{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed"}}`), true},
		{"403 that says it in words", answers(403, "text/plain", "The access token expired."), true},
		{"403 for another reason", answers(403, "application/json", `{"error":"insufficient permissions"}`), false},
		{"403 with a page of more than 64 KiB", answers(403, "text/html", strings.Repeat("x", 64<<10)+"invalid_token"), false},
		{"404", answers(404, "application/json", `{"error":"invalid_token"}`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &tokenAPI{refuse: tt.refuse}
			a.accept(tokenOf(2))
			s := signedIn(t, a)
			resp, err := s.invoke("CreateItem", `{"body":{"name":"x"}}`)
			must(t, err)
			if (resp.GetStatusCode() == 200) != tt.renewed || (s.vault.rejected() == 1) != tt.renewed {
				t.Fatalf("status %d after %d rejections", resp.GetStatusCode(), s.vault.rejected())
			}
			if !tt.renewed {
				return
			}
			if body := <-a.bodies; !strings.Contains(body, `"name":"x"`) {
				t.Errorf("the second request has the body %q", body)
			}
			s.vault.mu.Lock()
			told := s.vault.rejections[0]
			s.vault.mu.Unlock()
			if told.GetTokenVersion() != "1" || told.GetStatusCode()/100 != 4 || told.GetPrincipal() != "ada" || told.GetOperationId() != "CreateItem" {
				t.Errorf("the vault was told %v", told)
			}
		})
		t.Run(tt.name+", passed through", func(t *testing.T) {
			a := &tokenAPI{refuse: tt.refuse}
			a.accept(tokenOf(2))
			s := signedIn(t, a)
			resp := s.do(s.request("GET", "/items", nil))
			text, err := io.ReadAll(resp.Body)
			must(t, err)
			if (resp.StatusCode == 200) != tt.renewed || (s.vault.rejected() == 1) != tt.renewed {
				t.Fatalf("status %d after %d rejections", resp.StatusCode, s.vault.rejected())
			}
			if !tt.renewed && len(text) == 0 {
				t.Error("the answer lost its body")
			}
		})
	}
}

// TestEverybodyGetsTheNewToken: also callers whose leases hold the old one.
func TestEverybodyGetsTheNewToken(t *testing.T) {
	a := &tokenAPI{}
	a.accept(tokenOf(1))
	s := signedIn(t, a)
	call := func(user string) {
		t.Helper()
		resp, err := s.runtime.Invoke(s.as(user), &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems"})
		if err != nil || resp.GetStatusCode() != 200 {
			t.Errorf("%s: %v, %v", user, resp, err)
		}
	}
	call("ada")
	call("root")
	a.accept(tokenOf(2))
	call("ada")
	call("root")
	must(t, s.through(s.request("GET", "/items", nil)))
	if a.refused.Load() != 1 || s.vault.rejected() != 1 {
		t.Errorf("%d refusals, %d rejections; later calls use the new token at once", a.refused.Load(), s.vault.rejected())
	}
}

func TestManyRefusalsAreOneRejection(t *testing.T) {
	a := &tokenAPI{}
	a.accept(tokenOf(1))
	s := signedIn(t, a)
	must(t, second(s.invoke("ListItems", "")))
	a.accept(tokenOf(2))
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if i%3 == 0 {
				if resp := s.do(s.request("GET", "/items", nil)); resp.StatusCode != 200 {
					t.Errorf("status %d", resp.StatusCode)
				}
				return
			}
			if resp, err := s.invoke("ListItems", ""); err != nil || resp.GetStatusCode() != 200 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	all.Wait()
	if s.vault.rejected() != 1 {
		t.Errorf("%d rejections", s.vault.rejected())
	}
}

// TestATokenThatCannotBeRenewed: the API's answer stands, and the caller learns
// what helps, which is no sign-in where nobody signs in.
func TestATokenThatCannotBeRenewed(t *testing.T) {
	tests := []struct {
		name, says string
		status     int
		err        error
		retryable  bool
	}{
		{"the grant is gone", "; there is no better token: it waits for a sign-in; authorize it", 401, fault.Precondition(fault.ReasonConnectionNotReady, "it waits for a sign-in; authorize it"), false},
		{"the grant is gone, and the API says 403", "authorize it", 403, fault.Precondition(fault.ReasonConnectionNotReady, "it waits for a sign-in; authorize it"), false},
		{"nobody signs in", "; there is no better token: check the scopes", 401, fault.Precondition(fault.ReasonConnectionNotReady, "check the scopes"), false},
		{"the provider is down", "try again later", 401, fault.Unavailable(fault.ReasonProviderUnavailable, "the provider is down"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &tokenAPI{refuse: answers(tt.status, "application/json", `{"error":"invalid_token"}`)}
			a.accept(tokenOf(9))
			s := signedIn(t, a)
			s.vault.mu.Lock()
			s.vault.renew = func(*vaultv1.Credential) error { return tt.err }
			s.vault.mu.Unlock()
			for range 3 {
				resp, err := s.invoke("ListItems", "")
				must(t, err)
				e := resp.GetError()
				if int(resp.GetStatusCode()) != tt.status || e.GetReason() != "UPSTREAM_UNAUTHENTICATED" || !strings.Contains(e.GetMessage(), tt.says) || strings.Contains(e.GetMessage(), "sign in") || e.GetRetryable() != tt.retryable {
					t.Errorf("answer = %v", resp)
				}
			}
			if resp := s.do(s.request("GET", "/items", nil)); resp.StatusCode != tt.status {
				t.Errorf("pass-through: status %d", resp.StatusCode)
			}
			if s.vault.rejected() != 1 {
				t.Errorf("%d rejections of one token at once", s.vault.rejected())
			}
		})
	}
}

// TestAnAPIThatRefusesFreshTokens: its reason is another one, which the vault finds
// out. Once it says so, it is not asked with every call.
func TestAnAPIThatRefusesFreshTokens(t *testing.T) {
	a := &tokenAPI{}
	a.accept("none")
	s := signedIn(t, a)
	s.vault.mu.Lock()
	renew := s.vault.renew
	s.vault.renew = func(c *vaultv1.Credential) error {
		if c.GetTokenVersion() != "1" {
			return fault.Precondition(fault.ReasonConnectionNotReady, "the API refuses new tokens")
		}
		return renew(c)
	}
	s.vault.mu.Unlock()
	for range 5 {
		resp, err := s.invoke("ListItems", "")
		must(t, err)
		if resp.GetStatusCode() != 401 {
			t.Errorf("answer = %v", resp)
		}
	}
	if s.vault.rejected() != 2 {
		t.Errorf("%d rejections", s.vault.rejected())
	}
	s.clock.Advance(time.Second)
	must(t, second(s.invoke("ListItems", "")))
	if s.vault.rejected() != 3 {
		t.Errorf("%d rejections after a while", s.vault.rejected())
	}
}

// TestABodyThatHasPassedByIsNotSentAgain: the caller gets the API's answer, the
// vault is told, and the next call works.
func TestABodyThatHasPassedByIsNotSentAgain(t *testing.T) {
	a := &tokenAPI{}
	a.accept(tokenOf(2))
	s := signedIn(t, a)
	if resp := s.do(s.request("POST", "/items", strings.NewReader("once"))); resp.StatusCode != 401 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if resp := s.do(s.request("POST", "/items", strings.NewReader("twice"))); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if body := <-a.bodies; body != "twice" || a.asked.Load() != 2 || s.vault.rejected() != 1 {
		t.Errorf("%q arrived, %d requests, %d rejections", body, a.asked.Load(), s.vault.rejected())
	}
}

func TestAConnectionTestRenewsTheToken(t *testing.T) {
	a := &tokenAPI{}
	a.accept(tokenOf(2))
	s := signedIn(t, a)
	resp, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
	if err != nil || !resp.GetSucceeded() || s.vault.rejected() != 1 {
		t.Errorf("%v, %v, %d rejections", resp, err, s.vault.rejected())
	}
}

// TestWhereProvidersWantTheirTokens: what the vault says about the token goes
// before what the connector says.
func TestWhereProvidersWantTheirTokens(t *testing.T) {
	tests := []struct {
		name         string
		placement    *vaultv1.TokenPlacement
		header, want string
	}{
		{"as the connector says", nil, "Authorization", "Bearer " + canary},
		{"another prefix", &vaultv1.TokenPlacement{Prefix: "OAuth "}, "Authorization", "OAuth " + canary},
		{"another header", &vaultv1.TokenPlacement{Header: "x-shop-Access-Token"}, "X-Shop-Access-Token", canary},
		{"both", &vaultv1.TokenPlacement{Header: "X-Auth", Prefix: "T="}, "X-Auth", "T=" + canary},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := recording(t, 200)
			s := start(t, url, func(d *connectorv1.Definition) {
				d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Name: token, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}}
				d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: token}}}}
			})
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets, c.TokenPlacement = values(token, canary), tt.placement })
			s.bothWays(t, func(t *testing.T, _ string) {
				r := <-requests
				if r.Header.Get(tt.header) != tt.want || (tt.header != "Authorization" && r.Header.Get("Authorization") != "") {
					t.Errorf("header = %v", r.Header)
				}
			})
		})
	}
	for _, bad := range []string{"Host", "Content-Length", "a b", "x\ny"} {
		url, requests := recording(t, 200)
		s := start(t, url, func(d *connectorv1.Definition) {
			d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Name: token, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}}
			d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: token}}}}
		})
		s.vault.change(func(c *vaultv1.Credential) {
			c.Secrets, c.TokenPlacement = values(token, canary), &vaultv1.TokenPlacement{Header: bad}
		})
		checkFault(t, s, second(s.invoke("ListItems", "")), fault.ReasonConnectionNotReady)
		if len(requests) != 0 {
			t.Error("the request was sent")
		}
	}
}

// TestSubjectTokens: they go to the vault and nowhere else, and what is lent for
// one is not used for another.
func TestSubjectTokens(t *testing.T) {
	url, requests := recording(t, 200)
	s := start(t, url, nil)
	invoke := func(subject string) {
		t.Helper()
		ctx := s.as("ada")
		if subject != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "ferrule-subject-token", subject)
		}
		_, err := s.runtime.Invoke(ctx, &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems", Input: &httpbody.HttpBody{Data: []byte("{}")}})
		must(t, err)
		checkNoSubject(t, <-requests)
	}
	pass := func(subject string) {
		t.Helper()
		req := s.request("GET", "/items", nil)
		if subject != "" {
			req.Header.Set("Ferrule-Subject-Token", subject)
		}
		must(t, s.through(req))
		checkNoSubject(t, <-requests)
	}
	for range 2 {
		for _, subject := range []string{"", canary + "-ann", canary + "-bea"} {
			invoke(subject)
			pass(subject)
		}
	}
	s.vault.mu.Lock()
	asked := fmt.Sprintf("%q", s.vault.subjects)
	s.vault.mu.Unlock()
	if want := fmt.Sprintf("%q", []string{"", canary + "-ann", canary + "-bea"}); asked != want {
		t.Errorf("the vault was asked for %s, want %s", asked, want)
	}
	req := s.request("GET", "/items", nil)
	req.Header.Set("Ferrule-Subject-Token", canary+strings.Repeat("x", 16<<10))
	checkFault(t, s, s.through(req), fault.ReasonInvalidArgument)
	req.Header["Ferrule-Subject-Token"] = []string{canary, canary}
	checkFault(t, s, s.through(req), fault.ReasonInvalidArgument)
	s.vault.fail(fault.Precondition(fault.ReasonConnectionNotReady, "the token of the caller was not accepted"))
	req.Header["Ferrule-Subject-Token"] = []string{canary + "-new"}
	checkFault(t, s, s.through(req), fault.ReasonConnectionNotReady)
}

func checkNoSubject(t *testing.T, r got) {
	t.Helper()
	for name, lines := range r.Header {
		if strings.HasPrefix(name, "Ferrule-") || leaks(strings.Join(lines, "")) && name != "X-Api-Key" {
			t.Errorf("the API got %s: %s", name, lines)
		}
	}
}

// TestAnAnswerToARequestWithoutTheTokenSaysNothingAboutIt: be it of an
// operation that needs no proof, or of one with another.
func TestAnAnswerToARequestWithoutTheTokenSaysNothingAboutIt(t *testing.T) {
	a := &tokenAPI{refuse: answers(401, "application/json", `{"error":"wrong password"}`), bodies: make(chan string, 100)}
	a.accept(tokenOf(1))
	s := start(t, api(t, a.ServeHTTP), func(d *connectorv1.Definition) {
		d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{
			{Name: token, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH},
			{Name: "key", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET},
		}
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{
			{SchemeId: "o", Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: token}}},
			{SchemeId: "k", Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "key", Name: "K"}}},
		}
		d.Operations = append(d.Operations,
			&connectorv1.Operation{OperationId: "Open", Method: "GET", Path: "/open", Security: []*connectorv1.SecurityRequirement{{}}},
			&connectorv1.Operation{OperationId: "Keyed", Method: "GET", Path: "/keyed", Security: []*connectorv1.SecurityRequirement{
				{Schemes: []*connectorv1.SchemeReference{{SchemeId: "k"}}},
			}},
			&connectorv1.Operation{OperationId: "Signed", Method: "GET", Path: "/signed", Security: []*connectorv1.SecurityRequirement{
				{Schemes: []*connectorv1.SchemeReference{{SchemeId: "o"}}},
			}})
	})
	s.vault.change(func(c *vaultv1.Credential) {
		c.Secrets, c.TokenVersion = append(values(token, tokenOf(2)), values("key", canary+"-key")...), "1"
	})
	for _, tt := range []struct {
		operation string
		rejected  int
	}{{"Open", 0}, {"Keyed", 0}, {"Signed", 1}} {
		resp, err := s.invoke(tt.operation, `{}`)
		must(t, err)
		if got := s.vault.rejected(); resp.GetStatusCode() != 401 || got != tt.rejected {
			t.Errorf("%s: status %d, %d rejections", tt.operation, resp.GetStatusCode(), got)
		}
	}
}
