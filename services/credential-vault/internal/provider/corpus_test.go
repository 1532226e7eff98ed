package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// corpus returns a directory of published API descriptions, or skips the test.
func corpus(t *testing.T, kind string) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		found := filepath.Join(dir, "shared", "corpus", kind)
		if _, err := os.Stat(found); err == nil {
			return found
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Skipf("the corpus is not there: no directory shared/corpus/%s around this one", kind)
	return ""
}

// sample is one sign-in of a published connector.
type sample struct {
	file string
	def  *connectorv1.Definition
	set  *connectorv1.ParameterSet
}

// unusable are the packages of the corpus whose authors have left out what nobody
// can guess, and what is missing in them.
var unusable = map[string]string{
	"certified-connectors/CandidateZip": "the URLs say that they are to be replaced",
}

func TestThePackagesOfTheCorpusSignIn(t *testing.T) {
	t.Parallel()
	presets, samples := load(t), packages(t, corpus(t, "powerplatform"))
	if len(samples) < 100 {
		t.Fatalf("the corpus has %d sign-ins only", len(samples))
	}
	forms, profiles, reaches := 0, 0, 0
	for _, s := range samples {
		f, err := presets.Form(s.def, s.set)
		if err != nil || f.Parameter == "" || len(f.Grants) == 0 {
			t.Errorf("%s: no form: %v", s.file, err)
			continue
		}
		forms++
		folder := filepath.ToSlash(filepath.Dir(s.file))
		p, err := presets.Profile(s.def, s.set, madeUp(s.set, f))
		if _, known := unusable[folder]; known {
			if fault.ReasonOf(err) != fault.ReasonOAuthSettingsInvalid {
				t.Errorf("%s is said to be unusable, but: %v", s.file, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: no profile: %v", s.file, err)
			continue
		}
		profiles++
		if p.Endpoints.Token == "" || p.Endpoints.Authorization == "" {
			t.Errorf("%s: endpoints are missing: %+v", s.file, p.Endpoints)
		}
		if _, err := presets.Reach(s.def, s.set, maker(nil)); err == nil {
			reaches++
		} else if fault.ReasonOf(err) != fault.ReasonOAuthSettingsInvalid {
			t.Errorf("%s: where a secret may go: %v", s.file, err)
		} else {
			t.Logf("%s: %v", s.file, err)
		}
	}
	t.Logf("%d sign-ins: %d have a form, %d a profile (%d are known to be unusable), %d can share a client",
		len(samples), forms, profiles, len(samples)-profiles, reaches)
}

// madeUp gives every field of a form and every parameter of a set a value.
func madeUp(set *connectorv1.ParameterSet, f provider.Form) provider.Given {
	values := map[string]string{}
	for _, p := range set.GetParameters() {
		switch {
		case p.GetType() == oauthType:
		case len(p.GetAllowedValues()) > 0:
			values[p.GetName()] = p.GetAllowedValues()[0].GetValue()
		case p.GetDefaultValue() != "":
			values[p.GetName()] = p.GetDefaultValue()
		case p.GetType() == secretType:
			values[p.GetName()] = "!not-a-real-secret"
		default:
			values[p.GetName()] = plausible(p.GetName())
		}
	}
	for _, field := range f.Fields {
		if field.Required && (field.Grants == nil || slices.Contains(field.Grants, f.Grants[0])) {
			values[field.Name] = plausible(field.Name)
		}
	}
	return given(maker(nil), values)
}

// plausible is a value that fits the name of a setting.
func plausible(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.Contains(name, "url") || strings.Contains(name, "uri") || strings.HasSuffix(name, ":env"):
		return "https://idp.example.com"
	case strings.Contains(name, "auth") || strings.Contains(name, "host") && !strings.Contains(name, "prefix"):
		return "idp.example.com"
	}
	return "value"
}

// packages reads the sign-ins of all connector packages below a folder.
func packages(t *testing.T, root string) []sample {
	t.Helper()
	var samples []sample
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "apiProperties.json" {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, set := range packageSets(t, path) {
			samples = append(samples, sample{file: name, def: packageDefinition(t, path, set), set: set})
		}
		return nil
	})
	if err != nil {
		t.Fatalf("reading the corpus: %v", err)
	}
	return samples
}

// packageParameter is a connection parameter as packages write it.
type packageParameter struct {
	Type          string
	OAuthSettings struct {
		IdentityProvider, ClientID any
		Scopes                     []string
		CustomParameters           map[string]struct{ Value any }
		Properties                 map[string]any
		AdditionalParameters       map[string]struct{ Type string }
	} `json:"oAuthSettings"`
	AllowedValues []struct{ Value string }
	DefaultValue  any
	UIDefinition  struct {
		Constraints struct {
			AllowedValues []struct{ Value string }
		}
	} `json:"uiDefinition"`
}

// packageSets returns the parameter sets of one package that sign in.
func packageSets(t *testing.T, file string) []*connectorv1.ParameterSet {
	t.Helper()
	var document struct {
		Properties struct {
			ConnectionParameters    map[string]packageParameter
			ConnectionParameterSets struct {
				Values []struct {
					Name       string
					Parameters map[string]packageParameter
				}
			}
		}
	}
	readJSON(t, file, &document)
	var sets []*connectorv1.ParameterSet
	add := func(name string, parameters map[string]packageParameter) {
		set := &connectorv1.ParameterSet{Name: name}
		signsIn := false
		for name, p := range parameters {
			parameter := p.translate(name)
			set.Parameters = append(set.Parameters, parameter)
			if parameter.GetType() == oauthType {
				signsIn = true
				set.Placements = []*connectorv1.CredentialPlacement{{SchemeId: "auth", Kind: &connectorv1.CredentialPlacement_Bearer{
					Bearer: &connectorv1.BearerPlacement{Parameter: name},
				}}}
			}
		}
		if signsIn {
			sets = append(sets, set)
		}
	}
	add("default", document.Properties.ConnectionParameters)
	for _, set := range document.Properties.ConnectionParameterSets.Values {
		add(set.Name, set.Parameters)
	}
	return sets
}

// readJSON reads a file that may begin with a byte order mark.
func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), into); err != nil {
		t.Logf("%s: %v", file, err)
	}
}

// translate makes the parameter as the importer of packages does.
func (p packageParameter) translate(name string) *connectorv1.ConnectionParameter {
	out := &connectorv1.ConnectionParameter{Name: name, Type: plainType, DefaultValue: words(p.DefaultValue)}
	for _, a := range append(p.AllowedValues, p.UIDefinition.Constraints.AllowedValues...) {
		out.AllowedValues = append(out.AllowedValues, &connectorv1.AllowedValue{Value: a.Value})
	}
	switch strings.ToLower(p.Type) {
	case "securestring":
		out.Type = secretType
	case "oauthsetting":
		out.Type = oauthType
		settings := p.OAuthSettings
		out.Oauth = &connectorv1.OAuthSettings{
			IdentityProvider: strings.ToLower(words(settings.IdentityProvider)), ClientId: words(settings.ClientID),
			CustomParameters: map[string]string{}, Properties: map[string]string{},
		}
		for _, s := range settings.Scopes {
			out.Oauth.Scopes = append(out.Oauth.Scopes, strings.Fields(s)...)
		}
		for name, c := range settings.CustomParameters {
			out.Oauth.CustomParameters[name] = words(c.Value)
			if strings.EqualFold(name, "grantType") && words(c.Value) == "code" {
				out.Oauth.Grant = "authorizationCode"
			}
		}
		for name, value := range settings.Properties {
			out.Oauth.Properties[name] = words(value)
		}
		for name, a := range settings.AdditionalParameters {
			additional := &connectorv1.OAuthAdditionalParameter{Name: name, Type: plainType}
			if strings.EqualFold(a.Type, "securestring") {
				additional.Type = secretType
			}
			out.Oauth.AdditionalParameters = append(out.Oauth.AdditionalParameters, additional)
		}
	}
	return out
}

// words is a scalar as text.
func words(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// packageDefinition reads the OAuth flow of the package's API description.
func packageDefinition(t *testing.T, file string, set *connectorv1.ParameterSet) *connectorv1.Definition {
	t.Helper()
	var document struct {
		Host                string
		SecurityDefinitions map[string]struct {
			Type, Flow, AuthorizationURL, TokenURL string
		}
	}
	readJSON(t, filepath.Join(filepath.Dir(file), "apiDefinition.swagger.json"), &document)
	def := &connectorv1.Definition{ParameterSets: []*connectorv1.ParameterSet{set}}
	if document.Host != "" {
		def.Servers = []*connectorv1.Server{{UrlTemplate: "https://" + document.Host}}
	}
	for _, s := range document.SecurityDefinitions {
		if s.Type == "oauth2" {
			def.SecuritySchemes = []*connectorv1.SecurityScheme{scheme("auth", &connectorv1.OAuth2Flow{
				Grant:            map[string]string{"accessCode": "authorizationCode", "application": "clientCredentials"}[s.Flow],
				AuthorizationUrl: s.AuthorizationURL, TokenUrl: s.TokenURL,
			})}
			break
		}
	}
	return def
}

func scheme(id string, flows ...*connectorv1.OAuth2Flow) *connectorv1.SecurityScheme {
	return &connectorv1.SecurityScheme{Id: id, Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: flows}}}
}

// openAPIScheme is a security scheme of OpenAPI.
type openAPIScheme struct {
	Type  string `yaml:"type"`
	Flows map[string]struct {
		AuthorizationURL string         `yaml:"authorizationUrl"`
		TokenURL         string         `yaml:"tokenUrl"`
		RefreshURL       string         `yaml:"refreshUrl"`
		Scopes           map[string]any `yaml:"scopes"`
	} `yaml:"flows"`
}

func TestTheOpenAPIDocumentsOfTheCorpusSignIn(t *testing.T) {
	t.Parallel()
	presets, root := load(t), corpus(t, "openapi3")
	schemes, profiles, byPreset := 0, 0, map[string]int{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte("oauth2")) {
			return err
		}
		var document struct {
			Servers []struct {
				URL string `yaml:"url"`
			} `yaml:"servers"`
			Components struct {
				SecuritySchemes map[string]openAPIScheme `yaml:"securitySchemes"`
			} `yaml:"components"`
		}
		if err := yaml.Unmarshal(text, &document); err != nil {
			t.Logf("%s is left out: %v", entry.Name(), err)
			return nil
		}
		for name, s := range document.Components.SecuritySchemes {
			if s.Type != "oauth2" {
				continue
			}
			schemes++
			c := openAPIConnector(s)
			if len(document.Servers) > 0 {
				c.server = document.Servers[0].URL
			}
			def, set := c.build()
			f, err := presets.Form(def, set)
			if err != nil {
				t.Errorf("%s, %s: no form: %v", path, name, err)
				continue
			}
			p, err := presets.Profile(def, set, madeUp(set, f))
			if err != nil {
				t.Errorf("%s, %s: no profile: %v", path, name, err)
				continue
			}
			profiles++
			byPreset[p.Provider]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if schemes < 40 || byPreset["google"] == 0 || byPreset["aad"] == 0 {
		t.Errorf("%d schemes, by preset %v", schemes, byPreset)
	}
	t.Logf("%d of %d OAuth schemes have a profile; by preset: %v", profiles, schemes, byPreset)
}

// openAPIConnector makes the settings as the importer of OpenAPI does: those of
// the best flow.
func openAPIConnector(s openAPIScheme) connector {
	c := connector{identity: "oauth2", custom: map[string]string{}}
	for _, grant := range []string{"authorizationCode", "clientCredentials", "password", "implicit"} {
		flow, ok := s.Flows[grant]
		if !ok {
			continue
		}
		out := &connectorv1.OAuth2Flow{
			Grant: grant, AuthorizationUrl: flow.AuthorizationURL, TokenUrl: flow.TokenURL, RefreshUrl: flow.RefreshURL,
		}
		c.flows = append(c.flows, out)
		if c.grant != "" {
			continue
		}
		c.grant = grant
		for scope := range flow.Scopes {
			c.scopes = append(c.scopes, scope)
		}
		for name, value := range map[string]string{"authorizationUrl": flow.AuthorizationURL, "tokenUrl": flow.TokenURL, "refreshUrl": flow.RefreshURL} {
			if value != "" {
				c.custom[name] = value
			}
		}
	}
	return c
}

// TestTheGrantsAreThoseOfTheModel keeps the names of grants and those of flows in
// definitions together.
func TestTheGrantsAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]oauth.Grant{
		"authorizationCode": oauth.AuthorizationCode, "clientCredentials": oauth.ClientCredentials, "implicit": oauth.AuthorizationCode,
		"password": oauth.Password, "deviceAuthorization": oauth.DeviceCode,
	} {
		if got := form(t, connector{identity: "oauth2", grant: name}).Grants[0]; got != want {
			t.Errorf("the flow %q becomes the grant %q, want %q", name, got, want)
		}
	}
}
