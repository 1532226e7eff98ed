package connectorpackage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func TestSecretsThatNoRequestCarriesAreTold(t *testing.T) {
	const (
		key    = `"connectionParameters":{"api_key":{"type":"securestring"}}`
		unused = "SecretUnused apiProperties.json /properties/connectionParameters/api_key"
		code   = "exports.before = r => r"
	)
	for _, row := range []struct {
		name, schemes, properties string
		more                      []format.File
		want                      string
	}{
		{"no security definition", "", key, nil, unused},
		{"one that takes it", keyScheme, key, nil, ""},
		{"one that takes another", keyScheme, `"connectionParameters":{"api_key":{"type":"securestring"},"pin":{"type":"securestring"}}`, nil, strings.Replace(unused, "api_key", "pin", 1)},
		{
			"a policy that names it, in another case", "",
			key + `,"policyTemplateInstances":[{"templateId":"setheader","parameters":{"x-ms-apimTemplateParameter.name":"K","x-ms-apimTemplateParameter.value":"@connectionParameters('API_KEY')"}}]`,
			nil, "",
		},
		{"code, which may use it", "", key, []format.File{{Path: "script.js", Content: []byte(code)}}, ""},
		{"the secret of an OAuth client", "", `"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"oauth2"}},"token:clientSecret":{"type":"securestring"}}`, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, codes := importWhole(t, append(files(swagger(row.schemes), `{"properties":{`+row.properties+`}}`), row.more...))
			codes = slices.DeleteFunc(codes, func(c string) bool { return !isUnused(c) })
			if got := strings.Join(codes, "; "); got != row.want {
				t.Errorf("findings %q, want %q", got, row.want)
			}
		})
	}
}
