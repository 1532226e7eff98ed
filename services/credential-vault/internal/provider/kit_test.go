package provider_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

const redirect = "https://ferrule.example/v1/oauth/callback"

// Short names for the types of parameters.
const (
	plainType  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	secretType = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	oauthType  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
)

// connector is a definition with one parameter set that signs in.
type connector struct {
	identity   string
	clientID   string
	grant      string
	scopes     []string
	custom     map[string]string
	properties map[string]string
	additional []*connectorv1.OAuthAdditionalParameter
	declared   []*connectorv1.ConnectionParameter
	flows      []*connectorv1.OAuth2Flow
	metadata   string
	openID     string
	server     string
}

func (c connector) build() (*connectorv1.Definition, *connectorv1.ParameterSet) {
	set := &connectorv1.ParameterSet{
		Name: "default",
		Parameters: append([]*connectorv1.ConnectionParameter{{
			Name: "token", Type: oauthType, Oauth: &connectorv1.OAuthSettings{
				IdentityProvider: c.identity, ClientId: c.clientID, Grant: c.grant, Scopes: c.scopes,
				CustomParameters: c.custom, Properties: c.properties, AdditionalParameters: c.additional,
			},
		}}, c.declared...),
		Placements: []*connectorv1.CredentialPlacement{{
			SchemeId: "auth",
			Kind:     &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}},
		}},
	}
	def := &connectorv1.Definition{ParameterSets: []*connectorv1.ParameterSet{set}}
	switch {
	case c.openID != "":
		def.SecuritySchemes = []*connectorv1.SecurityScheme{{Id: "auth", Kind: &connectorv1.SecurityScheme_OpenIdConnect{
			OpenIdConnect: &connectorv1.OpenIdConnectScheme{Url: c.openID},
		}}}
	case c.flows != nil || c.metadata != "":
		def.SecuritySchemes = []*connectorv1.SecurityScheme{{Id: "auth", Kind: &connectorv1.SecurityScheme_Oauth2{
			Oauth2: &connectorv1.OAuth2Scheme{Flows: c.flows, MetadataUrl: c.metadata},
		}}}
	}
	if c.server != "" {
		def.Servers = []*connectorv1.Server{{UrlTemplate: c.server}}
	}
	return def, set
}

// loaded reads the presets once: they never change.
var loaded = sync.OnceValues(provider.Load)

// load returns the presets.
func load(t testing.TB) *provider.Set {
	t.Helper()
	set, err := loaded()
	if err != nil {
		t.Fatalf("loading presets: %v", err)
	}
	return set
}

// maker is the client of a connector's maker.
func maker(settings map[string]string) *provider.Client {
	return &provider.Client{
		Registration: oauth.Registration{ID: "maker-client", Secret: secret.FromString("maker-secret-not-real")}, Settings: settings,
	}
}

// given returns what a connection has: values by name, those of secrets marked
// with a leading "!".
func given(client *provider.Client, values map[string]string) provider.Given {
	g := provider.Given{Plain: map[string]string{}, Secrets: map[string]secret.Text{}, Client: client, RedirectURL: redirect}
	for name, value := range values {
		if text, ok := strings.CutPrefix(value, "!"); ok {
			g.Secrets[name] = secret.FromString(text)
		} else {
			g.Plain[name] = value
		}
	}
	return g
}

// profile makes a profile that has to exist.
func profile(t *testing.T, c connector, g provider.Given) *oauth.Profile {
	t.Helper()
	def, set := c.build()
	p, err := load(t).Profile(def, set, g)
	if err != nil {
		t.Fatalf("making the profile: %v (%v)", err, fault.From(err).Violations())
	}
	return p
}

// refused returns the error of a profile that must not exist.
func refused(t *testing.T, c connector, g provider.Given) *fault.Error {
	t.Helper()
	def, set := c.build()
	p, err := load(t).Profile(def, set, g)
	if err == nil {
		t.Fatalf("there is a profile: %+v", p.Endpoints)
	}
	return fault.From(err)
}

// form makes a form that has to exist.
func form(t *testing.T, c connector) provider.Form {
	t.Helper()
	def, set := c.build()
	f, err := load(t).Form(def, set)
	if err != nil {
		t.Fatalf("making the form: %v", err)
	}
	return f
}

// fields are the names of a form's fields.
func fields(f provider.Form) []string {
	var names []string
	for _, field := range f.Fields {
		names = append(names, field.Name)
	}
	return names
}

// field returns one field of a form.
func field(t *testing.T, f provider.Form, name string) provider.Field {
	t.Helper()
	i := slices.IndexFunc(f.Fields, func(field provider.Field) bool { return field.Name == name })
	if i < 0 {
		t.Fatalf("the form has no field %q; it has %v", name, fields(f))
	}
	return f.Fields[i]
}

// parameter returns the value of a request's parameter, "" if it is not there.
func parameter(list []oauth.Parameter, name string) string {
	for _, p := range list {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// violated are the names of the settings that an error complains about, sorted.
func violated(err *fault.Error) []string {
	var names []string
	for _, v := range err.Violations() {
		names = append(names, v.Field)
	}
	slices.Sort(names)
	return names
}
