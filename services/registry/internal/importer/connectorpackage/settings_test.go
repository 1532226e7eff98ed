package connectorpackage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestWhatLimitsAParameter(t *testing.T) {
	for _, row := range []struct {
		name, in string
		want     *connectorv1.ConnectionParameter
		code     string
	}{
		{"typed characters are shown", `{"type":"securestring","uiDefinition":{"constraints":{"clearText":true}}}`, &connectorv1.ConnectionParameter{Type: secret, ClearText: true}, ""},
		{"a position", `{"type":"string","uiDefinition":{"tabIndex":9,"constraints":{"tabIndex":"3"}}}`, &connectorv1.ConnectionParameter{Type: plain, Order: 3}, ""},
		{"a position in its other place", `{"type":"string","uiDefinition":{"tabIndex":9}}`, &connectorv1.ConnectionParameter{Type: plain, Order: 9}, ""},
		{"a position that is none", `{"type":"string","uiDefinition":{"tabIndex":"first"}}`, &connectorv1.ConnectionParameter{Type: plain}, "ParameterOrderInvalid"},
		{"ways to reach the API", `{"type":"string","uiDefinition":{"constraints":{"capability":["gateway","cloud"]}}}`, &connectorv1.ConnectionParameter{Type: plain, Capabilities: []string{"gateway", "cloud"}}, ""},
		{"one way to reach the API", `{"type":"string","uiDefinition":{"constraints":{"capability":"cloud"}}}`, &connectorv1.ConnectionParameter{Type: plain, Capabilities: []string{"cloud"}}, ""},
		{
			"what it depends on", `{"type":"string","uiDefinition":{"constraints":{"dependencies":{"authType":{"values":["basic","windows"]},"n":[1]},"dependentParameter":{"parameter":"q","value":true}}}}`,
			&connectorv1.ConnectionParameter{Type: plain, Conditions: []*connectorv1.ParameterCondition{{Parameter: "authType", Values: []string{"basic", "windows"}}, {Parameter: "n", Values: []string{"1"}}, {Parameter: "q", Values: []string{"true"}}}}, "",
		},
		{"a certificate", `{"type":"clientCertificate"}`, &connectorv1.ConnectionParameter{Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE, Required: true}, ""},
		{"a list", `{"type":"array"}`, &connectorv1.ConnectionParameter{Type: plain}, "ConnectionParameterTypeUnsupported"},
		{"an object", `{"type":"object"}`, &connectorv1.ConnectionParameter{Type: plain}, "ConnectionParameterTypeUnsupported"},
		{"a secret object", `{"type":"secureObject"}`, &connectorv1.ConnectionParameter{Type: secret}, "ConnectionParameterTypeUnsupported"},
		{"an identity of another platform", `{"type":"managedIdentity"}`, &connectorv1.ConnectionParameter{Type: plain}, "ConnectionParameterTypeUnsupported"},
		{"a connection", `{"type":"connection"}`, &connectorv1.ConnectionParameter{Type: plain}, "ConnectionParameterTypeUnsupported"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importProperties(t, "", `"connectionParameters":{"p":`+row.in+`}`)
			row.want.Name, row.want.Source = "p", []byte(row.in)
			if diff := cmp.Diff(row.want, def.GetParameterSets()[0].GetParameters()[0], protocmp.Transform()); diff != "" {
				t.Errorf("parameter (-want +got):\n%s", diff)
			}
			if code, _, _ := strings.Cut(strings.Join(codes, ","), " "); code != row.code {
				t.Errorf("findings %v, want %q", codes, row.code)
			}
		})
	}
}

func TestIdentityProviders(t *testing.T) {
	for _, row := range []struct{ name, settings, beside, codes string }{
		{"generic", `"identityProvider":"oauth2","customParameters":{"AuthorizationUrl":{"value":"https://a"},"tokenURL":{"value":"https://t"}}`, "", ""},
		{"generic without URLs", `"identityProvider":"oauth2"`, "", "OAuthSettingMissing OAuthSettingMissing"},
		{"generic with URLs of the connection", `"identityProvider":"oauth2"`, `,"token:authorizationUrl":{"type":"string"},"token:tokenUrl":{"type":"string"}`, ""},
		{"with templates", `"identityProvider":"oauth2generic","customParameters":{"authorizationUrlTemplate":{"value":"a"},"tokenUrlTemplate":{"value":"t"}}`, "", ""},
		{"with half the templates", `"identityProvider":"oauth2generic","customParameters":{"authorizationUrlTemplate":{"value":"a"}}`, "", "OAuthSettingMissing"},
		{"proof keys", `"identityProvider":"oauth2pkce","customParameters":{"authorizationUrl":{"value":"a"},"tokenUrl":{"value":"t"}}`, "", ""},
		{"discovery", `"identityProvider":"oauth2pkcewithprm"`, "", ""},
		{"one that needs nothing", `"identityProvider":"AAD"`, "", ""},
		{"another in odd case", `"identityProvider":"DocuSign"`, "", ""},
		{"a sales one", `"identityProvider":"SalesforceV2"`, "", ""},
		{"one that nobody knows", `"identityProvider":"mine"`, "", "IdentityProviderUnknown"},
		{"none", `"customParameters":{"authorizationUrl":{"value":"a"},"tokenUrl":{"value":"t"}}`, "", "IdentityProviderMissing"},
		{"a setting twice", `"identityProvider":"aad","customParameters":{"LoginUri":{"value":"a"},"loginUri":{"value":"b"}}`, "", "OAuthParameterDuplicate"},
		{"a redirect mode that nobody knows", `"identityProvider":"aad","redirectMode":"Sideways"`, "", "RedirectModeUnknown"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importProperties(t, "", `"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{`+row.settings+`}}`+row.beside+`}`)
			var got []string
			for _, c := range codes {
				code, _, _ := strings.Cut(c, " ")
				got = append(got, code)
			}
			if strings.Join(got, " ") != row.codes {
				t.Errorf("findings %v, want %q", codes, row.codes)
			}
			settings := def.GetParameterSets()[0].GetParameters()[0].GetOauth()
			if p := settings.GetIdentityProvider(); p == "" || p != strings.ToLower(p) {
				t.Errorf("provider %q", p)
			}
		})
	}
}

func TestURLsOfTheSecurityDefinitionCountForTheProvider(t *testing.T) {
	const scheme = `"securityDefinitions":{"o":{"type":"oauth2","flow":"accessCode","authorizationUrl":"https://a.example","tokenUrl":"https://t.example"}},`
	if _, codes := importProperties(t, scheme, `"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"oauth2"}}}`); len(codes) != 0 {
		t.Errorf("findings %v", codes)
	}
}

func TestGrantsRedirectModesAndAdditionalParameters(t *testing.T) {
	def, codes := importProperties(t, "", `"connectionParameters":{"token":{"type":"oauthsetting","oAuthSettings":{
		"identityProvider":"aad","redirectMode":"globalperconnector","scopes":"a b",
		"customParameters":{"GrantType":{"value":"client_credentials"},"grant":{"value":"x"}},
		"additionalParameters":{"region":{"type":"string"},"certificate":{"type":"SecureString","applicableWhen":[{"parameter":"region","oneOf":["eu","us"]},{"parameter":"x","oneOf":"y"}]},"odd":{"type":"int"}}}}}`)
	want := &connectorv1.OAuthSettings{
		IdentityProvider: "aad", RedirectMode: "GlobalPerConnector", Scopes: []string{"a", "b"}, Grant: "clientCredentials",
		CustomParameters: map[string]string{"GrantType": "client_credentials", "grant": "x"},
		AdditionalParameters: []*connectorv1.OAuthAdditionalParameter{
			{Name: "region", Type: plain},
			{Name: "certificate", Type: secret, Conditions: []*connectorv1.ParameterCondition{{Parameter: "region", Values: []string{"eu", "us"}}, {Parameter: "x", Values: []string{"y"}}}},
			{Name: "odd", Type: secret},
		},
	}
	if diff := cmp.Diff(want, def.GetParameterSets()[0].GetParameters()[0].GetOauth(), protocmp.Transform()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if len(codes) != 1 || !strings.HasPrefix(codes[0], "ConnectionParameterTypeUnknown ") {
		t.Errorf("findings %v", codes)
	}
}

func TestSubParametersBelongToAnOAuthParameter(t *testing.T) {
	const token = `"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"aad"}}`
	for _, row := range []struct{ name, parameters, code string }{
		{"of the token", token + `,"token:TenantId":{"type":"string"}`, ""},
		{"of the token in other case", token + `,"Token:clientSecret":{"type":"securestring"}`, ""},
		{"of nothing", `"token:TenantId":{"type":"string"}`, "SubParameterWithoutOwner"},
		{"of something else", `"token":{"type":"string"},"token:TenantId":{"type":"string"}`, "SubParameterWithoutOwner"},
		{"that is a token itself", token + `,"token:more":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"aad"}}`, "SubParameterTypeInvalid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, codes := importProperties(t, "", `"connectionParameters":{`+row.parameters+`}`)
			if code, _, _ := strings.Cut(strings.Join(codes, ","), " "); code != row.code {
				t.Errorf("findings %v, want %q", codes, row.code)
			}
		})
	}
}
