package openapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestSecuritySchemesOfOpenAPI3(t *testing.T) {
	got := import3(t, head3+`
security: [{tls: []}]
components:
  securitySchemes:
    cookie: {type: apiKey, in: cookie, name: sid, description: D, deprecated: true, x-own: 1}
    login: {type: http, scheme: Basic}
    jwt: {type: http, scheme: bearer, bearerFormat: JWT}
    other: {type: http, scheme: Token}
    tls: {type: mutualTLS}
    oidc: {type: openIdConnect, openIdConnectUrl: https://id.example/.well-known/openid-configuration}
    shared: {$ref: '#/x-shared'}
    sign-in:
      type: oauth2
      oauth2MetadataUrl: https://id.example/meta
      flows:
        implicit: {authorizationUrl: https://id.example/a, scopes: {}}
        deviceAuthorization: {deviceAuthorizationUrl: https://id.example/d, tokenUrl: https://id.example/t, scopes: {r: R}}
        dance: {}
        x-own: 1
x-shared: {type: http, scheme: digest}
`+onePath)
	apiKey := &connectorv1.ApiKeyScheme{Name: "sid", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE}
	http := func(scheme, format string) *connectorv1.SecurityScheme_Http {
		return &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: scheme, BearerFormat: format}}
	}
	want := []*connectorv1.SecurityScheme{
		{Id: "cookie", Description: "D", Deprecated: true, Kind: &connectorv1.SecurityScheme_ApiKey{ApiKey: apiKey}, Extensions: []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}}},
		{Id: "login", Kind: http("basic", "")},
		{Id: "jwt", Kind: http("bearer", "JWT")},
		{Id: "other", Kind: http("token", "")},
		{Id: "tls", Kind: &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}},
		{Id: "oidc", Kind: &connectorv1.SecurityScheme_OpenIdConnect{OpenIdConnect: &connectorv1.OpenIdConnectScheme{Url: "https://id.example/.well-known/openid-configuration"}}},
		{Id: "shared", Kind: http("digest", "")},
		{Id: "sign-in", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{MetadataUrl: "https://id.example/meta", Flows: []*connectorv1.OAuth2Flow{
			{Grant: "implicit", AuthorizationUrl: "https://id.example/a"},
			{Grant: "deviceAuthorization", DeviceAuthorizationUrl: "https://id.example/d", TokenUrl: "https://id.example/t", Scopes: []*connectorv1.OAuth2Scope{{Name: "r", Description: "R"}}},
		}}}},
	}
	if diff := cmp.Diff(want, got.GetSecuritySchemes(), protocmp.Transform()); diff != "" {
		t.Errorf("schemes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"OAuthFlowUnknown /components/securitySchemes/sign-in/flows/dance"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSecuritySchemesOfOpenAPI3ThatAreWrong(t *testing.T) {
	for _, row := range []struct {
		name, scheme, code string
		kept               int
	}{
		{"a type of Swagger 2.0", "{type: basic}", "SecuritySchemeUnknown", 0},
		{"no object", "text", "SecuritySchemeUnknown", 0},
		{"HTTP of no kind", "{type: http}", "SecuritySchemeInvalid", 0},
		{"HTTP of a kind that is no word", "{type: http, scheme: 'two words'}", "SecuritySchemeInvalid", 0},
		{"a key in the body", "{type: apiKey, in: body, name: x}", "SecuritySchemeInvalid", 0},
		{"OAuth without flows", "{type: oauth2}", "OAuthFlowUnknown", 1},
		{"a scheme that is nowhere", "{$ref: '#/nowhere'}", "ReferenceUnresolved", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+"components: {securitySchemes: {s: "+row.scheme+", other: {type: mutualTLS}}}\nsecurity: [{other: []}]"+onePath)
			if len(got.GetSecuritySchemes()) != row.kept+1 || len(got.findings) != 1 || got.findings[0].Code != row.code {
				t.Errorf("schemes %v, findings %v", got.GetSecuritySchemes(), got.codes())
			}
			if len(got.GetParameterSets()) != row.kept+1 {
				t.Errorf("parameter sets %v", got.GetParameterSets())
			}
		})
	}
}

// asked describes a parameter set: what it asks for and where that goes.
func asked(set *connectorv1.ParameterSet) string {
	var parts []string
	for _, p := range set.GetParameters() {
		part := p.GetName() + ":" + strings.ToLower(strings.TrimPrefix(p.GetType().String(), "CONNECTION_PARAMETER_TYPE_"))
		if o := p.GetOauth(); o != nil {
			var custom []string
			for name, value := range o.GetCustomParameters() {
				custom = append(custom, name+"="+strings.TrimPrefix(value, "https://id.example/"))
			}
			slices.Sort(custom)
			part += fmt.Sprintf("(%s %s %v %v)", o.GetIdentityProvider(), o.GetGrant(), o.GetScopes(), custom)
		}
		parts = append(parts, part)
	}
	if set.GetUnsupported() != nil {
		kind := set.GetUnsupported().GetKind()
		if strings.HasPrefix(kind, "what x-ferrule-") {
			kind = ""
		}
		parts = append(parts, strings.TrimSpace("unsupported "+kind))
	}
	for _, p := range set.GetPlacements() {
		switch kind := p.GetKind().(type) {
		case *connectorv1.CredentialPlacement_ApiKey:
			parts = append(parts, strings.TrimSpace("key "+kind.ApiKey.GetParameter()+"->"+kind.ApiKey.GetName()+" "+kind.ApiKey.GetTemplate()))
		case *connectorv1.CredentialPlacement_Basic:
			parts = append(parts, "basic "+kind.Basic.GetUsernameParameter()+"/"+kind.Basic.GetPasswordParameter())
		case *connectorv1.CredentialPlacement_Digest:
			parts = append(parts, "digest "+kind.Digest.GetUsernameParameter()+"/"+kind.Digest.GetPasswordParameter())
		case *connectorv1.CredentialPlacement_Bearer:
			parts = append(parts, "bearer "+kind.Bearer.GetParameter())
		case *connectorv1.CredentialPlacement_Authorization:
			parts = append(parts, "authorization "+kind.Authorization.GetScheme()+" "+kind.Authorization.GetParameter())
		case *connectorv1.CredentialPlacement_Certificate:
			parts = append(parts, "certificate "+kind.Certificate.GetParameter())
		case *connectorv1.CredentialPlacement_AwsSignature:
			a := kind.AwsSignature
			parts = append(parts, fmt.Sprintf("aws %s/%s/%s for %s%s in %s%s", a.GetAccessKeyParameter(), a.GetSecretKeyParameter(), a.GetSessionTokenParameter(),
				a.GetService(), a.GetServiceParameter(), a.GetRegion(), a.GetRegionParameter()))
		case *connectorv1.CredentialPlacement_Hmac:
			parts = append(parts, fmt.Sprintf("hmac %s %s %s", kind.Hmac.GetSecretParameter(), kind.Hmac.GetScheme().GetStringToSign(), kind.Hmac.GetScheme().GetHeaders()[0].GetName()))
		}
	}
	return set.GetName() + ": " + strings.Join(parts, ", ")
}

func TestParameterSetsOfOpenAPI3(t *testing.T) {
	const flows = "{authorizationCode: {authorizationUrl: https://id.example/a, tokenUrl: https://id.example/t, refreshUrl: https://id.example/r, scopes: {x: ''}}, clientCredentials: {tokenUrl: https://id.example/m, scopes: {y: ''}}}"
	for _, row := range []struct {
		name, schemes, security string
		want                    []string
	}{
		{"bearer", "a: {type: http, scheme: bearer}", "security: [{a: []}]", []string{"default: token:secret, bearer token"}},
		{"digest", "a: {type: http, scheme: digest}", "security: [{a: []}]", []string{"default: username:string, password:secret, digest username/password"}},
		{"basic", "a: {type: http, scheme: BASIC}", "security: [{a: []}]", []string{"default: username:string, password:secret, basic username/password"}},
		{"another scheme, as it is spelt", "a: {type: http, scheme: Token}", "security: [{a: []}]", []string{"default: token:secret, authorization Token token"}},
		{"a certificate", "a: {type: mutualTLS}", "security: [{a: []}]", []string{"default: certificate:certificate, certificate certificate"}},
		{"a cookie", "a: {type: apiKey, in: cookie, name: sid}", "security: [{a: []}]", []string{"default: api_key:secret, key api_key->sid"}},
		{"OpenID Connect", "a: {type: openIdConnect, openIdConnectUrl: https://id.example/d}", "security: [{a: []}]", []string{"default: token:oauth(openidconnect  [] [discoveryUrl=d]), bearer token"}},
		{"the best of several flows", "a: {type: oauth2, flows: " + flows + "}", "security: [{a: []}]", []string{"default: token:oauth(oauth2 authorizationCode [x] [authorizationUrl=a refreshUrl=r tokenUrl=t]), bearer token"}},
		{"machines before passwords", "a: {type: oauth2, flows: {password: {tokenUrl: https://id.example/p}, clientCredentials: {tokenUrl: https://id.example/m}}}", "security: [{a: []}]", []string{"default: token:oauth(oauth2 clientCredentials [] [refreshUrl=m tokenUrl=m]), bearer token"}},
		{"passwords before the implicit flow", "a: {type: oauth2, flows: {implicit: {authorizationUrl: https://id.example/i}, password: {tokenUrl: https://id.example/p}}}", "security: [{a: []}]", []string{"default: token:oauth(oauth2 password [] [refreshUrl=p tokenUrl=p]), bearer token"}},
		{"the implicit flow last", "a: {type: oauth2, flows: {implicit: {authorizationUrl: https://id.example/i}, deviceAuthorization: {tokenUrl: https://id.example/t, deviceAuthorizationUrl: https://id.example/d}}}", "security: [{a: []}]", []string{"default: token:oauth(oauth2 deviceAuthorization [] [deviceAuthorizationUrl=d refreshUrl=t tokenUrl=t]), bearer token"}},
		{"devices", "a: {type: oauth2, flows: {deviceAuthorization: {tokenUrl: https://id.example/t, deviceAuthorizationUrl: https://id.example/d}}}", "security: [{a: []}]", []string{"default: token:oauth(oauth2 deviceAuthorization [] [deviceAuthorizationUrl=d refreshUrl=t tokenUrl=t]), bearer token"}},
		{"OAuth without flows", "a: {type: oauth2, oauth2MetadataUrl: https://id.example/m}", "security: [{a: []}]", []string{"default: token:oauth(oauth2  [] [metadataUrl=m]), bearer token"}},
		{
			"both together, or one of them", "a: {type: mutualTLS}, b: {type: http, scheme: bearer}", "security: [{a: [], b: []}, {b: []}]",
			[]string{"a+b: certificate:certificate, token:secret, certificate certificate, bearer token", "b: token:secret, bearer token"},
		},
		{
			"two tokens", "a: {type: http, scheme: bearer}, b: {type: http, scheme: Key}", "security: [{a: [], b: []}]",
			[]string{"default: token:secret, token_2:secret, bearer token, authorization Key token_2"},
		},
		{"optional", "a: {type: http, scheme: bearer}", "security: [{}, {a: []}]", []string{"none: ", "a: token:secret, bearer token"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+"components: {securitySchemes: {"+row.schemes+"}}\n"+row.security+onePath)
			var sets []string
			for _, s := range got.GetParameterSets() {
				sets = append(sets, asked(s))
			}
			if diff := cmp.Diff(row.want, sets); diff != "" {
				t.Errorf("sets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatAnOperationNeedsTogetherIsOneSet(t *testing.T) {
	got := import3(t, head3+`
components:
  securitySchemes:
    a: {type: http, scheme: bearer}
    b: {type: apiKey, in: query, name: k}
    c: {type: apiKey, in: cookie, name: sid}
security: [{a: []}]
paths:
  /p:
    get: {security: [{c: [], b: []}], responses: {}}
    put: {security: [{b: [], c: []}, {a: []}], responses: {}}
`)
	var sets []string
	for _, s := range got.GetParameterSets() {
		sets = append(sets, asked(s))
	}
	want := []string{"a: token:secret, bearer token", "c+b: api_key:secret, api_key_2:secret, key api_key->sid, key api_key_2->k"}
	if diff := cmp.Diff(want, sets); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

func TestRequirementsOfOpenAPI3(t *testing.T) {
	got := import3(t, head3+`
components: {securitySchemes: {a: {type: mutualTLS}, o: {type: openIdConnect, openIdConnectUrl: https://id.example/d}}}
security: [{a: []}]
paths:
  /x: {get: {operationId: Root}, put: {operationId: Own, security: [{a: [], o: [read, write]}, {}]}, post: {operationId: None, security: []}}
webhooks: {w: {post: {operationId: Hook, security: [{ghost: []}]}}}
`)
	list := ""
	for _, op := range got.GetOperations() {
		list += op.GetOperationId() + "("
		for _, r := range op.GetSecurity() {
			for _, s := range r.GetSchemes() {
				list += s.GetSchemeId() + fmt.Sprint(s.GetScopes())
			}
			list += "|"
		}
		list += ")"
	}
	if diff := cmp.Diff("Root(a[]|)Own(a[]o[read write]||)None(|)Hook()", list); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"SecuritySchemeUndefined /webhooks/w/post/security/0/ghost"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
