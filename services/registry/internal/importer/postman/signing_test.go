package postman_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

func TestWhereTheTokenOfASignInGoes(t *testing.T) {
	for _, row := range []struct{ name, values, want, client string }{
		{"nothing said", ``, "bearer", ""},
		{"as usual", `,"addTokenTo":"header","headerPrefix":"bearer ","client_authentication":"header"`, "bearer", "basic"},
		{"another prefix", `,"headerPrefix":"Zoho-oauthtoken","client_authentication":"body"`, "authorization Zoho-oauthtoken", "post"},
		{"the query", `,"addTokenTo":"queryParams","headerPrefix":"OAuth"`, "query access_token", ""},
		{"a client that proves itself in an odd way", `,"client_authentication":"dance"`, "bearer", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, result := one(t, `"auth":{"type":"oauth2","oauth2":{"grant_type":"client_credentials","accessTokenUrl":"https://example.com/token"`+row.values+`}},"url":"https://example.com/a"`, "")
			set := result.Definition.GetParameterSets()[0]
			got, from := "", ""
			switch kind := set.GetPlacements()[0].GetKind().(type) {
			case *connectorv1.CredentialPlacement_Bearer:
				got, from = "bearer", kind.Bearer.GetParameter()
			case *connectorv1.CredentialPlacement_Authorization:
				got, from = "authorization "+kind.Authorization.GetScheme(), kind.Authorization.GetParameter()
			case *connectorv1.CredentialPlacement_ApiKey:
				got, from = "query "+kind.ApiKey.GetName(), kind.ApiKey.GetParameter()
			}
			if got != row.want || from != "token" {
				t.Errorf("the token goes to %q from %q, want %q", got, from, row.want)
			}
			want := map[string]string{"tokenUrl": "https://example.com/token", "refreshUrl": "https://example.com/token"}
			if row.client != "" {
				want["clientAuthentication"] = row.client
			}
			if settings := set.GetParameters()[0].GetOauth().GetCustomParameters(); !maps.Equal(settings, want) {
				t.Errorf("settings are %v, want %v", settings, want)
			}
			if err := definition.Validate(result.Definition); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSignInsThatDifferAreDifferent(t *testing.T) {
	const flow = `"grant_type":"client_credentials","accessTokenUrl":"https://example.com/token"`
	_, result := one(t, `"auth":{"type":"oauth2","oauth2":{`+flow+`}},"url":"https://example.com/a"},
		"name":"A"},{"name":"B","request":{"auth":{"type":"oauth2","oauth2":{`+flow+`,"headerPrefix":"Zoho"}},"url":"https://example.com/b"`, "")
	if n := len(result.Definition.GetSecuritySchemes()); n != 2 {
		t.Errorf("%d schemes", n)
	}
}

func TestKeysOfAWSAreAskedFor(t *testing.T) {
	_, result := one(t, `"auth":{"type":"awsv4","awsv4":[]},"url":"https://example.com/a"`, "")
	set := result.Definition.GetParameterSets()[0]
	for _, p := range set.GetParameters() {
		usual := map[string]string{"region": "us-east-1", "service": "execute-api"}[p.GetName()]
		if p.GetDefaultValue() != usual || p.GetRequired() != (p.GetName() != "session_token") {
			t.Errorf("the parameter is %v", p)
		}
	}
	if used := definition.ParametersOf(set.GetPlacements()[0]); len(used) != 5 {
		t.Errorf("the placement uses %q", used)
	}
	if err := definition.Validate(result.Definition); err != nil {
		t.Error(err)
	}
}

func TestTextAroundAKeyIsNoPlaceForSecrets(t *testing.T) {
	for _, value := range []string{
		"4f9d0c3b2a1e4f9d0c3b2a1e4f9d0c3b{{t}}", "{{t}}:ghp_0123456789abcdefghijABCDEFGHIJ012345", strings.Repeat("long ", 20) + "{{t}}", "a{b{{t}}",
	} {
		_, result := one(t, `"header":[{"key":"X-Api-Key","value":"`+value+`"}],"url":"https://example.com/a"`, "")
		for _, s := range result.Definition.GetSecuritySchemes() {
			if s.GetApiKey().GetTemplate() != "" {
				t.Errorf("%q becomes the template %q", value, s.GetApiKey().GetTemplate())
			}
		}
	}
}

func TestWhatToDoAboutWaysThatAreNotSupported(t *testing.T) {
	for kind, hint := range map[string]string{
		"oauth1": "OAuth 2.0", "jwt": "bearer", "asap": "bearer", "ntlm": "proxy", "hawk": "x-ferrule-hmac", "edgegrid": "x-ferrule-hmac", "odd": "another way",
	} {
		_, result := one(t, `"auth":{"type":"`+kind+`","`+kind+`":[]},"url":"https://example.com/a"`, "")
		i := slices.IndexFunc(codes(result), func(c string) bool { return c == "AuthUnsupported" })
		if i < 0 || !strings.Contains(result.Findings[i].Remedy, hint) || result.Findings[i].Pointer == "" {
			t.Errorf("%s: findings %v", kind, result.Findings)
		}
		if got := sets(result.Definition); !slices.Equal(got, []string{"default:"}) {
			t.Errorf("%s: sets %q", kind, got)
		}
	}
}
