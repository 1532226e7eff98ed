package openapi_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestDescriptionsThatSayWhatAKeyBeginsWith(t *testing.T) {
	for _, row := range []struct{ name, description, prefix string }{
		{"an example in braces", "Sent in the format `Bearer {token}`.", "Bearer "},
		{"an example in angle brackets", "Use Authorization: Bearer <token>", "Bearer "},
		{"an example in square brackets", "Token [your_token]", "Token "},
		{"a parameter", "In `Token token=<base64_encoded_token>` format.", "Token token="},
		{"the same twice", "Bearer {token}, for instance Bearer {abc}", "Bearer "},
		{"prefixed with", "JWT token prefixed with \"Bearer \"", "Bearer "},
		{"a required prefix", "Token-based authentication with required prefix \"Token\"", "Token "},
		{"prepended with", "API tokens must be prepended with \"token\" followed by a space.", "token "},
		{"the word", "The word \"Basic\" followed by a space and your API Key, base64 encoded", "Basic "},
		{"enter", "Enter 'Bearer' [space] and then your token in the text input below.", "Bearer "},
		{"the string, with escapes", `The string \"OAuth\" followed by the token`, "OAuth "},
		{"two different ones", "Bearer {token} or Token {token}", ""},
		{"only the token", "Put **_ONLY_** your JWT Bearer token in the box below!", ""},
		{"turned around", "Paste it without the prefix: Bearer {token}", ""},
		{"no example", "Bearer token authentication", ""},
		{"a name in brackets", "the parameter key[id] is sent", ""},
		{"a path", "see /token/{id}", ""},
		{"nothing", "", ""},
		{"too long to be searched", "Bearer {token}" + strings.Repeat(" ", 5000), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := withSchemes(t, "s: {type: apiKey, in: header, name: Authorization, description: "+strconv.Quote(row.description)+"}")
			p := got.GetParameterSets()[0].GetParameters()[0]
			if got.GetParameterSets()[0].GetPlacements()[0].GetApiKey().GetTemplate() != "" {
				t.Error("a hint changes what is sent")
			}
			told := strings.Contains(p.GetDescription(), "The value begins with "+strconv.Quote(row.prefix))
			if row.prefix == "" {
				if len(got.findings) > 0 || p.GetDescription() != row.description {
					t.Errorf("findings %v, description %q", got.findings, p.GetDescription())
				}
				return
			}
			if !told || len(got.findings) != 1 || got.findings[0].Code != "KeyNeedsPrefix" || !strings.Contains(got.findings[0].Message, strconv.Quote(row.prefix+"{value}")) {
				t.Errorf("findings %v, description %q", got.findings, p.GetDescription())
			}
		})
	}
}

func TestKeysElsewhereHaveNoHints(t *testing.T) {
	for _, scheme := range []string{
		"{type: apiKey, in: query, name: k, description: 'Bearer {token}'}", "{type: http, scheme: bearer, description: 'Bearer {token}'}",
		"{type: apiKey, in: header, name: Authorization, description: 'Bearer {token}', x-ferrule-value-template: 'Bearer {value}'}",
	} {
		if got := withSchemes(t, "s: "+scheme); len(got.findings) > 0 {
			t.Errorf("%s: findings %v", scheme, got.findings)
		}
	}
}

func TestSettingsOfASignIn(t *testing.T) {
	const (
		flows = "type: oauth2, flows: {authorizationCode: {authorizationUrl: https://id.example/a, tokenUrl: https://id.example/t, scopes: {x: ''}}, clientCredentials: {tokenUrl: https://id.example/m, scopes: {y: ''}}}"
		usual = "authorizationCode [x] [authorizationUrl=a refreshUrl=t tokenUrl=t]"
	)
	for _, row := range []struct {
		name, settings string
		want           string
		codes          []string
		kept           int
	}{
		{"a provider", "{provider: Google}", "google " + usual, nil, 1},
		{"a grant, with its flow", "{grant: clientCredentials}", "oauth2 clientCredentials [y] [refreshUrl=m tokenUrl=m]", nil, 1},
		{"a grant that has no flow", "{grant: jwtBearer}", "oauth2 jwtBearer [x] [authorizationUrl=a refreshUrl=t tokenUrl=t]", nil, 1},
		{"a grant that nobody knows", "{grant: dance}", "oauth2 " + usual, []string{"OAuthFlowUnknown"}, 1},
		{"scopes as a list", "{scopes: [a, b c]}", "oauth2 authorizationCode [a b c] [authorizationUrl=a refreshUrl=t tokenUrl=t]", nil, 1},
		{"scopes as text", "{scopes: a b}", "oauth2 authorizationCode [a b] [authorizationUrl=a refreshUrl=t tokenUrl=t]", nil, 1},
		{"further settings", "{client_authentication: none, parameters: {audience: z, pkce: false}}", "oauth2 authorizationCode [x] [audience=z authorizationUrl=a clientAuthentication=none pkce=false refreshUrl=t tokenUrl=t]", nil, 1},
		{"another token endpoint", "{parameters: {tokenUrl: https://id.example/other}}", "oauth2 authorizationCode [x] [authorizationUrl=a refreshUrl=t tokenUrl=other]", nil, 1},
		{"a member that nobody knows", "{colour: red}", "oauth2 " + usual, []string{"ExtensionInvalid"}, 1},
		{"no object", "google", "oauth2 " + usual, []string{"ExtensionInvalid"}, 1},
		{"a client secret", "{client_secret: not-a-real-secret}", "oauth2 " + usual, []string{"SecretInSource"}, 0},
		{"a client secret among the settings", "{provider: x, parameters: {clientSecret: not-a-real-secret}}", "x " + usual, []string{"SecretInSource"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := withSchemes(t, "s: {"+flows+", x-ferrule-oauth: "+row.settings+"}")
			if want := []string{"default: token:oauth(" + row.want + "), bearer token"}; !slices.Equal(got.sets(), want) {
				t.Errorf("sets %q, want %q", got.sets(), want)
			}
			var codes []string
			for _, f := range got.findings {
				codes = append(codes, f.Code)
			}
			if !slices.Equal(codes, row.codes) {
				t.Errorf("findings %q, want %q", codes, row.codes)
			}
			if n := len(got.GetSecuritySchemes()[0].GetExtensions()); n != row.kept {
				t.Errorf("%d extensions are kept, want %d", n, row.kept)
			}
			if strings.Contains(got.String(), "not-a-real-secret") {
				t.Error("the secret is part of the definition")
			}
		})
	}
}

func TestSettingsOfOpenIDConnect(t *testing.T) {
	got := withSchemes(t, "s: {type: openIdConnect, openIdConnectUrl: https://id.example/d, x-ferrule-oauth: {provider: keycloak, clientId: abc, scopes: [openid]}}")
	settings := got.GetParameterSets()[0].GetParameters()[0].GetOauth()
	if settings.GetIdentityProvider() != "keycloak" || settings.GetClientId() != "abc" || !slices.Equal(settings.GetScopes(), []string{"openid"}) ||
		!maps.Equal(settings.GetCustomParameters(), map[string]string{"discoveryUrl": "https://id.example/d"}) {
		t.Errorf("settings are %v", settings)
	}
}

func TestSettingsElsewhereAreIgnored(t *testing.T) {
	got := withSchemes(t, "s: {type: http, scheme: basic, x-ferrule-oauth: {provider: google}}")
	if len(got.findings) != 1 || got.findings[0].Code != "ExtensionInvalid" {
		t.Errorf("findings %v", got.codes())
	}
}

func TestTooManySettings(t *testing.T) {
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf("p%d: v", i))
	}
	got := withSchemes(t, "s: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://id.example/t}}, x-ferrule-oauth: {parameters: {"+strings.Join(list, ", ")+"}}}")
	if n := len(got.GetParameterSets()[0].GetParameters()[0].GetOauth().GetCustomParameters()); n != 66 || len(got.findings) != 1 {
		t.Errorf("%d settings, findings %v", n, got.codes())
	}
}
