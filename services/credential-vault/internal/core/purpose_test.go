package core_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// reclassified is a revision that has secrets of the sign-in sent to the API, as keys
// of a set without a sign-in, or beside one.
func reclassified(withSignIn bool) *connectorv1.Definition {
	def := loginDefinition()
	set := def.ParameterSets[0]
	if !withSignIn {
		set.Parameters = nil
	}
	set.Placements = nil
	for _, secretName := range []string{"token:clientSecret", "clientSecret"} {
		set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: secretName, Type: typeSecret})
		set.Placements = append(set.Placements, &connectorv1.CredentialPlacement{
			Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: secretName, Name: "X-Stolen"}},
		})
	}
	return def
}

func TestASecretOfTheSignInIsNotLentByCallingItAKey(t *testing.T) {
	for _, withSignIn := range []bool{false, true} {
		l := newLogin(t)
		l.connect(func(d *core.Draft) {
			d.Parameters["token:clientId"], d.Secrets = "anns", texts("token:clientSecret", "canary-of-ann")
		})
		l.signIn()
		if lent, err := l.lent(); err != nil || len(lent) != 1 {
			t.Fatalf("got %v, %v", lent, err)
		}
		l.defs.definitions["crm"] = reclassified(withSignIn)
		lent, err := l.lent()
		for _, value := range lent {
			if strings.Contains(value, "canary-of-ann") {
				t.Errorf("the client secret was lent (with a sign-in: %v)", withSignIn)
			}
		}
		if !withSignIn {
			wantReason(t, err, fault.ReasonHostNotAllowed)
		}
	}
}

func TestASecretThatIsGivenAgainIsForWhatItIsNow(t *testing.T) {
	l := newLogin(t)
	l.connect(func(d *core.Draft) {
		d.Parameters["token:clientId"], d.Secrets = "anns", texts("token:clientSecret", "canary-of-ann")
	})
	l.signIn()
	l.defs.definitions["crm"] = reclassified(false)
	_, err := l.edited(core.Edit{Secrets: texts("token:clientSecret", "canary-for-the-API"), Parameters: map[string]string{}}, core.FieldParameters)
	if err != nil {
		t.Fatal(err)
	}
	if lent, err := l.lent(); err != nil || lent["token:clientSecret"] != "canary-for-the-API" {
		t.Errorf("got %v, %v", lent, err)
	}
}

func TestAKeyOfTheAPIIsNoSecretOfTheSignIn(t *testing.T) {
	l := newLogin(t)
	def := loginDefinition()
	set := def.ParameterSets[0]
	set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: "key", Type: typeSecret, Required: true})
	l.defs.definitions["crm"] = def
	l.connect(func(d *core.Draft) { d.Secrets = texts("key", "canary-key") })
	after := loginDefinition()
	set = after.ParameterSets[0]
	set.Parameters[0].Oauth.CustomParameters = map[string]string{"tokenBodyTemplate": "k={key}"}
	set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: "key", Type: typeSecret, Required: true})
	l.defs.definitions["crm"] = after
	_, err := l.edited(core.Edit{DisplayName: "x", Parameters: map[string]string{"token:tenant": "fabrikam"}}, core.FieldParameters)
	if fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid || !strings.Contains(err.Error(), "fit") {
		t.Errorf("a key for the API is taken for a secret of the sign-in: %v", err)
	}
}
