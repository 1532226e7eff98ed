package openapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	secret = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	plain  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	oauth  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
)

const onePath = "\npaths: {/x: {get: {operationId: X, responses: {}}}}\n"

func TestSecuritySchemes(t *testing.T) {
	got := importDocument(t, head+`
security: [{login: []}]
securityDefinitions:
  API Key: {type: apiKey, in: header, name: X-Key, description: D, x-own: 1}
  query: {type: apiKey, in: query, name: key}
  login: {type: basic}
  sign-in: {type: oauth2, flow: accessCode, authorizationUrl: https://a.example/auth, tokenUrl: https://a.example/token, scopes: {write: W, read: R}}
  machine: {type: oauth2, flow: application, tokenUrl: https://a.example/token}
`+onePath)
	want := []*connectorv1.SecurityScheme{
		{
			Id: "API Key", Description: "D",
			Kind:       &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{Name: "X-Key", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER}},
			Extensions: []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}},
		},
		{Id: "query", Kind: &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{Name: "key", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY}}},
		{Id: "login", Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: "basic"}}},
		{Id: "sign-in", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{{
			Grant: "authorizationCode", AuthorizationUrl: "https://a.example/auth", TokenUrl: "https://a.example/token",
			Scopes: []*connectorv1.OAuth2Scope{{Name: "write", Description: "W"}, {Name: "read", Description: "R"}},
		}}}}},
		{Id: "machine", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{{Grant: "clientCredentials", TokenUrl: "https://a.example/token"}}}}},
	}
	if diff := cmp.Diff(want, got.GetSecuritySchemes(), protocmp.Transform()); diff != "" {
		t.Errorf("schemes (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestSecuritySchemesThatAreWrong(t *testing.T) {
	for _, row := range []struct {
		name, scheme, code string
		kept               int
	}{
		{"of a type that nobody knows", "{type: magic}", "SecuritySchemeUnknown", 0},
		{"no object", "text", "SecuritySchemeUnknown", 0},
		{"a key without a place", "{type: apiKey, name: X}", "SecuritySchemeInvalid", 0},
		{"a key without a name", "{type: apiKey, in: header}", "SecuritySchemeInvalid", 0},
		{"a flow that nobody knows", "{type: oauth2, flow: dance}", "OAuthFlowUnknown", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+"securityDefinitions: {s: "+row.scheme+", other: {type: basic}}\nsecurity: [{other: []}]"+onePath)
			if len(got.GetSecuritySchemes()) != row.kept+1 || len(got.findings) != 1 || got.findings[0].Code != row.code {
				t.Errorf("schemes %v, findings %v", got.GetSecuritySchemes(), got.codes())
			}
			if len(got.GetParameterSets()) != row.kept+1 {
				t.Errorf("parameter sets %v", got.GetParameterSets())
			}
		})
	}
}

func TestRequirements(t *testing.T) {
	const schemes = "securityDefinitions: {a: {type: basic}, b: {type: apiKey, in: header, name: B}}\n"
	for _, row := range []struct{ name, root, operation, want, codes string }{
		{"nobody says anything", "", "", "", "SecurityNotRequired /securityDefinitions"},
		{"the document's are the operation's", "security: [{a: []}]", "", "a", ""},
		{"the operation's replace them", "security: [{a: []}]", "security: [{b: []}]", "b", ""},
		{"alternatives and conjunctions", "", "security: [{a: [], b: [x, y]}, {b: []}]", "a+b(x y)|b", ""},
		{"an empty list means none", "security: [{a: []}]", "security: []", "none", ""},
		{"an empty alternative means none", "", "security: [{a: []}, {}]", "a|none", ""},
		{"what is not defined is left out", "", "security: [{a: [], c: []}, {c: []}]", "a", "SecuritySchemeUndefined /paths/~1x/get/security/0/c"},
		{"what is no alternative is left out", "", "security: [text, {a: []}]", "a", ""},
		{"no list", "", "security: {a: []}", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+schemes+row.root+"\npaths:\n  /x:\n    get:\n      operationId: X\n      responses: {}\n      "+row.operation+"\n")
			var alternatives []string
			for _, r := range got.operation("X").GetSecurity() {
				var names []string
				for _, s := range r.GetSchemes() {
					name := s.GetSchemeId()
					if len(s.GetScopes()) > 0 {
						name += "(" + strings.Join(s.GetScopes(), " ") + ")"
					}
					names = append(names, name)
				}
				if len(names) == 0 {
					names = []string{"none"}
				}
				alternatives = append(alternatives, strings.Join(names, "+"))
			}
			if text := strings.Join(alternatives, "|"); text != row.want || strings.Join(got.codes(), ",") != row.codes {
				t.Errorf("security %q, findings %v; want %q, %q", text, got.codes(), row.want, row.codes)
			}
		})
	}
}

func TestParameterSetsOfPlainDocuments(t *testing.T) {
	key := func(name, parameter, header string) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{SchemeId: name, Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: parameter, Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, Name: header,
		}}}
	}
	basic := &connectorv1.CredentialPlacement{SchemeId: "login", Kind: &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{UsernameParameter: "username", PasswordParameter: "password"}}}
	keyParameter := &connectorv1.ConnectionParameter{Name: "api_key", Type: secret, Title: "API key", Description: "D", Required: true}
	const (
		keyScheme   = "k: {type: apiKey, in: header, name: X-Key, description: D}"
		loginScheme = "login: {type: basic}"
	)
	userAndPassword := []*connectorv1.ConnectionParameter{
		{Name: "username", Type: plain, Title: "User name", Required: true}, {Name: "password", Type: secret, Title: "Password", Required: true},
	}
	for _, row := range []struct {
		name, content string
		want          []*connectorv1.ParameterSet
	}{
		{"none is one empty set", "", []*connectorv1.ParameterSet{{Name: "default"}}},
		{"an API key", "securityDefinitions: {" + keyScheme + "}\nsecurity: [{k: []}]", []*connectorv1.ParameterSet{{Name: "default", Title: "k", Parameters: []*connectorv1.ConnectionParameter{keyParameter}, Placements: []*connectorv1.CredentialPlacement{key("k", "api_key", "X-Key")}}}},
		{"user name and password", "securityDefinitions: {" + loginScheme + "}\nsecurity: [{login: []}]", []*connectorv1.ParameterSet{{Name: "default", Title: "login", Parameters: userAndPassword, Placements: []*connectorv1.CredentialPlacement{basic}}}},
		{
			"OAuth", "securityDefinitions: {o: {type: oauth2, flow: accessCode, authorizationUrl: https://a.example/a, tokenUrl: https://a.example/t, scopes: {r: R}}}\nsecurity: [{o: []}]",
			[]*connectorv1.ParameterSet{{
				Name: "default", Title: "o",
				Parameters: []*connectorv1.ConnectionParameter{{Name: "token", Type: oauth, Title: "Sign in", Required: true, Oauth: &connectorv1.OAuthSettings{
					IdentityProvider: "oauth2", Grant: "authorizationCode", Scopes: []string{"r"},
					CustomParameters: map[string]string{"authorizationUrl": "https://a.example/a", "tokenUrl": "https://a.example/t", "refreshUrl": "https://a.example/t"},
				}}},
				Placements: []*connectorv1.CredentialPlacement{{SchemeId: "o", Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}}},
			}},
		},
		{
			"several schemes are several sets", "securityDefinitions: {" + keyScheme + ", " + loginScheme + "}\nsecurity: [{k: []}]",
			[]*connectorv1.ParameterSet{
				{Name: "k", Title: "k", Parameters: []*connectorv1.ConnectionParameter{keyParameter}, Placements: []*connectorv1.CredentialPlacement{key("k", "api_key", "X-Key")}},
				{Name: "login", Title: "login", Parameters: userAndPassword, Placements: []*connectorv1.CredentialPlacement{basic}},
			},
		},
		{
			"what is needed together is one set", "securityDefinitions: {" + keyScheme + ", id: {type: apiKey, in: header, name: X-Id}}\nsecurity: [{k: [], id: []}]",
			[]*connectorv1.ParameterSet{{
				Name: "default", Title: "k and id",
				Parameters: []*connectorv1.ConnectionParameter{keyParameter, {Name: "api_key_2", Type: secret, Title: "API key", Required: true}},
				Placements: []*connectorv1.CredentialPlacement{key("k", "api_key", "X-Key"), key("id", "api_key_2", "X-Id")},
			}},
		},
		{
			"the order is that of the requirements, and nobody is one of them", "securityDefinitions: {" + keyScheme + ", " + loginScheme + "}\nsecurity: [{login: []}, {}]",
			[]*connectorv1.ParameterSet{
				{Name: "login", Title: "login", Parameters: userAndPassword, Placements: []*connectorv1.CredentialPlacement{basic}},
				{Name: "none", Title: "No authentication"},
				{Name: "k", Title: "k", Parameters: []*connectorv1.ConnectionParameter{keyParameter}, Placements: []*connectorv1.CredentialPlacement{key("k", "api_key", "X-Key")}},
			},
		},
		{"what is required and not defined is not asked for", "security: [{ghost: []}]", []*connectorv1.ParameterSet{{Name: "default"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+row.content+onePath)
			if diff := cmp.Diff(row.want, got.GetParameterSets(), protocmp.Transform()); diff != "" {
				t.Errorf("parameter sets (-want +got):\n%s", diff)
			}
		})
	}
}
