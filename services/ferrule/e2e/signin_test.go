package e2e_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// stage is a suite and an identity provider that know each other.
type stage struct {
	*suite
	idp *idp
	c   clients
}

// secretOfClients is the secret of all clients at the provider.
const secretOfClients = "the-secret-of-a-client-at-the-provider"

// newStage starts both. The connector "accounts" has an OAuth client with the given
// method of proving itself.
func newStage(t *testing.T, flows, method string, settings map[string]any) *stage {
	t.Helper()
	s := up(t, suiteOptions{data: t.TempDir(), logLevel: "debug"}) // the log must hold no token however much it tells
	client := map[string]any{
		"client_id": "ferrule", "client_secret": secretOfClients, "token_endpoint_auth_method": method,
		"redirect_uris":  []string{notYet},
		"grant_types":    []string{"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"},
		"response_types": []string{"code"}, "scope": "openid offline_access api",
	}
	if method == "none" {
		delete(client, "client_secret")
		client["grant_types"] = []string{"authorization_code", "refresh_token"}
	}
	all := map[string]any{"clients": []any{client}}
	maps.Copy(all, settings)
	st := &stage{suite: s, idp: startIDP(t, all), c: s.overREST()}
	must[*registryv1.ImportConnectorResponse](t, "import")(st.c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: "accounts",
		Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{
			{Path: "openapi.yaml", Content: []byte(st.idp.accounts(flows))},
		}}},
	}))
	req := &vaultv1.CreateOAuthClientRequest{Parent: environment, OauthClient: &vaultv1.OAuthClient{
		Connector: connectorName("accounts"), ClientId: "ferrule",
		Authentication: vaultv1.ClientAuthentication(vaultv1.ClientAuthentication_value["CLIENT_AUTHENTICATION_"+strings.ToUpper(method)]),
	}}
	if method != "none" {
		req.Secrets = map[string]string{"client_secret": secretOfClients}
	}
	made := must[*vaultv1.OAuthClient](t, "make the OAuth client")(st.c.vault.CreateOAuthClient(t.Context(), req))
	st.idp.register("ferrule", made.GetRedirectUrl())
	return st
}

// connection makes a connection that nobody has signed in for yet.
func (s *stage) connection(t *testing.T, id string, parameters map[string]string) *vaultv1.Connection {
	t.Helper()
	return must[*vaultv1.Connection](t, "make a connection")(s.c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: id,
		Connection: &vaultv1.Connection{Connector: connectorName("accounts"), Parameters: parameters},
	}))
}

func (s *stage) start(t *testing.T, id string) *vaultv1.Authorization {
	t.Helper()
	return must[*vaultv1.Authorization](t, "begin a sign-in")(s.c.vault.StartAuthorization(t.Context(), &vaultv1.StartAuthorizationRequest{Parent: connectionName(id)}))
}

func (s *stage) complete(t *testing.T, name, confirmation string) (*vaultv1.Authorization, error) {
	t.Helper()
	return s.c.vault.CompleteAuthorization(t.Context(), &vaultv1.CompleteAuthorizationRequest{Name: name, Confirmation: confirmation})
}

// signedIn makes a connection for which somebody has signed in.
func (s *stage) signedIn(t *testing.T, id, who string) {
	t.Helper()
	s.connection(t, id, nil)
	auth, b := s.start(t, id), newBrowser(t)
	b.signIn(auth.GetAuthorizationUrl(), who, nil)
	done := must[*vaultv1.Authorization](t, "complete the sign-in")(s.complete(t, auth.GetName(), b.confirmation()))
	if done.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED {
		t.Fatalf("the sign-in ended as %v: %s", done.GetState(), done.GetReason())
	}
}

// whoAmI calls the API and returns status and answer.
func (s *stage) whoAmI(t *testing.T, id string) (int32, string) {
	t.Helper()
	res, err := s.c.invoke(t, id, "GetMe", "{}")
	if err != nil {
		f := grpcx.FromStatus(err)
		return 0, string(f.Reason()) + " " + f.Message()
	}
	return res.GetStatusCode(), string(res.GetBody().GetData())
}

func (s *stage) expect(t *testing.T, when, id, account string) {
	t.Helper()
	if status, body := s.whoAmI(t, id); status != 200 || !strings.Contains(body, `"account":"`+account+`"`) {
		t.Errorf("%s the API answers %d %s", when, status, body)
	}
}

func (s *stage) state(t *testing.T, id string) *vaultv1.Connection {
	t.Helper()
	return must[*vaultv1.Connection](t, "read the connection")(s.c.vault.GetConnection(t.Context(), &vaultv1.GetConnectionRequest{Name: connectionName(id)}))
}

// TestSigningInFromTheCommandLine is what a person does: one command, one page in
// the browser, and the connection works.
func TestSigningInFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newStage(t, "CODE", "client_secret_basic", nil)
	// What opens pages on this machine writes down which one it was.
	bin, opened := t.TempDir(), filepath.Join(t.TempDir(), "opened")
	for _, name := range []string{"xdg-open", "x-www-browser", "www-browser", "open"} {
		script := "#!/bin/sh\nprintf %s \"$1\" > '" + opened + ".new' && mv '" + opened + ".new' '" + opened + "'\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(programs(t).ferrule, "connect", "accounts", "--id", "me", "--server", s.rest, "--token", s.token)
	cmd.Env = append(cleanEnv(), "PATH="+bin+":/usr/bin:/bin")
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	var page []byte
	testkit.Await(t, "the command to open the browser", func() bool {
		var err error
		page, err = os.ReadFile(opened)
		return err == nil
	})
	b := newBrowser(t)
	b.signIn(string(page), "ann", nil)
	if !strings.Contains(b.body, "You are signed in") {
		t.Errorf("the last page says\n%s", b.body)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, text := range []string{"connected me to accounts", "signed in as ann@example.com", "tested me"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("the command does not say %q:\n%s", text, out)
		}
	}
	s.expect(t, "after signing in", "me", "ann")
	if got := s.do(t, []string{"ann@example.com"}, "connections"); strings.Contains(got, "needs authorization") {
		t.Errorf("the connection still waits:\n%s", got)
	}
}

func TestTheLifeOfAGrant(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"client_secret_basic", "client_secret_post", "client_secret_jwt", "none"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "CODE", method, nil)
			s.connection(t, "early", nil)
			if status, text := s.whoAmI(t, "early"); status != 0 || !strings.HasPrefix(text, string(fault.ReasonConnectionNotReady)) {
				t.Errorf("before anybody signed in: %d %s", status, text)
			}
			s.signedIn(t, "me", "ann")
			s.expect(t, "after signing in", "me", "ann")
			if got := s.state(t, "me"); got.GetIdentity() != "ann@example.com" || len(got.GetGrantedScopes()) == 0 || got.GetTokenExpireTime() == nil {
				t.Errorf("the connection says %v", got)
			}
			s.idp.control("revoke")
			if status, text := s.whoAmI(t, "me"); status == 200 {
				t.Errorf("after the grant was withdrawn the API answers %s", text)
			}
			if got := s.state(t, "me"); got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION || got.GetStateReason() == "" {
				t.Errorf("after the grant was withdrawn the connection is %v: %q", got.GetState(), got.GetStateReason())
			}
			before := s.idp.asked("refresh_token invalid_grant")
			s.whoAmI(t, "me")
			if after := s.idp.asked("refresh_token invalid_grant"); after != before {
				t.Error("the provider is asked again and again for what it has withdrawn")
			}
			auth, b := s.start(t, "me"), newBrowser(t)
			b.signIn(auth.GetAuthorizationUrl(), "ben", nil)
			must[*vaultv1.Authorization](t, "sign in again")(s.complete(t, auth.GetName(), b.confirmation()))
			testkit.Await(t, "the runtime to hear of it", func() bool {
				_, body := s.whoAmI(t, "me")
				return strings.Contains(body, `"account":"ben"`)
			})
			s.idp.control("expire")
			s.renewOnce(t, "ben")
			s.expect(t, "with another token", "me", "ben")
		})
	}
}

// renewOnce calls the API from many sides at the moment at which the token has
// ended: it is renewed once.
func (s *stage) renewOnce(t *testing.T, who string) {
	t.Helper()
	before := s.idp.asked("refresh_token ok")
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() { s.expect(t, "when the token has ended", "me", who) })
	}
	calls.Wait()
	if n := s.idp.asked("refresh_token ok") - before; n != 1 {
		t.Errorf("the token was renewed %d times", n)
	}
}

func TestSignInsThatMustNotSucceed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "CODE", "client_secret_post", nil)
	s.connection(t, "me", nil)
	tests := []struct {
		name string
		try  func(t *testing.T, auth *vaultv1.Authorization, b *browser)
		says string
	}{
		{"the person refuses", func(_ *testing.T, auth *vaultv1.Authorization, b *browser) {
			b.refuse(auth.GetAuthorizationUrl())
		}, "denied"},
		{"a code that has expired", func(_ *testing.T, auth *vaultv1.Authorization, b *browser) {
			back := b.signIn(auth.GetAuthorizationUrl(), "ann", callback)
			s.idp.control("codes")
			b.visit(http.MethodGet, back, nil, nil)
		}, "invalid_grant"},
		{"an invented code", func(t *testing.T, auth *vaultv1.Authorization, b *browser) {
			back := withQuery(t, b.signIn(auth.GetAuthorizationUrl(), "ann", callback), "code", "invented")
			b.visit(http.MethodGet, back, nil, nil)
		}, "invalid_grant"},
		{"an answer of another issuer", func(t *testing.T, auth *vaultv1.Authorization, b *browser) {
			back := withQuery(t, b.signIn(auth.GetAuthorizationUrl(), "ann", callback), "iss", "https://evil.example")
			b.visit(http.MethodGet, back, nil, nil)
		}, "another authorization server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			auth, b := s.start(t, "me"), newBrowser(t)
			tt.try(t, auth, b)
			if !strings.Contains(b.body, "Not connected") || b.last.StatusCode != 400 {
				t.Errorf("the page (status %d) says\n%s", b.last.StatusCode, b.body)
			}
			got := must[*vaultv1.Authorization](t, "read the sign-in")(s.c.vault.GetAuthorization(t.Context(), &vaultv1.GetAuthorizationRequest{Name: auth.GetName()}))
			if got.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_FAILED || !strings.Contains(got.GetReason(), tt.says) {
				t.Errorf("the sign-in is %v: %q", got.GetState(), got.GetReason())
			}
		})
	}
	if got := s.state(t, "me"); got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION {
		t.Errorf("the connection is %v", got.GetState())
	}
}

func withQuery(t *testing.T, target, name, value string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

func TestASignInBelongsToWhoBeganIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, "CODE", "client_secret_post", nil)
	s.connection(t, "me", nil)
	auth, b := s.start(t, "me"), newBrowser(t)
	back := b.signIn(auth.GetAuthorizationUrl(), "ann", callback)

	t.Run("a state that was changed is none", func(t *testing.T) {
		other := newBrowser(t)
		other.visit(http.MethodGet, withQuery(t, back, "state", "guessed"), nil, nil)
		if other.last.StatusCode != 400 || strings.Contains(other.body, "<code>") {
			t.Errorf("the page (status %d) says\n%s", other.last.StatusCode, other.body)
		}
	})
	b.visit(http.MethodGet, back, nil, nil)
	confirmation := b.confirmation()
	t.Run("a code is swapped once, however often the page is loaded", func(t *testing.T) {
		again := newBrowser(t)
		again.visit(http.MethodGet, back, nil, nil)
		if strings.Contains(again.body, confirmation) {
			t.Error("whoever has the URL gets the confirmation")
		}
		if n := s.idp.asked("authorization_code ok"); n != 1 {
			t.Errorf("the code was swapped %d times", n)
		}
	})
	t.Run("somebody else cannot complete it", func(t *testing.T) {
		eve := strings.TrimSpace(s.do(t, nil, "token", "eve", "--role", "user", "--data", s.data))
		_, err := s.overGRPC(t, eve).vault.CompleteAuthorization(t.Context(), &vaultv1.CompleteAuthorizationRequest{Name: auth.GetName(), Confirmation: confirmation})
		if reason := grpcx.FromStatus(err).Reason(); reason != fault.ReasonAuthorizationNotFound && reason != fault.ReasonConnectionNotFound {
			t.Errorf("eve gets %v", err)
		}
	})
	t.Run("a wrong confirmation is refused, the right one still counts", func(t *testing.T) {
		if _, err := s.complete(t, auth.GetName(), "AAAAA-AAAAA"); grpcx.FromStatus(err).Code() != fault.CodeInvalidArgument {
			t.Errorf("got %v", err)
		}
		must[*vaultv1.Authorization](t, "complete")(s.complete(t, auth.GetName(), strings.ToLower(confirmation)))
		s.expect(t, "after the confirmation", "me", "ann")
	})
	t.Run("after five wrong ones the sign-in is over", func(t *testing.T) {
		s.connection(t, "other", nil)
		auth, b := s.start(t, "other"), newBrowser(t)
		b.signIn(auth.GetAuthorizationUrl(), "ann", nil)
		right := b.confirmation()
		for range 5 {
			_, _ = s.complete(t, auth.GetName(), "AAAAA-AAAAA")
		}
		if done, err := s.complete(t, auth.GetName(), right); err == nil && done.GetState() == vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED {
			t.Error("the sixth try succeeded")
		}
	})
}

func TestSigningInWithoutABrowserHere(t *testing.T) {
	t.Parallel()
	t.Run("by hand", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "CODE", "none", nil)
		s.connection(t, "me", nil)
		cmd := exec.Command(programs(t).ferrule, "authorize", "me", "--no-browser", "--server", s.rest, "--token", s.token)
		s.byHand(t, cmd)
	})
	t.Run("with a device code", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "DEVICE", "client_secret_basic", nil)
		s.connection(t, "me", nil)
		auth := s.start(t, "me")
		if auth.GetUserCode() == "" || auth.GetAuthorizationUrl() == "" {
			t.Fatalf("the sign-in is %v", auth)
		}
		if first := must[*vaultv1.Authorization](t, "ask too early")(s.complete(t, auth.GetName(), "")); first.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING {
			t.Errorf("before anybody signed in it is %v", first.GetState())
		}
		b := newBrowser(t)
		b.signIn(auth.GetCompleteUrl(), "ann", nil)
		testkit.Await(t, "the device to be let in", func() bool {
			done, err := s.complete(t, auth.GetName(), "")
			return err == nil && done.GetState() == vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED
		})
		s.expect(t, "after signing in elsewhere", "me", "ann")
	})
}

// byHand runs the command as a person without a browser would.
func (s *stage) byHand(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = cleanEnv()
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	page := regexp.MustCompile(`(?m)^\s+(http://127\.0\.0\.1\S+/auth\?\S+)$`)
	testkit.Await(t, "the page", func() bool { return page.MatchString(out.String()) })
	b := newBrowser(t)
	b.signIn(page.FindStringSubmatch(out.String())[1], "ann", nil)
	if _, err := in.Write([]byte("\nAAAAA-AAAAA\n" + b.confirmation() + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.expect(t, "after signing in by hand", "me", "ann")
}

func TestTokensWithoutAPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t, "CLIENT", "client_secret_basic", nil)
	if got := s.connection(t, "robot", nil); got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED {
		t.Errorf("the connection is %v", got.GetState())
	}
	for range 3 {
		if status, body := s.whoAmI(t, "robot"); status != 200 || !strings.Contains(body, `"client":"ferrule"`) {
			t.Errorf("the API answers %d %s", status, body)
		}
	}
	if n := s.idp.asked("client_credentials ok"); n != 1 {
		t.Errorf("%d tokens were fetched for three calls", n)
	}
	s.idp.control("expire")
	if status, body := s.whoAmI(t, "robot"); status != 200 {
		t.Errorf("when the token has ended the API answers %d %s", status, body)
	}
}

// TestNoTokenShowsAnywhere looks for what the provider gave in everything that is
// written down.
func TestNoTokenShowsAnywhere(t *testing.T) {
	t.Parallel()
	s := newStage(t, "CODE", "client_secret_post", nil)
	s.signedIn(t, "me", "ann")
	s.expect(t, "after signing in", "me", "ann")
	s.idp.control("expire")
	s.expect(t, "after a renewal", "me", "ann")
	if _, err := s.c.vault.DeleteConnection(t.Context(), &vaultv1.DeleteConnectionRequest{Name: connectionName("me")}); err != nil {
		t.Error(err)
	}
	tokens := strings.Fields(s.idp.control("tokens"))
	if len(tokens) < 4 {
		t.Fatalf("the provider gave only %d codes and tokens", len(tokens))
	}
	s.terminate(t)
	log := []byte(s.out.String())
	for _, secret := range append(tokens, secretOfClients) {
		if mentions(log, secret) {
			t.Errorf("the log holds %.6s…", secret)
		}
		for _, file := range filesWith(t, s.data, secret) {
			t.Errorf("%s holds %.6s…", file, secret)
		}
	}
	if bytes.Contains(log, []byte("code_verifier")) {
		t.Error("the log holds a verifier")
	}
}
