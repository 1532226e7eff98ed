package conformance_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
)

// accessToken is what the provider of these tests gives to everybody.
const accessToken = "an-access-token-of-the-provider"

// startProvider starts an OAuth provider that accepts every code, and returns its URL.
func startProvider(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"`+accessToken+`","token_type":"Bearer","expires_in":36000,"refresh_token":"r"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// makeClient registers a client of the provider for a connector.
func (c clients) makeClient(ctx context.Context, id, set string) error {
	_, err := c.vault.CreateOAuthClient(ctx, &vaultv1.CreateOAuthClientRequest{
		Parent: environment, OauthClientId: id, Secrets: map[string]string{"client_secret": "a-client-secret"},
		OauthClient: &vaultv1.OAuthClient{Connector: environment + "/connectors/" + id, ParameterSet: set, ClientId: "client"},
	})
	return err
}

var errSignIn = errors.New("the sign-in gave no confirmation")

// signIn does what a browser does: it goes to the provider, which sends it back with a code.
func (c clients) signIn(ctx context.Context, id string) error {
	started, err := c.vault.StartAuthorization(ctx, &vaultv1.StartAuthorizationRequest{
		Parent: environment + "/connections/" + id, ReturnUrl: "http://127.0.0.1:1/done",
	})
	if err != nil {
		return err
	}
	page, err := url.Parse(started.GetAuthorizationUrl())
	if err != nil {
		return err
	}
	back := page.Query().Get("redirect_uri") + "?" + url.Values{"code": {"c"}, "state": {page.Query().Get("state")}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, back, nil)
	if err != nil {
		return err
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	to, err := res.Location()
	if err != nil || to.Query().Get("confirmation") == "" {
		return errSignIn
	}
	_, err = c.vault.CompleteAuthorization(ctx, &vaultv1.CompleteAuthorizationRequest{
		Name: started.GetName(), Confirmation: to.Query().Get("confirmation"),
	})
	return err
}
