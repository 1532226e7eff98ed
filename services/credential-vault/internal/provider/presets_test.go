package provider_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// presetCase is what one preset makes of a connector that only names it.
type presetCase struct {
	values    map[string]string
	authorize string
	token     string
	check     func(t *testing.T, p *oauth.Profile)
}

// presetCases has a row for each file.
func presetCases() map[string]presetCase {
	return map[string]presetCase{
		"aad": {
			values:    map[string]string{"token:resourceUri": "https://graph.example"},
			authorize: "https://login.microsoftonline.com/common/oauth2/authorize", token: "https://login.microsoftonline.com/common/oauth2/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "resource when signing in", parameter(p.Authorize, "resource"), "https://graph.example")
				same(t, "resource of tokens", parameter(p.Token, "resource"), "https://graph.example")
			},
		},
		"atlassian": {
			authorize: "https://auth.atlassian.com/authorize", token: "https://auth.atlassian.com/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "audience", parameter(p.Authorize, "audience"), "api.atlassian.com")
				same(t, "prompt", parameter(p.Authorize, "prompt"), "consent")
				same(t, "audience of a token request", parameter(p.Token, "audience"), "")
				same(t, "scopes", p.Scopes, []string{"read:me", "offline_access"})
				same(t, "JSON body", p.JSONBody, true)
			},
		},
		"auth0": {
			values:    map[string]string{"token:domain": "acme.eu.auth0.com", "token:audience": "https://api.acme.example"},
			authorize: "https://acme.eu.auth0.com/authorize", token: "https://acme.eu.auth0.com/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "audience", parameter(p.Authorize, "audience"), "https://api.acme.example")
				same(t, "issuer with its slash", p.Issuer, "https://acme.eu.auth0.com/")
				same(t, "identity", p.Identity.URL, "https://acme.eu.auth0.com/userinfo")
			},
		},
		"azure-devops": {
			values:    map[string]string{"token:tenant": "acme.example"},
			authorize: "https://login.microsoftonline.com/acme.example/oauth2/v2.0/authorize",
			token:     "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "scopes", p.Scopes, []string{"499b84ac-1321-427f-aa17-267ca6975798/.default", "offline_access"})
			},
		},
		"azure-devops-legacy": {
			authorize: "https://app.vssps.visualstudio.com/oauth2/authorize", token: "https://app.vssps.visualstudio.com/oauth2/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "response type", strings.Contains(p.Templates.AuthorizeQuery, "response_type=Assertion"), true)
				same(t, "secret as assertion", strings.Contains(p.Templates.TokenBody, "client_assertion={ClientSecret}"), true)
				same(t, "renewal", strings.Contains(p.Templates.RefreshBody, "assertion={RefreshToken}"), true)
				same(t, "without PKCE", p.WithoutPKCE, true)
			},
		},
		"docusign": {
			values:    map[string]string{"token:LoginUri": "https://account-d.docusign.com"},
			authorize: "https://account-d.docusign.com/oauth/auth", token: "https://account-d.docusign.com/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "client authentication", p.Client.Method, oauth.SecretBasic)
				same(t, "scopes", p.Scopes, []string{"signature", "extended"})
			},
		},
		"dropbox": {
			authorize: "https://www.dropbox.com/oauth2/authorize", token: "https://api.dropboxapi.com/oauth2/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "offline", parameter(p.Authorize, "token_access_type"), "offline")
				same(t, "who is it", p.Identity.Method, "POST")
			},
		},
		"entra": {
			values:    map[string]string{"token:tenantId": "11111111-2222-3333-4444-555555555555"},
			authorize: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/authorize",
			token:     "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "scopes", p.Scopes, []string{"openid", "profile", "email", "offline_access"})
				same(t, "no resource", parameter(p.Authorize, "resource"), "")
			},
		},
		"facebook": {
			authorize: "https://www.facebook.com/v23.0/dialog/oauth", token: "https://graph.facebook.com/v23.0/oauth/access_token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "delimiter", p.ScopeDelimiter, ",")
				same(t, "lifetime where none is told", p.Answer.Lifetime, time.Hour)
			},
		},
		"github": {
			authorize: "https://github.com/login/oauth/authorize", token: "https://github.com/login/oauth/access_token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "asks for JSON", p.TokenHeader, []oauth.Parameter{{Name: "Accept", Value: "application/json"}})
				same(t, "tokens without an end", p.Answer.Lasting, true)
				same(t, "identity", p.Identity.URL, "https://api.github.com/user")
			},
		},
		"gitlab": {
			values:    map[string]string{"token:baseUrl": "https://git.acme.example/gitlab/"},
			authorize: "https://git.acme.example/gitlab/oauth/authorize", token: "https://git.acme.example/gitlab/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "revocation", p.Endpoints.Revocation, "https://git.acme.example/gitlab/oauth/revoke")
				same(t, "lifetime", p.Answer.Lifetime, 2*time.Hour)
			},
		},
		"google": {
			authorize: "https://accounts.google.com/o/oauth2/v2/auth", token: "https://oauth2.googleapis.com/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				want := []oauth.Parameter{
					{Name: "access_type", Value: "offline"}, {Name: "include_granted_scopes", Value: "true"}, {Name: "prompt", Value: "consent"},
				}
				same(t, "parameters", p.Authorize, want)
				same(t, "revocation", p.Endpoints.Revocation, "https://oauth2.googleapis.com/revoke")
				same(t, "issuer", p.Issuer, "https://accounts.google.com")
			},
		},
		"hubspot": {
			values:    map[string]string{"token:optionalScopes": "tickets"},
			authorize: "https://app.hubspot.com/oauth/authorize", token: "https://api.hubapi.com/oauth/v3/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "optional scopes", parameter(p.Authorize, "optional_scope"), "tickets")
				same(t, "lifetime", p.Answer.Lifetime, 30*time.Minute)
			},
		},
		"instagram": {
			authorize: "https://www.instagram.com/oauth/authorize", token: "https://api.instagram.com/oauth/access_token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "delimiter", p.ScopeDelimiter, ",")
			},
		},
		"keycloak": {
			values:    map[string]string{"token:baseUrl": "http://127.0.0.1:8080/auth", "token:realm": "staff"},
			authorize: "http://127.0.0.1:8080/auth/realms/staff/protocol/openid-connect/auth",
			token:     "http://127.0.0.1:8080/auth/realms/staff/protocol/openid-connect/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "issuer", p.Issuer, "http://127.0.0.1:8080/auth/realms/staff")
			},
		},
		"linkedin": {
			authorize: "https://www.linkedin.com/oauth/v2/authorization", token: "https://www.linkedin.com/oauth/v2/accessToken",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "client authentication", p.Client.Method, oauth.SecretPost)
			},
		},
		"notion": {
			authorize: "https://api.notion.com/v1/oauth/authorize", token: "https://api.notion.com/v1/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "client authentication", p.Client.Method, oauth.SecretBasic)
				same(t, "JSON body", p.JSONBody, true)
				same(t, "version", parameter(p.TokenHeader, "Notion-Version"), "2022-06-28")
				same(t, "owner", parameter(p.Authorize, "owner"), "user")
				same(t, "tokens without an end", p.Answer.Lasting, true)
			},
		},
		"okta": {
			values:    map[string]string{"token:domain": "https://acme.okta.com/", "token:authorizationServerId": "aus123"},
			authorize: "https://acme.okta.com/oauth2/aus123/v1/authorize", token: "https://acme.okta.com/oauth2/aus123/v1/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "issuer", p.Issuer, "https://acme.okta.com/oauth2/aus123")
			},
		},
		"okta-org": {
			values:    map[string]string{"token:domain": "acme.okta.com"},
			authorize: "https://acme.okta.com/oauth2/v1/authorize", token: "https://acme.okta.com/oauth2/v1/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "issuer", p.Issuer, "https://acme.okta.com")
			},
		},
		"salesforce": {
			values:    map[string]string{"token:login": "test.salesforce.com"},
			authorize: "https://test.salesforce.com/services/oauth2/authorize", token: "https://test.salesforce.com/services/oauth2/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "scopes", p.Scopes, []string{"api", "refresh_token"})
				same(t, "lifetime", p.Answer.Lifetime, time.Hour)
			},
		},
		"shopify": {
			values:    map[string]string{"token:shop": "https://acme.myshopify.com/"},
			authorize: "https://acme.myshopify.com/admin/oauth/authorize", token: "https://acme.myshopify.com/admin/oauth/access_token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "tokens that end", parameter(p.Token, "expiring"), "1")
				same(t, "header", p.Placement, oauth.Placement{Header: "X-Shopify-Access-Token"})
				same(t, "delimiter", p.ScopeDelimiter, ",")
				same(t, "tokens without an end", p.Answer.Lasting, true)
			},
		},
		"slack": {
			values:    map[string]string{"token:userScopes": "search:read"},
			authorize: "https://slack.com/oauth/v2/authorize", token: "https://slack.com/api/oauth.v2.access",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "scopes of the person", parameter(p.Authorize, "user_scope"), "search:read")
				same(t, "delimiter", p.ScopeDelimiter, ",")
				same(t, "parameter", p.ScopeParameter, "")
			},
		},
		"slack-user": {
			authorize: "https://slack.com/oauth/v2/authorize", token: "https://slack.com/api/oauth.v2.access",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "parameter", p.ScopeParameter, "user_scope")
				same(t, "token", p.Answer.AccessToken, []string{"authed_user", "access_token"})
			},
		},
		"stripe": {
			authorize: "https://connect.stripe.com/oauth/authorize", token: "https://connect.stripe.com/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "scopes", p.Scopes, []string{"read_write"})
				same(t, "without PKCE", p.WithoutPKCE, true)
			},
		},
		"twitter": {
			authorize: "https://x.com/i/oauth2/authorize", token: "https://api.x.com/2/oauth2/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "scopes", p.Scopes, []string{"tweet.read", "users.read", "offline.access"})
				same(t, "without PKCE", p.WithoutPKCE, false)
			},
		},
		"zoom": {
			authorize: "https://zoom.us/oauth/authorize", token: "https://zoom.us/oauth/token",
			check: func(t *testing.T, p *oauth.Profile) {
				t.Helper()
				same(t, "client authentication", p.Client.Method, oauth.SecretBasic)
				same(t, "grant type", parameter(p.Token, "grant_type"), "")
			},
		},
	}
}

// same compares one thing.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestEveryPresetMakesAProfileOfItsName(t *testing.T) {
	t.Parallel()
	cases := presetCases()
	for _, preset := range load(t).All() {
		c, ok := cases[preset.ID]
		if !ok {
			t.Errorf("the preset %q has no row in the table", preset.ID)
			continue
		}
		delete(cases, preset.ID)
		t.Run(preset.ID, func(t *testing.T) {
			t.Parallel()
			p := profile(t, connector{identity: preset.ID}, given(maker(nil), c.values))
			same(t, "provider", p.Provider, preset.ID)
			same(t, "grant", p.Grant, oauth.AuthorizationCode)
			same(t, "authorization URL", p.Endpoints.Authorization, c.authorize)
			same(t, "token URL", p.Endpoints.Token, c.token)
			same(t, "redirect URL", p.RedirectURL, redirect)
			same(t, "secret of the maker", p.Client.Secret.Equal(secret.FromString("maker-secret-not-real")), true)
			c.check(t, p)
		})
	}
	for id := range cases {
		t.Errorf("the table has a row for %q, which is no preset", id)
	}
}

// presetSchema returns the schema of the files.
func presetSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("presets/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("preset.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("preset.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestEveryPresetFitsTheSchema(t *testing.T) {
	t.Parallel()
	schema := presetSchema(t)
	files, err := filepath.Glob("presets/*.yaml")
	if err != nil || len(files) != len(load(t).All()) {
		t.Fatalf("%d files, %d presets, error %v", len(files), len(load(t).All()), err)
	}
	for _, file := range files {
		if err := schema.Validate(instance(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if schema.Validate(map[string]any{"id": "Upper"}) == nil {
		t.Error("the schema accepts anything")
	}
}

// instance reads a preset as the schema sees it.
func instance(t *testing.T, file string) any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return value
}

// needed are the presets and names that connectors rely on.
func TestTheNamesThatConnectorsUseAreKnown(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{
		"aad": "aad", "AADCertificate": "aad", "entra": "entra", "github": "github", "gitlab": "gitlab", "google": "google", "salesforce": "salesforce",
		"SalesforceV2": "salesforce", "dropbox": "dropbox", "slack": "slack", "stripe": "stripe", "atlassian": "atlassian", "hubspot": "hubspot",
		"notion": "notion", "zoom": "zoom", "shopify": "shopify", "DocuSign": "docusign", "facebook": "facebook", "linkedin": "linkedin", "okta": "okta",
		"auth0": "auth0", "keycloak": "keycloak", "azuredevops": "azure-devops", "instagram": "instagram", "twitter": "twitter",
	} {
		if got := form(t, connector{identity: name}).Provider; got != id {
			t.Errorf("%q is the preset %q, want %q", name, got, id)
		}
	}
	for _, name := range []string{"oauth2", "oauth2pkce", "oauth2generic", "oauth2pkcewithprm", "openidconnect", "acme", ""} {
		if got := form(t, connector{identity: name}).Provider; got != "" {
			t.Errorf("%q is the preset %q, want none", name, got)
		}
	}
}

func TestPresetsAreWellMade(t *testing.T) {
	t.Parallel()
	dangerous := []string{"client_id", "client_secret", "redirect_uri", "state", "nonce", "code", "code_challenge", "code_verifier", "refresh_token"}
	for _, p := range load(t).All() {
		settings := map[string]bool{}
		for _, s := range p.Settings {
			settings[s.Name] = true
			if s.Default != "" && len(s.Allowed) > 0 && !slices.Contains(s.Allowed, s.Default) {
				t.Errorf("%s: the default of %q is not allowed", p.ID, s.Name)
			}
		}
		for _, template := range []string{
			p.Endpoints.Authorization, p.Endpoints.Token, p.Endpoints.Refresh, p.Endpoints.Device, p.Endpoints.Revocation, p.Identity.URL, p.Issuer,
		} {
			for _, name := range placeholders(template) {
				if !settings[name] {
					t.Errorf("%s: nobody gives {%s}", p.ID, name)
				}
			}
		}
		for _, list := range append(byGrant(p), p.Parameters.Authorize, p.Parameters.Token, p.Parameters.Refresh) {
			for _, parameter := range list {
				if slices.Contains(dangerous, parameter.Name) {
					t.Errorf("%s: the parameter %q holds a sign-in together", p.ID, parameter.Name)
				}
			}
		}
		if slices.Contains(p.Grants, oauth.DeviceCode) && p.Endpoints.Device == "" {
			t.Errorf("%s: device codes come from nowhere", p.ID)
		}
		if _, err := url.Parse(p.Documentation.Registration); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
}

// byGrant are the parameters of single grants.
func byGrant(p *provider.Preset) [][]oauth.Parameter {
	var lists [][]oauth.Parameter
	for _, list := range p.Parameters.ByGrant {
		lists = append(lists, list)
	}
	return lists
}

// placeholders are the names in braces of a text.
func placeholders(text string) []string {
	var names []string
	for {
		_, after, ok := strings.Cut(text, "{")
		if !ok {
			return names
		}
		name, rest, _ := strings.Cut(after, "}")
		names, text = append(names, name), rest
	}
}

func TestPresetsAreSortedAndThereToStay(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, p := range load(t).All() {
		ids = append(ids, p.ID)
	}
	if !slices.IsSorted(ids) {
		t.Errorf("the presets are not sorted: %v", ids)
	}
	if len(ids) < 24 {
		t.Errorf("there are %d presets only", len(ids))
	}
}
