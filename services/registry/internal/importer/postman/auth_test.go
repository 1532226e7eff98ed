package postman_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// schemes are written "id: what it is".
func schemes(def *connectorv1.Definition) []string {
	var list []string
	for _, s := range def.GetSecuritySchemes() {
		text := s.GetId() + ":"
		switch kind := s.GetKind().(type) {
		case *connectorv1.SecurityScheme_Http:
			text += " http " + kind.Http.GetScheme()
		case *connectorv1.SecurityScheme_ApiKey:
			text += strings.ToLower(strings.TrimPrefix(kind.ApiKey.GetLocation().String(), "CREDENTIAL_LOCATION")) + " " + strings.TrimSpace(kind.ApiKey.GetName()+" "+kind.ApiKey.GetTemplate())
		case *connectorv1.SecurityScheme_AwsSignature:
			text += " " + kind.AwsSignature.GetService() + " in " + kind.AwsSignature.GetRegion()
		case *connectorv1.SecurityScheme_Oauth2:
			for _, f := range kind.Oauth2.GetFlows() {
				text += fmt.Sprintf(" %s %s %s %s", f.GetGrant(), f.GetAuthorizationUrl(), f.GetTokenUrl(), f.GetRefreshUrl())
				for _, scope := range f.GetScopes() {
					text += " +" + scope.GetName()
				}
			}
		}
		list = append(list, text)
	}
	return list
}

// sets are written "name: parameters".
func sets(def *connectorv1.Definition) []string {
	var list []string
	for _, s := range def.GetParameterSets() {
		text := s.GetName() + ":"
		if s.GetUnsupported() != nil {
			text += " unsupported " + s.GetUnsupported().GetKind()
		}
		for _, p := range s.GetParameters() {
			text += " " + p.GetName()
			if p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET {
				text += "*"
			}
		}
		list = append(list, text)
	}
	return list
}

// needs are the schemes that an operation needs, with "+" between them.
func needs(op *connectorv1.Operation) string {
	var alternatives []string
	for _, r := range op.GetSecurity() {
		var ids []string
		for _, s := range r.GetSchemes() {
			id := s.GetSchemeId()
			for _, scope := range s.GetScopes() {
				id += "(" + scope + ")"
			}
			ids = append(ids, id)
		}
		alternatives = append(alternatives, strings.Join(ids, "+"))
	}
	return strings.Join(alternatives, "|")
}

func TestWaysToAuthenticate(t *testing.T) {
	const url = `"url":"https://example.com/a"`
	for _, row := range []struct {
		name, request string
		schemes, sets []string
		needs         string
		codes         []string
	}{
		{"nothing", url, nil, []string{"default:"}, "", nil},
		{"no authentication", `"auth":{"type":"noauth"},` + url, nil, []string{"default:"}, "", nil},
		{"basic as a list", `"auth":{"type":"basic","basic":[{"key":"username","value":"me"},{"key":"password","value":"{{pw}}"}]},` + url, []string{"basic: http basic"}, []string{"default: username password*"}, "basic", nil},
		{"basic as an object, with a password", `"auth":{"type":"basic","basic":{"username":"me","password":"hunter2"}},` + url, []string{"basic: http basic"}, []string{"default: username password*"}, "basic", []string{"SecretInSource"}},
		{"bearer", `"auth":{"type":"bearer","bearer":[{"key":"token","value":"abc"}]},` + url, []string{"bearer: http bearer"}, []string{"default: token*"}, "bearer", []string{"SecretInSource"}},
		{"digest", `"auth":{"type":"digest","digest":[{"key":"username","value":"me"}]},` + url, []string{"digest: http digest"}, []string{"default: username password*"}, "digest", nil},
		{"a key in a header", `"auth":{"type":"apikey","apikey":[{"key":"key","value":"X-Key"},{"key":"value","value":"secret"}]},` + url, []string{"apiKey:_header X-Key"}, []string{"default: api_key*"}, "apiKey", []string{"SecretInSource"}},
		{"a key in the query", `"auth":{"type":"apikey","apikey":[{"key":"key","value":"k"},{"key":"value","value":"{{k}}"},{"key":"in","value":"query"}]},"url":"https://example.com/a?k=1"`, []string{"apiKey:_query k"}, []string{"default: api_key*"}, "apiKey", nil},
		{"a key without a name", `"auth":{"type":"apikey","apikey":[]},` + url, nil, []string{"default:"}, "", []string{"AuthInvalid"}},
		{
			"OAuth with both URLs", `"auth":{"type":"oauth2","oauth2":[{"key":"authUrl","value":"https://example.com/auth"},{"key":"accessTokenUrl","value":"{{base}}/token"},{"key":"scope","value":"read write"},{"key":"clientSecret","value":"xyz"}]},` + url,
			[]string{"oauth2: authorizationCode https://example.com/auth https://example.com/token  +read +write"},
			[]string{"default: token"},
			"oauth2(read)(write)",
			[]string{"SecretInSource"},
		},
		{
			"OAuth with a grant", `"auth":{"type":"oauth2","oauth2":[{"key":"grant_type","value":"client_credentials"},{"key":"accessTokenUrl","value":"https://example.com/token"},{"key":"refreshTokenUrl","value":"https://example.com/refresh"}]},` + url,
			[]string{"oauth2: clientCredentials  https://example.com/token https://example.com/refresh"},
			[]string{"default: token"},
			"oauth2", nil,
		},
		{"OAuth with only a page to sign in", `"auth":{"type":"oauth2","oauth2":[{"key":"authUrl","value":"https://example.com/auth"}]},` + url, []string{"oauth2: implicit https://example.com/auth  "}, []string{"default: token"}, "oauth2", nil},
		{"OAuth with only a token", `"auth":{"type":"oauth2","oauth2":[{"key":"accessToken","value":"{{t}}"}]},` + url, []string{"bearer: http bearer"}, []string{"default: token*"}, "bearer", []string{"OAuthIncomplete"}},
		{
			"OAuth with a token in the query", `"auth":{"type":"oauth2","oauth2":[{"key":"accessTokenUrl","value":"https://example.com/token"},{"key":"addTokenTo","value":"queryParams"}]},` + url,
			[]string{"oauth2: clientCredentials  https://example.com/token "},
			[]string{"default: token"},
			"oauth2", nil,
		},
		{
			"OAuth with a prefix that is none", `"auth":{"type":"oauth2","oauth2":[{"key":"accessTokenUrl","value":"https://example.com/token"},{"key":"headerPrefix","value":"two words"}]},` + url,
			[]string{"oauth2: clientCredentials  https://example.com/token "},
			[]string{"default: token"},
			"oauth2",
			[]string{"OAuthPlacement"},
		},
		{"signatures of AWS", `"auth":{"type":"awsv4","awsv4":[{"key":"secretKey","value":"abc"},{"key":"accessKey","value":"{{k}}"}]},` + url, []string{"aws:  in "}, []string{"default: access_key_id secret_access_key* session_token* region service"}, "aws", []string{"SecretInSource"}},
		{"signatures of AWS for something known", `"auth":{"type":"awsv4","awsv4":{"region":"eu-west-1","service":"s3","accessKey":"","sessionToken":"{{t}}"}},` + url, []string{"aws: s3 in eu-west-1"}, []string{"default: access_key_id secret_access_key* session_token*"}, "aws", nil},
		{"signatures of AWS for a variable", `"auth":{"type":"awsv4","awsv4":{"region":"{{where}}","service":"s3"}},` + url, []string{"aws: s3 in "}, []string{"default: access_key_id secret_access_key* session_token* region"}, "aws", nil},
		{"a signature of AWS that was copied", `"header":[{"key":"Authorization","value":"AWS4-HMAC-SHA256 Credential=abc/20260101/eu-west-1/execute-api/aws4_request, SignedHeaders=host, Signature=abc"}],` + url, []string{"aws: execute-api in eu-west-1"}, []string{"default: access_key_id secret_access_key* session_token*"}, "aws", []string{"SecretInSource"}},
		{"text around a key", `"header":[{"key":"Authorization","value":"Token token={{t}}"}],` + url, []string{"apiKey:_header Authorization Token token={value}"}, []string{"default: api_key*"}, "apiKey", nil},
		{"text around a key of another header", `"header":[{"key":"X-Api-Key","value":"v1:{{t}}"}],` + url, []string{"apiKey:_header X-Api-Key v1:{value}"}, []string{"default: api_key*"}, "apiKey", nil},
		{"text around a key as an API key", `"auth":{"type":"apikey","apikey":{"key":"Authorization","value":"Token token=\"{{t}}\""}},` + url, []string{`apiKey:_header Authorization Token token="{value}"`}, []string{"default: api_key*"}, "apiKey", nil},
		{"two variables are no template", `"header":[{"key":"X-Api-Key","value":"{{a}}:{{b}}"}],` + url, []string{"apiKey:_header X-Api-Key"}, []string{"default: api_key*"}, "apiKey", nil},
		{"a way that nobody knows", `"auth":{"type":"asap"},` + url, []string{"asap: http bearer"}, []string{"default: unsupported ASAP"}, "asap", []string{"AuthKindNotSupported"}},
		{"a way without a name", `"auth":{"type":"an odd/one"},` + url, []string{"unknown: http unknown"}, []string{"default: unsupported unknown"}, "unknown", []string{"AuthKindNotSupported"}},
		{"a way that is not supported beside a key", `"auth":{"type":"ntlm"},"header":[{"key":"X-API-Key","value":"{{k}}"}],` + url, []string{"ntlm: http ntlm", "apiKey:_header X-API-Key"}, []string{"default: unsupported NTLM"}, "ntlm+apiKey", []string{"AuthKindNotSupported"}},
		{"no way at all", `"auth":{"type":"noauth"},` + url, nil, []string{"default:"}, "", nil},
		{"a token behind the word OAuth", `"header":[{"key":"Authorization","value":"OAuth {{t}}"}],` + url, []string{"oauth: http oauth"}, []string{"default: token*"}, "oauth", nil},
		{"a proof that was copied", `"header":[{"key":"Authorization","value":"DPoP {{t}}"}],` + url, []string{"dpop: http dpop"}, []string{"default: unsupported DPoP"}, "dpop", []string{"AuthKindNotSupported"}},
		{"a bearer header", `"header":[{"key":"authorization","value":"Bearer {{t}}"}],` + url, []string{"bearer: http bearer"}, []string{"default: token*"}, "bearer", nil},
		{"a bearer header with a token", `"header":"Authorization: Bearer abc",` + url, []string{"bearer: http bearer"}, []string{"default: token*"}, "bearer", []string{"SecretInSource"}},
		{"a basic header", `"header":[{"key":"Authorization","value":"Basic bWU6cHc="}],` + url, []string{"basic: http basic"}, []string{"default: username password*"}, "basic", []string{"SecretInSource"}},
		{"another scheme", `"header":[{"key":"Authorization","value":"Token {{t}}"}],` + url, []string{"token: http token"}, []string{"default: token*"}, "token", nil},
		{"a signature", `"header":[{"key":"Authorization","value":"OAuth oauth_nonce=\"1\""}],` + url, []string{"oauth: http oauth"}, []string{"default: unsupported OAuth 1.0"}, "oauth", []string{"AuthKindNotSupported", "SecretInSource"}},
		{"a header without a scheme", `"header":[{"key":"Authorization","value":"{{key}}"}],` + url, []string{"apiKey:_header Authorization"}, []string{"default: api_key*"}, "apiKey", nil},
		{"another scheme as an API key", `"auth":{"type":"apikey","apikey":[{"key":"key","value":"Authorization"},{"key":"value","value":"Token {{t}}"},{"key":"in","value":"header"}]},` + url, []string{"token: http token"}, []string{"default: token*"}, "token", nil},
		{"a bearer token as an API key, with its value", `"auth":{"type":"apikey","apikey":{"key":"authorization","value":"Bearer abc"}},` + url, []string{"bearer: http bearer"}, []string{"default: token*"}, "bearer", []string{"SecretInSource"}},
		{"an API key that is the whole header", `"auth":{"type":"apikey","apikey":{"key":"Authorization","value":"{{t}}"}},` + url, []string{"apiKey:_header Authorization"}, []string{"default: api_key*"}, "apiKey", nil},
		{"a query parameter that is called like the header", `"auth":{"type":"apikey","apikey":{"key":"Authorization","value":"Token {{t}}","in":"query"}},` + url, []string{"apiKey:_query Authorization Token {value}"}, []string{"default: api_key*"}, "apiKey", nil},
		{"a disabled header", `"header":[{"key":"Authorization","value":"Bearer x","disabled":true}],` + url, nil, []string{"default:"}, "", nil},
		{"what the request says comes before the header", `"auth":{"type":"basic","basic":[]},"header":[{"key":"Authorization","value":"Bearer {{t}}"}],` + url, []string{"basic: http basic"}, []string{"default: username password*"}, "basic", nil},
		{"a header that is called like a key", `"header":[{"key":"X-API-Key","value":"{{k}}"}],` + url, []string{"apiKey:_header X-API-Key"}, []string{"default: api_key*"}, "apiKey", nil},
		{"a header whose value is called like a key", `"header":[{"key":"X-Custom","value":"{{myApiKey}}"}],` + url, []string{"apiKey:_header X-Custom"}, []string{"default: api_key*"}, "apiKey", nil},
		{"a key in the query of the URL", `"url":"https://example.com/a?api_key=123"`, []string{"apiKey:_query api_key"}, []string{"default: api_key*"}, "apiKey", []string{"SecretInSource"}},
		{"a token for the next page is no key", `"url":"https://example.com/a?pageToken={{nextPageToken}}"`, nil, []string{"default:"}, "", []string{"VariableUnknown"}},
		{
			"two keys and a token", `"header":[{"key":"Authorization","value":"Bearer {{t}}"},{"key":"apikey","value":"{{k}}"},{"key":"x-api-token","value":"{{k}}"}],` + url,
			[]string{"bearer: http bearer", "apiKey:_header apikey", "apiKey2:_header x-api-token"},
			[]string{"default: token* api_key* api_key_2*"},
			"bearer+apiKey+apiKey2", nil,
		},
		{"a user in the URL", `"url":"https://me:pw@example.com/a"`, []string{"basic: http basic"}, []string{"default: username password*"}, "basic", []string{"SecretInSource"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, result := one(t, row.request, `,"variable":[{"key":"base","value":"https://example.com"}]`)
			def := result.Definition
			if diff := cmp.Diff(row.schemes, schemes(def)); diff != "" {
				t.Errorf("schemes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.sets, sets(def)); diff != "" {
				t.Errorf("sets (-want +got):\n%s", diff)
			}
			if needs(op) != row.needs {
				t.Errorf("needs %q, want %q", needs(op), row.needs)
			}
			if diff := cmp.Diff(append([]string{}, row.codes...), codes(result)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, secret := range []string{"hunter2", "abc", "xyz", "bWU6cHc", `"123"`, ":pw@", "secret\""} {
				if strings.Contains(def.String(), secret) {
					t.Errorf("the definition holds the secret %q", secret)
				}
			}
			for _, p := range op.GetParameters() {
				if n := p.GetName(); n == "k" || strings.Contains(strings.ToLower(n), "key") || strings.EqualFold(n, "Authorization") {
					t.Errorf("the credential %q is a parameter as well", n)
				}
			}
		})
	}
}

func TestAuthenticationIsInherited(t *testing.T) {
	const url = `"url":"https://example.com/a"`
	result := load(t, file("c.json", collection(
		request("Collection", url)+`,{"name":"F","auth":{"type":"bearer","bearer":[]},"item":[`+
			request("Folder", url)+`,{"name":"G","item":[`+request("Deep", url+`,"auth":null`)+`]},`+
			request("Own", url+`,"auth":{"type":"basic","basic":[]}`)+`,`+request("None", url+`,"auth":{"type":"noauth"}`)+`,`+
			request("Written", url+`,"header":[{"key":"Authorization","value":"Basic {{x}}"}]`)+`]}`,
		`,"auth":{"type":"digest","digest":[]}`)))
	got := map[string]string{}
	for _, op := range result.Definition.GetOperations() {
		got[op.GetOperationId()] = needs(op)
		if len(op.GetSecurity()) != 1 {
			t.Errorf("%s has %d alternatives", op.GetOperationId(), len(op.GetSecurity()))
		}
	}
	want := map[string]string{"Collection": "digest", "Folder": "bearer", "Deep": "bearer", "Own": "basic", "None": "", "Written": "basic"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"digest: username password*", "bearer: token*", "basic: username password*"}, sets(result.Definition)); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

func TestPlacementsSayHowCredentialsAreSent(t *testing.T) {
	_, result := one(t, `"url":"https://example.com/a","header":[{"key":"Authorization","value":"SSWS {{t}}"}]`)
	placement := result.Definition.GetParameterSets()[0].GetPlacements()[0].GetAuthorization()
	if placement.GetScheme() != "SSWS" || placement.GetParameter() != "token" {
		t.Errorf("placement %v", placement)
	}
	_, result = one(t, `"url":"https://example.com/a","auth":{"type":"oauth2","oauth2":{"accessTokenUrl":"https://example.com/token","scope":"a,b"}}`)
	settings := result.Definition.GetParameterSets()[0].GetParameters()[0].GetOauth()
	if settings.GetGrant() != "clientCredentials" || settings.GetCustomParameters()["tokenUrl"] != "https://example.com/token" || len(settings.GetScopes()) != 2 {
		t.Errorf("settings %v", settings)
	}
}

func TestHelpersOfVersion1(t *testing.T) {
	for _, row := range []struct{ name, request, want string }{
		{"nothing chosen", `"currentHelper":"normal","helperAttributes":{}`, ""},
		{"basic", `"currentHelper":"basicAuth","helperAttributes":{"username":"u","password":"{{p}}"}`, "basic"},
		{"bearer", `"currentHelper":"bearerAuth","helperAttributes":{"token":"{{p}}"}`, "bearer"},
		{"digest", `"currentHelper":"digestAuth","helperAttributes":{}`, "digest"},
		{"a key", `"currentHelper":"apikeyAuth","helperAttributes":{"key":"K","value":"{{k}}","in":"query"}`, "apiKey"},
		{"OAuth 2", `"currentHelper":"oAuth2","helperAttributes":{"accessTokenUrl":"https://example.com/t"}`, "oauth2"},
		{"attributes as text", `"currentHelper":"apikeyAuth","helperAttributes":"{\"key\":\"K\",\"in\":\"header\"}"`, "apiKey"},
		{"a way that nobody knows", `"currentHelper":"magicAuth"`, "magicauth"},
		{"the newer way comes first", `"auth":{"type":"bearer","bearer":[]},"currentHelper":"basicAuth"`, "bearer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := load(t, file("c.json", `{"id":"1","name":"Old","requests":[{"id":"r","name":"R","url":"https://example.com","method":"GET",`+row.request+`}]}`))
			if got := needs(result.Definition.GetOperations()[0]); got != row.want {
				t.Errorf("needs %q, want %q", got, row.want)
			}
		})
	}
}
