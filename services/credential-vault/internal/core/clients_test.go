package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// editClient changes the client "crm".
func (l *login) editClient(e core.ClientEdit, fields ...core.ClientField) (core.OAuthClient, error) {
	e.Name, e.Fields = clientName("crm"), fields
	return l.vault.UpdateClient(l.t.Context(), maker(), e)
}

func TestAClientAsItIsStored(t *testing.T) {
	l := newLogin(t)
	got := l.client(func(d *core.ClientDraft) {
		d.Method, d.Settings = oauth.SecretBasic, map[string]string{"Tenant": "contoso", "empty": ""}
		d.Secrets = texts("client_secret", " canary-of-the-maker\n", "private_key", privateKey())
	})
	want := core.OAuthClient{
		Name: clientName("crm"), UID: got.UID, Edits: 1, Connector: resource.Connector{Environment: "default", ID: "crm"}, ClientID: "makers",
		Method: oauth.SecretBasic, Settings: map[string]string{"Tenant": "contoso"}, SecretNames: []string{"client_secret", "private_key"}, Key: got.Key,
		TokenOrigins: []string{"https://login.crm.example:443"}, APIOrigins: []string{"https://api.crm.example:443"},
		Profiles: got.Profiles, Creator: "mia", CreateTime: l.clock.Now(), UpdateTime: l.clock.Now(),
	}
	if len(got.Profiles) == 0 || got.Profiles[0].Set != "oauth" || len(got.Profiles[0].Facets) == 0 {
		t.Errorf("it does not remember how its sign-in goes about: %+v", got.Profiles)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stored, err := l.vault.GetClient(t.Context(), maker(), clientName("crm"))
	if err != nil || !cmp.Equal(stored, want) {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	l.connect()
	l.signIn()
	if !cmp.Equal(l.tokens.secrets, []string{"canary-of-the-maker"}) {
		t.Errorf("the provider got %q", l.tokens.secrets)
	}
	records := l.audit()
	if !strings.Contains(records, "CLIENT_CHANGED mia crm [client_secret private_key]") {
		t.Errorf("the trail is %s", records)
	}
}

// audit returns the trail as text.
func (l *login) audit() string {
	l.t.Helper()
	var listing core.AuditListing
	listing.Environment, listing.PageSize = "default", 100
	records, _, err := l.vault.ListAudit(l.t.Context(), admin(), listing)
	if err != nil {
		l.t.Fatal(err)
	}
	var lines []string
	for _, r := range records {
		lines = append(lines, strings.Join([]string{r.Action.String(), r.Principal, r.OAuthClient + r.Connection.ID, "[" + strings.Join(r.SecretNames, " ") + "]", r.Host}, " "))
	}
	return strings.Join(lines, "\n")
}

func TestOnlyMakersSeeAndChangeClients(t *testing.T) {
	l := newLogin(t)
	l.client()
	for title, call := range map[string]func(c core.Caller) error{
		"create": func(c core.Caller) error {
			_, err := l.vault.CreateClient(t.Context(), c, core.ClientDraft{Environment: "default"})
			return err
		},
		"get": func(c core.Caller) error { _, err := l.vault.GetClient(t.Context(), c, clientName("crm")); return err },
		"list": func(c core.Caller) error {
			_, _, err := l.vault.ListClients(t.Context(), c, core.ClientListing{Environment: "default"})
			return err
		},
		"update": func(c core.Caller) error {
			_, err := l.vault.UpdateClient(t.Context(), c, core.ClientEdit{Name: clientName("crm")})
			return err
		},
		"delete": func(c core.Caller) error { return l.vault.DeleteClient(t.Context(), c, clientName("crm"), "") },
	} {
		for _, caller := range []core.Caller{ann(), itself("runtime-proxy"), itself("gateway")} {
			if err := call(caller); fault.ReasonOf(err) != fault.ReasonPermissionDenied {
				t.Errorf("%s: got %v", title, err)
			}
		}
	}
	if _, err := l.vault.GetClient(t.Context(), admin(), clientName("crm")); err != nil {
		t.Errorf("an administrator, who is a maker too, gets %v", err)
	}
}

func TestClientsThatAreRefused(t *testing.T) {
	for title, c := range map[string]struct {
		change func(*core.ClientDraft)
		want   fault.Reason
	}{
		"another environment":          {func(d *core.ClientDraft) { d.Environment = "prod" }, fault.ReasonEnvironmentNotFound},
		"a connector elsewhere":        {func(d *core.ClientDraft) { d.Connector.Environment = "staging" }, fault.ReasonInvalidArgument},
		"an unknown connector":         {func(d *core.ClientDraft) { d.Connector.ID = "nope" }, fault.ReasonConnectorNotFound},
		"an id that is not one":        {func(d *core.ClientDraft) { d.ID = "My client" }, fault.ReasonInvalidName},
		"no client id":                 {func(d *core.ClientDraft) { d.ClientID = "" }, fault.ReasonInvalidArgument},
		"a client id like a novel":     {func(d *core.ClientDraft) { d.ClientID = strings.Repeat("x", 2049) }, fault.ReasonInvalidArgument},
		"an unknown secret":            {func(d *core.ClientDraft) { d.Secrets = texts("secret", "canary") }, fault.ReasonConnectionParametersInvalid},
		"a secret of two lines":        {func(d *core.ClientDraft) { d.Secrets = texts("client_secret", "canary\ncanary") }, fault.ReasonConnectionParametersInvalid},
		"a certificate that is none":   {func(d *core.ClientDraft) { d.Secrets = texts("certificate", "canary") }, fault.ReasonConnectionParametersInvalid},
		"a set that is not there":      {func(d *core.ClientDraft) { d.ParameterSet = "nope" }, fault.ReasonOAuthSettingsInvalid},
		"a set without a sign-in":      {func(d *core.ClientDraft) { d.ParameterSet = "key" }, fault.ReasonOAuthSettingsInvalid},
		"an id that is taken":          {func(d *core.ClientDraft) { d.ParameterSet = "oauth" }, fault.ReasonOAuthClientExists},
		"a set that has one already":   {func(d *core.ClientDraft) { d.ID = "second" }, fault.ReasonOAuthClientExists},
		"no id, and a set that has it": {func(d *core.ClientDraft) { d.ID = "" }, fault.ReasonOAuthClientExists},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			l.client()
			d := core.ClientDraft{Environment: "default", ID: "crm", Connector: resource.Connector{Environment: "default", ID: "crm"}, ClientID: "x"}
			c.change(&d)
			_, err := l.vault.CreateClient(t.Context(), maker(), d)
			wantReason(t, err, c.want)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the refusal repeats a secret: %v", err)
			}
		})
	}
}

func TestTheClientOfASetComesBeforeTheOneOfAll(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.client(func(d *core.ClientDraft) { d.ID, d.ParameterSet, d.ClientID = "special", "oauth", "of-the-set" })
	l.connect()
	if a := l.start(); !strings.Contains(a.URL, "client_id=of-the-set") {
		t.Errorf("got %s", a.URL)
	}
	if err := l.vault.DeleteClient(t.Context(), maker(), clientName("special"), ""); err != nil {
		t.Fatal(err)
	}
	if a := l.start(); !strings.Contains(a.URL, "client_id=makers") {
		t.Errorf("got %s", a.URL)
	}
}

func TestAConnectionsOwnClientKeepsTheMakersSecretsOut(t *testing.T) {
	l := newLogin(t)
	l.client()
	l.connect(func(d *core.Draft) {
		d.Parameters["TOKEN:ClientID"] = "anns"
		d.Secrets = texts("token:clientsecret", " canary-of-ann ")
	})
	conn := l.connection()
	if conn.Parameters["token:clientId"] != "anns" || !cmp.Equal(conn.SecretNames, []string{"token:clientSecret"}) {
		t.Errorf("stored are %v, %v", conn.Parameters, conn.SecretNames)
	}
	if a := l.signIn(); a.State != core.AuthorizationSucceeded || !cmp.Equal(l.tokens.secrets, []string{"canary-of-ann"}) {
		t.Errorf("got %+v with %q", a, l.tokens.secrets)
	}
	if lent, err := l.lent(); err != nil || !cmp.Equal(lent, map[string]string{"token": "canary-access-1"}) {
		t.Errorf("the runtime got %v, %v", lent, err)
	}
}

func TestAMovedProviderGetsNobodysSecrets(t *testing.T) {
	for title, connect := range map[string]func(l *login){
		"of the maker": func(l *login) { l.client(); l.connect() },
		"of the owner": func(l *login) {
			l.connect(func(d *core.Draft) {
				d.Parameters["token:clientId"] = "anns"
				d.Secrets = texts("token:clientSecret", "canary-of-ann")
			})
		},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			connect(l)
			a := l.start()
			l.presets.token = "https://evil.example/token" // a new revision is published
			_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
			wantReason(t, err, fault.ReasonHostNotAllowed)
			l.receive(stateOf(t, a))
			if len(l.tokens.secrets) != 0 {
				t.Errorf("%q went out", l.tokens.secrets)
			}
		})
	}
}

func TestMetadataMayNameOtherHostsOnlyIfTheyCameFromWhereTheyDidBefore(t *testing.T) {
	l := newLogin(t)
	l.presets.metadata = "https://login.crm.example/.well-known/openid-configuration"
	l.tokens.found = &oauth.Endpoints{Authorization: "https://login.crm.example/a", Token: "https://tokens.crm.example/token"}
	c := l.client()
	if !cmp.Equal(c.TokenOrigins, []string{"https://login.crm.example:443", "https://tokens.crm.example:443"}) {
		t.Fatalf("got %v", c.TokenOrigins)
	}
	l.connect()
	l.start()
	l.tokens.found.Token = "https://elsewhere.crm.example/token" // the provider itself has moved it
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed) // the redirect URL does not stand for that
	if _, err := l.editClient(core.ClientEdit{ClientID: "makers", Secrets: texts("client_secret", "again")}, core.ClientFieldClientID); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.presets.metadata = "https://evil.example/.well-known/openid-configuration" // the connector has
	l.tokens.found.Token = "https://evil.example/token"
	_, err = l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonHostNotAllowed)
}

func TestAClientThatIsPointedElsewhereNeedsAllItsSecretsAgain(t *testing.T) {
	l := newLogin(t)
	l.client(func(d *core.ClientDraft) { d.Secrets = texts("client_secret", "one", "private_key", privateKey()) })
	l.presets.token = "https://new.crm.example/token"
	for title, secrets := range map[string]map[string]secret.Text{"none": nil, "one of two": texts("client_secret", "one")} {
		_, err := l.editClient(core.ClientEdit{ClientID: "x", Secrets: secrets}, core.ClientFieldClientID)
		wantReason(t, err, fault.ReasonConnectionParametersInvalid)
		if !strings.Contains(err.Error(), "new.crm.example") {
			t.Errorf("%s: got %v", title, err)
		}
	}
	got, err := l.editClient(core.ClientEdit{ClientID: "x", Secrets: texts("client_secret", "three", "private_key", "")}, core.ClientFieldClientID)
	if err != nil || !cmp.Equal(got.TokenOrigins, []string{"https://login.crm.example:443", "https://new.crm.example:443"}) || !cmp.Equal(got.SecretNames, []string{"client_secret"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestEditsOfAClient(t *testing.T) {
	l := newLogin(t)
	first := l.client()
	l.clock.Advance(time.Minute)
	second, err := l.editClient(core.ClientEdit{Method: oauth.SecretBasic, Settings: map[string]string{"a": "b"}, ClientID: "ignored"},
		core.ClientFieldAuthentication, core.ClientFieldSettings)
	if err != nil || second.Method != oauth.SecretBasic || second.Settings["a"] != "b" || second.ClientID != "makers" ||
		!cmp.Equal(second.SecretNames, first.SecretNames) || second.Etag() == first.Etag() {
		t.Fatalf("got %+v, %v", second, err)
	}
	for title, c := range map[string]struct {
		edit   core.ClientEdit
		fields []core.ClientField
		want   fault.Reason
	}{
		"an old etag":       {core.ClientEdit{Etag: first.Etag()}, nil, fault.ReasonEtagMismatch},
		"another connector": {core.ClientEdit{Connector: "environments/default/connectors/erp"}, nil, fault.ReasonInvalidArgument},
		"another set":       {core.ClientEdit{ParameterSet: "key"}, nil, fault.ReasonInvalidArgument},
		"no client id":      {core.ClientEdit{}, []core.ClientField{core.ClientFieldClientID}, fault.ReasonInvalidArgument},
		"an unknown secret": {core.ClientEdit{Secrets: texts("x", "y")}, nil, fault.ReasonConnectionParametersInvalid},
	} {
		_, err := l.editClient(c.edit, c.fields...)
		if fault.ReasonOf(err) != c.want {
			t.Errorf("%s: got %v", title, err)
		}
	}
	wantReason(t, l.vault.DeleteClient(t.Context(), maker(), clientName("crm"), first.Etag()), fault.ReasonEtagMismatch)
	if err := l.vault.DeleteClient(t.Context(), maker(), clientName("crm"), second.Etag()); err != nil {
		t.Fatal(err)
	}
	_, err = l.vault.GetClient(t.Context(), maker(), clientName("crm"))
	wantReason(t, err, fault.ReasonOAuthClientNotFound)
	again := l.client() // the name and the set are free
	if again.Etag() == second.Etag() || again.Etag() == first.Etag() {
		t.Error("an etag of the deleted client fits the new one")
	}
}

func TestClientsAreListedByPage(t *testing.T) {
	l := newLogin(t)
	for _, id := range []string{"a", "b", "c"} {
		l.defs.definitions[id] = loginDefinition()
		l.client(func(d *core.ClientDraft) { d.ID, d.Connector.ID = id, id })
	}
	var seen []string
	token := ""
	for {
		page, next, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default", PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			seen = append(seen, c.Name.ID)
		}
		if token = next; token == "" {
			break
		}
	}
	if !cmp.Equal(seen, []string{"a", "b", "c"}) {
		t.Errorf("got %v", seen)
	}
	only, _, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default", Connector: "b"})
	if err != nil || len(only) != 1 || only[0].Name.ID != "b" {
		t.Errorf("got %+v, %v", only, err)
	}
	_, _, err = l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "prod"})
	wantReason(t, err, fault.ReasonEnvironmentNotFound)
	_, _, err = l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default", PageToken: "x"})
	wantReason(t, err, fault.ReasonInvalidPageToken)
}

func TestACredentialOfAnotherConnectorIsNeverOpened(t *testing.T) {
	l := newLogin(t)
	l.defs.definitions["erp"] = loginDefinition()
	l.client(func(d *core.ClientDraft) { d.ID, d.Connector.ID, d.ClientID = "erp", "erp", "of-erp" })
	l.connect()
	_, err := l.vault.StartAuthorization(t.Context(), ann(), core.SignIn{Connection: name("crm-1")})
	wantReason(t, err, fault.ReasonOAuthClientMissing)
}
