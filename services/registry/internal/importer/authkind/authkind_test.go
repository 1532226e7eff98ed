package authkind_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
)

// The first two lines are IANA's registry of authentication schemes of HTTP; the
// others are what people write besides.
func TestEveryRegisteredSchemeIsSupportedOrSaidNotToBe(t *testing.T) {
	for scheme, typed := range map[string]bool{
		"Basic": true, "Bearer": true, "Digest": true,
		"Concealed": false, "DPoP": false, "GNAP": false, "HOBA": false, "Mutual": false, "Negotiate": false, "OAuth": false,
		"PrivateToken": false, "SCRAM-SHA-1": false, "SCRAM-SHA-256": false, "vapid": false,
		"NTLM": false, "Kerberos": false, "Hawk": false, "Signature": false, "EG1-HMAC-SHA256": false, "oauth1": false,
		"Token": true, "JWT": true, "ApiKey": true, "Zoho-oauthtoken": true,
	} {
		kind, not := authkind.HTTP(scheme)
		if not == typed || not && (kind.Name == "" || kind.Remedy == "") {
			t.Errorf("%s: %+v, %v", scheme, kind, not)
		}
	}
}

func TestATokenBehindTheWordOAuthCanBeTyped(t *testing.T) {
	for header, typed := range map[string]bool{
		"OAuth abc": true, "oauth {{token}}": true, `OAuth realm="x",oauth_nonce="1"`: false, "NTLM abc": false, "Token abc": true,
	} {
		scheme, credentials, _ := strings.Cut(header, " ")
		if _, not := authkind.Header(scheme, credentials); not == typed {
			t.Errorf("%s is not supported: %v", header, not)
		}
	}
}

func TestASetNamesEveryKindAndRemedyOnce(t *testing.T) {
	ntlm, _ := authkind.HTTP("ntlm")
	set := authkind.Set(ntlm, authkind.Unknown("odd"), ntlm)
	if got := set.GetUnsupported(); got.GetKind() != "NTLM and odd" || strings.Count(got.GetRemedy(), "proxy") != 1 || !strings.Contains(got.GetRemedy(), "if the API has one") {
		t.Errorf("got %v", got)
	}
	if len(set.GetParameters()) > 0 || len(set.GetPlacements()) > 0 {
		t.Errorf("it asks for something: %v", set)
	}
}

func TestASetOfKindsWithLongNamesIsADefinition(t *testing.T) {
	set := authkind.Set(authkind.Kind{Name: strings.Repeat("ü", 300), Remedy: strings.Repeat("ü", 300)})
	def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "x"}, ParameterSets: []*connectorv1.ParameterSet{set}}
	if err := definition.Validate(def); err != nil {
		t.Error(err)
	}
}
