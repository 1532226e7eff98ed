package postman_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
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
	for kind, c := range map[string]struct{ name, hint string }{
		"oauth1": {"OAuth 1.0", "OAuth 2.0"}, "jwt": {"JWT", "bearer"}, "asap": {"ASAP", "bearer"}, "ntlm": {"NTLM", "proxy"},
		"hawk": {"Hawk", "x-ferrule-hmac"}, "edgegrid": {"Akamai EdgeGrid", "x-ferrule-hmac"}, "odd": {"odd", "another way"},
	} {
		for where, result := range map[string]*format.Result{
			"of a request": second(one(t, `"auth":{"type":"`+kind+`","`+kind+`":[]},"url":"https://example.com/a"`, "")),
			"inherited":    second(one(t, `"url":"https://example.com/a"`, `,"auth":{"type":"`+kind+`","`+kind+`":[]}`)),
		} {
			i := slices.IndexFunc(codes(result), func(c string) bool { return c == "AuthKindNotSupported" })
			if i < 0 || !strings.Contains(result.Findings[i].Remedy, c.hint) || !strings.Contains(result.Findings[i].Message, c.name) || result.Findings[i].Pointer == "" {
				t.Errorf("%s %s: findings %v", kind, where, result.Findings)
			}
			if got := sets(result.Definition); !slices.Equal(got, []string{"default: unsupported " + c.name}) {
				t.Errorf("%s %s: sets %q", kind, where, got)
			}
			if err := definition.Validate(result.Definition); err != nil {
				t.Errorf("%s %s: %v", kind, where, err)
			}
		}
	}
}

func TestAnAPIThatCanBeCalledWithoutAnUnsupportedWayStaysUsable(t *testing.T) {
	for _, c := range []struct{ name, auth, want string }{
		{"with a password", `{"type":"basic","basic":[]}`, "default: username password*"},
		{"without anything", `{"type":"noauth"}`, "default:"},
	} {
		_, result := one(t, `"auth":{"type":"ntlm"},"url":"https://example.com/a"},{"name":"other","request":{"method":"GET","url":"https://example.com/b","auth":`+c.auth+`}`, "")
		if got := sets(result.Definition); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: sets %q, findings %v", c.name, got, result.Findings)
		}
	}
}

func second(_ *connectorv1.Operation, result *format.Result) *format.Result { return result }
