package postman_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	importing "github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

func basic(scheme string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: scheme, Kind: &connectorv1.CredentialPlacement_Basic{
		Basic: &connectorv1.BasicPlacement{UsernameParameter: "username", PasswordParameter: "password"},
	}}
}

func bearer(scheme string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: scheme, Kind: &connectorv1.CredentialPlacement_Bearer{
		Bearer: &connectorv1.BearerPlacement{Parameter: "token"},
	}}
}

func apiKey(name string, in connectorv1.CredentialLocation) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: name, Kind: &connectorv1.CredentialPlacement_ApiKey{
		ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "api_key", Name: name, Location: in},
	}}
}

// templated is the placement of a key with text around it.
func templated(p *connectorv1.CredentialPlacement) *connectorv1.CredentialPlacement {
	p.GetApiKey().Template = "Key id={value};"
	return p
}

func authorization(word string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: word, Kind: &connectorv1.CredentialPlacement_Authorization{
		Authorization: &connectorv1.AuthorizationPlacement{Scheme: word, Parameter: "token"},
	}}
}

const (
	keyHeader = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
	keyQuery  = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	keyCookie = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE
)

func TestCredentialsOfTheCollection(t *testing.T) {
	oauth := &connectorv1.SecurityScheme{Id: "oauth", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{
		{Grant: "authorizationCode", AuthorizationUrl: "https://example.com/auth", TokenUrl: "https://example.com/token", Scopes: []*connectorv1.OAuth2Scope{{Name: "a"}, {Name: "b"}}},
		{Grant: "implicit", AuthorizationUrl: "https://example.com/auth"},
	}}}}
	for _, row := range []struct {
		name       string
		placements []*connectorv1.CredentialPlacement
		auth       string
		extra      map[string]string
		lossy      bool
		schemes    int
	}{
		{"nothing", nil, ``, nil, false, 0},
		{"basic", []*connectorv1.CredentialPlacement{basic("b")}, `{"type":"basic","basic":[{"key":"username","value":"{{credential_username}}","type":"string"},{"key":"password","value":"{{credential_password}}","type":"string"}]}`, map[string]string{
			"/variable/1": `{"key":"credential_username","value":"","type":"string"}`, "/variable/2": `{"key":"credential_password","value":"","type":"string"}`,
		}, false, 1},
		{"bearer", []*connectorv1.CredentialPlacement{bearer("t")}, `{"type":"bearer","bearer":[{"key":"token","value":"{{credential_token}}","type":"string"}]}`, nil, false, 1},
		{"OAuth", []*connectorv1.CredentialPlacement{bearer("oauth")}, `{"type":"oauth2","oauth2":[{"key":"grant_type","value":"authorization_code","type":"string"},{"key":"authUrl","value":"https://example.com/auth","type":"string"},{"key":"accessTokenUrl","value":"https://example.com/token","type":"string"},{"key":"scope","value":"a b","type":"string"},{"key":"clientId","value":"{{credential_token_client_id}}","type":"string"},{"key":"clientSecret","value":"{{credential_token_client_secret}}","type":"string"},{"key":"addTokenTo","value":"header","type":"string"}]}`, nil, true, 1},
		{"a key", []*connectorv1.CredentialPlacement{apiKey("X-Key", keyHeader)}, `{"type":"apikey","apikey":[{"key":"key","value":"X-Key","type":"string"},{"key":"value","value":"{{credential_api_key}}","type":"string"},{"key":"in","value":"header","type":"string"}]}`, nil, false, 1},
		{"a key with text around it", []*connectorv1.CredentialPlacement{templated(apiKey("X-Key", keyHeader))}, `{"type":"apikey","apikey":[{"key":"key","value":"X-Key","type":"string"},{"key":"value","value":"Key id={{credential_api_key}};","type":"string"},{"key":"in","value":"header","type":"string"}]}`, nil, false, 1},
		{"two keys with text around them", []*connectorv1.CredentialPlacement{templated(apiKey("X-Key", keyHeader)), templated(apiKey("k", keyQuery))}, `{"type":"apikey","apikey":[{"key":"key","value":"X-Key","type":"string"},{"key":"value","value":"Key id={{credential_api_key}};","type":"string"},{"key":"in","value":"header","type":"string"}]}`, map[string]string{
			"/item/0/request/url/query": `[{"key":"k","value":"Key id={{credential_api_key}};"}]`,
		}, false, 2},
		{"signatures of AWS", []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{
			AccessKeyParameter: "id", SecretKeyParameter: "key", SessionTokenParameter: "session", Region: "eu-west-1", ServiceParameter: "service",
		}}}}, `{"type":"awsv4","awsv4":[{"key":"accessKey","value":"{{credential_id}}","type":"string"},{"key":"secretKey","value":"{{credential_key}}","type":"string"},{"key":"sessionToken","value":"{{credential_session}}","type":"string"},{"key":"region","value":"eu-west-1","type":"string"},{"key":"service","value":"{{credential_service}}","type":"string"}]}`, nil, false, 1},
		{"a signature", []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "key"}}}}, ``, nil, true, 0},
		{"two keys", []*connectorv1.CredentialPlacement{apiKey("X-Key", keyHeader), apiKey("k", keyQuery)}, `{"type":"apikey","apikey":[{"key":"key","value":"X-Key","type":"string"},{"key":"value","value":"{{credential_api_key}}","type":"string"},{"key":"in","value":"header","type":"string"}]}`, map[string]string{
			"/item/0/request/url/query": `[{"key":"k","value":"{{credential_api_key}}"}]`,
		}, false, 2},
		{"a key before a token", []*connectorv1.CredentialPlacement{apiKey("X-Key", keyHeader), bearer("t")}, `{"type":"bearer","bearer":[{"key":"token","value":"{{credential_token}}","type":"string"}]}`, map[string]string{
			"/item/0/request/header": `[{"key":"X-Key","value":"{{credential_api_key}}"}]`,
		}, false, 2},
		{"a token and a password", []*connectorv1.CredentialPlacement{bearer("t"), basic("b")}, `{"type":"bearer","bearer":[{"key":"token","value":"{{credential_token}}","type":"string"}]}`, nil, true, 1},
		{"digest", []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{UsernameParameter: "u", PasswordParameter: "p"}}}}, `{"type":"digest","digest":[{"key":"username","value":"{{credential_u}}","type":"string"},{"key":"password","value":"{{credential_p}}","type":"string"}]}`, nil, false, 1},
		{"another scheme", []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{Scheme: "Token", Parameter: "t"}}}}, `{"type":"apikey","apikey":[{"key":"key","value":"Authorization","type":"string"},{"key":"value","value":"Token {{credential_t}}","type":"string"},{"key":"in","value":"header","type":"string"}]}`, nil, true, 1},
		{"a cookie, another scheme and a token", []*connectorv1.CredentialPlacement{apiKey("sid", keyCookie), authorization("Token"), bearer("t")}, `{"type":"apikey","apikey":[{"key":"key","value":"Authorization","type":"string"},{"key":"value","value":"Token {{credential_token}}","type":"string"},{"key":"in","value":"header","type":"string"}]}`, map[string]string{
			"/item/0/request/header": `[]`,
		}, true, 1},
		{"a certificate, a key and a token", []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{}}}, apiKey("X-Key", keyHeader), bearer("t")}, `{"type":"bearer","bearer":[{"key":"token","value":"{{credential_token}}","type":"string"}]}`, map[string]string{
			"/item/0/request/header": `[{"key":"X-Key","value":"{{credential_api_key}}"}]`,
		}, true, 2},
		{"a cookie", []*connectorv1.CredentialPlacement{apiKey("sid", keyCookie)}, ``, nil, true, 0},
		{"a certificate", []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{}}}}, ``, nil, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := definition(operation("GET", "/a"))
			def.SecuritySchemes = []*connectorv1.SecurityScheme{oauth}
			def.ParameterSets[0].Placements = row.placements
			collection := root(t, def)
			isAt(t, collection, map[string]string{"/auth": row.auth, "/item/0/request/auth": ""})
			isAt(t, collection, row.extra)
			out := exported(t, def)
			lossy := slices.ContainsFunc(out.Findings, func(f format.Finding) bool {
				return f.Code == target.CodeLost || f.Code == target.CodeApproximated
			})
			if lossy != row.lossy {
				t.Errorf("findings %+v", out.Findings)
			}
			again := imported(t, importing.Importer{}, out.Files...)
			if n := len(again.GetSecuritySchemes()); n != row.schemes {
				t.Errorf("%d schemes come back, want %d", n, row.schemes)
			}
			comesBack(t, row.name, def)
		})
	}
}

func TestCredentialsOfRequests(t *testing.T) {
	need := func(ids ...string) *connectorv1.SecurityRequirement {
		r := &connectorv1.SecurityRequirement{}
		for _, id := range ids {
			r.Schemes = append(r.Schemes, &connectorv1.SchemeReference{SchemeId: id})
		}
		return r
	}
	for _, row := range []struct {
		name     string
		security []*connectorv1.SecurityRequirement
		auth     string
	}{
		{"nothing said is as the collection", nil, ``},
		{"the same as the collection", []*connectorv1.SecurityRequirement{need("b")}, ``},
		{"none", []*connectorv1.SecurityRequirement{need()}, `{"type":"noauth"}`},
		{"another", []*connectorv1.SecurityRequirement{need("t")}, `{"type":"bearer","bearer":[{"key":"token","value":"{{credential_token}}","type":"string"}]}`},
		{"one that Postman does not have", []*connectorv1.SecurityRequirement{need("c")}, `{"type":"noauth"}`},
		{"the first of two", []*connectorv1.SecurityRequirement{need("t"), need("b")}, `{"type":"bearer","bearer":[{"key":"token","value":"{{credential_token}}","type":"string"}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := operation("GET", "/a")
			op.Security = row.security
			def := definition(op)
			def.ParameterSets = []*connectorv1.ParameterSet{
				{Name: "b", Placements: []*connectorv1.CredentialPlacement{basic("b")}},
				{Name: "t", Placements: []*connectorv1.CredentialPlacement{bearer("t")}},
				{Name: "c", Placements: []*connectorv1.CredentialPlacement{apiKey("c", keyCookie)}},
			}
			isAt(t, root(t, def), map[string]string{"/item/0/request/auth": row.auth})
			lost := slices.ContainsFunc(exported(t, def).Findings, func(f format.Finding) bool { return f.Pointer == "/operations" })
			if lost != (len(row.security) > 1) {
				t.Error("alternatives are lost in silence, or not lost and said to be")
			}
		})
	}
}

func TestSchemesOfTheAuthorizationHeaderComeBack(t *testing.T) {
	for _, word := range []string{"Token", "SSWS", "Api-Key", "GenieKey"} {
		t.Run(word, func(t *testing.T) {
			def := definition(operation("GET", "/a"))
			def.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{authorization(word)}
			again := imported(t, importing.Importer{}, exported(t, def).Files...)
			placements := again.GetParameterSets()[0].GetPlacements()
			if len(placements) != 1 || placements[0].GetAuthorization().GetScheme() != word {
				t.Errorf("the placements come back as %v", placements)
			}
			if s := again.GetSecuritySchemes(); len(s) != 1 || s[0].GetHttp().GetScheme() != strings.ToLower(word) {
				t.Errorf("the schemes come back as %v", s)
			}
		})
	}
}

func TestServersMayHaveVariablesWithTheNameOfTheirOwn(t *testing.T) {
	def := definition(operation("GET", "/a"), operation("GET", "/x-{baseUrl2}", parameter("baseUrl2", inPath, `{}`)))
	def.Operations[1].OperationId = "Other"
	def.Servers = []*connectorv1.Server{{UrlTemplate: "https://{baseUrl}/v1", Variables: []*connectorv1.ServerVariable{{Name: "baseUrl", DefaultValue: "example.com"}}}}
	isAt(t, root(t, def), map[string]string{
		"/variable/0":             `{"key":"baseUrl3","value":"https://{{baseUrl}}/v1","type":"string"}`,
		"/variable/1":             `{"key":"baseUrl","value":"example.com","type":"string"}`,
		"/item/0/request/url/raw": `"{{baseUrl3}}/a"`,
		"/item/1/request/url/raw": `"{{baseUrl3}}/x-{{baseUrl2}}"`,
	})
	comesBack(t, "variables with taken names", def)
}

func TestTokensOfSignInsComeBackWhereTheyWere(t *testing.T) {
	scheme := &connectorv1.SecurityScheme{Id: "oauth2", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{
		{Grant: "clientCredentials", TokenUrl: "https://example.com/token"},
	}}}}
	query := apiKey("access_token", keyQuery)
	query.SchemeId, query.GetApiKey().Parameter = "oauth2", "token"
	prefix := authorization("Zoho-oauthtoken")
	prefix.SchemeId = "oauth2"
	other := apiKey("X-Shopify-Access-Token", keyHeader)
	other.SchemeId, other.GetApiKey().Parameter = "oauth2", "token"
	for _, row := range []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		method    string
		same      bool
	}{
		{"as a bearer token", bearer("oauth2"), "", true},
		{"in the query, with a client that sends its secret in a header", query, "client_secret_basic", true},
		{"behind another prefix, with a client that sends its secret in the body", prefix, "post", true},
		{"with a client that Postman has no words for", bearer("oauth2"), "private_key_jwt", true},
		{"in a header that Postman cannot send it in", other, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := definition(operation("GET", "/a"))
			def.SecuritySchemes = []*connectorv1.SecurityScheme{scheme}
			set := def.GetParameterSets()[0]
			set.Placements = []*connectorv1.CredentialPlacement{row.placement}
			set.Parameters = []*connectorv1.ConnectionParameter{{Name: "token", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH, Oauth: &connectorv1.OAuthSettings{
				CustomParameters: map[string]string{"ClientAuthentication": row.method},
			}}}
			again := imported(t, importing.Importer{}, exported(t, def).Files...).GetParameterSets()[0]
			if same := proto.Equal(again.GetPlacements()[0], row.placement); same != row.same {
				t.Errorf("the placement comes back as %v", again.GetPlacements()[0])
			}
			want := map[string]string{"client_secret_basic": "basic", "post": "post"}[row.method]
			if got := again.GetParameters()[0].GetOauth().GetCustomParameters()["clientAuthentication"]; got != want {
				t.Errorf("the client proves itself with %q, want %q", got, want)
			}
		})
	}
}

func TestSignaturesOfAWSComeBack(t *testing.T) {
	for _, row := range []struct {
		name      string
		placement *connectorv1.AwsSignaturePlacement
		want      string
	}{
		{"of a known service", &connectorv1.AwsSignaturePlacement{AccessKeyParameter: "a", SecretKeyParameter: "s", Region: "eu-west-1", Service: "s3"}, "s3 in eu-west-1"},
		{"of any", &connectorv1.AwsSignaturePlacement{AccessKeyParameter: "a", SecretKeyParameter: "s", RegionParameter: "r", ServiceParameter: "e"}, " in "},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := definition(operation("GET", "/a"))
			def.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: row.placement}}}
			again := imported(t, importing.Importer{}, exported(t, def).Files...)
			s := again.GetSecuritySchemes()[0].GetAwsSignature()
			if s == nil || s.GetService()+" in "+s.GetRegion() != row.want {
				t.Errorf("the schemes come back as %v", again.GetSecuritySchemes())
			}
			if text := string(exported(t, def).Files[0].Content); strings.Contains(text, "secretKey\",\"value\":\"\"") {
				t.Errorf("the key is no variable: %s", text)
			}
		})
	}
}
