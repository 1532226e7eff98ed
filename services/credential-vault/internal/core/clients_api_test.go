package core_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

const miasDraft = "environments/default/connectors/crm/revisions/2"

// draftOf makes revision 2 of the connector, which leads to mia's host, and has
// everything else in common with the published one.
func (l *login) draftOf(change func(*connectorv1.Definition)) {
	def := loginDefinition()
	change(def)
	l.defs.definitions[miasDraft] = def
}

func serverOfMias(def *connectorv1.Definition) {
	def.Servers = []*connectorv1.Server{{UrlTemplate: "https://api.mia.example"}}
}

func operationOfMias(def *connectorv1.Definition) {
	def.Operations = []*connectorv1.Operation{{Servers: []*connectorv1.Server{{UrlTemplate: "https://api.mia.example"}}}}
}

func TestNoDraftTakesTheTokensOfAMakersClientElsewhere(t *testing.T) {
	for title, draft := range map[string]func(*connectorv1.Definition){
		"a server of the definition": serverOfMias, "a server of an operation": operationOfMias,
		"the same host in clear": func(def *connectorv1.Definition) {
			def.Servers = []*connectorv1.Server{{UrlTemplate: "http://api.crm.example"}}
		},
		"another port": func(def *connectorv1.Definition) {
			def.Servers = []*connectorv1.Server{{UrlTemplate: "https://api.crm.example:8443"}}
		},
	} {
		for _, grant := range []oauth.Grant{oauth.ClientCredentials, oauth.AuthorizationCode} {
			t.Run(title+" with "+string(grant), func(t *testing.T) {
				l := newLogin(t)
				l.presets.grant = grant
				l.client()
				l.draftOf(draft)
				l.connect(func(d *core.Draft) { d.PinnedRevision = miasDraft })
				_, started := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
				wantReason(t, started, fault.ReasonHostNotAllowed)
				if grant == oauth.ClientCredentials {
					lent, err := l.lent()
					wantReason(t, err, fault.ReasonHostNotAllowed)
					if lent != nil || !strings.Contains(err.Error(), "updates the OAuth client") {
						t.Errorf("got %v, %v", lent, err)
					}
				}
				if len(l.tokens.secrets) != 0 {
					t.Errorf("%q went out", l.tokens.secrets)
				}
			})
		}
	}
}

func TestATokenStaysWhenItsConnectionIsPinnedToADraft(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.ClientCredentials
	l.client()
	l.draftOf(serverOfMias)
	l.connect()
	if _, err := l.lent(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.edited(core.Edit{PinnedRevision: miasDraft}, core.FieldPinnedRevision); err != nil {
		t.Fatal(err)
	}
	_, err := l.lent()
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if len(l.tokens.secrets) != 1 {
		t.Errorf("the provider was asked %d times", len(l.tokens.secrets))
	}
}

func TestAPublicationDoesNotTakeTokensElsewhereUntilTheMakerOfTheClientConfirmsIt(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.ClientCredentials
	l.client()
	serverOfMias(l.defs.definitions["crm"]) // is published
	l.connect()
	_, err := l.lent()
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if !strings.Contains(err.Error(), "https://api.mia.example") {
		t.Errorf("got %v", err)
	}
	// Who does not know the secrets does not confirm anything.
	_, err = l.editClient(core.ClientEdit{Settings: map[string]string{"tenant": "x"}}, core.ClientFieldSettings)
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if !strings.Contains(err.Error(), "api.mia.example") {
		t.Errorf("got %v", err)
	}
	// Nor does who exchanges a secret, and has looked at nothing.
	_, err = l.editClient(core.ClientEdit{Secrets: texts("client_secret", "canary-of-the-maker")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if !strings.Contains(err.Error(), "api.mia.example") || !strings.Contains(err.Error(), "--client-id") {
		t.Errorf("got %v", err)
	}
	c, err := l.editClient(core.ClientEdit{ClientID: "makers", Secrets: texts("client_secret", "canary-of-the-maker")}, core.ClientFieldClientID)
	if err != nil || !cmp.Equal(c.APIOrigins, []string{"https://api.mia.example:443"}) {
		t.Fatalf("got %v, %v", c.APIOrigins, err)
	}
	if _, err := l.lent(); err != nil {
		t.Errorf("confirmed, and yet %v", err)
	}
}

func TestWhereElseTokensOfAMakersClientMayGo(t *testing.T) {
	l := newLogin(t)
	l.presets.grant = oauth.ClientCredentials
	l.client()
	l.connect(func(d *core.Draft) { d.ServerURL = "https://ann.sandbox.example" })
	if _, err := l.lent(); err != nil {
		t.Errorf("an administrator allows it: %v", err)
	}
	l.draftOf(serverOfMias)
	own := func(d *core.Draft) {
		d.ID, d.PinnedRevision, d.Parameters["token:clientId"], d.Secrets = "crm-2", miasDraft, "anns", texts("token:clientSecret", "canary-of-ann")
	}
	l.connect(own)
	request := core.Request{Name: name("crm-2"), OperationID: "op"}
	if _, err := l.vault.Resolve(t.Context(), through("runtime-proxy", ann()), request); err != nil {
		t.Errorf("a client of ann's own goes where she likes: %v", err)
	}
}

func TestARegisteredClientThatAnAdministratorGivesASecretIsAMakers(t *testing.T) {
	l := newLogin(t)
	l.presets.register = true
	l.connect()
	l.start()
	clients, _, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default"})
	if err != nil || len(clients) != 1 || !clients[0].Registered {
		t.Fatalf("got %+v, %v", clients, err)
	}
	mine := core.ClientEdit{Name: clients[0].Name, Secrets: texts("client_secret", "canary")}
	_, err = l.vault.UpdateClient(t.Context(), user("mia", authn.RoleMaker), mine)
	wantReason(t, err, fault.ReasonPermissionDenied)
	c, err := l.vault.UpdateClient(t.Context(), admin(), mine)
	if err != nil || c.Registered || !cmp.Equal(c.APIOrigins, []string{"https://api.crm.example:443"}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestAMakersClientForAFurtherServerVouchesForItsAPIToo(t *testing.T) {
	l := newLogin(t)
	l.presets.register, l.presets.issuer = true, "https://login.crm.example/one"
	l.connect()
	l.start()
	l.presets.issuer = "https://login.crm.example/two"
	l.client(func(d *core.ClientDraft) { d.ID, d.ParameterSet = "further", "oauth at https://login.crm.example/two" })
	if a := l.start(); !strings.Contains(a.URL, "client_id=makers") {
		t.Errorf("got %s", a.URL)
	}
	l.draftOf(serverOfMias)
	if _, err := l.edited(core.Edit{PinnedRevision: miasDraft}, core.FieldPinnedRevision); err != nil {
		t.Fatal(err)
	}
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
}
