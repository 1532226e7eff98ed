package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestPatternsOfOrigins(t *testing.T) {
	for _, c := range []struct {
		pattern, origin string
		want            bool
	}{
		{"https://login.example:443", "https://login.example:443", true},
		{"https://login.example", "https://login.example:443", true},
		{"https://LOGIN.example.", "https://login.example:443", true},
		{"https://login.example:443", "http://login.example:443", false},
		{"https://login.example:443", "https://login.example:8443", false},
		{"https://login.example:443", "https://login.example.evil:443", false},
		{"https://*.login.example:443", "https://a.login.example:443", true},
		{"https://*.login.example:443", "https://a.b.login.example:443", true},
		{"https://*.login.example:443", "https://login.example:443", false},
		{"https://*.login.example:443", "https://evillogin.example:443", false},
		{"https://*.login.example:443", "http://a.login.example:443", false},
		{"https://*.login.example:443", "https://a.login.example:444", false},
		{"https://*", "https://evil.example:443", false},
		{"https://*login.example:443", "https://evillogin.example:443", false},
		{"", "https://evil.example:443", false},
	} {
		if got := allows([]string{c.pattern}, c.origin); got != c.want {
			t.Errorf("%q for %q: got %v", c.pattern, c.origin, got)
		}
	}
}

func TestOriginsOfEndpoints(t *testing.T) {
	for raw, want := range map[string]string{
		"https://login.example/token":             "https://login.example:443",
		"https://login.example/token?api=2#x":     "https://login.example:443",
		"HTTPS://Login.Example:8443/token":        "https://login.example:8443",
		"http://127.0.0.1:9/t":                    "http://127.0.0.1:9",
		"":                                        "",
		"login.example/token":                     "",
		"https://login.example@evil.example/t":    "",
		"https://{tenant}.example/t":              "",
		"ftp://login.example":                     "",
		"https:// login.example":                  "",
		"https://login.example\x00.evil.example/": "",
	} {
		if got, _ := endpointOrigin(raw); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

func TestEveryEndpointThatGetsSecretsIsLookedAt(t *testing.T) {
	const here, there = "https://login.example/x", "https://evil.example/x"
	for title, moved := range map[string]oauth.Endpoints{
		"token": {Token: there}, "refresh": {Token: here, Refresh: there}, "device": {Token: here, Device: there},
		"revocation": {Token: here, Revocation: there}, "registration": {Token: here, Registration: there}, "no URL": {Token: "evil"},
	} {
		p := &oauth.Profile{Endpoints: moved}
		if o, ok := within([]string{"https://login.example:443"}, p, p); ok || o == "" {
			t.Errorf("%s: nobody minds", title)
		}
	}
	p := &oauth.Profile{Endpoints: oauth.Endpoints{Authorization: there, Token: here, Refresh: here}}
	if o, ok := within([]string{"https://login.example:443"}, p, p); !ok {
		t.Errorf("a page for people, which gets no secret, is refused: %s", o)
	}
}

func TestMetadataVouchesOnlyForWhatTheConnectorLeavesOpen(t *testing.T) {
	allowed := []string{"https://login.example:443"}
	found := &oauth.Profile{Endpoints: oauth.Endpoints{Token: "https://tokens.example/t"}}
	for title, c := range map[string]struct {
		stated oauth.Endpoints
		want   bool
	}{
		"metadata of the provider":    {oauth.Endpoints{Metadata: "https://login.example/.well-known"}, true},
		"an API of the provider":      {oauth.Endpoints{Resource: "https://login.example/api"}, true},
		"metadata of a stranger":      {oauth.Endpoints{Metadata: "https://evil.example/.well-known"}, false},
		"a token endpoint of its own": {oauth.Endpoints{Metadata: "https://login.example/.well-known", Token: "https://evil.example/t"}, false},
		"nothing":                     {oauth.Endpoints{}, false},
	} {
		if _, ok := within(allowed, &oauth.Profile{Endpoints: c.stated}, found); ok != c.want {
			t.Errorf("%s: got %v", title, ok)
		}
	}
}

func TestWhatASignInDependsOn(t *testing.T) {
	s := &connectorv1.ParameterSet{Parameters: []*connectorv1.ConnectionParameter{
		{Name: "token", Type: typeOAuth, Oauth: &connectorv1.OAuthSettings{
			ClientId: "{AppId}", Scopes: []string{"{scope}/.default"}, CustomParameters: map[string]string{"authorizationUrlTemplate": "https://{HostnamePrefix}.example"},
			Properties:           map[string]string{"AzureActiveDirectoryResourceId": "{instance}"},
			AdditionalParameters: []*connectorv1.OAuthAdditionalParameter{{Name: "certKey"}},
		}},
		{Name: "locale", Type: typeString},
	}}
	for name, want := range map[string]bool{
		"token:tenant": true, "Token:ClientId": true, "appid": true, "SCOPE": true, "hostnameprefix": true, "instance": true, "certkey": true,
		"username": true, "password": true, "clientSecret": true,
		"locale": false, "tokens": false, "host": false,
	} {
		if got := usedBySignIn(s, name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if usedBySignIn(&connectorv1.ParameterSet{}, "password") {
		t.Error("a set without a sign-in depends on a password")
	}
}

func TestWhereAnAPIIs(t *testing.T) {
	def := &connectorv1.Definition{Servers: []*connectorv1.Server{
		{UrlTemplate: "https://{missing}.example/x"},
		{UrlTemplate: "https://{region}.example/{base}/v1?x", Variables: []*connectorv1.ServerVariable{{Name: "region"}, {Name: "base", DefaultValue: "a b"}}},
	}}
	for title, c := range map[string]struct {
		conn Connection
		want string
	}{
		"its own URL":         {Connection{ServerURL: "https://own.example/x"}, "https://own.example/x"},
		"the first that goes": {Connection{Parameters: map[string]string{"region": "eu"}}, "https://eu.example"},
		"none":                {Connection{}, ""},
	} {
		if got := apiURL(def, c.conn); got != c.want {
			t.Errorf("%s: got %q, want %q", title, got, c.want)
		}
	}
	def.Servers[1].UrlTemplate = "https://{region}.example/{base}/v1"
	if got := apiURL(def, Connection{Parameters: map[string]string{"region": "eu"}}); !cmp.Equal(got, "https://eu.example/a%20b/v1") {
		t.Errorf("got %q", got)
	}
}
