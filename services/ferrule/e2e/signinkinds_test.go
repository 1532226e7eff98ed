package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/metadata"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// importFiles makes a connector of files.
func (s *stage) importFiles(t *testing.T, id string, files map[string]string) {
	t.Helper()
	source := &registryv1.SourceFiles{}
	for path, content := range files {
		source.Files = append(source.Files, &registryv1.SourceFile{Path: path, Content: []byte(content)})
	}
	must[*registryv1.ImportConnectorResponse](t, "import "+id)(s.c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Files{Files: source},
	}))
}

// bare starts a suite and a provider that knows these clients.
func bare(t *testing.T, clients ...any) *stage {
	t.Helper()
	s := up(t, suiteOptions{data: t.TempDir()})
	if clients == nil {
		clients = []any{}
	}
	return &stage{suite: s, c: s.overREST(), idp: startIDP(t, map[string]any{"clients": clients})}
}

// connectTo makes a connection to a connector and signs in for it.
func (s *stage) connectTo(t *testing.T, connector string, parameters, secrets map[string]string, who string) string {
	t.Helper()
	conn, err := s.c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
		Parent: environment, Secrets: secrets, Connection: &vaultv1.Connection{Connector: connectorName(connector), Parameters: parameters},
	})
	if err != nil {
		t.Fatalf("%v %v", err, grpcx.FromStatus(err).Violations())
	}
	if redirect := conn.GetRedirectUrl(); redirect != "" { // the client is the connection's own
		s.idp.register(parameters["token:clientId"], redirect)
	}
	id := strings.TrimPrefix(conn.GetName(), environment+"/connections/")
	if who == "" {
		return id
	}
	auth, b := s.start(t, id), newBrowser(t)
	b.signIn(auth.GetAuthorizationUrl(), who, nil)
	done := must[*vaultv1.Authorization](t, "complete the sign-in")(s.complete(t, auth.GetName(), b.confirmation()))
	if done.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED {
		t.Fatalf("the sign-in ended as %v: %s", done.GetState(), done.GetReason())
	}
	return id
}

// TestAPackageWithTemplatesSignsIn: the templates of a connector package, with
// placeholders in every spelling, and a client that the owner brings.
func TestAPackageWithTemplatesSignsIn(t *testing.T) {
	t.Parallel()
	s := bare(t, map[string]any{
		"client_id": "templated", "client_secret": secretOfClients, "token_endpoint_auth_method": "client_secret_post",
		"redirect_uris": []string{notYet}, "grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid offline_access api",
	})
	host := strings.TrimPrefix(s.idp.issuer, "http://")
	properties, err := json.Marshal(map[string]any{"properties": map[string]any{
		"iconBrandColor": "#da3b01",
		"connectionParameters": map[string]any{
			"token": map[string]any{"type": "oauthSetting", "oAuthSettings": map[string]any{
				"identityProvider": "oauth2generic", "scopes": []string{"openid offline_access", "api"}, "clientId": "{clientID}", "redirectMode": "GlobalPerConnector",
				"customParameters": map[string]any{
					"AuthorizationUrlTemplate":            map[string]string{"value": "http://{Host}/auth"},
					"authorizationUrlQueryStringTemplate": map[string]string{"value": "?client_id={ClientId}&response_type=code&redirect_uri={RedirectUrl}&scope={Scopes}&state={State}&prompt=consent"},
					"tokenUrlTemplate":                    map[string]string{"value": "http://{host}/token"},
					"tokenBodyTemplate":                   map[string]string{"value": "code={Code}&grant_type=authorization_code&redirect_uri={redirecturl}&client_id={ClientId}&client_secret={ClientSecret}"},
					"refreshUrlTemplate":                  map[string]string{"value": "http://{HOST}/token"},
					"refreshBodyTemplate":                 map[string]string{"value": "refresh_token={RefreshToken}&grant_type=refresh_token&client_id={ClientId}&client_secret={ClientSecret}"},
					"scopeListDelimiter":                  map[string]string{"value": " "},
				},
			}},
			"token:clientId":     map[string]any{"type": "string", "uiDefinition": map[string]any{"constraints": map[string]string{"required": "true"}}},
			"token:clientSecret": map[string]any{"type": "securestring", "uiDefinition": map[string]any{"constraints": map[string]string{"required": "true"}}},
			"token:host":         map[string]any{"type": "string", "uiDefinition": map[string]any{"constraints": map[string]string{"required": "true"}}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.importFiles(t, "templated", map[string]string{
		"apiProperties.json": string(properties),
		"apiDefinition.swagger.json": `{"swagger": "2.0", "info": {"title": "Templated", "version": "1"}, "host": "` + host + `", "basePath": "/api", "schemes": ["http"],
			"securityDefinitions": {"oauth2-auth": {"type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://unused.example/a", "tokenUrl": "https://unused.example/t", "scopes": {"api": "all"}}},
			"security": [{"oauth2-auth": ["api"]}],
			"paths": {"/me": {"get": {"operationId": "GetMe", "responses": {"200": {"description": "OK"}}}}}}`,
	})
	id := s.connectTo(t, "templated", map[string]string{"token:clientId": "templated", "token:host": host}, map[string]string{"token:clientSecret": secretOfClients}, "ann")
	s.expect(t, "after signing in", id, "ann")
	s.idp.control("expire")
	s.expect(t, "after a renewal", id, "ann")
}

// TestAClientRegistersItself: the API names its authorization server (RFC 9728),
// that takes clients (RFC 7591), and nobody had to register anything.
func TestAClientRegistersItself(t *testing.T) {
	t.Parallel()
	s := bare(t)
	description := s.idp.accounts("CODE")
	from := strings.Index(description, "{type: oauth2")
	description = description[:from] + "{type: oauth2, flows: {}, x-ferrule-oauth: {provider: oauth2pkcewithprm, scopes: [openid, offline_access, api]}}\n"
	s.importFiles(t, "accounts", map[string]string{"openapi.yaml": description})
	id := s.connectTo(t, "accounts", nil, nil, "ann")
	s.expect(t, "after signing in", id, "ann")
	list := must[*vaultv1.ListOAuthClientsResponse](t, "list clients")(s.c.vault.ListOAuthClients(t.Context(), &vaultv1.ListOAuthClientsRequest{Parent: environment}))
	if len(list.GetOauthClients()) != 1 || !list.GetOauthClients()[0].GetRegistered() {
		t.Errorf("clients = %v", list.GetOauthClients())
	}
	second := s.connectTo(t, "accounts", nil, nil, "ben")
	s.expect(t, "for a second person", second, "ben")
	if again := must[*vaultv1.ListOAuthClientsResponse](t, "list clients")(s.c.vault.ListOAuthClients(t.Context(), &vaultv1.ListOAuthClientsRequest{Parent: environment})); len(again.GetOauthClients()) != 1 {
		t.Errorf("a second connection registered another client: %v", again.GetOauthClients())
	}
}

// TestAClientProvesItselfWithAKey is private_key_jwt (RFC 7523).
func TestAClientProvesItselfWithAKey(t *testing.T) {
	t.Parallel()
	who := newAuthority(t).issue(t, "client")
	public, err := who.key.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	point := public.Bytes() // 4, x, y (SEC 1, section 2.3.3)
	coordinate := func(from int) string { return base64.RawURLEncoding.EncodeToString(point[from : from+32]) }
	s := bare(t, map[string]any{
		"client_id": "keyed", "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
		"redirect_uris": []string{notYet}, "grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid offline_access api",
		"jwks": map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "kid": "one", "x": coordinate(1), "y": coordinate(33)}}},
	})
	s.importFiles(t, "accounts", map[string]string{"openapi.yaml": s.idp.accounts("CODE")})
	made := must[*vaultv1.OAuthClient](t, "make the client")(s.c.vault.CreateOAuthClient(t.Context(), &vaultv1.CreateOAuthClientRequest{
		Parent: environment, Secrets: map[string]string{"private_key": string(who.pem(t))},
		OauthClient: &vaultv1.OAuthClient{
			Connector: connectorName("accounts"), ClientId: "keyed", Authentication: vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_PRIVATE_KEY_JWT,
		},
	}))
	s.idp.register("keyed", made.GetRedirectUrl())
	id := s.connectTo(t, "accounts", nil, nil, "ann")
	s.expect(t, "after signing in", id, "ann")
	s.idp.control("expire")
	s.expect(t, "after a renewal", id, "ann")
}

// TestCallersTokensAreExchanged: each caller brings a token of the provider and
// gets to the API as himself (RFC 8693).
func TestCallersTokensAreExchanged(t *testing.T) {
	t.Parallel()
	s := bare(t, map[string]any{
		"client_id": "ferrule", "client_secret": secretOfClients, "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": []string{}, "response_types": []string{},
		"grant_types": []string{"urn:ietf:params:oauth:grant-type:token-exchange", "client_credentials"}, "scope": "openid api",
	})
	s.importFiles(t, "accounts", map[string]string{"openapi.yaml": strings.Replace(s.idp.accounts("CLIENT"), "{type: oauth2, ", "{type: oauth2, x-ferrule-oauth: {grant: tokenExchange}, ", 1)})
	must[*vaultv1.OAuthClient](t, "make the client")(s.c.vault.CreateOAuthClient(t.Context(), &vaultv1.CreateOAuthClientRequest{
		Parent: environment, Secrets: map[string]string{"client_secret": secretOfClients},
		OauthClient: &vaultv1.OAuthClient{
			Connector: connectorName("accounts"), ClientId: "ferrule", Authentication: vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC,
		},
	}))
	id := s.connectTo(t, "accounts", nil, nil, "")
	if _, text := s.whoAmI(t, id); !strings.Contains(strings.ToLower(text), "ferrule-subject-token") {
		t.Errorf("without a token the caller is told %q", text)
	}
	rpc := s.overGRPC(t, s.token)
	for _, who := range []string{"ann", "ben", "ann"} {
		var subject struct{ Token string }
		if err := json.Unmarshal([]byte(s.idp.control("subject?who="+who)), &subject); err != nil {
			t.Fatal(err)
		}
		ctx := metadata.AppendToOutgoingContext(context.WithoutCancel(t.Context()), "ferrule-subject-token", subject.Token)
		res, err := rpc.runtime.Invoke(ctx, &runtimev1.InvokeRequest{Connection: connectionName(id), OperationId: "GetMe", Input: &httpbody.HttpBody{}})
		if err != nil || !strings.Contains(string(res.GetBody().GetData()), `"account":"`+who+`"`) {
			t.Errorf("%s gets %s, %v", who, res.GetBody().GetData(), err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.rest+"/v1/"+connectionName(id)+"/proxy/me", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		req.Header.Set("Ferrule-Subject-Token", subject.Token)
		through, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := readBody(t, through)
		if through.StatusCode != 200 || !strings.Contains(body, `"account":"`+who+`"`) {
			t.Errorf("passed through, %s gets %d %s", who, through.StatusCode, body)
		}
	}
}

func readBody(t *testing.T, res *http.Response) string {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	return string(readAll(&http.Request{Body: res.Body}))
}
