package core_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestAFormSaysWhatAConnectionTakes(t *testing.T) {
	l := newLogin(t)
	def := loginDefinition()
	def.Servers[0] = &connectorv1.Server{UrlTemplate: "https://{region}.crm.example", Variables: []*connectorv1.ServerVariable{
		{Name: "region", DefaultValue: "eu", AllowedValues: []string{"eu", "us"}, Description: "Where"},
	}}
	def.ParameterSets[0].Parameters = append(def.ParameterSets[0].Parameters,
		&connectorv1.ConnectionParameter{Name: "first", Order: 1, Type: typeString, Required: true, Title: "First"},
		&connectorv1.ConnectionParameter{Name: "hush", Type: typeSecret, DefaultValue: "changeme", Required: true},
		&connectorv1.ConnectionParameter{Name: "plan", Type: typeString, Required: true, DefaultValue: "free", AllowedValues: []*connectorv1.AllowedValue{{Value: "free"}}})
	def.ParameterSets = append(def.ParameterSets, &connectorv1.ParameterSet{Name: "private", Parameters: []*connectorv1.ConnectionParameter{
		{Name: "gateway", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT, Required: true},
	}})
	l.defs.definitions["crm"] = def
	crm := resource.Connector{Environment: "default", ID: "crm"}
	got, err := l.vault.Form(t.Context(), crm)
	if err != nil {
		t.Fatal(err)
	}
	region := core.FormField{Name: "region", Description: "Where", Default: "eu", Allowed: []string{"eu", "us"}}
	want := core.ConnectionForm{
		Connector: crm,
		Sets: []core.FormSet{
			{
				Name: "oauth", Title: "Sign in",
				Fields: []core.FormField{
					{Name: "first", Title: "First", Required: true},
					{Name: "locale", Default: "en"},
					{Name: "hush", Secret: true, Required: true},
					{Name: "plan", Default: "free", Allowed: []string{"free"}},
					{Name: "token:clientId", Title: "Client id", OfProvider: true},
					{Name: "token:clientSecret", Title: "Client secret", Secret: true, OfProvider: true},
					{Name: "token:tenant", Title: "Tenant", Required: true, OfProvider: true},
					{Name: "token:username", OfProvider: true},
					{Name: "token:password", Secret: true, OfProvider: true},
					{Name: "token:region", Default: "eu", Allowed: []string{"eu", "us"}, OfProvider: true},
					region,
				},
				SignIn: &core.FormSignIn{
					Grant: oauth.AuthorizationCode, Provider: "crm", ClientMissing: true, DocumentationURL: "https://docs.crm.example", Scopes: []string{"read"},
				},
			},
			{Name: "key", Fields: []core.FormField{{Name: "api_key", Secret: true, Required: true}, region}},
			{Name: "private", Unsupported: "it needs an agent in a private network, which this server cannot do"},
		},
		APIOrigins: []string{"https://eu.crm.example:443", "https://us.crm.example:443"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	l.client(func(d *core.ClientDraft) { d.Settings = map[string]string{"Tenant": "contoso"} })
	got, err = l.vault.Form(t.Context(), crm)
	if err != nil {
		t.Fatal(err)
	}
	if in := got.Sets[0].SignIn; in.ClientMissing || in.Client != clientName("crm") {
		t.Errorf("with a client it says %+v", in)
	}
	if tenant := got.Sets[0].Fields[6]; tenant.Name != "token:tenant" || tenant.Required {
		t.Errorf("what the client supplies is still asked for: %+v", tenant)
	}
}

func TestTheUsualWayStandsFirstInAForm(t *testing.T) {
	l := newLogin(t)
	def := loginDefinition()
	def.ParameterSets = []*connectorv1.ParameterSet{{Name: "agent", Parameters: []*connectorv1.ConnectionParameter{
		{Name: "gateway", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT, Required: true},
	}}, def.GetParameterSets()[1]}
	l.defs.definitions["crm"] = def
	got, err := l.vault.Form(t.Context(), resource.Connector{Environment: "default", ID: "crm"})
	if err != nil || got.Sets[0].Name != "key" || got.Sets[1].Unsupported == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAFormSaysWhatCannotBeDoneAndWhatToDoInstead(t *testing.T) {
	l := newLogin(t)
	def := loginDefinition()
	def.ParameterSets = []*connectorv1.ParameterSet{{Name: "default", Unsupported: &connectorv1.UnsupportedAuthentication{
		Kind: "NTLM", Remedy: "put a proxy that does NTLM in front of the API",
	}}}
	l.defs.definitions["crm"] = def
	got, err := l.vault.Form(t.Context(), resource.Connector{Environment: "default", ID: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	want := "the API authenticates with NTLM, which this server cannot do; put a proxy that does NTLM in front of the API"
	if len(got.Sets) != 1 || got.Sets[0].Unsupported != want || got.Sets[0].Fields != nil {
		t.Errorf("got %+v", got.Sets)
	}
}

func TestFormsOfWhatIsNotThere(t *testing.T) {
	l := newLogin(t)
	_, err := l.vault.Form(t.Context(), resource.Connector{Environment: "default", ID: "nope"})
	wantReason(t, err, fault.ReasonConnectorNotFound)
	_, err = l.vault.Form(t.Context(), resource.Connector{Environment: "prod", ID: "crm"})
	wantReason(t, err, fault.ReasonEnvironmentNotFound)
	l.defs.definitions["bare"] = &connectorv1.Definition{}
	got, err := l.vault.Form(t.Context(), resource.Connector{Environment: "default", ID: "bare"})
	if err != nil || len(got.Sets) != 1 || got.Sets[0].Name != "default" || got.Sets[0].SignIn != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestProvidersAreThoseOfThePresets(t *testing.T) {
	if got := newLogin(t).vault.Providers(); len(got) != 1 || got[0].ID != "crm" {
		t.Errorf("got %+v", got)
	}
}

func TestValuesOfASignInThatDoNotFit(t *testing.T) {
	for title, c := range map[string]struct {
		change func(*core.Draft)
		field  string
	}{
		"a setting is missing":            {func(d *core.Draft) { d.Parameters = nil }, `connection.parameters["token:tenant"]`},
		"a setting in two spellings":      {func(d *core.Draft) { d.Parameters["TOKEN:tenant"] = "canary" }, `connection.parameters["token:tenant"]`},
		"a secret in the open":            {func(d *core.Draft) { d.Parameters["token:clientSecret"] = "canary" }, `connection.parameters["token:clientSecret"]`},
		"a plain setting as a secret":     {func(d *core.Draft) { d.Secrets = texts("token:region", "canary") }, `secrets["token:region"]`},
		"a choice that is not offered":    {func(d *core.Draft) { d.Parameters["token:region"] = "canary" }, `connection.parameters["token:region"]`},
		"a setting of two lines":          {func(d *core.Draft) { d.Parameters["token:tenant"] = "a\ncanary" }, `connection.parameters["token:tenant"]`},
		"a setting that nobody knows":     {func(d *core.Draft) { d.Parameters["token:canary"] = "x" }, `connection.parameters["token:canary"]`},
		"a token that was copied":         {func(d *core.Draft) { d.Secrets = texts("token", "canary") }, `secrets["token"]`},
		"a token in the open":             {func(d *core.Draft) { d.Parameters["token"] = "canary" }, `connection.parameters["token"]`},
		"a setting that is much too long": {func(d *core.Draft) { d.Parameters["token:tenant"] = string(make([]byte, 9000)) }, `connection.parameters["token:tenant"]`},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLogin(t)
			d := core.Draft{
				Environment: "default", ID: "crm-1", Connector: resource.Connector{Environment: "default", ID: "crm"}, ParameterSet: "oauth",
				Parameters: map[string]string{"token:tenant": "contoso"},
			}
			c.change(&d)
			_, err := l.vault.Create(t.Context(), ann(), d)
			wantReason(t, err, fault.ReasonConnectionParametersInvalid)
			if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != c.field {
				t.Errorf("violations are %v", v)
			}
		})
	}
}

func TestAGrantCanBeChosen(t *testing.T) {
	for _, spelled := range []string{"client_credentials", "clientCredentials"} {
		l := newLogin(t)
		def := loginDefinition()
		def.ParameterSets[0].Parameters = append(def.ParameterSets[0].Parameters, &connectorv1.ConnectionParameter{Name: "token:grantType", Type: typeString})
		l.defs.definitions["crm"] = def
		if conn := l.connect(func(d *core.Draft) { d.Parameters["token:granttype"] = spelled }); conn.State != core.StateConnected {
			t.Errorf("%s: got %v, %v", spelled, conn.State, conn.Parameters)
		}
	}
}

func TestFieldsOfOneTitleAreToldApart(t *testing.T) {
	l := newLogin(t)
	def := loginDefinition()
	key := func(name, title string) *connectorv1.ConnectionParameter {
		return &connectorv1.ConnectionParameter{Name: name, Title: title, Type: typeSecret}
	}
	placed := func(name, as string, at connectorv1.CredentialLocation) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: name, Name: as, Location: at}}}
	}
	def.ParameterSets = []*connectorv1.ParameterSet{{
		Name:       "keys",
		Parameters: []*connectorv1.ConnectionParameter{key("api_key", "API key"), key("api_key_2", "API key"), key("api_key_3", "API Key"), key("other", "Other"), key("plain", "")},
		Placements: []*connectorv1.CredentialPlacement{
			placed("api_key", "X-Api-Key", connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER),
			placed("api_key_2", "app", connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY),
		},
	}}
	l.defs.definitions["crm"] = def
	form, err := l.vault.Form(t.Context(), resource.Connector{Environment: "default", ID: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, field := range form.Sets[0].Fields {
		got = append(got, field.Title)
	}
	want := []string{"API key (header X-Api-Key)", "API key (query app)", "API Key (api_key_3)", "Other", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
