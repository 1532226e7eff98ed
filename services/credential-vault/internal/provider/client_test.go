package provider_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

func TestWhoseClientItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		client     *provider.Client
		values     map[string]string
		id, secret string
	}{
		"the maker's": {client: maker(nil), id: "maker-client", secret: "maker-secret-not-real"},
		"the owner's comes first": {
			client: maker(nil), values: map[string]string{"token:clientId": "own", "token:clientSecret": "!own-not-real"}, id: "own", secret: "own-not-real",
		},
		"the maker's secret never goes with the owner's id": {
			client: maker(nil), values: map[string]string{"token:clientId": "own"}, id: "own",
		},
		"an owner may bring the secret of the maker's client": {
			client: maker(nil), values: map[string]string{"token:clientSecret": "!own-not-real"}, id: "maker-client", secret: "own-not-real",
		},
		"a secret that a package calls plain text": {
			values: map[string]string{"token:ClientID": "own", "token:ClientSecret": "own-not-real"}, id: "own", secret: "own-not-real",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := profile(t, plain(), given(c.client, c.values))
			same(t, "client id", p.Client.ID, c.id)
			if !p.Client.Secret.Equal(secret.FromString(c.secret)) {
				t.Error("the secret is another one")
			}
		})
	}
}

func TestTheClientIDOfAPackage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		identity, clientID string
		custom             map[string]string
		values             map[string]string
		want               string
	}{
		"counts with a secret of the owner's":      {identity: "oauth2", clientID: "pkg", values: map[string]string{"token:clientSecret": "!s"}, want: "pkg"},
		"counts for public clients":                {identity: "oauth2pkce", clientID: "pkg", want: "pkg"},
		"counts where it says that it is public":   {identity: "oauth2", clientID: "pkg", custom: map[string]string{"clientAuthentication": "none"}, want: "pkg"},
		"is nothing without its secret":            {identity: "oauth2", clientID: "pkg"},
		"may be a placeholder for the owner's":     {identity: "oauth2", clientID: "{ClientId}", values: map[string]string{"token:ClientId": "own"}, want: "own"},
		"is nothing where it has to be filled in":  {identity: "oauth2pkce", clientID: "<<Please add your clientID here>>"},
		"is nothing where it is to be replaced":    {identity: "oauth2pkce", clientID: "replace_with_client_id"},
		"is nothing where it is a dummy":           {identity: "oauth2pkce", clientID: "[[DUMMY]]"},
		"is nothing where it is a mark of a build": {identity: "oauth2pkce", clientID: "@@id@@"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := plain()
			conn.identity, conn.clientID = c.identity, c.clientID
			maps.Copy(conn.custom, c.custom)
			if c.want == "" {
				err := refused(t, conn, given(nil, c.values))
				same(t, "reason", err.Reason(), fault.ReasonOAuthClientMissing)
				return
			}
			same(t, "client id", profile(t, conn, given(nil, c.values)).Client.ID, c.want)
		})
	}
}

func TestAMissingClientSaysWhatToDo(t *testing.T) {
	t.Parallel()
	err := refused(t, connector{identity: "github"}, given(nil, nil))
	same(t, "reason", err.Reason(), fault.ReasonOAuthClientMissing)
	same(t, "code", err.Code(), fault.CodeFailedPrecondition)
	for _, part := range []string{"GitHub", "redirect URL", "token:clientId", "https://docs.github.com/"} {
		if !strings.Contains(err.Message(), part) {
			t.Errorf("the message does not name %q: %s", part, err.Message())
		}
	}
	same(t, "settings", violated(err), []string{"token:clientId"})
}

func TestHowAClientProvesItself(t *testing.T) {
	t.Parallel()
	registered := func(r oauth.Registration) *provider.Client { return &provider.Client{Registration: r} }
	elsewhere := func(r oauth.Registration) *provider.Client { return &provider.Client{Registration: r, Withheld: true} }
	fake := secret.FromString("not-real")
	for name, c := range map[string]struct {
		connector connector
		client    *provider.Client
		values    map[string]string
		want      oauth.Method
		missing   string
	}{
		"a preset knows what is best": {connector: connector{identity: "notion"}, client: maker(nil), want: oauth.SecretBasic},
		"the client says":             {connector: connector{identity: "notion"}, client: registered(oauth.Registration{ID: "c", Secret: fake, Method: oauth.SecretPost}), want: oauth.SecretPost},
		"the connector says": {
			connector: connector{identity: "github", custom: map[string]string{"ClientAuthentication": "Basic"}}, client: maker(nil), want: oauth.SecretBasic,
		},
		"the owner says": {
			connector: plain(), client: registered(oauth.Registration{ID: "c", Secret: fake, Method: oauth.SecretPost}),
			values: map[string]string{"token:clientAuthentication": "basic"}, want: oauth.SecretBasic,
		},
		"unknown providers say it in their metadata": {connector: plain(), client: maker(nil), want: ""},
		"a public client": {connector: plain(), client: registered(oauth.Registration{ID: "c"}), want: oauth.NoSecret},
		"a key":           {connector: plain(), client: registered(oauth.Registration{ID: "c", PrivateKey: fake}), want: oauth.PrivateKeyJWT},
		"a key of the owner's": {
			connector: connector{identity: "okta"}, values: map[string]string{"token:domain": "acme.okta.com", "token:clientId": "c", "token:clientKey": "!not-real"},
			want: oauth.PrivateKeyJWT,
		},
		"a certificate": {connector: plain(), client: registered(oauth.Registration{ID: "c", Certificate: fake}), want: oauth.TLSClientAuth},
		"a certificate at Entra ID": {
			connector: connector{identity: "entra"}, client: registered(oauth.Registration{ID: "c", Certificate: fake}), want: oauth.PrivateKeyJWT,
		},
		"a certificate in the handshake at Keycloak": {
			connector: connector{identity: "keycloak"}, client: registered(oauth.Registration{ID: "c", Certificate: fake}),
			values: map[string]string{"token:baseUrl": "sso.acme.example", "token:realm": "staff"}, want: oauth.TLSClientAuth,
		},
		"no secret where one is needed": {
			connector: connector{identity: "notion"}, values: map[string]string{"token:clientId": "c"}, missing: "token:clientSecret",
		},
		"no secret, and yet basic": {
			connector: plain(), values: map[string]string{"token:clientId": "c", "token:clientAuthentication": "basic"}, missing: "token:clientSecret",
		},
		"no key": {
			connector: plain(), values: map[string]string{"token:clientId": "c", "token:clientAuthentication": "private_key_jwt"}, missing: "token:certificate",
		},
		"no certificate": {
			connector: plain(), values: map[string]string{"token:clientId": "c", "token:clientAuthentication": "mtls"}, missing: "token:certificate",
		},
		"no secret for client credentials": {
			connector: connector{identity: "oauth2", grant: "clientCredentials", custom: plain().custom},
			values:    map[string]string{"token:clientId": "c"}, missing: "token:clientSecret",
		},
		"the maker's secret is elsewhere": {
			connector: connector{identity: "notion"}, client: elsewhere(oauth.Registration{ID: "c"}), want: oauth.SecretBasic,
		},
		"the maker's key is elsewhere": {
			connector: connector{identity: "okta"}, client: elsewhere(oauth.Registration{ID: "c", Method: oauth.PrivateKeyJWT}),
			values: map[string]string{"token:domain": "acme.okta.com"}, want: oauth.PrivateKeyJWT,
		},
		"the maker's secret is nowhere": {
			connector: connector{identity: "notion"}, client: registered(oauth.Registration{ID: "c"}), missing: "token:clientSecret",
		},
		"the maker's key is nowhere": {
			connector: connector{identity: "okta"}, client: registered(oauth.Registration{ID: "c", Method: oauth.PrivateKeyJWT}),
			values: map[string]string{"token:domain": "acme.okta.com"}, missing: "token:certificate",
		},
		"a method that does not exist": {
			connector: plain(), client: maker(nil), values: map[string]string{"token:clientAuthentication": "handshake"}, missing: "token:clientAuthentication",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.missing != "" {
				same(t, "settings", violated(refused(t, c.connector, given(c.client, c.values))), []string{c.missing})
				return
			}
			same(t, "method", profile(t, c.connector, given(c.client, c.values)).Client.Method, c.want)
		})
	}
}

func TestNothingThatIsPrintedIsSecret(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"token:clientId": "own", "token:clientSecret": "!canary-one", "token:certificate": "!canary-two",
		"token:grantType": "password", "token:username": "ada", "token:password": "!canary-three", "token:resourceUri": "abc",
	}
	p := profile(t, connector{identity: "aad"}, given(nil, values))
	if shown := fmt.Sprintf("%+v %#v", p, *p); strings.Contains(shown, "canary") {
		t.Errorf("a profile shows secrets: %s", shown)
	}
	delete(values, "token:username")
	err := refused(t, connector{identity: "aad"}, given(nil, values))
	if shown := fmt.Sprintf("%+v %v", err, err.Violations()); strings.Contains(shown, "canary") {
		t.Errorf("an error shows secrets: %s", shown)
	}
}
