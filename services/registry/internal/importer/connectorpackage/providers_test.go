package connectorpackage_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// presetNames finds the names of a preset of the credential vault: its id and
// the list of its aliases.
var presetNames = regexp.MustCompile(`(?m)^(?:id: (.+)|aliases: \[(.*)\])$`)

func TestProvidersThatTheVaultHasPresetsForAreKnown(t *testing.T) {
	presets, err := filepath.Glob("../../../../credential-vault/internal/provider/presets/*.yaml")
	if err != nil || len(presets) == 0 {
		t.Skip("the presets of the credential vault are not there")
	}
	for _, path := range presets {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range presetNames.FindAllStringSubmatch(string(text), -1) {
			for name := range strings.SplitSeq(m[1]+m[2], ",") {
				name = strings.Trim(name, ` "'`)
				_, codes := importProperties(t, "", `"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"`+name+`"}}}`)
				if len(codes) > 0 {
					t.Errorf("the provider %q of %s: findings %v", name, filepath.Base(path), codes)
				}
			}
		}
	}
}

func TestTemplatesOfProviders(t *testing.T) {
	const settings = "/properties/connectionParameters/token/oAuthSettings/customParameters/"
	for _, row := range []struct {
		name, templates, beside string
		want                    []string
	}{
		{"what every template can use", `"tokenBodyTemplate":{"value":"code={Code}&client_id={CLIENTID}&client_secret={ClientSecret}&redirect_uri={RedirectUrl}&scope={Scopes}&state={State}&r={RefreshToken}"}`, "", nil},
		{"what the owner supplies", `"tokenBodyTemplate":{"value":"t={Tenant}&r={Region}&{zone}"}`, `,"token:tenant":{"type":"string"},"region":{"type":"string"}`, []string{"OAuthPlaceholderUnknown " + settings + "tokenBodyTemplate"}},
		{"what other settings say", `"zone":{"value":"eu"},"refreshBodyTemplate":{"value":"{zone}"}`, "", nil},
		{"what nobody supplies", `"refreshBodyTemplate":{"value":"{US_domain}{EU_domain}{US_domain}"}`, "", []string{"OAuthPlaceholderUnknown " + settings + "refreshBodyTemplate", "OAuthPlaceholderUnknown " + settings + "refreshBodyTemplate"}},
		{"JSON is no placeholder", `"tokenBodyTemplate":{"value":"{\"code\":\"{Code}\", \"a\":{}}"}`, "", nil},
		{"an open brace", `"tokenBodyTemplate":{"value":"{Code"}`, "", nil},
		{"a secret in a page's address", `"authorizationUrlQueryStringTemplate":{"value":"?s={clientSecret}"}`, "", []string{"ClientSecretInURL " + settings + "authorizationUrlQueryStringTemplate"}},
		{"a setting that is no template", `"loginUri":{"value":"https://{nobody}"}`, "", nil},
		{"one that is too long to be looked into", `"tokenBodyTemplate":{"value":"{nobody}` + strings.Repeat("a", 9000) + `"}`, "", nil},
		{"hundreds", `"tokenBodyTemplate":{"value":"` + manyPlaceholders() + `"}`, "", slices.Repeat([]string{"OAuthPlaceholderUnknown " + settings + "tokenBodyTemplate"}, 20)},
	} {
		t.Run(row.name, func(t *testing.T) {
			custom := `"authorizationUrlTemplate":{"value":"https://a.example"},"tokenUrlTemplate":{"value":"https://t.example"},` + row.templates
			_, codes := importProperties(t, "", `"connectionParameters":{"token":{"type":"OAuthSetting","oAuthSettings":{"identityProvider":"oauth2generic","customParameters":{`+custom+`}}}`+row.beside+`}`)
			for i, c := range codes {
				codes[i] = strings.Replace(c, " apiProperties.json", "", 1)
			}
			if !slices.Equal(codes, row.want) {
				t.Errorf("findings %q, want %q", codes, row.want)
			}
		})
	}
}

func manyPlaceholders() string {
	var b strings.Builder
	for i := range 300 {
		b.WriteString("{p" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "}")
	}
	return b.String()
}

func TestUsersOfWindows(t *testing.T) {
	const gateway = `"gateway":{"type":"gatewaySetting"},`
	for _, row := range []struct {
		name, parameters string
		reported         bool
	}{
		{"a choice", gateway + `"authType":{"type":"string","allowedValues":[{"value":"basic"},{"value":"Windows"}]}`, true},
		{"the default", gateway + `"AuthType":{"type":"string","uiDefinition":{"constraints":{"default":"windows"}}}`, true},
		{"other ways", gateway + `"authType":{"type":"string","allowedValues":[{"value":"basic"}]}`, false},
		{"without an agent", `"authType":{"type":"string","allowedValues":[{"value":"windows"}]}`, false},
		{"an agent alone", `"gateway":{"type":"gatewaySetting"}`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, codes := importProperties(t, "", `"connectionParameters":{`+row.parameters+`}`)
			if got := len(codes) == 1 && strings.HasPrefix(codes[0], "AuthKindNotSupported ") && strings.Contains(strings.ToLower(codes[0]), "/authtype"); got != row.reported {
				t.Errorf("findings %v", codes)
			}
		})
	}
}

func TestClientCertificates(t *testing.T) {
	for _, row := range []struct {
		name, parameters string
		placed           string
		required         bool
	}{
		{"one", `"cert":{"type":"clientCertificate"}`, "cert", true},
		{"in odd case", `"cert":{"type":"ClientCertificate"}`, "cert", true},
		{"one that need not be there", `"cert":{"type":"clientCertificate","uiDefinition":{"constraints":{"required":"false"}}}`, "cert", false},
		{"one of a service principal", `"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"aad"}},"token:certificate":{"type":"clientCertificate"}`, "", false},
		{"none", `"key":{"type":"securestring"}`, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importProperties(t, "", `"connectionParameters":{`+row.parameters+`}`)
			set, placed := def.GetParameterSets()[0], ""
			for _, p := range set.GetPlacements() {
				placed += p.GetCertificate().GetParameter()
			}
			if placed != row.placed || len(codes) > 0 || row.placed != "" && set.GetParameters()[0].GetRequired() != row.required {
				t.Errorf("placed %q in %v, findings %v", placed, set, codes)
			}
		})
	}
}

// Definitions in OpenAPI 3 have more ways to authenticate than Swagger.
func TestHowParametersReachRequestsInOpenAPI3(t *testing.T) {
	const doc = `{"openapi":"3.0.3","info":{"title":"T"},"servers":[{"url":"https://api.example.com"}],"components":{"securitySchemes":{"s":%s}},"security":[{"s":[]}],"paths":{"/a":{"get":{"operationId":"A","responses":{}}}}}`
	for _, row := range []struct{ name, scheme, parameters, want string }{
		{"bearer", `{"type":"http","scheme":"bearer"}`, `"token":{"type":"securestring"}`, "bearer token"},
		{"bearer under another name", `{"type":"http","scheme":"bearer"}`, `"api_key":{"type":"securestring"}`, "bearer api_key"},
		{"bearer without a token", `{"type":"http","scheme":"bearer"}`, `"username":{"type":"string"},"password":{"type":"securestring"}`, ""},
		{"digest", `{"type":"http","scheme":"digest"}`, `"username":{"type":"string"},"password":{"type":"securestring"}`, "digest username password"},
		{"basic", `{"type":"http","scheme":"basic"}`, `"username":{"type":"string"},"password":{"type":"securestring"}`, "basic username password"},
		{"a certificate", `{"type":"mutualTLS"}`, `"cert":{"type":"clientCertificate"}`, "certificate cert"},
		{"a certificate that nobody has", `{"type":"mutualTLS"}`, `"key":{"type":"string"}`, ""},
		{"a key with text around it", `{"type":"apiKey","in":"header","name":"X","x-ferrule-value-template":"Token {value}"}`, `"api_key":{"type":"securestring"}`, "key api_key Token {value}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, _ := importFiles(t, files(strings.Replace(doc, "%s", row.scheme, 1), `{"properties":{"connectionParameters":{`+row.parameters+`}}}`))
			got := ""
			for _, p := range def.GetParameterSets()[0].GetPlacements() {
				got += placementText(p)
			}
			if got != row.want {
				t.Errorf("placements %q, want %q", got, row.want)
			}
		})
	}
}

func placementText(p *connectorv1.CredentialPlacement) string {
	switch kind := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		return "key " + kind.ApiKey.GetParameter() + " " + kind.ApiKey.GetTemplate()
	case *connectorv1.CredentialPlacement_Basic:
		return "basic " + kind.Basic.GetUsernameParameter() + " " + kind.Basic.GetPasswordParameter()
	case *connectorv1.CredentialPlacement_Digest:
		return "digest " + kind.Digest.GetUsernameParameter() + " " + kind.Digest.GetPasswordParameter()
	case *connectorv1.CredentialPlacement_Bearer:
		return "bearer " + kind.Bearer.GetParameter()
	case *connectorv1.CredentialPlacement_Certificate:
		return "certificate " + kind.Certificate.GetParameter()
	}
	return "?"
}
